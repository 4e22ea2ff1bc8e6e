"""Fetch an encoder's pretrained weights into data/weights/."""

from pathlib import Path
from typing import Any

from medley import weights as pretrained
from medley.config import resolve
from medley.errors import InputError
from medley.log import job


def main(encoder: str, weights: str, path: str, config: dict[str, Any]) -> None:
    """Bring the weights to ``path``; where that fails, say how to go on without.

    ``config`` is the configuration as given, and only read for that message.
    """
    try:
        pretrained.download(encoder, weights, Path(path))
    except InputError as error:
        members = pretrained.members_starting_from(resolve(config)["studies"], encoder, weights)
        raise InputError(
            f"{error}\n"
            f"Either put the file there yourself, as {path},\n"
            f"or leave out the members that start from it: `leave_out: [{', '.join(members)}]` in config.yaml"
        ) from None


if "snakemake" in globals():
    with job(snakemake.log[0]):
        # The whole configuration, and not as a parameter: another member must not fetch again.
        main(snakemake.wildcards.encoder, snakemake.wildcards.weights, snakemake.output.weights, snakemake.config)
