"""The sources of a run: raw files and pretrained weights, there or within reach; and the room that it takes.

Where a dataset comes from, its module ``{reader}_download``, or the reader itself, says: ``SERVER`` is the
address, missing for a dataset that cannot be downloaded; ``BY_HAND`` says what a person can do instead. Where
there is a function ``login``, it raises an error without a token; ``PACKED`` is the archive that a person may have
put into the dataset's folder.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from medley import plan
from medley import weights as pretrained
from medley.config import missing_folders, read, resolve, weights_file
from medley.datasets import helper, reader
from medley.doctor import Finding
from medley.errors import InputError

TIMEOUT = 5.0  # seconds
# GB at full size: a training's weights, kept twice (model and state), and its share of predictions and arrays, by
# reader. Measured for acdc; of the others estimated: for gi_tract from the size of a slice (0.09 MB predicted, 0.25 MB
# in arrays), for pictures from a byte a pixel, twice (a fold's and the merged), of test and validation part.
WEIGHTS = 0.19
PREDICTIONS = {
    "acdc": 0.16, "gi_tract": 2.1, "isic2018": 17, "chest_xray": 2.5, "cbis_ddsm_region": 0.5, "cbis_ddsm_whole": 15,
    "cbis_ddsm_united": 14, "mnms2_sa": 1.3, "mnms2_la": 0.1,
}  # fmt: skip
# GB, by reader; with archives and what they unpack to.
DOWNLOADS = {"acdc": 0.2, "gi_tract": 5, "isic2018": 26, "chest_xray": 8.5}
LATER = "not within reach of this compute node; the main process fetches it, on the login node"


def configuration(preset: str, root: Path) -> dict[str, Any] | Finding:
    """Return the effective configuration, or what is wrong with it."""
    try:
        return resolve({**read(root / "config.yaml"), "preset": preset})
    except InputError as error:
        return Finding("problem", "config.yaml", str(error))


def room(resolved: Mapping[str, Any]) -> dict[str, float]:
    """Return the GB that a run takes, about, in each folder."""
    results = 0.0
    for study in resolved["all"]:
        for training in plan.trainings(resolved, study):
            width = resolved["studies"][study]["members"][training.member]["width"]
            predicted = PREDICTIONS.get(resolved["datasets"][training.dataset]["reader"], 0)
            results += WEIGHTS * width**2 + predicted * resolved["image_scale"] ** 2
    fetched = [dataset for dataset in resolved["datasets"].values() if dataset["source"]["kind"] == "download"]
    data = sum(DOWNLOADS.get(dataset["reader"], 0) for dataset in fetched)
    return {"results": results, **({"data": data} if data else {})}


def check(resolved: Mapping[str, Any], root: Path) -> list[Finding]:
    """Say of every dataset and encoder that the studies of ``all`` start from whether it can be had."""
    studies = {name: resolved["studies"][name] for name in resolved["all"]}
    names = sorted({name for study in studies.values() for name in study["datasets"]})
    members = [member for study in studies.values() for member in study["members"].values()]
    weights = sorted({(member["encoder"], member["weights"]) for member in members if member["weights"]})
    with ThreadPoolExecutor() as pool:  # where packets are dropped, each costs the whole timeout
        datasets = pool.map(lambda name: dataset(name, resolved, root), names)
        encoders = pool.map(lambda start: encoder(start[0], start[1], studies, root), weights)
        return [*datasets, *encoders]


def dataset(name: str, resolved: Mapping[str, Any], root: Path) -> Finding:
    """Say whether the raw files of a dataset are there or can be had."""
    chosen = resolved["datasets"][name]
    kind, folder = chosen["source"]["kind"], chosen["folder"]
    if kind == "phantom":
        return Finding("ok", name, "phantoms, which the run makes up")
    if kind == "local":
        if not (root / folder).is_dir():
            problem, _, advice = missing_folders({"datasets": {name: chosen}}, lambda _: False)[0].partition("; ")
            return Finding("problem", name, problem, advice)
        return Finding("ok", name, f"in {folder}")
    if (root / folder / "manifest.csv").exists():
        return Finding("ok", name, f"downloaded to {folder}")
    module = reader(helper(chosen["reader"], "download"))
    if hasattr(module, "PACKED") and (root / folder / module.PACKED).is_file():
        return Finding("ok", name, f"in {folder}, to be unpacked")
    server = getattr(module, "SERVER", None)
    if server is None:
        return Finding("problem", name, f"not in {folder}, and it cannot be downloaded", module.BY_HAND)
    try:
        getattr(module, "login", lambda: None)()
    except InputError as error:
        return Finding("problem", name, f"not in {folder}, and {error}", module.BY_HAND)
    return _within_reach(name, server, folder, module.BY_HAND)


def encoder(name: str, weights: str, studies: Mapping[str, Any], root: Path) -> Finding:
    """Say whether the pretrained weights of an encoder are there or can be had."""
    path = weights_file(name, weights)
    if (root / path).exists():
        return Finding("ok", "weights", f"{weights} weights of {name} in {path}")
    members = ", ".join(pretrained.members_starting_from(studies, name, weights))
    by_hand = f"put them there yourself, as {path}, or `leave_out: [{members}]` in config.yaml"
    try:
        return _within_reach("weights", pretrained.address(name, weights), path, by_hand)
    except InputError as error:
        return Finding("problem", "weights", str(error))


def _within_reach(check: str, url: str, target: str, by_hand: str) -> Finding:
    """Say whether a server answers."""
    try:
        status = requests.head(url, timeout=TIMEOUT, allow_redirects=True).status_code
        reason = f"answer {status}" if status >= 400 and status != 405 else ""  # 405: there, but only for GET
    except requests.RequestException as error:
        reason = type(error).__name__
    if not reason:
        return Finding("ok", check, f"not here yet; the run downloads it from {url}")
    if "SLURM_JOB_ID" in os.environ:
        return Finding("note", check, LATER)
    return Finding("problem", check, f"not in {target}, and {url} cannot be reached ({reason})", by_hand)
