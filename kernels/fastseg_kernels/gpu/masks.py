"""Launches `masks.cu`: masks of 32 voxels a word, packed, unpacked, counted and listed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastseg_kernels.gpu._module import (
    DeviceArray,
    asarray,
    blocks_for,
    empty,
    launch,
    sizes,
    type_suffix,
    zeros,
)

_WORDS_PER_WARP = 8
_WORDS_PER_BLOCK = 1024


def n_words(nx: int) -> int:
    """Count the words of a row of so many voxels."""
    return -(-nx // 32)


def _blocks_for_rows(words: DeviceArray) -> int:
    """Count the blocks that have a warp for every few words of each row."""
    rows, nw = words.shape[0] * words.shape[1], words.shape[2]
    return blocks_for(32 * rows * -(-nw // _WORDS_PER_WARP))


def select(
    labels: DeviceArray, values: Sequence[int], corner: Sequence[int], shape: tuple[int, int, int]
) -> DeviceArray:
    """Pack the voxels of a box whose label is one of `values`.

    Parameters
    ----------
    labels : unsigned integers (nz, ny, nx), C-contiguous
    values : sequence of int
        At least one.
    corner, shape : (int, int, int)
        Where the box starts, and its size, along z, y, x.

    Returns
    -------
    uint32 (nz, ny, ceil(nx / 32))
    """
    words = empty((*shape[:2], n_words(shape[2])), np.uint32)
    row_step, slice_step = labels.shape[2], labels.shape[1] * labels.shape[2]
    start = corner[0] * slice_step + corner[1] * row_step + corner[2]
    launch(
        "masks",
        f"select_{type_suffix(labels)}",
        _blocks_for_rows(words),
        *(labels, np.uint64(start), np.uint64(row_step), np.uint64(slice_step), *sizes(*shape)),
        *(asarray(np.array(values, np.uint64)), np.int32(len(values)), words),
    )
    return words


def unpack(words: DeviceArray, nx: int) -> DeviceArray:
    """Make a byte, 0 or 1, for each voxel of rows of `nx` voxels."""
    out = empty((*words.shape[:2], nx), np.uint8)
    rows = np.uint64(words.shape[0] * words.shape[1])
    launch("masks", "unpack", _blocks_for_rows(words), words, rows, *sizes(nx), out)
    return out


def count_bits(words: DeviceArray) -> DeviceArray:
    """Count the set bits of each stretch of words, as uint64; the counts add up to all set bits."""
    counts = empty(-(-words.size // _WORDS_PER_BLOCK), np.uint64)
    launch("masks", "count_bits", counts.size, words, np.uint64(words.size), counts)
    return counts


def bit_positions(words: DeviceArray, starts: DeviceArray, n: int) -> DeviceArray:
    """List the positions of the set bits, 32 times the word plus the bit, ascending: uint64 (n,).

    `starts` holds how many set bits come before each stretch of `count_bits`; there are `n` in all.
    """
    out = empty(n, np.uint64)
    if n:
        launch("masks", "bit_positions", starts.size, words, np.uint64(words.size), starts, out)
    return out


def count_overlap(a: DeviceArray, b: DeviceArray) -> DeviceArray:
    """Count the set bits of a, of b, and of both at once: uint64 (3,)."""
    counts = zeros(3, np.uint64)
    blocks = -(-a.size // _WORDS_PER_BLOCK)
    launch("masks", "count_overlap", blocks, a, b, np.uint64(a.size), counts)
    return counts
