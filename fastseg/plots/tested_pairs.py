"""Who beats whom: tests of all pairs of algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastseg.plots.style import PALETTE, axes_for, ink, note, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastseg.statistics import TaskRanking

#: of more algorithms the p-values would be too small to read
_WITH_NUMBERS = 12


def significance(ranking: TaskRanking, *, alpha: float = 0.05, ax: Axes | None = None) -> Axes:
    """Draw which algorithm is significantly better than which: one-sided Wilcoxon tests, by Holm's method.

    A filled square: the algorithm of the row is better than that of the column at the level `alpha`. p-values stand in
    the squares of up to 12 algorithms.

    Parameters
    ----------
    ranking : TaskRanking
        As in ``rank(…)["liver", "dice"]``.
    alpha : float
        Level of the tests of all pairs together.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    n = len(ranking.algorithms)
    size = 1.8 + max(0.24, 0.55 - 0.02 * n) * n
    ax = axes_for(ax, size + 0.6, size)
    order = ranking.order
    p_values = ranking.p_values[np.ix_(order, order)]
    from matplotlib.patches import Rectangle

    for row in range(n):
        for column in range(n):
            if row == column:
                continue
            p_value = float(p_values[row, column])
            better = p_value < alpha
            square = Rectangle(
                (column - 0.45, row - 0.45),
                *(0.9, 0.9),
                facecolor=PALETTE[0] if better else "none",
                edgecolor=ink(),
                linewidth=0.4,
                alpha=1.0 if better else 0.5,
            )
            ax.add_patch(square)
            if n <= _WITH_NUMBERS:
                text = "–" if np.isnan(p_value) else _p_text(p_value)
                ax.text(
                    *(column, row, text),
                    ha="center",
                    va="center",
                    fontsize="x-small" if n > 6 else "small",
                    color="white" if better else ink(),
                )
    names = [words(ranking.algorithms[place], 28) for place in order.tolist()]
    ax.set_xticks(
        np.arange(n), names, rotation=0 if n <= 3 else 45, ha="center" if n <= 3 else "right"
    )
    ax.set_yticks(np.arange(n), names)
    ax.set_xlim(-0.6, n - 0.4)
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_aspect("equal")
    ax.set_ylabel("is better than …")
    title = " ".join(words(part) for part in (ranking.task, ranking.metric) if part)
    if np.isnan(p_values).all():
        note(ax, f"{title}: no tests")
    else:
        note(ax, f"{title}: filled where p < {alpha:g} (Holm), n = {ranking.n_cases}")
    return ax


def _p_text(p_value: float) -> str:
    return "<.001" if p_value < 0.001 else f"{p_value:.3f}".lstrip("0") if p_value < 1 else "1"
