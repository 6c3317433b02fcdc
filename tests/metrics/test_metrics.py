"""The registry, the formulas and the empties policies."""

import math

import numpy as np
import pytest

import fastseg
from fastseg.metrics import POLICIES, Counts, list_metrics, resolve
from tests.oracle import naive

COUNTS = [
    (16, 0, 12, 168),
    (3, 7, 2, 88),
    (0, 5, 4, 91),
    (50, 0, 0, 0),
    (1, 1, 1, 1),
    (10, 20, 30, 40),
]
EMPTY = np.zeros((5, 6, 7), np.uint8)
BLOCK = EMPTY.copy()
BLOCK[1:4, 2:5, 3:6] = 1
DIAGONAL = math.sqrt(25 + 36 + 49)


@pytest.mark.parametrize("counts", COUNTS)
def test_count_formulas_against_fractions(counts):
    for metric in list_metrics():
        if metric.measurement == "counts":
            assert metric.function(Counts(*counts)) == pytest.approx(
                getattr(naive, metric.name)(*counts), rel=1e-15, nan_ok=True
            ), metric.name


def test_f_beta_family():
    counts = Counts(10, 20, 30, 40)
    for name, beta in {"f2": 2, "f0_5": 0.5, "f1": 1, "f0.5": 0.5}.items():
        assert resolve([name])[0].function(counts) == pytest.approx(
            naive.f_beta(10, 20, 30, 40, beta)
        )


def test_any_percentile_can_be_asked_for():
    names = ("hd50", "hd95", "hd97_5", "hd99", "hd100", "hd")
    row = fastseg.evaluate(BLOCK, np.roll(BLOCK, (1, 2), (0, 1)), metrics=names)[1]
    values = [row[name] for name in names]
    assert values == sorted(values)
    assert row["hd100"] == row["hd"]


def test_large_counts_do_not_overflow():
    counts = Counts(tp=10**9, fp=10**9, fn=10**9, tn=10**9)
    assert resolve(["mcc"])[0].function(counts) == 0.0


def test_every_metric_is_described():
    for metric in list_metrics():
        assert metric.formula
        assert metric.source
        assert metric.function.__doc__
        assert metric.unit in ("", "mm", "mm³")
        assert (metric.larger_is_better is None) == ("volume_difference" in metric.name)


def test_distance_metrics_are_named_in_the_error():
    with pytest.raises(ValueError, match="did you mean 'hd95'"):
        resolve(["hd9 5"])


def rows(**options):
    """The row of each kind of emptiness."""
    pairs = {"both": (EMPTY, EMPTY), "prediction": (BLOCK, EMPTY), "reference": (EMPTY, BLOCK)}
    return {
        which: fastseg.evaluate(*pair, labels=[1], **options)[1] for which, pair in pairs.items()
    }


OVERLAPS = [
    "dice",
    "iou",
    "precision",
    "recall",
    "f_beta",
    "volume_similarity",
    "nsd",
    "boundary_iou",
]
DISTANCES = [
    "hd",
    "hd95",
    "assd",
    "masd",
    "asd_reference_to_prediction",
    "asd_prediction_to_reference",
]
UNDEFINED = [*OVERLAPS, *DISTANCES, "balanced_accuracy", "mcc", "cohen_kappa", "youden"]


def test_worst_is_the_default():
    for which, row in rows().items():
        assert row.empty == which
        assert row.empty_policy == "worst"
        if which == "both":
            assert all(math.isnan(row[name]) for name in UNDEFINED)
        else:
            assert [row[name] for name in OVERLAPS] == [0] * len(OVERLAPS)
            assert [row[name] for name in DISTANCES] == [math.inf] * len(DISTANCES)
    # What needs no structure keeps its formula.
    assert rows()["both"]["specificity"] == rows()["both"]["accuracy"] == 1
    assert rows()["reference"]["volume_difference"] == 27
    assert rows()["prediction"]["volume_difference"] == -27
    assert rows()["prediction"]["relative_volume_difference"] == -1
    assert rows()["reference"]["relative_volume_difference"] == math.inf


def test_nan_leaves_what_is_defined():
    one = rows(empty="nan")["prediction"]
    assert all(math.isnan(one[name]) for name in DISTANCES)
    assert one["dice"] == one["nsd"] == 0
    assert math.isnan(one["precision"])
    assert one["recall"] == 0


def test_raise_names_the_label_and_the_metric():
    for which, words in {
        "prediction": "the prediction is",
        "reference": "the reference is",
    }.items():
        pair = (BLOCK, EMPTY) if which == "prediction" else (EMPTY, BLOCK)
        with pytest.raises(fastseg.EmptyMaskError, match=words):
            fastseg.evaluate(*pair, labels={"liver": 1}, empty="raise")
    with pytest.raises(fastseg.EmptyMaskError, match=r"liver.*reference and prediction.*dice"):
        fastseg.evaluate(EMPTY, EMPTY, labels={"liver": 1}, empty="raise")
    assert fastseg.evaluate(BLOCK, BLOCK, empty="raise")[1]["hd"] == 0


def test_diagonal_stands_for_inf_only():
    one = rows(empty="diagonal")["reference"]
    assert [one[name] for name in DISTANCES] == [DIAGONAL] * len(DISTANCES)
    assert one["nsd"] == 0
    assert one["relative_volume_difference"] == math.inf
    assert math.isnan(rows(empty="diagonal")["both"]["hd"])
    assert rows(empty="diagonal", spacing=2)["reference"]["hd"] == 2 * DIAGONAL


def test_perfect_rewards_agreement_on_nothing():
    both = rows(empty="perfect")["both"]
    for metric in list_metrics():
        assert both[metric.name] == metric.best, metric.name
    assert rows(empty="perfect")["prediction"]["hd"] == math.inf


def test_a_mapping_sets_single_metrics():
    policy = {
        "hd95": {"both": 0.0, "one": 373.13},
        "dice": "perfect",
        "nsd": 0.25,
        "default": "nan",
    }
    result = rows(empty=policy)
    assert result["both"]["hd95"] == 0
    assert result["reference"]["hd95"] == 373.13
    assert result["both"]["dice"] == 1
    assert result["prediction"]["nsd"] == result["both"]["nsd"] == 0.25
    assert math.isnan(result["prediction"]["hd"])
    assert result["both"].empty_policy == "nan (custom)"
    default = rows(empty={"hd95": 1.0})["reference"]
    assert default["hd"] == math.inf


@pytest.mark.parametrize(
    ("policy", "error", "words"),
    [
        ({"hd95": "best"}, ValueError, "unknown policy 'best'"),
        ({"hdd": 1}, ValueError, "unknown 'hdd'"),
        ({"hd95": {"both": 1}}, ValueError, "'both' and 'one'"),
        ({"hd95": True}, TypeError, "a number"),
        ({"default": 1}, TypeError, "name"),
    ],
)
def test_bad_policies_are_refused(policy, error, words):
    with pytest.raises(error, match=words):
        fastseg.evaluate(BLOCK, BLOCK, empty=policy)


def test_nothing_is_applied_where_nothing_is_empty():
    for policy in POLICIES:
        row = fastseg.evaluate(BLOCK, np.roll(BLOCK, 1, 0), empty=policy)[1]
        assert (row.empty, row.empty_policy) == ("", "")
