"""Labels by name: which mask values a label stands for, and how class indices follow from them."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]
Values = Mapping[str, tuple[int, ...]]


def with_regions(labels: Values, regions: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, ...]]:
    """Return the mask values of each label and of each region (a named union of labels)."""
    united = {name: sorted({value for part in parts for value in labels[part]}) for name, parts in regions.items()}
    return {**labels, **{name: tuple(values) for name, values in united.items()}}


def regions_of(names: Sequence[str], regions: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the regions, not in ``names`` themselves, whose parts all stand in ``names``."""
    return {
        name: tuple(parts) for name, parts in sorted(regions.items()) if name not in names and set(parts) <= set(names)
    }


def select(mask: Mask, values: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Return where ``mask`` holds one of ``values``: a boolean array of the same shape."""
    table = np.zeros(256, dtype=bool)
    table[list(values)] = True
    return table[mask]


def class_indices(mask: Mask, names: Sequence[str], values: Values) -> Mask:
    """Return 0 for background and i + 1 where ``mask`` belongs to ``names[i]`` (uint8, same shape)."""
    table = np.zeros(256, dtype=np.uint8)
    for index, name in enumerate(names, start=1):
        table[list(values[name])] = index
    return table[mask]
