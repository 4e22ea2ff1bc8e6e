"""Plot Dice by vendor left out of training and vendor tested, from the table vendors."""

from typing import Any

from medley.figures import style, vendor_matrix
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_csv
from medley.results.study import Study


def main(vendors: str, png: str, provenance: str, study: dict[str, Any]) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    shown = Study(**study)
    rows = read_csv(vendors, floats=vendor_matrix.DICE, integers=vendor_matrix.COUNTS)
    with style.paper():
        style.save(vendor_matrix.draw(vendor_matrix.squares(rows, shown), shown), png)
    write_provenance(provenance, {"study": study}, [vendors])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.vendors,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
        )
