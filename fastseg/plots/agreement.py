"""How far two volumes agree: Bland and Altman's figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, InputTypeError
from fastseg.plots.style import (
    PALETTE,
    axes_for,
    colour,
    counted,
    evenly,
    ink,
    legend,
    marker,
    note,
    nothing_to_draw,
)
from fastseg.raters.repeatability import repeatability
from fastseg.results import Evaluation
from fastseg.results.units import unit_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


#: of more, so many are drawn beside the tenth as many that differ most
POINTS = 2000


def bland_altman(
    source: Any,
    structure: str | None = None,
    *,
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw differences of volumes over their means, with the bias and the limits of agreement.

    Parameters
    ----------
    source : Evaluation, or a pair of sequences of float
        Volumes of the reference and of the prediction; of an evaluation those of whole structures.
    structure : str, optional
        Of an evaluation, the structure by its name. Default: all of them, each with a colour and a sign.
    unit : str, optional
        Of volumes that are given. Default: that of the evaluation.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError, TypeError
        For anything else, for sequences of different lengths, and for an unknown structure.
    ImportError
        Without matplotlib.

    Notes
    -----
    Differences are prediction less reference; the limits are bias ± 1.96 standard deviations of the differences, as
    :func:`fastseg.repeatability` has them. Volumes that are not finite are counted and left out. Of more than 2 000
    points, 2 000 and the 200 that differ most are drawn.

    References
    ----------
    Bland and Altman, Statistical methods for assessing agreement between two methods of clinical measurement, Lancet
    327, 307-310 (1986).
    """
    names, pairs, told_unit = _volumes(source, structure)
    ax = axes_for(ax, 6.4, 4.2)
    unit_told = told_unit if unit is None else unit
    suffix = f" [{unit_told}]" if unit_told else ""
    ax.set_xlabel(f"mean of both volumes{suffix}")
    ax.set_ylabel(f"prediction − reference{suffix}")
    finite = np.isfinite(pairs).all(1)
    left_out = int((~finite).sum())
    pairs, names = pairs[finite], names[finite]
    if not len(pairs):
        return nothing_to_draw(ax, "no volumes")
    means, differences = pairs.mean(1), pairs[:, 1] - pairs[:, 0]
    drawn = np.zeros(len(pairs), bool)
    drawn[evenly(len(pairs), POINTS)] = True
    drawn[np.argsort(-np.abs(differences - differences.mean()), kind="stable")[: POINTS // 10]] = (
        True
    )
    different = list(dict.fromkeys(names.tolist()))
    told_apart = 1 < len(different) <= len(PALETTE)
    signs: list[Line2D] = []
    for number, name in enumerate(different):
        chosen = drawn & (names == name)
        signs += ax.plot(
            *(means[chosen], differences[chosen]),
            linestyle="none",
            marker=marker(number) if told_apart else "o",
            color=colour(number if told_apart else 0),
            markersize=5,
            alpha=0.75,
            markeredgewidth=0,
        )
    found = repeatability(pairs)
    low, high = found.limits_of_agreement
    lines = [(found.bias, "bias", "-"), (low, "−1.96 sd", "--"), (high, "+1.96 sd", "--")]
    ax.axhline(0, color=ink(), alpha=0.25, linewidth=0.8)
    for value, name, style in lines:
        if np.isfinite(value):
            ax.axhline(value, color=ink(), linestyle=style, linewidth=1.2)
            ax.text(
                *(1.01, value, f"{name}\n{value:.4g}".replace("-", "−")),
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize="small",
            )
    if told_apart:
        legend(ax, different, signs)
    told = counted(len(pairs), left_out)
    note(ax, told + f", {drawn.sum()} of them drawn" * (not drawn.all()))
    return ax


def _volumes(
    source: Any, structure: str | None
) -> tuple[NDArray[np.str_], NDArray[np.float64], str]:
    """Give a name, and the volumes of reference and prediction, of each row; and their unit."""
    if isinstance(source, Evaluation):
        rows = [row for row in source.structures if structure in (None, row.name, row.label)]
        if structure is not None and not rows:
            raise InputError(
                f"structure: no {structure!r:.80}; there are "
                f"{', '.join(dict.fromkeys(row.name for row in source.structures)):.200}"
            )
        volumes = [
            (
                (row.counts.tp + row.counts.fn) * row.voxel_volume,
                (row.counts.tp + row.counts.fp) * row.voxel_volume,
            )
            for row in rows
        ]
        names = np.array([row.name for row in rows], np.str_)
        pairs = np.array(volumes, np.float64).reshape(-1, 2)
        return names, pairs, unit_text("mm³", source.settings)
    try:
        reference, prediction = source
        pair = np.asarray(reference, np.float64), np.asarray(prediction, np.float64)
    except (TypeError, ValueError):
        raise InputTypeError(
            "bland_altman: expected an Evaluation, or the volumes of the references and those of the predictions as "
            f"two sequences of numbers; got {type(source).__name__}"
        ) from None
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise InputError(
            "bland_altman: expected as many volumes of references as of predictions, got the shapes "
            f"{pair[0].shape} and {pair[1].shape}"
        )
    return np.full(len(pair[0]), "", np.str_), np.stack(pair, 1), ""
