"""How much surface passes each corner of the voxel lattice, by the kinds of boundary that consist of such corners.

A corner sees the 2ⁿ voxels around it as a code: voxel (i, j, k) of them, 0 for the earlier one along each axis, is
bit ``4 * i + 2 * j + k`` (``2 * i + j`` in 2-D). Code 0 and the full code carry no surface.

A vertex has its share of the voxels' faces that meet there, which add up to all of their faces: DisTorch's weights.
A surfel has the contour's length in 2-D, in 3-D the marching cubes' area, as surface-distance has them.

In 3-D the surfels' surface is that of classic marching cubes (Lorensen & Cline, 1987) with its corners halfway along
the edges, a code of more than four voxels having the triangles of its complement. It is derived rather than tabulated:
on each face of the cube the boundary cuts the set corners off; the cuts join to loops; a loop is cut into the triangles
of largest total area at unit spacing, which are the classic ones (where several cuts tie, their areas agree at any
spacing). Equal to the table of surface-distance to 2.1e-16 for every code.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing

Vertex = tuple[
    int, int, int
]  # twice its coordinates: the midpoint of an edge is the sum of the edge's ends


@functools.lru_cache(maxsize=64)
def surfel_measures(spacing: Spacing) -> NDArray[np.float64]:
    """Measure of every code: 1 in 1-D, contour length in 2-D, area in 3-D, in units of the spacing.

    Parameters
    ----------
    spacing : tuple of 1 to 3 floats
        Voxel size along each axis.

    Returns
    -------
    float64 ndarray (2 ** 2 ** ndim,), read-only
    """
    measure = {1: _count, 2: _length, 3: _area}[len(spacing)]
    table = np.array([measure(code, spacing) for code in range(2**2 ** len(spacing))])
    table.flags.writeable = False
    return table


@functools.lru_cache(maxsize=64)
def vertex_measures(spacing: Spacing) -> NDArray[np.float64]:
    """Area of the faces between set and other voxels that meet at a corner of every code, each over its corners.

    A point in 1-D counts 1, in 2-D the faces are edges. All corners of a mask together have the area of its faces.

    Parameters
    ----------
    spacing : tuple of 1 to 3 floats
        Voxel size along each axis.

    Returns
    -------
    float64 ndarray (2 ** 2 ** ndim,), read-only
    """
    ndim = len(spacing)
    codes = np.arange(2**2**ndim)
    table = np.zeros(len(codes))
    for axis in range(ndim):
        step = 1 << (ndim - 1 - axis)  # from a voxel's bit to that of the next along the axis
        starts = [bit for bit in range(2**ndim) if not bit & step]
        faces = sum((codes >> bit ^ codes >> (bit + step)) & 1 for bit in starts)
        table += faces * (math.prod(spacing[:axis] + spacing[axis + 1 :]) / 2 ** (ndim - 1))
    table.flags.writeable = False
    return table


#: the boundaries whose elements are corners of the voxel lattice, and the measure of every code by each
CODE_MEASURES: Mapping[str, Callable[[Spacing], NDArray[np.float64]]] = {
    "surfel": surfel_measures,
    "vertex": vertex_measures,
}


def _count(code: int, spacing: Spacing) -> float:
    return float(code in (0b01, 0b10))


def _length(code: int, spacing: Spacing) -> float:
    half_diagonal = 0.5 * math.sqrt(spacing[0] ** 2 + spacing[1] ** 2)
    if code in (0b0000, 0b1111):
        return 0.0
    if code in (0b0011, 0b1100):  # the two rows differ
        return spacing[1]
    if code in (0b0101, 0b1010):  # the two columns differ
        return spacing[0]
    return 2 * half_diagonal if code in (0b0110, 0b1001) else half_diagonal


def _area(code: int, spacing: Spacing) -> float:
    scale = (spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1])
    area = 0.0
    for vector in _area_vectors(min(code, 255 - code, key=int.bit_count)):
        z, y, x = (component / 8 * unit for component, unit in zip(vector, scale, strict=True))
        # Added one by one: from Python 3.12 on `sum` makes up for what is rounded, which surface-distance does not.
        area += math.sqrt(z * z + y * y + x * x)
    return area


@functools.cache
def _area_vectors(code: int) -> list[Vertex]:
    """Eight times the area vector of each triangle of a code."""
    vectors: list[Vertex] = []
    for loop in loops(code):
        vectors += max(
            _cuts(loop), key=lambda cut: round(sum(math.hypot(*vector) for vector in cut), 9)
        )
    return vectors


def loops(code: int) -> list[list[Vertex]]:
    """Trace the closed polygons in which the boundary of the set corners meets the cube's faces."""

    def is_set(corner: Vertex) -> int:
        return code >> (4 * corner[0] + 2 * corner[1] + corner[2]) & 1

    following: dict[Vertex, Vertex] = {}
    for axis, side in product(range(3), (0, 1)):
        square = [(0, 0), (1, 0), (1, 1), (0, 1)]  # anticlockwise seen from outside
        ring: list[Vertex] = [
            _on_face(axis, side, u, v) for u, v in (square if side else square[::-1])
        ]
        edges = [(ring[i], ring[(i + 1) % 4]) for i in range(4)]
        changes = [
            (is_set(b) - is_set(a), (a[0] + b[0], a[1] + b[1], a[2] + b[2])) for a, b in edges
        ]
        crossings = [crossing for crossing in changes if crossing[0]]
        # From where a run of set corners begins to where it ends: opposite set corners stay apart.
        for (change, vertex), (_, end) in zip(
            crossings, crossings[1:] + crossings[:1], strict=True
        ):
            if change > 0:
                following[vertex] = end
    loops = []
    while following:
        vertex = next(iter(following))
        loop = []
        while vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(loop)
    return loops


def _on_face(axis: int, side: int, u: int, v: int) -> Vertex:
    corner = [side] * 3
    corner[(axis + 1) % 3], corner[(axis + 2) % 3] = u, v
    return corner[0], corner[1], corner[2]


def _cuts(polygon: list[Vertex]) -> list[list[Vertex]]:
    """List the triangles' vectors for every way to cut a polygon into triangles."""
    if len(polygon) < 3:
        return [[]]
    return [
        [*before, _cross(polygon[0], polygon[apex], polygon[-1]), *after]
        for apex in range(1, len(polygon) - 1)
        for before in _cuts(polygon[: apex + 1])
        for after in _cuts(polygon[apex:])
    ]


def _cross(a: Vertex, b: Vertex, c: Vertex) -> Vertex:
    u = [y - x for x, y in zip(a, b, strict=True)]
    v = [y - x for x, y in zip(a, c, strict=True)]
    return u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]
