"""Sums of the positions of the voxels of each label, for the numba backend.

Thousands of small instances fill a small part of their map. Then their boxes alone are read: rows of so few voxels are
numbers of one or two bytes, and what a row adds is looked up. Else labels are taken as components, whose runs are
measured (benchmarks: instances/many).
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.numba.components import Components
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Array
from fastseg.measures.label_sides import LabelBoxes
from fastseg_kernels._boxes import words_of
from fastseg_kernels.cpu import structures
from fastseg_kernels.cpu.components import runs as run_kernels

Longs = NDArray[np.int64]

# Bits of a row of a box, of which the last one is empty.
_ROW_BITS = (8, 16)
# Of how many voxels of a map one may lie in a box.
_SPARSE = 8
# So few are found among all voxels as soon.
_FEWEST = 1 << 8


def position_sums(labels: Array, boxes: LabelBoxes | None = None) -> tuple[Array, Longs]:
    """Add up the positions of the voxels of each label: row by row of its box, or run by run of its components."""
    volume = Volume.of(labels)
    if boxes is not None:
        sums = _of_small_ones(volume, boxes)
        if sums is not None:
            return boxes.labels, sums
    found = Components.of_labels(volume, 1, run_kernels.COLUMNS)
    own, rows = np.unique(labels[np.unravel_index(found.firsts, labels.shape)], return_inverse=True)
    sums = np.zeros((len(own), labels.ndim), np.int64)
    np.add.at(sums, rows.reshape(-1), found.sums)
    return own, sums


def _of_small_ones(volume: Volume, boxes: LabelBoxes) -> Longs | None:
    """Read all boxes as large as the largest one; None if that is no less than to read all voxels."""
    n, ndim = boxes.starts.shape
    if n < _FEWEST:
        return None
    starts, sizes = np.zeros((n, 3), np.int64), np.ones((n, 3), np.int64)
    order = slice(None, None, -1) if volume.reverse else slice(None)
    starts[:, 3 - ndim :] = boxes.starts[:, order]
    sizes[:, 3 - ndim :] = (boxes.stops - boxes.starts)[:, order]
    nz, ny, nx = sizes.max(axis=0).tolist()
    row_bits = next((bits for bits in _ROW_BITS if nx < bits), 0)
    shape = nz, ny, row_bits - 1
    if not row_bits or volume.labels.shape[2] < row_bits:
        return None
    if n * nz * ny * row_bits > volume.labels.size // _SPARSE:
        return None
    starts = np.minimum(starts, np.subtract(volume.labels.shape, shape))
    reach = np.array([0, 0, 1], np.int64)
    _, _, n_words, guard = words_of(*shape, *reach.tolist())
    words = np.zeros((n, n_words), np.uint64)
    places = np.concatenate([starts, np.broadcast_to(np.array(shape), (n, 3))], axis=1)
    bits = boxes.labels.view(f"u{boxes.labels.itemsize}").astype(np.uint64)
    structures.pack[volume.labels.dtype](
        volume.labels, bits, np.arange(n + 1), places, reach, words.reshape(-1)
    )
    rows = np.ascontiguousarray(words[:, guard:]).view(f"<u{row_bits // 8}")[:, : nz * ny]
    of_counts, of_sums = _of_rows(row_bits)
    counts = of_counts[rows].reshape(n, nz, ny)
    voxels = counts.sum(axis=(1, 2), dtype=np.int64)
    sums = starts * voxels[:, None]
    sums[:, 0] += counts.sum(axis=2, dtype=np.int64) @ np.arange(nz)
    sums[:, 1] += counts.sum(axis=1, dtype=np.int64) @ np.arange(ny)
    sums[:, 2] += of_sums[rows].sum(axis=1, dtype=np.int64)
    found: Longs = sums[:, 3 - ndim :][:, order]
    return found


@functools.cache
def _of_rows(bits: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Tell of each row how many voxels it has, and the sum of their places."""
    rows = np.arange(1 << bits)
    counts, sums = np.zeros(1 << bits, np.uint8), np.zeros(1 << bits, np.uint8)
    for place in range(bits):
        is_set = (rows >> place) & 1
        counts += is_set.astype(np.uint8)
        sums += (place * is_set).astype(np.uint8)
    return counts, sums
