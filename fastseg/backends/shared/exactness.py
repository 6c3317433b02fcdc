"""What rounding leaves alone: whether squared distances are exact in a type, and in order if they are not."""

from __future__ import annotations

import math
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


def whole_steps(spacing: Spacing) -> tuple[int, ...]:
    """Find whole numbers in the ratio of the voxel sizes, read as decimals: 0.7 : 5 is 7 : 50.

    They are the shortest decimals of which the sizes are the floats, float32 ones as headers have them if there are
    such.
    """
    sizes = []
    for step in spacing:
        short = np.float32(step)
        sizes.append(Fraction(str(short) if float(short) == step else repr(float(step))))
    common = math.lcm(*(size.denominator for size in sizes))
    steps = [int(size * common) for size in sizes]
    shared = math.gcd(*steps)
    return tuple(step // shared for step in steps)


def comparable_steps(shape: tuple[int, ...], spacing: Spacing) -> Spacing:
    """Give voxel sizes in the ratio of the spacing by which equal distances are equal numbers, where there are such.

    With whole steps all squared distances are whole numbers, and their roots differ where they do as long as they stay
    below 2^50. Else the spacing is given back, and two distances that are equal may be rounded apart.
    """
    steps = whole_steps(spacing)
    largest = sum(((n - 1) * step) ** 2 for n, step in zip(shape, steps, strict=True))
    return tuple(map(float, steps)) if largest < 2**50 else spacing


def is_monotone(shape: tuple[int, ...], spacing: Spacing, dtype: np.dtype[Any]) -> bool:
    """Tell whether rounding errors of all values stay below the square of the smallest step, in this type's range."""
    largest = sum(((n - 1) * step) ** 2 for n, step in zip(shape, spacing, strict=True))
    limits = np.finfo(dtype)
    least = min(spacing) ** 2
    within = largest < float(limits.max) / 4 and least > float(limits.tiny) * 1e6
    return within and largest * 4 * float(limits.eps) < least
