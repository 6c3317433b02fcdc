"""Who is first, second, third for each case: challengeR's podium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from fastseg.plots.scores import scores_of
from fastseg.plots.style import (
    InfinitePlaces,
    above_the_bars,
    axes_for,
    colour,
    evenly,
    ink,
    legend,
    marker,
    note,
    nothing_to_draw,
    words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


#: of more cases, so many are drawn and all are counted
CASES = 300

#: the share of the height that bars have
_BARS = 0.2


def podium(
    source: Any,
    metric: str | None = None,
    task: str | None = None,
    *,
    places: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw each case's values in the order of its algorithms, and how often each algorithm has which place.

    A line leads through the values of a case from its best to its worst; each place has room for all
    algorithms, in one order. Bars below count how often an algorithm has the place; equal values share the better one.
    Of more than 300 cases, 300 are drawn and all are counted.

    Parameters
    ----------
    source : Evaluation, ScoreTable, DataFrame, path, or a mapping of names to them
        Of several algorithms.
    metric : str, optional
        Default: Dice where it was evaluated, or else the first metric.
    task : str, optional
        A structure; needed where there are several.
    places : int
        At most so many are drawn, from the first on.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Those of the values; those of the bars are its inset, ``ax.child_axes[0]``.

    Raises
    ------
    ValueError, TypeError
        For what is no table of scores, for an unknown metric or task, and for none of several tasks.
    ImportError
        Without matplotlib.

    References
    ----------
    Wiesenfarth et al., Sci. Rep. 11, 2369 (2021); Eugster et al., Exploratory and inferential analysis of benchmark
    experiments, LMU Munich (2008).
    """
    scores = scores_of(source, metric)
    matrix = scores.table.matrix(scores.metric, task)
    values, n = matrix.values, len(matrix.algorithms)
    ax = axes_for(ax, 7.2, 4.8)
    ax.set_ylabel(scores.label)
    undefined = int(np.isnan(values).sum())
    if not np.isfinite(values).any() and not np.isinf(values).any():
        return nothing_to_draw(ax, "no values")
    signed = -values if matrix.larger_is_better else values
    ranks = rankdata(np.where(np.isnan(signed), np.inf, signed), method="min", axis=1)
    # who ties is drawn side by side: places are taken in the order of algorithms
    steps = np.argsort(np.argsort(ranks, axis=1, kind="stable"), axis=1, kind="stable")
    shown = min(places, n)
    best_first = np.argsort(np.where(np.isnan(values), n + 1.0, ranks).mean(0), kind="stable")
    slots = np.empty(n)
    slots[best_first] = (np.arange(n) + 0.5) / n * 0.84 + 0.08
    within = (steps < shown) & ~np.isnan(values)
    axis = InfinitePlaces([values[within]])
    drawn = axis(values)
    x = steps + slots[None]
    chosen = evenly(len(values), CASES)
    order = np.argsort(steps[chosen], axis=1)[:, :shown]
    # one line with gaps: undefined values have the last places, and then comes the next case
    path = [
        np.pad(np.take_along_axis(one[chosen], order, 1), ((0, 0), (0, 1)), constant_values=np.nan)
        for one in (x, drawn)
    ]
    ax.plot(*(one.ravel() for one in path), color=ink(), alpha=0.25, linewidth=0.5, zorder=1)
    bars = ax.inset_axes((0.0, 0.0, 1.0, _BARS))
    signs: list[Line2D] = []
    for number in best_first.tolist():
        there = chosen[within[chosen, number]]
        one, sign = colour(number), marker(number)
        signs += ax.plot(
            *(x[there, number], drawn[there, number]),
            linestyle="none",
            marker=sign,
            color=one,
            markersize=4.5 if n <= 12 else 3,
            markeredgewidth=0,
            zorder=2,
        )
        defined = ranks[~np.isnan(values[:, number]), number]
        often = np.bincount(defined.astype(np.intp), minlength=shown + 1)[1 : shown + 1]
        bars.bar(np.arange(shown) + slots[number], often, 0.8 / n, color=one, linewidth=0)
    for step in range(1, shown):
        ax.axvline(step, color=ink(), alpha=0.15, linewidth=0.8)
        bars.axvline(step, color=ink(), alpha=0.15, linewidth=0.8)
    axis.mark(ax, "y")
    above_the_bars(ax, _BARS)
    ax.set_xlim(0, shown)
    bars.set_xlim(0, shown)
    bars.set_xticks([])
    bars.yaxis.tick_right()
    bars.locator_params("y", integer=True, nbins=3)
    bars.set_ylabel("cases")
    bars.yaxis.set_label_position("right")
    ax.set_xticks(np.arange(shown) + 0.5, [str(step + 1) for step in range(shown)])
    ax.tick_params("x", length=0)
    ax.set_xlabel("place" + (f" (the first {shown} of {n})" if shown < n else ""))
    if n > 1:
        names = [matrix.algorithms[number] for number in best_first.tolist()]
        place: Any = {"loc": "upper left", "bbox_to_anchor": (1.08, 1)}
        legend(ax, names, signs, ncols=1 + n // 24, **place)
    told = f"n = {len(values)} cases" + (f", {undefined} values undefined" * bool(undefined))
    told += f", {CASES} of them drawn" * (len(values) > CASES)
    note(ax, f"{words(matrix.task)}: {told}" if matrix.task else told)
    return ax
