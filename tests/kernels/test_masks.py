"""Masks as bits: selecting, unpacking, counting, finding, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba.masks import Mask
from fastseg.backends.shared.volume import Volume
from fastseg.measures.regions import Region
from fastseg_kernels.cpu import masks as mask_kernels
from tests.kernels import packed
from tests.oracle import hard_cases

Array = NDArray[Any]

UNSIGNED = [np.uint8, np.uint16, np.uint32, np.uint64]
WIDTHS = [1, 7, 8, 9, 17, *hard_cases.ROW_LENGTHS]
HARD_WORDS = [0, 1, 2**63, 2**64 - 1, 2**64 - 2, 2**63 - 1, 0x5555555555555555, 2**32]


# ---------------------------------------------------------------------------- select


def select(
    labels: Array,
    values: list[int],
    box: tuple[slice, slice, slice] | None = None,
    slices: tuple[int, int] | None = None,
) -> NDArray[np.uint64]:
    """Call the kernel on words that hold rubbish before."""
    z, y, x = box or tuple(slice(0, size) for size in labels.shape)
    nz, ny, nx = z.stop - z.start, y.stop - y.start, x.stop - x.start
    words = np.full((nz, ny, -(-nx // 64)), 0xDEADBEEFDEADBEEF, np.uint64)
    corner = np.array([z.start, y.start, x.start])
    wanted = np.array(values, np.uint64)
    mask_kernels.select[labels.dtype](labels, wanted, *(slices or (0, nz)), corner, nx, words)
    return words


@pytest.mark.parametrize("dtype", UNSIGNED)
@pytest.mark.parametrize("width", WIDTHS)
def test_select_in_rows_of_any_length(dtype: Any, width: int) -> None:
    rng = np.random.default_rng(width)
    labels = rng.integers(0, 4, (3, 2, width)).astype(dtype)
    for values in ([2], [2, 3], [3, 0, 1, 2], [1, 1], [9]):
        found = select(labels, values)
        assert_array_equal(packed.unpack(found, width), np.isin(labels, values), str(values))
    everything = np.full((2, 1, width), 7, dtype)
    assert_array_equal(select(everything, [7]), packed.pack(everything == 7))


@pytest.mark.parametrize("dtype", UNSIGNED)
@pytest.mark.parametrize("width", WIDTHS)
def test_one_label_is_packed_and_a_second_one_found(dtype: Any, width: int) -> None:
    """Wherever the second one lies, and if it is the larger or the smaller."""
    rng = np.random.default_rng(width)
    largest = int(np.iinfo(dtype).max)

    def call(labels: Array, before: int = 0) -> tuple[int, int, Array]:
        words = np.full((3, 2, -(-width // 64)), 0xDEADBEEFDEADBEEF, np.uint64)
        known = np.array([before], np.uint64)
        done = mask_kernels.pack_one[labels.dtype](labels, known, words)
        return done, int(known[0]), words

    nothing = np.zeros((3, 2, width), dtype)
    assert call(nothing)[:2] == (1, 0)
    labels = (rng.random((3, 2, width)) < 0.3).astype(dtype) * dtype(largest)
    labels[1, 0, width // 2] = largest
    done, label, words = call(labels)
    assert (done, label) == (1, largest)
    assert_array_equal(words, packed.pack(labels != 0))
    assert call(labels, largest)[0] == 1
    assert call(labels, 1)[0] == 0
    for z, y, x in np.argwhere(nothing == 0)[:: max(1, width // 16)].tolist():
        other = labels.copy()
        other[z, y, x] = largest - 1
        if np.count_nonzero(other == largest):
            assert call(other)[0] == 0


@pytest.mark.parametrize("start", [0, 1, 63, 64, 65, 100])
@pytest.mark.parametrize("width", [1, 63, 64, 65, 100])
def test_select_in_a_box(start: int, width: int) -> None:
    rng = np.random.default_rng(start)
    labels = rng.integers(0, 3, (4, 5, 201)).astype(np.uint16)
    box = (slice(1, 4), slice(2, 3), slice(start, start + width))
    assert_array_equal(packed.unpack(select(labels, [1, 2], box), width), labels[box] > 0)


def test_select_writes_only_the_slices_asked_for() -> None:
    labels = np.ones((4, 2, 70), np.uint8)
    words = select(labels, [1], slices=(1, 3))
    assert_array_equal(words[1:3], packed.pack(labels[1:3] == 1))
    assert (words[[0, 3]] == 0xDEADBEEFDEADBEEF).all()


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_select_compares_every_bit(dtype: Any) -> None:
    powers = [1 << bit for bit in range(np.dtype(dtype).itemsize * 8)]
    labels = np.array([0, *powers], dtype).reshape(1, 1, -1)
    for place, power in enumerate(powers, 1):
        found = packed.unpack(select(labels, [power]), labels.size).ravel()
        assert np.flatnonzero(found).tolist() == [place]


def test_ids_equal_in_their_low_half() -> None:
    labels = np.array([5, 5 + 2**32, 5 + 2**40], np.uint64).reshape(1, 1, 3)
    for i, value in enumerate(labels.ravel().tolist()):
        assert packed.unpack(select(labels, [value]), 3).ravel().tolist() == [
            i == j for j in range(3)
        ]


# ---------------------------------------------------------------------------- the other kernels


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("density", [0.0, 0.1, 0.9, 1.0])
def test_unpack_and_count(width: int, density: float) -> None:
    rng = np.random.default_rng(width)
    mask = rng.random((3, 4, width)) < density
    words = packed.pack(mask)
    out = np.full(mask.shape, 7, np.uint8)
    mask_kernels.unpack(words, out)
    assert_array_equal(out, mask)
    assert mask_kernels.count(words.reshape(-1)) == mask.sum()
    other = rng.random(mask.shape) < 0.5
    both = mask_kernels.count_both(words.reshape(-1), packed.pack(other).reshape(-1))
    assert both == (mask & other).sum()


def test_count_of_hard_words() -> None:
    words = np.array(HARD_WORDS, np.uint64)
    assert mask_kernels.count(words) == sum(word.bit_count() for word in HARD_WORDS)
    assert mask_kernels.count_both(words, words[::-1].copy()) == sum(
        (a & b).bit_count() for a, b in zip(HARD_WORDS, HARD_WORDS[::-1], strict=True)
    )
    assert mask_kernels.count(words[:0]) == 0


# ---------------------------------------------------------------------------- the backends

Take = Callable[..., NDArray[np.bool_]]


def numba_mask(
    labels: NDArray[Any], wanted: tuple[int, ...], box: Any = None, ignored: tuple[int, ...] = ()
) -> NDArray[np.bool_]:
    """A mask of the numba backend as an array in the image's axes."""
    volume = Volume.of(labels)
    left_out = Mask.of(volume, ignored, box) if ignored else None
    mask = Mask.of(volume, wanted, box, left_out)
    voxels: NDArray[np.bool_] = volume.restored(packed.unpack(mask.words, mask.shape[2]))
    return voxels


def scipy_mask(
    labels: NDArray[Any], wanted: tuple[int, ...], box: Any = None, ignored: tuple[int, ...] = ()
) -> NDArray[np.bool_]:
    region = Region(wanted, wanted, box)
    return scipy_backend._masks(labels, labels, region, ignored)[0]


@pytest.mark.parametrize("take", [numba_mask, scipy_mask])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(150,), (6, 130), (130, 6), (5, 4, 70), (70, 4, 5), (1, 70, 1)])
def test_a_mask_of_a_box_without_what_is_ignored(
    take: Take, order: Literal["C", "F"], shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    labels = np.asarray(rng.integers(-2, 3, shape), np.int16, order=order)
    box = tuple(slice(min(size // 4, size - 1), size) for size in shape)
    assert_array_equal(take(labels, (1,)), labels == 1)
    assert_array_equal(take(labels, (-1, 2)), np.isin(labels, (-1, 2)))
    assert_array_equal(take(labels, (-2,), box), labels[box] == -2)
    assert_array_equal(take(labels, (0, -1), box), np.isin(labels[box], (0, -1)))
    assert_array_equal(take(labels, (1, -1, 0), box, (0, -1)), labels[box] == 1)


@pytest.mark.parametrize("take", [numba_mask, scipy_mask])
@pytest.mark.parametrize(
    ("dtype", "absent"),
    [
        (np.uint8, (256, 257, -1, -255, 2**64 + 1)),
        (np.int8, (128, 255, -129, 257)),
        (np.uint16, (65536, -1)),
        (np.int64, (2**63, 2**64 - 1, 2**64 + 1)),
        (np.uint64, (-1, 2**64, 2**64 + 1)),
        (bool, (2, -1, 256, 257)),
    ],
)
def test_a_label_that_the_type_cannot_hold_is_nowhere(
    take: Take, dtype: Any, absent: tuple[int, ...]
) -> None:
    """Not where a label has the same low bits."""
    labels = np.ones((3, 70), dtype)
    labels[0] = 0
    for label in absent:
        assert not take(labels, (label,)).any(), label
    assert_array_equal(take(labels, (*absent, 1)), labels == 1)


@pytest.mark.parametrize("take", [numba_mask, scipy_mask])
def test_negative_and_large_labels(take: Take) -> None:
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        limits = np.iinfo(dtype)
        labels = np.array([[limits.min, -1, 0, limits.max, 1]], dtype)
        for label in labels.ravel().tolist():
            assert_array_equal(take(labels, (label,)), labels == label)


@pytest.mark.parametrize("slices", [(0, 6), (2, 5), (3, 3)])
def test_where_a_mask_has_voxels(slices: tuple[int, int]) -> None:
    rng = np.random.default_rng(12)
    for density in (0.0, 0.002, 0.3):
        words = packed.pack(rng.random((6, 5, 200)) < density)
        found = [np.zeros(size, np.uint64) for size in words.shape]
        mask_kernels.occupied(words, *slices, *found)
        part = words.copy()
        part[: slices[0]] = part[slices[1] :] = 0
        for axis, used in enumerate(found):
            others = tuple(other for other in range(3) if other != axis)
            assert_array_equal(used, np.bitwise_or.reduce(part, axis=others))
    mask_kernels.occupied(np.zeros_like(words), 0, 6, *found)
    assert found[0].any() == part.any()  # what was there is kept
