"""The mesh of a mask: closed, of VTK's triangles, and the formula of distances to it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastseg
from fastseg.backends.scipy import surfels
from fastseg.measures.meshes import mesh_measures, meshes, squared_distances

Point = tuple[Fraction, ...]


def pieces(mask: np.ndarray) -> list[list[tuple[int, ...]]]:
    """The corners of all triangles or segments of a mask, in parts of a voxel."""
    table, codes = meshes(mask.ndim), surfels(mask)
    found = []
    for cell in np.ndindex(codes.shape):
        at = np.array((0,) * (3 - mask.ndim) + cell) * table.unit
        for triangle in table.corners[slice(*table.starts[codes[cell] : codes[cell] + 2])]:
            found += [[tuple(corner) for corner in (triangle + at).tolist()]]
    return found


@pytest.mark.parametrize("shape", [(5, 4, 6), (8, 9)])
def test_a_mesh_is_closed(shape: tuple[int, ...]) -> None:
    """Two triangles, or four, meet at every edge, and as many segments at every end."""
    mask = np.random.default_rng(0).random(shape) < 0.5
    seams: Counter[frozenset[tuple[int, ...]]] = Counter()
    for a, b, c in pieces(mask):
        edges = [(a, b), (b, c), (c, a)] if mask.ndim == 3 else [(a,), (c,)]
        seams.update(frozenset(edge) for edge in edges)
    assert seams
    assert {n % 2 for n in seams.values()} == {0}


def test_as_many_triangles_as_vtk_has() -> None:
    table = meshes(3)
    assert len(table.corners) == 820
    assert len(table.middles) == 63
    assert len(np.unique(table.corners.reshape(-1, 9), axis=0)) == 189
    assert table.middles.min() >= 1
    assert table.middles.max() <= 5
    assert meshes(2).starts[-1] == 16
    assert meshes(1).starts.tolist() == [0, 0, 1, 2, 2]


def test_the_triangles_are_vtks() -> None:
    """Cell by cell, where VTK is installed; its x is the first axis."""
    vtk = pytest.importorskip("vtk")
    support = pytest.importorskip("vtk.util.numpy_support")
    table = meshes(3)
    for code in range(1, 255):
        cell = np.array([code >> bit & 1 for bit in range(8)], np.uint8).reshape(2, 2, 2)
        image = vtk.vtkImageData()
        image.SetDimensions(2, 2, 2)
        image.GetPointData().SetScalars(support.numpy_to_vtk(cell.T.ravel(), deep=True))
        algorithm = vtk.vtkDiscreteMarchingCubes()
        algorithm.SetValue(0, 1)
        algorithm.SetInputData(image)
        algorithm.Update()
        output = algorithm.GetOutput()
        points = support.vtk_to_numpy(output.GetPoints().GetData()) * 6
        cells = support.vtk_to_numpy(output.GetPolys().GetConnectivityArray()).reshape(-1, 3)
        theirs = sorted(sorted(map(tuple, points[of].tolist())) for of in cells)
        ours = table.corners[slice(*table.starts[code : code + 2])]
        assert sorted(sorted(map(tuple, of.tolist())) for of in ours) == theirs, code


def test_areas_by_hand() -> None:
    """A voxel is an octahedron, a pixel a rhombus, two voxels of a row are two points apart."""
    for spacing, count, size in (
        ((1.0, 1.0, 1.0), 8, math.sqrt(3) / 8),
        ((2.0, 1.0, 1.0), 8, math.sqrt(1 + 4 + 4) / 8),
        ((3.0, 4.0), 4, 2.5),
        ((0.7,), 2, 1.0),
    ):
        one = np.ones((1,) * len(spacing), bool)
        found = fastseg.surface_distances(one, one, spacing=spacing, boundary="mesh")
        assert found.reference_areas is not None
        assert_allclose(found.reference_areas, [size] * count, rtol=1e-15)
        assert not found.reference_to_prediction.any()


def test_measures_are_made_once_and_cannot_be_written() -> None:
    areas, kinds = mesh_measures((1.0, 2.0, 3.0))
    assert mesh_measures((1.0, 2.0, 3.0))[0] is areas
    assert not areas.flags.writeable
    assert (np.diff(areas) > 0).all()
    assert kinds.max() == len(areas) - 1


# ------------------------------------------------------------------------ the formula


def minus(a: Point, b: Point) -> Point:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def dot(a: Point, b: Point) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def exact_square(p: Point, corners: list[Point]) -> Fraction:
    """The least over the inside, by the normal equations, and all edges; without a rounding."""
    a, b, c = corners
    found = []
    for start, end in ((a, b), (b, c), (c, a)):
        along, to = minus(end, start), minus(p, start)
        length = dot(along, along)
        share = min(max(dot(to, along) / length, Fraction(0)), Fraction(1)) if length else 0
        foot = tuple(s + share * d for s, d in zip(start, along, strict=True))
        found.append(dot(minus(p, foot), minus(p, foot)))
    e, f, to = minus(b, a), minus(c, a), minus(p, a)
    whole = dot(e, e) * dot(f, f) - dot(e, f) ** 2
    if whole:
        v = (dot(f, f) * dot(to, e) - dot(e, f) * dot(to, f)) / whole
        w = (dot(e, e) * dot(to, f) - dot(e, f) * dot(to, e)) / whole
        if v >= 0 and w >= 0 and v + w <= 1:
            foot = tuple(o + v * x + w * y for o, x, y in zip(a, e, f, strict=True))
            found.append(dot(minus(p, foot), minus(p, foot)))
    return min(found)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.9766, 0.9766), (1e-3, 1.0, 1e3)])
def test_squares_are_those_of_exact_numbers(spacing: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(3)
    corners = rng.integers(-9, 10, (60, 3, 3))
    corners[::7, 2] = corners[::7, 1]
    corners[::21, 1:] = corners[::21, :1]
    a, b, c = corners.transpose(1, 0, 2)
    found = squared_distances(a, b, c, np.array(spacing), 6)
    steps = [Fraction(step) / 6 for step in spacing]
    for triangle, square in zip(corners.tolist(), found.tolist(), strict=True):
        points = [tuple(n * step for n, step in zip(p, steps, strict=True)) for p in triangle]
        expected = exact_square((Fraction(0),) * 3, points)
        assert_allclose(square, float(expected), rtol=2e-14, atol=0)


def test_distances_by_hand() -> None:
    """Of a cube and the same cube a voxel further: what MeshMetrics publishes of it, to three digits."""
    cube = np.zeros((16, 16, 16), bool)
    cube[2:12, 2:12, 2:12] = True
    for axis in range(3):
        found = fastseg.surface_distances(cube, np.roll(cube, 1, axis), boundary="mesh")
        assert found.hausdorff() == found.hausdorff(95) == 1.0
        assert round(found.masd(), 3) == round(found.assd(), 3) == 0.355
        assert found.nsd(2.0) == 1.0


def test_planes_are_as_far_apart_as_they_are() -> None:
    for spacing, thickness in itertools.product([(1.0, 1.0, 1.0), (2.5, 0.7, 0.9)], (2, 9)):
        thin = np.zeros((40, 3, 4), bool)
        thick = thin.copy()
        thin[5:7], thick[5 : 7 + thickness] = True, True
        found = fastseg.surface_distances(thick, thin, spacing=spacing, boundary="mesh")
        assert_allclose(found.hausdorff(), thickness * spacing[0], rtol=1e-15)
