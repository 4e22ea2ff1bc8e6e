"""Phantoms in the GI Tract competition's layout: the same folders, names, table and kind of PNG."""

from pathlib import Path

import cv2
import numpy as np

from medley import rle
from medley.datasets import abdomen_patient, abdomen_phantom
from medley.datasets.abdomen_patient import Generator, Patient
from medley.datasets.gi_tract import BITS, HEADER, TABLE

SIZES = ((266, 266, 1.50), (310, 360, 1.50), (276, 276, 1.63), (234, 234, 1.50))  # rows, columns, mm; by patient
DAYS = 2
SLICES = 10
TOP, BOTTOM = -0.15, 1.15  # of the slices along the body (see ``abdomen_patient``): the first show no organ
MOST = 4000.0  # grey value of fat on the brightest scans

Row = tuple[str, str, str]


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write ``patients`` phantoms with DAYS scans of SLICES slices each into ``folder``.

    ``scale`` multiplies rows and columns; the field of view stays. A patient depends on ``seed`` and its own
    number only.
    """
    rows: list[Row] = []
    for index in range(patients):
        rows += _write_patient(folder / "train", index, scale, np.random.default_rng([seed, index]))
    lines = [",".join(row) for row in (tuple(HEADER), *sorted(rows))]
    (folder / TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_patient(train: Path, index: int, scale: float, rng: Generator) -> list[Row]:
    """Write a patient's scans and return the table's rows about them."""
    patient = abdomen_patient.draw_patient(rng)
    rows: list[Row] = []
    day = 0
    for _ in range(DAYS):
        name = f"case{index + 1}_day{day}"
        rows += _write_scan(train / f"case{index + 1}" / name, patient, index, scale, rng)
        patient = abdomen_patient.on_another_day(patient, rng)
        day += int(rng.integers(7, 30))
    return rows


def _write_scan(folder: Path, patient: Patient, index: int, scale: float, rng: Generator) -> list[Row]:
    """Write a scan's slices and return the table's rows about them."""
    rows, columns, millimetres = SIZES[index % len(SIZES)]
    size, pixel = (round(rows * scale), round(columns * scale)), millimetres / scale
    brightness = rng.uniform(0.2, 1) * MOST
    places = np.linspace(TOP, BOTTOM, SLICES) + rng.normal(0, 0.02)
    (folder / "scans").mkdir(parents=True)
    table: list[Row] = []
    for number, t in enumerate(places, start=1):
        image, mask = abdomen_phantom.render(patient, size, pixel, float(t), rng)
        name = f"slice_{number:04d}_{size[1]}_{size[0]}_{pixel:.2f}_{pixel:.2f}.png"
        grey = np.clip(np.rint(image * brightness), 0, 65535).astype(np.uint16)
        _, png = cv2.imencode(".png", grey)
        (folder / "scans" / name).write_bytes(png.tobytes())
        identity = f"{folder.name}_slice_{number:04d}"
        table += [(identity, organ, rle.encode(mask & bit > 0)) for organ, bit in BITS.items()]
    return table
