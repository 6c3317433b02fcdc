"""cellpose's average precision and Jaccard index beside twins with full matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import fastseg
from tests.protocols.instances import Counted, Labels, pairs


def assigned(reference: Labels, prediction: Labels, counted: Counted, threshold: float) -> Any:
    """Chosen pairs of a matrix with a row and a column for each number up to the largest: ids and IoU."""
    shape = int(reference.max()), int(prediction.max())
    iou = np.zeros(shape)
    for r, p in counted.both:
        iou[r - 1, p - 1] = counted.iou(r, p)
    if not iou.size:
        return []
    costs = -(iou >= threshold).astype(float) - iou / (2 * min(shape))
    rows, columns = linear_sum_assignment(costs)
    return [(r + 1, p + 1, iou[r, p]) for r, p in zip(rows.tolist(), columns.tolist(), strict=True)]


def published(counted: Counted) -> float:
    """The aggregated Jaccard index of Kumar et al. 2017."""
    shared = union = 0
    used = set()
    for r in counted.ids[0]:
        best = max(counted.ids[1], key=lambda p: (counted.iou(r, p), -p), default=None)
        both = 0 if best is None else counted.both[r, best]
        union += counted.reference[r] - both
        shared += both
        if best is not None and both:
            union += counted.prediction[best]
            used.add(best)
    union += sum(counted.prediction[p] for p in counted.ids[1] if p not in used)
    return shared / union if union else math.nan


@pytest.mark.parametrize("seed", range(3))
def test_images_equal_the_twin(seed: int) -> None:
    for reference, prediction in pairs(seed, 200):
        counted = Counted(reference, prediction)
        found = fastseg.evaluate_protocol("cellpose", reference, prediction, masks=True)
        # one fewer than different numbers
        n_true, n_pred = (len(np.unique(side)) - 1 for side in (reference, prediction))
        for threshold in (0.5, 0.75, 0.9):
            chosen = assigned(reference, prediction, counted, threshold)
            tp = sum(iou >= threshold for *_, iou in chosen) if n_pred > 0 else 0
            total = n_true + n_pred - tp
            row = found[f"instances@{threshold}"]
            assert (row["tp"], row["fp"], row["fn"]) == (tp, n_pred - tp, n_true - tp)
            with np.errstate(all="ignore"):
                ap = np.float32(tp) / np.float32(total)
            np.testing.assert_array_equal(row["ap"], float(ap))
        chosen = assigned(reference, prediction, counted, 0.5)
        shared = sum(counted.both[r, p] for r, p, _ in chosen)
        index = shared / counted.union if counted.union else math.nan
        np.testing.assert_array_equal(found["instances"]["aggregated_jaccard_index"], index)
        partner = {r: (p, iou) for r, p, iou in chosen}
        for row in found.instances("instances"):
            p, iou = partner.get(row.reference_label, (None, 0.0))
            assert (row.prediction_label, row["iou"]) == (p, iou)


def test_without_quirks_images_equal_the_published_definitions() -> None:
    for reference, prediction in pairs(5, 100):
        counted = Counted(reference, prediction)
        found = fastseg.evaluate_protocol("cellpose", reference, prediction, quirks=False)
        index = found["instances"]["aggregated_jaccard_index"]
        np.testing.assert_array_equal(index, published(counted))
        row = found["instances@0.5"]
        assert (row["tp"] + row["fn"], row["tp"] + row["fp"]) == tuple(map(len, counted.ids))


def test_numbers_with_gaps_beyond_any_matrix() -> None:
    reference = np.array([[1, 1, 0, 10**8, 10**8]])
    prediction = np.array([[7, 7, 0, 10**8, 0]])
    found = fastseg.evaluate_protocol("cellpose", reference, prediction, masks=True)
    assert found["instances"]["aggregated_jaccard_index"] == 0.75
    rows = [(row.reference_label, row.prediction_label) for row in found.instances("instances")]
    assert rows == [(1, 7), (10**8, 10**8)]


def test_a_cohort_is_averaged() -> None:
    one, other = np.array([[1, 1, 0, 2]]), np.array([[1, 0, 0, 2]])
    evaluations = [
        fastseg.evaluate_protocol("cellpose", one, prediction, case=str(i))
        for i, prediction in enumerate((one, other, 0 * one))
    ]
    scores = fastseg.protocol_scores(fastseg.Evaluation.joined(evaluations))
    assert scores["instances@0.5/ap"] == (1 + 1 + 0) / 3
    assert scores["instances/aggregated_jaccard_index"] == (1 + 2 / 3 + 0) / 3


def test_quirk_background_is_assumed() -> None:
    full = np.array([[1, 1, 2, 2]])
    for quirk, expected in ((True, (2, -1, -1, math.inf)), (False, (2, 0, 0, 1.0))):
        quirks = {"background-is-assumed": quirk}
        row = fastseg.evaluate_protocol("cellpose", full, full, quirks=quirks)["instances@0.5"]
        assert (row["tp"], row["fp"], row["fn"], row["ap"]) == expected


def test_quirk_foreground_as_union() -> None:
    reference = np.array([[1, 1, 1, 1, 2, 2, 2, 2]])
    prediction = np.array([[1, 1, 2, 2, 2, 2, 2, 2]])
    for quirk, expected in ((True, 0.75), (False, 0.6)):
        quirks = {"foreground-as-union": quirk}
        found = fastseg.evaluate_protocol("cellpose", reference, prediction, quirks=quirks)
        assert found["instances"]["aggregated_jaccard_index"] == expected
