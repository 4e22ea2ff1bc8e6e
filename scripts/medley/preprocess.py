"""Recipes: from the native grid to the arrays that networks see, and the way back.

A recipe may first crop to the box of what is not zero. It scales intensities, resamples to a spacing, and pads
or crops about the centre to a shape; or it resizes slices to rows and columns, whatever their spacing. Last it may
equalise contrast. Each step is optional; sizes and spacings stand in the order rows, columns, slices.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from medley.cases import slices_first
from medley.errors import InputError
from medley.resample import resample, resample_mask

# Mean and standard deviation of red, green and blue in [0, 1], as every network trained on ImageNet was fed.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]
Size = tuple[int, int, int]
Box = Sequence[Sequence[int]]  # first and one past the last voxel along slices, rows and columns


@dataclasses.dataclass(frozen=True)
class Geometry:
    """What a recipe does to one case's grid. All sizes in the order (slices, rows, columns)."""

    native: Size  # the raw file's grid
    box: Box  # the part of it that is not cropped away
    resampled: Size  # after resampling, before pad and crop
    window: Size  # the recipe's grid
    area: bool = False  # whether samples that become fewer are means over areas

    def apply_image(self, image: Floats, intensity: Any = None) -> Floats:
        """Return ``image`` (channels, slices, rows, columns) on the recipe's grid, scaled (see ``scale_intensity``).

        Cubic resampling, or means over areas; padded with each channel's minimum.
        """
        scaled = scale_intensity(image[(slice(None), *self._boxed)], intensity)
        channels = [resample(channel, self.resampled, order="area" if self.area else 3) for channel in scaled]
        return np.stack([self._cut(channel, channel.min()) for channel in channels])

    def apply_mask(self, mask: Mask) -> Mask:
        """Return ``mask`` (slices, rows, columns) on the recipe's grid; exact where nothing is resampled."""
        return self._cut(resample_mask(mask[self._boxed], self.resampled, order="area" if self.area else 1), 0)

    def undo(self, probabilities: Floats, outside: Sequence[float]) -> Floats:
        """Return ``probabilities`` (channels, slices, rows, columns) on the native grid.

        Exact inside the window where nothing is resampled, else linear. Outside the window channel i
        is ``outside[i]``: 1 for background, 0 for the rest.
        """
        whole = np.empty((len(outside), *self.resampled), dtype=np.float32)
        whole[:] = np.asarray(outside, dtype=np.float32)[:, None, None, None]
        there, here = self._overlap()
        whole[(slice(None), *there)] = probabilities[(slice(None), *here)]
        boxed = resample(whole, self._box_size, order=1)
        if self._box_size == self.native:
            return boxed
        native = np.empty((len(outside), *self.native), dtype=np.float32)
        native[:] = np.asarray(outside, dtype=np.float32)[:, None, None, None]
        native[(slice(None), *self._boxed)] = boxed
        return native

    def inside(self) -> npt.NDArray[np.bool_]:
        """Return which native voxels (slices, rows, columns) have their centre inside the recipe's window."""
        axes: list[npt.NDArray[np.bool_]] = []
        there, _ = self._overlap()
        for native, (start, stop), resampled, kept in zip(self.native, self.box, self.resampled, there, strict=True):
            centre = (np.arange(native) - start + 0.5) * resampled / (stop - start)
            axes.append((centre >= kept.start) & (centre < kept.stop))
        within: npt.NDArray[np.bool_] = axes[0][:, None, None] & axes[1][:, None] & axes[2]
        return within

    @property
    def _boxed(self) -> tuple[slice, ...]:
        return tuple(slice(start, stop) for start, stop in self.box)

    @property
    def _box_size(self) -> Size:
        slices, rows, columns = (stop - start for start, stop in self.box)
        return slices, rows, columns

    def _cut(self, array: npt.NDArray[Any], fill: float) -> npt.NDArray[Any]:
        """Return ``array`` centred in the window: cropped where it is larger, filled where it is smaller."""
        result = np.full(self.window, fill, dtype=array.dtype)
        there, here = self._overlap()
        result[here] = array[there]
        return result

    def _overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Return the part that both grids share, as slices of the resampled grid and of the window."""
        there, here = [], []
        for size, window in zip(self.resampled, self.window, strict=True):
            kept = min(size, window)
            there.append(slice((size - kept) // 2, (size - kept) // 2 + kept))
            here.append(slice((window - kept) // 2, (window - kept) // 2 + kept))
        return tuple(there), tuple(here)


def nonzero_box(image: Floats) -> Box:
    """Return the box of all voxels of ``image`` (channels, slices, rows, columns) that are not 0 in some channel.

    The whole, where there is none.
    """
    there: npt.NDArray[np.bool_] = np.any(image != 0, axis=0)
    box = []
    for axis in range(3):
        found = np.flatnonzero(there.any(axis=tuple({0, 1, 2} - {axis})))
        box.append((int(found[0]), int(found[-1]) + 1) if found.size else (0, there.shape[axis]))
    return box


def geometry(
    shape: Size, spacing: tuple[float, float, float], recipe: Mapping[str, Any], box: Box | None = None
) -> Geometry:
    """Return what ``recipe`` does to a grid of ``shape`` (voxels) and ``spacing`` (mm): rows, columns, slices.

    ``box`` is what the recipe crops to, see ``nonzero_box``. Raises InputError without one where it crops.
    """
    if "crop" in recipe and box is None:
        raise InputError("a recipe with `crop` has a grid for each case: reported metrics cannot be taken on it")
    native = slices_first(shape)
    box = box or [(0, size) for size in native]
    if "resize" in recipe:
        resized = (box[0][1] - box[0][0], *recipe["resize"])
        return Geometry(native, box, resized, resized, area=True)
    slices, rows, columns = (stop - start for start, stop in box)
    shape = (rows, columns, slices)
    spacings = recipe["spacing"] or (None,) * 3
    sizes = recipe["shape"] or (None,) * 3
    rows, columns, slices = (
        size if wanted is None else max(1, round(size * millimetres / wanted))
        for size, millimetres, wanted in zip(shape, spacing, spacings, strict=True)
    )
    resampled = (rows, columns, slices)
    rows, columns, slices = (size if wanted is None else wanted for size, wanted in zip(resampled, sizes, strict=True))
    return Geometry(native, box, slices_first(resampled), (slices, rows, columns))


def scale_intensity(image: Floats, intensity: Any) -> Floats:
    """Return ``image`` (channels, slices, rows, columns) with each channel scaled as the recipe says.

    ``None`` leaves it, ``minmax`` brings it to [0, 1], ``zscore`` to zero mean and unit variance,
    ``{percentile: [low, high]}`` too, after clipping at these percentiles. A constant channel becomes zero.
    ``imagenet`` takes values from 0 to 255 by the mean and deviation of ImageNet's colours; a grey image
    becomes one of three channels. Raises InputError for other numbers of channels than 1 and 3.
    """
    if intensity is None:
        return image
    if intensity == "imagenet":
        return _imagenet(image)
    name, options = (intensity, None) if isinstance(intensity, str) else next(iter(intensity.items()))
    return np.stack([INTENSITIES[name](channel, options) for channel in image])


def preprocess(image: Floats, mask: Mask, grid: Geometry, recipe: Mapping[str, Any]) -> tuple[Floats, Mask]:
    """Return image and mask on the recipe's grid: intensities scaled on the native box, contrast equalised on this.

    Raises InputError when the two do not have the geometry's native shape.
    """
    for what, shape in (("image", image.shape[1:]), ("mask", mask.shape)):
        if shape != grid.native:
            raise InputError(
                f"the {what} has {shape} slices, rows, columns, the table of cases says {grid.native}: the file has "
                "changed; list the cases again (snakemake -c1 all -R index_cases)"
            )
    scaled = grid.apply_image(image, recipe["intensity"])
    if "clahe" in recipe:
        from medley import contrast

        scaled = contrast.equalise(scaled, recipe["clahe"])
    return scaled, grid.apply_mask(mask)


def _imagenet(image: Floats) -> Floats:
    if len(image) not in (1, 3):
        raise InputError(
            f"intensity imagenet is for grey or colour images, not for {len(image)} channels; take another"
        )
    mean, deviation = (np.array(values, dtype=np.float32)[:, None, None, None] for values in IMAGENET)
    scaled: Floats = (image / np.float32(255) - mean) / deviation
    return scaled


def _minmax(channel: Floats, _: None) -> Floats:
    low, high = channel.min(), channel.max()
    return (channel - low) / (high - low) if high > low else np.zeros_like(channel)


def _percentile(channel: Floats, percentiles: Sequence[float]) -> Floats:
    low, high = np.percentile(channel, percentiles).astype(np.float32)
    return _zscore(np.clip(channel, low, high))


def _zscore(channel: Floats, _: None = None) -> Floats:
    deviation = channel.std(dtype=np.float64)
    if deviation == 0:
        return np.zeros_like(channel)
    standardised: Floats = ((channel - channel.mean(dtype=np.float64)) / deviation).astype(np.float32)
    return standardised


INTENSITIES: dict[str, Callable[[Floats, Any], Floats]] = {
    "minmax": _minmax,
    "zscore": _zscore,
    "percentile": _percentile,
}
