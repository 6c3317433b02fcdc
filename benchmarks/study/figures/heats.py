"""Tables as colours: degradations, ranks, how alike metrics are, flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas

from benchmarks.study import catalogue, summaries
from benchmarks.study.tables import Tables
from fastseg.plots import heat

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def degradations(tables: Tables, metric: str) -> Figure:
    """Draw what each difficulty costs each method."""
    frame = summaries.degradations(tables, metric).drop(columns="clean")
    return drawn(frame, f"degradation of {metric}", low=0.0, text=".2f")


def ranks(tables: Tables, metric: str) -> Figure:
    """Draw the rank of each method under each difficulty."""
    frame = summaries.ranks_by_difficulty(tables, metric)
    return drawn(frame, f"rank by {metric}, 1 is best", text=".0f")


def correlations(tables: Tables) -> Figure:
    """Draw Spearman's correlation between metrics."""
    return drawn(summaries.correlations(tables), "Spearman's ρ", low=-1.0, high=1.0, text=".2f")


def agreement(frame: pandas.DataFrame) -> Figure:
    """Draw Kendall's τ between rankings."""
    return drawn(frame, "Kendall's τ", low=-1.0, high=1.0, text=".2f")


def flags(tables: Tables) -> Figure:
    """Draw how often each flag was raised."""
    frame = summaries.flags(tables)
    frame = frame[frame.max(axis=1) >= 0.005]
    return drawn(100 * frame, "% of rows", low=0.0, text=".0f")


def drawn(
    frame: pandas.DataFrame,
    label: str,
    low: float | None = None,
    high: float | None = None,
    text: str = ".2g",
) -> Figure:
    """Draw a frame by fastseg's heat map."""
    rows, columns = ([catalogue.short(str(name)) for name in axis] for axis in frame.axes)
    values = frame.to_numpy(np.float64)
    if text.endswith("f"):
        values = np.round(values, int(text[1:-1])) + 0.0  # what rounds to 0 has no sign
    ax = heat(values, rows, columns, label=label, low=low, high=high, text=text)
    return ax.figure
