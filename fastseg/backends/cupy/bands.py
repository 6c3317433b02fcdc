"""Boundary bands for the cupy backend: the voxels of a mask that lie nearer to its own surface than a width."""

from __future__ import annotations

import cupy
import numpy as np

from fastseg.backends.cupy import transform
from fastseg.backends.cupy.masks import Mask
from fastseg.backends.shared.offsets import ball
from fastseg.inputs.arrays import Spacing
from fastseg.measures.overlap import Overlap
from fastseg_kernels.gpu import masks as mask_kernels
from fastseg_kernels.gpu import surface as surface_kernels
from fastseg_kernels.gpu._module import DeviceArray

# A ball of more offsets than this is slower than a transform (estimated: two words an offset against 24 bytes a voxel).
_LARGEST_BALL = 1000


def band_overlap(masks: tuple[Mask, Mask], spacing: Spacing, width: float) -> Overlap:
    """Dilate each surface by a ball, inside its mask, and count."""
    bands = [_band(mask, spacing, width) for mask in masks]
    return Overlap(*cupy.asnumpy(mask_kernels.count_overlap(*bands)).tolist())


def _band(mask: Mask, spacing: Spacing, width: float) -> DeviceArray:
    surface_words = surface_kernels.face_surface(mask.words, mask.volume.ndim)
    geometry = mask.geometry(spacing)
    offsets = ball(geometry.spacing, mask.shape, geometry.reverse, width, _LARGEST_BALL)
    if offsets is not None:
        return surface_kernels.band(mask.words, surface_words, offsets)
    distances, _ = transform.transform(surface_words, mask.shape, geometry.spacing, geometry.order)
    near = (distances < width).view(np.uint8)
    return mask.words & mask_kernels.select(near, (1,), (0, 0, 0), mask.shape)
