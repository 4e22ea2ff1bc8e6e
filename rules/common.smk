"""What all rules share: the effective configuration, wildcard constraints, input and param functions.

Configuration is read, checked and resolved once, when the workflow is parsed. The functions below are
called for each of thousands of jobs, so they only look things up. For the same reason the rules that make
one job a network have no `message`: formatting them takes a tenth of the time of planning.
"""

import functools
import gc
import sys
import time
from pathlib import Path

import smart_open

STARTED = time.time()

# A plan of thousands of jobs is millions of objects that all live to its end: looking for garbage among
# them takes a fifth of the time of planning (make bench ONLY=planning).
gc.freeze()
gc.set_threshold(50_000, 100, 1000)

# For each job Snakemake parses the address of its script three times, and smart_open makes a new class each
# time: a tenth of the time of planning. An address always means the same.
smart_open.parse_uri = functools.lru_cache(maxsize=1000)(smart_open.parse_uri)

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from medley import models, plan, registry
from medley.config import missing_folders, read, resolve, weights_file
from medley.digest import code_digest
from medley.errors import InputError
from medley.datasets import phantom_module
from medley.results.study import Study

try:
    for path in workflow.configfiles:
        read(path)  # Snakemake's own reader lets a key that stands twice pass
    CONFIG = resolve(config)
except InputError as error:
    raise WorkflowError(f"config.yaml cannot be run:\n{error}")

STUDIES = CONFIG["studies"]
RESULTS = CONFIG["results"]

for name in plan.unused_members(CONFIG):
    logger.warning(f"{name}: no protocol shows this member, so it is not trained; add it to a protocol's predictors")

SPLITS = sorted({name for study in STUDIES.values() for name in study["splits"]})
MOST_FOLDS = max(len(plan.folds(CONFIG, study, split)) for study in STUDIES for split in STUDIES[study]["splits"])
FOLDERS_THERE = {name for name, dataset in CONFIG["datasets"].items() if Path(dataset["folder"]).is_dir()}


wildcard_constraints:
    study="|".join(sorted(STUDIES)),
    dataset="|".join(sorted(CONFIG["datasets"])),
    recipe="|".join(sorted(CONFIG["recipes"])),
    split="|".join(SPLITS),
    member=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    ensemble=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    predictor=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    kind="members|ensembles",
    fold="|".join(str(fold) for fold in range(MOST_FOLDS)),
    seed=r"\d+",


def growing(first):
    """A resource that grows with each attempt: what was not enough the first time is asked for twice."""
    return lambda w, attempt: first * attempt


def manifest(w):
    """The manifest of a dataset's raw files; nothing for a folder that the user named."""
    dataset = CONFIG["datasets"][w.dataset]
    if dataset["source"]["kind"] != "local":
        return f"{dataset['folder']}/manifest.csv"
    if w.dataset not in FOLDERS_THERE:
        # All that are missing at once, so that a user need not come back for each.
        raise WorkflowError("config.yaml cannot be run:\n" + "\n".join(missing_folders(CONFIG)))
    return []


def reader(w):
    return CONFIG["datasets"][w.dataset]["reader"]


def overrides(w):
    """The table of a person's decisions on a dataset's cases, where there is one."""
    table = CONFIG["datasets"][w.dataset]["overrides"]
    return {"overrides": table} if table else {}


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
        raise WorkflowError(f"studies.{w.study}.members: no member {w.member!r} runs ({why_not(w.study, w.member)})")


def why_not(study, name):
    return STUDIES[study]["not_run"].get(name, "it is not in config.yaml")


def arrays_of_member(w):
    return f"{RESULTS}/datasets/{w.dataset}/arrays/{member(w)['recipe']}"


def training_inputs(w):
    """The array store of a member's recipe and, unless it starts at random, its encoder's pretrained weights."""
    chosen = member(w)
    inputs = {"arrays": arrays_of_member(w)}
    if chosen["weights"]:
        inputs["weights"] = weights_file(chosen["encoder"], chosen["weights"])
    return inputs


def training_task(w):
    """All that a training depends on besides its inputs. One function, since each call costs at planning."""
    chosen = member(w)
    named = {registry.module_name("losses", chosen["loss"])}
    if "augmentation" in chosen:
        named.add(registry.module_name("augmentations", chosen["augmentation"]))
    for stage in [chosen, *chosen.get("stages", [])]:
        named |= {registry.module_name(f"{key}s", stage[key]) for key in ("optimiser", "schedule") if key in stage}
    return {
        "member": chosen,
        "threads": CONFIG["threads"],
        "regions": regions(w),
        "code": code_digest(
            "medley.train", "medley.patches", models.module_name(chosen["architecture"]), *sorted(named)
        ),
    }


def prediction_task(w):
    """All that a prediction depends on besides its inputs."""
    chosen = member(w)
    code = code_digest("medley.predict", "medley.probabilities", models.module_name(chosen["architecture"]))
    return {"member": chosen, "threads": CONFIG["threads"], "code": code}


def fold_probabilities(w):
    """The probabilities of all folds of a member."""
    folder = f"{RESULTS}/{w.study}/{w.dataset}/{w.split}/members/{w.member}"
    return [f"{folder}/fold-{fold}/seed-{w.seed}/probabilities" for fold in plan.folds(CONFIG, w.study, w.split)]


def ensemble(w):
    """The specification of an ensemble."""
    try:
        return STUDIES[w.study]["ensembles"][w.ensemble]
    except KeyError:
        reason = why_not(w.study, w.ensemble)
        raise WorkflowError(f"studies.{w.study}.ensembles: no ensemble {w.ensemble!r} runs ({reason})")


def ensemble_members(w):
    """The merged probabilities of an ensemble's members, in its order."""
    folder = f"{RESULTS}/{w.study}/{w.dataset}/{w.split}/members"
    return [f"{folder}/{name}/seed-{w.seed}/probabilities" for name in ensemble(w)["members"]]


def ensemble_code(w):
    return code_digest(
        "medley.ensembles",
        registry.module_name("ensembles", ensemble(w)["kind"]),
        f"medley.datasets.{reader(w)}",
    )


def predictor(w):
    """The specification of a predictor, member or ensemble."""
    try:
        return STUDIES[w.study][w.kind][w.predictor]
    except KeyError:
        raise WorkflowError(f"studies.{w.study}.{w.kind}: no {w.predictor!r} runs ({why_not(w.study, w.predictor)})")


def evaluation_task(w):
    """How a predictor is judged; the recipe (None where members differ), batches and epsilon are those of as-reported
    metrics.

    The tolerance of the normalised surface distance (mm) is the audited protocol's.
    """
    recipe = predictor(w)["recipe"]
    said = functools.partial(plan.said, CONFIG, w.study, w.split, w.predictor)
    return {
        "reader": reader(w),
        "regions": regions(w),
        "tolerance": STUDIES[w.study]["protocols"].get("audited", {}).get("tolerance"),
        "recipe": None if recipe is None else CONFIG["recipes"][recipe],
        **{key: said(key) for key in ("batches", "dice_epsilon")},
        "scans": said("score") is not None,
        "code": code_digest("medley.evaluate", f"medley.datasets.{reader(w)}"),
    }


def protocol_of(study, name):
    try:
        return STUDIES[study]["protocols"][name]
    except KeyError:
        raise WorkflowError(f"studies.{study}.protocols: this table or figure needs a protocol {name!r}")


def files_of_predictors(study, protocol, predictors, file):
    """`file` of predictors (kind, name) on a protocol's split, for every dataset of it and seed."""
    of = protocol_of(study, protocol)
    return [
        f"{RESULTS}/{study}/{dataset}/{of['split']}/{kind}/{name}/seed-{seed}/{file}"
        for dataset in of["datasets"]
        for kind, name in predictors
        for seed in STUDIES[study]["seeds"]
    ]


def files_of_splits(study):
    return [
        f"{RESULTS}/{study}/{dataset}/{split}/split.csv"
        for dataset in STUDIES[study]["datasets"]
        for split in plan.splits_of(CONFIG, study, dataset)
    ]


def datasets_run():
    """The datasets of the studies that `all` makes."""
    return sorted({dataset for study in CONFIG["all"] for dataset in STUDIES[study]["datasets"]})


def manifests_run():
    """The manifests of their raw files, but for folders that the user named."""
    datasets = {name: CONFIG["datasets"][name] for name in datasets_run()}
    return [f"{d['folder']}/manifest.csv" for d in datasets.values() if d["source"]["kind"] != "local"]


def splits_run():
    return [path for study in CONFIG["all"] for path in files_of_splits(study)]


def arrays_run():
    """The array stores that trainings read."""
    return sorted(
        {
            f"{RESULTS}/datasets/{training.dataset}/arrays/{STUDIES[study]['members'][training.member]['recipe']}"
            for study in CONFIG["all"]
            for training in plan.trainings(CONFIG, study)
        }
    )


def trainings_run(file):
    """`file` of every network to train."""
    return [
        f"{plan.training_folder(RESULTS, study, training)}/{file}"
        for study in CONFIG["all"]
        for training in plan.trainings(CONFIG, study)
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
    return [f"{RESULTS}/{study}/tables/{table}.csv" for table in STUDIES[study]["tables"]] + [
        f"{RESULTS}/{study}/figures/{figure}.png" for figure in STUDIES[study]["figures"]
    ]
