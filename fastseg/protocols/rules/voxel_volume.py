"""The volume of a voxel in millilitres, as scripts have it that read NIfTI headers."""

from __future__ import annotations

import numpy as np

from fastseg.inputs.arrays import Spacing


def millilitres(spacing: Spacing, *, in_float32: bool) -> float:
    """Multiply the voxel size along all axes, in their order, and divide by 1000.

    Parameters
    ----------
    spacing : tuple of float
        In mm.
    in_float32 : bool
        Whether it is multiplied and divided in the type of a NIfTI header, as NumPy does with its entries.
    """
    kind = np.float32 if in_float32 else np.float64
    volume = kind(1)
    for size in spacing:
        volume = volume * kind(size)
    return float(volume / kind(1000))
