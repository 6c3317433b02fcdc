"""Metrics of matched instances: by hand, by naive formulas, and what figures of the pitfalls paper print."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.backends import scipy as backend
from fastseg.errors import InputError
from fastseg.instances.matching import match
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.matching import Matching
from fastseg.metrics import MEASUREMENTS, Options, list_metrics, resolve
from tests.instances.instance_maps import KINDS, cases

Map = NDArray[Any]
NAMES = [metric.name for metric in list_metrics("instances")]


def value(matching: Matching, name: str, voxel_volume: float = 1.0) -> float:
    [metric] = resolve([name], of="instances")
    found = metric.function(matching, Options(voxel_volume=voxel_volume))
    assert isinstance(found, float)
    return found


def values(matching: Matching, **expected: float) -> None:
    for name, number in expected.items():
        assert value(matching, name) == pytest.approx(number, rel=1e-15, nan_ok=True), name


def matched(reference: Map, prediction: Map, **options: Any) -> Matching:
    return match(InstanceTable.of(backend.joint_histogram(reference, prediction)), **options)


def painted(shape: tuple[int, ...], *instances: list[tuple[int, int, int, int]]) -> Map:
    """A map with an instance for each list of boxes: rows and columns, half open."""
    labels = np.zeros(shape, np.int32)
    for label, boxes in enumerate(instances, 1):
        for top, bottom, left, right in boxes:
            labels[top:bottom, left:right] = label
    return labels


# ---------------------------------------------------------------------------- the pitfalls paper


def test_figure_of_panoptic_quality() -> None:
    """SN 3.51 of arXiv 2302.01790: of three instances two are found, by four predictions; PQ is 0.350."""
    reference = painted(
        (18, 18),
        [(2, 7, 1, 3), (2, 5, 3, 6)],
        [(6, 12, 12, 17)],
        [(14, 15, 7, 10), (13, 16, 8, 9)],
    )
    prediction = painted(
        (18, 18),
        [(3, 7, 1, 3), (3, 6, 3, 7)],
        [(13, 16, 4, 6)],
        [(7, 12, 13, 17)],
        [(13, 15, 13, 17), (15, 16, 15, 16)],
    )
    for rule in ("greedy", "optimal", "overlap", "merge"):
        found = matched(reference, prediction, matching=rule)
        assert (found.tp, found.fp, found.fn) == (2, 2, 1)
        assert found.scores.tolist() == [14 / 25, 20 / 30]
        assert round(value(found, "pq"), 3) == 0.350
        values(
            found,
            panoptic_quality=(14 / 25 + 2 / 3) / 3.5,
            segmentation_quality=(14 / 25 + 2 / 3) / 2,
            recognition_quality=2 / 3.5,
            instance_count_difference=1,
        )


def test_figure_of_boxes_that_are_found_or_not() -> None:
    """Figure 6a: boxes at IoU 0.1; three of four are found by five."""
    reference = painted(
        (20, 20), [(3, 8, 2, 6)], [(7, 9, 9, 12)], [(1, 4, 16, 19)], [(14, 17, 14, 19)]
    )
    prediction = painted(
        (20, 20),
        [(2, 7, 3, 7)],
        [(2, 5, 15, 18)],
        [(13, 16, 13, 18)],
        [(16, 20, 7, 11)],
        [(12, 16, 2, 5)],
    )
    found = matched(reference, prediction, threshold=0.1)
    assert (found.tp, found.fp, found.fn) == (3, 2, 1)
    assert found.scores.round(8).tolist() == [0.42857143, 0.28571429, 0.36363636]
    values(found, instance_precision=0.6, instance_recall=0.75)


def test_figure_of_a_ring_around_an_instance() -> None:
    """Figure 59: a ring whose centre lies in another instance. What overlaps tells the two apart."""
    reference = painted((15, 15), [(0, 14, 1, 13)], [(7, 9, 6, 10)])
    reference[1:13, 2:12] = 0
    reference[7:9, 6:10] = 2
    prediction = painted((15, 15), [(7, 9, 8, 10)], [(4, 8, 5, 9)])
    prediction[7:9, 8:10] = 1  # the two have a voxel in common, which a label map gives to one
    by_overlap = matched(reference, prediction, matching="any")
    assert by_overlap.reference_matched.tolist() == [False, True]
    halves = matched(reference, prediction, score="recall", threshold=0.5)
    assert halves.prediction_rows.tolist() == [0]
    values(halves, instance_tp=1, instance_fp=1, instance_fn=1)


# ---------------------------------------------------------------------------- by hand

#: two found with IoU 4/6 and 2/4, one missed of 5 voxels, one false of 3
LINE = np.array([1, 1, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0])
FOUND = np.array([0, 1, 1, 1, 1, 1, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0, 7, 7, 7, 0])


def test_every_metric_by_hand() -> None:
    found = matched(LINE, FOUND)
    scores = [4 / 6, 2 / 4]
    expected = {
        "instances_reference": 3,
        "instances_prediction": 3,
        "instance_tp": 2,
        "instance_fp": 1,
        "instance_fn": 1,
        "instance_precision": 2 / 3,
        "instance_recall": 2 / 3,
        "recognition_quality": 2 / 3,
        "segmentation_quality": sum(scores) / 2,
        "panoptic_quality": sum(scores) / 3,
        "instance_accuracy": 2 / 4,
        "mean_reference_score": sum(scores) / 3,
        "mean_instance_score": sum(scores) / 4,
        "false_positive_volume": 3,
        "false_negative_volume": 5,
        "instance_count_difference": 0,
        "instance_splits": 0,
        "instance_merges": 0,
    }
    assert list(expected) == NAMES
    values(found, **expected)
    assert value(found, "false_positive_volume", 2.5) == 7.5
    assert value(found, "fnv", 2.5) == 12.5


def test_recall_by_size() -> None:
    """Of 5, 3 and 5 voxels of 2 mm³, of which the last was missed: lower bounds are included."""
    found = matched(LINE, FOUND)
    for name, expected in {
        "instance_recall_below_6": math.nan,
        "instance_recall_below_6_5": 1,
        "instance_recall_below_10": 1,
        "instance_recall_below_11": 2 / 3,
        "instance_recall_from_10": 1 / 2,
        "instance_recall_from_6": 2 / 3,
        "instance_recall_from_11": math.nan,
        "instance_recall_6_to_10": 1,
        "instance_recall_6.5_to_10.5": 1 / 2,
    }.items():
        assert value(found, name, 2.0) == pytest.approx(expected, nan_ok=True), name
        assert resolve([name])[0].name == name


def test_splits_and_merges_by_majority() -> None:
    whole = np.repeat([0, 1, 1, 1, 2, 2, 0], 2)
    halves = np.repeat([0, 1, 2, 2, 3, 0, 0], 2)
    found = matched(whole, halves)
    values(found, instance_splits=1, instance_merges=0)
    values(matched(halves, whole), instance_splits=0, instance_merges=1)
    # a piece that lies outside by half does not count
    values(matched(np.array([1, 1, 1, 0]), np.array([1, 2, 3, 3])), instance_splits=1)
    values(matched(np.array([1, 1, 0, 0]), np.array([1, 2, 2, 0])), instance_splits=0)


def test_one_of_many_predictions_counts_once() -> None:
    """Three pieces of one lesion are one TP, and no FP; their union is its score."""
    reference = np.array([1] * 10 + [0] * 4 + [2, 2])
    prediction = np.array([1] * 4 + [2] * 4 + [3] * 4 + [0, 0, 0, 0])
    found = matched(reference, prediction, matching="any")
    assert (found.tp, found.fp, found.fn) == (1, 0, 1)
    values(
        found,
        segmentation_quality=10 / 12,
        mean_instance_score=10 / 24,
        instance_precision=1,
        recognition_quality=2 / 3,
    )
    values(matched(reference, prediction, threshold=0.2), instance_fp=2, segmentation_quality=0.4)


def test_nothing_on_either_side() -> None:
    empty, one = np.zeros(20, int), LINE
    undefined = {
        "both": {"instance_precision", "instance_recall", "recognition_quality", "panoptic_quality",
                 "segmentation_quality", "instance_accuracy", "mean_reference_score", "mean_instance_score"},
        "reference": {"instance_recall", "segmentation_quality", "mean_reference_score"},
        "prediction": {"instance_precision", "segmentation_quality"},
    }  # fmt: skip
    pairs = {"both": (empty, empty), "reference": (empty, one), "prediction": (one, empty)}
    for which, pair in pairs.items():
        found = matched(*pair)
        assert {name for name in NAMES if math.isnan(value(found, name))} == undefined[which]
    values(matched(empty, one), instance_fp=3, false_positive_volume=13, panoptic_quality=0)
    values(matched(one, empty), instance_fn=3, false_negative_volume=13, panoptic_quality=0)


@pytest.mark.parametrize("kind", KINDS)
def test_formulas_as_fractions(kind: str) -> None:
    for table, naive in cases(kind, 30):
        for rule in ("greedy", "merge", "any"):
            found = match(table, matching=rule, threshold=0.2)
            rows = found.reference_matched.nonzero()[0].tolist()
            tp, fp, fn = found.tp, found.fp, found.fn
            assert tp + fn == len(naive.reference)
            scores = sum((Fraction(found.reference_scores[row]) for row in rows), Fraction(0))
            ratios: dict[str, tuple[Fraction | int, int]] = {
                "instance_precision": (tp, tp + fp),
                "instance_recall": (tp, tp + fn),
                "recognition_quality": (2 * tp, 2 * tp + fp + fn),
                "instance_accuracy": (tp, tp + fp + fn),
                "segmentation_quality": (scores, tp),
                "panoptic_quality": (2 * scores, 2 * tp + fp + fn),
                "mean_reference_score": (scores, tp + fn),
                "mean_instance_score": (scores, tp + fp + fn),
            }
            for name, (above, below) in ratios.items():
                expected = float(Fraction(above) / below) if below else math.nan
                assert value(found, name) == pytest.approx(expected, rel=1e-15, nan_ok=True), name
            both = {pair for pair, n in naive.overlaps.items() if 2 * n > naive.prediction[pair[1]]}
            split = [one for one in naive.reference if sum(pair[0] == one for pair in both) > 1]
            assert value(found, "instance_splits") == len(split)


# ---------------------------------------------------------------------------- the registry


def test_they_are_metrics_of_instances_alone() -> None:
    assert set(NAMES).isdisjoint(metric.name for metric in list_metrics())
    everything = {metric.name for metric in list_metrics("all")}
    assert everything >= {*NAMES, *(metric.name for metric in list_metrics())}
    assert [name for name, entry in MEASUREMENTS.items() if entry.of == "instances"] == ["matching"]
    assert not set(fastseg.evaluate(np.eye(4, dtype=int), np.eye(4, dtype=int)).metrics) & set(
        NAMES
    )
    with pytest.raises(
        InputError,
        match="^of: unknown 'lesions'; known: structures, instances, partitions, overlap",
    ):
        list_metrics("lesions")  # type: ignore[arg-type]


def test_evaluate_says_who_gives_them() -> None:
    for name in ("instance_recall", "PQ", "lesion-wise F1", "instance_recall_below_50"):
        with pytest.raises(
            InputError, match=f"^metrics: '{name}' is a metric of matched instances"
        ):
            fastseg.evaluate(np.eye(4, dtype=int), np.eye(4, dtype=int), metrics=["dice", name])
    with pytest.raises(InputError, match="^metrics: 'dice' is a metric of structures"):
        resolve(["dice"], of="instances")
    with pytest.raises(
        InputError, match="'AP' is not the name of one metric; .*'instance_accuracy'"
    ):
        resolve(["AP"])


def test_every_one_is_described() -> None:
    for metric in list_metrics("instances"):
        assert metric.formula
        assert metric.source
        assert metric.function.__doc__
        assert metric.unit in ("", "mm³")
        assert not metric.is_distance
