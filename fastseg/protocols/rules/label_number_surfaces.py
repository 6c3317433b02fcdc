"""The robust Hausdorff distance that surface-distance gives of label numbers where it expects masks of 0 and 1.

A corner's code is a sum over the eight voxels around it, each times a power of two, kept in a byte: of numbers beyond 1
it is no longer the pattern of the corner. Inside lesion 2 it is 254 instead of 255, so that the inside of every lesion
but the first counts as surface, with areas of whatever patterns the sums hit.

Codes are added up where lesions are, a volume of bytes of which little is touched, and go as bits to the search that
finds distances between surfaces.
"""

from __future__ import annotations

import functools
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.shared.packed import PackedPair
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import SurfaceDistributions
from fastseg.measures.surface_areas import surfel_measures
from fastseg.protocols.rules.lesions import Lesions, Numbers
from fastseg.protocols.rules.packed_masks import Words

_CODES = np.arange(256)
# the code of a pattern in the order of surface-distance, whose first voxel is its greatest bit
_MIRRORED = sum(((_CODES >> bit) & 1) << (7 - bit) for bit in range(8))

Bytes = NDArray[np.uint8]


def label_number_surfaces(
    reference: Lesions, prediction: Lesions, spacing: Spacing
) -> SurfaceDistributions:
    """Measure between what surface-distance takes for the surfaces of two maps of lesions.

    Parameters
    ----------
    reference, prediction : Lesions
        Of one window; at least one side has some.
    spacing : tuple of 3 float
        Along x, y, z.
    """
    window = reference.window
    sides = [np.stack(one.positions) for one in (reference, prediction)]
    filled = [at for at in sides if at.size]
    first = np.min([at.min(axis=1) for at in filled], axis=0)
    last = np.max([at.max(axis=1) for at in filled], axis=0)
    nz, ny, nx = (last - first + 2).tolist()  # corners
    shape = nz, ny, nx
    areas, kinds = _kinds(spacing)
    (own, own_codes), (other, other_codes) = (
        _elements(at - first[:, None], side.numbers, shape, window.reverse)
        for at, side in zip(sides, (reference, prediction), strict=True)
    )
    pair = PackedPair(own, other, shape, 3, not window.reverse)
    codes = kinds[own_codes], kinds[other_codes]
    return SurfaceDistributions(*window.packed.distributions(pair, codes, areas, spacing))


@functools.lru_cache(maxsize=16)
def _kinds(spacing: Spacing) -> tuple[NDArray[np.float64], Bytes]:
    """List the different areas, ascending, and tell which of them each code has."""
    areas, kinds = np.unique(surfel_measures(spacing)[_MIRRORED], return_inverse=True)
    return areas, kinds.astype(np.uint8)


def _elements(
    at: Numbers, numbers: Numbers, shape: tuple[int, int, int], reverse: bool
) -> tuple[Words, Bytes]:
    """Mark the corners whose code is neither 0 nor 255 as bits, and give their codes in memory order."""
    nz, ny, nx = shape
    row_words = -(-nx // 64)
    steps = ny * 64 * row_words, 64 * row_words, 1
    codes = np.zeros(nz * steps[0], np.uint8)
    places = at[0] * steps[0] + at[1] * steps[1] + at[2]
    weights = (4, 2, 1) if reverse else (1, 2, 4)  # x has the greatest
    of_voxels = numbers.astype(np.uint8)  # what is beyond 255 begins anew
    for ends in product((0, 1), repeat=3):
        away = sum(end * step for end, step in zip(ends, steps, strict=True))
        shift = sum(end * weight for end, weight in zip(ends, weights, strict=True))
        codes[places + away] += of_voxels << np.uint8(shift)
    groups = (codes.view(np.uint64) != 0).nonzero()[0]  # of bools it is faster
    near = codes.reshape(-1, 8)[groups]
    marked = (near != 0) & (near != 255)
    bits = np.zeros(codes.size // 8, np.uint8)
    bits[groups] = np.packbits(marked, axis=1, bitorder="little")[:, 0]
    words = bits.view("<u8").astype(np.uint64, copy=False).reshape(nz, ny, row_words)
    return words, near[marked]
