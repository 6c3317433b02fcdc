"""HECKTOR's aggregated Dice beside a twin that adds up over all cases, in the arithmetic of SimpleITK."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastseg
from fastseg import Evaluation


def _twin(cases: list[tuple[np.ndarray, np.ndarray]], voxel: float) -> dict[str, float]:
    """Per label: overlap from ITK's Dice (2u/(1+u) of the Jaccard index u) and the volumes, both added up."""
    found = {}
    for name, label in (("GTVp", 1), ("GTVn", 2)):
        overlaps, volumes = [], []
        for reference, prediction in cases:
            one, other = reference == label, prediction == label
            union = int((one | other).sum())
            jaccard = int((one & other).sum()) / union if union else 0.0
            both = int(one.sum()) * voxel + int(other.sum()) * voxel
            overlaps.append(2 * jaccard / (1 + jaccard) * both / 2)
            volumes.append(both)
        total = np.sum(volumes)
        found[name] = float(2 * np.sum(overlaps) / total) if total else math.nan
    return found


@pytest.mark.parametrize("seed", range(100))
def test_a_cohort_equals_the_twin_to_the_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spacing = (1.0, 1.0, 1.0) if seed % 2 else (0.7, 1.3, 2.5)
    cases = []
    for _ in range(rng.integers(1, 9)):
        shape = (4, 5, 6)
        pair = [rng.integers(0, 3, shape) * (rng.random(shape) < 0.5) for _ in range(2)]
        if rng.random() < 0.3:
            pair[rng.integers(2)][:] = 0
        cases.append((pair[0].astype(np.uint8), pair[1].astype(np.uint8)))
    evaluations = [
        fastseg.evaluate_protocol("hecktor", *pair, spacing=spacing, case=str(i))
        for i, pair in enumerate(cases)
    ]
    scores = fastseg.protocol_scores(Evaluation.joined(evaluations))
    expected = _twin(cases, math.prod(spacing))
    for name, value in expected.items():
        np.testing.assert_array_equal(scores[f"AggregatedDsc/{name}"], value)
    np.testing.assert_array_equal(
        scores["AggregatedDsc/mean"], (expected["GTVp"] + expected["GTVn"]) / 2
    )


def test_a_false_positive_where_there_is_nothing_costs_its_volume() -> None:
    nothing = np.zeros((9, 9, 9), np.uint8)
    small, large = nothing.copy(), nothing.copy()
    small[0, 0, 0] = large[:4, :4, :4] = 1
    right = fastseg.evaluate_protocol("hecktor", large, large, case="right")
    for wrong, expected in ((small, 128 / 129), (large, 128 / 192)):
        other = fastseg.evaluate_protocol("hecktor", nothing, wrong, case="wrong")
        scores = fastseg.protocol_scores(Evaluation.joined([right, other]))
        assert scores["AggregatedDsc/GTVp"] == expected
        assert other["GTVp"]["DSC"] == 0
