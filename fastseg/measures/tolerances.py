"""Distances against the tolerance τ: the one place that says what lies within it and what is nearer.

Voxel sizes come rounded, from headers that hold float32 or six digits, and tolerances come as decimals: 0.8 mm of a
NIfTI file is 0.800000011920929, and three steps of 0.1 are 0.30000000000000004. A distance that is τ but for such a
rounding counts as τ: it is within τ, and it is not nearer than τ. The width of the rounding is
:data:`~fastseg.inputs.scalars.ROUNDING`, a millionth of τ.

A float32 header needs 6e-8 of it: each voxel size is off by at most half a unit in the last place of float32, and so is
the root of a sum of squares of them. Headers in text need the rest: 0.8000005 for 0.8 is 6.3e-7. It takes in no other
distance of the lattice where voxel sizes are multiples of 0.1 mm and τ is below 70 mm: squares of distances then are at
least 0.01 mm² apart, and distances 0.005 mm² / τ. Elsewhere it takes in what lies a millionth beyond τ, at most.

Drop-ins of ``fastseg.compat`` compare as their hosts do, and do not come by here.
"""

from __future__ import annotations

import sys

from fastseg.inputs.scalars import ROUNDING, as_tolerance


def widest_within(tolerance: float) -> float:
    """Tell the largest distance that is within the tolerance.

    Examples
    --------
    >>> 0.1 * 3 <= 0.3, 0.1 * 3 <= widest_within(0.3)
    (False, True)
    """
    # a distance to nothing, inf, is never within
    return min(as_tolerance(tolerance) * (1 + ROUNDING), sys.float_info.max)


def width_of_band(tolerance: float) -> float:
    """Tell below which distance a voxel is nearer than the tolerance.

    Examples
    --------
    >>> 0.3 < 0.1 * 3, 0.3 < width_of_band(0.1 * 3)
    (True, False)
    """
    return as_tolerance(tolerance) * (1 - ROUNDING)
