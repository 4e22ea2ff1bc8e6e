"""The sources of cases, by name: one module reads a source's own files, others fetch or imitate them.

A reader module ``medley.datasets.{name}`` has

- ``LABELS``: label → the mask values that it stands for;
- ``index(folder) -> list[Case]``: every case in a folder of the source's own layout;
- ``read_image(case)``: float32 (channels, slices, rows, columns), ``read_mask(case)``: uint8
  (slices, rows, columns);
- ``make_phantom(folder, patients, scale, seed)``: made-up cases in the same layout;
- ``download(folder)``: the source itself, continuing what an earlier call left (``medley.download``);
  archives are unpacked by ``medley.archive``.

Where the last two are more than a few lines they have modules of their own, ``{name}_phantom`` and
``{name}_download``. The reader finds these by name instead of importing them: what was read does
not change when they do, and nothing is trained again (design: re-run what changed).

Beside ``download`` stand ``SERVER``, the source's address (missing for one behind a login), and ``BY_HAND``,
what a person does where it cannot be reached: ``make doctor`` reads both.
"""

import importlib
import importlib.util
from types import ModuleType


def reader(name: str) -> ModuleType:
    """Return the module ``medley.datasets.{name}``: a reader, or a helper such as ``acdc_phantom``."""
    return importlib.import_module(f"{__name__}.{name}")


def phantom_module(name: str) -> str:
    """Return the full name of the module whose code makes the phantoms of reader ``name``."""
    own = f"{__name__}.{name}_phantom"
    return own if importlib.util.find_spec(own) else f"{__name__}.{name}"
