"""Phantoms in M&Ms-2's layout: the same files, names, headers and voxel types, both views of one heart.

The heart beats in FRAMES frames, of which ED and ES are two, as in the source.
"""

import csv
import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medley import nifti
from medley.datasets import mnms2_table, two_view_body, two_view_heart, two_view_scanner
from medley.datasets.drawing import Field
from medley.datasets.two_view_body import Body
from medley.datasets.two_view_heart import Heart
from medley.datasets.two_view_scanner import VENDORS, Settings, Vendor
from medley.errors import InputError

Generator = np.random.Generator

ALL = ("NOR", "RV", "LV", "TRI", "HCM", "ARR", "FALL", "CIA")
DISEASES = {  # by part, in the order in which subjects have them: of few subjects, too, some have an unseen disease
    "training": ("NOR", "LV", "HCM", "ARR", "FALL", "CIA"),
    "validation": ALL,
    "testing": ALL,
}
FIRST = {"training": 1, "validation": 161, "testing": 201}
MOST = {"training": 160, "validation": 40, "testing": 160}
FRAMES, SYSTOLE = 10, 4  # frames of a heartbeat that begins at ED, and the frame that is ES

# The axes of the real subject's stack in the scanner: along rows, columns and slices, these towards the apex.
STACK = np.array([[0.378, 0.828, -0.414], [0.749, -0.011, 0.662], [0.544, -0.560, -0.625]])


@dataclasses.dataclass(frozen=True)
class View:
    """A grid in the scanner. Directions are (3, 3): of rows, columns and slices, each a unit vector."""

    size: tuple[int, int, int]  # voxels: rows, columns, slices
    spacing: tuple[float, float, float]
    directions: Field
    origin: Field  # (3,) mm from the mitral valve to the first voxel
    drift: Field  # (slices, 3) mm: the slice's own breath-hold position


@dataclasses.dataclass(frozen=True)
class Subject:
    """Everything that the files of a subject share."""

    heart: Heart
    body: Body
    settings: Settings
    axes: Field  # (3, 3): the heart's z, u and v in the scanner
    valve: Field  # (3,) mm: where the mitral valve is in the scanner
    views: dict[str, View]


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write ``patients`` phantoms into ``folder``, about 40 % training, 20 % validation and 40 % testing.

    Of nine or more each part has every vendor. ``scale`` multiplies rows and columns. A subject depends on ``seed``
    and its own number only. Raises InputError for more phantoms than the source has subjects.
    """
    rows = []
    for part, count in _parts(patients).items():
        if count > MOST[part]:
            what = (
                f"phantom_cases: of {patients} subjects {count} would be for {part}, but M&Ms-2 has {MOST[part]} there"
            )
            raise InputError(f"{what}; ask for fewer")
        for place in range(count):
            number = FIRST[part] + place
            rng = np.random.default_rng([seed, number])
            vendor, disease = VENDORS[place % len(VENDORS)], _disease(part, place)
            subject = _draw_subject(rng, vendor, disease, scale)
            _write_subject(folder / "dataset" / f"{number:03d}", subject, rng)
            rows.append([number, disease, vendor.name, rng.choice(vendor.scanners), rng.choice(vendor.fields)])
    with (folder / mnms2_table.NAME).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([mnms2_table.SUBJECT, mnms2_table.DISEASE, mnms2_table.VENDOR, "SCANNER", "FIELD"])
        writer.writerows(rows)


def _parts(patients: int) -> dict[str, int]:
    """Return how many phantoms each part has."""
    most = max(1, patients - 2 * len(VENDORS))
    training = min(round(0.4 * patients), most)
    rest = patients - training
    validation = min(max(len(VENDORS), round(0.2 * patients)), rest // 2)
    return {"training": training, "validation": validation, "testing": rest - validation}


def _disease(part: str, place: int) -> str:
    """Return the disease of the subject at ``place`` in its part.

    Vendors take turns, too: diseases are shifted by one whenever both begin anew together, so that all of them meet.
    """
    diseases = DISEASES[part]
    rounds = place // math.lcm(len(diseases), len(VENDORS))
    return diseases[(place + rounds) % len(diseases)]


def _draw_subject(rng: Generator, vendor: Vendor, disease: str, scale: float) -> Subject:
    """Draw a subject with its two views."""
    settings = two_view_scanner.draw_settings(rng, vendor)
    heart = two_view_heart.draw_heart(rng, disease)
    body = two_view_body.draw_body(rng, settings.greys)
    stack = _orthonormal(STACK @ _turn(rng.normal(0, 0.12, 3)))
    septum = rng.normal(-2.3, 0.2)  # direction to the right ventricle in the short-axis image, from columns to rows
    to_right = np.sin(septum) * stack[0] + np.cos(septum) * stack[1]
    axes = np.stack([stack[2], to_right, np.cross(stack[2], to_right)])
    return Subject(
        heart=heart,
        body=body,
        settings=settings,
        axes=axes,
        valve=rng.normal((-20, -20, 40), 15, 3),
        views={"SA": _short_axis(rng, vendor, heart, stack, scale), "LA": _long_axis(rng, vendor, heart, axes, scale)},
    )


def _short_axis(rng: Generator, vendor: Vendor, heart: Heart, stack: Field, scale: float) -> View:
    """Draw the grid of the stack: from above the valve to below the apex."""
    thickness = float(rng.choice(vendor.thickness))
    first = -thickness * rng.uniform(0.2, 2.2)
    slices = int(np.ceil((heart.length - first) / thickness)) + int(rng.integers(0, 3))
    size, spacing = _plane(rng, vendor, scale)
    middle = rng.normal(0.5, 0.03, 2) * (np.array(size) - 1) * spacing
    origin = first * stack[2] - middle[0] * stack[0] - middle[1] * stack[1]
    drift = rng.normal(0, 1.2, (slices, 2)) @ stack[:2]
    return View((*size, slices), (spacing, spacing, thickness), stack, origin, drift)


def _long_axis(rng: Generator, vendor: Vendor, heart: Heart, axes: Field, scale: float) -> View:
    """Draw the grid of the four-chamber slice: about the plane of both ventricles' axes, the apex low in the image."""
    along, to_right, across = axes
    tilt, turn = rng.normal(0, 0.06), rng.normal(-0.2, 0.12)
    columns = -np.cos(tilt) * to_right + np.sin(tilt) * across
    rows = np.cos(turn) * along - np.sin(turn) * columns
    columns = np.cos(turn) * columns + np.sin(turn) * along
    size, spacing = _plane(rng, vendor, scale)
    middle = rng.normal(0.5, 0.03, 2) * (np.array(size) - 1) * spacing
    centre = 0.35 * heart.length * along + 10 * to_right + rng.normal(0, 2.5) * across
    origin = centre - middle[0] * rows - middle[1] * columns
    directions = np.stack([rows, columns, np.cross(rows, columns)])
    return View((*size, 1), (spacing, spacing, 1.0), directions, origin, np.zeros((1, 3)))


def _plane(rng: Generator, vendor: Vendor, scale: float) -> tuple[tuple[int, int], float]:
    """Draw rows and columns and the size of a pixel."""
    columns = rng.uniform(*vendor.matrix)
    rows = columns * rng.uniform(*vendor.oblong)
    pixel = float(f"{rng.uniform(*vendor.pixel) / scale:.5g}")
    return (round(rows * scale), round(columns * scale)), pixel


def _write_subject(folder: Path, subject: Subject, rng: Generator) -> None:
    """Write both views: the heartbeat, and its frames ED and ES with their masks."""
    folder.mkdir(parents=True)
    for name, view in subject.views.items():
        stem = f"{folder.name}_{name}"
        affine = np.eye(4)
        affine[:3, :3] = (view.directions * np.array(view.spacing)[:, None]).T
        affine[:3, 3] = subject.valve + view.origin
        beat = []
        for frame, (image, mask) in enumerate(_frames(subject, view, rng)):
            beat.append(image)
            if frame in (0, SYSTOLE):
                phase = "ED" if frame == 0 else "ES"
                for suffix, array in (("", image), ("_gt", mask)):
                    stored = _file_axes(array).astype(np.float64)
                    nifti.write(folder / f"{stem}_{phase}{suffix}.nii.gz", stored, view.spacing, affine)
        cine = np.stack([_file_axes(image) for image in beat], axis=-1).astype(np.int16)
        nifti.write(folder / f"{stem}_CINE.nii.gz", cine, view.spacing, affine)


def _frames(subject: Subject, view: View, rng: Generator) -> Iterator[tuple[Field, npt.NDArray[np.uint8]]]:
    """Yield image and mask, each (slices, rows, columns), of every frame."""
    pixel, greys = view.spacing[0], subject.settings.greys
    points = _points(view)
    bent = two_view_body.bend(subject.body, points)
    tissue = two_view_body.paint_body(subject.body, points, bent, greys, pixel)
    texture = _texture(rng, tissue.shape, 3 / pixel)
    bias = two_view_scanner.sensitivity(subject.settings, points) * (1 + 0.06 * texture)
    z, u, v = np.tensordot(subject.axes.astype(np.float32), points, axes=1)
    u, v = u + 1.2 * bent[0], v + 1.2 * bent[1]  # z not: valve and apex end a short-axis slice, not a part of it
    box = _box(two_view_heart.near(subject.heart, z, u, v))
    at = (z[box], u[box], v[box])
    for contraction in _beat():
        image, mask = tissue.copy(), np.zeros(tissue.shape, dtype=np.uint8)
        mask[box] = two_view_heart.paint_heart(subject.heart, contraction, image[box], at, greys, texture[box], pixel)
        yield two_view_scanner.scan(subject.settings, image, bias, pixel, rng), mask


def _points(view: View) -> Field:
    """Return the voxels' places (3, slices, rows, columns), mm from the mitral valve."""
    rows, columns, slices = (
        (np.arange(size) * spacing)[:, None] * direction
        for size, spacing, direction in zip(view.size, view.spacing, view.directions, strict=True)
    )
    places = view.origin + (slices + view.drift)[:, None, None] + rows[None, :, None] + columns[None, None, :]
    return np.ascontiguousarray(np.moveaxis(places, -1, 0), dtype=np.float32)


def _beat() -> list[float]:
    """Return each frame's contraction: 0 in the first, 1 at SYSTOLE, and back."""
    falling = [0.5 - 0.5 * np.cos(np.pi * frame / SYSTOLE) for frame in range(SYSTOLE)]
    filling = FRAMES - SYSTOLE
    return [*falling, *(0.5 + 0.5 * np.cos(np.pi * frame / filling) for frame in range(filling))]


def _box(inside: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the bounding box of what is true in ``inside``."""
    found = []
    for axis in range(inside.ndim):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        places = np.flatnonzero(inside.any(axis=others))
        found.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(found)


def _texture(rng: Generator, shape: tuple[int, ...], width: float) -> Field:
    """Return noise (slices, rows, columns) smoothed in plane by ``width`` pixels, mean 0, deviation 1."""
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0, width, width))
    scaled: Field = (smooth - smooth.mean()) / smooth.std()
    return scaled


def _turn(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the rotation by angles about the three axes, one after the other."""
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        one = np.eye(3)
        first, second = (other for other in range(3) if other != axis)
        one[first, first] = one[second, second] = np.cos(angle)
        one[first, second], one[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ one
    return turn


def _orthonormal(directions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return three nearly orthonormal directions exactly so, right-handed."""
    rows = directions[0] / np.linalg.norm(directions[0])
    columns = directions[1] - directions[1] @ rows * rows
    columns /= np.linalg.norm(columns)
    return np.stack([rows, columns, np.cross(rows, columns)])


def _file_axes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (slices, rows, columns) as the file's (rows, columns, slices)."""
    return array.transpose(1, 2, 0)
