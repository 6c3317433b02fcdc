"""A table of numbers as colours, with the numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastseg.errors import InputError
from fastseg.plots.style import COLOUR_MAP, axes_for, ink, note, nothing_to_draw, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: of more cells the numbers would be too small to read
_WITH_NUMBERS = 600


def heat(
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    label: str = "",
    low: float | None = None,
    high: float | None = None,
    text: str = ".2g",
    ax: Axes | None = None,
) -> Axes:
    """Draw a table of numbers as a heat map, light where they are large, with the number in each cell.

    Parameters
    ----------
    values : array_like (n_rows, n_columns)
        Undefined ones are hatched, infinite ones have the last colour and are written as ∞.
    rows, columns : sequence of str
        Their names.
    label : str
        What the numbers are, with their unit, beside the scale of colours.
    low, high : float, optional
        What has the first and the last colour. Default: the least and the largest finite value.
    text : str
        How numbers are written, as in ``format``; none are where there are more than 600.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are not as many names as rows or columns.
    ImportError
        Without matplotlib.
    """
    table = np.asarray(values, np.float64)
    if table.shape != (len(rows), len(columns)):
        raise InputError(
            f"heat: expected a row for each of {len(rows)} names and a column for each of {len(columns)}, got the "
            f"shape {table.shape}"
        )
    ax = axes_for(ax, 2.4 + 0.5 * len(columns), 1.6 + 0.3 * len(rows))
    if not table.size:
        return nothing_to_draw(ax, "no numbers")
    import matplotlib
    from matplotlib.patches import Rectangle

    finite = table[np.isfinite(table)]
    least = float(finite.min()) if low is None and len(finite) else low if low is not None else 0.0
    most = (
        float(finite.max()) if high is None and len(finite) else high if high is not None else 1.0
    )
    if least == most:
        least, most = least - 0.5, most + 0.5
    # one colour a cell as a mesh: text in an SVG, where an image would be pixels
    mesh = ax.pcolormesh(
        np.arange(len(columns) + 1) - 0.5,
        np.arange(len(rows) + 1) - 0.5,
        np.ma.masked_invalid(np.clip(table, least, most)),
        cmap=COLOUR_MAP,
        vmin=least,
        vmax=most,
    )
    figure = ax.figure
    figure.colorbar(mesh, ax=ax, label=words(label, 60), fraction=0.05, pad=0.02)
    numbers = table.size <= _WITH_NUMBERS
    shades = matplotlib.colormaps[COLOUR_MAP]
    for row, column in np.ndindex(table.shape):
        value = float(table[row, column])
        if np.isnan(value):
            ax.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5),
                    *(1, 1),
                    facecolor="none",
                    edgecolor=ink(),
                    alpha=0.4,
                    hatch="////",
                    linewidth=0,
                )
            )
        elif numbers:
            share = (min(max(value, least), most) - least) / (most - least)
            red, green, blue, _ = shades(share)
            bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
            told = ("∞" if value > 0 else "−∞") if np.isinf(value) else format(value, text)
            ax.text(
                *(column, row, told),
                ha="center",
                va="center",
                fontsize="x-small",
                color="#111111" if bright else "#ffffff",
            )
    ax.set_xticks(
        np.arange(len(columns)), [words(name, 28) for name in columns], rotation=45, ha="right"
    )
    ax.set_yticks(np.arange(len(rows)), [words(name) for name in rows])
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(length=0)
    undefined = int(np.isnan(table).sum())
    if undefined:
        note(ax, f"{undefined} of {table.size} undefined (hatched)")
    return ax
