"""Images predicted straight from files, by the first member that a study shows as reported: its networks and cases."""


def leading(study):
    """The first of the members that the as-reported protocol shows and that run."""
    protocol_of(study, "as_reported")
    for kind, name in plan.shown(CONFIG, study, "as_reported").predictors:
        if kind == plan.MEMBERS:
            return name
    raise WorkflowError(f"studies.{study}.protocols.as_reported: shows no member that runs; add one")


def leading_files(file):
    """`file` of that member on every dataset of the protocol, first seed."""

    def of(w):
        files = files_of_predictors(w.study, "as_reported", [(plan.MEMBERS, leading(w.study))], file)
        return [path for path in files if f"/seed-{STUDIES[w.study]['seeds'][0]}/" in path]

    return of


def leading_networks(study, dataset):
    """That member's networks of all folds, first seed."""
    split, seed = protocol_of(study, "as_reported")["split"], STUDIES[study]["seeds"][0]
    found = [plan.Training(dataset, split, leading(study), fold, seed) for fold in plan.folds(CONFIG, study, split)]
    return [f"{plan.training_folder(RESULTS, study, training)}/model.safetensors" for training in found]


def leading_task(*modules):
    """What a job depends on that prepares images straight from files as that member does, besides its inputs."""

    def of(w):
        chosen = STUDIES[w.study]["members"][leading(w.study)]
        datasets = protocol_of(w.study, "as_reported")["datasets"]
        readers = {name: CONFIG["datasets"][name]["reader"] for name in datasets}
        named = [models.module_name(chosen["architecture"]), *(f"medley.datasets.{name}" for name in readers.values())]
        return {
            "study": shown("as_reported")(w),
            "name": leading(w.study),
            "member": chosen,
            "recipe": CONFIG["recipes"][chosen["recipe"]],
            "readers": readers,
            "threads": CONFIG["threads"],
            "code": code_digest(*modules, *named),
        }

    return of


def split_and_cases(study, dataset):
    split = protocol_of(study, "as_reported")["split"]
    return {
        "split": f"{RESULTS}/{study}/{dataset}/{split}/split.csv",
        "cases": f"{RESULTS}/datasets/{dataset}/cases.csv",
    }


def cine_inputs(view):
    """Fold 0's network of that member, and its cases, of the dataset whose reader is of a view (sa, la)."""

    def of(w):
        for dataset in protocol_of(w.study, "as_reported")["datasets"]:
            if CONFIG["datasets"][dataset]["reader"].endswith(f"_{view}"):
                return {"model": leading_networks(w.study, dataset)[0], **split_and_cases(w.study, dataset)}
        raise WorkflowError(f"studies.{w.study}: no dataset's reader is of view {view}; leave cine_{view} out")

    return of


@functools.cache
def takes_patients(study):
    """Whether the readers of a study take the folder of one new patient."""
    folder = Path(workflow.basedir) / "scripts" / "medley" / "datasets"
    readers = {CONFIG["datasets"][name]["reader"] for name in STUDIES[study]["datasets"]}
    return all("\ndef subject_cases(" in (folder / f"{name}.py").read_text(encoding="utf-8") for name in readers)


def patient_inputs(w):
    """The networks by dataset, and a new patient's images; the table of cases and the split for the patient `test`."""
    if not takes_patients(w.study):
        raise WorkflowError(f"studies.{w.study}: its readers take no single patients")
    datasets = protocol_of(w.study, "as_reported")["datasets"]
    networks = {name: leading_networks(w.study, name) for name in datasets}
    if w.patient == "test":
        if Path("data/patients/test").exists():
            raise WorkflowError("data/patients/test: `test` is the first patient of the test part; give another name")
        return networks | split_and_cases(w.study, datasets[0])
    if not (images := sorted(str(path) for path in Path("data/patients", w.patient).glob("*.nii.gz"))):
        what = f"data/patients/{w.patient}: no images ({w.patient}_SA_ED.nii.gz)"
        raise WorkflowError(f"{what}; put the patient's folder there, or a link to it")
    return networks | {"images": images}


def timed_patient(w):
    """The patient whose seconds are in the cost table, where the readers of a study take single ones."""
    return [f"{RESULTS}/{w.study}/patients/test"] if takes_patients(w.study) else []
