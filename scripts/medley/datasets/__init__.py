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
``{name}_download``; readers of one source (``cbis_ddsm_region``, ``cbis_ddsm_whole``) share those of
the name that they begin with. The reader finds these by name instead of importing them: what was read does
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
    return f"{__name__}.{helper(name, 'phantom')}"


def helper(name: str, kind: str) -> str:
    """Return the module that makes phantoms (``kind`` phantom) or fetches files (download) for reader ``name``.

    That is ``{name}_{kind}``, or the one of a name that ``name`` begins with, or the reader itself.
    """
    words = name.split("_")
    names = ["_".join([*words[:count], kind]) for count in range(len(words), 0, -1)]
    return next((own for own in names if importlib.util.find_spec(f"{__name__}.{own}")), name)
