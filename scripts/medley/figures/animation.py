"""Figures one after another as GIF, small enough for a report."""

import io
import os
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from medley.errors import InputError
from medley.files import whole_file

LARGEST = 2_000_000  # bytes
GREYS = (128, 64, 32, 16)  # of the palette that all frames share; fewer are smaller
MIXED = (0.0, 0.5, 1.0)  # greys that stand half in a colour at its smoothed edges
DOTS = 110  # per inch


def save(figures: Iterable[Figure], path: str | os.PathLike[str], milliseconds: int, colours: Iterable[str]) -> None:
    """Write ``figures``, all of one size, as GIF that shows each for some ``milliseconds``, again and again.

    Beside ``colours`` they are grey, in as many steps of GREYS as make the file no larger than LARGEST. Raises
    InputError where none do.
    """
    frames, kept = [_pixels(figure) for figure in figures], list(colours)
    sizes = (_gif(frames, palette(kept, greys), milliseconds) for greys in GREYS)
    content = next((small for small in sizes if len(small) <= LARGEST), None)
    if content is None:
        raise InputError(f"{path}: {len(frames)} frames do not fit into {LARGEST / 1e6:g} MB; show fewer of them")
    with whole_file(path) as part:
        part.write_bytes(content)


def palette(colours: Sequence[str], greys: int) -> list[int]:
    """Return red, green, blue from 0 to 255 of so many ``greys``, then of ``colours``, pure and mixed with greys."""
    mixed = [
        share * np.array(to_rgb(colour)) + (1 - share) * grey
        for colour in colours
        for share, grey in ((1.0, 0.0), *((0.5, grey) for grey in MIXED))
    ]
    steps = [np.full(3, grey) for grey in np.linspace(0, 1, greys)]
    return [round(255 * float(value)) for value in np.concatenate([*steps, *mixed])]


def _pixels(figure: Figure) -> Image.Image:
    """Return a figure as picture."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS)
    return Image.open(stream).convert("RGB")


def _gif(frames: list[Image.Image], values: list[int], milliseconds: int) -> bytes:
    """Return ``frames`` as GIF with one palette: palettes of their own would flicker."""
    chosen = Image.new("P", (1, 1))
    chosen.putpalette(values)
    first, *others = (frame.quantize(palette=chosen, dither=Image.Dither.NONE) for frame in frames)
    stream = io.BytesIO()
    first.save(stream, format="GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
    return stream.getvalue()
