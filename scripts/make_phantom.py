"""Make a dataset's phantoms in the dataset's own layout; write the list of their files."""

from pathlib import Path

from medley import manifest
from medley.datasets import reader
from medley.files import whole_folder
from medley.log import job


def main(reader_name: str, patients: int, scale: float, seed: int, manifest_file: str) -> None:
    """Make ``patients`` phantoms in the folder of ``manifest_file``, in place of any that are there."""
    with whole_folder(Path(manifest_file).parent) as folder:
        reader(reader_name).make_phantom(folder, patients, scale, seed)
        manifest.write(folder / Path(manifest_file).name, manifest.describe(folder))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.params.reader,
            snakemake.params.patients,
            snakemake.params.scale,
            snakemake.params.seed,
            snakemake.output.manifest,
        )
