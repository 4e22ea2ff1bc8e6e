"""config.yaml: what is refused and in which words (more of it in test_bad_input), and what a run makes of it."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from medley import config, config_check, config_known, config_schema, pins, plan
from medley.config_known import Architecture, Known
from medley.errors import InputError

PROJECT = Path(__file__).parents[1]

KNOWN = Known(
    readers={"hearts": {"RV": (1,), "MYO": (2,), "LV": (3,)}},
    architectures={"fpn": Architecture(), "unet": Architecture(), "plain": Architecture(False, frozenset({"dropout"}))},
    encoders={"resnet34": frozenset({"imagenet"}), "resnet50": frozenset({"imagenet", "swsl"})},
    losses={"dice": frozenset(), "top_k": frozenset({"k"}), "bce": frozenset()},
    optimisers={"adam": frozenset({"weight_decay"}), "sgd": frozenset()},
    schedules={"constant": frozenset(), "cosine": frozenset({"minimum", "period"})},
    tables=frozenset({"accuracy"}),
    figures=frozenset({"curves"}),
    heads={"bce": ("sigmoid",)},
    augmentations={"flips": frozenset({"axes"}), "noise": frozenset()},
    intensities={"noise": ("minmax",)},
    narrowable=("resnet",),
)

TEXT = """
preset: full
all: [cine]
phantom_cases: 40
image_scale: 1
width: 1
bootstrap: 1000
threads: 1
leave_out: []
presets:
  full: {}
  small:
    {source: phantom, phantom_cases: 6, image_scale: 0.5, width: 0.25, epochs: 3, folds: 2, seeds: [7], bootstrap: 20}
datasets:
  hearts: {reader: hearts, source: {kind: download}, regions: {heart: [RV, MYO, LV]}}
recipes:
  pad: {intensity: minmax, shape: [192, 250, 8]}
  fine: {intensity: {percentile: [0.5, 99.5]}, spacing: [1.5, 1.5, null]}
studies:
  cine:
    datasets: [hearts]
    seeds: [0, 1]
    splits:
      single: {parts: {train: 0.7, validation: 0.1, test: 0.2}, stratify: pathology}
      folds: {folds: 5, test: official, seed: 3}
    training: {loss: dice, optimiser: adam, lr: 1.0e-4, batch: 8, epochs: 10, keep: last}
    members:
      fpn: {architecture: FPN, encoder: resnet34, labels: [heart], recipe: pad}
      unet: {architecture: Unet, encoder: resnet34, labels: [heart], recipe: fine, epochs: 4}
      fpn-pretrained: {architecture: FPN, encoder: resnet34, weights: imagenet, labels: [heart], recipe: pad}
      fpn-parts: {architecture: FPN, encoder: resnet34, labels: [RV, LV], recipe: pad}
    ensembles:
      mean: {kind: mean, of: [unet, fpn]}
      weighted: {kind: weighted, weights: {unet: 0.5, fpn: 0.3, fpn-pretrained: 0.2}}
      best: {kind: best, of: [fpn, fpn-pretrained]}
    protocols:
      as_reported: {split: single, predictors: [fpn, weighted], batches: 25}
      audited: {split: folds, predictors: [fpn, unet, fpn-pretrained, mean, best], tolerance: 2.0}
    tables: [accuracy]
    figures: [curves]
"""


@pytest.fixture
def raw(monkeypatch):
    monkeypatch.setattr(config_known, "known", lambda: KNOWN)
    return yaml.safe_load(TEXT)


def at(value, path):
    for key in path.split("."):
        value = value[key]
    return value


def changed(raw, path, value):
    parent, _, key = path.rpartition(".")
    (at(raw, parent) if parent else raw)[key] = value
    return raw


def problems(raw):
    with pytest.raises(InputError) as caught:
        config.check(raw)
    return str(caught.value).splitlines()


def test_the_example_is_accepted(raw):
    config.check(raw)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("preset", "smal", "preset: no preset 'smal'; did you mean 'small'?"),
        ("all", ["cin"], "all: no study 'cin'; did you mean 'cine'?"),
        ("width", True, "width: True is true or false; write a number"),
        ("width", 0, "width: 0 is not allowed; write more than 0"),
        ("presets.small.lr", 0.1, "presets.small.lr: unknown key; known: all, bootstrap, epochs, folds, image_scale, "
         "leave_out, phantom_cases, seeds, source, studies, width"),
        ("presets.small.studies", {"cin": {"width": 0.5}},
         "presets.small.studies: no study 'cin'; did you mean 'cine'?"),
        ("presets.small.studies", {"cine": {"weights": "imagenet"}},
         "presets.small.studies.cine.weights: 'imagenet' is text; write null"),
        ("datasets.hearts.quality", {"empty_masks": "keep"},
         "datasets.hearts.quality.empty_masks: unknown key; did you mean 'empty_mask'?"),
        ("datasets.hearts.quality", {"full_mask": {"above": 0.9, "within": 4}},
         "datasets.hearts.quality.full_mask: {'above': 0.9, 'within': 4} is not allowed; write keep, drop, ignore, or "
         "{decision: …, above: …}"),
        ("studies.cine.splits.folds.keep_test", False,
         "studies.cine.splits.folds.keep_test: False is not allowed; allowed: True"),
        ("studies.cine.splits.single.keep_test", True,
         "studies.cine.splits.single.keep_test: the test part is not the source's own; remove it, or write "
         "test: official"),
        ("datasets.hearts.quality", {"empty_mask": "kept"},
         "datasets.hearts.quality.empty_mask: kept is not allowed; did you mean 'keep'?"),
        ("studies.cine.splits.single.labelled", ["tests"],
         "studies.cine.splits.single.labelled[0]: tests is not allowed; did you mean 'test'?"),
        ("studies.cine.protocols.audited.score", {"dice": 0.4},
         "studies.cine.protocols.audited.score: no 'hausdorff'; add it (Weight of 1 - distance)"),
        ("studies.cine.members.fpn.prior", 0.1,
         "studies.cine.members.fpn.prior: only a sigmoid head starts from one; remove it, or write head: sigmoid"),
        ("leave_out", ["fpn"], "leave_out: 'fpn' matches no member; write study/member"),
        ("leave_out", ["cine/fnp"], "leave_out: 'cine/fnp' matches no member; did you mean 'cine/fpn'?"),
        ("presets.small.leave_out", ["cine/*-net"], "presets.small.leave_out: 'cine/*-net' matches no member; did "
         "you mean 'cine/unet'?"),
        ("datasets.hearts.reader", "heart", "datasets.hearts.reader: no reader 'heart'; did you mean 'hearts'?"),
        ("datasets.hearts.source", {"kind": "local"},
         "datasets.hearts.source: no 'path'; add it"),
        ("datasets.hearts.source", {"kind": "phantom", "path": "x"},
         "datasets.hearts.source.path: this key has no place here; remove it"),
        ("datasets.hearts.source.kind", "phantoms",
         "datasets.hearts.source.kind: phantoms is not allowed; did you mean 'phantom'?"),
        ("datasets.hearts.regions.LV", ["RV"], "datasets.hearts.regions.LV: 'LV' is already a label of hearts; take "
         "another name"),
        ("datasets.hearts.regions.heart", ["RV", "LVM"],
         "datasets.hearts.regions.heart: no label 'LVM'; did you mean 'LV'?"),
        ("studies.cine.splits.single", {"parts": {"train": 0.9, "validation": 0.1}},
         "studies.cine.splits.single: no test part; add its share to parts, or test: official"),
        ("studies.cine.splits.single.test", "official",
         "studies.cine.splits.single.test: parts have a test part; remove one of the two"),
        ("studies.cine.grid", {"loss": {"unet": "dice"}, "encoders": {"r": "resnet34"}},
         "studies.cine.grid.encoders: unknown key; did you mean 'encoder'?"),
        ("studies.cine.ensembles.mean.of", ["une*", "x*"],
         "studies.cine.ensembles.mean.of: no member 'x*'; known: fpn, fpn-parts, fpn-pretrained, unet"),
        ("studies.cine.ensembles.best.kind", "top_k",
         "studies.cine.ensembles.best: no 'k'; write how many members it takes"),
        ("studies.cine.ensembles.best.k", 2, "studies.cine.ensembles.best.k: only kind top_k takes one; remove it"),
        ("studies.cine.members.fpn.stop", {"min_delta": 0.001},
         "studies.cine.members.fpn.stop: no 'patience'; add it (Epochs without progress after which training ends)"),
        ("recipes.pad.shape", [192, 256], "recipes.pad.shape: [192, 256] is not allowed; write 3 entries or more"),
        ("recipes.pad.intensity", "min", "recipes.pad.intensity: 'min' is not allowed; write minmax (to [0, 1] per "
         "volume), zscore (zero mean and unit variance per volume), imagenet (pictures: by the statistics of "
         "ImageNet's colours), "
         "or {percentile: [low, high]} (clip there, then zero mean and unit variance)"),
        ("recipes.fine.intensity.percentile", [90, 5],
         "recipes.fine.intensity.percentile: [90, 5] does not rise; write [low, high]"),
        ("recipes.pad.resize", [224, 224], "recipes.pad.resize: it says how many voxels; remove it, or shape"),
        ("recipes.fine.resize", [224, 224], "recipes.fine.resize: it says how many voxels; remove it, or spacing"),
        ("recipes.fine.resize", 224, "recipes.fine.resize: 224 is a whole number; write a list"),
        ("recipes.fine.clahe", 2, "recipes.fine.clahe: needs grey values in [0, 1]; write intensity: minmax"),
        ("recipes.pad.clahe", 0, "recipes.pad.clahe: 0 is not allowed; write more than 0"),
        ("studies.cine.datasets", ["heart"], "studies.cine.datasets: no dataset 'heart'; did you mean 'hearts'?"),
        ("studies.cine.splits.folds.folds", 1, "studies.cine.splits.folds.folds: 1 is not allowed; write at least 2"),
        ("studies.cine.splits.single.folds", 3,
         "studies.cine.splits.single.folds: this key has no place here; remove it"),
        ("studies.cine.training.lr", "fast", "studies.cine.training.lr: 'fast' is text; write a number"),
        ("studies.cine.training.loss", "dise", "studies.cine.training.loss: no loss 'dise'; did you mean 'dice'?"),
        ("studies.cine.members.fpn.loss", {"name": "topk", "k": 10},
         "studies.cine.members.fpn.loss: no loss 'topk'; did you mean 'top_k'?"),
        ("studies.cine.members.fpn.loss", 5, "studies.cine.members.fpn.loss: 5 is not allowed; write a name of "
         "lower-case letters, digits and _, or {name: …, option: …}"),
        ("studies.cine.members.fpn.schedule", "step",
         "studies.cine.members.fpn.schedule: no schedule 'step'; known: constant, cosine"),
        ("studies.cine.members.fpn.schedule", {"name": "cosine", "periods": 50},
         "studies.cine.members.fpn.schedule.periods: no option of cosine 'periods'; did you mean 'period'?"),
        ("studies.cine.members.fpn.optimiser", {"name": "sgd", "momentum": 0.9},
         "studies.cine.members.fpn.optimiser.momentum: no option of sgd 'momentum'; there is none"),
        ("studies.cine.members.fpn.loss", "bce",
         "studies.cine.members.fpn.loss: bce is not for head softmax; write head: sigmoid"),
        ("studies.cine.members.fpn.architecture", "plain",
         "studies.cine.members.fpn.encoder: plain has none; write null instead of 'resnet34'"),
        ("studies.cine.members.fpn.encoder", None,
         "studies.cine.members.fpn.encoder: FPN needs one; write resnet34, or another"),
        ("studies.cine.members.fpn.dropout", 0.1,
         "studies.cine.members.fpn.dropout: FPN takes no 'dropout'; remove it"),
        ("studies.cine.members.fpn.dropout", 1,
         "studies.cine.members.fpn.dropout: 1 is not allowed; write less than 1"),
        ("studies.cine.members.fpn.architecture", "FPNN",
         "studies.cine.members.fpn.architecture: no architecture 'FPNN'; did you mean 'fpn'?"),
        ("studies.cine.members.fpn.encoder", "resnet43",
         "studies.cine.members.fpn.encoder: no encoder 'resnet43'; did you mean 'resnet34'?"),
        ("studies.cine.training.encoder", "vgg",
         "studies.cine.training.encoder: no encoder 'vgg'; known: resnet34, resnet50"),
        ("studies.cine.members.fpn-pretrained.weights", "imagnet",
         "studies.cine.members.fpn-pretrained.weights: no weights of resnet34 'imagnet'; did you mean 'imagenet'?"),
        ("studies.cine.members.fpn-pretrained.weights", "swsl",
         "studies.cine.members.fpn-pretrained.weights: no weights of resnet34 'swsl'; known: imagenet"),
        ("studies.cine.members.fpn-pretrained.encoder", "tu-resnet34",
         "studies.cine.members.fpn-pretrained.weights: no weights 'imagenet' of tu-resnet34; write null"),
        ("studies.cine.members.fpn.recipe", "padd",
         "studies.cine.members.fpn.recipe: no recipe 'padd'; did you mean 'pad'?"),
        ("studies.cine.training.augmentation", "flip",
         "studies.cine.training.augmentation: no augmentation 'flip'; did you mean 'flips'?"),
        ("studies.cine.members.fpn.augmentation", {"name": "flips", "axis": 0},
         "studies.cine.members.fpn.augmentation.axis: no option of flips 'axis'; did you mean 'axes'?"),
        ("studies.cine.training.augmentation", "noise", "studies.cine.members.unet.augmentation: noise is not for "
         "intensity percentile (fine); take a recipe with intensity minmax"),
        ("studies.cine.members.fpn.sampling", "combination",
         "studies.cine.members.fpn.sampling: combination is not allowed; did you mean 'combinations'?"),
        ("studies.cine.members.fpn-parts.labels", ["RV", "MY"],
         "studies.cine.members.fpn-parts.labels: no label of hearts 'MY'; did you mean 'MYO'?"),
        ("studies.cine.members.fpn-parts.labels", ["heart", "LV"],
         "studies.cine.members.fpn-parts.labels: 'heart' and 'LV' overlap, a softmax excludes that; write head: "
         "sigmoid"),
        ("studies.cine.members.fpn.keep", "best",
         "studies.cine.members.fpn.keep: best is not allowed; "
         "allowed: best_validation_loss, best_validation_dice, last"),
        ("studies.cine.members.fpn-pretrained.encoder", None,
         "studies.cine.members.fpn-pretrained.weights: 'imagenet' without an encoder; name the encoder or write null"),
        ("studies.cine.ensembles.mean.of", ["unet", "fnp"],
         "studies.cine.ensembles.mean.of: no member 'fnp'; did you mean 'fpn'?"),
        ("studies.cine.ensembles.mean.of", [],
         "studies.cine.ensembles.mean.of: [] is not allowed; write 1 entries or more"),
        ("studies.cine.ensembles.weighted.of", ["fpn"],
         "studies.cine.ensembles.weighted.of: this key has no place here; remove it"),
        ("studies.cine.ensembles.fpn", {"kind": "mean", "of": ["fpn"]},
         "studies.cine.ensembles.fpn: a member has this name too; take another one"),
        ("studies.cine.protocols.audited.split", "fold",
         "studies.cine.protocols.audited.split: no split 'fold'; did you mean 'folds'?"),
        ("studies.cine.protocols.audited.predictors", ["means"],
         "studies.cine.protocols.audited.predictors: no member or ensemble 'means'; did you mean 'mean'?"),
        ("studies.cine.tables", ["acuracy"], "studies.cine.tables: no table 'acuracy'; did you mean 'accuracy'?"),
        ("studies.cine.figures", ["curve"], "studies.cine.figures: no figure 'curve'; did you mean 'curves'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_says_what_would_be_right(raw, path, value, line):
    assert problems(changed(raw, path, value)) == [line]


@pytest.mark.parametrize("encoder", ["resnet50", "tu-mobilenetv3_large_100"])
def test_encoders_of_the_libraries_are_accepted(raw, encoder):
    config.check(changed(raw, "studies.cine.members.fpn.encoder", encoder))


def test_a_network_without_encoder_takes_null_and_its_own_options(raw):
    own = {"architecture": "Plain", "encoder": None, "dropout": 0.2, "head": "sigmoid", "loss": "bce"}
    raw["studies"]["cine"]["members"]["fpn-parts"] |= own
    resolved = config.resolve(raw)["studies"]["cine"]["members"]
    assert resolved["fpn-parts"]["dropout"] == 0.2
    assert "dropout" not in resolved["unet"]  # a key of its own must not change the other members' trainings


def test_an_encoder_that_cannot_be_narrowed_is_refused_in_a_narrow_run(raw):
    changed(raw, "studies.cine.members.fpn.encoder", "tu-resnet34")
    config.check(raw)  # width 1
    raw["preset"] = "small"
    assert problems(raw) == [
        "studies.cine.members.fpn.encoder: 'tu-resnet34' cannot have width 0.25; take one that begins with resnet, "
        "width 1, or list the member in leave_out"
    ]
    raw["presets"]["small"]["leave_out"] = ["cine/fpn"]
    config.check(raw)


def test_protocols_have_free_names(raw):
    study = raw["studies"]["cine"]
    study["protocols"]["audited-single"] = {"split": "single", "predictors": ["unet"], "tolerance": 1.5}
    resolved = config.resolve(raw)["studies"]["cine"]["protocols"]
    assert list(resolved) == ["as_reported", "audited", "audited-single"]
    assert problems(changed(raw, "studies.cine.protocols.audited-single.tolerence", 1)) == [
        "studies.cine.protocols.audited-single.tolerence: unknown key; did you mean 'tolerance'?"
    ]


@pytest.mark.parametrize("name", ["datasets", "phantom", "logs", "benchmarks"])
def test_folders_of_results_are_refused_names_of_presets(raw, name):
    raw["presets"][name] = raw["presets"].pop("small")
    assert problems(raw) == [f"presets.{name}: {name!r} already names a folder of results; take another name"]


def test_a_member_needs_everything_from_itself_or_the_training(raw):
    del raw["studies"]["cine"]["training"]["epochs"]
    lines = problems(raw)
    assert "studies.cine.members.fpn: no 'epochs'; add it here or under studies.cine.training" in lines
    assert not any("members.unet" in line for line in lines)  # it states its own


def test_all_problems_are_listed_together(raw):
    changed(raw, "studies.cine.members.fpn.lerning_rate", 1)
    changed(raw, "studies.cine.training.batch", "8.5e1")
    changed(raw, "studies.cine.ensembles.mean.of", ["unet", "fnp"])
    changed(raw, "leave_out", ["cine/none"])
    starts = [line.split(":")[0] for line in problems(raw)]
    assert {
        "studies.cine.members.fpn.lerning_rate",
        "studies.cine.training.batch",
        "studies.cine.ensembles.mean.of",
        "leave_out",
    } <= set(starts)


@pytest.mark.parametrize("broken", [5, None, "text", [], [1], {"x": 1}])
def test_nothing_breaks_the_check_itself(raw, broken):
    """Each value of the file in turn becomes nonsense: an InputError or nothing, never another error."""

    def paths(value, path=()):
        yield path
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, child in children:
            yield from paths(child, (*path, key))

    refused = 0
    for path in list(paths(raw))[1:]:
        spoilt = copy.deepcopy(raw)
        parent = spoilt
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = copy.deepcopy(broken)
        try:
            config.check(spoilt)
        except InputError as error:
            refused += 1
            assert all(": " in line and "; " in line for line in str(error).splitlines()), str(error)
    assert refused > 50


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("", "presets"),
        ("datasets.hearts", "reader"),
        ("recipes.pad", "intensity"),
        ("studies.cine", "splits"),
        ("studies.cine.splits.folds", "folds"),
        ("studies.cine.splits.single.parts", "validation"),
        ("studies.cine.ensembles.mean", "of"),
        ("studies.cine.ensembles.weighted", "weights"),
        ("studies.cine.protocols.audited", "split"),
    ],
)
def test_missing_keys_are_named(raw, path, key):
    del (at(raw, path) if path else raw)[key]
    assert any(line.startswith(f"{path or 'config.yaml'}: no {key!r}; add it") for line in problems(raw))


def test_members_of_an_ensemble_have_one_head(raw):
    assert problems(changed(raw, "studies.cine.members.unet.head", "sigmoid")) == [
        f"studies.cine.ensembles.{name}: unet has [heart] (sigmoid) and fpn has [heart] (softmax); combine members of "
        "one label set and head"
        for name in ("mean", "weighted")
    ]


@pytest.mark.parametrize(
    "name", ["demo", "datasets", "phantom", "tables", "all", "train", "train_member", "plot_x", "small"]
)
def test_names_that_mean_something_else_are_refused_for_studies(raw, name):
    raw["studies"][name] = raw["studies"].pop("cine")
    raw["all"] = [name]
    (line,) = problems(raw)
    assert line.startswith(f"studies.{name}: ")


@pytest.mark.parametrize("name", ["a b", "_x", "a.b", ""])
def test_names_have_letters_digits_underscore_and_hyphen(raw, name):
    raw["studies"]["cine"]["members"][name] = dict(raw["studies"]["cine"]["members"]["fpn"])
    (line,) = problems(raw)
    assert line == f"studies.cine.members: {name!r} is not a name; {config_schema.NAME}"


def test_keys_that_yaml_reads_as_something_else_are_named(raw):
    raw["studies"]["cine"]["members"][2018] = {}
    raw["recipes"][True] = {}
    assert problems(raw) == [
        "recipes.True: YAML reads this key as true or false; write it in quotes",
        "studies.cine.members.2018: YAML reads this key as a whole number; write it in quotes",
    ]


def test_rules_and_targets_of_the_workflow_are_refused_names():
    files = [*sorted((PROJECT / "rules").glob("*.smk")), PROJECT / "Snakefile"]
    text = "\n".join(path.read_text() for path in files if path.exists())
    rules = set(re.findall(r"^\s*(?:rule|checkpoint) (\w+):", text, flags=re.MULTILINE))
    unnamed = {rule for rule in rules if not rule.startswith(config_check.RULE_PREFIXES)}
    assert "split_cases" in unnamed
    assert unnamed <= config_check.REFUSED


# Reading and writing


def test_reading_keeps_merges_and_equal_keys_of_different_mappings(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("base: &base {c: 1, d: 2}\nother: {<<: *base, c: 3}\n")
    assert config.read(path) == {"base": {"c": 1, "d": 2}, "other": {"c": 3, "d": 2}}


def test_reading_refuses_what_is_no_mapping(tmp_path):
    (tmp_path / "config.yaml").write_text("- 1")
    with pytest.raises(InputError, match="no keys"):
        config.read(tmp_path / "config.yaml")


def test_the_effective_configuration_is_read_back_as_it_was(raw, tmp_path):
    resolved = config.resolve(raw, exists=lambda path: True)
    config.write(tmp_path / "config.yaml", resolved)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == resolved
    assert "&id" not in (tmp_path / "config.yaml").read_text()


# Resolving


def test_the_full_preset_changes_nothing(raw):
    resolved = config.resolve(raw)
    assert resolved["results"] == "results"
    assert resolved["datasets"]["hearts"]["folder"] == "data/download/hearts"
    assert resolved["recipes"]["pad"] == {"intensity": "minmax", "spacing": None, "shape": [192, 250, 8]}
    study = resolved["studies"]["cine"]
    assert study["seeds"] == [0, 1]
    assert study["splits"] == {
        "single": {"parts": {"train": 0.7, "validation": 0.1, "test": 0.2}, "stratify": "pathology", "seed": 0},
        "folds": {"folds": 5, "stratify": None, "test": "official", "seed": 3},
    }
    assert study["members"]["unet"] == {
        "architecture": "Unet", "encoder": "resnet34", "weights": None, "width": 1, "labels": ["heart"],
        "head": "softmax", "recipe": "fine", "loss": "dice", "optimiser": "adam", "lr": 1e-4,
        "schedule": "constant", "batch": 8, "epochs": 4, "keep": "last",
    }  # fmt: skip
    assert study["not_run"] == {}


def test_a_preset_changes_the_size_of_a_run(raw):
    resolved = config.resolve(changed(raw, "preset", "small"))
    assert resolved["results"] == "results/small"
    assert (resolved["phantom_cases"], resolved["width"], resolved["bootstrap"]) == (6, 0.25, 20)
    assert resolved["datasets"]["hearts"]["source"] == {"kind": "phantom"}
    assert resolved["datasets"]["hearts"]["folder"] == "results/small/phantom/hearts"
    assert resolved["recipes"]["pad"]["shape"] == [96, 96, 8]  # below 125 the next multiple of 32 is 96
    study = resolved["studies"]["cine"]
    assert study["seeds"] == [7]
    assert study["splits"]["folds"]["folds"] == 2
    assert "folds" not in study["splits"]["single"]
    assert {member["epochs"] for member in study["members"].values()} == {3}
    assert {member["width"] for member in study["members"].values()} == {0.25}


def test_a_grid_is_the_product_of_its_choices(raw):
    study = raw["studies"]["cine"]
    study["grid"] = {
        "architecture": {"u": "Unet", "f": "FPN"},
        "encoder": {"r34": "resnet34", "r50": "resnet50"},
        "loss": {"dice": "dice"},
    }
    study["members"] = {
        "fpn": {"architecture": "FPN", "encoder": "resnet34"},
        "u_r50_dice": {"lr": 0.5},
    }
    study["training"] |= {"labels": ["heart"], "recipe": "pad"}
    study["ensembles"] = {"all": {"kind": "mean", "of": ["*_r*"]}, "two": {"kind": "mean", "of": ["u_*", "fpn"]}}
    study["protocols"] = {"audited": {"split": "folds", "predictors": ["fpn", "f*", "t*"], "tolerance": 2.0}}
    study["tables"] = []
    resolved = config.resolve(raw)["studies"]["cine"]
    grid = ["u_r34_dice", "u_r50_dice", "f_r34_dice", "f_r50_dice"]
    assert list(resolved["members"]) == resolved["configured"] == [*grid, "fpn"]
    assert [resolved["members"][name]["architecture"] for name in grid] == ["Unet", "Unet", "FPN", "FPN"]
    assert [resolved["members"][name]["encoder"] for name in grid] == ["resnet34", "resnet50", "resnet34", "resnet50"]
    assert [resolved["members"][name]["lr"] for name in grid] == [1e-4, 0.5, 1e-4, 1e-4]
    assert resolved["grid"]["f_r50_dice"] == {"architecture": "f", "encoder": "r50", "loss": "dice"}
    assert list(resolved["grid"]) == grid
    assert resolved["ensembles"]["all"]["members"] == grid
    assert resolved["ensembles"]["two"]["members"] == ["u_r34_dice", "u_r50_dice", "fpn"]
    assert resolved["protocols"]["audited"]["predictors"] == ["fpn", "f_r34_dice", "f_r50_dice", "two"]


def test_a_grid_names_each_member_for_what_it_is(raw):
    study = raw["studies"]["cine"]
    study["grid"] = {"architecture": {"a": "FPN", "a_b": "Unet"}, "encoder": {"b_c": "resnet34", "c": "resnet50"}}
    study["training"] |= {"labels": ["heart"], "recipe": "pad"}
    assert problems(raw) == ["studies.cine.grid: 4 members have 3 names; call some choices otherwise"]
    study["grid"]["encoder"] = {"r34": "resnet34", "r50": "resnet50"}
    study["members"]["a_r34"] = {"encoder": "resnet50", "lr": 0.1}
    assert problems(raw) == ["studies.cine.members.a_r34.encoder: the grid says it; remove it, or take another name"]


def test_what_a_table_needs_of_protocols_is_asked_for(raw, monkeypatch):
    needs = {"accuracy": {"as_reported": ("batches",), "audited": ("score",)}}
    monkeypatch.setattr(config_known, "known", lambda: KNOWN._replace(needs=needs))
    assert problems(raw) == ["studies.cine.tables: accuracy needs protocols.audited.score; add it, or remove the table"]
    raw["studies"]["cine"]["protocols"]["audited"] |= {"score": {"dice": 0.4, "hausdorff": 0.6}, "dice_epsilon": 1.0}
    config.check(raw)
    raw["studies"]["cine"]["protocols"]["as_reported"]["dice_epsilon"] = 0.001
    assert problems(raw) == [
        "studies.cine.protocols: dice_epsilon is 0.001 and 1; write the same in all, since tables compare them"
    ]


def test_a_preset_may_have_another_size_for_one_study(raw):
    raw["preset"] = "small"
    raw["presets"]["small"]["studies"] = {"cine": {"phantom_cases": 9, "width": 0.5, "epochs": 5, "weights": None}}
    resolved = config.resolve(raw)
    assert resolved["datasets"]["hearts"]["phantom_cases"] == 9
    study = resolved["studies"]["cine"]
    assert {(member["width"], member["epochs"], member["weights"]) for member in study["members"].values()} == {
        (0.5, 5, None)
    }
    assert study["random_start"] == {"fpn-pretrained": "imagenet"}
    assert config.resolve({**raw, "preset": "full"})["studies"]["cine"]["random_start"] == {}


def test_a_preset_may_have_fewer_protocols_of_a_study(raw):
    raw["presets"]["small"]["studies"] = {"cine": {"protocols": ["audited"]}}
    assert list(config.resolve(raw)["studies"]["cine"]["protocols"]) == ["as_reported", "audited"]
    raw["preset"] = "small"
    assert list(config.resolve(raw)["studies"]["cine"]["protocols"]) == ["audited"]
    raw["presets"]["small"]["studies"] = {"cine": {"protocols": ["audit"]}}
    assert problems(raw) == ["presets.small.studies.cine.protocols: no protocol 'audit'; did you mean 'audited'?"]


def test_a_file_laid_over_may_take_datasets_that_another_preset_names(raw):
    raw["datasets"]["more"] = raw["datasets"]["hearts"]
    raw["presets"]["small"]["studies"] = {"cine": {"datasets": ["more"]}}
    config.check(raw)
    raw["preset"] = "small"
    assert problems(raw) == ["presets.small.studies.cine.datasets: no dataset of the study 'more'; known: hearts"]
    raw |= {"preset": "full"}
    raw["presets"]["small"]["studies"] = {"cine": {"datasets": ["mores"]}}
    assert problems(raw) == ["presets.small.studies.cine.datasets: no dataset 'mores'; did you mean 'more'?"]


PATCHED = {
    "architecture": "generic_unet", "encoder": None, "weights": None, "patch": [256, 224], "patches": 100,
    "foreground": 0.3,
}  # fmt: skip


@pytest.fixture
def planned(monkeypatch):
    """Let there be the network that is planned from its patch, and one that takes none."""
    takes = frozenset({"patch", "patches", "foreground"})
    more = {"generic_unet": Architecture(False, takes), "simple_cnn": Architecture(False)}
    known = KNOWN._replace(architectures=KNOWN.architectures | more)
    monkeypatch.setattr(config_known, "known", lambda: known)


def patched(raw, **changes):
    """Let the member unet of ``raw`` be one of patches, under a recipe of 1.25 mm, with ``changes``; None removes."""
    raw["recipes"]["fine"] = {"intensity": "minmax", "spacing": [1.25, 1.25, None]}
    own = raw["studies"]["cine"]["members"]["unet"] | PATCHED | {"recipe": "fine"} | changes
    raw["studies"]["cine"]["members"]["unet"] = {key: value for key, value in own.items() if value is not None}
    return raw


def test_patches_have_the_runs_size_and_their_recipes_spacing(raw, planned):
    member = config.resolve(patched(raw))["studies"]["cine"]["members"]["unet"]
    assert (member["patch"], member["patches"], member["spacing"]) == ([256, 224], 100, [1.25, 1.25, None])
    raw["preset"] = "small"  # at half the size
    raw["presets"]["small"]["studies"] = {"cine": {"training": {"patches": 7, "lr": 0.1}}}
    member = config.resolve(raw)["studies"]["cine"]["members"]["unet"]
    assert (member["patch"], member["patches"], member["spacing"]) == ([128, 96], 7, [2.5, 2.5, None])
    assert member["lr"] == 0.1
    assert config.resolve(raw)["studies"]["cine"]["remarks"] == [
        "Preset small: all members have patches 7, lr 0.1 in place of their own."
    ]
    assert config.resolve({**raw, "preset": "full"})["studies"]["cine"]["remarks"] == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"patch": None, "patches": None, "foreground": None}, "unet: no 'patch'; add it"),
        ({"architecture": "simple_cnn", "patch": None, "patches": None}, "unet.foreground: it has no `patch`"),
        ({"patches": None}, "unet: no 'patches'; add it beside `patch`"),
        ({"patch": [250, 224]}, "unet.patch: patch [250, 224]"),
        ({"patch": [4, 4]}, "unet.patch: patch [4, 4] is too small for a U-Net"),
        ({"patch": [64, 64, 8]}, "unet.patch: patch [64, 64, 8]: recipe 'fine' leaves the spacing of an axis open"),
        ({"sampling": "combinations"}, "unet.sampling: patches are drawn by `foreground`; remove it"),
        ({"architecture": "simple_cnn"}, "unet.patch: simple_cnn takes no 'patch'; remove it"),
    ],
)
def test_what_is_wrong_with_patches(raw, planned, changes, line):
    assert any(f"studies.cine.members.{line}" in problem for problem in problems(patched(raw, **changes)))


def test_a_protocol_takes_all_datasets_or_those_that_it_names(raw):
    study = raw["studies"]["cine"]
    raw["datasets"]["more"] = raw["datasets"]["hearts"]
    study["datasets"] = ["more", "hearts"]
    study["protocols"]["audited"]["datasets"] = ["hearts", "more"]
    study["protocols"]["as_reported"]["datasets"] = ["hearts"]
    protocols = config.resolve(raw)["studies"]["cine"]["protocols"]
    assert [protocols[name]["datasets"] for name in ("as_reported", "audited")] == [["hearts"], ["more", "hearts"]]

    study["protocols"]["audited"]["datasets"] = ["hearts"]
    assert problems(raw) == [
        "studies.cine.datasets: no protocol takes 'more'; add it to the datasets of one, or remove it here"
    ]
    study["datasets"] = ["more"]
    del study["protocols"]["audited"]["datasets"]
    assert problems(raw) == ["studies.cine.protocols.as_reported.datasets: none of those that run; add one of more"]
    study["protocols"]["as_reported"]["datasets"] = ["mores"]
    assert problems(raw)[0] == ("studies.cine.protocols.as_reported.datasets: no dataset 'mores'; did you mean 'more'?")


def test_what_is_not_written_of_recipes_and_members_is_absent(raw):
    """A default would change every finished training."""
    resolved = config.resolve(raw)
    assert set(resolved["recipes"]["pad"]) == {"intensity", "spacing", "shape"}
    assert not {"augmentation", "sampling"} & set(resolved["studies"]["cine"]["members"]["fpn"])


@pytest.mark.parametrize(("scale", "resized"), [(1, [224, 250]), (0.5, [96, 96]), (0.01, [32, 32])])
def test_a_smaller_run_resizes_to_fewer_voxels_in_steps_of_32(raw, scale, resized):
    raw["recipes"]["pad"] = {"intensity": "minmax", "resize": [224, 250], "clahe": 2.0}
    raw["image_scale"] = scale
    raw["studies"]["cine"]["members"]["fpn"] |= {"sampling": "combinations", "augmentation": "noise"}
    resolved = config.resolve(raw)
    expected = {"intensity": "minmax", "spacing": None, "shape": None, "resize": resized, "clahe": 2.0}
    assert resolved["recipes"]["pad"] == expected
    assert resolved["studies"]["cine"]["members"]["fpn"]["augmentation"] == "noise"


def test_resolving_leaves_its_argument_alone(raw):
    before = copy.deepcopy(raw)
    config.resolve(changed(raw, "preset", "small"))
    assert raw == changed(before, "preset", "small")


def test_a_local_source_is_its_own_folder(raw):
    resolved = config.resolve(changed(raw, "datasets.hearts.source", {"kind": "local", "path": "/where/it/is"}))
    assert resolved["datasets"]["hearts"]["folder"] == "/where/it/is"


def test_ensembles_take_the_members_that_run_and_say_what_they_lack(raw):
    raw["leave_out"] = ["cine/*-pretrained"]
    asked = []
    resolved = config.resolve(raw, exists=lambda path: bool(asked.append(path)))
    study = resolved["studies"]["cine"]
    assert asked == ["data/weights/resnet34/imagenet.safetensors"]
    assert study["not_run"] == {"fpn-pretrained": "weights missing"}
    assert "fpn-pretrained" not in study["members"]
    weighted = study["ensembles"]["weighted"]
    assert weighted["members"] == ["unet", "fpn"]
    assert weighted["weights"] == pytest.approx({"unet": 0.625, "fpn": 0.375})
    assert weighted["built_without"] == ["fpn-pretrained"]
    assert weighted["recipe"] is None  # fpn and unet differ
    assert study["ensembles"]["best"]["members"] == ["fpn"]
    assert study["ensembles"]["best"]["recipe"] == "pad"


def test_a_member_left_out_although_its_weights_are_there_is_left_out(raw):
    raw["leave_out"] = ["cine/fpn-pretrained"]
    assert config.resolve(raw, exists=lambda path: True)["studies"]["cine"]["not_run"] == {"fpn-pretrained": "left out"}


def test_an_ensemble_without_members_is_not_run(raw):
    raw["leave_out"] = ["cine/fpn*"]
    study = config.resolve(raw, exists=lambda path: False)["studies"]["cine"]
    assert study["not_run"] == {
        "fpn": "left out",
        "fpn-pretrained": "weights missing",
        "fpn-parts": "left out",
        "best": "left out and weights missing",
    }
    assert list(study["ensembles"]) == ["mean", "weighted"]


def test_what_is_left_out_of_the_full_run_is_left_out_of_every_preset(raw):
    raw["leave_out"] = ["cine/unet"]
    raw["presets"]["small"]["leave_out"] = ["cine/fpn-parts"]
    raw["preset"] = "small"
    assert list(config.resolve(raw)["studies"]["cine"]["not_run"]) == ["unet", "fpn-parts"]


def test_all_are_all_studies_unless_said(raw):
    del raw["all"]
    assert config.resolve(raw)["all"] == ["cine"]


@pytest.mark.parametrize(
    ("predictors", "unused"),
    [
        (["unet", "fpn", "fpn-pretrained"], ["fpn-parts"]),
        (["mean", "fpn-parts"], ["fpn-pretrained"]),  # mean takes fpn and unet
        (["fpn"], ["unet", "fpn-pretrained", "fpn-parts"]),
    ],
)
def test_members_that_no_protocol_shows_are_named(raw, predictors, unused):
    raw["studies"]["cine"]["protocols"] = {"audited": {"split": "folds", "predictors": predictors}}
    assert plan.unused_members(config.resolve(raw)) == [f"cine/{name}" for name in unused]


def test_a_left_out_member_is_not_unused(raw):
    raw["leave_out"] = ["cine/fpn-parts"]
    assert plan.unused_members(config.resolve(raw)) == []


# This project's own files


def test_the_schema_is_one_and_describes_every_key():
    schema = config_schema.schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    def objects(part):
        if isinstance(part, dict):
            if "additionalProperties" in part and "properties" in part:
                yield part
            for value in part.values():
                yield from objects(value)
        elif isinstance(part, list):
            for value in part:
                yield from objects(value)

    found = list(objects(schema))
    assert len(found) >= 10
    for part in found:
        assert part["additionalProperties"] is False
        for key, value in part["properties"].items():
            described = value.get("description") or schema["$defs"][value["$ref"].rsplit("/", 1)[1]]
            assert described, key


@pytest.mark.parametrize("preset", ["full", "demo"])
def test_the_projects_configuration_is_sound(preset):
    own = config.read(PROJECT / "config.yaml")
    own["preset"] = preset
    resolved = config.resolve(own)
    assert resolved["results"] == ("results" if preset == "full" else "results/demo")


def test_encoders_and_their_weights_are_those_of_the_library():
    from segmentation_models_pytorch.encoders import encoders

    known = config_known.known().encoders
    # Narrowed ones, which a network of another test has registered, have no weights.
    published = {name: encoder["pretrained_settings"] for name, encoder in encoders.items()}
    published = {name: settings for name, settings in published.items() if settings}
    assert set(known) == set(published)
    assert pins.pins()["efficientnet-b3", "imagenet"].repository == "smp-hub/efficientnet-b3.imagenet"
    for name, settings in published.items():
        assert set(known[name]) == {weights.replace("+", "-") for weights in settings}
        for weights, setting in settings.items():
            assert pins.pins()[name, weights.replace("+", "-")] == (setting["repo_id"], setting["revision"])


def test_readers_and_losses_are_known_without_importing_them(tmp_path):
    library = tmp_path / "medley"
    for package in ("datasets", "losses", "models", "optimisers", "schedules"):
        (library / package).mkdir(parents=True)
        (library / package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (library / "augmentations").mkdir()
    (library / "augmentations" / "noise.py").write_text("INTENSITIES = ('minmax',)\ndef build(strong=False): ...\n")
    (library / "augmentations" / "flips.py").write_text("import torch\n")
    (library / "datasets" / "lungs.py").write_text("import torch\nLABELS: dict = {'lung': (1, 2)}\n")
    (library / "datasets" / "helper.py").write_text("import torch\n")
    (library / "losses" / "bce.py").write_text("raise RuntimeError('imported')\nHEADS = ('sigmoid',)\n")
    (library / "models" / "unet.py").write_text("raise RuntimeError('imported')\n")
    (library / "models" / "plain.py").write_text("import torch\nENCODER = False\nOPTIONS = ('dropout',)\n")
    (library / "models" / "encoders.py").write_text("import torch\nNARROWABLE = ('vgg',)\n")
    (library / "models" / "_parts.py").touch()
    (library / "optimisers" / "adam.py").write_text("def build(parameters, lr, decay: float = 0.0): ...\n")
    (library / "schedules" / "constant.py").touch()
    (tmp_path / "tabulate_cost.py").touch()
    (tmp_path / "plot_curves.py").touch()
    assert config_known.known(tmp_path) == Known(
        readers={"lungs": {"lung": (1, 2)}},
        architectures={"unet": Architecture(), "plain": Architecture(False, frozenset({"dropout"}))},
        encoders=config_known.known().encoders,
        losses={"bce": frozenset()},
        optimisers={"adam": frozenset({"decay"})},
        schedules={"constant": frozenset()},
        tables=frozenset({"cost"}),
        figures=frozenset({"curves"}),
        heads={"bce": ("sigmoid",)},
        augmentations={"noise": frozenset({"strong"}), "flips": frozenset()},
        intensities={"noise": ("minmax",)},
        narrowable=("vgg",),
    )


def test_planning_imports_nothing_heavy():
    heavy = ("torch", "numpy", "pandas", "scipy", "matplotlib", "nibabel", "monai")
    program = (
        "import sys; from medley import config, plan, digest\n"
        f"config.check(config.read({str(PROJECT / 'config.yaml')!r}))\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT / "scripts", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
