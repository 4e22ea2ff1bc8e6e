"""Fetch a dataset from its public source; write the list of its files."""

from pathlib import Path

from medley import manifest
from medley.datasets import reader
from medley.log import job


def main(reader_name: str, manifest_file: str) -> None:
    """Download into the folder of ``manifest_file``, continuing what is there."""
    folder = Path(manifest_file).parent
    folder.mkdir(parents=True, exist_ok=True)
    reader(reader_name).download(folder)
    entries = manifest.describe(folder)
    manifest.check_against_first_download(folder, entries)
    manifest.write(Path(manifest_file), entries)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(snakemake.params.reader, snakemake.output.manifest)
