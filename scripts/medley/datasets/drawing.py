"""What phantoms of all datasets are drawn with."""

from typing import Any

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.floating[Any]]


def soft(depth: Field, pixel: float) -> Field:
    """Return the share of a pixel that lies inside, from the signed depth in mm; ``pixel`` is its size in mm."""
    share: Field = np.clip(depth / pixel + 0.5, 0, 1)
    return share


def paint(image: Field, share: Field, grey: float | Field) -> None:
    """Blend ``grey`` into ``image``, in place."""
    image += share * (grey - image)
