"""What another rater would have drawn: the boundaries of all labels moved by one smooth random field.

A map has no boundaries finer than its voxels. Where one runs between two voxels is estimated from the neighbourhood
(a smoothed indicator of each label), so a movement of a part of a voxel moves the right share of the voxels along an
oblique or curved surface. The mean distance of two maps is about 0.8 of the strength, as the mean size of anything
that is normally distributed is, on fine grids; with voxels of 3 mm, 0.4 to 0.8 of it were measured from 1 mm on, and
0.2 to 0.7 at 0.5 mm. Below half a voxel nothing changes along a flat face that follows the grid, nor where a label is
a single voxel thin, of which smoothing knows no boundary. The field is no rougher than two voxels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: standard deviation of the boundary's displacement, in millimetres, of levels 1 to 5
RATER_STRENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0)
#: tolerances of the normalized surface distance, of levels 1 to 5
TOLERANCES_MM = (1.0, 2.0, 3.0, 4.0, 5.0)

#: standard deviation of the Gaussian that smooths the field; displacements at twice the distance are nearly unrelated
FIELD_MM = 6.0
#: standard deviation of the Gaussian that finds boundaries, in voxels
BOUNDARY = 0.8
#: by how much a voxel's own label must lead after smoothing, or it is taken for a thin part
LEAD = 0.03


def redrawn(
    truth: NDArray[np.uint8],
    spacing: float,
    strength_mm: float,
    seed: int,
    systematic_mm: float = 0.0,
) -> NDArray[np.uint8]:
    """Give a second rater's map.

    Parameters
    ----------
    truth : (X, Y, Z) uint8 array
    spacing : float
        Millimetres of a voxel, on all axes.
    strength_mm : float
        Standard deviation of the displacement along the boundary's normal: the rater's random error. The same seed
        at another strength is the same field, scaled.
    seed : int
    systematic_mm : float
        By how much everything that is named is drawn too large (or, below 0, too small): the rater's bias. Boundaries
        between two labels have no larger side and stay.

    Returns
    -------
    (X, Y, Z) uint8 array
        Each voxel has one of the labels of `truth`.
    """
    rng = np.random.default_rng(seed)
    place = np.indices(truth.shape, np.float32)
    for axis in range(3):
        # the mirrored edge keeps the field as strong there as elsewhere
        drawn = rng.standard_normal(truth.shape, np.float32)
        field = ndimage.gaussian_filter(drawn, max(FIELD_MM / spacing, 2.0), mode="reflect")
        place[axis] += strength_mm / spacing / field.std() * field
    if systematic_mm:
        place += systematic_mm / spacing * _inwards(truth > 0)
    values = np.unique(truth)
    best = np.full(truth.shape, -np.inf, np.float32)
    result = np.zeros(truth.shape, np.uint8)
    for value, belief in zip(values, _beliefs(truth, values), strict=True):
        there = ndimage.map_coordinates(belief, place, order=1, mode="nearest")
        result[there > best] = value
        np.maximum(best, there, out=best)
    return result


def _beliefs(truth: NDArray[np.uint8], values: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give each label's smoothed indicator; but a voxel that smoothing all but gives away is its own label's alone."""
    own = np.stack([truth == value for value in values])
    smooth = np.stack(
        [ndimage.gaussian_filter(mask.astype(np.float32), BOUNDARY, mode="nearest") for mask in own]
    )
    others = np.where(own, np.float32(-np.inf), smooth).max(0)
    # a voxel of a flat face leads by a half, one of a sheet by nothing
    lost = np.where(own, smooth, np.float32(0)).sum(0) < others + LEAD
    return np.asarray(np.where(lost, own, smooth), np.float32)


def _inwards(named: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give unit vectors into what is named, near its surface."""
    smooth = ndimage.gaussian_filter(named.astype(np.float32), 1.5, mode="nearest")
    slope = np.stack(np.gradient(smooth))
    length = np.sqrt((slope**2).sum(0))
    return np.asarray(slope / np.maximum(length, 1e-3), np.float32)
