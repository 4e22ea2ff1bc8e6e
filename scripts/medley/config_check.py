"""What the JSON schema of config.yaml cannot express: names that fit together.

Each function returns lines ``key.path: what is wrong; what would be right``. Values that the schema
refuses are gone from what they get, so every key may be absent.
"""

import fnmatch
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from medley import config_known, config_members
from medley.config_grid import choices, expand
from medley.config_known import Known
from medley.config_schema import defaults, foreign_keys, suggestion, unknown, violations
from medley.errors import InputError

Config = Mapping[str, Any]

# Names that a study must not have: stages and their targets, rules, and folders beside the studies'. A preset is a
# folder of results as well.
STAGES = "acquire index inspect split preprocess train predict merge ensemble evaluate tabulate plot report"
TARGETS = "all demo ensembles tables figures"
RULES = (
    "download_dataset download_weights make_phantom index_cases inspect_cases split_cases preprocess_cases "
    "train_member predict_member predict_patient merge_folds build_ensemble evaluate_predictor save_config"
)
FOLDERS = "datasets phantom logs benchmarks"
REFUSED = frozenset(f"{STAGES} {TARGETS} {RULES} {FOLDERS}".split())
RULE_PREFIXES = ("tabulate_", "plot_")


def check(raw: Config, known: Known | None = None) -> None:
    """Raise InputError with a line per problem of the configuration; return None without any.

    ``known`` holds the readers, networks, losses … there are; by default those of this project.
    """
    lines = foreign_keys(raw)
    if not lines:
        lines, sound = violations(raw)
        lines += _grids(sound)
        sound = expand(sound)
        lines += _problems(sound, known or config_known.known())
        lines += config_members.unstated(sound, refused={line.split(":")[0] for line in lines})
    if lines:
        raise InputError("\n".join(dict.fromkeys(lines)))


def _problems(config: Config, known: Known) -> Iterator[str]:
    yield from _names(config)
    yield from _datasets(config, known)
    yield from _recipes(config)
    yield from _presets(config)
    yield from config_members.narrow(config, known)
    for name, study in config.get("studies", {}).items():
        yield from _study(f"studies.{name}", study, config, known)
        protocols = study.get("protocols", {})
        run = {key: protocols[key] for key in _sized(config, name, "protocols") or protocols if key in protocols}
        yield from _taken(f"studies.{name}", run, _sized(config, name, "datasets") or study.get("datasets", []))


def _names(config: Config) -> Iterator[str]:
    for name in config.get("studies", {}):
        if name in REFUSED or name in config.get("presets", {}) or name.startswith(RULE_PREFIXES):
            yield f"studies.{name}: {name!r} already names a target, a rule or a folder of results; take another name"
    for name in config.get("presets", {}):
        if name in FOLDERS.split():
            yield f"presets.{name}: {name!r} already names a folder of results; take another name"
    for name in config.get("datasets", {}):
        if name in ("tables", "figures", "patients"):
            yield f"datasets.{name}: {name!r} already names a folder of a study's results; take another name"


def _datasets(config: Config, known: Known) -> Iterator[str]:
    for name, dataset in config.get("datasets", {}).items():
        reader = dataset.get("reader")
        if reader is None:
            continue
        yield from unknown(f"datasets.{name}.reader", "reader", reader, known.readers)
        labels = known.readers.get(reader, {})
        for region, parts in dataset.get("regions", {}).items():
            path = f"datasets.{name}.regions.{region}"
            if region in labels:
                yield f"{path}: {region!r} is already a label of {reader}; take another name"
            for part in parts if labels else ():
                yield from unknown(path, "label", part, labels)


def _recipes(config: Config) -> Iterator[str]:
    for name, recipe in config.get("recipes", {}).items():
        intensity = recipe.get("intensity")
        if isinstance(intensity, Mapping) and not intensity["percentile"][0] < intensity["percentile"][1]:
            yield f"recipes.{name}.intensity.percentile: {intensity['percentile']} does not rise; write [low, high]"
        if "clahe" in recipe and intensity not in (None, "minmax"):
            yield f"recipes.{name}.clahe: needs grey values in [0, 1]; write intensity: minmax"
        for key in ("spacing", "shape"):
            if "resize" in recipe and recipe.get(key):
                yield f"recipes.{name}.resize: it says how many voxels; remove it, or {key}"


def _presets(config: Config) -> Iterator[str]:
    presets, studies = config.get("presets", {}), config.get("studies", {})
    if "preset" in config:
        yield from unknown("preset", "preset", config["preset"], presets)
    members = [f"{study}/{member}" for study, value in studies.items() for member in value.get("members", {})]
    for name, preset in presets.items():
        for study, own in preset.get("studies", {}).items():
            yield from unknown(f"presets.{name}.studies", "study", study, studies)
            for protocol in own.get("protocols", []):
                known = studies.get(study, {}).get("protocols", {})
                yield from unknown(f"presets.{name}.studies.{study}.protocols", "protocol", protocol, known)
            path, known = f"presets.{name}.studies.{study}.datasets", studies.get(study, {}).get("datasets", [])
            for dataset in own.get("datasets", []):
                # Another preset than the one that runs may name datasets that a file laid over took from the study.
                if name == config.get("preset"):
                    yield from unknown(path, "dataset of the study", dataset, known)
                else:
                    yield from unknown(path, "dataset", dataset, config.get("datasets", {}))
    for path, keys in {"": config, **{f"presets.{name}.": preset for name, preset in presets.items()}}.items():
        for study in keys.get("all", []):
            yield from unknown(f"{path}all", "study", study, studies)
        for pattern in keys.get("leave_out", []):
            if not fnmatch.filter(members, pattern):
                hint = "write study/member" if "/" not in pattern else suggestion(pattern, members)
                yield f"{path}leave_out: {pattern!r} matches no member; {hint}"


def _sized(config: Config, study: str, key: str) -> Any:
    """Return what the preset that runs says of ``key`` for one study, None where it says nothing."""
    return config.get("presets", {}).get(config.get("preset", ""), {}).get("studies", {}).get(study, {}).get(key)


def _taken(path: str, protocols: Config, datasets: Collection[str]) -> Iterator[str]:
    """Check that of what runs each protocol has one of the ``datasets``, and each of these a protocol."""
    takes = {name: [d for d in datasets if d in protocol.get("datasets", [d])] for name, protocol in protocols.items()}
    for name, taken in takes.items():
        if datasets and not taken:
            yield f"{path}.protocols.{name}.datasets: none of those that run; add one of {', '.join(datasets)}"
    for dataset in datasets if protocols else ():
        if not any(dataset in taken for taken in takes.values()):
            yield f"{path}.datasets: no protocol takes {dataset!r}; add it to the datasets of one, or remove it here"


def _study(path: str, study: Config, config: Config, known: Known) -> Iterator[str]:
    for dataset in study.get("datasets", []):
        yield from unknown(f"{path}.datasets", "dataset", dataset, config.get("datasets", {}))
    for name, split in study.get("splits", {}).items():
        parts = split.get("parts", {})
        if len(parts) >= 2 and not math.isclose(sum(parts.values()), 1, abs_tol=1e-6):
            yield f"{path}.splits.{name}.parts: the shares sum to {sum(parts.values()):g}; make them sum to 1"
        if parts and "test" not in parts and split.get("test") != "official":
            yield f"{path}.splits.{name}: no test part; add its share to parts, or test: official"
        if "keep_test" in split and split.get("test") != "official":
            where = f"{path}.splits.{name}.keep_test"
            yield f"{where}: the test part is not the source's own; remove it, or write test: official"
        if "test" in parts and "test" in split:
            yield f"{path}.splits.{name}.test: parts have a test part; remove one of the two"
    yield from config_members.members(path, study, config, known)
    yield from _ensembles(path, study)
    yield from _protocols(path, study, config)
    yield from _needs(path, study, known)
    for key, names in (("tables", known.tables), ("figures", known.figures)):
        for name in study.get(key, []):
            yield from unknown(f"{path}.{key}", key.removesuffix("s"), name, names)


def _grids(config: Config) -> Iterator[str]:
    """Check that a grid gives each member a name of its own, and that nothing changes what its name says."""
    for name, study in config.get("studies", {}).items():
        grid = study.get("grid", {})
        members, size = choices(grid), math.prod(len(named) for named in grid.values())
        if grid and len(members) < size:
            yield f"studies.{name}.grid: {size} members have {len(members)} names; call some choices otherwise"
        for member, own in study.get("members", {}).items():
            for key in sorted(grid.keys() & own.keys()) if member in members else ():
                yield f"studies.{name}.members.{member}.{key}: the grid says it; remove it, or take another name"


def _ensembles(path: str, study: Config) -> Iterator[str]:
    members = study.get("members", {})
    for name, ensemble in study.get("ensembles", {}).items():
        where = f"{path}.ensembles.{name}"
        if name in members:
            yield f"{where}: a member has this name too; take another one"
        if ensemble.get("kind") == "top_k" and "k" not in ensemble:
            yield f"{where}: no 'k'; write how many members it takes"
        if ensemble.get("kind") == "postprocessed" and len(ensemble.get("of", [])) != 1:
            yield f"{where}.of: kind postprocessed takes one member; write it alone"
        if "k" in ensemble and ensemble.get("kind") != "top_k":
            yield f"{where}.k: only kind top_k takes one; remove it"
        weights = ensemble.get("weights", {})
        key = "weights" if weights else "of"
        for member in weights or ensemble.get("of", []):
            yield from unknown(f"{where}.{key}", "member", member, members)
        for member, weight in weights.items():
            if weight < 0:
                yield f"{where}.weights.{member}: {weight} is negative; write 0 or more"
        if weights and not any(weights.values()):
            yield f"{where}.weights: all are 0; give one member a weight above 0"
        yield from _one_label_set(where, [m for m in weights or ensemble.get("of", []) if m in members], study)


def _one_label_set(path: str, names: list[str], study: Config) -> Iterator[str]:
    """Check that the members of an ensemble have the same labels, in the same order, and head."""
    filled = {name: defaults("member") | study.get("training", {}) | study["members"][name] for name in names}
    kinds = {name: (member.get("labels", []), member["head"]) for name, member in filled.items()}
    for name in names[1:]:
        if kinds[name] != kinds[names[0]]:
            sets = " and ".join(f"{who} has [{', '.join(kinds[who][0])}] ({kinds[who][1]})" for who in (names[0], name))
            yield f"{path}: {sets}; combine members of one label set and head"
            return


def _needs(path: str, study: Config, known: Known) -> Iterator[str]:
    """Check that protocols have what the study's tables need of them."""
    protocols = study.get("protocols", {})
    for table in study.get("tables", []):
        for protocol, keys in known.needs.get(table, {}).items():
            for key in keys:
                if key not in protocols.get(protocol, {}):
                    yield f"{path}.tables: {table} needs protocols.{protocol}.{key}; add it, or remove the table"
    epsilons = {protocol["dice_epsilon"] for protocol in protocols.values() if "dice_epsilon" in protocol}
    if len(epsilons) > 1:
        values = " and ".join(f"{value:g}" for value in sorted(epsilons))
        yield f"{path}.protocols: dice_epsilon is {values}; write the same in all, since tables compare them"


def _protocols(path: str, study: Config, config: Config) -> Iterator[str]:
    names = {**study.get("members", {}), **study.get("ensembles", {})}
    for name, protocol in study.get("protocols", {}).items():
        where = f"{path}.protocols.{name}"
        if "split" in protocol:
            yield from unknown(f"{where}.split", "split", protocol["split"], study.get("splits", {}))
        for dataset in protocol.get("datasets", []):
            yield from unknown(f"{where}.datasets", "dataset", dataset, config.get("datasets", {}))
        for predictor in protocol.get("predictors", []):
            yield from unknown(f"{where}.predictors", "member or ensemble", predictor, names)
