"""stardist's statistics beside a twin with a full matrix of scores, of images and of cohorts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import fastseg
from fastseg import Evaluation
from tests.protocols.instances import Counted, Labels, pairs

SCORES: dict[str, Any] = {
    "iou": lambda both, r, p: both / (r + p - both),
    "iot": lambda both, r, p: both / r,
    "iop": lambda both, r, p: both / p,
}


def matched(counted: Counted, criterion: str, threshold: float, dtype: Any) -> Any:
    """The scores of the chosen pairs that reach the threshold, by ascending reference."""
    first, second = counted.ids
    scores = np.zeros((len(first), len(second)), dtype)
    for i, r in enumerate(first):
        for j, p in enumerate(second):
            sizes = counted.reference[r], counted.prediction[p]
            scores[i, j] = SCORES[criterion](counted.both[r, p], *sizes)
    if not scores.size:
        return scores.reshape(-1)[:0]
    most = 2 * min(scores.shape)
    rows, columns = linear_sum_assignment(-(scores >= threshold).astype(float) - scores / most)
    chosen = scores[rows, columns]
    return chosen[chosen >= threshold]


def expected(counted: Counted, values: Any) -> dict[str, float]:
    n_true, n_pred = map(len, counted.ids)
    tp, total = len(values), float(np.sum(values))
    fp, fn = n_pred - tp, n_true - tp
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "n_true": n_true,
        "n_pred": n_pred,
        "precision": tp / (tp + fp) if tp else 0,
        "recall": tp / (tp + fn) if tp else 0,
        "accuracy": tp / (tp + fp + fn) if tp else 0,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp else 0,
        "mean_true_score": total / n_true if n_true else 0,
        "mean_matched_score": total / tp if tp else 0,
        "panoptic_quality": total / (tp + fp / 2 + fn / 2) if n_true + n_pred else 0,
    }


@pytest.mark.parametrize("quirk", [True, False])
@pytest.mark.parametrize("criterion", ["iou", "iot", "iop"])
def test_images_equal_the_twin(criterion: str, quirk: bool) -> None:
    thresholds = (0.1, 1 / 3, 0.5, 0.9)
    for reference, prediction in pairs(11, 200):
        found = fastseg.evaluate_protocol(
            "stardist",
            reference,
            prediction,
            thresh=thresholds,
            criterion=criterion,
            quirks={"single-precision": quirk},
        )
        counted = Counted(reference, prediction)
        for threshold in thresholds:
            values = matched(counted, criterion, threshold, np.float32 if quirk else np.float64)
            row = found[f"instances@{threshold:g}"]
            for name, value in expected(counted, values).items():
                scale = 1e-7 if quirk else 1e-15
                assert row[name] == pytest.approx(value, rel=scale, abs=1e-30), name


@pytest.mark.parametrize("by_image", [True, False])
def test_cohorts_are_gathered_as_there(by_image: bool) -> None:
    for seed in range(12):
        images = list(pairs(seed, 7))
        evaluations = [
            fastseg.evaluate_protocol("stardist", *pair, case=str(i), by_image=by_image)
            for i, pair in enumerate(images)
        ]
        scores = fastseg.protocol_scores(Evaluation.joined(evaluations))
        counted = [Counted(*pair) for pair in images]
        values = [matched(one, "iou", 0.5, np.float32) for one in counted]
        each = [expected(*one) for one in zip(counted, values, strict=True)]
        if by_image:
            names = ("precision", "recall", "accuracy", "f1", "mean_true_score", "panoptic_quality")
            for name in names:
                mean = sum(one[name] for one in each) / len(each)
                assert scores[name] == pytest.approx(mean, rel=1e-6)
        tp, fp, fn = (sum(one[name] for one in each) for name in ("tp", "fp", "fn"))
        assert (scores["tp"], scores["fp"], scores["fn"]) == (tp, fp, fn)
        if not by_image:
            total = sum(float(np.sum(one)) for one in values)
            assert scores["f1"] == (2 * tp / (2 * tp + fp + fn) if tp else 0)
            assert scores["panoptic_quality"] == pytest.approx(total / (tp + fp / 2 + fn / 2), 1e-6)


def test_an_example_by_hand() -> None:
    """Three cells of 4 pixels: one found by half, one found whole, one missed; and one where there is none."""
    reference = np.array([[1, 1, 1, 1, 0, 2, 2, 2, 2, 0, 3, 3, 3, 3]])
    prediction = np.array([[1, 1, 0, 0, 5, 7, 7, 7, 7, 0, 0, 0, 0, 0]])
    row = fastseg.evaluate_protocol("stardist", reference, prediction)["instances"]
    assert (row["tp"], row["fp"], row["fn"]) == (2, 1, 1)
    assert (row["accuracy"], row["f1"], row["mean_matched_score"]) == (0.5, 2 / 3, 0.75)
    assert (row["mean_true_score"], row["panoptic_quality"]) == (0.5, 0.5)
    named = fastseg.evaluate_protocol(
        "stardist", reference, prediction, labels={"big": (1, 2), "rest": (3, 5, 7)}
    )
    assert (named["big"]["tp"], named["big"]["fn"], named["rest"]["n_pred"]) == (1, 1, 2)


def test_quirk_single_precision() -> None:
    reference, prediction = np.array([[1, 1, 0]]), np.array([[0, 1, 1]])

    def score(quirk: bool, threshold: float) -> Any:
        quirks = {"single-precision": quirk}
        return fastseg.evaluate_protocol(
            "stardist", reference, prediction, thresh=threshold, quirks=quirks
        )["instances"]

    assert score(True, 0.33333334)["tp"] == 1
    assert score(True, 0.33333334)["mean_matched_score"] == 0.3333333432674408
    assert score(False, 0.33333334)["tp"] == 0
    assert score(False, 1 / 3)["mean_matched_score"] == 1 / 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "dice"}, "criterion: unknown 'dice'"),
        ({"thresh": "half"}, "thresh: expected several numbers, such as"),
        ({"thresh": ()}, "thresh: expected a number or several"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    labels: Labels = np.ones((2, 2), np.uint8)
    with pytest.raises((fastseg.InputError, fastseg.InputTypeError), match=message):
        fastseg.evaluate_protocol("stardist", labels, labels, **options)
