"""What rounding leaves alone: whether squared distances are exact in a type, and in order if they are not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from fastseg.inputs.arrays import Spacing


class Unit(NamedTuple):
    """A unit of squared distances.

    Attributes
    ----------
    scale : int
        A power of two: so many units are 1.
    largest : int
        The largest squared distance, in units.
    """

    scale: int
    largest: int


def common_unit(shape: tuple[int, ...], spacing: Spacing) -> Unit:
    """Find the unit of which all squared distances are whole numbers."""
    steps = [Fraction(step) ** 2 for step in spacing]  # whole numbers over powers of two
    scale = max(square.denominator for square in steps)
    largest = sum((n - 1) ** 2 * square for n, square in zip(shape, steps, strict=True))
    return Unit(scale, int(largest * scale))


def sums_are_exact(shape: tuple[int, ...], spacing: Spacing, dtype: np.dtype[Any]) -> bool:
    """Tell whether every squared distance is a number of this type, so that no sum is ever rounded."""
    scale, largest = common_unit(shape, spacing)
    limits = np.finfo(dtype)
    fits = float(limits.tiny) < 1 / scale and largest / scale < float(limits.max) / 4
    return fits and largest < 2 ** (limits.nmant + 1)


def is_monotone(shape: tuple[int, ...], spacing: Spacing, dtype: np.dtype[Any]) -> bool:
    """Tell whether rounding errors of all values stay below the square of the smallest step, in this type's range."""
    largest = sum(((n - 1) * step) ** 2 for n, step in zip(shape, spacing, strict=True))
    limits = np.finfo(dtype)
    least = min(spacing) ** 2
    within = largest < float(limits.max) / 4 and least > float(limits.tiny) * 1e6
    return within and largest * 4 * float(limits.eps) < least
