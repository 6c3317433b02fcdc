"""How kernels see the shape of an array; what drives kernels needs it too."""

from __future__ import annotations

import math


def split(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """See a shape as (elements before an axis, the axis, elements after it)."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
