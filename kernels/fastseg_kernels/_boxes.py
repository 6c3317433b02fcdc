"""Masks of small boxes as bits, rows one behind the other with zeros between; see `cpu.structures`."""

import numpy as np

from fastseg_kernels._jit import inlined


def words_of(nz, ny, nx, reach_z, reach_y, reach_x):
    """Compute the bits from row to row and from slice to slice of a box, its words, and how many at either end are 0.

    Whole numbers, or arrays of these.
    """
    row_bits = nx + reach_x
    slice_bits = (ny + reach_y) * row_bits
    guard = (reach_z * slice_bits + reach_y * row_bits + reach_x) // 64 + 2
    bits = (nz - 1) * slice_bits + (ny - 1) * row_bits + nx
    return row_bits, slice_bits, (bits + 63) // 64 + 2 * guard, guard


#: the same for kernels
words_of_box = inlined(words_of)


@inlined
def shifted(words, place, step):
    """Read the 64 bits that lie `step` bits behind the word at `place`."""
    at = np.uint64(np.int64(place) + (step >> 6))
    bit = np.uint64(step & 63)
    return (words[at] >> bit) | (
        (words[at + np.uint64(1)] << np.uint64(1)) << (np.uint64(63) - bit)
    )
