"""The registry, the formulas and the empties policies."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.metrics import POLICIES, Counts, Metric, Options, list_metrics, resolve
from fastseg.results.rows import Row
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
def test_count_formulas_against_fractions(counts: tuple[int, int, int, int]) -> None:
    for metric in list_metrics():
        if metric.measurement == "counts":
            assert metric.function(Counts(*counts), Options()) == pytest.approx(
                getattr(naive, metric.name)(*counts), rel=1e-15, nan_ok=True
            ), metric.name


def test_f_beta_family() -> None:
    counts = Counts(10, 20, 30, 40)
    for name, beta in {"f2": 2, "f0_5": 0.5, "f1": 1, "f0.5": 0.5}.items():
        assert resolve([name])[0].function(counts, Options()) == pytest.approx(
            naive.f_beta(10, 20, 30, 40, beta)
        )


def test_any_percentile_can_be_asked_for() -> None:
    names = ("hd50", "hd95", "hd97_5", "hd99", "hd100", "hd")
    row = fastseg.evaluate(BLOCK, np.roll(BLOCK, (1, 2), (0, 1)), metrics=names)[1]
    values = [row[name] for name in names]
    assert values == sorted(values)
    assert row["hd100"] == row["hd"]


def test_large_counts_do_not_overflow() -> None:
    counts = Counts(tp=10**9, fp=10**9, fn=10**9, tn=10**9)
    assert resolve(["mcc"])[0].function(counts, Options()) == 0.0


def test_every_metric_is_described() -> None:
    for metric in list_metrics():
        assert metric.formula
        assert metric.source
        assert metric.function.__doc__
        assert metric.unit in ("", "mm", "mm³")
        assert (metric.larger_is_better is None) == ("volume_difference" in metric.name)


def test_distance_metrics_are_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="did you mean 'hd95'"):
        resolve(["hd9 5"])


def rows(**options: Any) -> dict[str, Row]:
    """The row of each kind of emptiness."""
    pairs = {"both": (EMPTY, EMPTY), "prediction": (BLOCK, EMPTY), "reference": (EMPTY, BLOCK)}
    return {
        which: fastseg.evaluate(*pair, labels=[1], **options)[1] for which, pair in pairs.items()
    }


def sees_background(metric: Metric) -> bool:
    """Whether true negatives play a part in it."""
    few, many = (Counts(3, 4, 5, tn) for tn in (1, 90))
    options = Options()
    return metric.measurement == "counts" and (
        metric.function(few, options) != metric.function(many, options)
    )


METRICS = list_metrics()
OVERLAPS = [it.name for it in METRICS if it.larger_is_better and not sees_background(it)]
DISTANCES = [it.name for it in METRICS if it.is_distance]
UNDEFINED = [it.name for it in METRICS if not it.always_defined]


def test_worst_is_the_default() -> None:
    for which, row in rows().items():
        assert row.empty == which
        assert row.empty_policy == "worst"
        if which == "both":
            assert all(math.isnan(row[name]) for name in UNDEFINED)
        else:
            assert [row[name] for name in OVERLAPS] == [0] * len(OVERLAPS)
            assert [row[name] for name in DISTANCES] == [math.inf] * len(DISTANCES)
            formulas = rows(empty="nan")[which]
            for metric in METRICS:
                undefined = math.isnan(formulas[metric.name])
                expected = metric.worst if undefined else formulas[metric.name]
                assert row[metric.name] == expected, metric.name
    assert {"dice", "precision", "nsd", "boundary_iou"} < set(OVERLAPS)
    assert {"hd", "assd"} < set(DISTANCES) < set(UNDEFINED)
    # What needs no structure keeps its formula.
    assert rows()["both"]["specificity"] == rows()["both"]["accuracy"] == 1
    assert rows()["reference"]["volume_difference"] == 27
    assert rows()["prediction"]["volume_difference"] == -27
    assert rows()["prediction"]["relative_volume_difference"] == -1
    assert rows()["reference"]["relative_volume_difference"] == math.inf


def test_nan_leaves_what_is_defined() -> None:
    one = rows(empty="nan")["prediction"]
    assert all(math.isnan(one[name]) for name in DISTANCES)
    assert one["dice"] == one["nsd"] == 0
    assert math.isnan(one["precision"])
    assert one["recall"] == 0


def test_raise_names_the_label_and_the_metric() -> None:
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


def test_diagonal_stands_for_inf_only() -> None:
    one = rows(empty="diagonal")["reference"]
    assert [one[name] for name in DISTANCES] == [DIAGONAL] * len(DISTANCES)
    assert one["nsd"] == 0
    assert one["relative_volume_difference"] == math.inf
    assert math.isnan(rows(empty="diagonal")["both"]["hd"])
    assert rows(empty="diagonal", spacing=2)["reference"]["hd"] == 2 * DIAGONAL


def test_perfect_rewards_agreement_on_nothing() -> None:
    both = rows(empty="perfect")["both"]
    for metric in list_metrics():
        assert both[metric.name] == metric.best, metric.name
    assert rows(empty="perfect")["prediction"]["hd"] == math.inf


def test_a_mapping_sets_single_metrics() -> None:
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


def test_policies_and_numbers_for_either_case() -> None:
    """Of any kind of number, and under any of the metric's names."""
    result = rows(
        empty={
            "hausdorff_95": {"both": 0, "one": "diagonal"},
            "DSC": {"both": "perfect", "one": np.float32(0.25)},
            "assd": {"both": math.inf, "one": "nan"},
            "hd": np.int64(45),
            "precision": {"both": "worst", "one": math.nan},
            "mcc": math.nan,
        }
    )
    both, one = result["both"], result["prediction"]
    assert both["hd95"] == 0
    assert one["hd95"] == result["reference"]["hd95"] == DIAGONAL
    assert (both["dice"], one["dice"]) == (1, 0.25)
    assert both["assd"] == math.inf
    assert math.isnan(one["assd"])
    assert both["hd"] == one["hd"] == 45
    assert all(map(math.isnan, (both["precision"], one["precision"], both["mcc"], one["mcc"])))
    assert one.empty_policy == "worst (custom)"


def test_raise_in_one_case_only() -> None:
    rule: Any = {"dice": {"both": "raise", "one": 0}}
    assert fastseg.evaluate(BLOCK, EMPTY, labels=[1], empty=rule)[1]["dice"] == 0
    with pytest.raises(fastseg.EmptyMaskError, match="dice is not defined"):
        fastseg.evaluate(EMPTY, EMPTY, labels=[1], empty=rule)


def test_policies_in_the_settings_are_plain() -> None:
    rule: Any = {"hausdorff": {"one": np.float32(4), "both": np.str_("nan")}, "dsc": np.array(1)}
    found = fastseg.evaluate(BLOCK, BLOCK, empty=rule).settings["empty"]
    assert json.dumps(found) == (
        '{"default": "worst", "hd": {"both": "nan", "one": 4.0}, "dice": 1.0}'
    )
    again = fastseg.evaluate(BLOCK, EMPTY, labels=[1], empty=found)
    assert again[1]["hd"] == fastseg.evaluate(BLOCK, EMPTY, labels=[1], empty=rule)[1]["hd"] == 4


@pytest.mark.parametrize(
    ("policy", "error", "words"),
    [
        ({"hd95": {"both": 0, "one": "diagonl"}}, ValueError, "did you mean 'diagonal'"),
        ({"hd95": {"both": 0, "one": {"x": 1}}}, TypeError, "'hd95', 'one': expected a policy or"),
        ({"hd95": {"both": None, "one": 1}}, TypeError, "'hd95', 'both': expected a policy or"),
        ({"hd95": {"both": 0, "one": 1, "two": 2}}, ValueError, "'both' and 'one'"),
        ({"hd95": None}, TypeError, "a policy, a number or a mapping"),
        ({"hd95": [1]}, TypeError, "a policy, a number or a mapping"),
        ({"hd95": np.array([1, 2])}, TypeError, "an array of shape"),
        ({"both": 0, "one": "diagonal"}, ValueError, "'both' and 'one' belong to a metric"),
        ({"all": 1}, ValueError, "empty: unknown 'all'"),
        ({3: 1}, TypeError, "empty: expected names, got 3"),
        ({"asd": 1}, ValueError, "empty: 'asd' is not the name of one metric"),
        (
            {"hd": 1, "hausdorff": 2},
            ValueError,
            "'hd' is given twice, the second time as 'hausdorff'",
        ),
        ({"hd95": "best"}, ValueError, "unknown policy 'best'"),
        ({"hdd": 1}, ValueError, "unknown 'hdd'"),
        ({"hd95": {"both": 1}}, ValueError, "'both' and 'one'"),
        ({"hd95": True}, TypeError, "a number"),
        ({"default": 1}, TypeError, "name"),
    ],
)
def test_bad_policies_are_refused(policy: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fastseg.evaluate(BLOCK, BLOCK, empty=policy)


def test_nothing_is_applied_where_nothing_is_empty() -> None:
    for policy in POLICIES:
        row = fastseg.evaluate(BLOCK, np.roll(BLOCK, 1, 0), empty=policy)[1]
        assert (row.empty, row.empty_policy) == ("", "")
