"""Plot what each stage of final_cnn makes of the test slice with most organs."""

from pathlib import Path
from typing import Any

from medley import activations, splits, store
from medley.cases import read_cases
from medley.figures import activation_maps, style
from medley.figures.overlay_slices import middle_slice
from medley.labels import select
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import training_of
from medley.results.study import Study


def main(
    inputs: dict[str, str], png: str, provenance: str, study: dict[str, Any], member: dict[str, Any], threads: int
) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``.

    ``inputs`` are ``model`` (safetensors), ``arrays`` (the store of its recipe), ``split`` and ``cases``.
    """
    training, arrays = training_of(inputs["model"]), Path(inputs["arrays"])
    index, tests = store.read_index(arrays), splits.read(inputs["split"])[training.fold]["test"]
    case = activation_maps.choose(read_cases(inputs["cases"]), tests, index)
    mask = store.open_mask(arrays, case)
    number = middle_slice(mask > 0)
    image = store.open_image(arrays, case)[:, number]
    truth = {label: select(mask[number], index["labels"][label]) for label in member["labels"]}
    maps = activations.of_stages(member, Path(inputs["model"]), image, threads)
    of = f"stages of {training.member} (fold {training.fold}, seed {training.seed}) on {case}"
    with style.paper():
        style.save(activation_maps.draw(image[0], truth, maps, of, Study(**study)), png)
    read = [inputs["model"], arrays / "index.json", inputs["split"], inputs["cases"]]
    write_provenance(provenance, {"study": study, "member": member}, read)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            {name: snakemake.input[name] for name in ("model", "arrays", "split", "cases")},
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.member,
            snakemake.threads,
        )
