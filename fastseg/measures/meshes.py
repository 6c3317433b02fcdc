"""The mesh of a mask: the triangles of marching cubes with corners halfway along the edges, as MeshMetrics has them.

A cell of the mesh lies between the centres of 2ⁿ voxels, which it sees as a code (:mod:`fastseg.measures.surface_areas`
has the bits). In 3-D its triangles are those of VTK's discrete marching cubes: on each face of the cell the boundary
cuts set corners off, the cuts join to loops, and a loop of more than three corners is cut into triangles in one of two
to 42 ways. Which one is no rule but what VTK does, a letter a loop. VTK's x is the first axis of the array, as
MeshMetrics takes arrays: the transposed mask may be cut in another way. In 2-D the boundary consists of segments, in
1-D of points; both are triangles here of which two or three corners are the same.

All corners lie at halves of a voxel, the middles of triangles at sixths (of segments at quarters, of points at halves).
In these units positions are whole numbers, and a squared distance is

* to a triangle, where a point's foot on its plane is in it: det(A, B, C)² · (s₀ s₁ s₂)² / |N|²,
* else to the nearest of the edges that the foot is beyond, N · (P × Q) < 0: |P × Q|² / |Q - P|² beside it, and |P|² at
  its ends,

with A, B, C, P and Q from the point to corners, N the triangle's normal, determinant and cross products of whole
numbers before they are scaled by the spacing: a point on a mesh has distance 0 exactly.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing
from fastseg.measures.surface_areas import Vertex, loops

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: parts of a voxel in which all positions are whole numbers, by the number of axes
UNITS = {1: 2, 2: 4, 3: 6}

# How VTK cuts the loops of more than three corners of the codes 1 to 254, in the order of `_ways`.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEF"
_WAYS = (
    "112121221004801b1200041020510b013111233142401dF01000b104cb0111230441301Fb3d0020101n1128n028b2b1i108kds911000"
    "42023001280102n1na011321014d1313bF4022a10sa92021kd111101b3F34bd0430220k1217bis11920bs2k03a1927100000060000"
)

_Triangle = tuple[Vertex, Vertex, Vertex]


class Meshes(NamedTuple):
    """The triangles of all codes, in three axes: an image's own, with others of no extent before or behind them.

    Attributes
    ----------
    unit : int
        Parts of a voxel.
    starts : int64 ndarray (n_codes + 1,)
        Where the triangles of each code start.
    corners : int64 ndarray (n, 3, 3)
        The corners of each triangle within its cell, in these parts.
    middles : int64 ndarray (m, 3)
        The different middles of triangles.
    middle_of : int64 ndarray (n,)
        Which of them each triangle has.
    """

    unit: int
    starts: Integers
    corners: Integers
    middles: Integers
    middle_of: Integers


@functools.lru_cache(maxsize=8)
def meshes(ndim: int, behind: bool = False) -> Meshes:
    """List the triangles of all codes of an image of 1 to 3 axes, which come last, or first with others `behind`."""
    of_code = [list(_TRIANGLES[ndim](code)) for code in range(2**2**ndim)]
    starts = np.cumsum([0, *map(len, of_code)])
    unit = UNITS[ndim]
    # sorted, so that one triangle is one, whichever way around
    halves = np.array([sorted(one) for triangles in of_code for one in triangles], np.int64)
    corners = np.zeros((len(halves), 3, 3), np.int64)
    corners[..., slice(0, ndim) if behind else slice(3 - ndim, 3)] = halves * (unit // 2)
    ends = corners[:, ::2] if ndim == 2 else corners  # one of a segment's ends stands twice
    centre = ends.sum(axis=1) // ends.shape[1]
    middles, middle_of = np.unique(centre, axis=0, return_inverse=True)
    found = Meshes(unit, starts.astype(np.int64), corners, middles, middle_of.reshape(-1))
    for array in found[1:]:
        array.flags.writeable = False
    return found


@functools.lru_cache(maxsize=64)
def mesh_measures(spacing: Spacing) -> tuple[Floats, NDArray[np.uint8]]:
    """List the different areas of triangles (lengths in 2-D, 1 in 1-D), ascending, and which of them each has."""
    ndim = len(spacing)
    table = meshes(ndim)
    steps = np.array((1.0,) * (3 - ndim) + tuple(spacing))
    a, b, c = table.corners.transpose(1, 0, 2)
    if ndim == 3:
        sizes = np.sqrt(_norm(_cross(b - a, c - a) * _faces(steps))) / (2 * table.unit**2)
    elif ndim == 2:
        sizes = np.sqrt(_norm((c - a) * steps)) / table.unit
    else:
        sizes = np.ones(len(a))
    areas, kinds = np.unique(sizes, return_inverse=True)
    areas.flags.writeable = False
    return areas, kinds.astype(np.uint8)


def squared_distances(a: Integers, b: Integers, c: Integers, spacing: Floats, unit: int) -> Floats:
    """Square the distances of points to triangles.

    Parameters
    ----------
    a, b, c : int64 ndarray (n, 3)
        From each point to the corners of a triangle, in parts of a voxel.
    spacing : float64 ndarray (3,)
    unit : int
        How many parts a voxel has.
    """
    shapes = triangle_shapes(np.stack([a, b, c], axis=1), spacing)
    normal, (length, volume, _) = shapes[:, :3], shapes[:, 3:].T
    flat = length <= 0
    # on which side of each edge, opposite to a corner, the foot on the plane is
    products = _cross(b, c), _cross(c, a), _cross(a, b)
    u, v, w = (_dot(normal, product) for product in products)
    determinant = (a * products[0]).sum(axis=1) * volume
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = determinant * determinant / length
    squared[flat | (u < 0) | (v < 0) | (w < 0)] = np.inf
    edges = (b, c, ~flat & (u < 0)), (c, a, flat | (v < 0)), (a, b, ~flat & (w < 0))
    for (p, q, asked), product in zip(edges, products, strict=True):
        to_edge = _to_segment(p[asked], q[asked], product[asked], spacing)
        squared[asked] = np.minimum(squared[asked], to_edge)
    return np.asarray(squared / float(unit * unit))


def triangle_shapes(corners: Integers, spacing: Floats) -> Floats:
    """Compute what distances to triangles take that does not depend on where these lie.

    Parameters
    ----------
    corners : int64 ndarray (n, 3, 3)
        Of each triangle, in parts of a voxel.
    spacing : float64 ndarray (3,)

    Returns
    -------
    float64 ndarray (n, 6)
        Along each axis the normal N, of whole numbers, times the square of what its component is scaled by; |N|², with
        N scaled, 0 for segments and points; the volume of a voxel; a third of the longest edge's square.
    """
    a, b, c = corners.transpose(1, 0, 2)
    scales = _faces(spacing)
    normal = _cross(b - a, c - a)
    volume = np.full(len(a), (spacing[0] * spacing[1]) * spacing[2])
    edges = (corners - np.roll(corners, 1, axis=1)) * spacing
    third = (edges**2).sum(axis=2).max(axis=1) / 3
    numbers = np.stack([_norm(normal * scales), volume, third], axis=1)
    return np.concatenate([normal * (scales * scales), numbers], axis=1)


def _to_segment(p: Integers, q: Integers, product: Integers, spacing: Floats) -> Floats:
    """Square the distances of points to segments, both ends of which may be one; also given is their cross product."""
    near, along = p * spacing, (q - p) * spacing
    length, foot = _dot(along, along), -_dot(near, along)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_line = _norm(product * _faces(spacing)) / length
    to_ends = np.where(foot <= 0, _norm(near), _norm(q * spacing))
    return np.asarray(np.where((foot > 0) & (foot < length), to_line, to_ends))


def _faces(spacing: Floats) -> Floats:
    """Give what a component of a cross product of whole numbers is scaled by."""
    z, y, x = spacing
    return np.array([y * x, z * x, z * y])


def _cross(a: Integers, b: Integers) -> Integers:
    return np.cross(a, b)


def _dot(a: Floats, b: Floats | Integers) -> Floats:
    z, y, x = (a * b).T
    return np.asarray((z + y) + x)


def _norm(a: Floats) -> Floats:
    return _dot(a, a)


def _points(code: int) -> Iterator[tuple[tuple[int], ...]]:
    if code in (0b01, 0b10):
        yield ((1,),) * 3


def _segments(code: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Cut each run of set corners around the square off: opposite set corners stay apart."""
    ring = [(0, 0), (0, 1), (1, 1), (1, 0)]
    is_set = [code >> (2 * i + j) & 1 for i, j in ring]
    edges = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
    begins = [k for k in range(4) if not is_set[k] and is_set[(k + 1) % 4]]
    for begin in begins:
        end = begin + 1
        while is_set[end % 4]:
            end += 1
        yield edges[begin], edges[(end - 1) % 4], edges[(end - 1) % 4]


def _triangles(code: int) -> Iterator[_Triangle]:
    return iter(_cut()[code])


_TRIANGLES = {1: _points, 2: _segments, 3: _triangles}


@functools.cache
def _cut() -> list[list[_Triangle]]:
    """Cut the loops of all codes."""
    letters = iter(_WAYS)
    found: list[list[_Triangle]] = [[]]
    for code in range(1, 255):
        triangles: list[_Triangle] = []
        for loop in loops(code):
            ways = list(_ways(loop))
            triangles += ways[_DIGITS.index(next(letters)) if len(ways) > 1 else 0]
        found.append(triangles)
    return [*found, []]


def _ways(polygon: list[Vertex]) -> Iterator[list[_Triangle]]:
    """List all ways to cut a polygon into triangles."""
    if len(polygon) < 3:
        yield []
        return
    for apex in range(1, len(polygon) - 1):
        for before in _ways(polygon[: apex + 1]):
            for after in _ways(polygon[apex:]):
                yield [*before, (polygon[0], polygon[apex], polygon[-1]), *after]
