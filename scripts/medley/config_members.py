"""What the JSON schema of config.yaml cannot express of members: names, networks, losses, labels that fit together.

Each function returns lines as those of ``config_check`` do, and gets what that gets.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

from medley import registry, topology
from medley.config_known import Known, Options
from medley.config_schema import defaults, suggestion, unknown
from medley.errors import InputError

Config = Mapping[str, Any]

# Encoders of timm by its own names; segmentation-models-pytorch pins no weights for them.
FROM_TIMM = "tu-"

PLANNED = "generic_unet"  # the network that is planned from its patch
MUST_BE_STATED = ("architecture", "labels", "recipe", "loss", "optimiser", "lr", "batch", "epochs", "keep")


def members(path: str, study: Config, config: Config, known: Known) -> Iterator[str]:
    """Check what a study says of its members, at ``path`` of the configuration."""
    registries = {
        "augmentation": known.augmentations,
        "loss": known.losses,
        "optimiser": known.optimisers,
        "schedule": known.schedules,
    }
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
        if "stages" in own and "stop" in own:
            yield f"{where}.stop: a training in stages has all its epochs; remove it, or stages"
        if "recipe" in own:
            yield from unknown(f"{where}.recipe", "recipe", own["recipe"], config.get("recipes", {}))
        if own.get("encoder") and not own["encoder"].startswith(FROM_TIMM):
            yield from unknown(f"{where}.encoder", "encoder", own["encoder"], known.encoders)
        if "architecture" in own and own["architecture"].lower() not in known.architectures:
            hint = suggestion(own["architecture"].lower(), known.architectures)
            yield f"{where}.architecture: no architecture {own['architecture']!r}; {hint}"
    for name, own in study.get("members", {}).items():
        where, member = f"{path}.members.{name}", defaults("member") | study.get("training", {}) | own
        yield from _network(where, member, known)
        yield from _patch(where, member, config)
        yield from _weights(f"{where}.weights", member, known)
        yield from _head(f"{where}.loss", member, known)
        yield from _intensity(f"{where}.augmentation", member, config, known)
        yield from _labels(f"{where}.labels", member, study, config, known)


def narrow(config: Config, known: Known) -> Iterator[str]:
    """Check that the encoders of the members that run can have the run's width."""
    preset = config.get("presets", {}).get(config.get("preset", ""), {})
    left_out = [*config.get("leave_out", []), *preset.get("leave_out", [])]
    for study_name, study in config.get("studies", {}).items():
        sizes = preset | preset.get("studies", {}).get(study_name, {})
        width = sizes.get("width", config.get("width", 1))
        for name, own in study.get("members", {}).items() if width != 1 else ():
            encoder = {**defaults("member"), **study.get("training", {}), **own}["encoder"]
            if any(fnmatch.fnmatchcase(f"{study_name}/{name}", pattern) for pattern in left_out):
                continue
            if encoder and not encoder.startswith(known.narrowable):
                yield (
                    f"studies.{study_name}.members.{name}.encoder: {encoder!r} cannot have width {width:g}; take one "
                    f"that begins with {' or '.join(known.narrowable)}, width 1, or list the member in leave_out"
                )


def unstated(config: Config, refused: set[str]) -> Iterator[str]:
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


def _part(path: str, what: str, specification: registry.Specification, known: Mapping[str, Options]) -> Iterator[str]:
    """Check a loss, an optimiser or a schedule: its name, and its options."""
    name, options = registry.name_and_options(specification)
    yield from unknown(path, what, name, known)
    for option in options if name in known else ():
        yield from unknown(f"{path}.{option}", f"option of {name}", option, known[name])


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


def _patch(path: str, member: Config, config: Config) -> Iterator[str]:
    """Check that a member of patches says what they are, and that its network can be planned for them."""
    if "patch" not in member:
        if member.get("architecture", "").lower() == PLANNED:
            yield f"{path}: no 'patch'; add it ([rows, columns] or [rows, columns, slices]): its stages follow from it"
        for key in ("patches", "foreground"):
            if key in member:
                yield f"{path}.{key}: it has no `patch`; add that, or remove it"
        return
    for key in ("patches", "foreground"):
        if key not in member:
            yield f"{path}: no {key!r}; add it beside `patch`"
    if "sampling" in member:
        yield f"{path}.sampling: patches are drawn by `foreground`; remove it"
    recipe = config.get("recipes", {}).get(member.get("recipe", ""), {})
    try:
        topology.of_member({"recipe": "", **member, "spacing": recipe.get("spacing")})
    except InputError as error:
        yield f"{path}.patch: {error}"


def _head(path: str, member: Config, known: Known) -> Iterator[str]:
    """Check that a member's loss, and its prior, are for its head."""
    if "prior" in member and member["head"] != "sigmoid":
        where = f"{path.removesuffix('loss')}prior"
        yield f"{where}: only a sigmoid head starts from one; remove it, or write head: sigmoid"
    loss = registry.name_and_options(member["loss"])[0] if "loss" in member else ""
    heads = known.heads.get(loss, (member["head"],))
    if member["head"] not in heads:
        yield f"{path}: {loss} is not for head {member['head']}; write head: {' or '.join(heads)}"


def _intensity(path: str, member: Config, config: Config, known: Known) -> Iterator[str]:
    """Check that a member's augmentation is for the grey values that its recipe makes."""
    augmentation = registry.name_and_options(member["augmentation"])[0] if "augmentation" in member else ""
    recipe = config.get("recipes", {}).get(member.get("recipe"), {})
    if augmentation not in known.intensities or "intensity" not in recipe:
        return
    intensity, wanted = recipe["intensity"], known.intensities[augmentation]
    intensity = intensity if isinstance(intensity, str) else next(iter(intensity))
    if intensity not in wanted:
        hint = f"take a recipe with intensity {' or '.join(wanted)}"
        yield f"{path}: {augmentation} is not for intensity {intensity} ({member['recipe']}); {hint}"


def _weights(path: str, member: Config, known: Known) -> Iterator[str]:
    """Check that a member's encoder has the pretrained weights from which it starts."""
    encoder, weights = member["encoder"], member["weights"]
    if weights and not encoder:
        yield f"{path}: {weights!r} without an encoder; name the encoder or write null"
    elif weights and encoder.startswith(FROM_TIMM):
        yield f"{path}: no weights {weights!r} of {encoder}; write null"
    elif weights and encoder in known.encoders:
        yield from unknown(path, f"weights of {encoder}", weights, known.encoders[encoder])


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
            yield from unknown(path, f"label of {name}", label, values)
        if member["head"] == "softmax":
            yield from _overlaps(path, {label: values[label] for label in labels if label in values})


def _overlaps(path: str, values: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    names = list(values)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            if set(values[first]) & set(values[second]):
                yield f"{path}: {first!r} and {second!r} overlap, a softmax excludes that; write head: sigmoid"
