"""A person's last word on cases: a table that wins over the rules of inspection.

Columns: case, decision (keep or drop), reason. What cannot be read stays dropped, whatever it says.
"""

import csv
import io
import os
from collections.abc import Container
from pathlib import Path

from medley.cases import DROP, KEEP, OVERRIDE
from medley.errors import InputError
from medley.quality import Finding

HEADER = ["case", "decision", "reason"]


def read(path: str | os.PathLike[str], cases: Container[str]) -> list[Finding]:
    """Return the rows of the table ``path`` as findings of the rule ``override``.

    Raises InputError, with the line, for a case that is not among ``cases`` or stands twice, for another
    decision, and for a file that is no such table.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); put it there, or remove it from config.yaml"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; save it as CSV in UTF-8") from None
    rows = csv.reader(io.StringIO(text))
    header = next(rows, [])
    if header != HEADER:
        what = f"{path}: the first line is {','.join(header)[:60]!r}"
        raise InputError(f"{what}; write {','.join(HEADER)!r}, and commas between the fields")
    found: dict[str, Finding] = {}
    for row in filter(None, rows):
        where = f"{path}: line {rows.line_num}"
        if len(row) != len(HEADER):
            raise InputError(f"{where} has {len(row)} fields, not {len(HEADER)}; put a reason with commas in quotes")
        case, decision, reason = row
        if case not in cases:
            raise InputError(f"{where}: the dataset has no case {case!r}; correct or remove the line")
        if case in found:
            raise InputError(f"{where}: case {case!r} stands twice; remove the wrong line")
        if decision not in (KEEP, DROP):
            raise InputError(f"{where}: decision {decision!r}; write keep or drop")
        found[case] = Finding(case, OVERRIDE, "", decision, reason)
    return list(found.values())
