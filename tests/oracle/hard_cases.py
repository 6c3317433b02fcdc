"""Hard cases: masks, label volumes, memory layouts and spacings on which kernels go wrong.

Everything is deterministic and small enough for the oracles of `naive.py`, except `blob_pair`,
whose size the caller chooses.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]
Mask = NDArray[np.bool_]

SPACINGS: dict[int, list[tuple[float, ...]]] = {
    1: [(1.0,), (0.7,), (3.0,), (1e-3,), (1e3,)],
    2: [(1.0, 1.0), (0.7, 0.7), (3.0, 1.0), (0.488, 1.25), (1e-3, 1e3)],
    3: [
        (1.0, 1.0, 1.0),
        (0.7, 0.7, 0.7),
        (3.0, 1.0, 1.0),
        (0.488, 0.488, 1.25),
        (1e-3, 1.0, 1e3),
        (1e3, 1.0, 1e-3),
    ],
    4: [
        (1.0, 1.0, 1.0, 1.0),
        (0.7, 0.7, 0.7, 0.7),
        (3.0, 1.0, 2.0, 1.0),
        (0.488, 0.488, 1.25, 2.0),
        (1e-3, 1.0, 1e3, 1.0),
    ],
}

SHAPES: dict[int, tuple[int, ...]] = {1: (23,), 2: (9, 11), 3: (7, 6, 9), 4: (4, 3, 5, 6)}

# Rows are packed 64 voxels to a word: one, two and three words, and one voxel either side.
ROW_LENGTHS = (63, 64, 65, 127, 128, 129)


# ---------------------------------------------------------------------------- pairs of masks


def hard_pairs(ndim: int) -> Iterator[tuple[str, Mask, Mask]]:
    """``(name, reference, prediction)`` in `ndim` dimensions, 1 to 4."""
    yield from _empty_and_full(SHAPES[ndim])
    yield from _single_voxels(SHAPES[ndim])
    yield from _far_apart(ndim)
    yield from _dense(SHAPES[ndim])
    yield from _at_the_edge(SHAPES[ndim])
    yield from _size_one_axes(SHAPES[ndim])
    yield from _row_lengths(ndim)
    yield from _solids(ndim)


def _box(shape: tuple[int, ...], start: int, stop: int) -> Mask:
    """The box [start, stop) along every axis, cut off at the image."""
    mask = np.zeros(shape, bool)
    mask[(slice(start, stop),) * len(shape)] = True
    return mask


def _voxels(shape: tuple[int, ...], *indices: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, bool)
    for index in indices:
        mask[index] = True
    return mask


def _empty_and_full(shape: tuple[int, ...]) -> Iterator[tuple[str, Mask, Mask]]:
    empty, full, some = np.zeros(shape, bool), np.ones(shape, bool), _box(shape, 1, 3)
    yield "both empty", empty, empty.copy()
    yield "prediction empty", some, empty
    yield "reference empty", empty, some
    yield "both full", full, full.copy()
    yield "reference full", full, some
    yield "prediction full", some, full
    yield "full and empty", full, empty
    yield "empty and full", empty, full


def _single_voxels(shape: tuple[int, ...]) -> Iterator[tuple[str, Mask, Mask]]:
    first = tuple(0 for _ in shape)
    last = tuple(size - 1 for size in shape)
    centre = tuple(size // 2 for size in shape)
    yield "the same voxel", _voxels(shape, centre), _voxels(shape, centre)
    yield "opposite corners", _voxels(shape, first), _voxels(shape, last)
    yield "last corner and centre", _voxels(shape, last), _voxels(shape, centre)
    corners = itertools.product(*({0, size - 1} for size in shape))
    yield "every corner and centre", _voxels(shape, *corners), _voxels(shape, centre)
    yield "full and one corner", np.ones(shape, bool), _voxels(shape, first)


def _far_apart(ndim: int) -> Iterator[tuple[str, Mask, Mask]]:
    for axis in range(ndim):
        shape = tuple(150 if i == axis else 2 for i in range(ndim))
        near, far = _box(shape, 0, 1), np.zeros(shape, bool)
        far[tuple(slice(-2, None) for _ in shape)] = True
        yield f"far apart along axis {axis}", near, far


def _dense(shape: tuple[int, ...]) -> Iterator[tuple[str, Mask, Mask]]:
    checkers = np.indices(shape).sum(0) % 2 == 0
    yield "checkerboard and its complement", checkers, ~checkers
    yield "checkerboard and full", checkers, np.ones(shape, bool)
    rng = np.random.default_rng(20)
    for density in (0.02, 0.2, 0.5, 0.8, 0.98):
        reference, prediction = rng.random((2, *shape)) < density
        yield f"noise of density {density}", reference, prediction
    yield "noise, dense and sparse", rng.random(shape) < 0.9, rng.random(shape) < 0.1


def _at_the_edge(shape: tuple[int, ...]) -> Iterator[tuple[str, Mask, Mask]]:
    inside = np.zeros(shape, bool)
    inside[(slice(1, -1),) * len(shape)] = True
    yield "shell on every face and its inside", ~inside, inside
    yield "full and all but the shell", np.ones(shape, bool), inside
    for axis in range(len(shape)):
        first, last = np.zeros(shape, bool), np.zeros(shape, bool)
        np.moveaxis(first, axis, 0)[0] = True
        np.moveaxis(last, axis, 0)[-2:] = True
        yield f"first and last slices of axis {axis}", first, last


def _size_one_axes(shape: tuple[int, ...]) -> Iterator[tuple[str, Mask, Mask]]:
    rng = np.random.default_rng(21)
    flat = [tuple(1 if i == axis else n for i, n in enumerate(shape)) for axis in range(len(shape))]
    # Only one axis longer than 1, each in turn; in 1-D and 2-D these repeat the ones before.
    lines = [
        tuple(n if i == axis else 1 for i, n in enumerate(shape)) for axis in range(len(shape))
    ]
    for size in dict.fromkeys([*flat, *lines, (1,) * len(shape)]):
        reference, prediction = rng.random((2, *size)) < 0.5
        yield f"noise of shape {size}", reference, prediction
    one = np.ones((1,) * len(shape), bool)
    yield "one full voxel", one, one.copy()
    yield "one voxel and nothing", one, ~one


def _row_lengths(ndim: int) -> Iterator[tuple[str, Mask, Mask]]:
    rng = np.random.default_rng(22)
    thin = (3, 2, 2)[: ndim - 1]
    for length in ROW_LENGTHS:
        shape = (*thin, length)
        full = np.ones(shape, bool)
        reference, prediction = rng.random((2, *shape)) < 0.3
        yield f"noise in rows of {length}", reference, prediction
        ends = np.zeros(shape, bool)
        ends[..., [0, -1]] = True
        yield f"full rows of {length} and their ends", full, ends
        run = np.zeros(shape, bool)
        run[..., 1:-1] = True
        yield f"runs in rows of {length}", run, np.roll(run, 1, axis=-1)
        if length > 64:  # the voxels either side of the word boundary
            word, next_word = np.zeros(shape, bool), np.zeros(shape, bool)
            word[..., 63] = True
            next_word[..., 64] = True
            yield f"either side of a word in rows of {length}", word, next_word


def _solids(ndim: int) -> Iterator[tuple[str, Mask, Mask]]:
    side = {1: 30, 2: 20, 3: 12, 4: 7}[ndim]
    shape = (side,) * ndim
    large = _box(shape, 1, side - 1)
    yield "nested boxes", large, _box(shape, 3, side - 3)
    yield "the same box", large, large.copy()
    yield "boxes off by one", _box(shape, 1, side - 2), _box(shape, 2, side - 1)
    yield "boxes apart", _box(shape, 0, 2), _box(shape, side - 3, side)
    tiny = _voxels(shape, (side // 2,) * ndim)
    yield "tiny inside huge", large, tiny
    yield "huge round tiny", tiny, large
    grid = np.indices(shape) - (side - 1) / 2
    radius = side / 3
    ball = (grid**2).sum(0) <= radius**2
    shifted = ((grid - 1) ** 2).sum(0) <= radius**2
    yield "shifted balls", ball, shifted
    yield "hollow and solid ball", ball & ((grid**2).sum(0) > (radius - 2) ** 2), ball
    distant = ball.copy()
    distant[(0,) * ndim] = True
    yield "agreement but for a distant false positive", ball, distant
    yield "agreement but for a distant miss", distant, ball
    for axis in range(ndim):
        near, far = np.zeros(shape, bool), np.zeros(shape, bool)
        np.moveaxis(near, axis, 0)[1] = True
        np.moveaxis(far, axis, 0)[side - 2] = True
        yield f"thin planes across axis {axis}", near, far


def blob_pair(size: int | tuple[int, ...], seed: int) -> tuple[Mask, Mask]:
    """A bumpy blob that fills about a sixth of the image and a slightly different one.

    `size` is the side of a cube, or a shape. The second is shifted by 2 % of each side, its bumps
    differ a little, and it has a small false positive in a corner.
    """
    shape = (size,) * 3 if isinstance(size, int) else size
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(
        *(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij", sparse=True
    )

    def field(shift: float, waves: list[tuple[float, Array, Array]]) -> Array:
        moved = [axis - np.float32(shift) for axis in axes]
        radius = np.sqrt(sum(axis**2 for axis in moved))
        bumps: Array = np.zeros(shape, np.float32)
        for height, frequencies, phases in waves:
            wave = np.float32(height)
            for axis, frequency, phase in zip(moved, frequencies, phases, strict=True):
                wave = wave * np.cos(np.float32(frequency) * axis + np.float32(phase))
            bumps += wave
        return np.float32(0.65) + bumps - radius

    def waves(count: int, height: float, fastest: float) -> list[tuple[float, Array, Array]]:
        return [
            (
                height * rng.standard_normal(),
                rng.uniform(1, fastest, len(shape)),
                rng.uniform(0, 2 * np.pi, len(shape)),
            )
            for _ in range(count)
        ]

    common = waves(6, 0.08, 6.0)
    reference = field(0.0, common) > 0
    prediction = field(0.02, [*common, *waves(3, 0.01, 12.0)]) > 0
    prediction[tuple(slice(max(1, n // 32), max(2, n // 16)) for n in shape)] = True
    return reference, prediction


# ---------------------------------------------------------------------------- label volumes


def label_pairs() -> Iterator[tuple[str, Array, Array]]:
    """``(name, reference, prediction)``: 3-D label volumes of many dtypes and kinds of label."""
    rng = np.random.default_rng(23)
    shape = (6, 5, 70)  # rows longer than a 64-voxel word
    dense = _blocks(shape, rng, 6)
    other = np.where(rng.random(shape) < 0.1, _blocks(shape, rng, 6), dense)

    unsigned = (np.uint8, np.uint16, np.uint32, np.uint64)
    signed = (np.int8, np.int16, np.int32, np.int64)
    for dtype in (*unsigned, *signed, np.float32, np.float64):
        yield f"dense {np.dtype(dtype)}", dense.astype(dtype), other.astype(dtype)
    yield "bool", dense > 2, other > 2
    yield "uint8 and int64", dense.astype(np.uint8), other.astype(np.int64)
    yield "float32 and int16", dense.astype(np.float32), other.astype(np.int16)
    yield "bool and uint8", dense > 2, (other > 2).astype(np.uint8)

    many = rng.integers(0, 256, shape)
    yield "256 labels of noise", many.astype(np.uint8), np.roll(many, 1, 2).astype(np.uint8)
    ids = np.array([0, 2, 77, 1001, 65535, 3], np.int64)
    yield "sparse uint16", ids[dense].astype(np.uint16), ids[other].astype(np.uint16)
    ids = np.array([0, 7, 2**31 - 1, 2**31, 2**40 + 1, 2**62 + 3], np.int64)
    yield "sparse int64", ids[dense], ids[other]
    # 2**53 and 2**53 + 1 are one float64: a detour through floats would merge them.
    ids = np.array([0, 1, 2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1], np.int64)
    yield "int64 beyond float64", ids[dense], ids[other]
    yield "uint64 beyond float64", ids[dense].astype(np.uint64), ids[other].astype(np.uint64)
    ids = np.array([0, -1, -2, 5, -(2**40), -(2**63)], np.int64)
    yield "negative int64", ids[dense], ids[other]
    ids = np.array([0, -1, -128, 127, 5, -7], np.int64)
    yield "negative int8", ids[dense].astype(np.int8), ids[other].astype(np.int8)
    yield "negative float32", ids[dense].astype(np.float32), ids[other].astype(np.float32)
    minus_zero = other.astype(np.float64)
    minus_zero[(minus_zero == 0) & (rng.random(shape) < 0.5)] = -0.0
    yield "float64 with minus zero", dense.astype(np.float64), minus_zero

    apart = np.array([0, 11, 12, 13, 4, 5])
    yield "labels in one volume only", dense, apart[other]
    yield "no label in common", dense + 1, dense + 50
    yield "reference all background", np.zeros_like(dense), other
    yield "prediction all background", dense, np.zeros_like(dense)
    yield "both all background", np.zeros_like(dense), np.zeros_like(dense)
    yield "one label everywhere", np.full_like(dense, 3), np.full_like(dense, 3)
    yield "one voxel differs", dense, _with_one_voxel(dense, 99)


def _blocks(shape: tuple[int, ...], rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Labels 0 to count - 1 in random boxes, so that equal neighbours are common, as in life."""
    labels = np.zeros(shape, np.int64)
    for number in range(6 * count):
        ends = [np.sort(rng.integers(0, size + 1, 2)) for size in shape]
        labels[tuple(slice(start, stop) for start, stop in ends)] = number % count
    labels.flat[rng.choice(labels.size, count, replace=False)] = np.arange(count)  # each occurs
    return labels


def _with_one_voxel(labels: Array, label: int) -> Array:
    changed = labels.copy()
    changed[-1, -1, -1] = label
    return changed


# ---------------------------------------------------------------------------- memory layouts


def layouts(array: Array) -> Iterator[tuple[str, Array]]:
    """``(name, array)``: arrays equal to `array` in every way that memory can be laid out."""
    ndim = array.ndim
    yield "C", np.ascontiguousarray(array)
    yield "Fortran", np.asfortranarray(array)
    if ndim > 2:
        order = (1, *range(2, ndim), 0)
        yield (
            "permuted axes",
            np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order)),
        )
    twice = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
    twice[...] = 1  # what lies between is not what should be read
    twice[(slice(None, None, 2),) * ndim] = array
    yield "every second element", twice[(slice(None, None, 2),) * ndim]
    margin = np.ones(tuple(n + 3 for n in array.shape), array.dtype)
    inside = tuple(slice(1, n + 1) for n in array.shape)
    margin[inside] = array
    yield "part of a larger array", margin[inside]
    backwards = (slice(None, None, -1),) * ndim
    yield "negative strides", np.ascontiguousarray(array[backwards])[backwards]
    read_only = array.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    fortran = np.frombuffer(array.tobytes(order="F"), array.dtype)
    yield "read-only Fortran buffer", fortran.reshape(array.shape, order="F")  # as nibabel's memmap
    if array.dtype.itemsize > 1:
        yield "byte-swapped", array.astype(array.dtype.newbyteorder())  # a big-endian file
        shifted = np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:]
        yield "unaligned", shifted.view(array.dtype).reshape(array.shape)


# ---------------------------------------------------------------------------- hypothesis


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, ...] | None = None, max_ndim: int = 3) -> Mask:
    """A mask of at most 12 voxels a side: voxel by voxel, a union of boxes, or noise."""
    if shape is None:
        shape = draw(hnp.array_shapes(min_dims=1, max_dims=max_ndim, max_side=12))
    kind = draw(st.sampled_from(["voxels", "boxes", "noise"]))
    if kind == "voxels":
        voxels: Mask = draw(hnp.arrays(bool, shape, fill=st.booleans()))
        return voxels
    if kind == "noise":
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        return rng.random(shape) < draw(st.sampled_from([0.01, 0.1, 0.5, 0.9]))
    mask = np.zeros(shape, bool)
    for _ in range(draw(st.integers(0, 3))):
        ends = [sorted((draw(st.integers(0, n)), draw(st.integers(0, n)))) for n in shape]
        mask[tuple(slice(start, stop) for start, stop in ends)] = True
    return mask


@st.composite
def mask_pairs(
    draw: st.DrawFn, shape: tuple[int, ...] | None = None, max_ndim: int = 3
) -> tuple[Mask, Mask]:
    """Two masks of one shape."""
    if shape is None:
        shape = draw(hnp.array_shapes(min_dims=1, max_dims=max_ndim, max_side=12))
    return draw(masks(shape)), draw(masks(shape))


def spacings(ndim: int) -> st.SearchStrategy[tuple[float, ...]]:
    """A spacing of `ndim` positive numbers: one of `SPACINGS` or any within 0.05 to 20."""
    anything = st.tuples(*(st.floats(0.05, 20.0) for _ in range(ndim)))
    return st.sampled_from(SPACINGS[ndim]) | anything
