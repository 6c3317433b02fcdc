"""Connected components: a public primitive, beside those of :mod:`fastseg.primitives`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastseg import dispatch
from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.arrays import as_array, as_label_map
from fastseg.inputs.device import memory_of
from fastseg.inputs.scalars import as_whole_number, shown

_DTYPES = (np.dtype(np.int32), np.dtype(np.uint32))

# how many neighbours a voxel has, by the number of axes and of those along which they may differ
_NEIGHBOURS = {2: {4: 1, 8: 2}, 3: {6: 1, 18: 2, 26: 3}}


def connected_components(
    labels: ArrayLike, connectivity: int | None = None, *, dtype: DTypeLike = np.int32
) -> tuple[NDArray[Any], int]:
    """Number the connected components of a mask, or of each label of a label map.

    Parameters
    ----------
    labels : array_like of bool, integers or whole floats
        A bool array is a mask, of any number of axes. Any other is a label map, 1-D to 3-D, in which voxels are
        connected if they have one label; 0 is background. To have all labels as one mask, pass ``labels != 0``.
    connectivity : int, optional
        Which neighbours are connected: those that differ by one step along at most this many axes. 1: faces (SciPy's
        default); ``labels.ndim``: corners too, which is the default, as cc3d and scikit-image have it. The number of
        neighbours says the same: 6, 18 or 26 in 3-D, 4 or 8 in 2-D.
    dtype : {int32, uint32}
        Of the numbers.

    Returns
    -------
    components : ndarray of the shape of `labels`
        0 for the background, and 1 to `n` in the order in which the components' first voxels come in C order, whatever
        the memory order of `labels`; so numbers :func:`scipy.ndimage.label`.
    n : int
        How many components there are; 0 for an empty mask.

    Raises
    ------
    TypeError, ValueError
        For NaN, fractions, an empty array, another connectivity or dtype, more than three axes of a label map, and
        where 32 bits cannot number what there is: beyond 4·10⁹ runs of voxels, or 2³¹ components as int32.

    Notes
    -----
    It is a union-find over runs of voxels rather than over voxels, 64 of which are looked at together.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.connected_components([[0, 5, 0, 7], [5, 0, 0, 5]])
    (array([[0, 1, 0, 2],
           [1, 0, 0, 3]], dtype=int32), 3)
    """
    array = as_array(labels, "labels")
    if array.dtype.kind != "b":
        array = as_label_map(array, "labels")
    wanted = np.dtype(dtype)
    if wanted not in _DTYPES:
        raise InputTypeError(f"dtype: expected int32 or uint32, got {wanted}")
    neighbours = _as_connectivity(connectivity, array.ndim)
    backend = dispatch.choose("connected_components", array.ndim, memory=memory_of(array))
    [placed] = backend.placed(array)
    found, count = backend.operations.connected_components(placed, neighbours, wanted)
    if count > np.iinfo(wanted).max:
        raise InputError(f"dtype: {wanted} cannot number {count} components; pass dtype='uint32'")
    return backend.returned(found, array), count


def _as_connectivity(connectivity: int | None, ndim: int) -> int:
    """Find along how many axes neighbours may differ."""
    if connectivity is None:
        return ndim
    counts = _NEIGHBOURS.get(ndim, {})
    try:
        number = as_whole_number(connectivity, "connectivity")
    except InputTypeError:
        number = 0
    steps = counts.get(number, number)
    if not 1 <= steps <= ndim:
        alike = f", or {', '.join(map(str, counts))} neighbours," if counts else ""
        raise InputError(
            f"connectivity: expected 1 to {ndim}{alike} for {ndim} axes, got {shown(connectivity)}"
        )
    return steps
