"""What all figures share: axes, colours that nobody confuses, text that is no formula, a place for what is infinite."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputTypeError, MissingPackageError
from fastseg.results.files import encodable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

#: five of Okabe and Ito's colours and three of Tol's: told apart by who sees red as green, ordered so that neighbours
#: differ in grey, and seen on white and on black
PALETTE = (
    *("#0072b2", "#e69f00", "#aa4499", "#56b4e9"),
    *("#d55e00", "#009e73", "#cc6677", "#999933"),
)

#: with the colours, 8 of them and 7 of these, 56 algorithms have a sign of their own
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

#: from little to much, ascending in grey too
COLOUR_MAP = "cividis"

_DETACHED: contextvars.ContextVar[bool] = contextvars.ContextVar("detached", default=False)


@contextlib.contextmanager
def detached() -> Iterator[None]:
    """Make figures that no window and no notebook shows: matplotlib's pyplot, with its list of figures, is not used.

    Examples
    --------
    >>> from fastseg import plots
    >>> with plots.detached():
    ...     svg = plots.figure_svg(plots.heat([[0.9, 0.2]], ["shift"], ["dice", "nsd"]).figure)
    >>> svg[:4]
    '<svg'
    """
    token = _DETACHED.set(True)
    try:
        yield
    finally:
        _DETACHED.reset(token)


def axes_for(ax: Axes | None, width: float, height: float) -> Axes:
    """Give the axes that figures are drawn on: those that were given, or new ones of this size in inches.

    Raises
    ------
    MissingPackageError
        Without matplotlib.
    InputTypeError
        For what are no axes.
    """
    try:
        import matplotlib.axes
    except ImportError as error:
        raise MissingPackageError(
            'figures need matplotlib: pip install "fastseg-metrics[plots]"', name="matplotlib"
        ) from error
    if ax is not None:
        if not isinstance(ax, matplotlib.axes.Axes):
            raise InputTypeError(f"ax: expected axes of matplotlib, got {type(ax).__name__}")
        return ax
    if _DETACHED.get():
        from matplotlib.figure import Figure

        return Figure((width, height), layout="constrained").add_subplot()
    from matplotlib import pyplot

    found: Axes = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    return found


def ink() -> str:
    """Give the colour of text under the style in use, as lines and hints are drawn in it too."""
    import matplotlib
    from matplotlib.colors import to_hex

    return to_hex(matplotlib.rcParams["text.color"])


def colour(number: int) -> str:
    """Give the colour of an algorithm, or of a structure, by its number."""
    return PALETTE[number % len(PALETTE)]


def marker(number: int) -> str:
    """Give the sign of an algorithm, or of a structure, by its number."""
    return MARKERS[number % len(MARKERS)]


def words(name: str, width: int = 40) -> str:
    """Write a name so that matplotlib shows it as it is: on one line, not too long, and no formula."""
    line = " ".join(encodable(name).split())
    return (line if len(line) <= width else line[: width - 1] + "…").replace("$", r"\$")


def evenly(n: int, most: int) -> NDArray[np.intp]:
    """Choose at most so many of n places, in equal steps from the first to the last."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.intp))


def counted(n: int, undefined: int = 0, infinite: int = 0) -> str:
    """Say how many values there are, and how many of them no axis has a place for."""
    parts = [f"n = {n}"]
    if infinite:
        parts.append(f"{infinite} infinite")
    if undefined:
        parts.append(f"{undefined} undefined")
    return ", ".join(parts)


def note(ax: Axes, text: str) -> None:
    """Write a line in small letters above the axes, to the right."""
    ax.set_title(text, loc="right", fontsize="small", color=ink(), alpha=0.75)


def legend(ax: Axes, names: Sequence[str], lines: Sequence[Line2D], **options: Any) -> None:
    """Say what the signs of lines stand for; a name may begin with an underscore, which matplotlib leaves out."""
    labels = [f" {name}" if name.startswith("_") else name for name in map(words, names)]
    ax.legend(list(lines), labels, fontsize="small", frameon=False, **options)


def nothing_to_draw(ax: Axes, why: str) -> Axes:
    """Say on empty axes why they are empty."""
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", wrap=True)
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


class InfinitePlaces:
    """Where infinite values are drawn: beside the finite ones, on a line with its own sign on the axis.

    Parameters
    ----------
    values : sequence of float ndarray
        All that will be drawn along the axis.
    """

    def __init__(self, values: Sequence[NDArray[np.float64]]) -> None:
        every = np.concatenate([np.zeros(0), *values])
        finite = every[np.isfinite(every)]
        self.low, self.high = (
            (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        )
        span = self.high / 2 - self.low / 2  # the difference of two large numbers has no bound
        self.gap = 0.24 * span or 0.12 * (abs(self.high) or 1.0)
        self.has_large = bool(np.isposinf(every).any())
        self.has_small = bool(np.isneginf(every).any())

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the places of values; of what is undefined none."""
        return np.clip(values, self.low - self.gap, self.high + self.gap)

    def mark(self, ax: Axes, axis: str) -> None:
        """Draw the lines, and name them where ticks are."""
        line: Any = ax.axvline if axis == "x" else ax.axhline
        low = self.low - (1.4 if self.has_small else 0.3) * self.gap
        high = self.high + (1.4 if self.has_large else 0.3) * self.gap
        (ax.set_xlim if axis == "x" else ax.set_ylim)(low, high)
        ends = [(self.low - self.gap, "−∞")] * self.has_small
        ends += [(self.high + self.gap, "∞")] * self.has_large
        for place, _ in ends:
            line(place, color=ink(), alpha=0.5, linestyle=":", linewidth=1)
        if ends:
            ticks: Any = ax.get_xticks() if axis == "x" else ax.get_yticks()
            kept = [float(tick) for tick in ticks if self.low - 0.3 * self.gap <= tick]
            kept = [tick for tick in kept if tick <= self.high + 0.3 * self.gap]
            labels = [f"{tick:.4g}" for tick in kept] + [text for _, text in ends]
            (ax.set_xticks if axis == "x" else ax.set_yticks)(
                kept + [place for place, _ in ends], labels
            )


def above_the_bars(ax: Axes, share: float) -> None:
    """Make room for bars in the lower share of the axes: data and ticks of the y axis stay above."""
    low, high = ax.get_ylim()
    labels = [text.get_text() for text in ax.get_yticklabels()]
    ticks = [
        (tick, label)
        for tick, label in zip(ax.get_yticks().tolist(), labels, strict=True)
        if low <= tick <= high
    ]
    ax.set_yticks([tick for tick, _ in ticks], [label for _, label in ticks])
    ax.set_ylim(low - (high - low) * share / (1 - share), high)
