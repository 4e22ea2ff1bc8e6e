"""Loading and augmenting slices: from the array store, against the usual data set that does all of it for each item.

The usual one reads the PNG, decodes the runs of three organs, brings both to 224 x 224 pixels, equalises contrast on
three channels and takes the same augmentation. Slices are phantoms of the real sizes. The store's files are opened
for each slice, as where there are more cases than may be open.
"""

import csv
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np

from medley import augmentations, preprocess, rle, samples, store
from medley.cases import Case
from medley.datasets import gi_tract
from tests.benchmarks.timing import compare

PATIENTS = 4
BATCH = 16
RECIPE = {"intensity": "minmax", "spacing": None, "shape": None, "resize": [224, 224], "clahe": 2.0}
GOAL = 2

Item = tuple[np.ndarray, np.ndarray]


class Usual:
    """Every item from its files."""

    def __init__(self, cases: list[Case]) -> None:
        self.cases = cases
        with Path(cases[0].mask).open(newline="") as stream:
            self.runs = {(row["id"], row["class"]): row["segmentation"] for row in csv.DictReader(stream)}
        self.clahe = albumentations.CLAHE(clip_limit=(2, 2), tile_grid_size=(8, 8), p=1)

    def item(self, number: int) -> Item:
        """Return an image (1, 224, 224) and a mask of bits (224, 224)."""
        case = self.cases[number]
        image = cv2.imread(case.image, cv2.IMREAD_UNCHANGED).astype(np.float32)
        image = (image - image.min()) / (image.max() - image.min())
        size = RECIPE["resize"][::-1]
        mask = np.zeros(size, np.uint8)
        for organ, bit in gi_tract.BITS.items():
            plane = rle.decode(self.runs[case.case, organ], case.shape[:2])
            mask |= np.uint8(bit) * (cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5)
        resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return self.clahe(image=np.dstack([resized] * 3))["image"][None, ..., 1], mask


def run() -> list[dict[str, Any]]:
    """Return one row with, and one without augmentation."""
    augmentation = augmentations.build("gi_tract")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gi_tract.make_phantom(folder, PATIENTS, 1, 0)
        cases = gi_tract.index(folder)
        arrays = folder / "arrays"
        arrays.mkdir()
        for case in cases:
            grid = preprocess.geometry(case.shape, case.spacing, RECIPE)
            both = preprocess.preprocess(gi_tract.read_image(case), gi_tract.read_mask(case), grid, RECIPE)
            store.write_case(arrays, case.case, *both)
        labels = gi_tract.LABELS
        held = samples.Slices(arrays, [case.case for case in cases], list(labels), labels, "sigmoid", augmentation)
        held.image, held.mask = partial(store.open_image, arrays), partial(store.open_mask, arrays)
        usual = Usual(cases)
        agree(held, usual, augmentation)
        batches = samples.batches(samples.epoch_order(len(held), 0, 0), BATCH)

        def ours(augmented: bool) -> None:
            for number, batch in enumerate(batches):
                held.batch(batch, [0, 0, number] if augmented else None)

        def theirs(augmented: bool) -> None:
            for number, batch in enumerate(batches):
                items = [usual.item(sample) for sample in batch]
                if augmented:
                    generator = np.random.default_rng([0, 0, number])
                    items = [augmentation(*item, generator) for item in items]
                np.stack([image for image, _ in items])
                np.stack([[mask & bit > 0 for bit in gi_tract.BITS.values()] for _, mask in items]).astype(np.float32)

        what = f"{len(held)} slices of 224 x 224"
        return [
            compare(f"loading and augmenting {what}", lambda: ours(True), lambda: theirs(True), GOAL),
            compare(f"loading {what}", lambda: ours(False), lambda: theirs(False), goal=None),
        ]


def agree(held: samples.Slices, usual: Usual, augmentation: augmentations.Augmentation) -> None:
    """Check that both make the same of a slice, but for what rounding decides."""
    for sample in range(0, len(held), 10):
        stream = np.random.SeedSequence([0], spawn_key=(0,))
        augmented = augmentation(*usual.item(sample), np.random.default_rng(stream))
        for (image, mask), key in ((usual.item(sample), None), (augmented, [0])):
            images, targets = held.batch([sample], key)
            planes = np.stack([mask & bit > 0 for bit in gi_tract.BITS.values()])
            assert np.mean(np.abs(images[0] - image)) < 0.002
            assert np.mean(targets[0] != planes) < 0.002
