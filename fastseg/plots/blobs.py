"""How stable a ranking is: which ranks each algorithm has in samples of the cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastseg.plots.style import PALETTE, axes_for, colour, ink, note, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastseg.statistics import TaskRanking


def stability(ranking: TaskRanking, *, confidence: float = 0.95, ax: Axes | None = None) -> Axes:
    """Draw how often each algorithm has each rank in the bootstrap samples.

    The area of a disc is the share of the samples; a cross is the median, a line the middle 95 % of all samples, and a
    diamond the rank in all cases. Algorithms are in the order of their ranks.

    Parameters
    ----------
    ranking : TaskRanking
        As in ``rank(…)["liver", "dice"]``.
    confidence : float
        The share of the samples that the line holds.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.

    References
    ----------
    Wiesenfarth et al., Sci. Rep. 11, 2369 (2021), figure 5.
    """
    n = len(ranking.algorithms)
    ax = axes_for(ax, max(4.0, 1.2 + 0.34 * n), max(3.0, 1.4 + 0.3 * n))
    order = ranking.order
    samples = ranking.samples[:, order]
    intervals = ranking.rank_intervals(confidence)[order]
    for place in range(n):
        one = colour(place if n <= len(PALETTE) else 0)
        if len(samples):
            ranks, often = np.unique(samples[:, place], return_counts=True)
            sizes = 300 * often / len(samples) * min(1.0, (12 / n) ** 2 if n > 12 else 1.0)
            ax.scatter(np.full(len(ranks), place), ranks, sizes, color=one, alpha=0.7, linewidth=0)
            ax.plot([place, place], intervals[place], color=ink(), linewidth=1)
            median = float(np.median(samples[:, place]))
            ax.plot([place], [median], "x", color=ink(), markersize=6, markeredgewidth=1.2)
    ax.plot(
        *(np.arange(n), ranking.ranks[order]),
        linestyle="none",
        marker="D",
        markersize=5,
        markerfacecolor="none",
        markeredgecolor=ink(),
        label="rank in all cases",
    )
    names = [words(ranking.algorithms[place], 28) for place in order.tolist()]
    ax.set_xticks(
        np.arange(n), names, rotation=0 if n <= 4 else 45, ha="center" if n <= 4 else "right"
    )
    ax.set_xlim(-0.6, n - 0.4)
    ax.set_ylim(n + 0.6, 0.4)
    ax.set_yticks(np.arange(1, n + 1, max(1, n // 20)))
    ax.set_ylabel("rank, 1 is best")
    ax.grid(axis="y", color=ink(), alpha=0.12)
    ax.set_axisbelow(True)
    told = f"n = {ranking.n_cases} cases, {len(samples)} samples" if len(samples) else "no samples"
    title = " ".join(words(part) for part in (ranking.task, ranking.metric) if part)
    note(ax, f"{title}: {told}")
    return ax
