"""Errors of what hangs together: split, merge, broken branch."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.primitives import distance_transform_edt
from fastseg.skeletons import skeletonize
from fastseg.stressing.registry import LENGTHS, error
from fastseg.stressing.structure import (
    Damage,
    Mask,
    NotPossibleError,
    StressedStructure,
    number_of_components,
)

Ints = NDArray[np.intp]

#: how many branches are tried, the longest first
_TRIED = 8


@error(
    amounts=LENGTHS,
    unit="mm",
    what="a gap of whole slices across its longest axis, in the middle of its voxels",
    of="the width of the gap",
)
def split(structure: StressedStructure, amount: float) -> Damage:
    """Cut the mask in two."""
    axis = structure.long_axis
    others = tuple(other for other in range(structure.ndim) if other != axis)
    sizes = np.cumsum(np.count_nonzero(structure.mask, axis=others))
    middle = int(np.searchsorted(sizes, (sizes[-1] + 1) // 2))
    many = round(amount / structure.spacing[axis])
    first = middle - max(many - 1, 0) // 2
    if first < 1 or first + many >= len(sizes):
        raise NotPossibleError("the gap would leave one side of it alone")
    mask = structure.mask.copy()
    mask[(slice(None),) * axis + (slice(first, first + many),)] = False
    if many and number_of_components(mask) <= structure.components[1]:
        raise NotPossibleError("nothing that hangs together lies on both sides of the gap")
    return Damage(mask, structure.start)


@error(
    amounts=LENGTHS,
    unit="mm",
    what="a straight bridge joins its largest component and the one nearest to it, at least one voxel wide",
    of="the width of the bridge",
)
def merge(structure: StressedStructure, amount: float) -> Damage:
    """Join two components."""
    first, last = structure.kept("merge", lambda: _nearest_components(structure))
    reach = structure.voxels_of(amount / 2)
    mask, start = structure.window(reach)
    within = np.subtract(structure.start, start)
    first, last = first + within, last + within
    steps = int(np.abs(last - first).max())
    along = first + np.linspace(0, 1, steps + 1)[:, None] * (last - first)
    mask[tuple(np.round(along).astype(int).T)] = True
    low = np.maximum(np.minimum(first, last) - reach, 0)
    high = np.minimum(np.maximum(first, last) + reach + 1, mask.shape)
    spacing = np.asarray(structure.spacing)
    around = np.moveaxis(np.indices((high - low).tolist()), 0, -1) + low
    direction = (last - first) * spacing
    offsets = (around - first) * spacing
    share = np.clip(offsets @ direction / (direction @ direction), 0, 1)
    distances = np.linalg.norm(offsets - share[..., None] * direction, axis=-1)
    mask[tuple(map(slice, low, high))] |= distances <= amount / 2
    return Damage(mask, start)


@error(
    amounts=LENGTHS,
    unit="mm",
    what="of its longest branch that can be cut off a piece is missing, halfway along or nearer to its end",
    of="the length of the gap along the skeleton",
)
def broken_branch(structure: StressedStructure, amount: float) -> Damage:
    """Take away the voxels whose nearest voxel of the skeleton lies in a gap."""
    branch = structure.kept("branch", lambda: _branch_to_cut(structure))
    mask = _cut(structure, branch, amount)
    if mask is None:
        raise NotPossibleError(
            f"its branch is {branch.lengths[-1]:.3g} long, too short for the gap"
        )
    if number_of_components(mask) <= structure.components[1]:
        raise NotPossibleError("its branch hangs together around the gap")
    return Damage(mask, structure.start)


def _nearest_components(structure: StressedStructure) -> tuple[Ints, Ints]:
    """Find the voxels where the largest component and another are nearest to each other."""
    numbers, n = structure.components
    if n < 2:
        raise NotPossibleError("it has one component: there is nothing to merge it with")
    largest = int(np.argmax(np.bincount(numbers.ravel())[1:])) + 1
    distances, where = distance_transform_edt(
        numbers != largest, structure.spacing, return_indices=True
    )
    elsewhere = structure.mask & (numbers != largest)
    last = np.unravel_index(np.argmin(np.where(elsewhere, distances, np.inf)), elsewhere.shape)
    return where[(slice(None), *last)].astype(np.intp), np.asarray(last, np.intp)


class _Branch(NamedTuple):
    """A branch of a skeleton, by the places of its voxels in the box from its end on.

    `lengths` is how long it is up to each, `middle` where along it the gap is, `nearest` for every voxel of the mask
    the place of the nearest voxel of the skeleton.
    """

    path: Ints
    lengths: NDArray[np.float64]
    middle: float
    nearest: Ints


def _branch_to_cut(structure: StressedStructure) -> _Branch:
    """Find the longest branch that ends somewhere, is longer than it is thick, and can be cut off."""
    if structure.ndim == 1:
        raise NotPossibleError("a line has no branches")
    skeleton = skeletonize(structure.mask)
    if not skeleton.any():
        raise NotPossibleError("it has no skeleton")
    around = ndimage.generate_binary_structure(structure.ndim, structure.ndim).astype(np.int8)
    degrees = ndimage.convolve(skeleton.astype(np.int8), around, mode="constant") - 1
    degrees = np.where(skeleton, degrees, -1)
    depth = np.where(np.isfinite(structure.depth), structure.depth, 0).ravel()
    found = []
    for end in np.flatnonzero(degrees == 1):
        path = _path_from(int(end), degrees)
        places = np.stack(np.unravel_index(path, skeleton.shape), axis=1)
        steps = np.linalg.norm(np.diff(places, axis=0) * structure.spacing, axis=1)
        lengths = np.concatenate([[0.0], np.cumsum(steps)])
        if len(path) > 2 and lengths[-1] > 2 * float(depth[path].mean()):
            found.append((path, lengths))
    if not found:
        raise NotPossibleError("no branch of its skeleton is longer than it is thick")
    _, where = distance_transform_edt(~skeleton, structure.spacing, return_indices=True)
    nearest = np.ravel_multi_index(tuple(where[:, structure.mask]), skeleton.shape)
    found.sort(key=lambda one: -float(one[1][-1]))
    tried = itertools.product(found[:_TRIED], (1 / 2, 1 / 4))
    for (path, lengths), share in tried:
        middle = float(lengths[np.searchsorted(lengths, lengths[-1] * share)])
        branch = _Branch(path, lengths, middle, np.asarray(nearest, np.intp))
        cut = _cut(structure, branch, min(LENGTHS[-1], 2 * middle / 3))
        if cut is not None and number_of_components(cut) > structure.components[1]:
            return branch
    raise NotPossibleError("no branch of its skeleton can be cut off")


def _cut(structure: StressedStructure, branch: _Branch, length: float) -> Mask | None:
    """Take a gap out of a branch; None where nothing would be left on one side of it."""
    gap = np.flatnonzero(np.abs(branch.lengths - branch.middle) <= length / 2)
    if gap[0] == 0 or gap[-1] == len(branch.path) - 1:
        return None
    mask = structure.mask.copy()
    mask[structure.mask] = ~np.isin(branch.nearest, branch.path[gap])
    return mask


def _path_from(end: int, degrees: NDArray[np.int8]) -> Ints:
    """Follow a skeleton from an end to the next end or junction."""
    shape = degrees.shape
    path = [end]
    seen = {end}
    while len(path) == 1 or degrees.ravel()[path[-1]] == 2:
        at = np.unravel_index(path[-1], shape)
        low = [max(0, int(one) - 1) for one in at]
        near = degrees[tuple(slice(a, int(one) + 2) for a, one in zip(low, at, strict=True))]
        found = [
            int(np.ravel_multi_index(tuple(np.add(one, low)), shape))
            for one in np.argwhere(near >= 0)
        ]
        ahead = [one for one in found if one not in seen]
        if not ahead:
            break
        path.append(ahead[0])
        seen.add(ahead[0])
    return np.asarray(path, np.intp)
