"""What is to be made, counted by hand on a small configuration."""

import pytest

from medley import plan


@pytest.fixture
def config():
    """Two datasets, three members of which one is only in an ensemble, and one left out."""
    return {
        "studies": {
            "cine": {
                "datasets": ["inner", "outer"],
                "seeds": [0, 4],
                "splits": {
                    "single": {"parts": {"train": 0.7, "validation": 0.1, "test": 0.2}},
                    "folds": {"folds": 3},
                    "unused": {"folds": 9},
                },
                "members": {"a": {}, "b": {}, "c": {}, "never": {}},
                "ensembles": {"mean": {"members": ["b", "c"]}, "pair": {"members": ["a", "b"]}},
                "not_run": {"gone": "weights missing", "gone-mean": "left out"},
                "protocols": {
                    "as_reported": {
                        "datasets": ["inner", "outer"],
                        "split": "single",
                        "predictors": ["mean", "gone", "a"],
                        "batches": 25,
                    },
                    "audited": {
                        "datasets": ["inner", "outer"],
                        "split": "folds",
                        "predictors": ["gone-mean", "pair"],
                        "tolerance": 2.0,
                    },
                },
            }
        }
    }


def test_folds(config):
    assert plan.folds(config, "cine", "single") == [0]
    assert plan.folds(config, "cine", "folds") == [0, 1, 2]


def test_splits_are_those_that_a_protocol_uses(config):
    assert plan.splits_of(config, "cine", "inner") == ["single", "folds"]


def test_members_are_trained_for_themselves_or_for_an_ensemble(config):
    assert plan.members(config, "cine", "inner", "single") == ["a", "b", "c"]
    assert plan.members(config, "cine", "inner", "folds") == ["a", "b"]


def test_trainings(config):
    trainings = plan.trainings(config, "cine")
    # 2 datasets × 2 seeds × (3 members × 1 fold + 2 members × 3 folds)
    assert len(trainings) == len(set(trainings)) == 2 * 2 * (3 * 1 + 2 * 3)
    assert trainings[0] == plan.Training("inner", "single", "a", 0, 0)
    assert plan.Training("outer", "folds", "b", 2, 4) in trainings
    assert not any(training.split == "folds" and training.member == "c" for training in trainings)


def test_a_protocol_may_take_fewer_datasets(config):
    config["studies"]["cine"]["protocols"]["audited"]["datasets"] = ["outer"]
    assert plan.splits_of(config, "cine", "inner") == ["single"]
    # inner: 2 seeds × 3 members × 1 fold; outer besides: 2 seeds × 2 members × 3 folds
    trainings = plan.trainings(config, "cine")
    assert [t.dataset for t in trainings].count("inner") == 2 * 3
    assert [t.dataset for t in trainings].count("outer") == 2 * 3 + 2 * 2 * 3
    assert {(e.dataset, e.predictor) for e in plan.evaluations(config, "cine")} == {
        ("inner", "mean"),
        ("inner", "a"),
        ("outer", "mean"),
        ("outer", "a"),
        ("outer", "pair"),
    }


def test_predictors_are_judged_where_they_are_shown(config):
    assert plan.predictors(config, "cine", "outer", "single") == [("ensembles", "mean"), ("members", "a")]
    assert plan.predictors(config, "cine", "outer", "folds") == [("ensembles", "pair")]
    evaluations = plan.evaluations(config, "cine")
    assert len(evaluations) == 2 * 2 * 3
    assert evaluations[0] == plan.Evaluation("inner", "single", "ensembles", "mean", 0)


def test_two_protocols_on_one_split_share_what_they_show(config):
    config["studies"]["cine"]["protocols"]["audited"] |= {"split": "single", "predictors": ["a", "pair"]}
    assert plan.predictors(config, "cine", "inner", "single") == [
        ("ensembles", "mean"),
        ("members", "a"),
        ("ensembles", "pair"),
    ]
    assert len(plan.trainings(config, "cine")) == 2 * 2 * 3
    assert plan.said(config, "cine", "single", "a", "batches") == 25
    assert plan.said(config, "cine", "single", "pair", "batches") is None


def test_what_is_not_run_is_shown_with_its_reason(config):
    shown = plan.shown(config, "cine", "as_reported")
    assert shown.predictors == [("ensembles", "mean"), ("members", "a")]
    assert shown.not_run == {"gone": "weights missing"}


def test_a_predictor_that_is_not_run_has_no_kind(config):
    with pytest.raises(KeyError):
        plan.kind(config, "cine", "gone")
