"""Masks as 64-voxel words, packed and unpacked by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
NONE = np.uint64(0)


def volume(array: NDArray[Any]) -> NDArray[Any]:
    """An array of up to three axes as C-contiguous z, y, x."""
    return np.ascontiguousarray(array).reshape((1,) * (3 - array.ndim) + array.shape)


def pack(mask: Mask) -> Words:
    """(nz, ny, ceil(nx / 64)): bit i of word w is voxel 64 * w + i."""
    mask = volume(mask)
    nz, ny, nx = mask.shape
    padded = np.zeros((nz, ny, -(-nx // 64) * 64), bool)
    padded[..., :nx] = mask
    octets = np.packbits(padded, axis=-1, bitorder="little")
    return octets.view("<u8").astype(np.uint64)


def unpack(words: Words, width: int) -> Mask:
    """The first `width` voxels of every row; there must be none beyond."""
    octets = np.ascontiguousarray(words).astype("<u8").view(np.uint8)
    mask = np.unpackbits(octets, axis=-1, bitorder="little").astype(bool)
    assert not mask[..., width:].any()
    return mask[..., :width]


def last_bits(width: int) -> np.uint64:
    """The bits of a row's last word that are voxels."""
    return np.uint64(2 ** (width % 64 or 64) - 1)


def whole(words: Words) -> NDArray[np.int64]:
    """All of some words, as kernels take a part of them."""
    return np.array([(0, 0, 0), words.shape])


def amid_nothing(words: Words) -> tuple[Words, NDArray[np.int64]]:
    """Words as a part of larger ones, whose rows lie a word apart."""
    around = np.pad(words, ((1, 2), (2, 1), (1, 0)))
    return around, np.array([(1, 2, 1), words.shape])


def amid_others(words: Words) -> tuple[Words, NDArray[np.int64]]:
    """Words as a part of larger ones, with all bits set around it, which a kernel must not see."""
    around = np.pad(words, ((2, 1), (1, 2), (1, 1)), constant_values=ALL)
    return around, np.array([(2, 1, 1), words.shape])
