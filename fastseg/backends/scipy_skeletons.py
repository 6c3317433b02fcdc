"""Skeletons for the reference backend: NumPy finds what may go in one step, Python takes it away voxel by voxel.

It is what numba's kernels are compared with, so it finds in other ways what these find: the Euler characteristic by the
vertices, edges and faces that would go with a voxel, connections by a matrix of which neighbours touch.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.measures.skeletons import SkeletonOverlap
from fastseg.measures.trees import LEAST_BRANCH, TreeOverlap

Mask = NDArray[np.bool_]

_AROUND = np.array([step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)])
_TOUCH = (np.abs(_AROUND[:, None] - _AROUND).max(axis=2) <= 1).astype(np.uint8)
# -y, +y, +x, -x, +z, -z
_FACES = ((0, -1, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0))
_AT_ONCE = 1 << 14


def skeletonize(mask: Mask, all_faces: bool) -> Mask:
    """Take voxels away from each face in turn until none may go."""
    found = np.zeros(mask.shape, bool)
    if not mask.any():
        return found
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    part = mask[box]
    padded = np.pad(part.reshape((1,) * (3 - part.ndim) + part.shape), 1)
    volume = np.ascontiguousarray(padded)  # or what is taken away is taken from a copy
    faces = _FACES if all_faces else _FACES[:4]
    while sum(_step(volume, face) for face in faces):
        pass
    found[box] = volume[1:-1, 1:-1, 1:-1].reshape(part.shape)
    return found


def _step(volume: Mask, face: tuple[int, int, int]) -> int:
    """Take away what may go from one face, and tell how many voxels went."""
    flat, strides = volume.reshape(-1), np.array(volume.strides)
    steps = _AROUND @ strides
    places = np.flatnonzero(flat)
    places = places[~flat[places + np.array(face) @ strides]]
    gone = 0
    chosen = [
        part[_may_go(flat[part[:, None] + steps])]
        for part in np.split(places, range(_AT_ONCE, len(places), _AT_ONCE))
    ]
    for place in np.concatenate(chosen).tolist():
        if _in_one_piece(flat[place + steps].tobytes()):
            flat[place] = False
            gone += 1
    return gone


def _may_go(around: Mask) -> Mask:
    """Tell of neighbours (n, 26) of voxels whether these may go: no ends of lines, and nothing changes without them."""
    change = np.full(len(around), -1)  # the voxel itself
    for cell in _AROUND:
        touching = ((_AROUND == 0) | (cell == _AROUND)).all(axis=1)
        sign = 1 if np.count_nonzero(cell) % 2 else -1  # faces and vertices, or edges
        change += sign * ~around[:, touching].any(axis=1)
    reached = np.zeros(around.shape, np.uint8)
    inside = np.flatnonzero(around.any(axis=1))
    reached[inside, around[inside].argmax(axis=1)] = 1
    while True:
        grown = ((reached @ _TOUCH) > 0) & around
        if (grown == reached).all():
            break
        reached = grown.astype(np.uint8)
    whole = (grown == around).all(axis=1)
    may: Mask = (around.sum(axis=1) != 1) & (change == 0) & whole
    return may


@lru_cache(maxsize=1 << 16)
def _in_one_piece(around: bytes) -> bool:
    """Tell whether 26 neighbours hang together; none of them do."""
    left = {i for i, there in enumerate(around) if there}
    border = [left.pop()] if left else []
    while border:
        touched = left.intersection(np.flatnonzero(_TOUCH[border.pop()]).tolist())
        left -= touched
        border += touched
    return not left


def overlap(reference: Mask, prediction: Mask) -> SkeletonOverlap:
    """Count what the skeletons of two masks, and the tube around the reference's, have in the other mask."""
    first, second = (skeletonize(mask, mask.ndim == 3) for mask in (reference, prediction))
    tube = ndimage.binary_dilation(first, iterations=2) & reference
    return SkeletonOverlap(
        reference=int(first.sum()),
        prediction=int(second.sum()),
        reference_inside=int((first & prediction).sum()),
        prediction_inside=int((second & reference).sum()),
        tube=int(tube.sum()),
        tube_inside=int((tube & prediction).sum()),
    )


def of_tree(reference: Mask, prediction: Mask) -> TreeOverlap:
    """Count what a prediction's largest component has of the reference's skeleton and of its branches."""
    skeleton = skeletonize(reference, reference.ndim == 3)
    labels, count = ndimage.label(prediction)
    largest = np.zeros(prediction.shape, bool)
    if count:
        largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    everywhere = np.ones((3,) * reference.ndim)
    around = ndimage.convolve(
        skeleton.astype(np.uint8), everywhere.astype(np.uint8), mode="constant"
    )
    pieces, _ = ndimage.label(skeleton & (around <= 3), everywhere)
    sizes = np.bincount(pieces.ravel())
    long_enough = np.flatnonzero(sizes >= LEAST_BRANCH)
    long_enough = long_enough[long_enough > 0]
    if not len(long_enough):
        return TreeOverlap(int(skeleton.sum()), int((skeleton & largest).sum()), 0, 0)
    nearest = ndimage.distance_transform_edt(
        ~np.isin(pieces, long_enough), return_distances=False, return_indices=True
    )
    branch = np.where(skeleton, pieces[tuple(nearest)], 0)
    shares = [largest[branch == number].mean() for number in long_enough]
    return TreeOverlap(
        skeleton=int(skeleton.sum()),
        skeleton_inside=int((skeleton & largest).sum()),
        branches=len(shares),
        branches_found=sum(bool(share >= 0.8) for share in shares),
    )
