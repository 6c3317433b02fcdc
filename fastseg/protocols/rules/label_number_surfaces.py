"""The robust Hausdorff distance that surface-distance gives of label numbers where it expects masks of 0 and 1.

A corner's code is a sum over the eight voxels around it, each times a power of two, kept in a byte: of numbers beyond 1
it is no longer the pattern of the corner. Inside lesion 2 it is 254 instead of 255, so that the inside of every lesion
but the first counts as surface, with areas of whatever patterns the sums hit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array, Spacing
from fastseg.measures.distributions import Distribution, SurfaceDistributions
from fastseg.measures.surface_areas import surfel_measures
from fastseg.protocols.framework.label_pair import LabelPair

_CODES = np.arange(256)
# the code of a pattern in the order of surface-distance, whose first voxel is its greatest bit
_MIRRORED = sum(((_CODES >> bit) & 1) << (7 - bit) for bit in range(8))


def label_number_surfaces(
    pair: LabelPair, reference: Array, prediction: Array, spacing: Spacing
) -> SurfaceDistributions:
    """Measure between what surface-distance takes for the surfaces of two maps of lesions.

    Parameters
    ----------
    pair : LabelPair
        Whose backend transforms.
    reference, prediction : integer ndarray
        Numbers of lesions along x, y, z, of which at least one map has some.
    spacing : tuple of 3 float
    """
    either = (reference != 0) | (prediction != 0)
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        at = either.any(axis=others).nonzero()[0]
        box.append(slice(at[0], at[-1] + 1))
    codes = [_codes(labels[tuple(box)]) for labels in (reference, prediction)]
    borders = [(of_side != 0) & (of_side != 255) for of_side in codes]
    areas = surfel_measures(spacing)[_MIRRORED]
    directions = []
    for own, other in ((0, 1), (1, 0)):
        elements = codes[own][borders[own]]
        if borders[other].any():
            distances, _ = pair.backend.operations.distance_transform_edt(
                ~borders[other], spacing, False, np.float64
            )
            found = distances[borders[own]]
        else:
            found = np.full(len(elements), np.inf)
        directions.append(Distribution.of(found, areas[elements]))
    return SurfaceDistributions(directions[0], directions[1])


def _codes(labels: Array) -> NDArray[np.uint8]:
    """Add up what the corners see, in bytes, as SciPy's correlation of a byte map does."""
    nx, ny, nz = labels.shape
    padded = np.zeros((nx + 2, ny + 2, nz + 2), np.uint8)
    padded[1:-1, 1:-1, 1:-1] = labels.astype(np.uint8)  # what is beyond 255 begins anew
    codes = np.zeros((nx + 1, ny + 1, nz + 1), np.uint8)
    for bit in range(8):
        i, j, k = bit >> 2 & 1, bit >> 1 & 1, bit & 1
        codes += padded[i : i + nx + 1, j : j + ny + 1, k : k + nz + 1] << np.uint8(7 - bit)
    return codes
