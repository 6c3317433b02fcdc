"""How stable a ranking is: which ranks each algorithm has in samples of the cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastseg.plots.rankings import ranking_of
from fastseg.plots.style import PALETTE, axes_for, colour, ink, note, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def stability(
    source: Any,
    metric: str | None = None,
    task: str | None = None,
    *,
    confidence: float = 0.95,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """Draw how often each algorithm has each rank in the bootstrap samples.

    The area of a disc is the share of the samples; a cross is the median, a line the middle 95 % of all samples, and a
    diamond the rank in all cases. Algorithms are in the order of their ranks.

    Parameters
    ----------
    source : TaskRanking, Ranking, Evaluation, DataFrame, path, or a mapping of names to them
        A ranking, or scores of several algorithms that :func:`~fastseg.statistics.rank` is to rank.
    metric, task : str, optional
        Which ranking; Dice, or the first metric, where that is to be made; a task is needed where there are several.
    confidence : float
        The share of the samples that the line holds.
    ax : matplotlib.axes.Axes, optional
    **options
        Of the ranking that is to be made, as in ``undefined="worst"``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError, TypeError
        For what cannot be ranked, and where it is not said which of several rankings.
    ImportError
        Without matplotlib.

    References
    ----------
    Wiesenfarth et al., Sci. Rep. 11, 2369 (2021), figure 5.
    """
    ranking = ranking_of(source, metric, task, options)
    n = len(ranking.algorithms)
    ax = axes_for(ax, max(4.0, 1.2 + 0.34 * n), max(3.0, 1.4 + 0.3 * n))
    order = ranking.order
    samples = ranking.samples[:, order]
    intervals = ranking.rank_intervals(confidence)[order]
    every = np.arange(n)
    if len(samples):
        _discs(ax, samples)
        # one line with gaps: as many lines would be many times the text
        gaps = np.column_stack([intervals, np.full(n, np.nan)])
        ax.plot(np.repeat(every, 3), gaps.ravel(), color=ink(), linewidth=1)
        medians = np.median(samples, axis=0)
        ax.plot(every, medians, "x", color=ink(), markersize=6, markeredgewidth=1.2)
    ax.plot(
        *(every, ranking.ranks[order]),
        linestyle="none",
        marker="D",
        markersize=5,
        markerfacecolor="none",
        markeredgecolor=ink(),
    )
    names = [words(ranking.algorithms[place], 28) for place in order.tolist()]
    ax.set_xticks(every, names, rotation=0 if n <= 4 else 45, ha="center" if n <= 4 else "right")
    ax.set_xlim(-0.6, n - 0.4)
    ax.set_ylim(n + 0.6, 0.4)
    ax.set_yticks(np.arange(1, n + 1, max(1, n // 20)))
    ax.set_ylabel("rank, 1 is best")
    if len(samples):
        middle = f"line: middle {100 * confidence:g} %"
        ax.set_xlabel(
            f"disc: share of samples, ×: median, {middle}, ◇: all cases", fontsize="small"
        )
    ax.grid(axis="y", color=ink(), alpha=0.12)
    ax.set_axisbelow(True)
    told = f"n = {ranking.n_cases} cases, {len(samples)} samples" if len(samples) else "no samples"
    title = " ".join(words(part) for part in (ranking.task, ranking.metric) if part)
    note(ax, f"{title}: {told}")
    return ax


def _discs(ax: Axes, samples: NDArray[np.float64]) -> None:
    """Draw a disc for each rank of each algorithm, its area the share of the samples."""
    n = samples.shape[1]
    largest = 300 * min(1.0, (12 / n) ** 2)
    for place in range(n):
        ranks, often = np.unique(samples[:, place], return_counts=True)
        ax.scatter(
            np.full(len(ranks), place),
            ranks,
            largest * often / len(samples),
            color=colour(place if n <= len(PALETTE) else 0),
            alpha=0.7,
            linewidth=0,
        )
