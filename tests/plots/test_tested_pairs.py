"""Who beats whom."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastseg import plots
from fastseg.plots.tested_pairs import _runs
from fastseg.statistics import rank
from tests.plots.conftest import scores, texts


def filled(ax: Any) -> int:
    """How many rectangles are filled."""
    return sum(
        int(np.sum(patch.get_path().codes == 1)) for patch in ax.patches if patch.get_facecolor()[3]
    )


def test_filled_where_significant(three: Any) -> None:
    ranking = rank(three, "dice", bootstraps=0)["dice"]
    ax = plots.significance(ranking)
    assert filled(ax) == int((ranking.p_values < 0.05).sum()) == 3
    assert next(label.get_text() for label in ax.get_yticklabels()) == "unet"
    assert "<.001" in texts(ax)
    assert "liver dice: filled where p < 0.05 (Holm), n = 40" in texts(ax)
    assert filled(plots.significance(ranking, alpha=1e-300)) == 0


def test_equal_ones_beat_nobody_and_a_consensus_no_tests(three: Any) -> None:
    same = rank(scores(x=[0.5, 0.6], y=[0.5, 0.6]), "dice", bootstraps=0)
    assert texts(plots.significance(same)).count("1") == 2
    consensus = rank(three, ["dice", "dice"], bootstraps=0).consensus()
    assert "consensus mean rank: no tests" in texts(plots.significance(consensus))


def test_many_algorithms_are_runs_of_squares() -> None:
    draws = np.random.default_rng(0)
    frame = scores(**{f"a{n:02}": draws.normal(n, 0.1, 30) for n in range(60)})
    ranking = rank(frame, "dice", bootstraps=0)["dice"]
    assert filled(plots.significance(ranking)) == 59  # all but the last beat all that follow


def test_runs() -> None:
    there = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    assert _runs(there) == [(0, 0, 2), (0, 3, 1), (2, 0, 4)]
