"""What all rules share: the effective configuration, wildcard constraints, input and param functions.

Configuration is read, checked and resolved once, when the workflow is parsed. The functions below are
called for each of thousands of jobs, so they only look things up.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from medley import ensembles, losses, models, plan
from medley.config import read, resolve, weights_file
from medley.digest import code_digest
from medley.errors import InputError

try:
    for path in workflow.configfiles:
        read(path)  # Snakemake's own reader lets a key that stands twice pass
    CONFIG = resolve(config)
except InputError as error:
    raise WorkflowError(f"config.yaml cannot be run:\n{error}")

STUDIES = CONFIG["studies"]
RESULTS = CONFIG["results"]


wildcard_constraints:
    study="|".join(sorted(STUDIES)),
    dataset="|".join(sorted(CONFIG["datasets"])),
    recipe="|".join(sorted(CONFIG["recipes"])),
    split=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    member=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    ensemble=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    predictor=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    kind="members|ensembles",
    fold=r"\d+",
    seed=r"\d+",


def manifest(w):
    """The manifest of a dataset's raw files; nothing for a folder that the user named."""
    dataset = CONFIG["datasets"][w.dataset]
    return (
        []
        if dataset["source"]["kind"] == "local"
        else f"{dataset['folder']}/manifest.csv"
    )


def reader(w):
    return CONFIG["datasets"][w.dataset]["reader"]


def regions(w):
    return CONFIG["datasets"][w.dataset]["regions"]


def reader_code(*modules):
    """The code digest of `modules` and of the dataset's reader."""
    return lambda w: code_digest(*modules, f"medley.datasets.{reader(w)}")


def member(w):
    """The complete training specification of a member."""
    try:
        return STUDIES[w.study]["members"][w.member]
    except KeyError:
        raise WorkflowError(
            f"studies.{w.study}.members: no member {w.member!r} runs ({why_not(w.study, w.member)})"
        )


def why_not(study, name):
    return STUDIES[study]["not_run"].get(name, "it is not in config.yaml")


def arrays_of_member(w):
    return f"{RESULTS}/datasets/{w.dataset}/arrays/{member(w)['recipe']}"


def weights_of_member(w):
    """The encoder's pretrained weights, as input `weights`; nothing for a random start."""
    chosen = member(w)
    return (
        {"weights": weights_file(chosen["encoder"], chosen["weights"])}
        if chosen["weights"]
        else {}
    )


def training_code(w):
    chosen = member(w)
    return code_digest(
        "medley.train",
        models.module_name(chosen["architecture"]),
        losses.module_name(chosen["loss"]),
    )


def prediction_code(w):
    return code_digest("medley.predict", models.module_name(member(w)["architecture"]))


def fold_probabilities(w):
    """The probabilities of all folds of a member."""
    folder = f"{RESULTS}/{w.study}/{w.dataset}/{w.split}/members/{w.member}"
    return [
        f"{folder}/fold-{fold}/seed-{w.seed}/probabilities"
        for fold in plan.folds(CONFIG, w.study, w.split)
    ]


def ensemble(w):
    """The specification of an ensemble."""
    try:
        return STUDIES[w.study]["ensembles"][w.ensemble]
    except KeyError:
        reason = why_not(w.study, w.ensemble)
        raise WorkflowError(
            f"studies.{w.study}.ensembles: no ensemble {w.ensemble!r} runs ({reason})"
        )


def ensemble_members(w):
    """The merged probabilities of an ensemble's members, in its order."""
    folder = f"{RESULTS}/{w.study}/{w.dataset}/{w.split}/members"
    return [
        f"{folder}/{name}/seed-{w.seed}/probabilities"
        for name in ensemble(w)["members"]
    ]


def ensemble_code(w):
    return code_digest(
        "medley.ensembles",
        ensembles.module_name(ensemble(w)["kind"]),
        f"medley.datasets.{reader(w)}",
    )


def datasets_run():
    """The datasets of the studies that `all` makes."""
    return sorted(
        {dataset for study in CONFIG["all"] for dataset in STUDIES[study]["datasets"]}
    )


def manifests_run():
    """The manifests of their raw files, but for folders that the user named."""
    datasets = {name: CONFIG["datasets"][name] for name in datasets_run()}
    return [
        f"{d['folder']}/manifest.csv"
        for d in datasets.values()
        if d["source"]["kind"] != "local"
    ]


def splits_run():
    return [
        f"{RESULTS}/{study}/{dataset}/{split}/split.csv"
        for study in CONFIG["all"]
        for dataset in STUDIES[study]["datasets"]
        for split in plan.splits_of(CONFIG, study)
    ]


def arrays_run():
    """The array stores of all recipes that a member of a study uses."""
    return sorted(
        {
            f"{RESULTS}/datasets/{dataset}/arrays/{chosen['recipe']}"
            for study in CONFIG["all"]
            for dataset in STUDIES[study]["datasets"]
            for chosen in STUDIES[study]["members"].values()
        }
    )


def trainings_run(file):
    """`file` of every network to train."""
    return [
        f"{RESULTS}/{study}/{t.dataset}/{t.split}/members/{t.member}/fold-{t.fold}/seed-{t.seed}/{file}"
        for study in CONFIG["all"]
        for t in plan.trainings(CONFIG, study)
    ]


def evaluations_run(file, kinds=("members", "ensembles")):
    """`file` of every predictor to judge, of the kinds wanted."""
    return [
        f"{RESULTS}/{study}/{e.dataset}/{e.split}/{e.kind}/{e.predictor}/seed-{e.seed}/{file}"
        for study in CONFIG["all"]
        for e in plan.evaluations(CONFIG, study)
        if e.kind in kinds
    ]


def products(study):
    """Everything that a study makes: its tables and figures."""
    return [
        f"{RESULTS}/{study}/tables/{table}.csv" for table in STUDIES[study]["tables"]
    ] + [
        f"{RESULTS}/{study}/figures/{figure}.png"
        for figure in STUDIES[study]["figures"]
    ]
