"""Peers that are no part of the environment: each is installed once, into a folder of its own beside it."""

import importlib
import subprocess
import sys
from types import ModuleType

from medley.files import whole_folder

# With what it imports and the environment lacks; later versions import much more.
BLOSC2 = ("blosc2==3.6.1", "ndindex==1.10.1", "msgpack==1.1.2", "numexpr==2.14.1", "py-cpuinfo==9.0.0")


def blosc2() -> ModuleType | None:
    """Return the library of nnU-Net's array store, or None where it cannot be had."""
    folder = f"{sys.prefix}/peers/{BLOSC2[0]}"
    sys.path.append(folder)  # last: numpy stays that of the environment
    try:
        return importlib.import_module("blosc2")
    except ImportError:
        importlib.invalidate_caches()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
    try:
        with whole_folder(folder) as part:
            subprocess.run([*pip, "--target", str(part), *BLOSC2], check=True)
        return importlib.import_module("blosc2")
    except (subprocess.CalledProcessError, ImportError):
        return None
