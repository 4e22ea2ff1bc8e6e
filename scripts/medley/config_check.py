"""What the JSON schema of config.yaml cannot express: names that fit together.

Each function returns lines ``key.path: what is wrong; what would be right``. Values that the schema
refuses are gone from what they get, so every key may be absent.
"""

import fnmatch
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from medley import config_known, registry
from medley.config_known import Known, Options
from medley.config_schema import defaults, foreign_keys, suggestion, violations
from medley.errors import InputError

Config = Mapping[str, Any]

# Names that a study must not have: stages and their targets, rules, and folders beside the studies'. A preset is a
# folder of results as well.
STAGES = "acquire index inspect split preprocess train predict merge ensemble evaluate tabulate plot report"
TARGETS = "all demo ensembles tables figures"
RULES = (
    "download_dataset download_weights make_phantom index_cases inspect_cases split_cases preprocess_cases "
    "train_member predict_member merge_folds build_ensemble evaluate_predictor save_config"
)
FOLDERS = "datasets phantom logs benchmarks"
REFUSED = frozenset(f"{STAGES} {TARGETS} {RULES} {FOLDERS}".split())
RULE_PREFIXES = ("tabulate_", "plot_")

# Encoders of timm by its own names; segmentation-models-pytorch pins no weights for them.
FROM_TIMM = "tu-"

MUST_BE_STATED = ("architecture", "labels", "recipe", "loss", "optimiser", "lr", "batch", "epochs", "keep")


def check(raw: Config, known: Known | None = None) -> None:
    """Raise InputError with a line per problem of the configuration; return None without any.

    ``known`` holds the readers, networks, losses … there are; by default those of this project.
    """
    lines = foreign_keys(raw)
    if not lines:
        lines, sound = violations(raw)
        lines += _problems(sound, known or config_known.known())
        lines += _unstated(sound, refused={line.split(":")[0] for line in lines})
    if lines:
        raise InputError("\n".join(dict.fromkeys(lines)))


def _problems(config: Config, known: Known) -> Iterator[str]:
    yield from _names(config)
    yield from _datasets(config, known)
    yield from _recipes(config)
    yield from _presets(config)
    yield from _narrow(config, known)
    for name, study in config.get("studies", {}).items():
        yield from _study(f"studies.{name}", study, config, known)


def _unknown(path: str, what: str, name: str, choices: Iterable[str]) -> Iterator[str]:
    """Yield a line unless ``name`` is one of ``choices``."""
    if name not in choices:
        yield f"{path}: no {what} {name!r}; {suggestion(name, choices)}"


def _names(config: Config) -> Iterator[str]:
    for name in config.get("studies", {}):
        if name in REFUSED or name in config.get("presets", {}) or name.startswith(RULE_PREFIXES):
            yield f"studies.{name}: {name!r} already names a target, a rule or a folder of results; take another name"
    for name in config.get("presets", {}):
        if name in FOLDERS.split():
            yield f"presets.{name}: {name!r} already names a folder of results; take another name"
    for name in config.get("datasets", {}):
        if name in ("tables", "figures"):
            yield f"datasets.{name}: {name!r} already names a folder of a study's results; take another name"


def _datasets(config: Config, known: Known) -> Iterator[str]:
    for name, dataset in config.get("datasets", {}).items():
        reader = dataset.get("reader")
        if reader is None:
            continue
        yield from _unknown(f"datasets.{name}.reader", "reader", reader, known.readers)
        labels = known.readers.get(reader, {})
        for region, parts in dataset.get("regions", {}).items():
            path = f"datasets.{name}.regions.{region}"
            if region in labels:
                yield f"{path}: {region!r} is already a label of {reader}; take another name"
            for part in parts if labels else ():
                yield from _unknown(path, "label", part, labels)


def _recipes(config: Config) -> Iterator[str]:
    for name, recipe in config.get("recipes", {}).items():
        intensity = recipe.get("intensity")
        if isinstance(intensity, Mapping) and not intensity["percentile"][0] < intensity["percentile"][1]:
            yield f"recipes.{name}.intensity.percentile: {intensity['percentile']} does not rise; write [low, high]"


def _presets(config: Config) -> Iterator[str]:
    presets, studies = config.get("presets", {}), config.get("studies", {})
    if "preset" in config:
        yield from _unknown("preset", "preset", config["preset"], presets)
    members = [f"{study}/{member}" for study, value in studies.items() for member in value.get("members", {})]
    for path, keys in {"": config, **{f"presets.{name}.": preset for name, preset in presets.items()}}.items():
        for study in keys.get("all", []):
            yield from _unknown(f"{path}all", "study", study, studies)
        for pattern in keys.get("leave_out", []):
            if not fnmatch.filter(members, pattern):
                hint = "write study/member" if "/" not in pattern else suggestion(pattern, members)
                yield f"{path}leave_out: {pattern!r} matches no member; {hint}"


def _study(path: str, study: Config, config: Config, known: Known) -> Iterator[str]:
    for dataset in study.get("datasets", []):
        yield from _unknown(f"{path}.datasets", "dataset", dataset, config.get("datasets", {}))
    for name, split in study.get("splits", {}).items():
        parts = split.get("parts", {})
        if len(parts) == 3 and not math.isclose(sum(parts.values()), 1, abs_tol=1e-6):
            yield f"{path}.splits.{name}.parts: the shares sum to {sum(parts.values()):g}; make them sum to 1"
    yield from _members(path, study, config, known)
    yield from _ensembles(path, study)
    yield from _protocols(path, study)
    for key, names in (("tables", known.tables), ("figures", known.figures)):
        for name in study.get(key, []):
            yield from _unknown(f"{path}.{key}", key.removesuffix("s"), name, names)


def _members(path: str, study: Config, config: Config, known: Known) -> Iterator[str]:
    registries = {"loss": known.losses, "optimiser": known.optimisers, "schedule": known.schedules}
    for name, own in {"": study.get("training", {}), **study.get("members", {})}.items():
        where = f"{path}.members.{name}" if name else f"{path}.training"
        for key, names in registries.items():
            if key in own:
                yield from _part(f"{where}.{key}", key, own[key], names)
            for number, stage in enumerate(own.get("stages", [])):
                if key in stage:
                    yield from _part(f"{where}.stages[{number}].{key}", key, stage[key], names)
        if "stages" in own and "epochs" in own:
            yield f"{where}.epochs: its stages say how many; remove it"
        if "recipe" in own:
            yield from _unknown(f"{where}.recipe", "recipe", own["recipe"], config.get("recipes", {}))
        if own.get("encoder") and not own["encoder"].startswith(FROM_TIMM):
            yield from _unknown(f"{where}.encoder", "encoder", own["encoder"], known.encoders)
        if "architecture" in own and own["architecture"].lower() not in known.architectures:
            hint = suggestion(own["architecture"].lower(), known.architectures)
            yield f"{where}.architecture: no architecture {own['architecture']!r}; {hint}"
    for name, own in study.get("members", {}).items():
        where, member = f"{path}.members.{name}", defaults("member") | study.get("training", {}) | own
        yield from _network(where, member, known)
        yield from _weights(f"{where}.weights", member, known)
        yield from _head(f"{where}.loss", member, known)
        yield from _labels(f"{where}.labels", member, study, config, known)


def _part(path: str, what: str, specification: registry.Specification, known: Mapping[str, Options]) -> Iterator[str]:
    """Check a loss, an optimiser or a schedule: its name, and its options."""
    name, options = registry.name_and_options(specification)
    yield from _unknown(path, what, name, known)
    for option in options if name in known else ():
        yield from _unknown(f"{path}.{option}", f"option of {name}", option, known[name])


def _network(path: str, member: Config, known: Known) -> Iterator[str]:
    """Check that a member says of its network what there is to say: its encoder, its options."""
    name, encoder = member.get("architecture", ""), member["encoder"]
    network = known.architectures.get(name.lower())
    if network is None:
        return
    if network.encoder and not encoder and not member["weights"]:
        yield f"{path}.encoder: {name} needs one; write resnet34, or another"
    elif encoder and not network.encoder:
        yield f"{path}.encoder: {name} has none; write null instead of {encoder!r}"
    options = frozenset[str]().union(*(each.options for each in known.architectures.values()))
    for key in sorted((options - network.options) & set(member)):
        yield f"{path}.{key}: {name} takes no {key!r}; remove it"


def _narrow(config: Config, known: Known) -> Iterator[str]:
    """Check that the encoders of the members that run can have the run's width."""
    preset = config.get("presets", {}).get(config.get("preset", ""), {})
    width = preset.get("width", config.get("width", 1))
    left_out = [*config.get("leave_out", []), *preset.get("leave_out", [])]
    for study_name, study in config.get("studies", {}).items() if width != 1 else ():
        for name, own in study.get("members", {}).items():
            encoder = {**defaults("member"), **study.get("training", {}), **own}["encoder"]
            if any(fnmatch.fnmatchcase(f"{study_name}/{name}", pattern) for pattern in left_out):
                continue
            if encoder and not encoder.startswith(known.narrowable):
                yield (
                    f"studies.{study_name}.members.{name}.encoder: {encoder!r} cannot have width {width:g}; take one "
                    f"that begins with {' or '.join(known.narrowable)}, width 1, or list the member in leave_out"
                )


def _head(path: str, member: Config, known: Known) -> Iterator[str]:
    """Check that a member's loss is for its head."""
    loss = registry.name_and_options(member["loss"])[0] if "loss" in member else ""
    heads = known.heads.get(loss, (member["head"],))
    if member["head"] not in heads:
        yield f"{path}: {loss} is not for head {member['head']}; write head: {' or '.join(heads)}"


def _weights(path: str, member: Config, known: Known) -> Iterator[str]:
    """Check that a member's encoder has the pretrained weights from which it starts."""
    encoder, weights = member["encoder"], member["weights"]
    if weights and not encoder:
        yield f"{path}: {weights!r} without an encoder; name the encoder or write null"
    elif weights and encoder.startswith(FROM_TIMM):
        yield f"{path}: no weights {weights!r} of {encoder}; write null"
    elif weights and encoder in known.encoders:
        yield from _unknown(path, f"weights of {encoder}", weights, known.encoders[encoder])


def _unstated(config: Config, refused: set[str]) -> Iterator[str]:
    """Yield a line for every key that a member lacks; ``refused`` are the paths of wrong values."""
    for study_name, study in config.get("studies", {}).items():
        training = f"studies.{study_name}.training"
        for name, own in study.get("members", {}).items():
            where = f"studies.{study_name}.members.{name}"
            stated = {**study.get("training", {}), **own}
            for key in MUST_BE_STATED:
                if key == "epochs" and "stages" in stated:
                    continue  # they say it
                if key not in stated and not {f"{where}.{key}", f"{training}.{key}"} & refused:
                    yield f"{where}: no {key!r}; add it here or under {training}"


def _labels(path: str, member: Config, study: Config, config: Config, known: Known) -> Iterator[str]:
    """Check a member's labels against each dataset of the study."""
    for name in study.get("datasets", []):
        dataset = config.get("datasets", {}).get(name, {})
        values = dict(known.readers.get(dataset.get("reader", ""), {}))
        if not values:
            continue
        for region, parts in dataset.get("regions", {}).items():
            values.setdefault(region, tuple(value for part in parts for value in values.get(part, ())))
        labels = member.get("labels", [])
        for label in labels:
            yield from _unknown(path, f"label of {name}", label, values)
        if member["head"] == "softmax":
            yield from _overlaps(path, {label: values[label] for label in labels if label in values})


def _overlaps(path: str, values: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    names = list(values)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            if set(values[first]) & set(values[second]):
                yield f"{path}: {first!r} and {second!r} overlap, a softmax excludes that; write head: sigmoid"


def _ensembles(path: str, study: Config) -> Iterator[str]:
    members = study.get("members", {})
    for name, ensemble in study.get("ensembles", {}).items():
        where = f"{path}.ensembles.{name}"
        if name in members:
            yield f"{where}: a member has this name too; take another one"
        weights = ensemble.get("weights", {})
        key = "weights" if weights else "of"
        for member in weights or ensemble.get("of", []):
            yield from _unknown(f"{where}.{key}", "member", member, members)
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


def _protocols(path: str, study: Config) -> Iterator[str]:
    names = {**study.get("members", {}), **study.get("ensembles", {})}
    for name, protocol in study.get("protocols", {}).items():
        where = f"{path}.protocols.{name}"
        if "split" in protocol:
            yield from _unknown(f"{where}.split", "split", protocol["split"], study.get("splits", {}))
        for predictor in protocol.get("predictors", []):
            yield from _unknown(f"{where}.predictors", "member or ensemble", predictor, names)
