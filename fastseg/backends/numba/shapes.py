"""Shape and topology for the numba backend: of packed masks, by corner codes, runs and counts of bits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.components import Components
from fastseg.backends.numba.masks import ALL_BITS, Mask
from fastseg.backends.shared.geometry import ordered_codes
from fastseg.backends.shared.offsets import Words
from fastseg.inputs.arrays import Spacing
from fastseg.measures.overlap import Overlap
from fastseg.measures.shape import Shape, ShapePair
from fastseg.measures.topology import Topology, TopologyPair, euler_number
from fastseg_kernels.cpu import masks as mask_kernels
from fastseg_kernels.cpu.components import runs as run_kernels
from fastseg_kernels.cpu.surface import corners

#: the measurements that are made here
OFFERED = frozenset(("topology", "face_topology", "shape"))

# Words that are looked at together: 256 KB, which stay in the second cache.
_CHUNK = 1 << 15

Integers = NDArray[np.int64]


def shapes_of(
    masks: tuple[Mask, Mask], spacing: Spacing, wanted: frozenset[str]
) -> dict[str, TopologyPair | ShapePair]:
    """Measure what is wanted of the shape and the topology of both masks."""
    found: dict[str, TopologyPair | ShapePair] = {}
    if not wanted & OFFERED:
        return found
    codes = [_corner_codes(mask) for mask in masks]
    for name, corners_connect in (("topology", True), ("face_topology", False)):
        if name in wanted:
            found[name] = _topologies(masks, codes, corners_connect)
    if "shape" in wanted:
        first, second = (_shape(mask, own) for mask, own in zip(masks, codes, strict=True))
        found["shape"] = ShapePair(first, second, tuple(spacing))
    return found


def _chunks(first: int, stop: int, words_of_a_slice: int) -> Iterator[tuple[int, int]]:
    step = max(1, _CHUNK // words_of_a_slice)
    for start in range(first, stop, step):
        yield start, min(start + step, stop)


def _corner_codes(mask: Mask) -> Integers:
    """Count the codes of all corners that the surface passes, read along the axes of the map."""
    words, ndim, (nz, ny, nx) = mask.words, mask.ndim, mask.shape
    row_words, width = mask.row_words, nx // 64 + 1
    separated = int(nx % 64 != 0)
    behind = int(ndim >= 3)  # whether corners lie behind the last slice
    n_codes = 2**2**ndim
    order = ordered_codes(np.arange(float(n_codes)), ndim, mask.volume.reverse)
    table = np.resize(order.astype(np.uint8), 256)

    def count(slab: tuple[int, int]) -> Integers:
        found = np.zeros(n_codes, np.int64)
        for first, stop in _chunks(*slab, ny * row_words):
            # corners of slice z lie between slices z - 1 and z of the voxels
            below, above = max(first - behind, 0), min(stop, nz)
            part = np.array([(0, 0, 0), (above - below, ny, row_words)])
            rows = ny + int(ndim >= 2)
            lattice = np.empty((above - below + behind, rows, width), np.uint64)
            counts = np.zeros(len(lattice), np.int64)
            arguments = words[below:above], part, first - below, stop - below, ndim, width
            corners.corner_surface(*arguments, separated, lattice, counts)
            codes = np.empty(counts[first - below : stop - below].sum(), np.uint8)
            corners.corner_codes(*arguments, lattice, table, codes)
            found += np.bincount(codes, minlength=n_codes)
        return found

    parts = threads.run(count, threads.slabs(nz + behind, math.prod(mask.shape)))
    total: Integers = np.sum(parts, axis=0)
    return total


# ---------------------------------------------------------------------------- topology


def _topologies(
    masks: tuple[Mask, Mask], codes: list[Integers], corners_connect: bool
) -> TopologyPair:
    """Find the components of both masks and of what lies around them."""
    ndim = masks[0].ndim
    found, filled = [], []
    for mask, own in zip(masks, codes, strict=True):
        components = Components.of_mask(mask, ndim if corners_connect else 1)
        sizes, holes = _holes(mask, 1 if corners_connect else ndim)
        euler = euler_number(own, ndim, corners_connect)
        found.append(Topology(ndim, components.count, euler, len(sizes), int(sizes.sum())))
        filled.append(mask.words if holes is None else mask.words | holes)
    first, second = (words.reshape(-1) for words in filled)
    overlap = Overlap(
        int(mask_kernels.count(first)),
        int(mask_kernels.count(second)),
        int(mask_kernels.count_both(first, second)),
    )
    return TopologyPair(found[0], found[1], overlap)


def _holes(mask: Mask, connectivity: int) -> tuple[Integers, Words | None]:
    """Find the components of the background that do not reach the border of the box: their sizes, and all as bits."""
    background = ~mask.words
    background[..., -1] &= mask.last_bits
    found = Components.of_words(background, mask.volume, mask.shape, connectivity)
    # most often there is no hole, and no need to go through all runs again to see it
    if found.count == 0 or (found.count == 1 and _reaches_border(mask, background)):
        return np.empty(0, np.int64), None
    starts = found.table[1:, [run_kernels.Z_START, run_kernels.Y_START, run_kernels.X_START]]
    stops = found.table[1:, [run_kernels.Z_STOP, run_kernels.Y_STOP, run_kernels.X_STOP]]
    axes = slice(3 - mask.ndim, 3)  # along others there is no outside
    enclosed = ((starts > 0) & (stops < np.array(mask.shape)))[:, axes].all(axis=1)
    if not enclosed.any():
        return np.empty(0, np.int64), None
    # as if all holes were one component and all else another
    is_hole = np.concatenate([np.zeros(1, np.uint32), enclosed.astype(np.uint32)])
    holes = replace(found, numbers=is_hole.take(found.numbers))
    row_bits = 64 * mask.row_words
    words = np.zeros(mask.words.size + 1, np.uint64)
    holes.take(
        np.ones(1, np.uint64),
        np.array([0, 1], np.int64),
        np.array([[0, 0, 0, *mask.shape]], np.int64),
        np.array([[row_bits, mask.shape[1] * row_bits, 0]], np.int64),
        words,
    )
    return found.sizes[enclosed], words[:-1].reshape(mask.words.shape)


def _reaches_border(mask: Mask, words: Words) -> bool:
    """Tell whether a voxel of a packed set lies at the border of the box of a mask."""
    ends = [words[..., 0] & np.uint64(1), words[..., -1] >> np.uint64((mask.shape[2] - 1) % 64)]
    if mask.ndim >= 2:
        ends += [words[:, 0], words[:, -1]]
    if mask.ndim >= 3:
        ends += [words[0], words[-1]]
    return any(end.any() for end in ends)


# ---------------------------------------------------------------------------- moments

# bit b of each word's place, 0 to 63, as the word of the places that have it
_PLACES = [
    np.uint64(sum(1 << place for place in range(64) if place >> bit & 1)) for bit in range(6)
]
_SUM, _SQUARES = sum(range(64)), sum(place * place for place in range(64))


def _shape(mask: Mask, codes: Integers) -> Shape:
    """Add up the positions of a mask's voxels and the products of these, a few slices at a time."""
    words = mask.words

    def add(slab: tuple[int, int]) -> Integers:
        found = np.zeros((4, 4), np.int64)
        for first, stop in _chunks(*slab, words[0].size):
            found += _moments(words[first:stop], first)
        return found

    parts = threads.run(add, threads.slabs(len(words), math.prod(mask.shape)))
    found: Any = np.sum(parts, axis=0)
    axes = list(range(4 - mask.ndim, 4))
    if mask.volume.reverse:
        axes.reverse()
    return Shape(
        int(found[0, 0]),
        tuple(found[0, axes].tolist()),
        tuple(map(tuple, found[np.ix_(axes, axes)].tolist())),
        codes,
    )


def _moments(words: Words, first: int) -> Integers:
    """Add up the products of any two of 1, z, y and x of the voxels of some slices, which start at `first`."""
    flat = words.reshape(-1)
    used = np.flatnonzero(flat != 0)  # of bools, which NumPy finds faster
    bits = flat[used]
    rows, w = np.divmod(used, words.shape[2])
    z, y = np.divmod(rows, words.shape[1])
    z += first
    size = np.bitwise_count(bits).astype(np.int64)
    # of the places within a word: their sums, and the sums of their squares; few words are neither 0 nor whole
    whole = bits == ALL_BITS
    within, squares = np.where(whole, _SUM, 0), int(whole.sum()) * _SQUARES
    rest = bits[~whole]
    sums = np.zeros(len(rest), np.int64)
    for i, of_first in enumerate(_PLACES):
        have = rest & of_first
        count = np.bitwise_count(have).astype(np.int64)
        sums += count << i
        squares += int(count.sum()) << 2 * i
        for j in range(i):
            both = np.bitwise_count(have & _PLACES[j])
            squares += int(both.sum(dtype=np.int64)) << (i + j + 1)
    within[~whole] = sums
    before = 64 * w
    x = before * size + within  # the positions along x of a word's voxels, added up
    along = z * size, y * size
    found = np.zeros((4, 4), np.int64)
    found[0] = size.sum(), along[0].sum(), along[1].sum(), x.sum()
    found[1, 1:] = z @ along[0], z @ along[1], z @ x
    found[2, 2:] = y @ along[1], y @ x
    found[3, 3] = before @ (x + within) + squares
    return found + np.triu(found, 1).T
