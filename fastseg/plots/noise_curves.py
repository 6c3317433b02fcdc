"""How a metric falls with the level of noise or of an artefact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fastseg.plots.style import axes_for, colour, counted, ink, legend, marker, note, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from fastseg.measures.robustness import Robustness


def degradation(
    robustness: Robustness | Mapping[str, Robustness],
    *,
    label: str = "mean score",
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean of a metric at each level of noise, of one algorithm or of several.

    The line of dots is the mean of the clean images; undefined means are counted, and there is a gap where they would
    be.

    Parameters
    ----------
    robustness : Robustness, or mapping of names to Robustness
        What :func:`fastseg.robustness` gives.
    label : str
        What was measured, with its unit.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    curves = dict(robustness) if isinstance(robustness, Mapping) else {"": robustness}
    ax = axes_for(ax, 5.6, 3.6)
    undefined = 0
    counts: dict[float, set[int]] = {}
    lines: list[Line2D] = []
    for number, one in enumerate(curves.values()):
        means = np.array(one.means, np.float64)
        undefined += int(np.isnan(means).sum())
        lines += ax.plot(
            *(one.levels, means),
            color=colour(number),
            marker=marker(number),
            markersize=5,
            linewidth=1.6,
            linestyle=("-", "--", ":")[number // 8 % 3],
        )
        if np.isfinite(means[0]):
            ax.axhline(means[0], color=colour(number), linestyle=":", linewidth=1, alpha=0.7)
        for level, n in zip(one.levels, one.counts, strict=True):
            counts.setdefault(level, set()).add(n)
    levels = sorted(counts)
    ends = [f"{min(counts[level])}" for level in levels]
    ends = [
        text if len(counts[level]) == 1 else f"{text}–{max(counts[level])}"
        for text, level in zip(ends, levels, strict=True)
    ]
    if len(levels) <= 12:
        ax.set_xticks(
            levels, [f"{level:g}\nn = {n}" for level, n in zip(levels, ends, strict=True)]
        )
    ax.set_xlabel("level of noise, 0 is clean")
    ax.set_ylabel(words(label, 60))
    ax.grid(color=ink(), alpha=0.12)
    ax.set_axisbelow(True)
    if any(curves):
        legend(ax, list(curves), lines)
    if undefined:
        note(ax, counted(sum(len(one.means) for one in curves.values()) - undefined, undefined))
    return ax
