"""Drop-in for ``cc3d`` (connected-components-3d): components, statistics of a label map, dusting, the largest ones.

Numbers, dtypes and memory order are cc3d's. Components of images in C order are numbered in that order and those of
images in Fortran order in that one, by their first voxels; those of a binary 2-D image with ``connectivity=8`` by their
first blocks of 2 × 2. The dtype follows from the size of a binary image and from the number of runs of any other, as in
cc3d 4.1.1; or as in 3.29, where a version before 4 is installed.

What differs on purpose, where cc3d is wrong: in binary 2-D images with an odd side and ``connectivity=8`` it numbers
some voxels of the background; binary images that are thin, or rows that are not contiguous, end in a RuntimeError or an
IndexError; under ``binary_image=`` labels of the only row that has any are told apart. Here all these are numbered.

Left to cc3d: ``max_labels=``, ``delta=``, ``out_file=``, ``periodic_boundary=``, tensors, NaN, ``binary_image=`` with
floats, ``largest_k`` of several out of more, and all other names (``each``, ``contacts``, ``region_graph`` …).
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg import threads
from fastseg.compat._support.masks import joint_histogram, operations_for
from fastseg.compat._support.patching import (
    Host,
    NotCovered,
    Patch,
    falls_back_to,
    release,
    rest_of,
)
from fastseg.inputs.arrays import Array

__all__ = ["connected_components", "dust", "largest_k", "statistics"]

__getattr__ = rest_of("cc3d")

Threshold = float | tuple[float, float] | list[float]

_MOST_16 = int(np.iinfo(np.uint16).max)
_MOST_32 = int(np.iinfo(np.uint32).max)
_OUT = tuple(map(np.dtype, (np.uint16, np.uint32, np.uint64)))
# Voxels that are looked at together, which stay in the cache.
_AT_ONCE = 1 << 17


@falls_back_to("cc3d", "connected_components")
def connected_components(
    data: Array,
    max_labels: int = -1,
    connectivity: int = 26,
    return_N: bool = False,  # noqa: N803 - the host's name
    delta: float = 0,
    out_dtype: DTypeLike | None = None,
    out_file: Any = None,
    periodic_boundary: bool = False,
    binary_image: bool = False,
) -> Any:
    """Number the connected components of each label, as ``cc3d.connected_components``.

    Parameters
    ----------
    data : ndarray
        Labels of any numeric type, 1-D to 3-D; 0 is background.
    max_labels, delta, out_file, periodic_boundary
        Left to cc3d unless they have their defaults.
    connectivity : {4, 6, 8, 18, 26}
        4 and 8 for two axes only.
    return_N : bool
        Whether to give the number of components, too.
    out_dtype : {uint16, uint32, uint64}, optional
        Default: the smallest that surely has room.
    binary_image : bool
        Whether all labels are one.

    Returns
    -------
    components : ndarray
        0 for the background, and 1 to N.
    N : int
        Only with `return_N`.

    Raises
    ------
    ValueError
        For another connectivity or dtype, and a dtype that may not have room.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.cc3d import connected_components
    >>> connected_components(np.array([[1, 1, 0, 1], [0, 0, 5, 0]]), return_N=True)
    (array([[1, 1, 0, 2],
           [0, 0, 3, 0]], dtype=uint16), 3)
    """
    for name, given, default in (
        ("delta", delta, 0),
        ("out_file", out_file, None),
        ("periodic_boundary", periodic_boundary, False),
    ):
        if given is not default and given != default:
            raise NotCovered(f"{name}={given!r}")
    if operator.index(max_labels) > 0:
        raise NotCovered(f"max_labels={max_labels}")
    steps = _steps(data, operator.index(connectivity))
    labels, turned = _in_order(data)
    binary = bool(binary_image) or labels.dtype.kind == "b"
    if binary and labels.dtype.kind != "b":
        if data.dtype.kind == "f":
            raise NotCovered("binary_image= with floats")
        labels = labels != 0
    operations = operations_for("connected_components", labels.ndim)
    found, count = operations.connected_components(labels, steps, np.dtype(np.uint32))
    if binary and connectivity == 8:
        found = _by_blocks(found, count)
    dtype = _dtype(labels, count, connectivity if binary else None, out_dtype)
    found = _converted(found, dtype)
    found = found.T if turned else found
    return (found, count) if return_N else found


def _converted(found: NDArray[np.uint32], dtype: np.dtype[Any]) -> Array:
    if found.dtype == dtype:
        return found
    out = np.empty(found.shape, dtype)

    def convert(slab: tuple[int, int]) -> None:
        np.copyto(out[slice(*slab)], found[slice(*slab)], casting="same_kind")

    threads.run(convert, threads.slabs(len(found), found.size))
    return out


def _steps(data: Any, connectivity: int) -> int:
    """Along how many axes neighbours may differ."""
    if not isinstance(data, np.ndarray) or not data.size or not 1 <= data.ndim <= 3:
        raise NotCovered("what is no array of one to three axes")
    if data.ndim == 2 and connectivity not in (4, 8, 6, 18, 26):
        raise ValueError(
            f"Only 4, 8, and 6, 18, 26 connectivities are supported for 2D images. Got: {connectivity}"
        )
    if data.ndim != 2 and connectivity not in (6, 18, 26):
        raise ValueError(
            f"Only 6, 18, and 26 connectivities are supported for 3D images. Got: {connectivity}"
        )
    return min({4: 1, 6: 1, 8: 2, 18: 2, 26: 3}[connectivity], data.ndim)


def _in_order(data: Array) -> tuple[Array, bool]:
    """Give the labels in C order as bool or integers, and whether they were turned for it."""
    if data.dtype.kind not in "biuf" or not data.dtype.isnative or data.dtype.itemsize > 8:
        raise NotCovered(f"labels of dtype {data.dtype}")
    turned = bool(data.flags.f_contiguous)
    labels = data.T if turned else np.ascontiguousarray(data)
    if labels.dtype == np.float16:  # which cc3d tells apart by its bits
        labels = labels.view(np.uint16)
    elif labels.dtype.kind == "f":
        if np.isnan(labels).any():
            raise NotCovered("NaN")
        labels = np.asarray(labels + labels.dtype.type(0))  # -0.0 is 0
        labels = labels.view(f"u{labels.dtype.itemsize}")
    return labels, turned


def _by_blocks(found: NDArray[np.uint32], count: int) -> NDArray[np.uint32]:
    """Number the components of a plane by their first blocks of two by two voxels, none of which has two of them."""
    height, width = found.shape
    even = np.pad(found, ((0, height % 2), (0, width % 2))) if height % 2 or width % 2 else found
    pairs = np.maximum(even[::2], even[1::2])
    blocks = np.maximum(pairs[:, ::2], pairs[:, 1::2]).reshape(-1)
    places = blocks.nonzero()[0]
    first = np.empty(count + 1, np.int64)
    first[blocks[places[::-1]]] = places[::-1]  # what is written last stays
    order = np.argsort(first[1:]) + 1
    if (order[1:] > order[:-1]).all():
        return found
    ranks = np.zeros(count + 1, np.uint32)
    ranks[order] = np.arange(1, count + 1)
    return ranks.take(found)


def _dtype(
    labels: Array, count: int, connectivity: int | None, wanted: DTypeLike | None
) -> np.dtype[Any]:
    """Choose the dtype of the numbers; `connectivity` is None where the image is not binary."""
    most, by_runs = labels.size, True
    if connectivity is not None:
        bound, by_runs = _most_of_binary(labels.shape, connectivity)
        most = min(most, bound) if by_runs else bound
    if wanted is not None:
        dtype = np.dtype(wanted)
        if dtype not in _OUT:
            raise ValueError(
                f"Explicitly defined out_dtype ({dtype}) must be one of: np.uint16, np.uint32, np.uint64"
            )
        if by_runs and np.iinfo(dtype).max < most:
            most = min(most, _runs(labels, None))
        if np.iinfo(dtype).max < most:
            raise ValueError(
                f"Explicitly defined out_dtype ({dtype}) is too small to contain the estimated maximum number of "
                f"labels ({most})."
            )
        return dtype
    if by_runs and most >= _MOST_32:
        most = min(most, _runs(labels, None))
    elif by_runs and most >= _MOST_16 > count:  # else there are as many runs
        most = min(most, _runs(labels, _MOST_16))
    return _OUT[0] if most < _MOST_16 else _OUT[1] if most < _MOST_32 else _OUT[2]


def _most_of_binary(shape: tuple[int, ...], connectivity: int) -> tuple[int, bool]:
    """Bound the labels of a binary image as cc3d does, and tell whether it counts runs, too."""
    shape = (*shape, 1, 1)[:3]
    if _counts_runs_of_binary():
        room = math.prod(2 * size if size % 2 else size for size in shape)
        return room // (2 if connectivity in (4, 6) else 8) + 1, True
    room = math.prod(size + size % 2 for size in shape)
    return room // {4: 2, 6: 2, 8: 4, 18: 4, 26: 8}[connectivity] + 1, False


@functools.cache
def _counts_runs_of_binary() -> bool:
    version = PATCHES.version()
    return version is not None and release(version) < (4,)


def _runs(labels: Array, enough: int | None) -> int:
    """Count the runs of one label along the rows, or give a number on the same side of what is enough."""
    rows = labels.reshape(-1, labels.shape[-1])
    runs = int(np.count_nonzero(rows[:, 0]))
    if enough is not None:
        # Each run but the first of a row begins with a change, and of two changes in a row at least one begins a run.
        # Changes are counted from row to row, too, which is faster than to look at each row by itself.
        flat, changes = labels.reshape(-1), 0
        differ = np.empty(_AT_ONCE, bool)
        for first in range(0, flat.size - 1, _AT_ONCE):
            part = flat[first : first + _AT_ONCE + 1]
            many = np.not_equal(part[1:], part[:-1], out=differ[: len(part) - 1])
            changes += int(np.count_nonzero(many))
            if changes - len(rows) >= 2 * enough:
                return enough
        if changes + runs < enough:
            return changes + runs
    height = max(1, _AT_ONCE // rows.shape[1])
    for first in range(0, len(rows), height):
        part = rows[first : first + height]
        runs += int(np.count_nonzero((part[:, 1:] != part[:, :-1]) & (part[:, 1:] != 0)))
    return runs


@falls_back_to("cc3d", "statistics")
def statistics(out_labels: Array, no_slice_conversion: bool = False) -> dict[str, Any]:
    """Count the voxels of each label, and find its box and its centroid, as ``cc3d.statistics``.

    Parameters
    ----------
    out_labels : ndarray of non-negative integers
        2-D or 3-D, or 1-D, which is taken as a column; the largest label is at most the number of voxels.
    no_slice_conversion : bool
        Whether to give the boxes as an array of first and last voxels rather than as slices.

    Returns
    -------
    dict
        voxel_counts, uint32; bounding_boxes, tuples of slices or None, or an array; centroids, float64, nan where there
        is no such label. A row for each label from 0 to the largest.

    Raises
    ------
    ValueError
        For a label above the number of voxels.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.cc3d import statistics
    >>> found = statistics(np.array([[0, 2, 2], [0, 2, 0]]))
    >>> found["voxel_counts"], found["bounding_boxes"][2]
    (array([3, 0, 3], dtype=uint32), (slice(0, 2, None), slice(1, 3, None)))
    """
    labels = _labels(out_labels)
    histogram = joint_histogram(labels, labels)
    side, _ = histogram.sides
    ids = side.labels.astype(np.int64)
    n = int(ids[-1])
    if n > labels.size:
        raise ValueError(
            "Statistics can only be computed on volumes containing labels with values lower than the number of "
            f"voxels. Max: {n}"
        )
    counts = np.zeros(n + 1, np.uint32)
    counts[ids] = side.sizes
    starts, stops = side.boxes
    long = max(labels.shape) > _MOST_16
    boxes = np.zeros((n + 1, 2 * labels.ndim), np.uint32 if long else np.uint16)
    boxes[:, ::2] = np.iinfo(boxes.dtype).max
    boxes[ids, ::2], boxes[ids, 1::2] = starts, stops - 1
    return {
        "voxel_counts": counts,
        "bounding_boxes": boxes if no_slice_conversion else _slices(boxes, labels.size),
        "centroids": _centroids(labels, counts),
    }


def _labels(given: Any) -> Array:
    if not isinstance(given, np.ndarray) or not given.size or not 1 <= given.ndim <= 3:
        raise NotCovered("what is no array of one to three axes")
    if given.dtype.kind not in "biu" or not given.dtype.isnative:
        raise NotCovered(f"labels of dtype {given.dtype}")
    labels = given[:, np.newaxis] if given.ndim == 1 else given
    if labels.dtype.kind == "b":
        labels = labels.view(np.uint8)
    elif labels.dtype.kind == "i" and labels.min() < 0:
        raise NotCovered("labels below 0")
    contiguous = labels.flags.c_contiguous or labels.flags.f_contiguous
    return labels if contiguous else np.ascontiguousarray(labels)


def _slices(boxes: NDArray[Any], voxels: int) -> list[tuple[slice, ...] | None]:
    """Give boxes as slices, None for what begins beyond all voxels, as that of no label does in a small image."""
    return [
        tuple(slice(row[i], row[i + 1] + 1) for i in range(0, len(row), 2))
        if all(start < voxels for start in row[::2])
        else None
        for row in boxes.tolist()
    ]


def _centroids(labels: Array, counts: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Average the positions of each label's voxels; of the background they are what the others leave."""
    operations = operations_for("position_sums", labels.ndim)
    found, summed = operations.position_sums(labels)
    sums = np.zeros((len(counts), labels.ndim), np.int64)
    sums[np.asarray(found).astype(np.int64)] = summed
    whole = [(size - 1) * (labels.size // 2) for size in labels.shape]
    if labels.size % 2:  # then all sizes are odd, and their sums whole
        whole = [(size - 1) // 2 * labels.size for size in labels.shape]
    sums[0] = np.array(whole, np.int64) - sums[1:].sum(axis=0)
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts[:, np.newaxis], out=means, where=counts[:, np.newaxis] > 0)
    return means


@falls_back_to("cc3d", "dust")
def dust(
    img: Array,
    threshold: Threshold,
    connectivity: int = 26,
    in_place: bool = False,
    binary_image: bool = False,
    precomputed_ccl: bool = False,
    invert: bool = False,
    return_N: bool = False,  # noqa: N803 - the host's name
) -> Any:
    """Take small components out of an image, as ``cc3d.dust``.

    Parameters
    ----------
    img : ndarray
        2-D or 3-D.
    threshold : number, or pair of numbers
        Components with fewer voxels go; of a pair, those with fewer than the first or not fewer than the second.
    connectivity, binary_image
        As in :func:`connected_components`.
    in_place : bool
        Whether to change the image itself.
    precomputed_ccl : bool
        Whether the image holds numbers of components.
    invert : bool
        Whether to take out the others.
    return_N : bool
        Whether to give how many components are left, too.

    Returns
    -------
    image : ndarray
    N : int
        Only with `return_N`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.cc3d import dust
    >>> dust(np.array([[7, 7, 0, 7]]), threshold=2)
    array([[7, 7, 0, 0]])
    """
    if not isinstance(img, np.ndarray):
        raise NotCovered("what is no array")
    image = img.view(f"u{img.dtype.itemsize}") if img.dtype.kind == "i" else img
    if precomputed_ccl:
        components, count = _labels(image), np.max(image)
        if components.shape != image.shape:
            raise NotCovered("a row of components")
    else:
        components, count = connected_components(
            image, connectivity=connectivity, return_N=True, binary_image=bool(binary_image)
        )
    if not in_place:
        image = np.copy(image)
    sizes = np.zeros(int(count) + 1, np.int64)
    side = joint_histogram(components, components).sides[0]
    sizes[side.labels.astype(np.int64)] = side.sizes
    own = sizes[1:]
    is_range = isinstance(threshold, (tuple, list))
    least, stop = threshold if is_range else (threshold, np.inf)  # type: ignore[misc]
    small = ~((own >= least) & (own < stop))
    n_small = int(np.count_nonzero(small))
    left = n_small if invert else count - n_small
    if not n_small:
        if invert:
            image = np.zeros(image.shape, image.dtype, order="F")
        return (image, left) if return_N else image
    gone = np.concatenate([[invert], small != invert])
    image[gone[components]] = 0
    image = image.view(img.dtype)
    return (image, left) if return_N else image


@falls_back_to("cc3d", "largest_k")
def largest_k(
    img: Array,
    k: int,
    connectivity: int = 26,
    delta: float = 0,
    return_N: bool = False,  # noqa: N803 - the host's name
    binary_image: bool = False,
    precomputed_ccl: bool = False,
) -> Any:
    """Find the largest component, as ``cc3d.largest_k`` with ``k=1``; other calls are cc3d's unless all are wanted.

    Parameters
    ----------
    img : ndarray
        2-D or 3-D.
    k : int
        How many to keep.
    connectivity, binary_image
        As in :func:`connected_components`.
    delta : number
        Left to cc3d unless 0.
    return_N : bool
        Whether to give how many there are, too.
    precomputed_ccl : bool
        Whether the image holds numbers of components.

    Returns
    -------
    components : ndarray
        A bool array of the largest one, the first of several; or numbers, where there are no more than `k`.
    N : int
        Only with `return_N`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.cc3d import largest_k
    >>> largest_k(np.array([[7, 7, 0, 7]]), k=1)
    array([[ True,  True, False, False]])
    """
    if not isinstance(img, np.ndarray) or k < 1 or precomputed_ccl or delta != 0:
        raise NotCovered("k=0, delta=, and precomputed components")
    components, count = connected_components(
        img, connectivity=connectivity, return_N=True, binary_image=bool(binary_image)
    )
    if count <= k:
        return (components, count) if return_N else components
    if k > 1:
        raise NotCovered(f"k={k} of {count}")
    sides = joint_histogram(components, components).sides
    foreground = sides[0].labels != 0
    largest = sides[0].labels[foreground][np.argmax(sides[0].sizes[foreground])]
    found = components == largest
    return (found, 1) if return_N else found


PATCHES = Host(
    distribution="connected-components-3d",
    since="3.29",
    until="4.2",
    rows=(
        Patch("cc3d", "connected_components", connected_components),
        Patch("cc3d", "dust", dust),
        Patch("cc3d", "largest_k", largest_k),
        Patch("cc3d", "statistics", statistics),
    ),
)
