"""Places of algorithms for each case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastseg import plots
from fastseg.errors import InputError
from tests.plots.conftest import pandas, scores, texts


def places(ax: Any) -> list[list[int]]:
    """How often each algorithm, best first, has each place."""
    [bars] = ax.child_axes
    return [[int(bar.get_height()) for bar in one] for one in bars.containers]


def test_places_are_counted_and_drawn() -> None:
    ax: Any = plots.podium(scores(x=[0.9, 0.8, 0.7], y=[0.8, 0.9, 0.6], z=[0.1, 0.2, 0.3]), "dice")
    assert places(ax) == [[2, 1, 0], [1, 2, 0], [0, 0, 3]]
    signs = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert [line.get_ydata().tolist() for line in signs] == [
        [0.9, 0.8, 0.7],
        [0.8, 0.9, 0.6],
        [0.1, 0.2, 0.3],
    ]
    assert signs[0].get_xdata().astype(int).tolist() == [0, 1, 0]
    assert len({line.get_marker() for line in signs}) == 3  # told apart without colours
    assert "liver: n = 3 cases" in texts(ax)


def test_ties_share_the_better_place_and_undefined_values_have_none() -> None:
    ax: Any = plots.podium(scores(x=[0.9, 0.5], y=[0.9, np.nan]), "dice")
    assert places(ax) == [[2, 0], [1, 0]]
    assert "liver: n = 2 cases, 1 values undefined" in texts(ax)


def test_smaller_may_be_better() -> None:
    frame = scores(x=[1.0, np.inf], y=[2.0, 3.0]).rename(columns={"dice": "hd95"})
    ax: Any = plots.podium(frame, "hd95")
    assert sorted(places(ax)) == [[1, 1], [1, 1]]
    assert "∞" in [label.get_text() for label in ax.get_yticklabels()]


def test_of_many_cases_some_are_drawn_and_all_are_counted() -> None:
    draws = np.random.default_rng(0).random((2, 1000))
    ax: Any = plots.podium(scores(x=draws[0], y=draws[1]), "dice")
    assert np.sum(places(ax)) == 2000
    path, x, _ = ax.lines[:3]
    assert len(path.get_xdata()) == 300 * 3
    assert len(x.get_xdata()) == 300
    assert "liver: n = 1000 cases, 300 of them drawn" in texts(ax)


def test_sixty_algorithms_have_eight_places() -> None:
    draws = np.random.default_rng(0)
    ax: Any = plots.podium(scores(**{f"a{n}": draws.random(5) for n in range(60)}), "dice")
    assert len(places(ax)) == 60
    assert len(places(ax)[0]) == 8
    assert ax.get_xlabel() == "place (the first 8 of 60)"
    assert np.sum(places(ax)) == 40


def test_nothing_and_several_tasks(three: Any) -> None:
    assert "no values" in texts(plots.podium(scores(x=[np.nan], y=[np.nan]), "dice"))
    both = pandas.concat([three, three.assign(name="spleen")])
    with pytest.raises(InputError, match="several tasks"):
        plots.podium(both, "dice")
    assert "spleen: n = 40 cases" in texts(plots.podium(both, "dice", "spleen"))
