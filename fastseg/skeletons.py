"""Skeletons: a public primitive, beside those of :mod:`fastseg.primitives`."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastseg import dispatch
from fastseg.errors import InputError
from fastseg.inputs.arrays import as_mask
from fastseg.inputs.choices import unknown
from fastseg.inputs.device import memory_of

Method = Literal["lee", "itk"]
METHODS: tuple[str, ...] = get_args(Method)


def skeletonize(mask: ArrayLike, *, method: Method = "lee") -> NDArray[np.bool_]:
    """Thin a mask to its skeleton: lines in its middle that are one voxel wide and connected as it is.

    Parameters
    ----------
    mask : array_like
        2-D or 3-D; not 0 is inside.
    method : {"lee", "itk"}
        Whose voxels: those of scikit-image's ``skeletonize(mask, method="lee")``, or of ITK's
        ``BinaryThinningImageFilter3D``. They differ for a mask of one slice alone, 2-D or ``(1, n, m)``, from which
        scikit-image takes voxels at the four sides in its plane, ITK also from above and below.

    Returns
    -------
    bool ndarray of the mask's shape
        All False for an empty mask.

    Raises
    ------
    TypeError, ValueError
        For NaN, an empty array, another number of axes, an unknown method; for arrays on a GPU.

    Notes
    -----
    Lee, Kashyap & Chu 1994, doi:10.1006/cgip.1994.1042, with neighbours at faces, edges and corners. Faces come in the
    order −y, +y, +x, −x, +z, −z and voxels in C order, where the axes are z, y, x: a mask whose axes are permuted may
    have another skeleton. Voxels count, not millimetres. As with both hosts, what is an even number of
    voxels wide may vanish (scikit-image#3757). Of planes scikit-image gives Zhang's skeletons unless told
    ``method="lee"``: they have other voxels, and are not here.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> fastseg.skeletonize(np.ones((3, 7))).astype(int)
    array([[0, 0, 0, 0, 0, 0, 0],
           [1, 1, 1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 0, 0]])
    """
    array = as_mask(mask, "mask")
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if array.ndim not in (2, 3):
        raise InputError(f"mask: expected 2 or 3 axes to thin, got {array.ndim}")
    backend = dispatch.choose("skeletonize", array.ndim, memory=memory_of(array))
    [placed] = backend.placed(array)
    several_slices = array.ndim == 3 and array.shape[0] > 1
    found: Any = backend.operations.skeletonize(placed, several_slices or method == "itk")
    returned: NDArray[np.bool_] = backend.returned(found, array)
    return returned
