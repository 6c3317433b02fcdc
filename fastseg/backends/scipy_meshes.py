"""Distances between meshes for the reference backend: triangles are found by their corners in a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing
from fastseg.measures.meshes import mesh_measures, meshes, squared_distances
from fastseg.measures.surface_distances import SurfaceDistances

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Points that are looked at together.
_AT_ONCE = 1 << 12


class _Mesh(NamedTuple):
    """All triangles of a mesh in C order of its cells: corners and middles in parts of a voxel, kinds of areas."""

    corners: Integers
    middles: Integers
    kinds: NDArray[np.uint8]

    @classmethod
    def of(cls, codes: NDArray[np.intp], spacing: Spacing) -> _Mesh:
        """Take them from the codes of the cells."""
        table = meshes(codes.ndim)
        cube = codes.reshape((1,) * (3 - codes.ndim) + codes.shape)
        cells, found = np.argwhere(cube), cube[cube != 0]
        counts = np.diff(table.starts)[found]
        which = _ranges(table.starts[found], counts)
        at = np.repeat(cells, counts, axis=0) * table.unit
        _, kinds = mesh_measures(spacing)
        middles = at + table.middles[table.middle_of[which]]
        return cls(at[:, None] + table.corners[which], middles, kinds[which])


def _ranges(starts: Integers, counts: Integers) -> Integers:
    """List the numbers of several ranges, one after the other."""
    before = np.cumsum(counts) - counts
    return np.asarray(np.arange(int(counts.sum())) + np.repeat(starts - before, counts))


def distances_between(
    codes: tuple[NDArray[np.intp], NDArray[np.intp]], spacing: Spacing
) -> SurfaceDistances:
    """Measure from the middle of each triangle to the nearest point of the other mesh; cells are given as codes."""
    first, second = (_Mesh.of(of_side, spacing) for of_side in codes)
    areas, _ = mesh_measures(spacing)
    unit = meshes(len(spacing)).unit
    steps = np.array((1.0,) * (3 - len(spacing)) + tuple(spacing))
    there, back = (
        np.concatenate([np.empty(0), *_directed(one.middles, other.corners, steps, unit)])
        for one, other in ((first, second), (second, first))
    )
    return SurfaceDistances(there, back, first.kinds, second.kinds, areas)


def _directed(points: Integers, corners: Integers, steps: Floats, unit: int) -> Iterator[Floats]:
    """Ask only for triangles that can be nearest: of each a corner is about as near as the nearest corner.

    For a point x of a triangle, |x|² is the mean of |corner|² with its weights, less their spread, which is no more
    than a third of the square of the longest edge.
    """
    from scipy.spatial import cKDTree

    if not len(corners):
        yield np.full(len(points), np.inf)
        return
    scale = steps / unit
    places, of_corner = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    order = np.argsort(of_corner.reshape(-1), kind="stable")
    owners = order // 3  # the triangles that meet at each corner, corner by corner
    counts = np.bincount(of_corner.reshape(-1), minlength=len(places))
    starts = np.cumsum(counts) - counts
    tree = cKDTree(places * scale)
    edges = (corners - np.roll(corners, 1, axis=1)) * scale
    spread = float((edges**2).sum(axis=2).max()) / 3
    for begin in range(0, len(points), _AT_ONCE):
        part = points[begin : begin + _AT_ONCE]
        radii = np.sqrt(tree.query(part * scale)[0] ** 2 + spread) * (1 + 1e-9)
        near = tree.query_ball_point(part * scale, radii)
        n_near = np.array([len(of_point) for of_point in near])
        found = np.concatenate(near).astype(np.int64)
        asked = np.repeat(np.arange(len(part)), n_near)
        triangles = owners[_ranges(starts[found], counts[found])]
        asked = np.repeat(asked, counts[found])
        a, b, c = (corners[triangles] - part[asked][:, None]).transpose(1, 0, 2)
        squared = squared_distances(a, b, c, steps, unit)
        least = np.minimum.reduceat(squared, np.flatnonzero(np.diff(asked, prepend=-1)))
        yield np.sqrt(least)
