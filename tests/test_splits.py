"""Splits: patients on one side, strata even, every case in one place; by properties and by hand."""

import collections
import csv
import dataclasses
import math
import runpy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley import splits
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.splits import PARTS, split_cases

SCRIPT = Path(__file__).parents[1] / "scripts" / "split_cases.py"
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def case(name, patient, pathology="", part="training", mask="mask.nii.gz"):
    return Case(name, patient, "image.nii.gz", mask, (8, 8, 2), (1.0, 1.0, 8.0), part=part, pathology=pathology)


def cohort(groups, part="training", frames=2):
    """Return cases of ``groups`` (pathology → number of patients), ``frames`` a patient."""
    return [
        case(f"{part}-{group}-{number:03d}-{frame}", f"{part}-{group}-{number:03d}", group, part)
        for group, patients in groups.items()
        for number in range(patients)
        for frame in range(frames)
    ]


def parts_spec(seed=0, stratify="pathology"):
    return {"parts": SHARES, "stratify": stratify, "seed": seed}


def folds_spec(folds, seed=0, test="official", stratify="pathology"):
    return {"folds": folds, "stratify": stratify, "test": test, "seed": seed}


def test_a_vendor_may_be_left_out_of_all_but_the_official_test_part():
    vendors = ["ge", "philips", "siemens"]
    cases = [
        dataclasses.replace(case(f"{part}-{number}", f"{part}-{number}", part=part), vendor=vendors[number % 3])
        for part in ("training", "testing", "validation")
        for number in range(30)
    ]
    specification = {"parts": {"train": 0.8, "validation": 0.2}, "test": "official", "stratify": None, "seed": 0}
    rows = split_cases(cases, specification | {"without_vendor": "ge"})
    vendor = {case.case: case.vendor for case in cases}
    seen = {part: collections.Counter(vendor[row.case] for row in rows if row.part == part) for part in PARTS}
    assert set(seen["train"]) == set(seen["validation"]) == {"philips", "siemens"}
    assert seen["train"] + seen["validation"] == {"philips": 10, "siemens": 10}
    assert seen["test"] == {"ge": 10, "philips": 10, "siemens": 10}
    folds = split_cases(cases, {"folds": 2, "test": None, "stratify": None, "seed": 0, "without_vendor": "ge"})
    assert {vendor[row.case] for row in folds if not row.case.startswith("testing")} == {"philips", "siemens"}
    with pytest.raises(InputError, match="no case of 'canon'; the vendors are ge, philips, siemens"):
        split_cases(cases, specification | {"without_vendor": "canon"})


GROUPS = st.dictionaries(st.sampled_from(["NOR", "DCM", "HCM", "MINF", "RV"]), st.integers(1, 12), min_size=1)
SEEDS = st.integers(0, 1000)


def by_fold(assignments):
    folds = collections.defaultdict(dict)
    for row in assignments:
        assert row.case not in folds[row.fold], "a case stands twice in a fold"
        folds[row.fold][row.case] = row
    return folds


def patients_of(rows, part):
    return {row.patient for row in rows.values() if row.part == part}


@settings(max_examples=60, deadline=None)
@given(groups=GROUPS, testing=st.integers(0, 5), folds=st.integers(2, 5), seed=SEEDS)
def test_folds(groups, testing, folds, seed):
    cases = cohort(groups) + cohort({"NOR": testing}, part="testing")
    if sum(groups.values()) < folds:
        with pytest.raises(InputError, match="too few"):
            split_cases(cases, folds_spec(folds, seed))
        return
    rows_of = by_fold(split_cases(cases, folds_spec(folds, seed)))
    assert sorted(rows_of) == list(range(folds))
    official = {case.case for case in cases if case.part == "testing"}
    out_of_fold = []
    for rows in rows_of.values():
        assert set(rows) == {case.case for case in cases}
        sides = [patients_of(rows, part) for part in PARTS]
        assert sum(map(len, sides)) == len(set.union(*sides))  # no patient on two sides
        assert {name for name, row in rows.items() if row.part == "test"} == official
        assert sides[0]
        out_of_fold += [name for name, row in rows.items() if row.part == "validation"]
    assert sorted(out_of_fold) == sorted(case.case for case in cases if case.part != "testing")
    sizes = [len(patients_of(rows, "validation")) for rows in rows_of.values()]
    assert max(sizes) - min(sizes) <= 1
    for group in groups:
        counts = [sum(f"-{group}-" in name for name in patients_of(rows, "validation")) for rows in rows_of.values()]
        assert max(counts) - min(counts) <= 1


@settings(max_examples=60, deadline=None)
@given(groups=GROUPS, seed=SEEDS)
def test_parts(groups, seed):
    cases = cohort(groups)
    patients = sum(groups.values())
    if patients < 6:
        return  # may be too few: tested below
    (rows,) = by_fold(split_cases(cases, parts_spec(seed))).values()
    assert set(rows) == {case.case for case in cases}
    sides = {part: patients_of(rows, part) for part in PARTS}
    assert sum(map(len, sides.values())) == len(set.union(*sides.values()))
    for part, share in SHARES.items():
        assert abs(len(sides[part]) - share * patients) < 1
        for group, size in groups.items():
            count = sum(f"-{group}-" in name for name in sides[part])
            assert math.floor(share * size + 1e-9) <= count <= math.ceil(share * size - 1e-9)


def test_parts_of_a_hundred_patients_in_five_groups_are_exact():
    cases = cohort(dict.fromkeys(["NOR", "DCM", "HCM", "MINF", "RV"], 20))
    counts = collections.Counter((row.part, row.patient.split("-")[1]) for row in split_cases(cases, parts_spec()))
    assert counts == {
        (part, group): 2 * patients
        for part, patients in (("train", 14), ("validation", 2), ("test", 4))
        for group in ("NOR", "DCM", "HCM", "MINF", "RV")
    }


def test_official_test_cases_are_in_no_part_of_a_single_split():
    cases = cohort({"NOR": 10}) + cohort({"NOR": 3}, part="testing")
    assert not any(row.patient.startswith("testing") for row in split_cases(cases, parts_spec()))


def test_parts_of_the_training_cases_beside_the_official_test_part():
    cases = [
        *cohort({"NOR": 10, "DCM": 10}),
        *cohort({"NOR": 3}, part="testing"),
        *cohort({"NOR": 2}, part="validation"),
    ]
    specification = {"parts": {"train": 0.9, "validation": 0.1}, "stratify": "pathology", "test": "official", "seed": 0}
    rows = by_fold(split_cases(cases, specification))[0]
    counts = collections.Counter(row.part for row in rows.values())
    assert counts == {"train": 36, "validation": 4, "test": 6}
    assert {name for name, row in rows.items() if row.part == "test"} == {
        each.case for each in cases if each.part == "testing"
    }
    assert not [name for name in rows if name.startswith("validation")]


def test_without_a_test_part_the_official_test_cases_are_in_the_folds():
    cases = cohort({"NOR": 6}) + cohort({"NOR": 2}, part="testing")
    rows = split_cases(cases, folds_spec(2, test=None))
    assert {row.part for row in rows} == {"train", "validation"}
    assert {row.case for row in rows} == {case.case for case in cases}


def test_the_seed_decides_and_the_order_of_cases_does_not():
    cases = cohort({"NOR": 10, "DCM": 10})
    first = split_cases(cases, folds_spec(5))
    assert split_cases(reversed(cases), folds_spec(5)) == first
    assert split_cases(cases, folds_spec(5, seed=1)) != first


def test_the_shuffle_is_the_same_everywhere():
    """PCG64's raw stream for seed 0 starts 11749869230777074271, 4976686463289251617, 755828109848996024,
    304881062738325533 (its documented, version-independent stream): patients in the order 3, 2, 1, 0."""
    cases = [case(f"c{number}", f"p{number}") for number in range(4)]
    rows = split_cases(cases, folds_spec(4, stratify=None))
    assert [(row.fold, row.patient) for row in rows if row.part == "validation"] == [
        (0, "p3"),
        (1, "p2"),
        (2, "p1"),
        (3, "p0"),
    ]


@pytest.mark.parametrize("specification", [parts_spec(), folds_spec(3)])
def test_too_few_patients(specification):
    with pytest.raises(InputError, match="2 patients are too few for 3"):
        split_cases(cohort({"NOR": 2}), specification)


def test_no_patients():
    with pytest.raises(InputError, match="0 patients are too few"):
        split_cases([], folds_spec(2))


def test_a_patient_whose_cases_differ_in_the_column_stays_whole():
    cases = [case(f"{patient}-{group}", f"{patient}", group) for patient in range(8) for group in ("ED", "ES")]
    rows = by_fold(split_cases(cases, folds_spec(2)))[0]
    assert patients_of(rows, "train").isdisjoint(patients_of(rows, "validation"))


def slices(patients, days=2):
    """Return five slices of each patient's every day: the first without an organ, the others with one or two."""
    shown = [(), ("stomach",), ("stomach",), ("bowel",), ("bowel", "stomach")]
    return [
        dataclasses.replace(
            case(f"{patient}-day{day}-slice{number}", patient, "-".join(organs) or "none"), labels=organs
        )
        for patient in (f"case{number:02d}" for number in range(patients))
        for day in range(days)
        for number, organs in enumerate(shown)
    ]


def test_ungrouped_cases_are_dealt_one_by_one_and_evenly():
    specification = {**parts_spec(), "grouped": False}
    rows = by_fold(split_cases(slices(20), specification))[0]
    assert len(rows) == 200
    assert patients_of(rows, "train") & patients_of(rows, "test")
    shown = {each.case: each.pathology for each in slices(20)}
    counts = collections.Counter((row.part, shown[row.case]) for row in rows.values())
    assert counts["train", "stomach"] == 56 and counts["validation", "stomach"] == 8 and counts["test", "stomach"] == 16
    assert counts["train", "none"] == 28 and counts["validation", "none"] == 4 and counts["test", "none"] == 8


def test_only_the_listed_parts_lose_their_cases_without_a_label():
    empty = {each.case for each in slices(20) if not each.labels}
    whole = by_fold(split_cases(slices(20), parts_spec(stratify=None)))[0]
    rows = by_fold(split_cases(slices(20), {**parts_spec(stratify=None), "labelled": ["train", "validation"]}))[0]
    assert {name: row for name, row in whole.items() if row.part == "test" or name not in empty} == rows
    assert {row.part for name, row in rows.items() if name in empty} == {"test"}


def test_a_part_that_loses_all_its_cases_is_no_part():
    cohort_of_two_kinds = [
        dataclasses.replace(case(f"p{number}", f"p{number}"), labels=("x",) if number < 8 else ())
        for number in range(10)
    ]
    specification = {"parts": {"train": 0.8, "validation": 0.1, "test": 0.1}, "stratify": None, "grouped": True}
    refused = 0
    for seed in range(40):
        own = {**specification, "labelled": ["validation"], "seed": seed}
        dealt = {row.part: row.case for row in split_cases(cohort_of_two_kinds, {**specification, "seed": seed})}
        if dealt["validation"] in ("p8", "p9"):
            refused += 1
            with pytest.raises(InputError, match="part 'validation' has no case with a label"):
                split_cases(cohort_of_two_kinds, own)
        else:
            assert split_cases(cohort_of_two_kinds, own)
    assert 0 < refused < 40


def test_written_and_read(tmp_path):
    cases = cohort({"NOR": 4}) + cohort({"NOR": 1}, part="testing")
    path = tmp_path / "split.csv"
    rows = split_cases(cases, folds_spec(2))
    splits.write(path, reversed(rows))
    with path.open(newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [tuple(row.values()) for row in written] == [(str(r.fold), r.case, r.patient, r.part) for r in rows]
    assert path.read_bytes().startswith(b"fold,case,patient,part\n0,testing-NOR-000-0,testing-NOR-000,test\n")
    folds = splits.read(path)
    assert list(folds) == [0, 1]
    assert folds[0]["test"] == ["testing-NOR-000-0", "testing-NOR-000-1"]
    assert folds[0]["train"] == folds[1]["validation"]
    assert len(folds[0]["train"]) == 4


def test_a_part_without_cases_is_empty(tmp_path):
    splits.write(tmp_path / "split.csv", split_cases(cohort({"NOR": 4}), folds_spec(2)))
    assert splits.read(tmp_path / "split.csv")[1]["test"] == []


def test_the_script_leaves_out_what_was_dropped_or_has_no_mask(tmp_path):
    write_cases(tmp_path / "cases.csv", [*cohort({"NOR": 4}, frames=1), case("bare", "q", mask="")])
    (tmp_path / "quality.csv").write_text(
        "case,rule,value,decision,reason\n"
        "training-NOR-000-0,empty_mask,0,drop,\n"
        "training-NOR-001-0,blank_image,0,keep,seen and fine\n"
    )
    main = runpy.run_path(str(SCRIPT))["main"]
    main(tmp_path / "cases.csv", tmp_path / "quality.csv", folds_spec(3), tmp_path / "split.csv")
    with (tmp_path / "split.csv").open(newline="") as stream:
        assert {row["case"] for row in csv.DictReader(stream)} == {f"training-NOR-00{number}-0" for number in (1, 2, 3)}


def test_the_script_keeps_dropped_cases_for_testing_alone(tmp_path):
    cases = [*cohort({"NOR": 10}, frames=1), *cohort({"NOR": 3}, part="testing", frames=1)]
    write_cases(tmp_path / "cases.csv", cases)
    dropped = ["training-NOR-000-0", "testing-NOR-000-0", "testing-NOR-001-0", "testing-NOR-002-0"]
    rules = ["blank_image", "duplicate", "unreadable", "override"]
    rows = [f"{name},{rule},,drop," for name, rule in zip(dropped, rules, strict=True)]
    (tmp_path / "quality.csv").write_text("\n".join(["case,rule,value,decision,reason", *rows]) + "\n")
    main = runpy.run_path(str(SCRIPT))["main"]
    specification = {"parts": {"train": 0.8, "validation": 0.2}, "test": "official", "stratify": None, "seed": 0}
    for more, left_out in (({}, set(dropped)), ({"keep_test": True}, set(dropped) - {dropped[1]})):
        main(tmp_path / "cases.csv", tmp_path / "quality.csv", specification | more, tmp_path / "split.csv")
        parts = splits.read(tmp_path / "split.csv")[0]
        assert {case.case for case in cases} - {name for names in parts.values() for name in names} == left_out


@pytest.mark.real
def test_the_hundred_real_patients_are_split_evenly_by_group(real):
    cases = []
    for folder in sorted((real / "ACDC" / "training").glob("patient*")):
        info = dict(line.split(": ") for line in (folder / "Info.cfg").read_text().splitlines())
        cases += [case(f"{folder.name}-{phase}", folder.name, info["Group"]) for phase in ("ED", "ES")]
    group_of = {each.patient: each.pathology for each in cases}
    assert collections.Counter(group_of.values()) == dict.fromkeys(["DCM", "HCM", "MINF", "NOR", "RV"], 20)
    counts = collections.Counter(
        (row.fold, row.part, group_of[row.patient]) for row in split_cases(cases, folds_spec(5))
    )
    assert {(part, count) for (_, part, _), count in counts.items()} == {("train", 32), ("validation", 8)}
