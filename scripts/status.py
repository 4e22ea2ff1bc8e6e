"""Say how far the trainings are: `make status`. Reads files alone; the run itself may be on another machine."""

import sys
from pathlib import Path

from medley import status
from medley.config import read, resolve
from medley.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def main(preset: str) -> None:
    """Print the progress of every study that `all` makes under ``preset``."""
    config = resolve(read(ROOT / "config.yaml") | {"preset": preset})
    for study in config["all"]:
        print("\n".join(status.lines(study, status.of_study(config, study))))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except InputError as error:
        sys.exit(f"config.yaml cannot be read:\n{error}")
