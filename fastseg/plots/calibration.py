"""Whether probabilities are what they say: the reliability diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastseg.plots.style import PALETTE, above_the_bars, axes_for, ink, note, nothing_to_draw, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastseg.inputs.structures import Label
    from fastseg.probabilities.result import ProbabilityEvaluation


#: the share of the height that bars have
_BARS = 0.22


def reliability(
    evaluation: ProbabilityEvaluation,
    structure: Label | str | None = None,
    *,
    case: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often voxels of each range of probability are in the structure, and how many voxels that is.

    On the dotted diagonal the share of positives is the probability; below it the algorithm is too sure.

    Parameters
    ----------
    evaluation : ProbabilityEvaluation
        What :func:`fastseg.evaluate_probabilities` gives.
    structure : str, int or tuple of int, optional
        Its name or label; not needed where there is one.
    case : str, optional
        Of several cases, the name of one. All together are ``evaluation.pooled``.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Those of the diagram; those of the numbers of voxels are its inset, ``ax.child_axes[0]``.

    Raises
    ------
    KeyError
        If there is no such structure, or none is named of several.
    ImportError
        Without matplotlib.
    """
    table = evaluation.reliability(structure, case=case)
    ax = axes_for(ax, 4.8, 4.8)
    ax.set_ylabel("share of positives")
    voxels = np.array([row["voxels"] for row in table], np.float64)
    if not voxels.sum():
        return nothing_to_draw(ax, "no voxels")
    confidence = np.array([row["confidence"] for row in table], np.float64)
    frequency = np.array([row["frequency"] for row in table], np.float64)
    low = np.array([row["low"] for row in table], np.float64)
    high = np.array([row["high"] for row in table], np.float64)
    there = voxels > 0
    ax.plot([0, 1], [0, 1], ":", color=ink(), linewidth=1)
    ax.vlines(
        confidence[there], confidence[there], frequency[there], color=PALETTE[1], linewidth=2.5
    )
    ax.plot(confidence[there], frequency[there], "-o", color=PALETTE[0], markersize=5)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.set_xticks(np.linspace(0, 1, 6))
    above_the_bars(ax, _BARS)
    ax.set_xlabel("probability")
    ax.grid(color=ink(), alpha=0.12)
    bars = ax.inset_axes((0.0, 0.0, 1.0, _BARS))
    bars.bar(
        low, voxels, high - low, align="edge", color=PALETTE[0], edgecolor=ink(), linewidth=0.4
    )
    bars.set_yscale("symlog", linthresh=1)
    bars.set_xlim(ax.get_xlim())
    bars.set_xticks([])
    bars.yaxis.tick_right()
    bars.yaxis.set_label_position("right")
    bars.set_ylabel("voxels")
    name = evaluation.rows[0].name if structure is None else evaluation.row(structure, case).name
    parts = [words(one) for one in (case, name) if one]
    note(ax, f"{', '.join(parts)}: n = {int(voxels.sum())} voxels")
    return ax
