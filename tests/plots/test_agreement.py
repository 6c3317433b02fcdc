"""Bland and Altman's figure: bias and limits as repeatability has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import plots
from fastseg.errors import InputError, InputTypeError
from tests.plots.conftest import texts


def test_bias_and_limits_are_those_of_repeatability() -> None:
    draws = np.random.default_rng(0)
    reference = draws.gamma(3, 10, 30)
    prediction = reference + draws.normal(1, 2, 30)
    ax: Any = plots.bland_altman((reference, prediction), unit="mL")
    found = fastseg.repeatability(np.stack([reference, prediction], 1))
    points, zero, *lines = ax.lines
    np.testing.assert_allclose(points.get_xdata(), (reference + prediction) / 2)
    np.testing.assert_allclose(points.get_ydata(), prediction - reference)
    assert zero.get_ydata() == [0, 0]
    heights = [np.asarray(line.get_ydata())[0] for line in lines]
    assert heights == [found.bias, *found.limits_of_agreement]
    assert ax.get_ylabel() == "prediction − reference [mL]"
    assert "n = 30" in texts(ax)
    assert f"bias\n{found.bias:.4g}" in texts(ax)


def test_volumes_of_an_evaluation() -> None:
    reference = np.zeros((6, 6, 6), np.uint8)
    reference[1:3, 1:3, 1:3], reference[4] = 1, 2
    prediction = np.where(reference == 2, 0, reference)
    prediction[3, 1, 1] = 1
    evaluation = fastseg.evaluate(
        reference, prediction, spacing=(2, 1, 1), labels={"a": 1, "b$": 2}, metrics="dice"
    )
    ax: Any = evaluation.plot("bland_altman")
    assert [np.asarray(line.get_ydata()).tolist() for line in ax.lines[:2]] == [[2.0], [-72.0]]
    assert ax.get_xlabel() == "mean of both volumes [mm³]"
    assert {"a", "b$", "n = 2"} <= set(texts(ax))
    one = plots.bland_altman(evaluation, "a")  # no spread of one: a bias, and no limits
    assert len(one.lines) == 3
    with pytest.raises(InputError, match="no 'c'; there are a, b"):
        plots.bland_altman(evaluation, "c")


def test_what_is_not_finite_is_counted() -> None:
    ax: Any = plots.bland_altman(([1, 2, np.nan, 4], [1, 3, 3, np.inf]))
    assert "n = 2, 2 undefined" in texts(ax)
    assert "no volumes" in texts(plots.bland_altman(([np.nan], [1])))
    assert "no volumes" in texts(plots.bland_altman(([], [])))


def test_of_many_points_those_that_differ_most_are_drawn() -> None:
    reference = np.zeros(50_000)
    prediction = np.random.default_rng(0).normal(size=50_000)
    ax: Any = plots.bland_altman((reference, prediction))
    drawn = ax.lines[0].get_ydata()
    assert 2000 < len(drawn) <= 2200
    assert {prediction.max(), prediction.min()} <= set(drawn)
    assert f"n = 50000, {len(drawn)} of them drawn" in texts(ax)


def test_wrong_input_is_told() -> None:
    with pytest.raises(InputError, match=r"shapes \(2,\) and \(3,\)"):
        plots.bland_altman(([1, 2], [1, 2, 3]))
    with pytest.raises(InputTypeError, match="got str"):
        plots.bland_altman("ab")
