"""Distributions of a metric: a box, a cloud and the points of each structure and algorithm."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastseg.plots.scores import Group, scores_of
from fastseg.plots.style import (
    PALETTE,
    InfinitePlaces,
    axes_for,
    colour,
    counted,
    ink,
    note,
    nothing_to_draw,
    words,
)
from fastseg.results.summary import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: a group of more values, and a figure of more in all, has a cloud without points
POINTS_OF_GROUP, POINTS_OF_FIGURE = 300, 3000

#: fewer values have no shape worth a cloud
LEAST_OF_CLOUD = 20


def box(source: Any, metric: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the distribution of a metric for each structure and algorithm.

    A box from quartile to quartile with the median, whiskers to the smallest and the largest value, a cloud where there
    are at least 20 values, and a point a case where there are at most 300. Infinite values count as what they are, and
    are drawn on a line of their own; undefined ones are counted at the right.

    Parameters
    ----------
    source : Evaluation, ScoreTable, DataFrame, path, or a mapping of names to them
        What :func:`~fastseg.statistics.score_table` reads.
    metric : str, optional
        Default: Dice where it was evaluated, or else the first metric.
    ax : matplotlib.axes.Axes, optional
        Default: new ones, a line of a quarter of an inch for each group.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError, TypeError
        For what is no table of scores, and for an unknown metric.
    ImportError
        Without matplotlib.
    """
    scores = scores_of(source, metric)
    groups = scores.groups()
    ax = axes_for(ax, 6.4, 1.1 + max(0.26, 0.7 - 0.02 * len(groups)) * max(1, len(groups)))
    ax.set_xlabel(scores.label)
    if not groups:
        return nothing_to_draw(ax, "no cases")
    algorithms = {name: number for number, name in enumerate(scores.table.algorithms)}
    coloured = 1 < len(algorithms) <= len(PALETTE)
    places = InfinitePlaces([group.values for group in groups])
    n_values = sum(len(group.values) for group in groups)
    pointed = n_values <= POINTS_OF_FIGURE
    rows = _rows(groups)
    for row, group in zip(rows, groups, strict=True):
        one = colour(algorithms[group.algorithm] if coloured else 0)
        _group(ax, row, group.values, places, one, pointed)
        n_undefined = int(np.isnan(group.values).sum())
        told = counted(
            len(group.values) - n_undefined, n_undefined, int(np.isinf(group.values).sum())
        )
        ax.text(1.01, row, told, transform=ax.get_yaxis_transform(), va="center", fontsize="small")
    ax.set_yticks(rows, [_name(group, groups) for group in groups])
    ax.set_ylim(rows[-1] + 0.6, rows[0] - 0.6)
    ax.grid(axis="x", color=ink(), alpha=0.12)
    ax.set_axisbelow(True)
    places.mark(ax, "x")
    if scores.table.absent:
        failed = len({(algorithm, case) for algorithm, case, _ in scores.table.absent})
        note(ax, f"{failed} case{'s' * (failed > 1)} failed or without a prediction")
    return ax


def _rows(groups: list[Group]) -> list[float]:
    """Place groups one below the other, with a gap between structures of several algorithms."""
    rows, row = [0.0], 0.0
    several = len({group.algorithm for group in groups}) > 1
    for before, group in itertools.pairwise(groups):
        row += 1.5 if several and before.task != group.task else 1.0
        rows.append(row)
    return rows


def _name(group: Group, groups: list[Group]) -> str:
    """Call a group by what tells it from the others."""
    parts = []
    if len({one.task for one in groups}) > 1 or not group.algorithm:
        parts.append(words(group.task))
    if len({one.algorithm for one in groups}) > 1:
        parts.append(words(group.algorithm))
    return " · ".join(parts) or words(group.algorithm)


def _group(
    ax: Axes,
    row: float,
    values: NDArray[np.float64],
    places: InfinitePlaces,
    one: str,
    pointed: bool,
) -> None:
    """Draw one group: the cloud above its line, the box on it, points below."""
    defined = places(values[~np.isnan(values)])
    if not len(defined):
        return
    summary = summarise(values.tolist())
    low, q25, median, q75, high = places(
        np.array([summary.min, summary.q25, summary.median, summary.q75, summary.max])
    ).tolist()
    ax.plot([low, high], [row, row], color=one, linewidth=1, solid_capstyle="butt")
    ax.barh(row, q75 - q25, 0.2, q25, facecolor=one, edgecolor=ink(), linewidth=0.8, alpha=0.6)
    ax.plot([median, median], [row - 0.14, row + 0.14], color=ink(), linewidth=1.6)
    if pointed and len(defined) <= POINTS_OF_GROUP:
        # the golden section spreads neighbours, and the same figure has the same bytes
        spread = np.arange(len(defined)) * 0.6180339887498949 % 1
        below = row + 0.17 + 0.25 * spread
        ax.plot(defined, below, ".", color=one, markersize=3.5, alpha=0.85, markeredgewidth=0)
    finite = values[np.isfinite(values)]
    if len(finite) >= LEAST_OF_CLOUD and finite.min() < finite.max():
        where, thick = cloud(finite)
        base = row - 0.16
        ax.fill_between(where, base, base - 0.3 * thick, color=one, alpha=0.35, linewidth=0)


def cloud(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the density of values at 64 places between the least and the largest, 1 at its highest.

    It is a histogram smoothed by a Gaussian of Scott's width, as an estimate by kernels is.
    """
    low, high = values.min(), values.max()
    histogram, edges = np.histogram(values, 64, (low, high))
    width = max(1.0, 64 * float(values.std()) / (high - low) * len(values) ** -0.2)
    steps = np.arange(-63, 64)
    kernel = np.exp(-0.5 * np.square(steps / width))
    thick = np.convolve(histogram, kernel, mode="same" if len(kernel) < 64 else "full")
    thick = thick[63 : 63 + 64]
    return (edges[1:] + edges[:-1]) / 2, thick / thick.max()
