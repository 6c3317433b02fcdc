"""The measures of surface elements, against the oracle's and against what surfaces must sum to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastseg.measures.surface_areas import CODE_MEASURES, surfel_measures, vertex_measures
from tests.oracle import naive

Measures = Callable[[tuple[float, ...]], Any]

SPACINGS = [
    (1.0, 1.0, 1.0),
    (0.7, 0.7, 0.7),
    (3.0, 2.0, 1.0),
    (0.488, 0.488, 1.25),
    (1e-3, 1.0, 1e3),
]


def cell(code: int, ndim: int) -> tuple[bool, ...]:
    """The voxels of a code in C order: bit 0 is the first."""
    return tuple(bool(code >> bit & 1) for bit in range(2**ndim))


@pytest.mark.parametrize("spacing", SPACINGS)
def test_areas_are_the_oracles(spacing: tuple[float, ...]) -> None:
    expected = [naive.triangle_area(cell(code, 3), spacing) for code in range(256)]
    assert_allclose(surfel_measures(spacing), expected, rtol=4e-16, atol=0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 1.0), (0.488, 1.25)])
def test_lengths_are_the_oracles(spacing: tuple[float, float]) -> None:
    expected = [naive.contour_length(cell(code, 2), spacing) for code in range(16)]
    assert_array_equal(surfel_measures(spacing), expected)


@pytest.mark.parametrize("spacing", [*SPACINGS, (1.0, 1.0), (3.0, 1.0), (0.488, 1.25)])
def test_vertices_are_the_oracles(spacing: tuple[float, ...]) -> None:
    """The corner in the middle of the voxels that a code has."""
    ndim, expected = len(spacing), []
    for code in range(2**2**ndim):
        points, measures = naive.vertices(np.reshape(cell(code, ndim), (2,) * ndim), spacing)
        at = points.tolist().index([1] * ndim) if [1] * ndim in points.tolist() else None
        expected.append(0.0 if at is None else measures[at])
    assert_allclose(vertex_measures(spacing), expected, rtol=1e-15, atol=0)


def test_vertices_by_hand() -> None:
    table = vertex_measures((1.0, 1.0, 1.0))
    assert table[0] == table[255] == 0
    assert table[0b00000001] == 0.75  # a corner of a voxel
    assert table[0b00001111] == 1.0  # a plane across z
    assert table[0b00000011] == 1.0  # half an edge on either side of it
    assert table[0b10000001] == 1.5  # two voxels that touch there
    flat = vertex_measures((3.0, 2.0))
    assert flat.tolist() == [0, 2.5, 2.5, 2, 2.5, 3, 5, 2.5, 2.5, 5, 3, 2.5, 2, 2.5, 2.5, 0]


@pytest.mark.parametrize("boundary", CODE_MEASURES)
def test_every_code_but_two_has_surface(boundary: str) -> None:
    """So that the elements of a boundary are where codes differ from nothing and from all."""
    for spacing in [*SPACINGS, (0.3, 0.7), (2.0,)]:
        table = CODE_MEASURES[boundary](spacing)
        assert (table[1:-1] > 0).all()
        assert table[0] == table[-1] == 0


def test_points() -> None:
    assert surfel_measures((5.0,)).tolist() == [0.0, 1.0, 1.0, 0.0]
    assert vertex_measures((5.0,)).tolist() == [0.0, 1.0, 1.0, 0.0]


def test_areas_by_hand() -> None:
    table = surfel_measures((1.0, 1.0, 1.0))
    assert table[0] == table[255] == 0
    assert table[0b00000001] == pytest.approx(math.sqrt(3) / 8)  # a cut-off corner
    assert table[0b00001111] == 1.0  # a plane across z
    assert table[0b00110011] == table[0b01010101] == 1.0
    assert table[0b00000011] == pytest.approx(math.sqrt(2) / 2)  # a cut-off edge
    assert table[0b10000001] == pytest.approx(2 * math.sqrt(3) / 8)  # two opposite corners
    flat = surfel_measures((3.0, 2.0, 0.5))
    assert [flat[code] for code in (0b00001111, 0b00110011, 0b01010101)] == [1.0, 1.5, 6.0]


@pytest.mark.parametrize("measures", CODE_MEASURES.values(), ids=CODE_MEASURES)
def test_a_code_and_its_complement_are_one_surface(measures: Measures) -> None:
    for spacing in SPACINGS:
        table = measures(spacing)
        assert_allclose(table, table[::-1], rtol=2e-16)


@pytest.mark.parametrize("measures", CODE_MEASURES.values(), ids=CODE_MEASURES)
def test_axes_may_change_places(measures: Measures) -> None:
    """Turning the cube and the spacing alike changes no area, but for rounding."""
    spacing = (3.0, 0.7, 1.25)
    table = measures(spacing)
    for axes in itertools.permutations(range(3)):
        turned = measures((spacing[axes[0]], spacing[axes[1]], spacing[axes[2]]))
        for code in range(256):
            cube = np.array(cell(code, 3)).reshape(2, 2, 2).transpose(axes)
            other = sum(1 << bit for bit, value in enumerate(cube.ravel()) if value)
            assert_allclose(turned[other], table[code], rtol=1e-15)


@pytest.mark.parametrize("measures", CODE_MEASURES.values(), ids=CODE_MEASURES)
def test_tables_are_shared_and_read_only(measures: Measures) -> None:
    table = measures((1.0, 2.0, 3.0))
    assert measures((1.0, 2.0, 3.0)) is table
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1.0
