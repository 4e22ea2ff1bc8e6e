"""Tables and figures of a study over vendors: left out, adapted to, counted; Dice and distance by phase and view."""

import dataclasses
import itertools
import json
import math
import warnings

import made_up_vendors as made_up
import numpy as np
import pandas as pd
import pytest
from made_up_vendors import LEFT_OUT, WHOLE, case, rows
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import plot_counts
import plot_vendor_matrix
import tabulate_dice_hd
import tabulate_domain_adaptation
import tabulate_vendors
from medley import statistics
from medley.cases import write_cases
from medley.errors import InputError
from medley.figures import counts, style, vendor_matrix
from medley.results import read
from medley.results.vendors import by_case
from medley.tables import dice_hd, dice_hd_text, domain_adaptation, domain_adaptation_text, vendors, vendors_text
from medley.tables.write import MISSING, markdown, write_csv

RESAMPLES = 200
ALL_SPLITS = {WHOLE: None, **LEFT_OUT}
pytestmark = pytest.mark.usefixtures("two_patients_are_enough")

# Two patients of ge and two of siemens to test on, of two pathologies, of which lv is only there.
TESTED = {
    "a": case("a", vendor="ge", pathology="nor"),
    "b": case("b", vendor="ge", pathology="lv"),
    "c": case("c", vendor="siemens", pathology="nor"),
    "d": case("d", vendor="siemens", pathology="lv"),
}
LEARNT = {
    "e": case("e", vendor="ge", pathology="nor", part="training"),
    "f": case("f", vendor="ge", pathology="nor", part="training"),
    "g": case("g", vendor="siemens", pathology="nor", part="training"),
}
KNOWN = {"mnms2_sa": {one.case: one for one in (*TESTED.values(), *LEARNT.values())}}
TWO = {"without_ge": "ge", "without_siemens": "siemens"}


def parts(train, validation):
    named = {"train": train, "validation": validation, "test": TESTED}
    return {part: [f"{patient}_SA_ED" for patient in patients] for part, patients in named.items()}


FOLDS = {
    ("mnms2_sa", WHOLE): {0: parts("ef", "g"), 1: parts("g", "ef")},
    ("mnms2_sa", "without_ge"): {0: parts("g", "")},
    ("mnms2_sa", "without_siemens"): {0: parts("e", "f")},
}


def dice_of(split, predictor, values, hd=5.0, seed=0):
    """Return rows of metrics.csv of patients → Dice, the same for each label."""
    found = []
    for patient, value in values.items():
        found += rows(
            "mnms2_sa", split, predictor, TESTED[patient], dict.fromkeys(made_up.LABELS, value), hd, seed=seed
        )
    return found


def metrics(*groups):
    return pd.DataFrame([each for group in groups for each in group]).astype({"seed": "Int64"})


def row_of(frame, **wanted):
    found = frame[np.logical_and.reduce([frame[key] == value for key, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def ends(found, name):
    return [found[f"{name}{end}"] for end in ("", "_low", "_high")]


# Cases of networks

PLAIN = metrics(
    dice_of(WHOLE, "plain", {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}),
    dice_of("without_ge", "plain", {"a": 0.5, "b": 0.3, "c": 0.8, "d": 0.6}),
    dice_of("without_siemens", "plain", {"a": 0.8, "b": 0.8, "c": 0.4, "d": 0.5}),
)
ONE = made_up.study(["plain"])


def test_a_case_is_seen_where_its_like_is_outside_the_test_part():
    other_part = PLAIN.assign(part="out_of_fold")
    frame = by_case(pd.concat([PLAIN, other_part]), KNOWN, FOLDS, {WHOLE: None, **TWO}, ONE)
    assert len(frame) == 3 * 4 * 3
    found = frame[frame["label"] == "LV"].set_index(["without", "patient"])
    assert found["vendor_seen"].unstack().to_dict("index") == {
        "none": {"a": True, "b": True, "c": True, "d": True},
        "ge": {"a": False, "b": False, "c": True, "d": True},
        "siemens": {"a": True, "b": True, "c": False, "d": False},
    }
    assert found["pathology_seen"].groupby("patient").unique().map(list).to_dict() == {
        "a": [True], "b": [False], "c": [True], "d": [False]
    }  # fmt: skip
    assert found.groupby("without")["trained_on"].first().to_dict() == {"none": 2, "ge": 1, "siemens": 1}
    assert found.loc[("ge", "b"), "dice"] == 0.3


def test_what_the_epoch_was_chosen_on_is_seen():
    folds = {("mnms2_sa", "without_ge"): {0: parts("g", "e")}}
    frame = by_case(PLAIN, KNOWN, folds, {"without_ge": "ge"}, ONE)
    assert frame["vendor_seen"].all() and set(frame["trained_on"]) == {1}


def test_cases_without_vendor_and_splits_without_test_cases_are_refused():
    nameless = {"mnms2_sa": KNOWN["mnms2_sa"] | {"b_SA_ED": case("b")}}
    with pytest.raises(
        InputError, match=r"mnms2_sa: the test case b_SA_ED has no vendor in cases\.csv; add the source"
    ):
        by_case(PLAIN, nameless, FOLDS, TWO, ONE)
    with pytest.raises(InputError, match="the splits without_ge, without_siemens have no test cases; write test: off"):
        by_case(PLAIN.assign(part="out_of_fold"), KNOWN, FOLDS, TWO, ONE)


# Vendors


def vendor_numbers(rows=PLAIN, left_out=None, study=ONE, known=KNOWN, folds=FOLDS):
    shown = by_case(rows, known, folds, left_out or {WHOLE: None, **TWO}, study)
    return vendors.numbers(shown, study, rows["seed"].nunique(), RESAMPLES)


def test_vendors_by_hand():
    frame = vendor_numbers()
    means = frame[frame["label"] == "mean"]
    whole = row_of(means, without="none", vendor="ge", pathology="all")
    assert ends(whole, "dice") == pytest.approx([0.85, 0.8, 0.9]) and math.isnan(whole["dice_to_all"])
    unseen = row_of(means, without="ge", vendor="ge", pathology="all")
    assert ends(unseen, "dice") == pytest.approx([0.4, 0.3, 0.5])
    assert ends(unseen, "dice_to_all") == pytest.approx([-0.45, -0.5, -0.4])
    assert ends(unseen, "dice_to_seen") == pytest.approx([-0.4, -0.5, -0.3])  # 0.5 - 0.8 and 0.3 - 0.8
    assert list(unseen[["vendor_unseen", "pathology_unseen", "cases", "patients", "trained_on"]]) == [1, 0, 2, 2, 1]
    seen = row_of(means, without="ge", vendor="siemens", pathology="all")
    assert ends(seen, "dice_to_all") == pytest.approx([0.05, 0, 0.1]) and math.isnan(seen["dice_to_seen"])
    assert seen["vendor_unseen"] == 0
    # Each vendor by the network without it: a 0.5, b 0.3, c 0.4, d 0.5; by the other: 0.8, 0.8, 0.8, 0.6.
    together = row_of(means, without="each", vendor="unseen", pathology="all")
    assert together["dice"] == pytest.approx(1.7 / 4) and together["dice_to_seen"] == pytest.approx(-1.3 / 4)
    assert together["dice_to_all"] == pytest.approx(-1.3 / 4)
    assert row_of(means, without="each", vendor="seen", pathology="all")["dice"] == pytest.approx(3.0 / 4)
    assert row_of(frame, without="ge", vendor="ge", label="RV")["dice"] == pytest.approx(0.4)


def test_pathologies_are_judged_apart_and_those_never_learnt_from_together():
    means = vendor_numbers()
    means = means[means["label"] == "mean"]
    for pathology in ("lv", "unseen"):
        found = row_of(means, without="each", vendor="unseen", pathology=pathology)
        assert ends(found, "dice") == pytest.approx([0.4, 0.3, 0.5])  # b and d
        assert ends(found, "dice_to_seen") == pytest.approx([-0.3, -0.5, -0.1])
        assert (found["pathology_unseen"], found["vendor_unseen"], found["cases"]) == (1, 1, 2)
    assert row_of(means, without="none", vendor="all", pathology="nor")["dice"] == pytest.approx(0.8)
    assert row_of(means, without="none", vendor="all", pathology="seen")["pathology_unseen"] == 0


def test_matrices_mark_what_is_unseen():
    table = vendors_text.table(vendor_numbers(), ONE)
    views = {view.heading: view.cells for view in table.views}
    dice = views["Dice"].set_index("trained without")
    assert list(dice.columns) == ["predictor", "training patients", "ge", "siemens", "all"]
    assert dice.loc["ge"].tolist()[1:4] == ["1", "0.400 [0.300, 0.500] †", "0.700 [0.600, 0.800]"]
    assert "†" not in "".join(dice.loc["none"])
    differences = views["Dice minus that of training on all vendors"].set_index("trained without")
    assert list(differences.index) == ["ge", "siemens"]
    assert differences.loc["siemens", "siemens"] == "−0.200 [−0.300, −0.100] †"
    (apart,) = views["Dice on the unseen vendor minus that of networks that saw it"].to_dict("records")
    assert apart["siemens"] == "−0.250 [−0.400, −0.100]" and apart["all"].startswith("−0.325 [")
    pathologies = views["Dice by pathology"].set_index("pathology")
    assert list(pathologies.index) == ["all", "lv †", "nor", "seen", "unseen"]
    assert pathologies.loc["lv †", "unseen − seen"] == "−0.300 [−0.500, −0.100]"
    assert set(pathologies["cases"]) == {"4 / 4 / 4", "2 / 2 / 2"}
    assert any(note.startswith("mnms2_sa: test cases, ge 2 of 2 patients, siemens 2 of 2 p") for note in table.notes)


def test_one_vendor_left_out_has_nothing_like_it_to_compare_with():
    frame = vendor_numbers(left_out={WHOLE: None, "without_ge": "ge"})
    assert frame["dice_to_seen"].isna().all()
    assert "that saw it" not in " ".join(view.heading for view in vendors_text.table(frame, ONE).views)
    assert row_of(frame, without="each", vendor="unseen", pathology="all", label="mean")["cases"] == 2
    alone = vendor_numbers(left_out={"without_ge": "ge"})
    assert alone["dice_to_all"].isna().all() and "none" not in set(alone["without"])


def test_empty_masks_are_counted_and_members_that_are_not_run_are_named():
    empty = metrics(rows("mnms2_sa", "without_ge", "plain", TESTED["a"], {"LV": None, "MYO": 0.5, "RV": 0.0}))
    one_empty = (empty["label"] == "RV") & (empty["metric"] == "recall")
    empty.loc[one_empty, "value"] = math.nan
    study = made_up.study(["augmented", "plain"], without=["augmented"])
    frame = vendor_numbers(empty, {"without_ge": "ge"}, study)
    found = row_of(frame, vendor="ge", label="mean", without="ge")
    assert found["dice"] == 0.25 and (found["left_out"], found["one_empty"]) == (1, 1)
    text = markdown(vendors_text.table(frame, study))
    assert "by all networks left out 1, one empty 1." in text and "- augmented: not run, why." in text


# Domain adaptation


def adapted(values, known=KNOWN, predictors=tuple(made_up.MEMBERS), without=()):
    """Return the table's numbers of predictors → the Dice of a and b by the network without ge."""
    rows = metrics(*(dice_of("without_ge", name, dict(zip("abcd", [*own, 1, 1], strict=True)), hd=100 * own[0])
                     for name, own in values.items()))  # fmt: skip
    study = made_up.study(predictors, without=without)
    shown = by_case(rows, known, FOLDS, {"without_ge": "ge"}, study)
    return domain_adaptation.numbers(shown, study, 1, RESAMPLES), study


NO_HELP = {
    "plain": [0.5, 0.7],
    "augmented": [0.5, 0.6],
    "adversarial": [0.3, 0.6],
    "adversarial_augmented": [0.6, 0.5],
}


def test_only_cases_of_the_unseen_vendor_count_and_are_paired():
    frame, _ = adapted(NO_HELP)
    means = frame[frame["label"] == "mean"]
    adversarial = row_of(means, predictor="adversarial", without="ge")
    assert ends(adversarial, "dice") == pytest.approx([0.45, 0.3, 0.6])
    assert ends(adversarial, "dice_to_plain") == pytest.approx([-0.15, -0.2, -0.1])
    assert ends(adversarial, "hd_to_plain") == pytest.approx([-20, -20, -20])
    assert ends(adversarial, "dice_by_adversary") == pytest.approx([-0.15, -0.2, -0.1])
    assert (adversarial["verdict"], adversarial["cases"], adversarial["adversary"]) == ("worse", 2, 0.1)
    both = row_of(means, predictor="adversarial_augmented", without="each")
    assert ends(both, "dice_to_plain") == pytest.approx([-0.05, -0.2, 0.1])
    assert ends(both, "dice_by_adversary") == pytest.approx([0, -0.1, 0.1])
    assert both["without_adversary"] == "augmented" and both["verdict"] == "undecided"
    plain = row_of(means, predictor="plain", without="each")
    assert math.isnan(plain["dice_to_plain"]) and pd.isna(plain["verdict"])
    assert set(frame["without"]) == {"ge", "each"}


def test_the_sentence_says_that_nothing_helps():
    frame, study = adapted(NO_HELP)
    sentence = (
        "On test cases of vendors left out of training (mnms2_sa) nothing is better than plain: it is undecided at 95 "
        "% between augmented and plain (−0.050 [−0.100, 0.000] in Dice); adversarial is worse than plain by 0.150 "
        "[0.100, 0.200] in Dice; it is undecided at 95 % between adversarial_augmented and plain (−0.050 [−0.200, "
        "+0.100] in Dice); it is undecided at 95 % between adversarial_augmented and augmented (0.000 [−0.100, +0.100] "
        "in Dice); the adversary does not help."
    )
    assert domain_adaptation_text.sentences(frame) == [sentence]
    assert f"- {sentence}" in markdown(domain_adaptation_text.table(frame, study))


@pytest.mark.parametrize(
    ("values", "end"),
    [
        ({"adversarial": [0.6, 0.8], "adversarial_augmented": [0.6, 0.8]}, "the adversary helps."),
        ({"adversarial": [0.6, 0.8]}, "the adversary helps in adversarial."),
        ({"adversarial_augmented": [0.6, 0.8]}, "the adversary helps in adversarial_augmented."),
    ],
)
def test_the_sentence_says_where_the_adversary_helps(values, end):
    frame, _ = adapted({name: [0.5, 0.7] for name in made_up.MEMBERS} | {"augmented": [0.5, 0.6]} | values)
    (sentence,) = domain_adaptation_text.sentences(frame)
    assert sentence.endswith(f"; {end}") and "nothing" not in sentence
    assert "is better than plain by 0.100 [0.100, 0.100] in Dice" in sentence


def test_too_few_patients_support_no_sentence_but_that(monkeypatch):
    monkeypatch.setattr(statistics, "FEWEST", 6)
    frame, _ = adapted(NO_HELP)
    assert domain_adaptation_text.sentences(frame) == [
        "On test cases of vendors left out of training (mnms2_sa) there are too few patients to compare augmented, "
        "adversarial, adversarial_augmented with plain."
    ]
    assert frame["dice_to_plain_low"].isna().all() and set(frame["verdict"].dropna()) == {"undecided"}


def test_members_that_are_not_run_leave_the_others_compared():
    values = {name: NO_HELP[name] for name in ("plain", "adversarial_augmented")}
    frame, study = adapted(values, without=["augmented", "adversarial"])
    table = domain_adaptation_text.table(frame, study)
    assert table.views[0].cells["Dice"].tolist()[1:3] == ["not run: why"] * 2
    assert table.views[1].cells["predictor"].tolist() == ["plain", "adversarial_augmented"]
    found = row_of(frame, predictor="adversarial_augmented", without="each", label="mean")
    assert pd.isna(found["without_adversary"]) and found["dice_to_plain"] == pytest.approx(-0.05)
    assert "the adversary" not in domain_adaptation_text.sentences(frame)[0]
    with pytest.raises(InputError, match="compares with a member without augmentation and adversary, and no protocol"):
        adapted({"augmented": [0.5, 0.7]}, predictors=["plain", "augmented"], without=["plain"])
    alone, _ = adapted({"plain": [0.5, 0.7]}, predictors=["plain"])
    assert domain_adaptation_text.sentences(alone)[0].endswith("there is nothing to compare plain with.")


# Dice and Hausdorff distance

BOTH = {
    dataset: {one.case: one for one in (case(patient, phase, view) for patient in "ab" for phase in ("ED", "ES"))}
    for dataset, view in made_up.DATASETS.items()
}
VIEWS = made_up.study(["augmented", "plain"], list(made_up.DATASETS), without=["plain"])


def phases(dataset, values, part="test"):
    """Return rows of metrics.csv of patient and phase → (Dice, distance), the same for each label."""
    view = made_up.DATASETS[dataset]
    found = []
    for (patient, phase), (dice, hd) in values.items():
        labels = dict.fromkeys(made_up.LABELS, dice)
        found += rows(dataset, WHOLE, "augmented", case(patient, phase, view), labels, hd, part)
    return found


PHASES = metrics(
    phases("mnms2_sa", {("a", "ED"): (0.9, 4), ("b", "ED"): (0.7, 8), ("a", "ES"): (0.6, 10)}),
    phases("mnms2_sa", {("b", "ES"): (0.1, 99)}, part="out_of_fold"),
    phases("mnms2_la", {("a", "ED"): (0.5, 3), ("b", "ED"): (None, math.nan), ("b", "ES"): (0.7, 5)}),
)


@pytest.fixture
def said(request):
    return read.read_published(request.config.rootpath / "docs" / "published.csv", "mnms2", "dice_hd")


def test_dice_and_distance_by_hand(said):
    frame = dice_hd.numbers(PHASES, BOTH, said, VIEWS, RESAMPLES)
    run = frame[frame["predictor"] == "augmented"]
    diastole = row_of(run, view="SA", label="RV", phase="ED")
    assert ends(diastole, "dice") == pytest.approx([0.8, 0.7, 0.9]) and ends(diastole, "hd") == [6, 4, 8]
    assert diastole["dice_published"] == 0.88142806 and diastole["hd_published"] == 12.3269659
    assert ends(diastole, "dice_difference") == pytest.approx([0.8 - 0.88142806, 0.7 - 0.88142806, 0.9 - 0.88142806])
    assert ends(diastole, "hd_difference") == pytest.approx([6 - 12.3269659, 4 - 12.3269659, 8 - 12.3269659])
    mean = row_of(run, view="SA", label="RV", phase="mean")
    # Over phases, though there are more cases of one: (0.8 + 0.6) / 2.
    assert (mean["dice"], mean["hd"]) == pytest.approx((0.7, 8)) and mean["dice_published"] == 0.86212452
    assert (mean["cases"], mean["patients"], mean["part"]) == (3, 2, "test")
    long_axis = row_of(run, view="LA", label="MYO", phase="mean")
    assert (long_axis["dice"], long_axis["hd"]) == pytest.approx((0.6, 4)) and long_axis["left_out"] == 1
    assert long_axis["dice_published"] == 0.85718554
    assert list(run["label"].unique()) == ["LV", "MYO", "RV"]
    assert frame["note"].dropna().unique().tolist() == ["not run: why"]


def test_published_numbers_stand_above_ours_and_all_are_shown(said):
    table = dice_hd_text.table(dice_hd.numbers(PHASES, BOTH, said, VIEWS, RESAMPLES), VIEWS)
    assert [view.heading for view in table.views] == ["LV", "MYO", "RV"]
    cells = table.views[2].cells
    assert cells["predictor"].tolist() == [
        "published", "augmented", "augmented − published", "plain, not run: why"
    ] * 2  # fmt: skip
    values = ["ED Dice", "ED HD", "ES Dice", "ES HD", "mean Dice", "mean HD"]
    assert list(cells.columns) == [
        "dataset",
        "view",
        "predictor",
        *values,
        "cases",
        "left out",
        "one empty",
        "built without",
    ]
    assert cells.loc[0, values].tolist() == ["0.881", "12.3", "0.843", "12.4", "0.862", "12.4"]
    assert cells.loc[1, values].tolist()[:3] == ["0.800 [0.700, 0.900]", "6.0 [4.0, 8.0]", "0.600"]
    assert cells.loc[2, "ED Dice"] == "−0.081 [−0.181, +0.019]" and cells.loc[2, "ES HD"] == "−2.4"
    assert cells.loc[3, values].tolist() == [MISSING] * 6
    shown = sum(cell not in (MISSING,) for view in table.views for at in (0, 4) for cell in view.cells.loc[at, values])
    assert shown == len(said) == 36


def test_published_means_are_over_phases(said):
    for (view, label, metric), own in said.assign(view=said["subset"].str[:2]).groupby(["view", "label", "metric"]):
        of = own.set_index("subset")["value"]
        assert (of[f"{view}/ED"] + of[f"{view}/ES"]) / 2 == pytest.approx(of[f"{view}/mean"], abs=1e-7), (label, metric)


def test_phantoms_are_held_against_no_published_number(said):
    study = dataclasses.replace(VIEWS, phantoms=["mnms2_sa"])
    frame = dice_hd.numbers(PHASES, BOTH, said, study, RESAMPLES).set_index("dataset")
    assert frame.loc["mnms2_sa", "dice_difference"].isna().all()
    assert frame.loc["mnms2_la", "dice_difference"].notna().any()
    text = markdown(dice_hd_text.table(frame.reset_index(), study))
    assert text.count("| mnms2_sa | SA | augmented − published") == 0 and "phantom results (mnms2_sa" in text
    with pytest.raises(InputError, match=r"published\.csv: 2 values of dice for generic_unet"):
        dice_hd.numbers(PHASES, BOTH, pd.concat([said, said]), VIEWS, RESAMPLES)


# Figures


@pytest.fixture(scope="module")
def made():
    """Return cases, splits and metrics of 24 patients."""
    known = made_up.cases()
    return known, made_up.splits(known), made_up.metrics(known)


@pytest.fixture
def vendor_rows(made, tmp_path):
    """Return the table vendors as it is read from its file."""
    known, folds, rows = made
    write_csv(tmp_path / "vendors.csv", vendor_numbers(rows, ALL_SPLITS, made_up.study(), known, folds))
    return read.read_csv(tmp_path / "vendors.csv", vendor_matrix.DICE, vendor_matrix.COUNTS)


def test_squares_are_the_tables_and_frames_are_unseen(vendor_rows):
    study = made_up.study()
    squares = vendor_matrix.squares(vendor_rows, study)
    assert len(squares) == 4 * 3 * 3 + 3 and set(squares["label"]) == {"mean"}
    figure = vendor_matrix.draw(squares, study)
    panels = figure.axes[:4]
    assert [panel.get_title(loc="left") for panel in panels] == list(made_up.MEMBERS)
    for panel, name in zip(panels, made_up.MEMBERS, strict=True):
        columns = [label.get_text().split("\n")[0] for label in panel.get_xticklabels()]
        lines = [label.get_text() for label in panels[0].get_yticklabels()]
        assert columns == list(made_up.VENDORS) and lines == ["none", *made_up.VENDORS]
        written = {text.get_position(): text.get_text() for text in panel.texts}
        for column, line in itertools.product(range(3), range(4)):
            own = squares[(squares["predictor"] == name) & (squares["vendor"] == columns[column])]
            own = own[own["without"] == lines[line]]
            expected = (
                MISSING if own.empty else "{:.3f}\n[{:.3f}, {:.3f}]".format(*own[list(vendor_matrix.DICE)].iloc[0])
            )
            assert written[column, line] == expected
        frames = {tuple(np.round(np.add(patch.get_xy(), 0.46)).astype(int)) for patch in panel.patches}
        assert frames == {(0, 1), (1, 2), (2, 3)}
    with pytest.raises(InputError, match="no predictor has test cases; take vendor_matrix out"):
        vendor_matrix.squares(vendor_rows[:0], study)


def test_patients_are_counted_once_by_part_pathology_and_vendor():
    many = [
        *(case("a", phase, view, "ge", "nor", "training") for phase in ("ED", "ES") for view in ("SA", "LA")),
        case("b", vendor="ge", pathology="nor", part="training"),
        case("c", vendor="siemens", pathology="lv", part="testing"),
        case("d", vendor="siemens", pathology="", part="validation"),
    ]
    found = counts.count(many)
    assert list(found) == ["training", "validation", "testing"]
    assert found["training"].to_dict("index") == {
        "lv": {"ge": 0, "siemens": 0, "all": 0},
        "nor": {"ge": 2, "siemens": 0, "all": 2},
        "unknown": {"ge": 0, "siemens": 0, "all": 0},
        "all": {"ge": 2, "siemens": 0, "all": 2},
    }
    assert found["testing"].loc["lv"].tolist() == [0, 1, 1] and found["validation"].loc["unknown", "siemens"] == 1


def test_counts_stand_in_their_squares(made):
    known, _, _ = made
    counted = {dataset: counts.count(own.values()) for dataset, own in known.items()}
    figure = counts.draw(counted, made_up.study(datasets=list(known)))
    places = [(dataset, part) for dataset, found in counted.items() for part in found]
    assert [panel.get_title(loc="left") for panel in figure.axes] == [", ".join(place) for place in places]
    for panel, (dataset, part) in zip(figure.axes, places, strict=True):
        own = counted[dataset][part]
        written = {text.get_position(): int(text.get_text()) for text in panel.texts}
        assert written == {(at[1], at[0]): value for at, value in np.ndenumerate(own.to_numpy())}
        official = {one.patient for one in known[dataset].values() if one.part == part}
        assert own.loc["all", "all"] == len(official)


@pytest.mark.parametrize("name", ["vendor_matrix", "counts"])
def test_figures_stay_on_the_page_and_have_the_same_bytes(name, made, vendor_rows, tmp_path):
    study = made_up.study(datasets=["mnms2_sa"], phantoms=["mnms2_sa"])
    counted = {dataset: counts.count(own.values()) for dataset, own in made[0].items()}
    with style.paper(), warnings.catch_warnings():
        warnings.simplefilter("error")
        for place in ("one.png", "two.png"):
            figure = counts.draw(counted, study)
            if name == "vendor_matrix":
                figure = vendor_matrix.draw(vendor_matrix.squares(vendor_rows, study), study)
            style.save(figure, tmp_path / place)
        FigureCanvasAgg(figure).draw()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    page = figure.bbox.padded(1)
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible():
            box = text.get_window_extent()
            assert page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1, text.get_text()
    assert "phantom data (mnms2_sa)" in figure.get_suptitle()


# From files to files


@pytest.fixture
def results(tmp_path, made):
    """Write tables of cases, splits and metrics of both datasets."""
    known, folds, rows = made
    written = {"metrics": [], "cases": [], "splits": []}
    for dataset, own in known.items():
        path = tmp_path / "datasets" / dataset / "cases.csv"
        path.parent.mkdir(parents=True)
        write_cases(path, own.values())
        written["cases"].append(str(path))
    for (dataset, split), of in folds.items():
        path = tmp_path / dataset / split / "split.csv"
        path.parent.mkdir(parents=True)
        lines = [f"{fold},{name},{name[:3]},{part}" for fold in of for part in of[fold] for name in of[fold][part]]
        path.write_text("\n".join(["fold,case,patient,part", *lines]) + "\n")
        written["splits"].append(str(path))
    for (dataset, split, name), own in rows.groupby(["dataset", "split", "predictor"]):
        path = tmp_path / dataset / split / "members" / name / "seed-0" / "metrics.csv"
        path.parent.mkdir(parents=True)
        own.to_csv(path, index=False, float_format="%.9g")
        written["metrics"].append(str(path))
    return written


def test_from_files_to_files(tmp_path, results, request):
    study = dataclasses.asdict(made_up.study(phantoms=["mnms2_sa"])) | {"remarks": ["A remark of the study."]}
    views = study | {"predictors": ["augmented"], "datasets": list(made_up.DATASETS)}
    of_folds = [path for path in results["metrics"] if WHOLE in path]
    without = [path for path in results["metrics"] if WHOLE not in path]
    said = str(request.config.rootpath / "docs" / "published.csv")
    files = {name: (str(tmp_path / f"{name}.csv"), str(tmp_path / f"{name}.json"))
             for name in ("dice_hd", "vendors", "domain_adaptation")}  # fmt: skip
    shared = (results["cases"], results["splits"])

    def write():
        tabulate_dice_hd.main(of_folds, results["cases"], said, *files["dice_hd"], views, RESAMPLES)
        tabulate_vendors.main(results["metrics"], *shared, *files["vendors"], study, LEFT_OUT, WHOLE, RESAMPLES)
        tabulate_domain_adaptation.main(without, *shared, *files["domain_adaptation"], study, LEFT_OUT, RESAMPLES)

    write()
    first = {name: (tmp_path / f"{name}.csv").read_bytes() for name in files}
    for name in files:
        for suffix in (".tex", ".md", ".html"):
            text = (tmp_path / f"{name}{suffix}").read_text(encoding="utf-8")
            assert "phantom results" in text and "A remark of the study." in text and "nan" not in text
        assert (tmp_path / f"{name}.tex").read_text(encoding="utf-8").isascii()
        assert {"commit", "configuration", "data"} <= set(json.loads((tmp_path / f"{name}.json").read_text()))
    assert len(pd.read_csv(tmp_path / "dice_hd.csv")) == 2 * 3 * 3
    # What was made up: a vendor left out costs 0.1, and augmentation brings 0.04.
    means = pd.read_csv(tmp_path / "vendors.csv", keep_default_na=False, na_values=[""]).query("label == 'mean'")
    unseen = row_of(means, predictor="augmented", without="each", vendor="unseen", pathology="all")
    assert unseen["dice_to_all"] == pytest.approx(-0.1, abs=0.01)
    assert unseen["dice_to_seen"] == pytest.approx(-0.1, abs=0.01)
    adapted = pd.read_csv(tmp_path / "domain_adaptation.csv").query("label == 'mean' and without == 'each'")
    assert row_of(adapted, predictor="augmented")["dice_to_plain"] == pytest.approx(0.04, abs=0.01)
    write()
    assert first == {name: (tmp_path / f"{name}.csv").read_bytes() for name in files}
    for name, script, source in (
        ("vendor_matrix", plot_vendor_matrix, files["vendors"][0]),
        ("counts", plot_counts, results["cases"]),
    ):
        script.main(source, str(tmp_path / f"{name}.png"), str(tmp_path / f"{name}.json"), study)
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / f"{name}.pdf").is_file() and (tmp_path / f"{name}.json").is_file()
