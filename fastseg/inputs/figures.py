"""Figures that results may be asked for: made on a floor above, and reached from below by name, when somebody asks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastseg.inputs.choices import unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: of each kind of result, the functions of :mod:`fastseg.plots` that draw it
FIGURES: dict[str, tuple[str, ...]] = {
    "Evaluation": ("box", "podium", "stability", "significance", "bland_altman"),
    "ProbabilityEvaluation": ("reliability", "box"),
    "Ranking": ("rank_lines", "stability", "significance"),
    "TaskRanking": ("stability", "significance"),
    "Robustness": ("degradation",),
}


def draw(result: Any, kinds: str, kind: str, options: dict[str, Any]) -> Axes:
    """Draw a figure of a result.

    Parameters
    ----------
    result : object
    kinds : str
        Which of `FIGURES` it has.
    kind : str
        One of them.
    options : dict
        Those of the function of :mod:`fastseg.plots`.

    Raises
    ------
    InputError
        For another kind; it names the nearest.
    MissingPackageError
        Without matplotlib.
    """
    known = FIGURES[kinds]
    if kind not in known:
        raise unknown("kind", kind, known)
    function = getattr(importlib.import_module("fastseg.plots"), kind)
    axes: Axes = function(result, **options)
    return axes
