"""Lines of ranks, heat maps, curves of noise, reliability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import plots
from fastseg.errors import InputError
from fastseg.statistics import rank
from tests.plots.conftest import pandas, scores, texts


def test_rank_lines_go_through_all_ranks_to_the_consensus(three: Any) -> None:
    frame = pandas.concat([three, three.assign(name="spleen", dice=1 - three["dice"])])
    ranking = rank(frame, "dice", bootstraps=0)
    ax: Any = ranking.plot()
    assert [np.asarray(line.get_ydata()).tolist() for line in ax.lines] == [
        [1, 3, 1],
        [2, 2, 1],
        [3, 1, 1],
    ]
    assert "unet, nn$U$-<Net>, swin & co" in texts(ax)
    assert "consensus\nmean rank" in texts(ax)
    one = plots.rank_lines(rank(three, "dice", bootstraps=0))
    assert [np.asarray(line.get_ydata()).tolist() for line in one.lines] == [[1], [2], [3]]


def test_a_heat_map_writes_numbers_and_hatches_what_is_undefined() -> None:
    ax: Any = plots.heat(
        [[0.25, np.nan], [np.inf, -np.inf]], ["a$", "<b>"], ["x", "y"], label="loss"
    )
    assert {"0.25", "∞", "−∞", "a$", "<b>", "1 of 4 undefined (hatched)"} <= set(texts(ax))
    assert [patch.get_hatch() for patch in ax.patches] == ["////"]
    [mesh] = ax.collections
    assert mesh.get_array().shape == (2, 2)
    assert texts(plots.heat(np.full((2, 2), np.nan), "ab", "cd")).count("4 of 4 undefined") == 0
    assert "0.5" not in texts(plots.heat(np.full((30, 30), 0.5), ["r"] * 30, ["c"] * 30))
    assert not plots.heat(np.zeros((0, 2)), [], ["x", "y"]).collections
    with pytest.raises(InputError, match=r"got the shape \(2, 2\)"):
        plots.heat([[1, 2], [3, 4]], ["a"], ["b", "c"])


def test_degradation_has_means_counts_and_gaps() -> None:
    one = fastseg.robustness({0: [0.9, 0.8], 1: [np.nan], 2: 0.6})
    ax: Any = one.plot(label="dice")
    curve, clean = ax.lines
    np.testing.assert_array_equal(curve.get_ydata(), one.means)
    assert clean.get_ydata() == [one.clean, one.clean]
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "0\nn = 2",
        "1\nn = 1",
        "2\nn = 1",
    ]
    assert {"n = 2, 1 undefined", "dice"} <= set(texts(ax))
    both = plots.degradation({"a": one, "$b$": fastseg.robustness({0: 1, 3: 0})})
    assert {"a", "$b$", "0\nn = 1–2"} <= set(texts(both))


def test_reliability_draws_confidence_frequency_and_voxels() -> None:
    draws = np.random.default_rng(0)
    probability = draws.random((8, 8, 8))
    reference = draws.random((8, 8, 8)) < probability
    evaluation = fastseg.evaluate_probabilities(reference, probability)
    ax: Any = evaluation.plot()
    table = evaluation.reliability()
    _, curve = ax.lines
    assert np.asarray(curve.get_xdata()).tolist() == [row["confidence"] for row in table]
    assert np.asarray(curve.get_ydata()).tolist() == [row["frequency"] for row in table]
    [bars] = ax.child_axes
    assert [bar.get_height() for bar in bars.patches] == [row["voxels"] for row in table]
    assert "1: n = 512 voxels" in texts(ax)
    with pytest.raises(KeyError):
        plots.reliability(evaluation, "heart")


def test_an_unknown_kind_is_told(three: Any) -> None:
    evaluation = fastseg.evaluate(np.ones((3, 3, 3)), np.ones((3, 3, 3)), metrics="dice")
    with pytest.raises(InputError, match="kind: unknown 'boxx'; did you mean 'box'"):
        evaluation.plot("boxx")
    for kind in ("podium", "box", "bland_altman"):
        evaluation.plot(kind).figure.canvas.draw()
    with pytest.raises(InputError, match="two algorithms"):
        evaluation.plot("stability")
    with pytest.raises(InputError, match="did you mean 'stability'"):
        rank(scores(x=[0.1], y=[0.2]), "dice", bootstraps=0)["dice"].plot("stabilty")
