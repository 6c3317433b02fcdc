"""Dilation of packed masks, 64 voxels at a time, and where their voxels lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Places = NDArray[np.int64]

_ONE, _TOP, _ALL = np.uint64(1), np.uint64(63), np.uint64(0xFFFFFFFFFFFFFFFF)


def dilated(words: Words, width: int, iterations: int) -> Words:
    """Dilate by faces and edges, as often as asked for: SciPy's ``generate_binary_structure(3, 2)``.

    Parameters
    ----------
    words : uint64 ndarray (nz, ny, row_words)
        Bits beyond `width` are 0.
    width : int
        Voxels of a row.
    iterations : int
        0 gives the mask itself.

    Notes
    -----
    The 19 voxels are those of three squares: a voxel's neighbours in each of the three planes. So one step is a square
    of rows and columns, and what either of two lines has, in the slices next to it.
    """
    last = _ALL >> np.uint64(-width % 64)
    for _ in range(iterations):
        along_rows = words | (words << _ONE) | (words >> _ONE)
        along_rows[..., 1:] |= words[..., :-1] >> _TOP
        along_rows[..., :-1] |= words[..., 1:] << _TOP
        along_rows[..., -1] &= last
        lines = along_rows.copy()
        lines[:, 1:] |= words[:, :-1]
        lines[:, :-1] |= words[:, 1:]
        grown = along_rows.copy()
        grown[:, 1:] |= along_rows[:, :-1]
        grown[:, :-1] |= along_rows[:, 1:]
        grown[1:] |= lines[:-1]
        grown[:-1] |= lines[1:]
        words = grown
    return words


def places_of_bits(words: Words, width: int) -> Places:
    """Give the voxels of a packed mask, ascending, as places in the flat volume (nz, ny, width)."""
    flat = words.reshape(-1)
    occupied = flat.nonzero()[0]
    bytes_of_each = flat[occupied].astype("<u8").view(np.uint8)
    bits = np.unpackbits(bytes_of_each, bitorder="little").view(bool).nonzero()[0]
    at = occupied[bits >> 6]
    row_words = words.shape[2]
    rows = at // row_words
    places: Places = rows * width + (at - rows * row_words << 6) + (bits & 63)
    return places


def without_places(words: Words, width: int, places: Places) -> Words:
    """Clear some voxels."""
    cleared = words.copy()
    rows, columns = np.divmod(places, width)
    at = rows * words.shape[2] + (columns >> 6)
    bits = _ONE << (columns & 63).astype(np.uint64)
    np.bitwise_and.at(cleared.reshape(-1), at, ~bits)
    return cleared
