"""What a pitfall is shown by: small masks side by side, metrics of each, and words; docs/pitfalls.md is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg
from fastseg.results.rows import Row

Mask = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Panel:
    """A pair of masks of a picture.

    Attributes
    ----------
    title : str
        What is seen in it.
    reference, prediction : uint8 ndarray (height, width)
        Masks or label maps.
    options : mapping
        Of :func:`fastseg.evaluate`.
    find : callable
        Gives the row of the table.
    """

    title: str
    reference: Mask
    prediction: Mask
    options: Mapping[str, Any] = field(default_factory=dict)
    find: Callable[..., Row] = lambda *maps, **options: fastseg.evaluate(*maps, **options).rows[0]

    def row(self, metrics: tuple[str, ...]) -> Row:
        """Evaluate the pair."""
        return self.find(self.reference, self.prediction, **{"metrics": metrics, **self.options})


@dataclass(frozen=True, eq=False)
class Pitfall:
    """A pitfall, or what definitions mean, on masks.

    Attributes
    ----------
    title, section, figure : str
        Its name, its section in the lecture, and the figure of the paper that shows it, "" where there is none.
    trap, uncovered : str
        What misleads, and what uncovers it.
    metrics : tuple of str
        The columns of the table.
    panels : tuple of Panel
    digits : int
        To how many digits the table is printed.
    """

    title: str
    section: str
    figure: str
    trap: str
    uncovered: str
    metrics: tuple[str, ...]
    panels: tuple[Panel, ...]
    digits: int = 3

    def rows(self) -> list[Row]:
        """Evaluate all panels."""
        return [panel.row(self.metrics) for panel in self.panels]


def box(side: int, *edges: tuple[int, int]) -> Mask:
    """Draw a rectangle on a square, by the rows and columns from which to which it goes."""
    mask = np.zeros((side, side), np.uint8)
    mask[tuple(slice(*edge) for edge in edges)] = 1
    return mask


def disc(side: int, center: tuple[float, float], radius: float, spacing: float = 1.0) -> Mask:
    """Draw what lies within a circle, given in the units of the spacing, by the centres of pixels."""
    y, x = (np.mgrid[:side, :side] + 0.5) * spacing
    inside = np.hypot(y - center[0], x - center[1]) < radius
    return np.asarray(inside, np.uint8)


def names(row: Row) -> set[str]:
    """Name the flags of a row."""
    return {flag.name for flag in row.flags}
