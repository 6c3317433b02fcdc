"""A curve of an evaluation's instances: what counts as what, its tables, and what it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import Evaluation
from fastseg.errors import InputError, InputTypeError
from fastseg.measures.joint_histogram import Counts
from fastseg.results.instance import Instance
from fastseg.results.rows import Row


def row(case: str, reference: Any = None, prediction: Any = None, sure: float = math.nan) -> Row:
    """Make a row of an instance, or of the structure if it has neither side."""
    whole = reference is None and prediction is None
    return Row(
        case,
        1,
        "lesion",
        1 if whole else reference,
        1 if whole else prediction,
        {},
        Counts(0, 0, 0, 0),
        1.0,
        "",
        "",
        "structure" if whole else "instance",
        instance=None if whole else Instance(confidence=sure),
    )


#: two of three lesions found, a false positive in the case without lesions, and a case with nothing at all
EVALUATION = Evaluation(
    (
        row("a"),
        row("a", 1, 1, 0.9),
        row("a", 2),
        row("b"),
        row("b", 1, (2, 3), 0.6),
        row("c"),
        row("c", None, 1, 0.8),
        row("d"),
    ),
    (),
)


def test_scores_worked_by_hand() -> None:
    curve = fastseg.detection_curve(EVALUATION)
    assert (curve.lesions, curve.images) == (3, 4)
    assert curve.froc.x.tolist() == [0, 0, 0.25, 0.25]
    assert curve.froc.y.tolist() == [0, 1 / 3, 1 / 3, 2 / 3]
    assert curve.sensitivities.tolist() == [1 / 3] + [2 / 3] * 6
    assert curve.cpm == pytest.approx((1 / 3 + 6 * 2 / 3) / 7)
    assert curve.average_precision == pytest.approx((1 + 2 / 3) / 3)
    # a and b have lesions: 0.9 and 0.6; c and d do not: 0.8 and nothing
    assert curve.auroc == 0.75
    names = ["cpm", "average_precision", "auroc", "sensitivity_at_0.125", "sensitivity_at_0.25"]
    assert list(curve.scores)[:5] == names


def test_options_are_passed_on() -> None:
    curve = fastseg.detection_curve(
        EVALUATION, "lesion", rates=[0.125], interpolation="step", precision_rule="11-point"
    )
    assert list(curve.scores)[-1] == "sensitivity_at_0.125"
    assert curve.average_precision == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)
    with pytest.raises(InputError, match="interpolation"):
        _ = fastseg.detection_curve(EVALUATION, interpolation="no").cpm  # type: ignore[arg-type]


def test_tables(tmp_path: Path) -> None:
    curve = fastseg.detection_curve(EVALUATION)
    table = curve.to_dict()
    assert [one["threshold"] for one in table] == [math.inf, 0.9, 0.8, 0.6]
    assert [one["true_positives"] for one in table] == [0, 1, 1, 2]
    assert [one["precision"] for one in table][1:] == [1, 0.5, 2 / 3]
    text = curve.to_csv(tmp_path / "curve.csv")
    assert (tmp_path / "curve.csv").read_text() == text
    assert text.splitlines()[1] == "inf,0.0,0.0,nan,0,0"
    assert str(curve).startswith("lesion: 3 in 4 cases, 3 thresholds\n")
    frame = pytest.importorskip("pandas") and curve.to_pandas()
    assert frame["sensitivity"].tolist() == curve.froc.y.tolist()


def test_it_follows_from_what_was_read_from_a_file() -> None:
    again = Evaluation.from_json(EVALUATION.to_json())
    assert fastseg.detection_curve(again).scores == fastseg.detection_curve(EVALUATION).scores


def test_of_instances_with_confidences() -> None:
    """Random maps: the curve is that of counting rows."""
    rng = np.random.default_rng(3)
    evaluations = []
    for i in range(12):
        reference = (rng.random((24, 24)) < 0.04).astype(np.uint8)
        prediction = np.where(rng.random((24, 24)) < 0.7, reference, 0)
        prediction |= (rng.random((24, 24)) < 0.01).astype(np.uint8)
        evaluations.append(
            fastseg.evaluate_instances(
                reference,
                prediction,
                labels={"lesion": 1},
                metrics="dice",
                confidence=rng.random((24, 24)),
                case=str(i),
            )
        )
    joined = Evaluation.joined(evaluations)
    curve = fastseg.detection_curve(joined)
    instances = joined.instances("lesion")
    assert curve.images == 12
    assert curve.lesions == sum(one.reference_label is not None for one in instances)
    hits = [one for one in instances if one.reference_label and one.prediction_label]
    false = [one for one in instances if one.reference_label is None]
    assert (curve.points.hits[-1], curve.points.misses[-1]) == (len(hits), len(false))


def test_of_protocols() -> None:
    reference, detections = np.zeros((1, 1, 9), np.uint8), np.zeros((1, 1, 9))
    reference[..., :2], detections[..., :2], detections[..., 5] = 1, 0.5, 0.25
    evaluation = fastseg.evaluate_protocol("picai", reference, detections)
    curve = fastseg.detection_curve(evaluation)
    assert (curve.cpm, curve.average_precision) == (1, 1)


def test_what_it_cannot_be_drawn_of() -> None:
    mask = np.ones((3, 3), bool)
    with pytest.raises(InputError, match="no rows of instances"):
        fastseg.detection_curve(fastseg.evaluate(mask, mask, metrics="dice"))
    unsure = fastseg.evaluate_instances(mask, mask, metrics="dice")
    with pytest.raises(InputError, match="1 of 1 predicted instances have no confidence"):
        fastseg.detection_curve(unsure)
    with pytest.raises(KeyError, match="tumour"):
        fastseg.detection_curve(EVALUATION, "tumour")
    with pytest.raises(InputTypeError, match="expected an evaluation, got list"):
        fastseg.detection_curve([])  # type: ignore[arg-type]


def test_of_several_structures_and_algorithms_one_is_named() -> None:
    maps = np.array([[1, 0, 2], [1, 0, 2]])
    both = fastseg.evaluate_instances(
        maps, maps, labels={"one": 1, "two": 2}, metrics="dice", confidence=np.full((2, 3), 0.5)
    )
    with pytest.raises(InputError, match="2 structures, 'one', 'two'; name one"):
        fastseg.detection_curve(both)
    assert fastseg.detection_curve(both, "two").lesions == 1
    assert fastseg.detection_curve(both, 1).structure == "one"
    named = [fastseg.results.with_case(EVALUATION, name) for name in ("unet", "other")]
    with pytest.raises(InputError, match=r"2 algorithms; choose one, .*'unet'"):
        fastseg.detection_curve(Evaluation.joined(named))
