"""Errors of the border: shift, erosion, dilation."""

from __future__ import annotations

import numpy as np

from fastseg.primitives import distance_transform_edt
from fastseg.stressing.registry import LENGTHS, error
from fastseg.stressing.structure import Damage, NotPossibleError, StressedStructure


@error(
    amounts=LENGTHS,
    unit="mm",
    what="moved by whole voxels along the axis with the smallest ones, in a direction drawn by the seed",
    of="how far",
)
def shift(structure: StressedStructure, amount: float) -> Damage:
    """Move the mask; what leaves the image is lost."""
    generator = structure.random("shift")
    finest = np.flatnonzero(np.equal(structure.spacing, min(structure.spacing)))
    axis = int(generator.choice(finest))
    sign = int(generator.choice((-1, 1)))
    steps = sign * round(amount / structure.spacing[axis])
    first = structure.start[axis] + steps
    low, high = max(first, 0), min(first + structure.mask.shape[axis], structure.shape[axis])
    if low >= high:
        raise NotPossibleError("nothing of it would stay in the image")
    kept = [slice(None)] * structure.ndim
    kept[axis] = slice(low - first, high - first)
    mask = structure.mask[tuple(kept)]
    if not mask.any():
        raise NotPossibleError("nothing of it would stay in the image")
    start = list(structure.start)
    start[axis] = low
    return Damage(mask, tuple(start))


@error(
    amounts=LENGTHS,
    unit="mm",
    what="only what lies farther than this from the background is left; the image's edge is no background",
    of="the distance",
)
def erosion(structure: StressedStructure, amount: float) -> Damage:
    """Take away what is near to the background."""
    if not np.isfinite(structure.depth).all():
        raise NotPossibleError("it fills the image")
    mask = structure.mask & (structure.depth > amount)
    if not mask.any():
        deepest = float(structure.depth.max())
        raise NotPossibleError(f"nothing would be left: nothing of it is deeper than {deepest:.3g}")
    return Damage(mask, structure.start)


@error(
    amounts=LENGTHS,
    unit="mm",
    what="everything that lies within this of the mask is added, other structures too, as far as the image reaches",
    of="the distance",
)
def dilation(structure: StressedStructure, amount: float) -> Damage:
    """Add what is near to the mask."""
    mask, start = structure.window(structure.voxels_of(amount))
    return Damage(distance_transform_edt(~mask, structure.spacing) <= amount, start)
