"""Launches `surface.cu`: surfaces of packed masks by both definitions, and the band along them."""

from __future__ import annotations

import numpy as np

from fastseg_kernels.gpu._module import DeviceArray, asarray, blocks_for, empty, launch, sizes

ALL_BITS = 0xFFFFFFFF


def face_surface(words: DeviceArray, ndim: int) -> DeviceArray:
    """Find the voxels of the mask with a face neighbour outside it; what lies beyond the image is outside."""
    surface = empty(words.shape, np.uint32)
    arguments = (words, *sizes(*words.shape), np.int32(ndim), surface)
    launch("surface", "face_surface", blocks_for(words.size), *arguments)
    return surface


def erosion_surface(
    words: DeviceArray, ndim: int, connectivity: int, last_bits: int, outside: bool
) -> DeviceArray:
    """Find the voxels with a neighbour outside the mask that differs along at most `connectivity` axes.

    Parameters
    ----------
    last_bits : int
        The bits of a row's last word that are voxels.
    outside : bool
        Whether what lies beyond the image counts as set.
    """
    surface = empty(words.shape, np.uint32)
    launch(
        "surface",
        "erosion_surface",
        blocks_for(words.size),
        *(words, *sizes(*words.shape), np.int32(ndim), np.int32(connectivity)),
        *(np.uint32(last_bits), np.uint32(ALL_BITS if outside else 0), surface),
    )
    return surface


def corner_surface(words: DeviceArray, ndim: int, lattice: tuple[int, int, int]) -> DeviceArray:
    """Find the corners that carry surface, on a lattice of so many slices, rows and words."""
    corners = empty(lattice, np.uint32)
    arguments = (words, *sizes(*words.shape), np.int32(ndim), *sizes(*lattice), corners)
    launch("surface", "corner_surface", blocks_for(corners.size), *arguments)
    return corners


def corner_codes(
    words: DeviceArray, ndim: int, lattice: tuple[int, int, int], bit_positions: DeviceArray
) -> DeviceArray:
    """Read which voxels around each of the corners at `bit_positions` of the lattice are set: uint8 (n,)."""
    codes = empty(bit_positions.shape, np.uint8)
    launch(
        "surface",
        "corner_codes",
        blocks_for(bit_positions.size),
        *(words, *sizes(*words.shape), np.int32(ndim), *sizes(*lattice[1:])),
        *(bit_positions, np.uint64(bit_positions.size), codes),
    )
    return codes


def band(mask: DeviceArray, surface: DeviceArray, offsets: np.ndarray) -> DeviceArray:
    """Find the voxels of a mask from which one of `offsets` (n, 3), dz, dy, dx, nearest first, leads to `surface`."""
    out = empty(mask.shape, np.uint32)
    device_offsets = asarray(np.ascontiguousarray(offsets, np.int32))
    arguments = (mask, surface, *sizes(*mask.shape), device_offsets, np.int32(len(offsets)), out)
    launch("surface", "band", blocks_for(mask.size), *arguments)
    return out
