"""The rules of inspection, one by one, on made-up cases; the table and the contact sheet."""

import csv
import dataclasses
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import matplotlib.image
import numpy as np
import pytest

from medley import contact_sheet, quality
from medley.cases import Case, write_cases
from medley.config_schema import schema
from medley.datasets import acdc
from medley.errors import InputError
from scripts import inspect_cases

SHAPE = (3, 8, 9)


def a_mask() -> Any:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[:, 2:5, 2:5] = 1
    mask[:, 5:7, 5:7] = 2
    return mask


def an_image() -> Any:
    return np.random.default_rng(0).normal(100, 20, (1, *SHAPE)).astype(np.float32)


def a_case(name: str, spacing: tuple[float, float, float] = (1.5, 1.5, 8.0), mask: str = "mask") -> Case:
    return Case(name, name, "image", mask, (8, 9, 3), spacing)


def a_reader(images: dict[str, Any], masks: dict[str, Any]) -> ModuleType:
    def read_image(case: Case) -> Any:
        image = images.get(case.case, an_image())
        if isinstance(image, Exception):
            raise image
        return image

    def read_mask(case: Case) -> Any:
        return masks.get(case.case, a_mask())

    labels = {"inner": (1,), "outer": (2,)}
    return cast(ModuleType, SimpleNamespace(LABELS=labels, read_image=read_image, read_mask=read_mask))


def findings_of(case: Case, image: Any = None, mask: Any = None) -> list[tuple[str, str, str]]:
    images = {} if image is None else {case.case: image}
    masks = {} if mask is None else {case.case: mask}
    others = [a_case("other1"), a_case("other2")]
    found = quality.inspect({c.case: c for c in (case, *others)}, a_reader(images, masks))
    assert {finding.case for finding in found} <= {case.case}
    return [(finding.rule, finding.value, finding.decision) for finding in found]


def test_ordinary_case_has_no_row() -> None:
    assert findings_of(a_case("case")) == []


def test_unreadable_is_dropped_with_the_readers_words() -> None:
    error = InputError("image.nii.gz: 2 voxels are NaN or infinite; mend the file")
    case = a_case("case")
    assert findings_of(case, image=error) == [("unreadable", "", "drop")]
    (finding,) = quality.inspect({"case": case}, a_reader({"case": error}, {}))
    assert finding.reason == str(error)


def test_one_slice_is_odd_only_where_others_have_more() -> None:
    image, mask = an_image()[:, :1], a_mask()[:1]
    one = {name: dataclasses.replace(a_case(name), shape=(8, 9, 1)) for name in ("a", "b", "c")}
    reader = a_reader(dict.fromkeys(one, image), dict.fromkeys(one, mask))
    assert quality.inspect(one, reader) == []
    found = quality.inspect({**one, "b": a_case("b"), "c": a_case("c")}, reader)
    assert [(finding.case, finding.rule, finding.decision) for finding in found] == [("a", "one_slice", "keep")]


def test_case_without_a_mask_is_no_empty_mask() -> None:
    assert findings_of(a_case("case", mask="")) == []


def test_missing_label_is_noted() -> None:
    mask = a_mask()
    mask[mask == 2] = 0
    assert findings_of(a_case("case"), mask=mask) == [("missing_labels", "outer", "keep")]


@pytest.mark.parametrize(
    ("spacing", "fires"),
    [((4.4, 1.5, 8.0), False), ((4.6, 1.5, 8.0), True), ((1.5, 0.51, 8.0), False), ((1.5, 1.5, 2.6), True)],
)
def test_spacing_far_from_the_median_is_noted(spacing: tuple[float, float, float], fires: bool) -> None:
    value = "x".join(f"{size:g}" for size in spacing)
    assert findings_of(a_case("case", spacing)) == ([("extreme_spacing", value, "keep")] if fires else [])


def test_mask_at_the_border_is_counted() -> None:
    mask = a_mask()
    mask[1, 0, 3:5] = 1
    mask[2, 7, 8] = 2
    mask[0, 4, 0] = 1
    assert findings_of(a_case("case"), mask=mask) == [("mask_at_border", "4", "keep")]


def test_empty_slices_are_counted() -> None:
    mask = a_mask()
    mask[[0, 2]] = 0
    assert findings_of(a_case("case"), mask=mask) == [("empty_slices", "2", "keep")]


def test_a_dataset_decides_otherwise() -> None:
    masks = {"a": np.zeros(SHAPE, dtype=np.uint8), "b": a_mask() % 2}
    cases = {name: a_case(name) for name in "abc"}
    own = [("a", "empty_mask", "drop"), ("b", "missing_labels", "keep")]
    for decisions, expected in (
        (None, own),
        ({"empty_mask": "keep"}, [("a", "empty_mask", "keep"), own[1]]),
        ({"empty_mask": "ignore", "missing_labels": "drop"}, [("b", "missing_labels", "drop")]),
    ):
        found = quality.inspect(cases, a_reader({}, masks), decisions)
        assert [(each.case, each.rule, each.decision) for each in found] == expected


def test_the_configuration_knows_every_rule() -> None:
    assert quality.__doc__ is not None
    written = re.findall(r"^(\w+) +(?:drop|keep) ", quality.__doc__, flags=re.MULTILINE)
    names = schema()["$defs"]["dataset"]["properties"]["quality"]["propertyNames"]["enum"]
    assert len(written) == 8
    assert names == written


def test_table_and_contact_sheet_of_phantoms(tmp_path: Path) -> None:
    acdc.make_phantom(tmp_path, 3, 0.3, 0)
    cases = acdc.index(tmp_path)
    write_cases(tmp_path / "cases.csv", cases)
    Path(cases[0].image).write_bytes(b"broken since")
    main = [str(tmp_path / name) for name in ("cases.csv", "quality.csv", "quality.png")]
    inspect_cases.main(main[0], "acdc", main[1], main[2])

    with (tmp_path / "quality.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["case", "rule", "value", "decision", "reason"]
    assert [(row["case"], row["rule"]) for row in rows if row["decision"] == "drop"] == [(cases[0].case, "unreadable")]
    assert rows == sorted(rows, key=lambda row: (row["case"], row["rule"]))
    for case in cases[1:]:
        empty = int((acdc.read_mask(case) == 0).all(axis=(1, 2)).sum())
        values = [row["value"] for row in rows if (row["case"], row["rule"]) == (case.case, "empty_slices")]
        assert values == ([str(empty)] if empty else [])

    first = (tmp_path / "quality.csv").read_bytes(), (tmp_path / "quality.png").read_bytes()
    inspect_cases.main(main[0], "acdc", main[1], main[2])
    assert ((tmp_path / "quality.csv").read_bytes(), (tmp_path / "quality.png").read_bytes()) == first


def test_contact_sheet_draws_contours_in_the_labels_colours(tmp_path: Path) -> None:
    cases = {f"case{n}": a_case(f"case{n}") for n in range(6)}
    contact_sheet.draw(tmp_path / "sheet.png", cases, [], a_reader({}, {}))
    picture = (matplotlib.image.imread(tmp_path / "sheet.png")[..., :3] * 255).round().astype(int)
    for colour in contact_sheet.COLOURS[:2]:
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(picture - wanted).max(axis=-1) < 12).sum() > 100
    unused = [int(contact_sheet.COLOURS[2][i : i + 2], 16) for i in (1, 3, 5)]
    assert (np.abs(picture - unused).max(axis=-1) < 12).sum() == 0
