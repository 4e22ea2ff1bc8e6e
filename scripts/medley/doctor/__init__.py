"""`make doctor`: what this machine has, what is missing for a run, and what to do about it.

The modules ``environment`` and ``machine`` need nothing but Python itself: they also speak where the
packages are not installed yet.
"""

import dataclasses
import functools
import shutil
import textwrap
from typing import Literal

STATUS_WIDTH, CHECK_WIDTH = 9, 18  # columns


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check found.

    A ``problem`` stops a run; a ``note`` is worth knowing. ``advice`` says what to do.
    """

    status: Literal["ok", "note", "problem"]
    check: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """Return the finding as aligned lines, as wide as the terminal; the advice begins one of its own."""
        indent = " " * (STATUS_WIDTH + CHECK_WIDTH)
        columns = max(80, shutil.get_terminal_size((120, 24)).columns) - len(indent)
        wrap = functools.partial(textwrap.wrap, width=columns, break_long_words=False, break_on_hyphens=False)
        lines = wrap(self.text) + (wrap(f"→ {self.advice}", subsequent_indent="  ") if self.advice else [])
        return f"{self.status:<{STATUS_WIDTH}}{self.check:<{CHECK_WIDTH}}" + f"\n{indent}".join(lines)
