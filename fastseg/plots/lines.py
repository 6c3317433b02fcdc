"""Ranks across tasks and metrics: who is good at everything, and where orders cross."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastseg.plots.style import PALETTE, axes_for, colour, ink, marker, note, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastseg.statistics import Ranking


def rank_lines(ranking: Ranking, *, ax: Axes | None = None) -> Axes:
    """Draw a line for each algorithm through its ranks in all tasks and metrics, and its rank by consensus.

    Parameters
    ----------
    ranking : Ranking
        Of one task and metric or of several; the consensus of several follows at the right.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    parts = list(ranking.tasks)
    if len(parts) > 1:
        parts.append(ranking.consensus())
    algorithms = ranking.algorithms
    n = len(algorithms)
    ranks = np.stack([one.ranks for one in parts])
    ax = axes_for(ax, max(4.0, 2.2 + 0.8 * len(parts)), max(2.6, 1.4 + 0.24 * n))
    x = np.arange(len(parts))
    for number in range(n):
        ax.plot(
            *(x, ranks[:, number]),
            color=colour(number),
            marker=marker(number),
            markersize=5,
            linewidth=1.4,
            alpha=0.85,
            linestyle=("-", "--", ":")[number // len(PALETTE) % 3],
        )
    # algorithms of one rank share a line of text
    for rank in np.unique(ranks[-1]).tolist():
        tied = [
            words(name, 24) for name, one in zip(algorithms, ranks[-1], strict=True) if one == rank
        ]
        told = ", ".join(tied[:3]) + (f" and {len(tied) - 3} more" if len(tied) > 3 else "")
        place: Any = {"transform": ax.get_yaxis_transform(), "va": "center"}
        ax.text(1.02, rank, told, fontsize="small", **place)
    names = ["\n".join(words(part, 20) for part in (one.task, one.metric) if part) for one in parts]
    ax.set_xticks(
        x, names, rotation=0 if len(parts) <= 6 else 45, ha="center" if len(parts) <= 6 else "right"
    )
    ax.set_xlim(-0.2, len(parts) - 0.8)
    ax.set_ylim(n + 0.5, 0.5)
    ax.set_yticks(np.arange(1, n + 1, max(1, n // 20)))
    ax.set_ylabel("rank, 1 is best")
    ax.grid(axis="x", color=ink(), alpha=0.15)
    ax.set_axisbelow(True)
    cases = sorted({one.n_cases for one in ranking.tasks})
    told = f"{cases[0]}" if len(cases) == 1 else f"{cases[0]} to {cases[-1]}"
    note(ax, f"n = {told} cases")
    return ax
