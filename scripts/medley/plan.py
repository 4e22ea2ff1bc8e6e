"""What is to be made: pure functions over the resolved configuration (see medley.config.resolve).

A member is trained on the split and the datasets of every protocol that shows it, itself or through an ensemble.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

Config = Mapping[str, Any]

MEMBERS = "members"
ENSEMBLES = "ensembles"


class Training(NamedTuple):
    """One network to train."""

    dataset: str
    split: str
    member: str
    fold: int
    seed: int


def training_folder(results: str, study: str, training: Training) -> str:
    """Return the folder of a network's outputs."""
    dataset, split, member, fold, seed = training
    return f"{results}/{study}/{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}"


class Evaluation(NamedTuple):
    """One predictor to judge; ``kind`` is members or ensembles."""

    dataset: str
    split: str
    kind: str
    predictor: str
    seed: int


class Shown(NamedTuple):
    """The predictors of a protocol in configured order: those that run, and why others do not."""

    predictors: list[tuple[str, str]]  # kind, name
    not_run: dict[str, str]  # name -> reason


def folds(config: Config, study: str, split: str) -> list[int]:
    """Return the folds of a split: 0 alone for a single split."""
    return list(range(config["studies"][study]["splits"][split].get("folds", 1)))


def splits_of(config: Config, study: str, dataset: str) -> list[str]:
    """Return the splits that a protocol uses on ``dataset``, in configured order."""
    splits = config["studies"][study]["splits"]
    return [split for split in splits if protocols_on(config, study, dataset, split)]


def protocols_on(config: Config, study: str, dataset: str, split: str) -> list[str]:
    """Return the protocols that use ``split`` of ``dataset``, in configured order."""
    return [
        name
        for name, protocol in config["studies"][study]["protocols"].items()
        if protocol["split"] == split and dataset in protocol["datasets"]
    ]


def kind(config: Config, study: str, predictor: str) -> str:
    """Return members or ensembles; raises KeyError for a predictor that is not run."""
    for name in (MEMBERS, ENSEMBLES):
        if predictor in config["studies"][study][name]:
            return name
    raise KeyError(predictor)


def predictors(config: Config, study: str, dataset: str, split: str) -> list[tuple[str, str]]:
    """Return (kind, name) of the predictors that run and are shown on ``split`` of ``dataset``, each once."""
    found = {
        predictor: None
        for name in protocols_on(config, study, dataset, split)
        for predictor in shown(config, study, name).predictors
    }
    return list(found)


def shown(config: Config, study: str, protocol: str) -> Shown:
    """Return the predictors of a protocol that run, and the reasons of those that do not."""
    reasons = config["studies"][study]["not_run"]
    names = config["studies"][study]["protocols"][protocol]["predictors"]
    run = [(kind(config, study, name), name) for name in names if name not in reasons]
    return Shown(run, {name: reasons[name] for name in names if name in reasons})


def members_shown(config: Config, study: str, protocol: str) -> set[str]:
    """Return the members that a protocol shows, themselves or in an ensemble."""
    ensembles = config["studies"][study][ENSEMBLES]
    return {
        member
        for group, name in shown(config, study, protocol).predictors
        for member in ([name] if group == MEMBERS else ensembles[name]["members"])
    }


def members(config: Config, study: str, dataset: str, split: str) -> list[str]:
    """Return the members needed on ``split`` of ``dataset``, themselves or in an ensemble, in configured order."""
    protocols = protocols_on(config, study, dataset, split)
    needed = {member for name in protocols for member in members_shown(config, study, name)}
    return [member for member in config["studies"][study][MEMBERS] if member in needed]


def trainings(config: Config, study: str) -> list[Training]:
    """Return every network that the study needs."""
    return [
        Training(dataset, split, member, fold, seed)
        for dataset in config["studies"][study]["datasets"]
        for split in splits_of(config, study, dataset)
        for member in members(config, study, dataset, split)
        for fold in folds(config, study, split)
        for seed in config["studies"][study]["seeds"]
    ]


def evaluations(config: Config, study: str) -> list[Evaluation]:
    """Return every predictor to judge, on every split that a protocol shows it on."""
    return [
        Evaluation(dataset, split, group, name, seed)
        for dataset in config["studies"][study]["datasets"]
        for split in splits_of(config, study, dataset)
        for group, name in predictors(config, study, dataset, split)
        for seed in config["studies"][study]["seeds"]
    ]


def said(config: Config, study: str, split: str, predictor: str, key: str) -> Any:
    """Return the ``key`` of the first protocol that has one and shows ``predictor`` on ``split``, None without one."""
    for protocol in config["studies"][study]["protocols"].values():
        if protocol["split"] == split and predictor in protocol["predictors"] and key in protocol:
            return protocol[key]
    return None


def unused_members(config: Config) -> list[str]:
    """Return ``study/member`` of every member that no protocol shows, itself or in an ensemble: nothing trains it."""
    used = {
        (study, member)
        for study in config["studies"]
        for protocol in config["studies"][study]["protocols"]
        for member in members_shown(config, study, protocol)
    }
    return [
        f"{study}/{member}"
        for study, value in config["studies"].items()
        for member in value[MEMBERS]
        if (study, member) not in used
    ]
