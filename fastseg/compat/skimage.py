"""Drop-in for the segmentation metrics of ``skimage.metrics``, and for ``skimage.measure.label``.

``hausdorff_distance`` measures between all voxels that are not zero, not between surfaces, and in voxels; it equals
scikit-image's to the bit. ``hausdorff_pair`` may give another pair that is as far apart. ``adapted_rand_error`` is
equal to the bit while sums of squared counts stay below 2**53; ``variation_of_information`` and normalised tables agree
to rounding, which is smaller here: scikit-image sums 1/N voxel by voxel. ``label`` gives scikit-image's numbers, in the
memory order of the image, where scikit-image always gives C order.

Left to scikit-image: ``table=``, images of different shapes or of more than three axes (contingency tables only), label
images that are not non-negative integers, images that are all ignored, a connectivity that is no whole number, and all
other names.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch
from fastseg.compat._support.patching import Host, NotCovered, Patch, falls_back_to, rest_of
from fastseg.compat._support.skimage_label import label
from fastseg.compat._support.volumetric import directed_distances
from fastseg.inputs.arrays import matched
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.partitions import Partition, kept_pairs

__all__ = [
    "adapted_rand_error",
    "contingency_table",
    "hausdorff_distance",
    "hausdorff_pair",
    "label",
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


# ---------------------------------------------------------------------------- contingency


@falls_back_to("skimage.metrics", "contingency_table")
def contingency_table(
    im_true: Labels,
    im_test: Labels,
    *,
    ignore_labels: int | Sequence[int] | None = None,
    normalize: bool = False,
    sparse_type: str = "matrix",
) -> Any:
    """Count how often each true label meets each test label, as ``skimage.metrics.contingency_table``.

    Parameters
    ----------
    im_true, im_test : ndarray of non-negative integers
    ignore_labels : int or sequence of int, optional
        True labels whose voxels are not counted.
    normalize : bool
        Divide by the number of counted voxels.
    sparse_type : {"matrix", "array"}

    Returns
    -------
    scipy.sparse.csr_matrix or csr_array of float64
        Rows true labels, columns test labels.

    Raises
    ------
    ValueError
        For another sparse type.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.skimage import contingency_table
    >>> contingency_table(np.array([0, 1, 1]), np.array([0, 0, 2])).toarray()
    array([[1., 0., 0.],
           [1., 0., 1.]])
    """
    from scipy import sparse

    pairs, ignored = _pairs(im_true, im_test, () if ignore_labels is None else ignore_labels)
    values = np.where(ignored, 0, pairs.counts).astype(np.float64)
    if normalize:
        values /= values.sum()
    if sparse_type not in ("matrix", "array"):
        raise ValueError(f"`sparse_type` must be 'array' or 'matrix', got {sparse_type}")
    # labels in the images' own types, after which SciPy chooses the type of the table's indices
    rows = pairs.reference_labels.astype(im_true.dtype)
    columns = pairs.prediction_labels.astype(im_test.dtype)
    table = sparse.csr_array((values, (rows, columns)))
    return table if sparse_type == "array" else sparse.csr_matrix(table)


@falls_back_to("skimage.metrics", "adapted_rand_error")
def adapted_rand_error(
    image_true: Labels | None = None,
    image_test: Labels | None = None,
    *,
    table: Any = None,
    ignore_labels: int | Sequence[int] = (0,),
    alpha: float = 0.5,
) -> tuple[float, float, float]:
    """Adapted Rand error of SNEMI3D, as ``skimage.metrics.adapted_rand_error``.

    With P the pairs of voxels that share both labels, and T and S those that share the true and the test label:
    1 − P / (α T + (1 − α) S), P / T and P / S (Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142).

    Parameters
    ----------
    image_true, image_test : ndarray of non-negative integers
    table : sparse array, optional
        Left to scikit-image.
    ignore_labels : int or sequence of int
        True labels whose voxels are not counted.
    alpha : float
        0 to 1.

    Returns
    -------
    error, precision, recall : float
        nan, with a RuntimeWarning, where no two voxels share a label.

    Raises
    ------
    ValueError
        For images of different shapes, and an alpha out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.skimage import adapted_rand_error
    >>> error, precision, recall = adapted_rand_error(np.array([1, 1, 1, 2]), np.array([1, 1, 2, 2]))
    >>> float(precision), float(recall)
    (0.3333333333333333, 0.5)
    """
    partition = _partition(image_true, image_test, table, ignore_labels)
    if alpha < 0 or alpha > 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha!r}")
    pairs = partition.together, partition.reference, partition.prediction
    both, true, test = (np.float64(each - partition.voxels) for each in pairs)
    return 1.0 - both / (alpha * true + (1 - alpha) * test), both / true, both / test


@falls_back_to("skimage.metrics", "variation_of_information")
def variation_of_information(
    image0: Labels | None = None,
    image1: Labels | None = None,
    *,
    table: Any = None,
    ignore_labels: int | Sequence[int] = (),
) -> NDArray[np.float64]:
    """Conditional entropies of two label images, as ``skimage.metrics.variation_of_information``.

    −Σ pᵢⱼ log₂(pᵢⱼ / pᵢ), the entropy of `image1` given `image0`, and the other way round (Meilă 2007,
    doi:10.1016/j.jmva.2006.11.013).

    Parameters
    ----------
    image0, image1 : ndarray of non-negative integers
    table : sparse array, optional
        Left to scikit-image.
    ignore_labels : int or sequence of int
        Labels of `image0` whose voxels are not counted.

    Returns
    -------
    float64 ndarray (2,)
        In bits: split regions, merged regions.

    Raises
    ------
    ValueError
        For images of different shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.skimage import variation_of_information
    >>> variation_of_information(np.array([1, 1, 1, 1]), np.array([1, 1, 2, 2]))
    array([1., 0.])
    """
    partition = _partition(image0, image1, table, ignore_labels)
    return np.array([partition.split, partition.merge])


def _partition(
    first: Labels | None, second: Labels | None, table: Any, ignored: int | Sequence[int]
) -> Partition:
    """What two images have in common."""
    if table is not None:
        raise NotCovered("table=")
    shapes = [getattr(image, "shape", None) for image in (first, second)]
    if first is None or second is None or None in shapes:
        raise NotCovered("images that are no arrays")
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"Input images must have the same dimensions. Their shapes are {shapes[0]} and {shapes[1]}"
        )
    pairs, left_out = _pairs(first, second, ignored)
    return Partition.of(kept_pairs(pairs, ~left_out))


def _pairs(
    true: Labels, test: Labels, ignored: int | Sequence[int]
) -> tuple[JointHistogram, NDArray[np.bool_]]:
    """Count the pairs of labels of two images, and tell which are ignored."""
    for image in (true, test):
        if not isinstance(image, np.ndarray) or image.dtype.kind not in "iu" or not image.size:
            raise NotCovered("images that are no arrays of integers")
        if not 1 <= image.ndim <= 3:
            raise NotCovered(f"images of {image.ndim} axes")
    if true.shape != test.shape:
        raise NotCovered("images of different shapes")
    first, second = (
        image.astype(image.dtype.newbyteorder("="), copy=False) for image in (true, test)
    )
    operations = dispatch.choose("joint_histogram", true.ndim).operations
    histogram = operations.joint_histogram(*matched(first, second))
    found = histogram.reference_labels, histogram.prediction_labels
    # a table has a row for each label up to the largest
    if any(labels.min() < 0 or labels.max() > np.iinfo(np.int32).max for labels in found):
        raise NotCovered("labels below 0 or above 2**31")
    left_out = np.isin(found[0], ignored)
    if left_out.all():
        raise NotCovered("an image that is all ignored")
    return histogram, left_out


PATCHES = Host(
    distribution="scikit-image",
    since="0.25",
    until="0.27",
    rows=(
        Patch("skimage.measure", "label", label),
        Patch("skimage.measure._label", "label", label),
        Patch("skimage.metrics", "adapted_rand_error", adapted_rand_error),
        Patch("skimage.metrics", "contingency_table", contingency_table),
        Patch("skimage.metrics", "hausdorff_distance", hausdorff_distance),
        Patch("skimage.metrics", "hausdorff_pair", hausdorff_pair),
        Patch("skimage.metrics", "variation_of_information", variation_of_information),
        Patch("skimage.metrics.set_metrics", "hausdorff_distance", hausdorff_distance),
        Patch("skimage.metrics.set_metrics", "hausdorff_pair", hausdorff_pair),
        Patch("skimage.morphology", "label", label),
        Patch("skimage.morphology.convex_hull", "label", label),
        Patch("skimage.restoration.inpaint", "label", label),
        Patch("skimage.segmentation._clear_border", "label", label),
    ),
)
