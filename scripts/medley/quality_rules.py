"""The rules of inspection, each of them about one case: what it looks at and what it says. See ``medley.quality``."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from medley.cases import DROP, KEEP, Case
from medley.errors import InputError
from medley.labels import select

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

SPACING_FACTOR = 3.0  # times or a fraction of the dataset's median


class Rule(NamedTuple):
    """What is done where a rule fires, and the rule's limit under the key that configuration has for it."""

    decision: str  # keep, drop or ignore
    key: str = ""  # above, below or within; empty for a rule without a limit
    limit: float = math.nan


class Fired(NamedTuple):
    """What a rule says of a case: its name, what it measured, and why that is odd."""

    rule: str
    value: str
    reason: str


class Usual(NamedTuple):
    """Medians over the dataset: spacing in mm (rows, columns, slices) and number of slices."""

    spacing: Sequence[float]
    slices: float


class Contrast(NamedTuple):
    """Of an image's grey values, the mean over channels: the largest less the smallest, and the standard deviation."""

    span: float
    deviation: float


RULES = {
    "unreadable": Rule(DROP),
    "constant_image": Rule(DROP),
    "empty_mask": Rule(DROP),
    "missing_labels": Rule(KEEP),
    "one_slice": Rule(KEEP),
    "extreme_spacing": Rule(KEEP),
    "mask_at_border": Rule(KEEP),
    "empty_slices": Rule(KEEP),
    "mask_mismatch": Rule(DROP),
    "full_mask": Rule(KEEP, "above", 0.95),
    "mask_along_border": Rule(KEEP, "above", 0.5),
    "blank_image": Rule(KEEP, "below", 2 / 255),
    "grey_mask": Rule(KEEP, "above", 0.01),
    "duplicate": Rule(DROP, "within", 2),
}


def changed(wanted: Mapping[str, str | Mapping[str, Any]]) -> dict[str, Rule]:
    """Return RULES with the decisions and limits that a dataset has for some: ``drop`` or ``{above: 0.9}``.

    Raises InputError for a limit that the rule does not have.
    """
    rules = dict(RULES)
    for name, choice in wanted.items():
        own = RULES[name]
        options: Mapping[str, Any] = {"decision": choice} if isinstance(choice, str) else choice
        if foreign := sorted(options.keys() - {"decision", own.key}):
            limit = f"its limit is called {own.key}" if own.key else "it has no limit"
            raise InputError(f"quality.{name}: {foreign[0]} is not allowed; {limit}")
        rules[name] = Rule(options.get("decision", own.decision), own.key, options.get(own.key, own.limit))
    return rules


def of_grid(case: Case, usual: Usual) -> Iterator[Fired]:
    """Yield what is odd about a case's shape and spacing."""
    if case.shape[2] == 1 < usual.slices:
        yield Fired("one_slice", "1", f"the dataset's median is {usual.slices:g} slices; is the file whole?")
    ratios = np.divide(case.spacing, usual.spacing)
    if ratios.max() > SPACING_FACTOR or ratios.min() < 1 / SPACING_FACTOR:
        value = "x".join(f"{size:.9g}" for size in case.spacing)
        median = " x ".join(f"{size:.3g}" for size in usual.spacing)
        yield Fired("extreme_spacing", value, f"the dataset's median is {median} mm; check the header")


def of_image(image: Image) -> Iterator[Fired]:
    """Yield what is odd about an image (channels, slices, rows, columns) by itself."""
    if (image == image[:, :1, :1, :1]).all():
        yield Fired("constant_image", f"{image.min():.9g}", "every voxel has the same grey value")


def of_contrasts(contrasts: Mapping[str, Contrast], below: float) -> Iterator[tuple[str, Fired]]:
    """Yield the cases whose grey values hardly vary, as a share of what the dataset's images usually span.

    So the limit means the same whatever grey values a dataset has. Constant images have a rule of their own.
    """
    usual = np.median([contrast.span for contrast in contrasts.values()]) if contrasts else 0
    for name, contrast in contrasts.items():
        if contrast.span > 0 and contrast.deviation < below * usual:
            value = f"{contrast.deviation / usual:.9g}"
            yield name, Fired("blank_image", value, f"grey values deviate by this share of the usual span, {usual:.4g}")


def of_mask(mask: Mask, labels: Mapping[str, tuple[int, ...]], rules: Mapping[str, Rule]) -> Iterator[Fired]:
    """Yield what is odd about a mask (slices, rows, columns)."""
    present = {name: bool(select(mask, values).any()) for name, values in labels.items()}
    if not any(present.values()):
        yield Fired("empty_mask", "0", "no label in any slice")
        return
    missing = [name for name, there in present.items() if not there]
    if missing:
        yield Fired("missing_labels", " ".join(missing), "not drawn in any slice")
    share = np.count_nonzero(mask) / mask.size
    if share > rules["full_mask"].limit:
        yield Fired("full_mask", f"{share:.9g}", "share of the image that is labelled; little is left beside it")
    if border := int(labelled_at_border(mask).sum()):
        yield Fired("mask_at_border", str(border), "labelled voxels at the image's border; it may be cut off")
        along = border / np.count_nonzero(outline(mask))
        if along > rules["mask_along_border"].limit:
            yield Fired("mask_along_border", f"{along:.9g}", "share of the mask's outline at the image's border")
    if empty := len(empty_slices(mask)):
        yield Fired("empty_slices", str(empty), f"of {len(mask)} slices; beyond the structure, or not drawn")


def contrast(image: Image) -> Contrast:
    """Return the contrast of an image (channels, slices, rows, columns)."""
    grey = image.mean(axis=0)
    return Contrast(float(np.ptp(grey)), float(grey.std(dtype=np.float64)))


def labelled_at_border(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the number of labelled voxels in the outermost rows and columns of each slice."""
    inner = np.count_nonzero(mask[:, 1:-1, 1:-1], axis=(1, 2))
    border: npt.NDArray[np.int64] = np.count_nonzero(mask, axis=(1, 2)) - inner
    return border


def outline(mask: Mask) -> npt.NDArray[np.bool_]:
    """Return where a labelled voxel has a side, within its slice, with an unlabelled one or with the image's border."""
    labelled = np.pad(mask != 0, ((0, 0), (1, 1), (1, 1)))
    inside = labelled[:, 1:-1, 1:-1]
    above, below = labelled[:, :-2, 1:-1], labelled[:, 2:, 1:-1]
    left, right = labelled[:, 1:-1, :-2], labelled[:, 1:-1, 2:]
    edge: npt.NDArray[np.bool_] = inside & ~(above & below & left & right)
    return edge


def empty_slices(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the indices of the slices without any label."""
    return np.flatnonzero(~mask.any(axis=(1, 2)))
