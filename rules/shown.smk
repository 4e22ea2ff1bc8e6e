"""What tables and figures take: files of the predictors that a protocol shows, and what is to be known of them."""


def shown(protocol, every_dataset=False):
    """A study as a protocol shows it, on its datasets or on all: what medley.results.study.Study holds."""

    def of(w):
        study = STUDIES[w.study]
        datasets = (study if every_dataset else protocol_of(w.study, protocol))["datasets"]
        made_up = [name for name in datasets if CONFIG["datasets"][name]["source"]["kind"] == "phantom"]
        return {
            "name": w.study,
            "datasets": datasets,
            "phantoms": made_up,
            "predictors": protocol_of(w.study, protocol)["predictors"],
            "members": study["members"],
            "ensembles": study["ensembles"],
            "not_run": study["not_run"],
            "random_start": study["random_start"],
            "remarks": study["remarks"],
            "grid": study["grid"],
        }

    return of


def shown_files(protocol, file):
    """`file` of all predictors that a protocol shows."""
    return lambda w: files_of_predictors(w.study, protocol, plan.shown(CONFIG, w.study, protocol).predictors, file)


def combined_files(file, alone=False):
    """`file` of an ensemble of each label set and its members, or of the first such ensemble alone, first seed."""

    def of(w):
        groups = Study(**shown("audited")(w)).combined()
        names = {groups[0][-1]} if alone else {name for group in groups for name in group}
        chosen = [(kind, name) for kind, name in plan.shown(CONFIG, w.study, "audited").predictors if name in names]
        files = files_of_predictors(w.study, "audited", chosen, file)
        return [path for path in files if f"/seed-{STUDIES[w.study]['seeds'][0]}/" in path]

    return of


def shown_arrays(protocol):
    """The array stores of the members that a protocol shows, themselves or in an ensemble."""

    def of(w):
        datasets, members = protocol_of(w.study, protocol)["datasets"], STUDIES[w.study]["members"]
        recipes = {members[name]["recipe"] for name in plan.members_shown(CONFIG, w.study, protocol)}
        return [f"{RESULTS}/datasets/{name}/arrays/{recipe}" for name in datasets for recipe in sorted(recipes)]

    return of


def split_files(w):
    """The splits that a study uses."""
    return files_of_splits(w.study)


def splits_shown(w):
    """The split of each protocol of a study."""
    return {name: protocol["split"] for name, protocol in STUDIES[w.study]["protocols"].items()}


def said_by(protocol, key):
    """What a protocol says of `key`."""

    def of(w):
        said = protocol_of(w.study, protocol)
        if key not in said:
            raise WorkflowError(f"studies.{w.study}.protocols.{protocol}: this table needs {key!r}; add it")
        return said[key]

    return of


def training_files(file, protocol=None):
    """`file` of every training of a study, or of those that a protocol shows, themselves or in an ensemble."""

    def of(w):
        found = plan.trainings(CONFIG, w.study)
        if protocol:
            on, names = protocol_of(w.study, protocol), plan.members_shown(CONFIG, w.study, protocol)
            found = [t for t in found if t.split == on["split"] and t.dataset in on["datasets"] and t.member in names]
        return [f"{plan.training_folder(RESULTS, w.study, t)}/{file}" for t in found]

    return of


def mapped(w):
    """The name of the member whose activations are shown: the first final_cnn under the as-reported protocol."""
    members, shown_ones = STUDIES[w.study]["members"], plan.members_shown(CONFIG, w.study, "as_reported")
    for name, own in members.items():
        if name in shown_ones and own["architecture"].lower() == "final_cnn":
            return name
    raise WorkflowError(f"studies.{w.study}: activation maps need a member of architecture final_cnn, as reported")


def mapped_member(w):
    return STUDIES[w.study]["members"][mapped(w)]


def mapped_network(w):
    """The first training of that member, and what it was trained on."""
    first = next(t for t in plan.trainings(CONFIG, w.study) if t.member == mapped(w))
    split = protocol_of(w.study, "as_reported")["split"]
    training = plan.Training(first.dataset, split, first.member, 0, STUDIES[w.study]["seeds"][0])
    return {
        "model": f"{plan.training_folder(RESULTS, w.study, training)}/model.safetensors",
        "arrays": f"{RESULTS}/datasets/{first.dataset}/arrays/{mapped_member(w)['recipe']}",
        "split": f"{RESULTS}/{w.study}/{first.dataset}/{split}/split.csv",
        "cases": f"{RESULTS}/datasets/{first.dataset}/cases.csv",
    }


def cases_of_study(w):
    return [f"{RESULTS}/datasets/{name}/cases.csv" for name in STUDIES[w.study]["datasets"]]


def sources_of_study(w):
    """Reader and regions of each dataset of a study."""
    datasets = {name: CONFIG["datasets"][name] for name in STUDIES[w.study]["datasets"]}
    return {name: {key: dataset[key] for key in ("reader", "regions")} for name, dataset in datasets.items()}


def readers_code(*modules):
    """The code digest of `modules` and of the readers of a study's datasets."""

    def of(w):
        readers = {source["reader"] for source in sources_of_study(w).values()}
        return code_digest(*modules, *(f"medley.datasets.{name}" for name in sorted(readers)))

    return of


def protocols_without_vendor(study):
    """The protocols of a study whose split leaves a vendor out of training."""
    splits, protocols = STUDIES[study]["splits"], STUDIES[study]["protocols"]
    found = [name for name, protocol in protocols.items() if "without_vendor" in splits[protocol["split"]]]
    if not found:
        raise WorkflowError(
            f"studies.{study}.protocols: this table or figure needs one whose split says `without_vendor`; add it"
        )
    return found


def vendors_left_out(w):
    """Split → the vendor that it leaves out, of these protocols."""
    splits = [protocol_of(w.study, name)["split"] for name in protocols_without_vendor(w.study)]
    return {split: STUDIES[w.study]["splits"][split]["without_vendor"] for split in splits}


def shown_without_vendor(w):
    """A study as these protocols show it: as the first, with the datasets and predictors of all."""
    of = [shown(name)(w) for name in protocols_without_vendor(w.study)]
    lists = ("datasets", "phantoms", "predictors")
    return of[0] | {key: list(dict.fromkeys(name for study in of for name in study[key])) for key in lists}


def metrics_without_vendor(w):
    """The metrics of these protocols' predictors."""
    return [path for name in protocols_without_vendor(w.study) for path in shown_files(name, "metrics.csv")(w)]


def metrics_of_all_vendors(w):
    """The metrics of the same predictors under the audited protocol, as far as it shows them."""
    names = shown_without_vendor(w)["predictors"]
    chosen = [(kind, name) for kind, name in plan.shown(CONFIG, w.study, "audited").predictors if name in names]
    return files_of_predictors(w.study, "audited", chosen, "metrics.csv")


def audited_tolerance(w):
    return protocol_of(w.study, "audited").get("tolerance")


def postprocessed_files(file, with_members=False):
    """`file` of the ensembles of kind postprocessed that the audited protocol shows, and of the members they correct."""

    def of(w):
        shown_ones, ensembles = plan.shown(CONFIG, w.study, "audited").predictors, STUDIES[w.study]["ensembles"]
        chosen = [(kind, name) for kind, name in shown_ones if ensembles.get(name, {}).get("kind") == "postprocessed"]
        if with_members:
            chosen += [(plan.MEMBERS, member) for _, name in chosen for member in ensembles[name]["members"]]
        return files_of_predictors(w.study, "audited", list(dict.fromkeys(chosen)), file)

    return of
