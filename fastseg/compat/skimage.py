"""Drop-in for the segmentation metrics of ``skimage.metrics``, and for some of ``skimage.measure`` and its skeletons.

``hausdorff_distance`` measures between all voxels that are not zero, not between surfaces, and in voxels; it equals
scikit-image's to the bit. ``hausdorff_pair`` may give another pair that is as far apart. ``adapted_rand_error`` is
equal to the bit while sums of squared counts stay below 2**53; ``variation_of_information`` and normalised tables agree
to rounding, which is smaller here: scikit-image sums 1/N voxel by voxel. ``label`` gives scikit-image's numbers, in the
memory order of the image, where scikit-image always gives C order. ``skeletonize`` is of three axes, or of two with
``method="lee"``, voxel for voxel; ``euler_number`` and ``perimeter_crofton`` are to the bit.

Left to scikit-image: Zhang's skeletons, which it gives of two axes unless told otherwise, the Euler number of volumes
with ``connectivity=2``, which it refuses, what ``regionprops`` makes of its regions, ``table=``, images of different
shapes or of more than three axes (contingency tables only), label images that are not non-negative integers, images
that are all ignored, a connectivity that is no whole number, and all other names.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.patching import Host, NotCovered, Patch, falls_back_to, rest_of
from fastseg.compat._support.skimage_label import label
from fastseg.compat._support.skimage_partitions import (
    adapted_rand_error,
    contingency_table,
    variation_of_information,
)
from fastseg.compat._support.skimage_shapes import euler_number, perimeter_crofton, skeletonize
from fastseg.compat._support.volumetric import directed_distances

__all__ = [
    "adapted_rand_error",
    "contingency_table",
    "euler_number",
    "hausdorff_distance",
    "hausdorff_pair",
    "label",
    "perimeter_crofton",
    "skeletonize",
    "variation_of_information",
]

__getattr__ = rest_of("skimage.metrics")

Labels = NDArray[Any]
Mask = NDArray[np.bool_]


# ---------------------------------------------------------------------------- sets of points


@falls_back_to("skimage.metrics", "hausdorff_distance")
def hausdorff_distance(image0: Labels, image1: Labels, method: str = "standard") -> float:
    """Hausdorff distance between the nonzero voxels of two images, as ``skimage.metrics.hausdorff_distance``.

    Parameters
    ----------
    image0, image1 : ndarray
    method : {"standard", "modified"}
        The largest distance of a voxel to the other image, or the larger of the two directions' means.

    Returns
    -------
    float
        In voxels; 0 if both images are empty, inf if one is.

    Raises
    ------
    ValueError
        For another method.

    Examples
    --------
    >>> from fastseg.compat.skimage import hausdorff_distance
    >>> float(hausdorff_distance([[1, 1, 0, 0]], [[1, 0, 0, 1]]))
    2.0
    """
    if method not in ("standard", "modified"):
        raise ValueError(f"unrecognized method {method}; expected 'standard' or 'modified'")
    first, second = _masks(image0, image1)
    if not (first.any() and second.any()):
        return np.inf if first.any() or second.any() else 0
    directions = directed_distances(first, second, (1.0,) * first.ndim)
    reduce = np.max if method == "standard" else np.mean
    reduced: list[Any] = [reduce(distances) for distances in directions]
    larger: float = max(reduced)  # an np.float64, as there
    return larger


@falls_back_to("skimage.metrics", "hausdorff_pair")
def hausdorff_pair(image0: Labels, image1: Labels) -> tuple[Any, Any]:
    """Find a voxel of each image that are the Hausdorff distance apart, as ``skimage.metrics.hausdorff_pair``.

    Parameters
    ----------
    image0, image1 : ndarray

    Returns
    -------
    tuple of int64 ndarray (ndim,)
        A voxel of `image0` and one of `image1`; of several pairs, the one whose farther voxel comes first in C order,
        and for it the first of the nearest. Two empty tuples if an image is empty.

    Warns
    -----
    UserWarning
        If an image is empty.

    Examples
    --------
    >>> from fastseg.compat.skimage import hausdorff_pair
    >>> hausdorff_pair([[1, 1, 0, 0]], [[1, 0, 0, 1]])
    (array([0, 1]), array([0, 3]))
    """
    first, second = _masks(image0, image1)
    if not (first.any() and second.any()):
        warnings.warn("One or both of the images is empty.", stacklevel=3)
        return (), ()
    forward, backward = directed_distances(first, second, (1.0,) * first.ndim)
    if forward.max() > backward.max():
        point = _voxel(first, int(forward.argmax()))
        return point, _nearest(second, point, float(forward.max()))
    point = _voxel(second, int(backward.argmax()))
    return _nearest(first, point, float(backward.max())), point


def _masks(image0: Labels, image1: Labels) -> tuple[Mask, Mask]:
    images = np.asarray(image0), np.asarray(image1)
    for image in images:
        if not image.size or not image.ndim or image.dtype.kind not in "biuf":
            raise NotCovered(f"an image of dtype {image.dtype} and shape {image.shape}")
    if images[0].shape != images[1].shape:
        raise NotCovered("images of different shapes")
    return images[0] != 0, images[1] != 0


def _voxel(mask: Mask, number: int) -> NDArray[np.int64]:
    """Where a mask's n-th voxel lies."""
    return np.array(np.unravel_index(np.flatnonzero(mask)[number], mask.shape))


def _nearest(mask: Mask, point: NDArray[np.int64], distance: float) -> NDArray[np.int64]:
    """The voxel of a mask at this distance of a point, which is the nearest."""
    reach = math.ceil(distance)
    corner = np.maximum(point - reach, 0)
    box = tuple(slice(int(a), int(b)) for a, b in zip(corner, point + reach + 1, strict=True))
    voxels = np.argwhere(mask[box]) + corner
    found: NDArray[np.int64] = voxels[((voxels - point) ** 2).sum(axis=1).argmin()]
    return found


PATCHES = Host(
    distribution="scikit-image",
    since="0.25",
    until="0.27",
    rows=(
        Patch("skimage.measure", "euler_number", euler_number),
        Patch("skimage.measure", "label", label),
        Patch("skimage.measure", "perimeter_crofton", perimeter_crofton),
        Patch("skimage.measure._label", "label", label),
        Patch("skimage.metrics", "adapted_rand_error", adapted_rand_error),
        Patch("skimage.metrics", "contingency_table", contingency_table),
        Patch("skimage.metrics", "hausdorff_distance", hausdorff_distance),
        Patch("skimage.metrics", "hausdorff_pair", hausdorff_pair),
        Patch("skimage.metrics", "variation_of_information", variation_of_information),
        Patch("skimage.metrics.set_metrics", "hausdorff_distance", hausdorff_distance),
        Patch("skimage.metrics.set_metrics", "hausdorff_pair", hausdorff_pair),
        Patch("skimage.morphology", "label", label),
        Patch("skimage.morphology", "skeletonize", skeletonize),
        Patch("skimage.morphology._skeletonize", "skeletonize", skeletonize),
        Patch("skimage.morphology.convex_hull", "label", label),
        Patch("skimage.restoration.inpaint", "label", label),
        Patch("skimage.segmentation._clear_border", "label", label),
    ),
)
