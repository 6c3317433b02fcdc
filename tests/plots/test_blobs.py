"""Discs of rank frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastseg import plots
from fastseg.errors import InputError
from fastseg.statistics import rank
from tests.plots.conftest import pandas, scores, texts


def test_areas_are_shares_of_samples() -> None:
    ranking = rank(scores(x=[0.9, 0.5, 0.6], y=[0.8, 0.7, 0.5], z=[0.1, 0.2, 0.3]), "dice")["dice"]
    ax: Any = plots.stability(ranking)
    order = ranking.order
    for place, discs in zip(order, ax.collections, strict=True):
        ranks, often = np.unique(ranking.samples[:, place], return_counts=True)
        np.testing.assert_array_equal(np.asarray(discs.get_offsets())[:, 1], ranks)
        sizes = discs.get_sizes()
        np.testing.assert_allclose(sizes / sizes.sum(), often / often.sum())
    intervals, medians, own = ax.lines
    rows = np.asarray(intervals.get_ydata()).reshape(-1, 3)[:, :2]
    np.testing.assert_array_equal(rows, ranking.rank_intervals()[order])
    np.testing.assert_array_equal(medians.get_ydata(), np.median(ranking.samples[:, order], 0))
    np.testing.assert_array_equal(own.get_ydata(), ranking.ranks[order])
    assert "liver dice: n = 3 cases, 1000 samples" in texts(ax)


def test_scores_are_ranked_first(three: Any) -> None:
    frame = pandas.concat([three, three.assign(name="spleen $x$")])
    ax: Any = plots.stability(
        frame, "dice", "spleen $x$", bootstraps=100, method="rank_then_aggregate"
    )
    assert "spleen $x$ dice: n = 40 cases, 100 samples" in texts(ax)
    ranking = rank(frame, "dice", bootstraps=100)
    assert "liver dice: n = 40 cases, 100 samples" in texts(ranking.plot("stability", task="liver"))
    with pytest.raises(InputError, match="task: there are several"):
        plots.stability(frame, "dice")
    with pytest.raises(InputError, match="name one of task='liver', metric='dice'"):
        plots.stability(ranking)
    with pytest.raises(InputError, match="none of this name"):
        plots.stability(ranking, task="heart")
    with pytest.raises(InputError, match="made already"):
        plots.stability(ranking, task="liver", bootstraps=3)


def test_one_case_and_sixty_algorithms() -> None:
    one = rank(scores(x=[0.9], y=[0.8]), "dice")
    assert "liver dice: no samples" in texts(one["dice"].plot("stability"))
    draws = np.random.default_rng(0)
    many = rank(scores(**{f"a{n}": draws.random(9) for n in range(60)}), "dice", bootstraps=50)
    assert len(plots.stability(many).collections) == 60
