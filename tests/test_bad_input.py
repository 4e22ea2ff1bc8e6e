"""Everything that may be wrong with what a user brings, in one table, and what Medley does about each.

Most of it stops the job, with one message that names the file or key, says what is wrong and what to do;
files that were there stay as they were, and nothing half-written is left. A case that cannot be used, but
need not stop the others, is dropped with a row in quality.csv; one that is only odd is kept and noted there.
"""

import csv
import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tarfile import CHRTYPE, LNKTYPE, SYMTYPE
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from medley import download, store
from medley.cases import read_cases
from medley.errors import InputError
from tests.spoilt_input import (
    ARCHIVE,
    CASES,
    CONFIG,
    IMAGE,
    INFO,
    MASK,
    NAME,
    PART,
    PATIENT,
    QUALITY,
    SCANS,
    SLICE,
    SLICES,
    STATE,
    TABLE,
    VOLUME,
    Place,
    Spoil,
    Stage,
    absolute,
    answers,
    both,
    configure,
    content,
    cuts,
    divide,
    edit,
    fetch,
    first_lines,
    flip,
    header,
    holds,
    in_epoch,
    index,
    index_slices,
    judge,
    judge_slices,
    learn,
    make_sound_input,
    missing,
    no_network,
    no_server,
    pauses,
    pixels,
    prepare,
    raises,
    rewrite,
    room,
    row,
    slow,
    tarred,
    unpack,
    voxel,
    voxels,
    zipped,
)
from tests.web_server import serve

STOPS, CONTINUES, DROPS, KEEPS = "stops", "continues", "drops the case", "keeps the case"


class Kind(NamedTuple):
    what: str  # is bad
    spoil: Spoil
    says: str  # the message, or the row in quality.csv, with gaps: where, what is wrong, what to do
    outcome: str = STOPS
    leaves: str = ""  # what is left on purpose, to go on from


AGAIN = "fetch or copy it again"
STUDY = "studies.cine"
KINDS: dict[Stage, list[Kind]] = {
    index: [
        Kind("image missing", missing(IMAGE),
             f"{IMAGE} … no such file … says ED: 1 … add the frame or correct that line"),
        Kind("mask missing", missing(MASK),
             f"{MASK} … no such file … add it, or remove"),
        Kind("image empty", rewrite(IMAGE, lambda _: b""),
             f"{IMAGE} … is empty … {AGAIN}"),
        Kind("image truncated", rewrite(IMAGE, lambda old: old[:-20]),
             f"{IMAGE} … is truncated … {AGAIN}"),
        Kind("image not compressed", rewrite(IMAGE, gzip.decompress),
             f"{IMAGE} … is not gzip-compressed although its name ends in .gz … {AGAIN}"),
        Kind("garbage behind the compressed data", rewrite(IMAGE, lambda old: old + b"some garbage"),
             f"{IMAGE} … 12 bytes follow the compressed data … {AGAIN}"),
        Kind("compressed data damaged", rewrite(IMAGE, lambda old: old[:-8] + b"checksum"),
             f"{IMAGE} … compressed data are damaged … {AGAIN}"),
        Kind("shorter than a header", content(IMAGE, lambda _: b"short"),
             f"{IMAGE} … too few for a NIfTI header … {AGAIN}"),
        Kind("no header", content(IMAGE, lambda _: b"no header" * 100),
             f"{IMAGE} … is no NIfTI-1 file … save it as one"),
        Kind("header without its voxels", header(IMAGE, "magic", b"ni1"),
             f"{IMAGE} … is no NIfTI-1 file … save it as one"),
        Kind("fewer voxels than promised", content(IMAGE, lambda old: old[:-2]),
             f"{IMAGE} … the header promises … truncated … {AGAIN}"),
        Kind("more voxels than promised", content(IMAGE, lambda old: old + b"abc"),
             f"{IMAGE} … 3 bytes follow the voxels … {AGAIN}"),
        Kind("voxels of an unknown type", header(IMAGE, "datatype", 9999),
             f"{IMAGE} … unknown type … {AGAIN}"),
        Kind("colours for grey values", header(IMAGE, "datatype", 128),
             f"{IMAGE} … are not grey values … save it as numbers"),
        # a volume that cannot be meant
        Kind("no voxels", header(IMAGE, "dim", 0, 3),
             f"{IMAGE} … a volume without voxels … {AGAIN}"),
        Kind("4D where 3D is expected", header(IMAGE, "dim", 4, 0),
             f"{IMAGE} … has 4 axes … expected rows, columns, slices: one volume a file"),
        Kind("2D where 3D is expected", header(IMAGE, "dim", 2, 0),
             f"{IMAGE} … has 2 axes … expected rows, columns, slices: one volume a file"),
        Kind("spacing 0", header(IMAGE, "pixdim", 0, 2),
             f"{IMAGE} … spacing (pixdim) … x 0 x … every axis needs one above 0: mend the header"),
        Kind("spacing negative", header(IMAGE, "pixdim", -1.5, 2),
             f"{IMAGE} … spacing (pixdim) … x -1.5 x … every axis needs one above 0: mend the header"),
        Kind("spacing not a number", header(IMAGE, "pixdim", np.nan, 2),
             f"{IMAGE} … spacing (pixdim) … x nan x … every axis needs one above 0: mend the header"),
        Kind("spacing infinite", header(IMAGE, "pixdim", np.inf, 2),
             f"{IMAGE} … spacing (pixdim) … x inf x … every axis needs one above 0: mend the header"),
        Kind("mask of another shape", voxels(MASK, lambda old: old[:-1]),
             f"{MASK} … shape ( … but its image has ( … put the mask of {IMAGE.name} there"),
        Kind("mask of another spacing", header(MASK, "pixdim", 1, 2),
             f"{MASK} … spacing ( … but its image has ( … put the mask of {IMAGE.name} there"),
        Kind("mask flipped by its affine", flip(MASK),
             f"{MASK} … by the affines … flipped, turned or shifted … put the mask of {IMAGE.name} there"),
        Kind("labels the dataset does not have", voxel(MASK, 4),
             f"{MASK} … values 4 are no labels of ACDC … [0, 1, 2, 3] … correct the mask"),
        Kind("labels between the labels", voxel(MASK, 0.5),
             f"{MASK} … values 0.5 are no labels of ACDC … correct the mask"),
        Kind("mask voxel NaN", voxel(MASK, np.nan),
             f"{MASK} … voxels are NaN or infinite … mend the file"),
        Kind("Info.cfg missing", missing(INFO),
             f"{INFO} … no such file … names the ED and ES frames … add it, or remove"),
        Kind("Info.cfg empty", lambda _: INFO.write_text(""),
             f"{INFO} … has no line ED … write 'ED: '"),
        Kind("Info.cfg no text", lambda _: INFO.write_bytes(b"\xff\xfe\x00"),
             f"{INFO} … no text in UTF-8 … save it as such"),
        Kind("frame no number", edit(INFO, "ES: ", "ES: late"),
             f"{INFO} … says 'ES: late … write 'ES: ' and the number of the frame"),
        Kind("frame named twice", edit(INFO, "ES: ", "ES: 3\nES: "),
             f"{INFO} … ES is both 3 and  … remove the wrong line"),
        Kind("ED and ES the same frame", lambda _: INFO.write_text("ED: 1\nES: 01\nGroup: NOR"),
             f"{INFO} … the same frame, 1 … correct one of them"),
        Kind("frame that is not there", edit(INFO, "ED: 1", "ED: 3"),
             "patient001_frame03.nii.gz … no such file … Info.cfg says ED: 3 … add the frame or correct that line"),
        Kind("mask of a frame that is not named", lambda _: shutil.copy(MASK, PATIENT / "patient001_frame05_gt.nii.gz"),
             "patient001_frame05_gt.nii.gz … neither the ED nor the ES … correct that file, or move the mask"),
        Kind("group missing", edit(INFO, "Group: NOR", ""),
             f"{INFO} … has no line Group … write one of DCM, HCM"),
        Kind("group unknown", edit(INFO, "Group: NOR", "Group: ARV"),
             f"{INFO} … says 'Group: ARV' … write one of DCM, HCM"),
        Kind("no dataset", lambda _: shutil.rmtree("data"),
             "data … no such folder … config.yaml"),
        Kind("folder without patients", lambda _: (shutil.rmtree("data"), Path("data").mkdir()),
             "data … no patientXXX folders … is this ACDC?"),
        Kind("patient misnamed", lambda _: PATIENT.rename("data/training/patient1"),
             "training/patient1 … is not called patientXXX … rename it"),
        Kind("patient in two parts", lambda _: shutil.copytree(PATIENT, "data/testing/patient001"),
             "data/testing/patient001 … also lies in data/training … remove one of the two"),
    ],
    judge: [
        Kind("voxel NaN", voxel(IMAGE, np.nan),
             f"unreadable … {IMAGE} … voxels are NaN or infinite … mend the file", DROPS),
        Kind("voxel infinite", voxel(IMAGE, -np.inf),
             f"unreadable … {IMAGE} … voxels are NaN or infinite … mend the file", DROPS),
        Kind("constant volume", voxels(IMAGE, lambda old: old * 0 + 7),
             "constant_image … 7 … every voxel has the same grey value", DROPS),
        Kind("one slice", both(*[voxels(path, lambda old: old[:, :, 4:5]) for path in (IMAGE, MASK)]),
             "one_slice … is the file whole?", KEEPS),
        Kind("spacing unlike the others'", both(*[header(path, "pixdim", 80, 3) for path in (IMAGE, MASK)]),
             "extreme_spacing … check the header", KEEPS),
        Kind("empty mask", voxels(MASK, lambda old: old * 0),
             "empty_mask … no label in any slice", DROPS),
    ],
    index_slices: [
        Kind("odd count of numbers", row("stomach", "100 5 160"),
             f"{TABLE}: {NAME}, stomach: an odd count of numbers (3) … correct the row"),
        Kind("start 0", row("stomach", "0 5"),
             f"{TABLE}: {NAME}, stomach: run '0 5' … count from 1 … correct the row"),
        Kind("run past the image's end", row("stomach", "2800 11"),
             f"{TABLE}: {NAME}, stomach: run '2800 11' ends at pixel 2810, but the image has 2809 … correct the row"),
        Kind("runs that overlap", row("stomach", "100 5 104 5"),
             f"{TABLE}: {NAME}, stomach: run '104 5' begins at or before pixel 104 … correct the row"),
        Kind("runs that are not sorted", row("stomach", "160 5 100 5"),
             f"{TABLE}: {NAME}, stomach: run '100 5' begins at or before pixel 164 … correct the row"),
        Kind("negative number", row("stomach", "100 -5"),
             f"{TABLE}: {NAME}, stomach: '-5' is no whole number of 0 or more … correct the row"),
        Kind("no number", row("stomach", "100 five"),
             f"{TABLE}: {NAME}, stomach: 'five' is no whole number of 0 or more … correct the row"),
        Kind("class that does not exist", edit(TABLE, "stomach", "stomachs"),
             f"{TABLE}: line 4: no class 'stomachs'; the classes are large_bowel, small_bowel, stomach"),
        Kind("class missing", edit(TABLE, f"{NAME},stomach", "case9_day0_slice_0001,stomach"),
             f"{TABLE}: {NAME} has no row for stomach … add it"),
        Kind("id and class twice", rewrite(TABLE, lambda old: old + old.splitlines(keepends=True)[7]),
             f"{TABLE}: line 122: case1_day0_slice_0003, large_bowel stands twice … remove the wrong row"),
        Kind("column missing", rewrite(TABLE, lambda old: b"\n".join(r.rpartition(b",")[0] for r in old.split(b"\n"))),
             f"{TABLE}: the first line is 'id,class', not 'id,class,segmentation' … save it with these columns"),
        Kind("another separator", rewrite(TABLE, lambda old: old.replace(b",", b";")),
             f"{TABLE}: the first line is 'id;class;segmentation', not … commas … save it"),
        Kind("table empty", lambda _: TABLE.write_text(""),
             f"{TABLE}: the first line is '', not"),
        Kind("table truncated", rewrite(TABLE, lambda old: old[: old.index(NAME.encode()) + 9]),
             f"{TABLE}: line 14 has 1 fields, not 3 … {AGAIN}"),
        Kind("more fields than columns", edit(TABLE, ",stomach,", ",stomach,,"),
             f"{TABLE}: line 4 has 4 fields, not 3 … {AGAIN}"),
        Kind("table no text", rewrite(TABLE, lambda old: old + b"\xff"),
             f"{TABLE}: is no text in UTF-8 … {AGAIN}"),
        Kind("table missing", missing(TABLE),
             f"{SLICES}: no train.csv, neither there nor in … is this the GI Tract competition?"),
        Kind("no slices", lambda _: shutil.rmtree(SLICES),
             f"{SLICES}: no such folder … config.yaml"),
        Kind("id without an image", missing(SLICE),
             f"{TABLE}: {NAME} has no image … (ids like it: 1) … add the images, or remove the rows"),
        Kind("image without an id", rewrite(TABLE, lambda old: re.sub(rb"(?m)^case1_day0_slice_0005,.*\n", b"", old)),
             f"{SLICE}: {TABLE} has no row with its id, {NAME} (images like it: 1) … add the rows, or move"),
        Kind("image of another size than its name", pixels(lambda old: old[1:]),
             f"{SLICE}: has 53 x 52 pixels, but its name says 53 x 53 … the competition's own"),
        Kind("rows and columns exchanged in the name",
             both(pixels(lambda old: old[1:]), lambda _: SLICE.rename(SCANS / "slice_0005_52_53_7.50_7.50.png")),
             "slice_0005_52_53_7.50_7.50.png: has 53 x 52 pixels, but its name says 52 x 53"),
        Kind("8-bit image", pixels(lambda old: (old >> 8).astype(np.uint8)),
             f"{SLICE}: is 8-bit grey, not 16-bit grey … the competition's own"),
        Kind("colour image", pixels(lambda old: np.stack([old] * 3, axis=-1)),
             f"{SLICE}: is 16-bit colour, not 16-bit grey … the competition's own"),
        Kind("image no PNG", rewrite(SLICE, lambda _: b"GIF89a" * 20),
             f"{SLICE}: is no PNG … {AGAIN}"),
        Kind("image empty", rewrite(SLICE, lambda _: b""),
             f"{SLICE}: is no PNG … {AGAIN}"),
        Kind("image misnamed", lambda _: SLICE.rename(SCANS / "slice_5.png"),
             f"{SCANS}/slice_5.png: is not called as case123/ … rename it"),
        Kind("day of another case", lambda _: SCANS.parent.rename("abdomens/train/case1/case2_day0"),
             "case2_day0/scans/slice_0001_53_53_7.50_7.50.png: is not called as case123/ … rename it"),
        Kind("slice twice", lambda _: shutil.copy(SLICE, SCANS / "slice_0005_53_53_1.50_1.50.png"),
             f"{SLICE}: slice_0005_53_53_1.50_1.50.png is the same slice, {NAME} … remove one of the two"),
        Kind("pixels without a size", lambda _: SLICE.rename(SCANS / "slice_0005_53_53_7.50_0.00.png"),
             "slice_0005_53_53_7.50_0.00.png: says that pixels have no size … correct the name"),
    ],
    judge_slices: [
        Kind("image truncated", rewrite(SLICE, lambda old: old[:-20]),
             f"unreadable … {SLICE} … is no whole PNG, or damaged … {AGAIN}", DROPS),
        Kind("pixels damaged", rewrite(SLICE, lambda old: old[:200] + bytes([old[200] ^ 1]) + old[201:]),
             f"unreadable … {SLICE} … is no whole PNG, or damaged … {AGAIN}", DROPS),
        Kind("constant image", pixels(lambda old: old * 0 + 7),
             "constant_image … 7 … every voxel has the same grey value", DROPS),
        Kind("no organ", both(row("large_bowel", ""), row("small_bowel", ""), row("stomach", "")),
             "empty_mask … no label in any slice", DROPS),
    ],
    divide: [
        Kind("cases of a patient in two parts", edit(CASES, ",training,ED", ",testing,ED"),
             "patient001 … has testing cases and others … drop the ones or the others"),
        Kind("fewer patients than folds", both(first_lines(CASES, 3), first_lines(QUALITY, 1)),
             "1 patients are too few for 2 … give more patients … fewer folds"),
    ],
    prepare: [
        Kind("decision misspelt", edit(QUALITY, ",keep,", ",kep,"),
             "quality.csv: line 2 … decision 'kep' … write keep or drop"),
        Kind("decision on a case that is not there", edit(QUALITY, "patient001_frame08", "patient1"),
             "quality.csv: line 2 … no case 'patient1' … correct or remove it"),
        Kind("file changed since it was listed", both(*[voxels(path, lambda old: old[1:]) for path in (IMAGE, MASK)]),
             f"{IMAGE} … the file has changed … snakemake -c1 all -R index_cases"),
    ],
    unpack: [
        Kind("archive missing", missing(ARCHIVE),
             f"archive … no such file … {AGAIN}"),
        Kind("no archive", lambda _: ARCHIVE.write_bytes(b"<html>Not found</html>" * 50),
             f"archive … no whole zip or tar archive … {AGAIN}"),
        Kind("member climbs out, tar", tarred("../climbed"),
             "archive … '../climbed' … outside the folder … do not trust"),
        Kind("member climbs out further in, tar", tarred("a/../../climbed"),
             "archive … 'a/../../climbed' … outside the folder … do not trust"),
        Kind("member climbs out, zip", zipped("../climbed"),
             "archive … '../climbed' … outside the folder … do not trust"),
        Kind("absolute member, tar", absolute(tarred),
             "archive … /climbed' … outside the folder … do not trust"),
        Kind("absolute member, zip", absolute(zipped),
             "archive … /climbed' … outside the folder … do not trust"),
        Kind("symbolic link, tar", tarred(type=SYMTYPE, linkname="../../target"),
             "archive … 'special' is a link or a device … do not trust"),
        Kind("symbolic link, zip", zipped("link", mode=0o120777),
             "archive … 'link' is a link or a device … do not trust"),
        Kind("hard link", tarred(type=LNKTYPE, linkname="sound"),
             "archive … 'special' is a link or a device … do not trust"),
        Kind("device", tarred(type=CHRTYPE),
             "archive … 'special' is a link or a device … do not trust"),
        Kind("two members of one name", tarred("a", "./a"),
             "archive … member './a' stands twice … unpack it by hand"),
        Kind("member below a file", tarred("a", "a/b"),
             "archive … member 'a/b' stands twice, or below a file … unpack it by hand"),
        Kind("encrypted member", zipped("secret", flags=1),
             "archive … 'secret' is encrypted … unpack it by hand"),
        Kind("tar truncated", both(tarred("a"), rewrite(ARCHIVE, lambda old: old[:1200])),
             f"archive … no whole zip or tar archive … {AGAIN}"),
        Kind("tar truncated between members", both(tarred("a"), rewrite(ARCHIVE, lambda old: old[:1024])),
             f"archive … no whole zip or tar archive … {AGAIN}"),
        Kind("header of a member damaged", both(tarred("a"), rewrite(ARCHIVE, lambda old: old[:1030] + old[1029:])),
             f"archive … no whole zip or tar archive … {AGAIN}"),
        Kind("compressed tar truncated", both(tarred("a", mode="w:gz"), rewrite(ARCHIVE, lambda old: old[:-12])),
             f"archive … no whole zip or tar archive … {AGAIN}"),
        Kind("compressed tar damaged", both(tarred("a", mode="w:gz"), rewrite(ARCHIVE, lambda old: old[:-1] + b"?")),
             f"archive … compressed data are damaged … {AGAIN}"),
        Kind("zip damaged", both(zipped("a"), rewrite(ARCHIVE, lambda old: old.replace(b"target", b"tarred"))),
             f"archive … no whole zip or tar archive … CRC … {AGAIN}"),
        Kind("zip member shorter than declared", zipped("a", size=600),
             f"archive … member 'a' does not have its 600 bytes … {AGAIN}"),
        Kind("more than the disk has room for", both(tarred("a"), room(7)),
             "archive … needs 1 bytes more than the disk has; make room"),
    ],
    fetch: [
        Kind("connection cut off", cuts(300_000, 100_000),
             "/volume … trying again", CONTINUES),
        Kind("connection cut off for good", cuts(300_000, *[0] * 9),
             "/volume … failed 4 times … start again … what has arrived is kept", STOPS, PART),
        Kind("server busy", answers(503, 2),
             "/volume … answer 503 … trying again", CONTINUES),
        Kind("server busy for good", answers(503),
             "/volume … answer 503 … start again"),
        Kind("server pauses", pauses(0.5),
             "/volume … timed out … trying again", CONTINUES),
        Kind("server pauses for good", pauses(*[0.5] * 9),
             "/volume … timed out … start again … what has arrived is kept", STOPS, PART),
        Kind("server slow", slow,
             "/volume … 0.1 of 0.5 MB", CONTINUES),
        Kind("other content than promised", holds(VOLUME[::-1]),
             "/volume … expected 512000 bytes and SHA-256 … start again"),
        Kind("less content than promised", holds(VOLUME[:-1]),
             "/volume … sent 511999 bytes … expected 512000 bytes … start again"),
        Kind("more content than promised", holds(VOLUME + b"?"),
             "/volume … sent 512001 bytes … expected 512000 bytes … start again"),
        Kind("file not there", lambda p: p.site.files.clear(),
             "/volume … is not there (answer 404) … may have changed: look there with a browser"),
        Kind("file gone", answers(410),
             "/volume … is not there (answer 410) … may have changed: look there with a browser"),
        Kind("login asked for", answers(401),
             "/volume … answer 401 … may need a login now: look there with a browser"),
        Kind("access forbidden", answers(403),
             "/volume … answer 403 … may need a login now: look there with a browser"),
        Kind("request refused", answers(400),
             "/volume … answer 400 … refuses this request: look there with a browser"),
        Kind("redirections in a circle", answers(302, Location="/volume"),
             "/volume … redirects in a circle … may have changed: look there with a browser"),
        Kind("no server at the address", no_server,
             "127.0.0.1 … failed 4 times … refused … check the network"),
        Kind("no network", no_network,
             "medley.invalid … failed 4 times … name resolution … check the network"),
    ],
    configure: [
        Kind("config missing", missing(CONFIG),
             "config.yaml … No such file … give the configuration file's path"),
        Kind("config empty", lambda _: CONFIG.write_text(""),
             "config.yaml … no keys … write `key: value`"),
        Kind("no YAML", edit(CONFIG, "[acdc]", "[acdc"),
             "config.yaml … no YAML … line … correct it there"),
        Kind("no text", rewrite(CONFIG, lambda old: old + b"\xff"),
             "config.yaml … no text in UTF-8 … save it as UTF-8"),
        Kind("braces within braces", edit(CONFIG, "{full: {}}", "{{full}}"),
             "config.yaml … no YAML … line 3 … correct it there"),
        Kind("doubled key", edit(CONFIG, "seeds: [0]", "seeds: [0]\n    seeds: [1]"),
             "config.yaml: line 12 … key 'seeds' stands twice … remove one"),
        Kind("unknown key", edit(CONFIG, "batch: 8", "bacth: 8, batch: 8"),
             f"{STUDY}.training.bacth … unknown key … did you mean 'batch'?"),
        Kind("text for a list", edit(CONFIG, "datasets: [acdc]", "datasets: acdc"),
             f"{STUDY}.datasets … 'acdc' is text … write [acdc]"),
        Kind("text for a number", edit(CONFIG, "1.0e-4", "1e-4"),
             f"{STUDY}.training.lr … '1e-4' is text … write 1.0e-4"),
        Kind("fraction for a whole number", edit(CONFIG, "epochs: 10", "epochs: 1.5"),
             f"{STUDY}.training.epochs … 1.5 is a number … write a whole number"),
        Kind("name with a slash", edit(CONFIG, "{reader: acdc", "{regions: {L/R: [LV, RV]}, reader: acdc"),
             "datasets.acdc.regions … 'L/R' is not a name … letters, digits, _ and -"),
        Kind("weight for a missing member", edit(CONFIG, "deep: 0.4", "depp: 0.4"),
             f"{STUDY}.ensembles.weighted.weights … no member 'depp' … did you mean 'deep'?"),
        Kind("weights that sum to 0", edit(CONFIG, "fpn: 0.6, deep: 0.4", "fpn: 0, deep: 0"),
             f"{STUDY}.ensembles.weighted.weights … all are 0 … a weight above 0"),
        Kind("negative weight", edit(CONFIG, "deep: 0.4", "deep: -0.4"),
             f"{STUDY}.ensembles.weighted.weights.deep … -0.4 is negative … write 0 or more"),
        Kind("ensemble over two label sets", edit(CONFIG, "[LV], recipe: pad}", "[RV, MYO], recipe: pad}"),
             f"{STUDY}.ensembles.weighted … fpn has [RV, MYO] … deep has [LV] … combine members of one label set"),
        Kind("shares that are not the whole", edit(CONFIG, "test: 0.2", "test: 0.3"),
             f"{STUDY}.splits.single.parts … sum to 1.1 … make them sum to 1"),
    ],
    learn: [
        Kind("loss NaN in the first epoch", lambda p: p.member.update(lr=1e30),
             "loss became nan in epoch 1 … batch of patient … lower `lr` … no epoch was finished"),
        Kind("loss NaN in the third epoch", in_epoch(3, lambda loss: loss * np.nan),
             "loss became nan in epoch 3 … batch of patient … lower `lr` … epoch 2 is kept in run/state", STOPS, STATE),
        Kind("GPU out of memory", in_epoch(2, raises(torch.OutOfMemoryError("CUDA out of memory. …"))),
             "memory ran out in epoch 2 … lower … `batch` (8) … `shape` … epoch 1 is kept", STOPS, STATE),
        Kind("processor out of memory", in_epoch(2, lambda _: torch.empty(1 << 45)),
             "memory ran out in epoch 2 … lower … `batch` (8) … `shape` … epoch 1 is kept", STOPS, STATE),
        Kind("array out of memory", in_epoch(1, lambda _: np.empty(1 << 45)),
             "memory ran out in epoch 1 … lower the member's `batch` (8) … no epoch was finished"),
    ],
}  # fmt: skip


def kinds(*outcomes: str) -> Any:
    chosen = [(stage, kind) for stage, group in KINDS.items() for kind in group if kind.outcome in outcomes]
    names = [f"{stage.__name__}: {kind.what}" for stage, kind in chosen]
    return pytest.mark.parametrize(("stage", "kind"), chosen, ids=names)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        make_sound_input()
    return folder


@pytest.fixture
def place(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A copy of the sound folder, to be spoilt, as working directory."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    with serve() as site:
        site.files["/volume"] = VOLUME
        yield Place(site, monkeypatch)


def contents() -> dict[Path, bytes]:
    """Return every file in the working directory, hidden ones too; who last trained there does not matter."""
    files = (path for path in Path().rglob("*") if path.is_file() and path.parent.name != "state")
    return {path: path.read_bytes() for path in files}


def assert_says(kind: Kind, text: str) -> None:
    assert re.search(".*".join(re.escape(words) for words in kind.says.split(" … ")), text, re.DOTALL), text


@kinds(STOPS)
def test_one_message_and_nothing_half_written(stage: Stage, kind: Kind, place: Place) -> None:
    kind.spoil(place)
    before = contents()
    with pytest.raises(InputError) as caught:
        stage(place)
    assert_says(kind, str(caught.value))
    assert "\n" not in str(caught.value)
    after = contents()
    if kind.leaves:
        assert list(Path().glob(kind.leaves))
        after.pop(Path(kind.leaves), None)
    assert after == before


@kinds(CONTINUES)
def test_downloads_go_on_and_say_so(stage: Stage, kind: Kind, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    kind.spoil(place)
    before = contents()
    stage(place)
    assert contents() == {**before, Path("volume"): VOLUME}
    assert_says(kind, caplog.text)


@kinds(DROPS, KEEPS)
def test_no_case_is_lost_silently(stage: Stage, kind: Kind, place: Place) -> None:
    kind.spoil(place)
    stage(place)
    cases = read_cases(CASES)
    assert len(cases) == (40 if stage is judge_slices else 8)
    case = NAME if stage is judge_slices else "patient001_frame01"
    with QUALITY.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert_says(kind, "\n".join(", ".join(row.values()) for row in rows if row["case"] == case))
    dropped = {row["case"] for row in rows if row["decision"] == "drop"}
    assert (case in dropped) == (kind.outcome == DROPS)
    assert dropped - {case} == {name for name, other in cases.items() if not other.labels} - {case}
    with Path("split.csv").open(newline="") as stream:
        assert {row["case"] for row in csv.DictReader(stream)} == set(cases) - dropped
    unreadable = {row["case"] for row in rows if row["rule"] in ("unreadable", "mask_mismatch")}
    assert set(store.read_index(Path("arrays"))["cases"]) == set(cases) - unreadable


@pytest.mark.parametrize("stage", KINDS, ids=[stage.__name__ for stage in KINDS])
def test_sound_input_passes(stage: Stage, place: Place) -> None:
    stage(place)
