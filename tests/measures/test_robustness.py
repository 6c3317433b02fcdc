"""Robustness: ROOD-MRI's formulas written out, and lines whose slope and area are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputError, InputTypeError


def test_the_formulas_of_rood_mri() -> None:
    rng = np.random.default_rng(80)
    for _ in range(50):
        m = rng.random(6)
        found = fastseg.robustness(dict(enumerate(m.tolist())))
        w = (2 / 3) ** np.arange(1, 6)
        assert found.weighted_mean == pytest.approx(((w * m[1:]).sum() + m[0]) / (w.sum() + 1))
        assert found.degradation == pytest.approx((w * (m[0] - m[1:])).sum() / w.sum())
        assert found.slope == pytest.approx(np.polyfit(np.arange(6), m, 1)[0])
        assert found.area == pytest.approx(((m[1:] + m[:-1]) / 2).sum() / 5)


def test_what_smaller_is_better_of_and_standard_deviations() -> None:
    """As ROOD-MRI's calculate_metrics has them: the degradation of a distance is positive where it grows."""
    rng = np.random.default_rng(81)
    values = rng.random((4, 7)) + np.arange(4)[:, None]
    scores: dict[float, Any] = dict(enumerate(values.tolist()))
    found = fastseg.robustness(scores, larger_is_better=False, alpha=0.5)
    w, m, sd = 0.5 ** np.arange(1, 4), values.mean(axis=1), values.std(axis=1, ddof=1)
    assert found.degradation == pytest.approx((w * (m[1:] - m[0])).sum() / w.sum())
    assert found.degradation == -fastseg.robustness(scores, alpha=0.5).degradation
    assert found.weighted_sd == pytest.approx(((w * sd[1:]).sum() + sd[0]) / (w.sum() + 1))
    assert found.sd_increase == pytest.approx((w * (sd[1:] - sd[0])).sum() / w.sum())
    assert found.to_dict()[3]["loss"] == pytest.approx(m[3] - m[0])
    assert found.to_dict()[3]["sd"] == pytest.approx(sd[3])
    assert math.isnan(fastseg.robustness({0: [1, 2], 1: 3}).weighted_sd)


def test_a_line_and_its_table() -> None:
    found = fastseg.robustness({2.0: [0.5, 0.7], 0: 0.8, 0.5: np.array([0.75])})
    assert found.slope == pytest.approx(-0.1)
    assert found.area == pytest.approx(0.7)
    assert [entry["count"] for entry in found.to_dict()] == [1, 1, 2]
    assert found.to_dict()[2]["loss"] == pytest.approx(0.2)
    assert math.isnan(fastseg.robustness({0: 1, 1: [1, math.nan]}).degradation)


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ({1: 0.5, 2: 0.4}, {}, "expected level 0"),
        ({0: 0.5}, {}, "at least one more"),
        ({0: 0.5, 1: []}, {}, "at least one value"),
        ({0: 0.5, -1: 0.4}, {}, "at least 0 and given once"),
        ({0: 0.5, 1: "a"}, {}, r"scores\[1\]"),
        ([0.5, 0.4], {}, "expected a mapping"),
        ({0: 0.5, 1: 0.4}, {"alpha": 0}, "alpha: expected"),
    ],
)
def test_wrong_input_is_told(scores: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, InputTypeError), match=message):
        fastseg.robustness(scores, **options)
