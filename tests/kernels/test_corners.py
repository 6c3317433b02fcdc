"""Surface elements at lattice corners, against the definition."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.measures.regions import Region
from fastseg.measures.surface_areas import surfel_measures
from fastseg_kernels.cpu import masks as mask_kernels
from fastseg_kernels.cpu.surface import corners as corner_kernels
from tests.kernels import packed
from tests.oracle import hard_cases, naive

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def corners_of(mask: Mask, slices: tuple[int, int] | None = None) -> NDArray[np.uint64]:
    nz, ny, nx = packed.volume(mask).shape
    shape = (nz + (mask.ndim > 2), ny + (mask.ndim > 1), nx // 64 + 1)
    out = np.full(shape, 0xDEADBEEFDEADBEEF, np.uint64)
    words = packed.pack(mask)
    slab = slices or (0, shape[0])
    counts = np.full(shape[0], -1)
    where = packed.whole(words), *slab, mask.ndim, shape[2]
    corner_kernels.corner_surface(words, *where, int(nx % 64 != 0), out, counts)
    set_bits = [sum(int(word).bit_count() for word in part.ravel()) for part in out]
    for z, count in enumerate(counts.tolist()):
        assert count == (set_bits[z] if z in range(*slab) else -1)
    return out


def surfels(mask: Mask, table: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Positions of the corners in the image's axes, and their measures, in C order."""
    corners = corners_of(mask)
    found = packed.unpack(corners, mask.shape[-1] + 1)  # none beyond the last corner
    margins = ((3, 3), (2, 2), (0, 2))
    within = np.pad(np.zeros_like(corners), margins)
    margin = within[3:-3]  # what the kernel clears
    margin[:, 2:-2, -2:] = margin[:, :2] = margin[:, -2:] = 0xDEADBEEF
    width = corners.shape[2]
    words, part = packed.amid_others(packed.pack(mask))
    counts = np.full(len(within), -1)
    corner_kernels.corner_surface(words, part, 0, len(corners), mask.ndim, width, 0, within, counts)
    assert counts.sum() + 6 == mask_kernels.count(corners.reshape(-1))
    assert_array_equal(within, np.pad(corners, margins))
    codes = np.full(mask_kernels.count(corners.reshape(-1)) + 1, 77, np.uint8)
    nothing, place = packed.amid_nothing(packed.pack(mask))  # as wide as corners with a margin
    again = np.full((*corners.shape[:2], nothing.shape[2]), 0xDEADBEEF, np.uint64)
    corner_kernels.corner_surface(
        nothing, place, 0, len(corners), mask.ndim, width, 1, again, counts
    )
    assert_array_equal(again[..., :width], corners)
    assert not again[..., width:].any()
    everything = 0, len(corners), mask.ndim, width
    itself = np.resize(np.arange(2**2**mask.ndim, dtype=np.uint8), 256)
    corner_kernels.corner_codes(words, part, *everything, corners, itself, codes)
    assert codes[-1] == 77
    codes_again = np.zeros(len(codes) - 1, np.uint8)
    words = packed.pack(mask)
    corner_kernels.corner_codes(
        words, packed.whole(words), *everything, within, 255 - itself, codes_again
    )
    assert_array_equal(255 - codes_again, codes[:-1])
    return np.argwhere(found)[:, 3 - mask.ndim :], table[codes[:-1]]


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_every_code(ndim: int) -> None:
    """Bit 4 i + 2 j + k of a code is voxel (i, j, k); a table of its own indices shows the code."""
    table = np.arange(2.0**2**ndim)
    for code in range(1, 2**2**ndim - 1):
        mask = np.array([code >> bit & 1 for bit in range(2**ndim)], bool).reshape((2,) * ndim)
        points, codes = surfels(mask, table)
        at = points.tolist().index([1] * ndim)  # the corner that all the voxels share
        assert codes[at] == code
    full = np.ones((2,) * ndim, bool)
    assert [1] * ndim not in surfels(full, table)[0].tolist()


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_masks(ndim: int) -> None:
    spacing = (3.0, 0.7, 1.25)[:ndim]
    table = surfel_measures(spacing)
    for name, *masks in hard_cases.hard_pairs(ndim):
        for mask in masks:
            points, measures = surfels(mask, table)
            expected_points, expected_measures = naive.surfels(mask, spacing)
            assert_array_equal(points, expected_points, err_msg=name)
            assert_allclose(measures, expected_measures, rtol=1e-15, err_msg=name)


@pytest.mark.parametrize("width", [1, 2, *hard_cases.ROW_LENGTHS])
def test_corners_of_a_full_row(width: int) -> None:
    """There is one corner more than voxels, which may need a word of its own."""
    points, _ = surfels(np.ones(width, bool), np.ones(4))
    assert_array_equal(points.ravel(), [0, width])
    points, measures = surfels(np.ones((1, 1, width), bool), surfel_measures((1.0, 1.0, 1.0)))
    assert len(points) == 4 * (width + 1)
    ends = 4 * 2 * np.sqrt(3) / 8
    assert_allclose(measures.sum(), ends + (width - 1) * 4 * np.sqrt(2) / 2, rtol=1e-13)


def test_only_the_slices_asked_for() -> None:
    mask = np.random.default_rng(3).random((5, 3, 64)) < 0.5
    whole, part = corners_of(mask), corners_of(mask, (1, 4))
    assert_array_equal(part[1:4], whole[1:4])
    assert (part[[0, 4, 5]] == 0xDEADBEEFDEADBEEF).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_backends_on_a_medium_volume(ndim: int, order: Literal["C", "F"], medium: int) -> None:
    """Areas to the bit, although a Fortran array's codes are read with its axes reversed."""
    shape = (medium, medium + 3, medium - 5)[-ndim:]
    spacing = (0.7, 1.25, 3.0)[-ndim:]
    masks = [np.asarray(mask, order=order) for mask in hard_cases.blob_pair(shape, 6)]
    found = []
    for module in (numba_backend, scipy_backend):
        pair = [np.ascontiguousarray(mask) for mask in masks]
        found.append(module.surface_distances(*pair, Region(), spacing, "surfel"))
    assert_array_equal(found[0].reference_areas, found[1].reference_areas)
    assert_array_equal(found[0].prediction_areas, found[1].prediction_areas)
    in_memory_order = numba_backend.surface_distances(
        masks[0], masks[1], Region(), spacing, "surfel"
    )
    assert in_memory_order.reference_areas is not None
    assert found[1].reference_areas is not None
    assert_array_equal(np.sort(in_memory_order.reference_areas), np.sort(found[1].reference_areas))
