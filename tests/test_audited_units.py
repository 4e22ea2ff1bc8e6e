"""The audited table: in which units it is, and over which networks."""

import dataclasses

import made_up_results as made_up
import pandas as pd
import pytest

import tabulate_audited
from medley.cases import Case, write_cases
from medley.datasets import reader
from medley.results.cases import are_pictures
from medley.results.study import Study
from medley.tables import audited, audited_text, write

RESAMPLES = 10
LENGTHS = ("HD", "HD95", "ASSD")
STUDY = Study("both", ["acdc", "skin"], [], ["fpn"], made_up.MEMBERS, made_up.ENSEMBLES, {})
ACDC = dataclasses.replace(STUDY, datasets=["acdc"])
SKIN = dataclasses.replace(STUDY, datasets=["skin"])
pytestmark = pytest.mark.usefixtures("two_patients_are_enough")


def metrics(dataset, folds=2):
    """Return rows of metrics.csv of one predictor, whose networks were trained on so many folds."""
    rows = made_up.native_metrics(3)
    rows = rows[rows["predictor"] == "fpn"].assign(dataset=dataset)
    return rows.assign(fold=rows["fold"] % folds)


def numbers(study, rows, pictures=()):
    phases = dict.fromkeys(study.datasets, made_up.phases(3))
    return audited.numbers(rows, phases, {}, study, RESAMPLES, pictures)


def text_of(study, rows, pictures=()):
    return write.markdown(audited_text.table(numbers(study, rows, pictures), study, 2.0))


def case(shape, spacing):
    return Case("a", "a", "i", "m", shape, spacing)


def test_lengths_of_pictures_are_in_pixels_and_volumes_are_left_out():
    inside = metrics("skin")
    frame = numbers(SKIN, inside, ["skin"])
    assert set(frame["unit"]) == {"pixels"}
    assert frame[["volume_difference", "volume_error", "volume_error_low"]].isna().all(axis=None)
    hd = inside[(inside["part"] == "test") & (inside["metric"] == "hd")]["value"].mean()
    row = frame[(frame["part"] == "test") & (frame["phase"] == "all")].iloc[0]
    assert row["hd"] == pytest.approx(hd)  # a pixel is counted as 1 mm: the numbers stay
    text = text_of(SKIN, inside, ["skin"])
    for name in LENGTHS:
        assert f"| {name} (pixels) |" in text
    assert "| HD95 (pixels) ED | HD95 (pixels) ES |" in text
    assert "tolerance 2.0 pixels" in text and "## Surface\n" in text
    assert "mm" not in text.replace("summed", "") and "ml" not in text and "olume difference" not in text


def test_where_the_size_is_known_lengths_are_in_mm_and_volumes_in_ml():
    rows = metrics("acdc")
    frame = numbers(ACDC, rows)
    assert set(frame["unit"]) == {"mm"} and frame["volume_difference"].notna().all()
    text = text_of(ACDC, rows)
    for name in LENGTHS:
        assert f"| {name} (mm) |" in text
    assert "volume error (ml)" in text and "Volume difference:" in text and "Spacing in mm." in text
    assert "pixel" not in text


def test_a_study_of_both_says_which_is_which():
    rows = pd.concat([metrics("acdc"), metrics("skin")])
    table = audited_text.table(numbers(STUDY, rows, ["skin"]), STUDY, 2.0)
    surface = table.views[1].cells.set_index("dataset")
    assert table.views[1].heading == "Surface and volume"
    assert surface.loc["skin", "volume error (ml)"] == "–" != surface.loc["acdc", "volume error (ml)"]
    assert surface.loc["skin", "HD (mm or pixels)"] == surface.loc["acdc", "HD (mm or pixels)"] != "–"
    text = write.markdown(table)
    assert "Spacing in mm; skin: lengths in pixels, no volumes" in text and "tolerance 2.0 mm or pixels" in text


@pytest.mark.parametrize(("folds", "said"), [(2, "test cases, mean over the folds' networks, 3"), (1, "test cases, 3")])
def test_networks_are_averaged_only_where_there_are_folds(folds, said):
    rows = metrics("acdc", folds)
    assert set(numbers(ACDC, rows)["folds"]) == {folds}
    assert f"- acdc: {said} patients." in text_of(ACDC, rows)


@pytest.mark.parametrize(("folds", "said"), [(2, "out-of-fold predictions"), (1, "validation cases")])
def test_without_test_cases_it_is_said_which_are_shown(folds, said):
    rows = metrics("acdc", folds)
    assert f"- acdc: {said}, 3 patients." in text_of(ACDC, rows[rows["part"] == "out_of_fold"])


@pytest.mark.parametrize(
    ("shapes_and_spacings", "pictures"),
    [
        ([((767, 1022, 1), (1.0, 1.0, 1.0)), ((300, 200, 1), (1.0, 1.0, 1.0))], True),
        ([((266, 266, 1), (1.5, 1.5, 3.0))], False),  # a slice of a scan
        ([((181, 217, 181), (1.0, 1.0, 1.0))], False),  # a volume of 1 mm
        ([((300, 200, 1), (1.0, 1.0, 1.0)), ((266, 266, 1), (1.5, 1.5, 3.0))], False),
    ],
)
def test_pictures_are_known_by_their_cases(shapes_and_spacings, pictures):
    assert are_pictures([case(*each) for each in shapes_and_spacings]) == pictures


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("acdc", False),
        ("gi_tract", False),
        ("isic2018", True),
        ("chest_xray", True),
        ("cbis_ddsm_region", True),
        ("cbis_ddsm_whole", True),
        ("cbis_ddsm_united", True),
    ],
)
def test_readers_list_pictures_so_and_scans_not(tmp_path, name, pictures):
    reader(name).make_phantom(tmp_path, 1, 0.1, 0)
    assert are_pictures(reader(name).index(tmp_path)) == pictures


def test_script_finds_the_unit_in_the_table_of_cases(tmp_path):
    rows = metrics("skin")
    rows.to_csv(tmp_path / "metrics.csv", index=False)
    (tmp_path / "datasets/skin").mkdir(parents=True)
    cases = [Case(name, name, "i", "m", (4, 4, 1), (1.0, 1.0, 1.0)) for name, _, _ in made_up.names(3)]
    write_cases(tmp_path / "datasets/skin/cases.csv", cases)
    csv = tmp_path / "audited.csv"
    tabulate_audited.main(
        [str(tmp_path / "metrics.csv")], [str(tmp_path / "datasets/skin/cases.csv")], [], str(csv),
        str(csv.with_suffix(".json")), dataclasses.asdict(SKIN), 2.0, RESAMPLES,
    )  # fmt: skip
    assert "| HD (pixels) |" in csv.with_suffix(".md").read_text(encoding="utf-8")
    assert set(pd.read_csv(csv)["unit"]) == {"pixels"}
