"""The tree of an airway as ATM'22's tree_parse.py makes it: largest component, skeleton, branches and their regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.protocol import Operations
from fastseg.measures.regions import LabelRegion
from fastseg.measures.trees import branches_of, with_nearest
from fastseg.protocols.rules.branch_refinement import refined
from fastseg.voronoi import regions_of

Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

# Ids of voxels, looked up beside their neighbours at a time.
_AT_ONCE = 1 << 20


def largest_component(operations: Operations, mask: Bools, place: int = 0) -> Bools:
    """Take the largest component of a mask by faces; with `place` 1 the second largest, nothing where there is none.

    Of equally large ones that whose first voxel comes last: so an insertion sort leaves them, and scripts sort so as
    long as there are a few.
    """
    whole = tuple(slice(0, size) for size in mask.shape)
    [found] = operations.region_components([LabelRegion(mask, (1,), whole)], 1)
    if found.count <= place:
        return np.zeros_like(mask)
    if found.count == 1:
        return mask
    number = np.argsort(found.sizes, kind="stable")[-1 - place] + 1
    starts, stops = (side[number - 1].tolist() for side in found.boxes)
    box = tuple(map(slice, starts, stops))
    inside = np.nonzero(mask[box])
    positions = tuple(at + start for at, start in zip(inside, starts, strict=True))
    chosen = found.numbers_at(positions) == number
    kept = np.zeros_like(mask)
    kept[tuple(at[chosen] for at in positions)] = True
    return kept


def without_holes(operations: Operations, mask: Bools) -> Bools:
    """Fill what no way by faces leads out of. The mask reaches the end of its array only where the image ends."""
    whole = tuple(slice(0, size) for size in mask.shape)
    outside = ~mask
    [found] = operations.region_components([LabelRegion(outside, (1,), whole)], 1)
    if not found.count:
        return mask
    starts, stops = found.boxes
    enclosed = ((starts > 0) & (stops < mask.shape)).all(axis=1)
    filled = mask
    if enclosed.any():
        filled = mask.copy()
    for number in np.flatnonzero(enclosed):
        box = tuple(map(slice, starts[number].tolist(), stops[number].tolist()))
        at = np.nonzero(outside[box])
        positions = tuple(p + side.start for p, side in zip(at, box, strict=True))
        own = found.numbers_at(positions) == number + 1
        filled[tuple(p[own] for p in positions)] = True
    return filled


def skeleton_of(operations: Operations, mask: Bools, several_slices: bool) -> Places:
    """Thin a mask as scikit-image does, whose image has several slices or one; give the places of what is left."""
    return np.flatnonzero(operations.skeletonize(mask, several_slices))


def branches_at(
    wanted: Places, skeleton: Places, mask: Bools, *, mirrored: bool
) -> tuple[Places, int]:
    """Give the branch of some voxels, by their places in the flat mask, and how many branches the skeleton has.

    Ascending places; 0 for those outside of the mask, and for all where there is no branch.
    """
    branches, count = branches_of(skeleton, mask.shape, mirrored=mirrored)
    inside = wanted[mask.reshape(-1)[wanted]]
    places = np.union1d(skeleton, inside)
    numbers = np.zeros(len(places), np.int64)
    numbers[np.searchsorted(places, skeleton)] = branches
    found = np.zeros(len(wanted), np.int64)
    if count:
        nearest = with_nearest(numbers, places, mask.shape)
        found[np.searchsorted(wanted, inside)] = nearest[np.searchsorted(places, inside)]
    return found, count


def refined_branches(
    operations: Operations, skeleton: Places, mask: Bools, *, mirrored: bool
) -> Places | None:
    """Give the branch of each voxel of the skeleton of a mask after the script joined some; None where it fails."""
    branches, count = branches_of(skeleton, mask.shape, mirrored=mirrored)
    if not count:
        return None
    numbered = np.zeros(mask.shape, np.int32)
    numbered.reshape(-1)[skeleton] = branches
    regions = regions_of(operations, numbered, (1.0,) * 3, within=mask, ties="first_voxel")
    flat, inside = regions.reshape(-1), np.flatnonzero(mask)
    volumes = np.bincount(flat[inside], minlength=count + 1)[1:]
    joined = refined(volumes, _touching(regions, inside, count))
    return None if joined is None else joined[flat[skeleton]]


def _touching(regions: NDArray[np.int32], inside: Places, count: int) -> list[set[int]]:
    """Find which branches' regions have a face in common, from 0."""
    flat, base = regions.reshape(-1), count + 1
    found: set[int] = set()
    step = 1
    for size in reversed(regions.shape):
        for start in range(0, len(inside), _AT_ONCE):
            at = inside[start : start + _AT_ONCE]
            at = at[at // step % size < size - 1]
            own, next_to = flat[at].astype(np.int64), flat[at + step]
            differ = (own != next_to) & (next_to > 0)
            found.update(np.unique(own[differ] * base + next_to[differ]).tolist())
        step *= size
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for pair in found:
        first, second = divmod(pair, base)
        neighbours[first - 1].add(second - 1)
        neighbours[second - 1].add(first - 1)
    return neighbours
