"""``skimage.metrics`` of label images: contingency tables, adapted Rand error and variation of information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch
from fastseg.compat._support.patching import NotCovered, falls_back_to
from fastseg.inputs.arrays import matched
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.partitions import Partition, kept_pairs

Labels = NDArray[Any]


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
