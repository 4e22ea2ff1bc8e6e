"""What ensembles of kind ``postprocessed`` chose, and what that did to their member's predictions."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from medley.files import read_json
from medley.results.read import File, predictor_of
from medley.results.study import Study

KIND = "postprocessed"


class Choice(NamedTuple):
    """Of which dataset, ensemble and seed a choice is."""

    dataset: str
    predictor: str
    seed: int


def read_choices(paths: Iterable[File]) -> dict[Choice, Mapping[str, Any]]:
    """Return the files ``{dataset}/{split}/ensembles/{ensemble}/seed-{seed}/run.json``, sorted."""
    found = {
        Choice(*predictor_of(path), int(Path(path).parent.name.removeprefix("seed-"))): read_json(path)
        for path in paths
    }
    return dict(sorted(found.items()))


def postprocessed(study: Study) -> dict[str, str]:
    """Return the shown ensembles of this kind that run, each with its member."""
    return {name: study.members_of(name)[0] for name in study.run if study.kind(name) == KIND}
