"""What instances are, what is measured of them, and what is refused, by examples."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.instances.matching import match
from fastseg.instances.settings import InstanceSettings
from fastseg.measures.instance_table import Instances, InstanceTable
from tests.instances import cases
from tests.instances import naive_instances as naive

Array = cases.Array


def two_and_two() -> tuple[Array, Array]:
    """Two squares; of the prediction one lies on the first, one in a corner."""
    reference = np.zeros((40, 40), np.uint8)
    reference[2:12, 2:12] = reference[20:30, 20:30] = 1
    prediction = np.zeros_like(reference)
    prediction[2:12, 2:10] = prediction[35:38, 2:5] = 1
    return reference, prediction


# ------------------------------------------------------------------------------- what is given


def test_given_ids_are_the_ids_of_rows(backend: str) -> None:
    reference = np.array([[5, 5, 0, 2**40], [5, 0, 0, 2**40], [0, 0, 9, 9]])
    prediction = np.array([[7, 7, 0, 3], [7, 7, 0, 3], [4, 0, 0, 0]])
    evaluation = fastseg.evaluate_instances(
        reference, prediction, components="given", metrics="dice"
    )
    ids = [(row.reference_label, row.prediction_label) for row in evaluation.instances()]
    assert ids == [(5, 7), (9, None), (2**40, 3), (None, 4)]
    [row] = evaluation.structures
    assert (row.name, row.label, row.reference_label) == ("instances", 1, 1)
    assert row["instances_reference"] == 3


@pytest.mark.parametrize("dtype", [np.uint64, np.int64, np.int16])
def test_ids_of_any_type(dtype: type, backend: str) -> None:
    top = int(np.iinfo(dtype).max)
    least = int(np.iinfo(dtype).min) or 1
    reference: Array = np.array([[top, top, 0], [least, 0, 0]], dtype)
    evaluation = fastseg.evaluate_instances(
        reference, reference, components="given", metrics="dice"
    )
    assert [row.reference_label for row in evaluation.instances()] == sorted([least, top])
    assert [row.instance.reference_centroid for row in evaluation.instances() if row.instance] == [
        centroid for _, centroid in sorted([(top, (0.0, 0.5)), (least, (1.0, 0.0))])
    ]


def test_one_side_may_be_given_and_the_other_connected(backend: str) -> None:
    reference = np.zeros((6, 12), np.uint16)
    reference[:, 1:4], reference[:, 4:7] = 300, 301  # which touch
    prediction = np.zeros((6, 12), np.uint8)
    prediction[:, 1:3] = prediction[:, 5:7] = prediction[1, 9] = 2
    evaluation = fastseg.evaluate_instances(
        reference,
        prediction,
        components={"reference": "given", "prediction": "connected"},
        labels={"cell": {"reference": (300, 301), "prediction": 2}},
        metrics=["iou"],
    )
    rows = evaluation.instances("cell")
    assert [(row.reference_label, row.prediction_label, row["iou"]) for row in rows] == [
        (300, 1, 2 / 3),
        (301, 2, 2 / 3),
        (None, 3, 0.0),
    ]


def test_many_labels_are_most_likely_instances() -> None:
    cells = np.arange(600).reshape(20, 30)
    with pytest.warns(fastseg.InputWarning, match="599 labels .* components='given'"):
        fastseg.evaluate_instances(cells, cells, metrics="dice")
    evaluation = fastseg.evaluate_instances(cells, cells, metrics="dice", components="given")
    assert evaluation["instances"]["instance_tp"] == 599


def test_regions_may_overlap(backend: str) -> None:
    """As whole tumour, tumour core and enhancing tumour do."""
    reference = np.zeros((5, 20), np.uint8)
    reference[1:4, 1:5] = 2
    reference[2, 2:4] = 3
    reference[1:4, 10:14] = 2
    reference[2, 11] = 1
    labels = {"WT": (1, 2, 3), "TC": (1, 3), "ET": 3}
    evaluation = fastseg.evaluate_instances(reference, reference, labels=labels, metrics="dice")
    counts = {row.name: row["instances_reference"] for row in evaluation.structures}
    assert counts == {"WT": 2, "TC": 2, "ET": 1}
    assert [row.label for row in evaluation.structures] == [(1, 2, 3), (1, 3), 3]


def test_a_slice_is_looked_at_in_its_plane() -> None:
    reference, prediction = two_and_two()
    flat = fastseg.evaluate_instances(reference, prediction, connectivity=4)
    volume = fastseg.evaluate_instances(reference[None], prediction[None], connectivity=6)
    for row, other in zip(flat.rows, volume.rows, strict=True):
        assert all(_same(row[name], other[name]) for name in row)
    instance = volume.instances()[0].instance
    assert instance is not None
    assert instance.reference_box == ((0, 1), (2, 12), (2, 12))
    assert instance.reference_centroid == (0.0, 6.5, 6.5)


def test_connectivity_goes_by_neighbours_or_axes() -> None:
    diagonal = np.eye(4, dtype=np.uint8)
    for connectivity, n in ((1, 4), (4, 4), (2, 1), (8, 1), (None, 1)):
        evaluation = fastseg.evaluate_instances(
            diagonal, diagonal, connectivity=connectivity, metrics="dice"
        )
        assert evaluation[1]["instances_reference"] == n


def test_dilation_joins_what_is_near_and_measures_what_there_is() -> None:
    reference = np.zeros((3, 20), np.uint8)
    reference[1, 2:4] = reference[1, 6:9] = reference[1, 15] = 1
    evaluation = fastseg.evaluate_instances(
        reference, reference, dilation={"reference": 1, "prediction": 0}, metrics="dice"
    )
    rows = evaluation.instances()
    assert [(row.reference_label, row.prediction_label) for row in rows] == [
        (1, 2),
        (3, 3),
        (None, 1),
    ]
    assert rows[0]["dice"] == 6 / 8
    assert rows[0].counts[:3] == (3, 0, 2)


# -------------------------------------------------------------------------------- what is told


def test_metrics_are_those_of_instances_and_those_of_matching() -> None:
    reference, prediction = two_and_two()
    only = fastseg.evaluate_instances(reference, prediction, metrics=["panoptic_quality"])
    assert only.metrics == ("panoptic_quality",)
    assert all(len(row) == 0 for row in only.instances())
    both = fastseg.evaluate_instances(reference, prediction, metrics=["hd95", "instance_recall"])
    assert both.metrics == ("hd95", "instance_recall", "matched_hd95", "lesionwise_hd95")
    everything = fastseg.evaluate_instances(reference, prediction)
    assert {"dice", "hd95", "panoptic_quality", "matched_assd"} <= set(everything.metrics)


def test_structures_as_a_whole_are_measured_where_asked_for(backend: str) -> None:
    reference, prediction = two_and_two()
    spacing = (2.0, 0.7)
    evaluation = fastseg.evaluate_instances(
        reference, prediction, metrics="dice", structure_metrics=["hd95", "nsd"], spacing=spacing
    )
    expected = fastseg.evaluate(reference, prediction, metrics=["hd95", "nsd"], spacing=spacing)
    row = evaluation[1]
    assert (row["hd95"], row["nsd"]) == (expected[1]["hd95"], expected[1]["nsd"])
    assert "dice" not in row
    assert "dice" in fastseg.evaluate_instances(reference, prediction, metrics="dice")[1]
    assert (
        "dice"
        not in fastseg.evaluate_instances(
            reference, prediction, metrics="dice", structure_metrics=()
        )[1]
    )


def test_recall_by_size() -> None:
    reference, prediction = two_and_two()
    reference[35, 35] = 1
    evaluation = fastseg.evaluate_instances(
        reference, prediction, size_classes=[50, 100.5], metrics="dice", spacing=0.5
    )
    row = evaluation[1]
    assert row["instance_recall_below_50"] == 1 / 3
    assert math.isnan(row["instance_recall_50_to_100_5"])
    assert math.isnan(row["instance_recall_from_100_5"])


def test_what_missed_and_false_ones_cost() -> None:
    reference, prediction = two_and_two()
    evaluation = fastseg.evaluate_instances(
        reference, prediction, metrics=["hd95"], empty={"hd95": 374}
    )
    row = evaluation[1]
    assert row["matched_hd95"] == 2
    assert row["lesionwise_hd95"] == (2 + 374 + 374) / 3
    undefined = fastseg.evaluate_instances(reference, prediction, metrics=["hd95"], empty="nan")
    assert undefined[1]["lesionwise_hd95"] == 2


def test_an_error_is_for_structures_that_are_missing() -> None:
    reference, prediction = two_and_two()
    evaluation = fastseg.evaluate_instances(reference, prediction, metrics=["hd95"], empty="raise")
    assert math.isnan(evaluation.instances()[1]["hd95"])
    with pytest.raises(fastseg.EmptyMaskError, match="the prediction is empty"):
        fastseg.evaluate_instances(
            reference, np.zeros_like(prediction), metrics=["hd95"], empty="raise"
        )


def test_without_any_instance() -> None:
    nothing = np.zeros((4, 4), np.uint8)
    evaluation = fastseg.evaluate_instances(nothing, nothing, labels={"lesion": 1})
    [row] = evaluation.rows
    assert row["instance_fp"] == row["instances_reference"] == 0
    assert math.isnan(row["instance_recall"])
    assert math.isnan(row["matched_dice"])
    perfect = fastseg.evaluate_instances(nothing, nothing, labels=[1], empty="perfect")
    assert perfect[1]["recognition_quality"] == 1
    assert len(fastseg.evaluate_instances(nothing, nothing).rows) == 0


# --------------------------------------------------------------------------------- confidences


def test_confidences_by_id() -> None:
    reference, prediction = two_and_two()
    given = {1: 0.9, 2: np.float32(0.5), 17: 1}
    evaluation = fastseg.evaluate_instances(
        reference, prediction, labels={"lesion": 1}, confidence=given, metrics="dice"
    )
    found = [row.instance.confidence for row in evaluation.instances() if row.instance]
    assert found[0] == 0.9
    assert math.isnan(found[1])
    assert found[2] == 0.5
    named = fastseg.evaluate_instances(
        reference, prediction, labels={"lesion": 1}, confidence={"lesion": given}, metrics="dice"
    )
    assert repr(named.rows) == repr(evaluation.rows)


@pytest.mark.parametrize("how", ["connected", "given"])
def test_confidences_of_voxels(how: Any, backend: str) -> None:
    reference, prediction = two_and_two()
    rng = np.random.default_rng(3)
    probabilities = rng.random(reference.shape).astype(np.float32)
    if how == "given":
        prediction[35:38, 2:5] = 6
    for of, function in (("max", np.max), ("mean", np.mean)):
        evaluation = fastseg.evaluate_instances(
            reference,
            prediction,
            components={"reference": "connected", "prediction": how},
            confidence=probabilities,
            confidence_of=of,  # type: ignore[arg-type]
            metrics="dice",
        )
        rows = [row.instance for row in evaluation.instances() if row.instance]
        for row in rows:
            if row.prediction_box is not None:
                box = tuple(slice(*ends) for ends in row.prediction_box)
                expected = function(probabilities[box].astype(np.float64))
                assert row.confidence == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({1: 0.5}, "none given for the predicted instance 2 of '1'"),
        ({"lesion": {1: 0.5}}, "no structure is called 'lesion'"),
        ({"1": 0.5}, "expected ids of predicted instances, got '1'"),
        ({1: math.nan}, "expected a number, got nan"),
        (np.zeros((3, 3)), r"expected probabilities of the maps' shape \(40, 40\), got \(3, 3\)"),
        (np.full((40, 40), np.nan), "hold NaN"),
        ("file.nii", "file.nii"),
    ],
)
def test_wrong_confidences(given: Any, message: str) -> None:
    kinds = fastseg.InputError, fastseg.InputTypeError, FileNotFoundError
    with pytest.raises(kinds, match=message):
        fastseg.evaluate_instances(*two_and_two(), confidence=given)


# ----------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": "connect"}, "did you mean 'connected'"),
        ({"components": {"reference": "given"}}, "expected one value, or the keys 'reference'"),
        ({"connectivity": 18}, "expected 1 to 2, or 4, 8 neighbours, for 2 axes, got 18"),
        ({"connectivity": 5}, "expected 1 to 3, or 6, 18 or 26"),
        ({"dilation": -1}, "dilation: expected 0 or more"),
        ({"dilation_connectivity": 3}, "dilation_connectivity: expected 1 to 2"),
        ({"minimum_size": {"reference": 1, "prediction": 1.5}}, "minimum_size"),
        ({"matching": "greedi"}, "did you mean 'greedy'"),
        ({"score": "nsd"}, "score: unknown 'nsd'"),
        ({"threshold": 1.5}, "expected a number from 0 to 1"),
        ({"size_classes": [5, 3]}, "expected ascending positive volumes"),
        ({"size_classes": 5}, "expected volumes, as in"),
        ({"metrics": ["dice", "panoptic"]}, "metrics: unknown 'panoptic'"),
        ({"structure_metrics": ["instance_recall"]}, "metric of matched instances"),
        ({"confidence_of": "median"}, "confidence_of"),
        ({"tolerance": {"liver": 1}}, "no label that is evaluated"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises((fastseg.InputError, fastseg.InputTypeError), match=message):
        fastseg.evaluate_instances(*two_and_two(), **options)


def test_shapes_must_agree() -> None:
    reference, prediction = two_and_two()
    with pytest.raises(fastseg.InputError, match="one shape"):
        fastseg.evaluate_instances(reference, prediction[:-1])


# ------------------------------------------------------------------------------------- the rest


def test_settings_are_values() -> None:
    settings = InstanceSettings.checked(dilation=2, size_classes=[5], metrics=["dice"])
    copy = pickle.loads(pickle.dumps(settings))
    assert copy == settings
    assert copy.identity == settings.identity
    for options in ({"dilation": 1}, {"score": "dice"}, {"size_classes": [6]}, {"strict": True}):
        other = InstanceSettings.checked(
            **{"dilation": 2, "size_classes": [5], "metrics": ["dice"]} | options  # type: ignore[arg-type]
        )
        assert other.identity != settings.identity


def test_threads_do_not_show(many_slabs: None) -> None:
    for _, reference, prediction in cases.pairs(20, 77):
        found = []
        for n in (1, 3):
            fastseg.set_num_threads(n)
            evaluation = fastseg.evaluate_instances(
                reference, prediction, labels=[1, 2, 3], dilation=1, matching="merge"
            )
            found.append(repr(evaluation.rows))
        assert found[0] == found[1]


@pytest.mark.parametrize("matching", ["optimal", "merge"])
def test_rules_get_the_naive_table(matching: Any, backend: str) -> None:
    """Those that are tested by themselves: here only what they are given, and what comes of it."""
    for _, reference, prediction in cases.pairs(60, 5):
        first, second = (
            naive.instances_of(
                labels,
                [1, 2, 3],
                given=False,
                connectivity=1,
                dilation=0,
                dilation_connectivity=1,
                minimum_size=0,
            )
            for labels in (reference, prediction)
        )
        matching_of = match(_table(first, second), matching=matching, threshold=0.2)
        pairs = [
            (list(first)[r], list(second)[p])
            for r, p in zip(matching_of.reference_rows, matching_of.prediction_rows, strict=True)
        ]
        evaluation = fastseg.evaluate_instances(
            reference,
            prediction,
            labels={"all": (1, 2, 3)},
            connectivity=1,
            matching=matching,
            threshold=0.2,
            metrics="iou",
        )
        expected = naive.rows_of(first, second, pairs, "iou")
        for row, twin in zip(evaluation.instances("all"), expected, strict=True):
            assert (row.reference_label, row.prediction_label) == (twin.reference, twin.prediction)
            assert row.instance is not None
            assert _same(row.instance.match_score, twin.score)


def _table(first: dict[int, Any], second: dict[int, Any]) -> InstanceTable:
    sides = []
    for masks in (first, second):
        sizes = np.array([int(mask.sum()) for mask in masks.values()], np.int64)
        nothing = np.zeros((len(masks), 1), np.int64)
        sides.append(Instances(np.array(list(masks), np.int64), sizes, nothing, nothing))
    pairs = [
        (r, p, int((one & other).sum()))
        for r, one in enumerate(first.values())
        for p, other in enumerate(second.values())
        if (one & other).any()
    ]
    columns = np.array(pairs, np.int64).reshape(-1, 3).T
    return InstanceTable(sides[0], sides[1], *columns)


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def test_large_organs_are_measured_among_small_ones(backend: str) -> None:
    """What is one component on both sides is measured as evaluate measures it, whatever its size."""
    side = 72
    reference = np.zeros((side, side, side), np.uint8)
    reference[2:70, 2:70, 2:68] = 1
    reference[30:34, 30:34, 30:34] = 2
    prediction = np.roll(reference, 1, axis=0)
    options: dict[str, Any] = {"metrics": ["dice", "hd95", "boundary_iou"], "spacing": (1, 2, 0.5)}
    expected = fastseg.evaluate(reference, prediction, **options)
    found = fastseg.evaluate_instances(reference, prediction, **options)
    for row, other in zip(found.instances(), expected, strict=True):
        assert dict(row) == dict(other)
        assert row.counts == other.counts


@pytest.mark.slow
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"boundary": "surfel", "dilation": 1},
        {"boundary": "vertex", "percentile_method": "pooled"},
        {"percentile_method": "pooled", "matching": "any", "labels": {"all": (1, 2), "one": 1}},
        {"components": "given", "structure_metrics": "all"},
        {"components": {"reference": "given", "prediction": "connected"}, "matching": "center"},
        {"matching": "merge", "threshold": 0.1, "minimum_size": 4, "connectivity": 6},
    ],
)
def test_backends_and_threads_agree_on_larger_maps(options: dict[str, Any], order: Any) -> None:
    """Some boxes are measured by themselves, some among others, some in runs and some in labels."""
    rng = np.random.default_rng(8)
    shape = (70, 66, 90)
    reference: Array = np.zeros(shape, np.uint8, order=order)
    prediction: Array = np.zeros(shape, np.uint8, order=order)
    for _ in range(60):
        start = rng.integers(0, 60, 3)
        size = rng.integers(1, 14, 3)
        label = int(rng.integers(1, 4))
        for labels, shift in ((reference, 0), (prediction, int(rng.integers(-2, 3)))):
            box = tuple(
                slice(max(0, int(a) + shift), int(a + b) + shift)
                for a, b in zip(start, size, strict=True)
            )
            labels[box] = label
    reference[5:65, 3:60, 80:] = 4  # one that is large, and one component
    prediction[6:65, 3:60, 79:] = 4
    found = {}
    for backend, threads in (("numba", 1), ("numba", 3), ("scipy", 1)):
        fastseg.set_num_threads(threads)
        evaluation = fastseg.evaluate_instances(
            reference, prediction, spacing=(1.0, 0.8, 2.5), backend=backend, **options
        )
        found[backend, threads] = repr(evaluation.rows)
    assert found["numba", 1] == found["numba", 3] == found["scipy", 1]


@pytest.mark.slow
def test_more_instances_than_sixteen_bits_can_number() -> None:
    checkers = (np.indices((2, 300, 300)).sum(0) % 2).astype(np.uint8)
    other = checkers.copy()
    other[0, :100] = 0
    evaluation = fastseg.evaluate_instances(checkers, other, connectivity=6, metrics="iou")
    row = evaluation[1]
    n, missed = int(checkers.sum()), int(checkers[0, :100].sum())
    assert n > 1 << 16
    assert (row["instances_reference"], row["instance_fn"], row["instance_fp"]) == (n, missed, 0)
    found = evaluation.instances()
    assert [one.reference_label for one in found] == list(range(1, n + 1))
    assert [one.prediction_label for one in found] == [None] * missed + list(
        range(1, n - missed + 1)
    )
    assert row["matched_iou"] == 1
