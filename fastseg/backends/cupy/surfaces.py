"""Surfaces for the cupy backend: of both masks of a region, and the distances between them."""

from __future__ import annotations

import cupy
import numpy as np

from fastseg.backends.cupy import nearest
from fastseg.backends.cupy.masks import Mask
from fastseg.backends.shared.geometry import ordered_codes
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Spacing
from fastseg.measures.surface_areas import CODE_MEASURES
from fastseg.measures.surface_distances import COUNTED, Boundary, SurfaceDistances
from fastseg_kernels.gpu import masks as mask_kernels
from fastseg_kernels.gpu import surface as surface_kernels
from fastseg_kernels.gpu._module import DeviceArray


def distances_between(
    masks: tuple[Mask, Mask], spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    """Take both surfaces, and ask for each element of one for the nearest of the other; the answers come to the CPU."""
    geometry = masks[0].geometry(spacing)
    ndim = geometry.ndim
    if boundary in CODE_MEASURES:
        geometry = geometry.lattice()
        lattice = (*geometry.shape[:2], mask_kernels.n_words(geometry.shape[2]))
        surfaces = [surface_kernels.corner_surface(mask.words, ndim, lattice) for mask in masks]
    else:
        surfaces = [surface_kernels.face_surface(mask.words, ndim) for mask in masks]
    queries = [nearest.bit_positions(words) for words in surfaces]
    forward, backward = (
        nearest.distances(queries[i], surfaces[1 - i], bool(queries[1 - i].size), geometry)
        for i in (0, 1)
    )
    if boundary == "voxel":
        return SurfaceDistances(forward, backward)
    codes = [
        cupy.asnumpy(surface_kernels.corner_codes(mask.words, ndim, lattice, where))
        for mask, where in zip(masks, queries, strict=True)
    ]
    areas = ordered_codes(CODE_MEASURES[boundary](spacing), ndim, geometry.reverse)
    return SurfaceDistances(
        forward, backward, codes[0], codes[1], areas, counted=boundary in COUNTED
    )


def surface_of(mask: DeviceArray, connectivity: int, edge: str) -> DeviceArray:
    """Find the surface voxels of a bool array: pack, take the surface, unpack."""
    packed = Mask.of(Volume.of(mask), (1,))
    ndim = packed.volume.ndim
    if connectivity == 1 and edge == "background":
        words = surface_kernels.face_surface(packed.words, ndim)
    else:
        last_bits = surface_kernels.ALL_BITS >> -packed.shape[2] % 32
        words = surface_kernels.erosion_surface(
            packed.words, ndim, connectivity, last_bits, edge == "ignore"
        )
    return packed.volume.restored(mask_kernels.unpack(words, packed.shape[2]).view(np.bool_))
