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
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

from medley import contact_sheet, quality, quality_overrides, quality_rules
from medley.cases import Case, read_cases, read_inspected, read_kept, read_usable, write_cases
from medley.config_schema import schema
from medley.datasets import acdc
from medley.errors import InputError, MismatchError
from medley.quality import Finding
from medley.results.quality_counts import counts
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


def a_reader(images: dict[str, Any], masks: dict[str, Any], **more: Any) -> ModuleType:
    def read_image(case: Case) -> Any:
        return _or_raise(images.get(case.case, an_image()))

    def read_mask(case: Case) -> Any:
        return _or_raise(masks.get(case.case, a_mask()))

    labels = {"inner": (1,), "outer": (2,)}
    return cast(ModuleType, SimpleNamespace(LABELS=labels, read_image=read_image, read_mask=read_mask, **more))


def _or_raise(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def rows_of(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.case, finding.rule, finding.decision) for finding in findings]


def a_picture(seed: int) -> Any:
    """Return a picture of 3 x 40 x 50 whose grey values change slowly."""
    noise = np.random.default_rng(seed).normal(0, 1, (40, 50))
    smooth = scipy.ndimage.gaussian_filter(noise, 3)
    scaled = (smooth - smooth.min()) / np.ptp(smooth) * 200
    return np.repeat(scaled.astype(np.float32)[None, None], 3, axis=0)


def a_picture_case(name: str, part: str = "training", image: str = "") -> Case:
    return Case(name, name, image or f"{name}.png", "mask", (40, 50, 1), (1.0, 1.0, 1.0), part=part)


def a_picture_mask() -> Any:
    mask = np.zeros((1, 40, 50), dtype=np.uint8)
    mask[0, 10:20, 10:20] = 1
    mask[0, 22:30, 10:20] = 2
    return mask


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


def test_a_mask_that_does_not_fit_is_dropped_with_the_readers_words() -> None:
    error = MismatchError("mask.png: 4 x 5 pixels, but the image has 8 x 9; replace one of them")
    found = quality.inspect({"case": a_case("case")}, a_reader({}, {"case": error}))
    assert found == [Finding("case", "mask_mismatch", "", "drop", str(error))]
    damaged = quality.inspect({"case": a_case("case")}, a_reader({}, {"case": InputError("mask.png: damaged")}))
    assert damaged == [Finding("case", "unreadable", "", "drop", "mask.png: damaged")]


@pytest.mark.parametrize(("unlabelled", "fires"), [(10, True), (11, False)])  # of 216 voxels 10.8 are a twentieth
def test_mask_that_covers_nearly_all_is_noted(unlabelled: int, fires: bool) -> None:
    mask = np.ones(SHAPE, dtype=np.uint8)
    mask[0, 0, 0] = 2
    mask.reshape(-1)[100 : 100 + unlabelled] = 0
    values = {rule: (value, decision) for rule, value, decision in findings_of(a_case("case"), mask=mask)}
    assert values.get("full_mask") == ((f"{206 / 216:.9g}", "keep") if fires else None)


@pytest.mark.parametrize(
    ("rows", "columns", "value"),
    [
        (slice(0, 3), slice(0, 9), f"{13 / 20:.9g}"),  # 9 above, 2 beside, 9 below, of which 7 are not at the border
        (slice(0, 4), slice(2, 7), None),  # 5 of 14
        (slice(0, 2), slice(3, 5), None),  # 2 of 4: not more than half
        (slice(0, 1), slice(3, 5), "1"),
    ],
)
def test_outline_along_the_border_is_measured(rows: slice, columns: slice, value: str | None) -> None:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[:, rows, columns] = 1
    mask[1, rows, columns] = 2
    values = {rule: (value, decision) for rule, value, decision in findings_of(a_case("case"), mask=mask)}
    assert values.get("mask_along_border") == ((value, "keep") if value else None)


@given(arrays(np.uint8, (2, 5, 6), elements=st.integers(0, 2)))
def test_outline_is_what_erosion_takes_away(mask: Any) -> None:
    labelled = mask != 0
    cross = scipy.ndimage.generate_binary_structure(2, 1)
    expected = [one & ~scipy.ndimage.binary_erosion(one, cross) for one in labelled]
    np.testing.assert_array_equal(quality_rules.outline(mask), expected)


@pytest.mark.parametrize("scale", [1.0, 40.0, 1e-3])
@pytest.mark.parametrize(("deviation", "fires"), [(1.9, True), (2.1, False)])
def test_blank_image_is_one_that_varies_little_among_its_like(scale: float, deviation: float, fires: bool) -> None:
    usual, blank = (np.zeros((1, *SHAPE), dtype=np.float32) for _ in range(2))
    usual[:, 1] = 255 * scale
    blank[..., ::2, :], blank[..., 1::2, :] = 100 * scale, (100 + 2 * deviation) * scale
    cases = {name: a_case(name) for name in "abc"}
    found = quality.inspect(cases, a_reader({"a": blank, "b": usual, "c": usual}, {}))
    assert rows_of(found) == ([("a", "blank_image", "keep")] if fires else [])
    assert [float(finding.value) for finding in found] == pytest.approx([deviation / 255] if fires else [], rel=1e-4)


def test_one_colour_everywhere_is_a_constant_image() -> None:
    image = np.broadcast_to(np.float32([200, 10, 30])[:, None, None, None], (3, *SHAPE))
    assert findings_of(a_case("case"), image=image) == [("constant_image", "10", "drop")]


def test_grey_mask_is_what_the_reader_counts() -> None:
    def between(case: Case) -> float:
        return {"a": 0.01, "b": 0.011}[case.case]

    cases = {"a": a_case("a"), "b": a_case("b"), "c": a_case("c", mask="")}
    found = quality.inspect(cases, a_reader({}, {}, between=between))
    assert [(each.case, each.rule, each.value, each.decision) for each in found] == [
        ("b", "grey_mask", "0.011", "keep")
    ]


def test_a_dataset_sets_another_limit() -> None:
    mask = np.ones(SHAPE, dtype=np.uint8)
    mask[:, 4:], mask[0, 0, 0] = 0, 2  # half of it
    cases, reader = {"a": a_case("a")}, a_reader({}, {"a": mask})
    own = [("a", "mask_along_border", "keep"), ("a", "mask_at_border", "keep")]
    for decisions, expected in (
        ({"full_mask": "drop"}, own),
        ({"full_mask": {"above": 0.5}}, own),
        ({"full_mask": {"above": 0.49}}, [("a", "full_mask", "keep"), *own]),
        ({"full_mask": {"decision": "drop", "above": 0.4}}, [("a", "full_mask", "drop"), *own]),
        ({"mask_along_border": {"decision": "ignore"}}, own[1:]),
    ):
        assert rows_of(quality.inspect(cases, reader, cast(Any, decisions))) == expected
    with pytest.raises(InputError, match=r"quality\.full_mask: below is not allowed; its limit is called above"):
        quality.inspect(cases, reader, {"full_mask": {"below": 0.5}})
    with pytest.raises(InputError, match=r"quality\.empty_mask: above is not allowed; it has no limit"):
        quality.inspect(cases, reader, {"empty_mask": {"decision": "keep", "above": 0.5}})


def look_alikes(*cases: Case, **pictures: int) -> list[tuple[str, str, str, str]]:
    """Return the duplicates among ``cases``, whose pictures are numbered."""
    images = {name: a_picture(seed) for name, seed in pictures.items()}
    reader = a_reader(images, {case.case: a_picture_mask() for case in cases})
    found = quality.inspect({case.case: case for case in cases}, reader, {"duplicate": {"within": 2}})
    assert {finding.rule for finding in found} <= {"duplicate"}
    return [(finding.case, finding.value, finding.decision, finding.reason) for finding in found]


def test_a_copy_leaves_and_the_first_stays() -> None:
    cases = [a_picture_case(name) for name in "abcd"]
    says = "looks like a, 0 of 64 bits differ"
    assert look_alikes(*cases, a=1, b=2, c=1, d=1) == [("c", "a 0", "drop", says), ("d", "a 0", "drop", says)]
    assert look_alikes(*cases, a=1, b=2, c=3, d=4) == []


def test_a_copy_of_a_testing_case_is_a_leak() -> None:
    cases = [a_picture_case("a"), a_picture_case("b", "validation"), a_picture_case("z", "testing")]
    says = "leak: z is in part testing; looks like z, 0 of 64 bits differ"
    assert look_alikes(*cases, a=1, b=1, z=1) == [("a", "z 0", "drop", says), ("b", "z 0", "drop", says)]
    says = "leak: a is in part training; looks like a, 0 of 64 bits differ"
    assert look_alikes(*cases, a=1, b=1, z=2) == [("b", "a 0", "drop", says)]


def test_cases_of_one_picture_are_no_copies_of_one_another() -> None:
    cases = [a_picture_case("a", image="view.png"), a_picture_case("b", image="view.png"), a_picture_case("c")]
    assert look_alikes(*cases, a=1, b=1, c=2) == []
    assert [row[:2] for row in look_alikes(*cases, a=1, b=1, c=1)] == [("c", "a 0")]


def test_what_another_rule_drops_is_no_original() -> None:
    cases = {name: a_picture_case(name) for name in "abc"}
    images = dict.fromkeys(cases, a_picture(1))
    empty, mismatch = np.zeros((1, 40, 50), dtype=np.uint8), MismatchError("sizes differ")
    reader = a_reader(images, {"a": empty, "b": mismatch, "c": a_picture_mask()})
    assert rows_of(quality.inspect(cases, reader, {"duplicate": "keep"})) == [
        ("a", "duplicate", "keep"),
        ("a", "empty_mask", "drop"),
        ("b", "mask_mismatch", "drop"),
    ]


def test_copies_are_looked_for_only_where_configured_and_among_pictures() -> None:
    cases = {name: a_picture_case(name) for name in "ab"}
    reader = a_reader(dict.fromkeys(cases, a_picture(1)), dict.fromkeys(cases, a_picture_mask()))
    assert quality.inspect(cases, reader) == quality.inspect(cases, reader, {"duplicate": "ignore"}) == []
    with pytest.raises(InputError, match=r"quality\.duplicate: v has 3 slices, .* remove the rule from this dataset"):
        quality.inspect({**cases, "v": a_case("v")}, reader, {"duplicate": "keep"})


def test_the_table_of_rules_says_what_they_do() -> None:
    assert quality.__doc__ is not None
    row = re.compile(r"^(\w+) +(keep|drop)  +(?:(\w+): ([\d. /]+?)  )?", flags=re.MULTILINE)
    written = {}
    for rule, decision, key, limit in row.findall(quality.__doc__):
        number, _, divisor = limit.partition(" / ")
        written[rule] = (decision, key, float(number) / float(divisor or 1) if number else None)
    own = {
        name: (rule.decision, rule.key, rule.limit if rule.key else None) for name, rule in quality_rules.RULES.items()
    }
    assert written == own


def test_the_configuration_knows_every_rule() -> None:
    assert quality.__doc__ is not None
    written = re.findall(r"^(\w+) +(?:drop|keep) ", quality.__doc__, flags=re.MULTILINE)
    known = schema()["$defs"]["dataset"]["properties"]["quality"]["properties"]
    assert list(known) == written == list(quality_rules.RULES)
    for name, rule in quality_rules.RULES.items():
        assert known[name]["$ref"] == f"#/$defs/decision{'_' * bool(rule.key)}{rule.key}"


def test_median_spacing_of_the_official_training_part_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    acdc.make_phantom(tmp_path, 6, 0.3, 0)
    cases = acdc.index(tmp_path)
    write_cases(tmp_path / "cases.csv", cases)
    with caplog.at_level("INFO"):
        inspect_cases.main(str(tmp_path / "cases.csv"), "acdc", str(tmp_path / "q.csv"), str(tmp_path / "q.png"))
    training = sorted(case.spacing for case in cases if case.part == "training")
    said = re.search(
        r"median spacing of (\d+) training cases: rows ([\d.]+), columns ([\d.]+), slices ([\d.]+) mm", caplog.text
    )
    assert said
    assert int(said[1]) == len(training) < len(cases)
    for number, axis in enumerate(zip(*training, strict=True)):
        middle = sorted(axis)[(len(axis) - 1) // 2 : len(axis) // 2 + 1]
        assert float(said[number + 2]) == pytest.approx(sum(middle) / len(middle), rel=1e-3)


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


class Kept(Figure):
    """A figure that can be looked at after it was drawn."""

    made: list[Figure] = []  # noqa: RUF012

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.made.append(self)


def test_contact_sheet_shows_rejects_first_with_their_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "Figure", Kept)
    cases = {name: a_picture_case(name, image=f"data/training/pictures/{name}.png") for name in "abcdef"}
    masks: dict[str, Any] = dict.fromkeys(cases, a_picture_mask())
    masks["c"] = MismatchError("mask: has 4 x 5 pixels, data/training/pictures/c.png has 40 x 50; replace one")
    masks["d"] = np.ones((1, 40, 50), dtype=np.uint8)
    images: dict[str, Any] = {name: a_picture(seed) for seed, name in enumerate("aacdef")}
    images |= {"b": images["a"], "e": InputError("e.png: is truncated; fetch it again")}
    reader = a_reader(images, masks)
    findings = quality.inspect(cases, reader, {"duplicate": "drop", "mask_at_border": "ignore"})
    contact_sheet.draw(tmp_path / "sheet.png", cases, findings, reader)

    axes = [axis for axis in Kept.made[-1].axes if axis.get_title()]
    titles = [axis.get_title().split("\n") for axis in axes]
    assert [title[:2] for title in titles] == [
        ["duplicate: a 0 (drop)", "b"],
        ["what it looks like:", "a"],
        ["mask_mismatch (drop)", "c"],
        ["unreadable (drop)", "e"],
        ["full_mask: 1 (keep)", "d"],
        ["mask_along_border: 1 (keep)", "d"],
        ["missing_labels: outer (keep)", "d"],
        ["nothing found", "a"],
        ["nothing found", "f"],
    ]
    assert " ".join(titles[2][2:]) == "mask: has 4 x 5 pixels, c.png has 40 x 50; replace one"
    assert " ".join(titles[3][2:]) == "e.png: is truncated; fetch it again"
    assert [len(axis.images) for axis in axes] == [1, 1, 1, 0, 1, 1, 1, 1, 1]
    assert [len(axis.collections) for axis in axes] == [2, 2, 0, 0, 1, 1, 1, 2, 2]  # a contour a label
    shown = np.asarray(axes[0].images[0].get_array())
    np.testing.assert_array_equal(shown, np.moveaxis(images["a"][:, 0], 0, -1).astype(np.uint8))


def test_contact_sheet_shows_colours(tmp_path: Path) -> None:
    red = np.zeros((3, 1, 40, 50), dtype=np.float32)
    red[0] = 250
    red[:, 0, 0, 0] = 1
    reader = a_reader({"a": red}, {"a": np.zeros((1, 40, 50), dtype=np.uint8)})
    contact_sheet.draw(tmp_path / "sheet.png", {"a": a_picture_case("a")}, [], reader)
    picture = (matplotlib.image.imread(tmp_path / "sheet.png")[..., :3] * 255).round()
    assert (np.abs(picture - [250, 0, 0]).max(axis=-1) < 3).sum() > 10_000


def test_contact_sheet_draws_large_pictures_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "Figure", Kept)
    large = np.random.default_rng(0).uniform(0, 255, (1, 1, 1700, 900)).astype(np.float32)
    mask = np.zeros((1, 1700, 900), dtype=np.uint8)
    mask[0, 400:800, 400:800] = 1
    contact_sheet.draw(tmp_path / "sheet.png", {"a": a_picture_case("a")}, [], a_reader({"a": large}, {"a": mask}))
    axis = Kept.made[-1].axes[0]
    np.testing.assert_array_equal(np.asarray(axis.images[0].get_array()), large[0, 0, ::4, ::4])
    (contour,) = axis.collections
    assert contour.get_datalim(axis.transData).extents == pytest.approx([99.5, 99.5, 199.5, 199.5])


QUALITY = "case,rule,value,decision,reason\n"


def inspected(folder: Path, rows: str, names: str = "abcd") -> tuple[Path, Path]:
    write_cases(folder / "cases.csv", [a_case(name) for name in names])
    (folder / "quality.csv").write_text(QUALITY + rows)
    return folder / "cases.csv", folder / "quality.csv"


@pytest.mark.parametrize(
    ("rows", "kept", "usable"),
    [
        ("", "abcd", "abcd"),
        ("a,empty_mask,0,drop,\nb,full_mask,1,keep,\n", "bcd", "abcd"),
        ("a,empty_mask,0,drop,\na,full_mask,1,keep,\n", "bcd", "abcd"),
        ("a,empty_mask,0,drop,\na,full_mask,1,drop,\na,override,,keep,seen\n", "abcd", "abcd"),
        ("a,override,,drop,a hand\n", "bcd", "abcd"),
        ("a,override,,drop,a hand\na,full_mask,1,keep,\n", "bcd", "abcd"),
        ("a,override,,keep,fine\na,unreadable,,drop,\nb,mask_mismatch,,drop,\nb,override,,keep,\n", "cd", "cd"),
        ("a,unreadable,,keep,\n", "abcd", "abcd"),
    ],
)
def test_a_persons_word_wins_over_rules_but_not_over_what_cannot_be_read(
    tmp_path: Path, rows: str, kept: str, usable: str
) -> None:
    files = inspected(tmp_path, rows)
    assert "".join(read_kept(*files)) == kept
    assert "".join(read_usable(*files)) == usable


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("case,decision,reason\na,keep,fine\nz,drop,\n", r"line 3: the dataset has no case 'z'; correct or remove"),
        ("case,decision,reason\na,Keep,fine\n", r"line 2: decision 'Keep'; write keep or drop"),
        ('case,decision,reason\na,keep,"two\nlines"\na,drop,\n', r"line 4: case 'a' stands twice; remove the wrong"),
        ("case,decision,reason\na,keep,fine, really\n", r"line 2 has 4 fields, not 3; .* in quotes"),
        (
            "case;decision;reason\na;keep;fine\n",
            r"the first line is 'case;decision;reason'; write 'case,decision,reason'",
        ),
        ("", r"the first line is ''; write"),
        (b"case,decision,reason\na,keep,sch\xf6n\n", r"is no text in UTF-8; save it as"),
        (None, r"cannot be read \(No such file or directory\); put it there"),
    ],
)
def test_overrides_that_make_no_sense_are_refused(tmp_path: Path, table: str | bytes | None, says: str) -> None:
    path = tmp_path / "overrides.csv"
    if table is not None:
        path.write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(InputError, match=rf"overrides\.csv: {says}"):
        quality_overrides.read(path, ["a", "b"])


def test_overrides_as_a_spreadsheet_saves_them(tmp_path: Path) -> None:
    path = tmp_path / "overrides.csv"
    path.write_bytes('\ufeffcase,decision,reason\r\nb,drop,"a hand, a ruler"\r\na,keep,\r\n\r\n'.encode())
    assert quality_overrides.read(path, ["a", "b"]) == [
        Finding("b", "override", "", "drop", "a hand, a ruler"),
        Finding("a", "override", "", "keep", ""),
    ]


def test_overrides_stand_among_the_rows_of_rules(tmp_path: Path) -> None:
    acdc.make_phantom(tmp_path, 3, 0.3, 0)
    cases = acdc.index(tmp_path)
    write_cases(tmp_path / "cases.csv", cases)
    (tmp_path / "overrides.csv").write_text(f"case,decision,reason\n{cases[2].case},drop,moved\n")
    main = [str(tmp_path / name) for name in ("cases.csv", "quality.csv", "quality.png")]
    inspect_cases.main(main[0], "acdc", main[1], main[2], {}, str(tmp_path / "overrides.csv"))
    _, rows = read_inspected(main[0], main[1])
    assert [row for row in rows if row["rule"] == "override"] == [
        {"case": cases[2].case, "rule": "override", "value": "", "decision": "drop", "reason": "moved"}
    ]
    assert rows == sorted(rows, key=lambda row: (row["case"], row["rule"]))
    assert set(read_cases(main[0])) - set(read_kept(main[0], main[1])) == {cases[2].case}


def test_counts_say_what_each_rule_took_and_what_remains(tmp_path: Path) -> None:
    files = inspected(
        tmp_path,
        "a,empty_mask,0,drop,\na,blank_image,0,keep,\nb,empty_mask,0,drop,\nb,override,,keep,\n"
        "c,empty_mask,0,drop,\nc,full_mask,1,drop,\ne,full_mask,1,keep,\n",
        "abcdef",
    )
    every, rows = read_inspected(*files)
    cases = {
        name: dataclasses.replace(case, part="testing" if name > "d" else "training") for name, case in every.items()
    }
    assert counts(cases, rows).to_csv(index=False).splitlines() == [
        "part,rule,cases,dropped,kept",
        "testing,all,2,0,2",
        "testing,full_mask,1,0,1",
        "training,all,4,2,2",
        "training,blank_image,1,0,1",
        "training,empty_mask,3,3,0",
        "training,full_mask,1,1,0",
        "training,override,1,0,1",
    ]


def test_of_two_copies_the_one_with_a_mask_stays() -> None:
    image = np.random.default_rng(0).normal(100, 20, (1, 1, 64, 64)).astype(np.float32)
    cases = {
        name: Case(name, name, name, mask, (64, 64, 1), (1.0, 1.0, 1.0)) for name, mask in (("a", ""), ("b", "mask"))
    }
    mask = np.zeros((1, 64, 64), dtype=np.uint8)
    mask[:, 10:20, 10:20], mask[:, 30:40, 30:40] = 1, 2
    found = quality.inspect(cases, a_reader({"a": image, "b": image}, {"b": mask}), {"duplicate": "drop"})
    assert [(each.case, each.rule, each.value) for each in found] == [("a", "duplicate", "b 0")]
