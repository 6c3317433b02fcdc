"""Who beats whom: tests of all pairs of algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastseg.plots.rankings import ranking_of
from fastseg.plots.style import PALETTE, axes_for, ink, note, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: of more algorithms the p-values would be too small to read
_WITH_NUMBERS = 12


def significance(
    source: Any,
    metric: str | None = None,
    task: str | None = None,
    *,
    alpha: float = 0.05,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """Draw which algorithm is significantly better than which: one-sided Wilcoxon tests, by Holm's method.

    A filled square: the algorithm of the row is better than that of the column at the level `alpha`. p-values stand in
    the squares of up to 12 algorithms.

    Parameters
    ----------
    source : TaskRanking, Ranking, Evaluation, DataFrame, path, or a mapping of names to them
        A ranking, or scores of several algorithms that :func:`~fastseg.statistics.rank` is to rank.
    metric, task : str, optional
        Which ranking; Dice, or the first metric, where that is to be made; a task is needed where there are several.
    alpha : float
        Level of the tests of all pairs together.
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
    """
    ranking = ranking_of(source, metric, task, options)
    n = len(ranking.algorithms)
    size = 1.8 + max(0.24, 0.55 - 0.02 * n) * n
    ax = axes_for(ax, size + 0.6, size)
    order = ranking.order
    p_values = ranking.p_values[np.ix_(order, order)]
    better = p_values < alpha
    if n > _WITH_NUMBERS:  # as few outlines as there are runs of squares: each is text in an SVG
        _rectangles(ax, _runs(better), True)
        edges = np.repeat(np.arange(n - 1) + 0.5, 3)
        ends = np.tile([-0.5, n - 0.5, np.nan], n - 1)
        for across, along in ((edges, ends), (ends, edges)):
            ax.plot(across, along, color=ink(), linewidth=0.4, alpha=0.3)
    else:
        _rectangles(ax, [(row, column, 0.9) for row, column in _places(better)], True)
        others = [(row, column, 0.9) for row, column in _places(~better) if row != column]
        _rectangles(ax, others, False)
        for row, column in np.ndindex(n, n):
            if row != column:
                ax.text(
                    *(column, row, _p_text(float(p_values[row, column]))),
                    ha="center",
                    va="center",
                    fontsize="x-small" if n > 6 else "small",
                    color="white" if better[row, column] else ink(),
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


def _places(there: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give row and column of each square."""
    return [(row, column) for row, column in np.argwhere(there).tolist()]


def _runs(there: NDArray[np.bool_]) -> list[tuple[int, int, float]]:
    """Give the row, the first column and the length of each run of squares."""
    found: list[tuple[int, int, float]] = []
    for row, line in enumerate(there):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
        found += [(row, first, last - first) for first, last in edges.reshape(-1, 2).tolist()]
    return found


def _rectangles(ax: Axes, places: list[tuple[int, int, float]], filled: bool) -> None:
    """Draw squares, or runs of them, as one outline."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not places:
        return
    unit = Path.unit_rectangle()
    corners, codes = np.array(unit.vertices, np.float64), unit.codes
    parts = []
    for row, column, length in places:
        across, gap = (0.9, 0.05) if length == 0.9 else (1.0, 0.0)
        first = np.array([column - 0.5 + gap, row - 0.5 + gap])
        parts.append(Path(corners * (length, across) + first, codes))
    face = PALETTE[0] if filled else "none"
    ax.add_patch(
        PathPatch(
            Path.make_compound_path(*parts),
            facecolor=face,
            edgecolor=ink(),
            linewidth=0.4,
            alpha=1 if filled else 0.5,
        )
    )


def _p_text(p_value: float) -> str:
    if np.isnan(p_value):
        return "–"
    if p_value < 0.001:
        return "<.001"
    return f"{p_value:.3f}".lstrip("0") if p_value < 0.9995 else "1"
