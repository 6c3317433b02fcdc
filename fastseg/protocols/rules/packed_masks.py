"""Where the voxels of packed masks lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Places = NDArray[np.int64]

_ONE = np.uint64(1)


def places_of_bits(words: Words, width: int) -> Places:
    """Give the voxels of a packed mask, ascending, as places in the flat volume (nz, ny, width)."""
    flat = words.reshape(-1)
    occupied = (flat != 0).nonzero()[0]  # of bools it is faster
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
