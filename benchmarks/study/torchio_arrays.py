"""TorchIO's transforms on plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torchio


def transformed(
    transform: torchio.Transform, image: NDArray[np.float32], spacing: float
) -> NDArray[np.float32]:
    """Apply a transform to an image whose centre is the origin of the world, which `Motion` turns it around."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(image.shape) - 1) / 2
    return _applied(transform, image, affine)


def on_the_grid(
    coarse: NDArray[np.float32], size: Sequence[int], shape: Sequence[int], block: int
) -> NDArray[np.float32]:
    """Interpolate linearly between the centres of blocks.

    Parameters
    ----------
    coarse : (X, Y, Z) float32 array
        A value for each block, the first of which begins where the grid does.
    size : sequence of int
        Of a block, along each axis, in fine voxels.
    shape : sequence of int
        Of the grid.
    block : int
        Fine voxels along each axis of a voxel of the grid.
    """
    import torchio

    target = (tuple(shape), _centred((block,) * 3))
    return _applied(torchio.Resample(target), coarse, _centred(size))


def _centred(size: Sequence[int]) -> NDArray[np.float64]:
    """Place blocks that begin at the corner of the world: the first one's centre is half a block away."""
    affine = np.diag([*size, 1.0])
    affine[:3, 3] = np.array(size) / 2
    return affine


def _applied(transform: Any, image: NDArray[np.float32], affine: Any) -> NDArray[np.float32]:
    import torch
    import torchio

    tensor = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None]
    result = transform(torchio.ScalarImage(tensor=tensor, affine=affine))
    return np.ascontiguousarray(result.numpy()[0], np.float32)
