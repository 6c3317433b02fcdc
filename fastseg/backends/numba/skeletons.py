"""Skeletons for the numba backend: the mask is packed, cut to what it holds, and thinned in words of 62 voxels."""

from __future__ import annotations

import functools
import itertools

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.numba.components import Components
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.surfaces import Part
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.c_order import c_ordered
from fastseg.measures.skeletons import SkeletonOverlap
from fastseg.measures.trees import TreeOverlap, branches_of, tree_overlap, with_nearest
from fastseg_kernels._thinning import VOXELS
from fastseg_kernels.cpu import masks as mask_kernels
from fastseg_kernels.cpu import skeleton as kernels

Bytes = NDArray[np.uint8]
_Places = NDArray[np.intp]


def skeletonize(mask: NDArray[np.bool_], all_faces: bool) -> NDArray[np.bool_]:
    """Thin a bool array of two or three axes, whose order decides what goes first."""
    ordered = c_ordered(mask)
    volume = Volume.of(ordered, reverse=False)
    packed = Mask.of(volume, (1,), None)
    skeleton = np.zeros(volume.labels.shape, np.uint8)  # most of its pages are never written to
    part = Part.used([packed])
    (z, y, w), (nz, ny, nw) = part.start, part.words
    words = np.ascontiguousarray(packed.words[z : z + nz, y : y + ny, w : w + nw])
    row_words = -(-part.width // VOXELS)
    spread, due = np.zeros((2, nz + 2, ny + 2, row_words), np.uint64)
    rows = np.zeros((nz + 2, ny + 2), np.uint8)
    kernels.spread(words, part.width, spread, due, rows)
    room = np.empty((3, int(np.count_nonzero(spread))), np.uint64)
    kernels.thin(
        spread.reshape(-1),
        due.reshape(-1),
        rows.reshape(-1),
        row_words,
        ny + 2,
        6 if all_faces else 4,
        *euler_changes(),
        *room,
    )
    kernels.paint(spread, z, y, 64 * w, skeleton)
    return skeleton.reshape(ordered.shape).view(np.bool_)


@functools.cache
def euler_changes() -> tuple[Bytes, Bytes]:
    """Tabulate what a voxel does to the Euler characteristic, times 8, in the four octants before and behind it.

    Of the union of closed voxels, an octant has a corner, halves of six edges, quarters of twelve faces and eighths of
    eight voxels: 8·corner − 4·edges + 2·faces − voxels.
    """
    codes = np.arange(256)
    sides = list(itertools.product((0, 1), repeat=3))  # bit i of a code is the voxel at sides[i]
    has = [(codes >> i) & 1 for i in range(8)]

    def present(**at: int) -> NDArray[np.int64]:
        held = [
            has[i]
            for i, side in enumerate(sides)
            if all(side[int(a[1])] == s for a, s in at.items())
        ]
        either: NDArray[np.int64] = np.bitwise_or.reduce(held)
        return either

    total = 8 * present() - sum(has)
    for axis, side in itertools.product(range(3), (0, 1)):
        total = total - 4 * present(**{f"_{axis}": side})
    for axes in itertools.combinations(range(3), 2):
        for pair in itertools.product((0, 1), repeat=2):
            total = total + 2 * present(**{f"_{a}": s for a, s in zip(axes, pair, strict=True)})
    around = np.arange(1 << 18, dtype=np.int32)
    tables = []
    for z_of_voxel in (1, 0):
        table = np.zeros(1 << 18, np.int64)
        for y, x in itertools.product((0, 1), repeat=2):  # where the octant starts
            code = np.zeros(1 << 18, np.int32)
            for i, (dz, dy, dx) in enumerate(sides):
                code |= ((around >> (9 * dz + 3 * (y + dy) + x + dx)) & 1) << i
            own = 1 << sides.index((z_of_voxel, 1 - y, 1 - x))
            change = total[codes | own] - total[codes & ~own]
            table += change[code]
        tables.append((table & 255).astype(np.uint8))
    return tables[0], tables[1]


def skeletons_of(
    masks: tuple[Mask, Mask], wanted: frozenset[str]
) -> dict[str, SkeletonOverlap | TreeOverlap]:
    """Measure what is wanted of the skeletons of two masks; the reference's is found once."""
    found: dict[str, SkeletonOverlap | TreeOverlap] = {}
    if not wanted & {"skeleton_overlap", "tree_overlap"}:
        return found
    reference = _unpacked(masks[0])
    skeleton = _places(reference)
    if "skeleton_overlap" in wanted:
        found["skeleton_overlap"] = _overlap(skeleton, reference, _unpacked(masks[1]))
    if "tree_overlap" in wanted:
        found["tree_overlap"] = _tree_overlap(skeleton, reference.shape, masks[1])
    return found


def _overlap(
    first: _Places, reference: NDArray[np.bool_], prediction: NDArray[np.bool_]
) -> SkeletonOverlap:
    """Count what the skeletons of two masks have in the other mask."""
    second = _places(prediction)
    tube = _tube(first, reference)
    inside_prediction, inside_reference = prediction.reshape(-1), reference.reshape(-1)
    return SkeletonOverlap(
        reference=len(first),
        prediction=len(second),
        reference_inside=int(np.count_nonzero(inside_prediction[first])),
        prediction_inside=int(np.count_nonzero(inside_reference[second])),
        tube=len(tube),
        tube_inside=int(np.count_nonzero(inside_prediction[tube])),
    )


def _tree_overlap(skeleton: _Places, shape: tuple[int, ...], prediction: Mask) -> TreeOverlap:
    """Count what the largest component of a mask has of a skeleton and of its branches."""
    inside = np.zeros(len(skeleton), bool)
    components = Components.of_mask(prediction, 1)
    if components.count:
        largest = int(components.sizes.argmax()) + 1
        inside = components.numbers_at(np.unravel_index(skeleton, shape)) == largest
    branches, _ = branches_of(skeleton, shape)
    return tree_overlap(with_nearest(branches, skeleton, shape), inside)


def _unpacked(mask: Mask) -> NDArray[np.bool_]:
    """Give a mask as bool array with the axes of its map."""
    unpacked = np.empty(mask.shape, np.uint8)
    mask_kernels.unpack(mask.words, unpacked)
    found = unpacked.reshape(mask.shape[3 - mask.ndim :]).view(np.bool_)
    return c_ordered(found.T) if mask.volume.reverse else found


def _places(mask: NDArray[np.bool_]) -> _Places:
    return np.flatnonzero(skeletonize(mask, mask.ndim == 3))


def _tube(skeleton: _Places, mask: NDArray[np.bool_]) -> _Places:
    """Find the voxels of a mask that two steps across faces lead to from its skeleton."""
    places = np.stack(np.unravel_index(skeleton, mask.shape), axis=1)
    around = np.array(
        [
            step
            for step in itertools.product(range(-2, 3), repeat=mask.ndim)
            if sum(map(abs, step)) <= 2
        ]
    )
    near = (places[:, None] + around).reshape(-1, mask.ndim)
    near = near[((near >= 0) & (near < mask.shape)).all(axis=1)]
    found = np.unique(np.ravel_multi_index(tuple(near.T), mask.shape))
    inside: _Places = found[mask.reshape(-1)[found]]
    return inside
