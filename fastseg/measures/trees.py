"""Trees: a skeleton taken apart into its branches, and how much of them a mask holds."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

#: voxels of the shortest piece of a skeleton that is a branch
LEAST_BRANCH = 5
#: voxels of a skeleton, it and its neighbours, beyond which it is where branches meet
_MOST_IN_LINE = 3
# A distance's rounding: what lies as far as the nearest is at least looked at.
_SLACK = 1 + 1e-9


class TreeOverlap(NamedTuple):
    """What a mask holds of the tree of another one.

    Attributes
    ----------
    skeleton, skeleton_inside : int
        Voxels of the tree's skeleton, and of those that are in the other mask's largest component.
    branches, branches_found : int
        How many branches the tree has, and of how many at least 0.8 of the skeleton are there.
    """

    skeleton: int
    skeleton_inside: int
    branches: int
    branches_found: int


#: of a tree and an empty mask, and of none and a mask, by which of them is empty, as far as it matters
BESIDE_NOTHING = {
    "reference": TreeOverlap(0, 0, 0, 0),
    "prediction": TreeOverlap(1, 0, 1, 0),
}


def tree_overlap(branches: Places, inside: NDArray[np.bool_]) -> TreeOverlap:
    """Count what is inside, given the branch of each voxel of a skeleton, 0 for all where there is none."""
    of_each = np.bincount(branches)[1:]
    found = np.bincount(branches[inside], minlength=len(of_each) + 1)[1:]
    detected = (5 * found >= 4 * of_each) & (of_each > 0)
    return TreeOverlap(len(branches), int(inside.sum()), len(of_each), int(detected.sum()))


def branches_of(
    places: Places, shape: tuple[int, ...], *, mirrored: bool = False
) -> tuple[Places, int]:
    """Take a skeleton apart where more than two neighbours meet, and number the pieces of at least five voxels.

    Parameters
    ----------
    places : int64 ndarray (n,)
        Its voxels in an array of this shape, in C order, ascending.
    shape : tuple of int
    mirrored : bool
        Whether voxels at the border have themselves and their neighbours once more as neighbours outside.

    Returns
    -------
    int64 ndarray (n,)
        The number of the branch of each voxel, 0 for those in none: by the branches' first voxels, from 1.
    int
        How many branches there are.
    """
    numbers = np.zeros(len(places), np.int64)
    if not len(places):
        return numbers, 0
    kept = np.flatnonzero(_around(places, shape, mirrored) <= _MOST_IN_LINE)
    pieces = _pieces(places[kept], shape)
    sizes = np.bincount(pieces, minlength=1)
    is_branch = sizes >= LEAST_BRANCH
    is_branch[0] = False
    ranks = np.where(is_branch, np.cumsum(is_branch), 0)
    numbers[kept] = ranks[pieces]
    return numbers, int(is_branch.sum())


def with_nearest(numbers: Places, places: Places, shape: tuple[int, ...]) -> Places:
    """Give each voxel of a skeleton that is in no branch the number of the nearest one, in voxels.

    Of equally near voxels it is that which comes first in Fortran order, as SciPy's distance transform has it.
    """
    lost, known = np.flatnonzero(numbers == 0), np.flatnonzero(numbers)
    if not len(lost) or not len(known):
        return numbers
    from scipy.spatial import KDTree

    positions = np.stack(np.unravel_index(places, shape), axis=1)
    # in Fortran order, so that the lowest of several is the first
    order = np.lexsort(positions[known].T)
    known = known[order]
    tree = KDTree(positions[known])
    reach, nearest = tree.query(positions[lost])
    candidates = tree.query_ball_point(positions[lost], reach * _SLACK)
    of_each = np.fromiter(map(len, candidates), np.int64, len(lost))
    several = np.flatnonzero(of_each > 1)
    nearest[several] = [min(candidates[i]) for i in several.tolist()]
    filled = numbers.copy()
    filled[lost] = numbers[known[nearest]]
    return filled


def _steps(ndim: int) -> list[tuple[int, ...]]:
    return list(itertools.product((-1, 0, 1), repeat=ndim))


def _keys(places: Places, shape: tuple[int, ...]) -> tuple[Places, Places]:
    """Give places in an array with a margin of one voxel, and the strides of that."""
    padded = np.array(shape) + 2
    strides = np.concatenate([np.cumprod(padded[:0:-1])[::-1], [1]]).astype(np.int64)
    positions = np.stack(np.unravel_index(places, shape), axis=1) + 1
    return positions @ strides, strides


def _found(keys: Places, wanted: Places) -> tuple[NDArray[np.bool_], Places]:
    """Tell which keys are in an ascending list, and where."""
    at = np.searchsorted(keys, wanted)
    at[at == len(keys)] = 0
    return keys[at] == wanted, at


def _around(places: Places, shape: tuple[int, ...], mirrored: bool) -> Places:
    """Count the voxels of a skeleton around each, itself included."""
    keys, strides = _keys(places, shape)
    counts = np.zeros(len(places), np.int64)
    positions = np.stack(np.unravel_index(places, shape), axis=1) if mirrored else None
    for step in _steps(len(shape)):
        wanted = keys + np.array(step, np.int64) @ strides
        if positions is not None:
            wanted = (np.clip(positions + step, 0, np.array(shape) - 1) + 1) @ strides
        counts += _found(keys, wanted)[0]
    return counts


def _pieces(places: Places, shape: tuple[int, ...]) -> Places:
    """Number connected pieces, by faces, edges and corners, from 1 in the order of their first voxels."""
    if not len(places):
        return np.zeros(0, np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys, strides = _keys(places, shape)
    forward = [step for step in _steps(len(shape)) if step > (0,) * len(shape)]
    pairs = []
    for step in forward:
        there, at = _found(keys, keys + np.array(step, np.int64) @ strides)
        pairs.append(np.stack([np.flatnonzero(there), at[there]]))
    first, second = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), (len(keys), len(keys)))
    _, labels = connected_components(graph, directed=False)
    _, firsts, numbers = np.unique(labels, return_index=True, return_inverse=True)
    ranks = np.empty(len(firsts), np.int64)
    ranks[np.argsort(firsts)] = np.arange(1, len(firsts) + 1)
    found: Places = ranks[numbers]
    return found
