"""Colours that are told apart, names that are no formulas, axes of one's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from fastseg import plots
from fastseg.plots.style import MARKERS, PALETTE, InfinitePlaces, axes_for, words


def luminance(colour: str) -> float:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_colours_are_seen_on_white_and_black_and_neighbours_differ_in_grey() -> None:
    greys = [luminance(one) for one in PALETTE]
    for grey in greys:
        assert 1.05 / (grey + 0.05) > 2  # beside white
        assert (grey + 0.05) / 0.05 > 3.5  # beside black
    for one, other in itertools.pairwise(greys[:4]):
        assert abs(one - other) > 0.1
    assert len(set(PALETTE)) == 8
    assert np.gcd(len(PALETTE), len(MARKERS)) == 1


def test_names_are_shown_as_they_are() -> None:
    assert words("a $b$") == r"a \$b\$"
    assert words("a\n\tb") == "a b"
    assert words("x" * 50) == "x" * 39 + "…"
    assert words("\udce9") == "\\udce9"


def test_infinite_places() -> None:
    places = InfinitePlaces([np.array([0.0, 1.0, np.inf, np.nan])])
    found = places(np.array([0.5, np.inf, -np.inf, np.nan]))
    assert found[0] == 0.5
    assert found[1] > 1
    assert found[2] < 0
    assert np.isnan(found[3])
    assert InfinitePlaces([])(np.array([np.inf]))[0] > 1


@pytest.mark.slow
def test_own_axes_are_used_and_pyplot_is_left_alone(run_python: Callable[..., str]) -> None:
    ax = axes_for(None, 3, 2)
    assert plots.heat([[1.0]], ["a"], ["b"], ax=ax) is ax
    told = run_python(
        "import sys\nfrom fastseg import plots\n"
        "print('matplotlib' in sys.modules)\n"
        "with plots.detached(): plots.heat([[1.0]], ['a'], ['b'])\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    assert told.split() == ["False", "False"]


@pytest.mark.slow
def test_without_matplotlib_it_is_told_what_to_install(run_python: Callable[..., str]) -> None:
    told = run_python(
        "import sys, numpy, fastseg\n"
        "sys.modules['matplotlib'] = None\n"
        "mask = numpy.ones((3, 3, 3), bool)\n"
        "try: fastseg.evaluate(mask, mask, metrics='dice').plot()\n"
        "except ImportError as error: print(type(error).__name__, error)\n"
    )
    assert told.strip() == (
        'MissingPackageError figures need matplotlib: pip install "fastseg-metrics[plots]"'
    )
