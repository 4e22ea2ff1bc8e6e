"""Plot mean Dice against the seconds of training, from the tables audited and cost."""

from typing import Any

from medley.figures import dice_cost, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_csv
from medley.results.study import Study


def main(audited: str, cost: str, png: str, provenance: str, study: dict[str, Any], split: str) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    shown = Study(**study)
    dice = read_csv(audited, floats=("dice", "dice_low", "dice_high"), integers=("judged",))
    points = dice_cost.points(dice, read_csv(cost, floats=("train_seconds",)), split, shown)
    with style.paper():
        style.save(dice_cost.draw(points, shown), png)
    write_provenance(provenance, {"study": study, "split": split}, [audited, cost])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.audited,
            snakemake.input.cost,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.split,
        )
