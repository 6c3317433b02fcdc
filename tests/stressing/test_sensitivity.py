"""Sensitivities: a loss as a share of what can be lost."""

from __future__ import annotations

import math

import pytest

from fastseg.metrics.registry import find
from fastseg.stressing.sensitivity import (
    cell_text,
    fewest_that_see,
    is_seen,
    radius_of,
    scale_of,
    sensitivity_of,
)


@pytest.mark.parametrize(
    ("metric", "perfect", "size", "ndim", "scale"),
    [
        ("dice", 1.0, 500, 3, 1.0),
        ("youden", 1.0, 500, 3, 2.0),
        ("cl_dice", 0.8, 500, 3, 0.8),
        ("hd95", 0.0, 4 / 3 * math.pi * 27, 3, 3.0),
        ("hd95", 0.0, math.pi * 4, 2, 2.0),
        ("hd95", 0.0, 10, 1, 5.0),
        ("volume_difference", 0.0, 500, 3, 500),
        ("surface_area_difference", 0.0, 4 / 3 * math.pi * 8, 3, 16 * math.pi),
        ("surface_area_difference", 0.0, math.pi * 9, 2, 6 * math.pi),
        ("betti_0_error", 0.0, 500, 3, 1.0),
        ("relative_volume_difference", 0.0, 500, 3, 1.0),
    ],
)
def test_the_scale(metric: str, perfect: float, size: float, ndim: int, scale: float) -> None:
    assert scale_of(find(metric), perfect, size, ndim) == pytest.approx(scale, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "value", "perfect", "scale", "expected"),
    [
        ("dice", 0.75, 1.0, 1.0, 0.25),
        ("dice", 1.0, 1.0, 1.0, 0.0),
        ("cl_dice", 0.9, 0.8, 0.8, -0.125),
        ("hd", 1.5, 0.0, 3.0, 0.5),
        ("hd", 9.0, 0.0, 3.0, 1.0),
        ("hd", math.inf, 0.0, 3.0, math.inf),
        ("volume_difference", -50.0, 0.0, 200.0, 0.25),
        ("volume_difference", 50.0, 0.0, 200.0, 0.25),
        ("betti_0_error", 3.0, 0.0, 1.0, 1.0),
    ],
)
def test_the_sensitivity(
    metric: str, value: float, perfect: float, scale: float, expected: float
) -> None:
    assert sensitivity_of(find(metric), value, perfect, scale) == pytest.approx(expected, abs=1e-12)


def test_what_is_not_defined_tells_nothing() -> None:
    assert math.isnan(sensitivity_of(find("dice"), math.nan, 1.0, 1.0))
    assert math.isnan(sensitivity_of(find("cl_dice"), 0.5, math.nan, math.nan))
    assert not is_seen(math.nan)
    assert is_seen(0.05)
    assert is_seen(-0.06)
    assert is_seen(math.inf)
    assert not is_seen(0.049)
    assert (cell_text(math.nan), cell_text(math.inf), cell_text(0.125)) == ("–", "∞", "0.12")


def test_few_metrics_that_see_most() -> None:
    seen = {"dice": ("a", "b"), "hd": ("a", "b", "c"), "betti": ("d",), "nsd": ("c", "d")}
    assert fewest_that_see(seen) == ("dice", "nsd")
    assert fewest_that_see({"dice": ("a", "b"), "hd": ("a", "b")}) == ("dice",)
    assert fewest_that_see({}) == ()
    assert radius_of(math.pi, 2) == 1.0
