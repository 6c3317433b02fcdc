"""Binary dilation of a whole mask as bits, 64 voxels a word: each step is a few shifts and ORs."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]

_ONE, _LAST = np.uint64(1), np.uint64(63)


def dilated(mask: Mask, connectivity: int, iterations: int) -> Mask:
    """Dilate a mask by its neighbours, some times over; what lies outside the array never counts.

    Parameters
    ----------
    mask : bool ndarray
        Contiguous, in C or Fortran order.
    connectivity : int
        Along how many axes a neighbour may differ.
    iterations : int

    Returns
    -------
    bool ndarray
        In the same order; as :func:`scipy.ndimage.binary_dilation` with the structure of this connectivity.
    """
    if iterations == 0:
        return mask
    reverse = mask.flags.f_contiguous and not mask.flags.c_contiguous
    ordered = mask.T if reverse else mask  # the structure is the same along all axes
    width = ordered.shape[-1]
    packed = np.packbits(ordered, axis=-1, bitorder="little")
    padding = [(0, 0)] * (mask.ndim - 1) + [(0, -packed.shape[-1] % 8)]
    words = np.pad(packed, padding).view(np.uint64)
    for _ in range(iterations):
        words = _step(words, connectivity)
    bits = np.unpackbits(words.view(np.uint8), axis=-1, count=width, bitorder="little")
    found = bits.view(bool)
    return found.T if reverse else found


def _step(words: Words, connectivity: int) -> Words:
    """Set all neighbours of what is set: those along any so many of the axes.

    What is shifted beyond the last voxel of a row comes back, if at all, where something was set before.
    """
    found = words.copy()
    for axes in itertools.combinations(range(words.ndim), connectivity):
        part = words
        for axis in reversed(axes):
            part = _spread(part, axis)
        found |= part
    return found


def _spread(words: Words, axis: int) -> Words:
    """Set the two neighbours along an axis."""
    found = words.copy()
    if axis == words.ndim - 1:
        found |= words << _ONE
        found |= words >> _ONE
        found[..., 1:] |= words[..., :-1] >> _LAST
        found[..., :-1] |= words[..., 1:] << _LAST
        return found
    first, last = [slice(None)] * words.ndim, [slice(None)] * words.ndim
    first[axis], last[axis] = slice(None, -1), slice(1, None)
    found[tuple(last)] |= words[tuple(first)]
    found[tuple(first)] |= words[tuple(last)]
    return found
