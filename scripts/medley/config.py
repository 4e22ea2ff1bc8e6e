"""config.yaml: read, checked, and resolved into the effective configuration of a run."""

import fnmatch
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from medley.config_check import check
from medley.config_grid import choices, expand
from medley.config_schema import defaults, in_order
from medley.errors import InputError
from medley.files import whole_file

__all__ = ["check", "missing_folders", "read", "resolve", "weights_file", "write"]

Config = dict[str, Any]

# Networks with five halvings take rows and columns in multiples of this.
SIZE_STEP = 32


class _Loader(yaml.SafeLoader):
    """The safe YAML loader, refusing a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                where = f"{key.start_mark.name}: line {key.start_mark.line + 1}"
                raise InputError(f"{where}: key {key.value!r} stands twice; remove one")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.SafeDumper):
    """The safe YAML writer, writing a list out again wherever it is used."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def read(path: str | os.PathLike[str]) -> Config:
    """Return the mapping in the YAML file ``path``.

    Raises InputError for a missing file, broken YAML, a key that stands twice, and anything but a
    mapping.
    """
    try:
        with Path(path).open(encoding="utf-8") as stream:
            raw = yaml.load(stream, Loader=_Loader)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the configuration file's path") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: this is no YAML ({' '.join(str(error).split())}); correct it there") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this is no text in UTF-8 ({error.reason}); save it as UTF-8") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path}: no keys; write `key: value` lines as in config.yaml")
    return raw


def write(path: str | os.PathLike[str], resolved: Mapping[str, Any]) -> None:
    """Write the effective configuration as YAML, keys in their order, whole or not at all."""
    with whole_file(path) as part:
        text = yaml.dump(dict(resolved), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        part.write_text(text, encoding="utf-8")


def weights_file(encoder: str, weights: str) -> str:
    """Return the path of an encoder's pretrained weights."""
    return f"data/weights/{encoder}/{weights}.safetensors"


def resolve(raw: Mapping[str, Any], exists: Callable[[str], bool] = os.path.exists) -> Config:
    """Return the effective configuration: checked, preset laid over, defaults filled in.

    ``exists`` tells whether a file of pretrained weights is there; it decides only the reason that
    is given for a left-out member. Members that are left out, and ensembles of which no member
    is left, stand in a study's ``not_run`` with that reason. Raises InputError as ``check`` does.
    """
    check(raw)
    laid = _overlay(expand({**defaults(), **raw}))
    datasets = {name: _dataset(name, dataset, laid) for name, dataset in laid["datasets"].items()}
    recipes = {name: _recipe(recipe, laid["image_scale"]) for name, recipe in laid["recipes"].items()}
    studies = {name: _study(name, study, laid, exists) for name, study in laid["studies"].items()}
    sizes = {key: laid[key] for key in ("phantom_cases", "image_scale", "width", "bootstrap", "threads", "leave_out")}
    return {
        "preset": laid["preset"],
        "results": laid["results"],
        "all": laid.get("all", list(studies)),
        **sizes,
        "datasets": datasets,
        "recipes": recipes,
        "studies": studies,
    }


def missing_folders(resolved: Mapping[str, Any], exists: Callable[[str], bool] = os.path.isdir) -> list[str]:
    """Return a line for every dataset whose local folder is not there."""
    return [
        f"datasets.{name}.source.path: no folder {dataset['folder']!r}; give the folder that holds the dataset"
        for name, dataset in resolved["datasets"].items()
        if dataset["source"]["kind"] == "local" and not exists(dataset["folder"])
    ]


def _overlay(config: Config) -> Config:
    """Return ``config`` with its preset laid over it, and the folder of results."""
    preset = config["presets"][config["preset"]]
    for key in ("all", "phantom_cases", "image_scale", "width", "bootstrap"):
        config[key] = preset.get(key, config.get(key))
    if config["all"] is None:
        del config["all"]
    # Both lists hold: what a person leaves out of the full run is left out of the demo too.
    config["leave_out"] = list(dict.fromkeys([*config["leave_out"], *preset.get("leave_out", [])]))
    config["results"] = "results" if config["preset"] == "full" else f"results/{config['preset']}"
    if "source" in preset:
        for dataset in config["datasets"].values():
            dataset["source"] = {"kind": preset["source"]}
    for name, study in config["studies"].items():
        epochs = _sized(config, name, "epochs", preset.get("epochs"))
        study["datasets"] = _sized(config, name, "datasets", study["datasets"])
        protocols = _sized(config, name, "protocols", study["protocols"])
        study["protocols"] = {key: study["protocols"][key] for key in study["protocols"] if key in protocols}
        study["seeds"] = preset.get("seeds", study["seeds"])
        for split in study["splits"].values():
            if "folds" in split:
                split["folds"] = preset.get("folds", split["folds"])
        for member in [study.get("training", {}), *study["members"].values()]:
            if epochs:
                _shorten(member, epochs)
    return config


def _sized(config: Config, study: str, key: str, default: Any) -> Any:
    """Return what the preset says of ``key`` for one study."""
    return config["presets"][config["preset"]].get("studies", {}).get(study, {}).get(key, default)


def _shorten(member: Config, epochs: int) -> None:
    """Give ``member`` as many epochs, its stages their share of them, at least one each."""
    if "stages" not in member:
        member["epochs"] = epochs
        return
    total = sum(stage["epochs"] for stage in member["stages"])
    for stage in member["stages"]:
        stage["epochs"] = max(1, round(epochs * stage["epochs"] / total))


def _dataset(name: str, dataset: Config, config: Config) -> Config:
    source = dataset["source"]
    folders = {
        "download": f"data/download/{name}",
        "phantom": f"{config['results']}/phantom/{name}",
        "local": source.get("path"),
    }
    using = [study for study, value in config["studies"].items() if name in value["datasets"]]
    patients = [_sized(config, study, "phantom_cases", config["phantom_cases"]) for study in using]
    return {
        "reader": dataset["reader"],
        "source": source,
        "folder": folders[source["kind"]],
        "phantom_cases": max(patients, default=config["phantom_cases"]),
        "regions": dataset.get("regions", {}),
        "quality": dataset.get("quality", {}),
        "overrides": dataset.get("overrides"),
    }


def _recipe(recipe: Config, image_scale: float) -> Config:
    filled = in_order("recipe", defaults("recipe") | recipe)
    if image_scale != 1:
        if filled["shape"]:
            rows, columns, slices = filled["shape"]
            filled["shape"] = [_scaled(rows, image_scale), _scaled(columns, image_scale), slices]
        if filled["spacing"]:  # the same field of view in fewer voxels
            *plane, between = filled["spacing"]
            filled["spacing"] = [size and size / image_scale for size in plane] + [between]
        if "resize" in filled:
            filled["resize"] = [_scaled(size, image_scale) for size in filled["resize"]]
    return filled


def _scaled(size: int | None, factor: float) -> int | None:
    """Return ``size`` times ``factor``, down to a multiple of SIZE_STEP, at least one step."""
    return None if size is None else max(1, int(size * factor / SIZE_STEP)) * SIZE_STEP


def _study(name: str, study: Config, config: Config, exists: Callable[[str], bool]) -> Config:
    training, instead = study.get("training", {}), _sized(config, name, "training", {})
    width = _sized(config, name, "width", config["width"])
    members = {
        member: _member(defaults("member") | training | own | instead) | {"width": width}
        for member, own in study["members"].items()
    }
    members = {member: value | _patched(value, config) for member, value in members.items()}
    random_start = {}
    if _sized(config, name, "weights", "kept") is None:
        random_start = {member: value["weights"] for member, value in members.items() if value["weights"]}
        members = {member: value | {"weights": None} for member, value in members.items()}
    reasons = {
        member: _reason(members[member], exists)
        for member in members
        if any(fnmatch.fnmatchcase(f"{name}/{member}", pattern) for pattern in config["leave_out"])
    }
    run = {member: value for member, value in members.items() if member not in reasons}
    ensembles = {key: _ensemble(value, members, run) for key, value in study.get("ensembles", {}).items()}
    for key, value in ensembles.items():
        if not value["members"]:
            reasons[key] = " and ".join(sorted({reasons[member] for member in value["built_without"]}))
    return {
        "datasets": study["datasets"],
        "seeds": study["seeds"],
        "splits": {key: _split(value) for key, value in study["splits"].items()},
        "configured": list(members),
        "grid": {member: chosen for member, chosen in choices(study.get("grid", {})).items() if member in run},
        "members": run,
        "ensembles": {key: value for key, value in ensembles.items() if value["members"]},
        "not_run": reasons,
        "random_start": {member: weights for member, weights in random_start.items() if member in run},
        "remarks": [*study.get("remarks", []), *_instead(config["preset"], instead)],
        "protocols": {
            key: protocol
            | {"datasets": [name for name in study["datasets"] if name in protocol.get("datasets", [name])]}
            for key, protocol in study["protocols"].items()
        },
        "tables": study.get("tables", []),
        "figures": study.get("figures", []),
    }


def _member(member: Config) -> Config:
    """Return ``member`` with its keys in order; the epochs of its stages add up to its own."""
    if "stages" in member:
        member["stages"] = [in_order("stage", stage) for stage in member["stages"]]
        member["epochs"] = sum(stage["epochs"] for stage in member["stages"])
    return in_order("member", member)


def _instead(preset: str, training: Config) -> list[str]:
    """Return the remark, if one is needed, that members are not trained as the study says."""
    said = ", ".join(f"{key} {value}" for key, value in training.items())
    return [f"Preset {preset}: all members have {said} in place of their own."] if said else []


def _patched(member: Config, config: Config) -> Config:
    """Return patch and spacing (mm) of a member of patches at the run's size; its network's stages follow from them."""
    if "patch" not in member:
        return {}
    (rows, columns, *slices), scale = member["patch"], config["image_scale"]
    if scale != 1:
        rows, columns = _scaled(rows, scale), _scaled(columns, scale)
    spacing = _recipe(config["recipes"][member["recipe"]], scale)["spacing"]
    return {"patch": [rows, columns, *slices], "spacing": spacing}


def _reason(member: Config, exists: Callable[[str], bool]) -> str:
    """Return why a left-out member is not run."""
    weights = member["weights"]
    missing = weights is not None and not exists(weights_file(member["encoder"], weights))
    return "weights missing" if missing else "left out"


def _split(split: Config) -> Config:
    kind = {"parts": split["parts"]} if "parts" in split else {"folds": split["folds"]}
    test = {} if "parts" in split and "test" not in split else {"test": split.get("test")}
    common = defaults("split") | split
    special = ("grouped", "labelled", "without_vendor", "keep_test")
    own: Config = {key: split[key] for key in special if key in split}
    return {**kind, "stratify": common["stratify"], **test, **own, "seed": common["seed"]}


def _ensemble(ensemble: Config, members: Config, run: Config) -> Config:
    """Return the ensemble over those of its members that run, weights summing to 1."""
    weights = ensemble.get("weights")
    names = list(weights or ensemble["of"])
    present = [name for name in names if name in run]
    if weights:
        total = sum(weights[name] for name in present)
        # Without weight there is nothing to combine: as good as no member at all.
        present = present if total else []
        weights = {name: weights[name] / total for name in present}
    first = members[names[0]]
    recipes = {members[name]["recipe"] for name in present}
    return {
        "kind": ensemble["kind"],
        **({"k": ensemble["k"]} if "k" in ensemble else {}),
        "members": present,
        "weights": weights,
        "built_without": [name for name in names if name not in run],
        "labels": first["labels"],
        "head": first["head"],
        "recipe": recipes.pop() if len(recipes) == 1 else None,
    }
