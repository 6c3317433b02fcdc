"""Every kernel through its own launcher, on every engine, against oracles that share nothing with it."""

from __future__ import annotations

import functools
import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from fastseg.backends import scipy as oracle
from fastseg.measures.surface_areas import surfel_measures
from tests.oracle import hard_cases as volumes
from tests.oracle import naive

pytestmark = pytest.mark.slow

SHAPE = (21, 23, 37)  # odd, and rows of a word and a bit
SPACINGS = ((1.0, 1.0, 1.0), (2.5, 0.7, 1.0 / 3))


@functools.cache
def blobs() -> tuple[np.ndarray, np.ndarray]:
    return volumes.blob_pair(SHAPE, 7)


def packed(mask: np.ndarray) -> np.ndarray:
    """32 voxels to a word along the last axis."""
    padded = np.zeros((*mask.shape[:-1], -(-mask.shape[-1] // 32) * 32), bool)
    padded[..., : mask.shape[-1]] = mask
    return np.packbits(padded, axis=-1, bitorder="little").view(np.uint32)


def unpacked(words: Any, nx: int) -> np.ndarray:
    bits = np.unpackbits(words.get().view(np.uint8), axis=-1, bitorder="little")
    assert not bits[..., nx:].any(), "bits beyond the row's end"
    return bits[..., :nx].astype(bool)


def places_of(mask: np.ndarray) -> np.ndarray:
    """32 times the word plus the bit of each voxel of a mask, in C order."""
    voxels = np.argwhere(mask)
    words = (voxels[:, 0] * mask.shape[1] + voxels[:, 1]) * -(-mask.shape[2] // 32) + voxels[
        :, 2
    ] // 32
    places: np.ndarray = 32 * words + voxels[:, 2] % 32
    return places.astype(np.uint64)


# ----------------------------------------------------------------------------- counts


def labels_of(dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two volumes of runs, noise and a slice of one pair, with the largest label that a key takes."""
    rng = np.random.default_rng(4)
    ids = np.array([0, 1, 2, 7, min(np.iinfo(dtype).max, 2**32 - 1)], dtype)
    reference = ids[np.repeat(rng.integers(0, 5, (5, 14, 37)), 5, axis=1)]
    prediction = np.where(
        rng.random(reference.shape) < 0.03, ids[rng.integers(0, 5, reference.shape)], reference
    )
    reference[1], prediction[1] = ids[1], ids[2]  # here whole warps hold one pair
    return reference, prediction


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_joint_histogram(launchers: SimpleNamespace, dtype: Any) -> None:
    volumes_ = labels_of(dtype)
    device = [launchers.cupy.asarray(volume) for volume in volumes_]
    keys, counts, boxes, problem = (
        a.get() for a in launchers.confusion.joint_histogram(*device, 64)
    )
    assert problem[0] == 0
    expected = oracle.joint_histogram(*volumes_)
    pairs = {
        (int(r), int(p)): (int(n), start.tolist(), stop.tolist())
        for r, p, n, start, stop in zip(
            *(getattr(expected, f) for f in expected.__dataclass_fields__), strict=True
        )
    }
    keys[-1] = 2**64 - 1
    found = {
        (int(key) >> 32, int(key) & 0xFFFFFFFF): (int(n), box[:3].tolist(), box[3:].tolist())
        for key, n, box in zip(keys, counts, boxes, strict=True)
        if n
    }
    assert found == pairs


def test_a_histogram_says_what_it_cannot_hold(launchers: SimpleNamespace) -> None:
    noise = np.arange(6 * 7 * 33, dtype=np.uint64).reshape(6, 7, 33)
    device = launchers.cupy.asarray(noise)
    problem = launchers.confusion.joint_histogram(device, device, 64)[3]
    assert int(problem[0]) == launchers.confusion.TABLE_FULL
    wide = launchers.cupy.asarray(noise % 3 << np.uint64(40))
    problem = launchers.confusion.joint_histogram(wide, wide, 64)[3]
    assert int(problem[0]) & launchers.confusion.LABEL_TOO_WIDE


def test_labels_are_numbered(launchers: SimpleNamespace) -> None:
    rng = np.random.default_rng(5)
    ids = rng.integers(0, 2**64, 42, np.uint64)
    ids[:2] = 2**64 - 1, 0
    labels = ids[rng.integers(0, 42, (3, 5, 37))]
    device = launchers.cupy.asarray(labels)
    table, problem = launchers.confusion.number_labels((device,), 64)
    assert int(problem[0]) == 0
    numbers = launchers.confusion.label_numbers(device, table).get()
    names = table.get()
    names[-1] = 2**64 - 1
    assert_array_equal(names[numbers], labels)
    assert len(np.unique(numbers)) == len(np.unique(labels))
    full = launchers.confusion.number_labels((device,), 16)[1]
    assert int(full[0]) == launchers.confusion.TABLE_FULL


# ----------------------------------------------------------------------------- bits


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_select_and_unpack(launchers: SimpleNamespace, dtype: Any) -> None:
    labels, _ = labels_of(dtype)
    values, corner, shape = [2, int(labels.max())], (1, 3, 2), (3, 50, 33)
    box = tuple(slice(c, c + n) for c, n in zip(corner, shape, strict=True))
    words = launchers.masks.select(launchers.cupy.asarray(labels), values, corner, shape)
    expected = np.isin(labels[box], values)
    assert_array_equal(unpacked(words, 33), expected)
    assert_array_equal(launchers.masks.unpack(words, 33).get(), expected)


def test_bits_are_counted_and_listed(launchers: SimpleNamespace) -> None:
    """In two blocks of words and a bit, of which some are dense and some empty."""
    rng = np.random.default_rng(6)
    density = np.repeat([0.0, 0.9, 0.1, 0.5, 0.02], 9)[:, None, None]
    a, b = rng.random((2, 45, 25, 37)) < density
    device = [launchers.cupy.asarray(packed(mask)) for mask in (a, b)]
    counts = launchers.masks.count_bits(device[0]).get()
    assert len(counts) == 3
    assert int(counts.sum()) == a.sum()
    starts = launchers.cupy.asarray(np.cumsum(counts) - counts)
    listed = launchers.masks.bit_positions(device[0], starts, int(counts.sum()))
    assert_array_equal(listed.get(), places_of(a))
    overlap = launchers.masks.count_overlap(*device).get()
    assert overlap.tolist() == [a.sum(), b.sum(), (a & b).sum()]


# ----------------------------------------------------------------------------- surfaces


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_surfaces(launchers: SimpleNamespace, ndim: int) -> None:
    rng = np.random.default_rng(8)
    shape = {1: (1, 1, 133), 2: (1, 23, 69), 3: (6, 7, 69)}[ndim]
    mask = ndimage.binary_dilation(rng.random(shape) < 0.1, np.ones((3, 3, 3)))
    flat = mask.reshape(shape[3 - ndim :])
    words = launchers.cupy.asarray(packed(mask))
    faces = launchers.surface.face_surface(words, ndim)
    assert_array_equal(unpacked(faces, shape[2]).reshape(flat.shape), naive.surface(flat))
    last_bits = 0xFFFFFFFF >> -shape[2] % 32
    for connectivity, edge in itertools.product(range(1, ndim + 1), ("background", "ignore")):
        found = launchers.surface.erosion_surface(
            words, ndim, connectivity, last_bits, edge == "ignore"
        )
        expected = oracle.surface(flat, connectivity, edge)
        assert_array_equal(unpacked(found, shape[2]).reshape(flat.shape), expected)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_corners_and_their_codes(launchers: SimpleNamespace, ndim: int) -> None:
    shape = {1: (1, 1, 95), 2: (1, 9, 64), 3: (5, 6, 63)}[ndim]
    spacing = (2.5, 0.7, 1.25)[3 - ndim :]
    mask = np.random.default_rng(9).random(shape) < 0.4
    corners = tuple(n + (i >= 3 - ndim) for i, n in enumerate(shape))
    words = launchers.cupy.asarray(packed(mask))
    lattice = (*corners[:2], -(-corners[2] // 32))
    found = launchers.surface.corner_surface(words, ndim, lattice)
    points, areas = naive.surfels(mask.reshape(shape[3 - ndim :]), spacing)
    surface = np.zeros(corners, bool)
    surface[tuple(np.c_[np.zeros((len(points), 3 - ndim), int), points].T)] = True
    assert_array_equal(unpacked(found, corners[2]), surface)
    places = launchers.cupy.asarray(places_of(surface))
    table = surfel_measures(spacing)
    codes = launchers.surface.corner_codes(words, ndim, lattice, places)
    np.testing.assert_allclose(table[codes.get()], areas, rtol=1e-12)


def test_band(launchers: SimpleNamespace) -> None:
    mask = blobs()[0]
    surface = naive.surface(mask)
    reach = [np.array(o) for o in itertools.product(range(-3, 4), range(-3, 4), range(-40, 41))]
    offsets = np.array([o for o in reach if abs(o[2]) in (0, 1, 31, 32, 33, 40)])
    offsets = offsets[np.argsort((offsets**2).sum(1), kind="stable")]
    device = [launchers.cupy.asarray(packed(m)) for m in (mask, surface)]
    found = unpacked(launchers.surface.band(*device, offsets), SHAPE[2])
    points = np.argwhere(surface)
    expected = np.zeros(SHAPE, bool)
    for offset in offsets:  # voxel + offset is on the surface
        at = points - offset
        inside = ((at >= 0) & (at < SHAPE)).all(1)
        expected[tuple(at[inside].T)] = True
    assert_array_equal(found, expected & mask)


# ----------------------------------------------------------------------------- distances


def squares_of(n: int, step: float, dtype: Any = np.float64) -> np.ndarray:
    """Of 0 … n - 1 steps, and infinity."""
    table = np.append((np.arange(n) * step) ** 2, np.inf)
    return table.astype(dtype)


def in_axis_order(
    points: np.ndarray, targets: np.ndarray, spacing: Any, reverse: bool
) -> np.ndarray:
    """Distances, with the squares added in the order of the image's axes."""
    if reverse:
        return naive.nearest(points[:, ::-1], targets[:, ::-1], spacing[::-1])
    return naive.nearest(points, targets, spacing)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_nearest(launchers: SimpleNamespace, spacing: Any, reverse: bool) -> None:
    surfaces = [naive.surface(mask) for mask in blobs()]
    surfaces[0] &= np.indices(SHAPE)[2] % 3 == 0  # fewer queries
    places = launchers.cupy.asarray(places_of(surfaces[0]))
    words = launchers.cupy.asarray(packed(surfaces[1]))
    squares = [squares_of(n, step) for n, step in zip(SHAPE, spacing, strict=True)]
    rows = np.array(list(itertools.product(*(range(-n + 1, n) for n in SHAPE[:2]))), np.int32)
    bases = squares[0][abs(rows[:, 0])] + squares[1][abs(rows[:, 1])]
    order = np.argsort(bases, kind="stable")
    expected = in_axis_order(np.argwhere(surfaces[0]), np.argwhere(surfaces[1]), spacing, reverse)
    for most in (len(rows), 50, 3):
        kept = order[:most]
        complete = most == len(rows)
        squared, unsettled, n_open = launchers.nearest.nearest(
            words, places, rows[kept], bases[kept], complete, squares, reverse
        )
        n = int(n_open[0])
        settled = np.ones(len(expected), bool)
        if n:
            settled[unsettled[:n].get().astype(int)] = False
        assert not (complete and n)
        assert n or most > 3
        assert_array_equal(np.sqrt(squared.get()[settled]), expected[settled])
        assert settled.sum() > len(expected) / 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_last_axis(launchers: SimpleNamespace, dtype: Any) -> None:
    """Squared distances along two axes first, the third at the queries only."""
    surfaces = [naive.surface(mask) for mask in blobs()]
    places = places_of(surfaces[0])
    spacing = SPACINGS[0] if dtype == np.float32 else SPACINGS[1]
    exact = naive.nearest(np.argwhere(surfaces[0]), np.argwhere(surfaces[1]), spacing) ** 2
    queries = np.arange(0, len(places), 5, dtype=np.uint64)
    for axis in range(3):
        partial = np.full(SHAPE, np.inf, dtype)
        for i in range(SHAPE[axis]):
            part = surfaces[1].take(i, axis)
            if part.any():
                others = [s for a, s in enumerate(spacing) if a != axis]
                squared = ndimage.distance_transform_edt(~part, sampling=others) ** 2
                partial[(slice(None),) * axis + (i,)] = (
                    np.rint(squared) if dtype == np.float32 else squared
                )
        table = squares_of(SHAPE[axis], spacing[axis], dtype)
        squared = launchers.cupy.asarray(np.full(len(places), -1.0))
        arrays = [launchers.cupy.asarray(a) for a in (partial, places, queries)]
        launchers.nearest.last_axis(*arrays, axis, table, squared)
        found = squared.get()
        np.testing.assert_allclose(found[::5], exact[::5], rtol=0 if dtype == np.float32 else 1e-12)
        assert (np.delete(found, queries.astype(int)) == -1).all()


def transform(
    launchers: SimpleNamespace, background: np.ndarray, spacing: Any, dtype: Any, **options: Any
) -> Any:
    """All passes, the last axis first, with the indices that each chose."""
    cupy = launchers.cupy
    shape = background.shape
    axes = tuple(range(len(shape)))[::-1]
    chosen = cupy.empty((len(shape), *shape), np.int32)
    squares = [squares_of(n, step, dtype) for n, step in zip(shape, spacing, strict=True)]
    words = cupy.asarray(packed(background))
    volume = launchers.edt.first_axis(words, shape, axes[0], squares[axes[0]], chosen[0])
    for i, axis in enumerate(axes[1:], 1):
        last = {"root": True, "dtype": np.dtype(np.float64)} if i == len(axes) - 1 else {}
        volume = launchers.edt.parabolas(
            volume, axis, squares[axis], nearest_index=chosen[i], **options, **last
        )
    return volume.get(), launchers.edt.follow(chosen, axes).get()


@pytest.mark.parametrize(
    ("dtype", "spacing", "monotone"),
    [
        (np.float32, SPACINGS[0], True),
        (np.float64, SPACINGS[1], True),
        (np.float64, SPACINGS[1], False),
    ],
)
def test_distance_transform(
    launchers: SimpleNamespace, dtype: Any, spacing: Any, monotone: bool
) -> None:
    mask = blobs()[0] | (np.indices(SHAPE).sum(0) % 7 > 0)
    distances, indices = transform(launchers, ~mask, spacing, dtype, monotone=monotone)
    expected = oracle.distance_transform_edt(mask, spacing, False, np.float64)[0]
    steps = (indices - np.indices(SHAPE)) * np.array(spacing)[:, None, None, None]
    assert not mask[tuple(indices)].any()
    if dtype == np.float32:
        assert_array_equal(distances, expected)
    np.testing.assert_allclose(distances, expected, rtol=1e-15)
    np.testing.assert_allclose(np.sqrt((steps**2).sum(0)), expected, rtol=1e-15)


def test_distance_transform_along_other_axes(launchers: SimpleNamespace) -> None:
    """Packed along an axis that is not the last, a line with no background, float32 in and out."""
    shape = (67, 5, 9)
    background = np.random.default_rng(10).random(shape) < 0.02
    background[:, 2, 3] = False
    words = launchers.edt.turn(launchers.cupy.asarray(packed(background)), shape, 0)
    assert words.shape == (1, 3, 45)
    assert_array_equal(unpacked(words[0].T.copy(), 67), background.reshape(67, 45).T)
    table = squares_of(67, 1.0, np.float32)
    volume = launchers.edt.first_axis(words, shape, 0, table)
    columns = np.full(shape, np.inf)
    for y, x in np.ndindex(shape[1:]):
        at = np.flatnonzero(background[:, y, x])
        if len(at):
            columns[:, y, x] = np.abs(np.arange(67)[:, None] - at).min(1) ** 2
    assert_array_equal(volume.get(), columns)
    volume = launchers.edt.parabolas(volume, 1, squares_of(5, 1.0, np.float32), monotone=True)
    volume = launchers.edt.parabolas(
        volume, 2, squares_of(9, 1.0, np.float32), monotone=True, root=True
    )
    expected = oracle.distance_transform_edt(~background, (1.0,) * 3, False, np.float32)[0]
    assert_array_equal(volume.get(), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lines_longer_than_shared_memory(launchers: SimpleNamespace, dtype: Any) -> None:
    n = 8200 if dtype == np.float32 else 5000
    values = np.random.default_rng(11).integers(0, 10**6, (1, n, 2)).astype(dtype)
    values[:, 100:300] = np.inf
    device = launchers.cupy.asarray(values)
    table = squares_of(n, 1.0, dtype)
    found = launchers.edt.parabolas(
        device, 1, table, monotone=True, dtype=np.dtype(np.float64)
    ).get()
    steps = np.abs(np.arange(0, n, 97)[:, None] - np.arange(n))
    for line in range(2):
        near = values[0, :, line].astype(float)
        expected = np.array([(near + row.astype(float) ** 2).min() for row in steps])
        assert_array_equal(found[0, ::97, line], expected)
