"""What tests of figures share: figures that pyplot does not know, and scores of a few algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fastseg import plots

pandas = pytest.importorskip("pandas")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def no_windows() -> Iterator[None]:
    with plots.detached():
        yield


def scores(**values: Any) -> Any:
    """A table of Dice: cases c0, c1, … of each algorithm for the structure "liver"."""
    rows = [
        {"algorithm": name, "case": f"c{place}", "name": "liver", "dice": value}
        for name, held in values.items()
        for place, value in enumerate(held)
    ]
    return pandas.DataFrame(rows)


@pytest.fixture
def three() -> Any:
    """Three algorithms on 40 cases, each better than the next."""
    draws = np.random.default_rng(0)
    levels = (("unet", 0.9), ("nn$U$-<Net>", 0.85), ("swin & co", 0.7))
    return scores(**{name: draws.normal(level, 0.03, 40) for name, level in levels})


def texts(ax: Any) -> list[str]:
    """All that is written within axes, notes and labels of ticks included, as a reader sees it."""
    from matplotlib.text import Text

    found = ax.findobj(Text)
    return [one.get_text().replace(r"\$", "$") for one in found if one.get_text()]
