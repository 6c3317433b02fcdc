"""Errors between structures: swapped labels."""

from __future__ import annotations

import numpy as np

from fastseg.stressing.registry import SHARES, error
from fastseg.stressing.structure import (
    Damage,
    Mask,
    NotPossibleError,
    StressedStructure,
    box_within,
)


@error(
    amounts=SHARES,
    unit="%",
    what="it and the structure that is nearest to it in size have each other's label, from one end of each on",
    of="the share of the voxels of both",
)
def swapped_labels(structure: StressedStructure, amount: float) -> Damage:
    """Exchange voxels with another structure."""
    partner = structure.kept("partner", lambda: partner_of(structure))
    low = np.minimum(structure.start, partner.start)
    mask = np.zeros(np.maximum(structure.stop, partner.stop) - low, np.bool_)
    place = box_within(structure.start, structure.mask.shape, low.tolist())
    mask[place] = structure.mask & ~_end(structure, amount, structure.long_axis)
    place = box_within(partner.start, partner.mask.shape, low.tolist())
    mask[place] |= _end(partner, amount, structure.long_axis)
    return Damage(mask, tuple(low.tolist()))


def partner_of(structure: StressedStructure) -> StressedStructure:
    """Find the other structure whose number of voxels is nearest, the first of several, that shares none with it."""
    apart = [other for other in structure.others if not _overlap(structure, other)]
    if not apart:
        raise NotPossibleError("there is no other structure to swap it with")
    return min(apart, key=lambda other: abs(other.voxels - structure.voxels))


def _end(structure: StressedStructure, amount: float, axis: int) -> Mask:
    """Give the first voxels along an axis, so many percent of all."""
    places = np.argwhere(structure.mask)
    order = np.argsort(places[:, axis], kind="stable")
    found = np.zeros(structure.mask.shape, np.bool_)
    many = round(structure.voxels * amount / 100)
    found[tuple(places[order[:many]].T)] = True
    return found


def _overlap(one: StressedStructure, other: StressedStructure) -> bool:
    low = np.maximum(one.start, other.start)
    high = np.minimum(one.stop, other.stop)
    if np.any(low >= high):
        return False
    parts = [
        each.mask[box_within(low.tolist(), (high - low).tolist(), each.start)]
        for each in (one, other)
    ]
    return bool(np.any(parts[0] & parts[1]))
