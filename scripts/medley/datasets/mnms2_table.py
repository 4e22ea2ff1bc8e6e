"""``dataset_information.csv`` of M&Ms-2: what is known of each subject beside the images.

The columns read are SUBJECT_CODE (1 or 001), DISEASE and VENDOR; SCANNER and FIELD are not.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from medley.errors import InputError

NAME = "dataset_information.csv"
SUBJECT, DISEASE, VENDOR = "SUBJECT_CODE", "DISEASE", "VENDOR"
VENDORS = ("siemens", "philips", "ge")
LAST_SUBJECT = 360


class Subject(NamedTuple):
    """A row of the table."""

    pathology: str  # as the table's DISEASE, in lower case
    vendor: str  # one of VENDORS
    line: int  # where the row stands


def read(table: Path) -> dict[str, Subject]:
    """Return the subjects in ``table`` by their number of three digits. Rows of nothing but commas are passed over.

    Raises InputError for a file that cannot be read, a column that is missing, and a row without disease, of an
    unknown vendor, or of a subject that is none or stands twice.
    """
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{table}: is no text in UTF-8; save it as such, or fetch it again") from None
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror}); make it readable") from None
    rows = csv.DictReader(lines, restval="")
    for column in (SUBJECT, DISEASE, VENDOR):
        if column not in (rows.fieldnames or ()):
            found = ",".join(rows.fieldnames or ())[:60]
            what = f"{table}: the first line is {found!r}, without {column}"
            raise InputError(f"{what}; save it with the source's columns, separated by commas")
    subjects: dict[str, Subject] = {}
    for row in rows:
        if any(row[column].strip() for column in (SUBJECT, DISEASE, VENDOR)):
            number, subject = _subject(f"{table}: line {rows.line_num}", rows.line_num, row)
            if number in subjects:
                what = f"{table}: lines {subjects[number].line} and {subject.line} are both about subject {number}"
                raise InputError(f"{what}; remove the wrong row")
            subjects[number] = subject
    return subjects


def _subject(where: str, line: int, row: dict[str, str]) -> tuple[str, Subject]:
    """Return number and content of a row."""
    code, disease, vendor = (row[column].strip() for column in (SUBJECT, DISEASE, VENDOR))
    if not code.isdecimal() or not 1 <= int(code) <= LAST_SUBJECT:
        raise InputError(f"{where}: {SUBJECT} is {code!r}, not a number from 1 to {LAST_SUBJECT}; correct the row")
    maker = vendor.lower().partition(" ")[0]  # GE MEDICAL SYSTEMS, Philips Medical Systems, SIEMENS
    if maker not in VENDORS:
        known = ", ".join(VENDORS)
        raise InputError(f"{where}: {VENDOR} is {vendor!r}, which begins with none of {known}; correct the row")
    if not disease:
        raise InputError(f"{where}: {DISEASE} is empty; write the subject's, NOR for a healthy one")
    return f"{int(code):03d}", Subject(disease.lower(), maker, line)
