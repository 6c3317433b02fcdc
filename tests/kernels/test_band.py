"""The band of a mask near its own surface, against the definition and between the backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import bands
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Region, Request
from fastseg_kernels.cpu.surface import band as band_kernels
from tests.kernels import packed
from tests.oracle import hard_cases, naive

Mask = NDArray[np.bool_]


def band(mask: Mask, surface: Mask, offsets: Any, slices: tuple[int, int] | None = None) -> Any:
    words = packed.pack(mask)
    out = np.full_like(words, 0xDEADBEEFDEADBEEF)
    offsets = np.array(offsets, np.int64).reshape(-1, 3)
    band_kernels.band(words, packed.pack(surface), offsets, *(slices or (0, len(words))), out)
    return out


@pytest.mark.parametrize(
    "dx", [0, 1, -1, 63, -63, 64, -64, 65, -65, 127, 128, -128, 199, -199, 300]
)
def test_one_offset_of_any_length(dx: int) -> None:
    rng = np.random.default_rng(40)
    mask, surface = rng.random((2, 3, 4, 200)) < 0.5
    for dz, dy in ((0, 0), (1, -2), (-2, 3), (3, 0)):
        moved = np.zeros_like(surface)  # at v: surface at v + offset
        for z, y, x in np.argwhere(surface) - (dz, dy, dx):
            if 0 <= z < 3 and 0 <= y < 4 and 0 <= x < 200:
                moved[z, y, x] = True
        found = packed.unpack(band(mask, surface, [(dz, dy, dx)]), 200)
        assert_array_equal(found, mask & moved)


def test_offsets_add_up_and_none_is_none() -> None:
    mask = np.ones((1, 1, 130), bool)
    surface = np.zeros_like(mask)
    surface[..., 64] = True
    found = packed.unpack(band(mask, surface, [(0, 0, 0), (0, 0, 5), (0, 0, -65)]), 130)
    assert np.flatnonzero(found).tolist() == [59, 64, 129]
    assert not band(mask, surface, []).any()


def test_only_the_slices_asked_for() -> None:
    rng = np.random.default_rng(41)
    mask, surface = rng.random((2, 5, 3, 70)) < 0.3
    offsets = [(dz, dy, 0) for dz in (-1, 0, 1) for dy in (-1, 0, 1)]
    whole, part = band(mask, surface, offsets), band(mask, surface, offsets, (1, 3))
    assert_array_equal(part[1:3], whole[1:3])
    assert (part[[0, 3, 4]] == 0xDEADBEEFDEADBEEF).all()


def overlap(module: Any, masks: Sequence[Mask], spacing: Any, width: float) -> Overlap:
    request = Request(frozenset({"band_overlap"}), tuple(map(float, spacing)))
    [measured] = module.measure(*masks, [Region(tolerance=width)], request)
    found: Overlap = measured["band_overlap"]
    return found


def counts_by_hand(masks: list[Mask], spacing: Any, width: float) -> Overlap:
    rims = []
    for mask in masks:
        near = naive.nearest(np.argwhere(mask), np.argwhere(naive.surface(mask)), spacing) < width
        rim = np.zeros(mask.shape, bool)
        rim[mask] = near
        rims.append(rim)
    return Overlap(int(rims[0].sum()), int(rims[1].sum()), int((rims[0] & rims[1]).sum()))


@pytest.mark.parametrize("largest_ball", [0, 20_000])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs(ndim: int, largest_ball: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a ball of offsets and by a transform: strictly nearer than the width, to the last bit."""
    monkeypatch.setattr(bands, "_LARGEST_BALL", largest_ball)
    for number, (name, *masks) in enumerate(hard_cases.hard_pairs(ndim)):
        spacing = hard_cases.SPACINGS[ndim][number % len(hard_cases.SPACINGS[ndim])]
        width = (1, 2, 3, 2.0001, 1e4)[number % 5] * spacing[number % ndim]
        expected = counts_by_hand(masks, spacing, width)
        for module in (numba_backend, scipy_backend):
            found = overlap(module, masks, spacing, width)
            assert found == expected, f"{name} {spacing} {width} {module.__name__}"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("width", [0.7, 1.0, 2.5, 9.0, 100.0])
def test_backends_on_a_medium_volume(width: float, order: Literal["C", "F"], medium: int) -> None:
    shape = (medium, medium - 7, medium + 5)
    masks = [np.asarray(mask, order=order) for mask in hard_cases.blob_pair(shape, 7)]
    spacing = (1.25, 0.7, 0.7)
    found = [overlap(module, masks, spacing, width) for module in (numba_backend, scipy_backend)]
    assert found[0] == found[1]
    assert 0 < found[0].both <= min(found[0].reference, found[0].prediction)


@pytest.mark.parametrize("width", [0.0, 1e300])
def test_no_width_and_any_width(width: float) -> None:
    mask = np.ones((9, 9, 70), bool)
    for module in (numba_backend, scipy_backend):
        n = mask.size if width else 0
        assert overlap(module, (mask, mask), (1.0, 1.0, 1.0), width) == Overlap(n, n, n)
