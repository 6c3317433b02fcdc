"""Shapes as scikit-image has them: skeletons by Lee's thinning, Euler numbers, perimeters after Crofton."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.masks import MASKS, operations_for
from fastseg.compat._support.patching import NotCovered, falls_back_to
from fastseg.inputs.arrays import is_contiguous
from fastseg.inputs.c_order import c_ordered
from fastseg.measures.regions import Request
from fastseg.measures.topology import euler_number as euler_number_of

Mask = NDArray[np.bool_]


@falls_back_to("skimage.morphology", "skeletonize")
def skeletonize(image: NDArray[Any], *, method: str | None = None) -> Mask:
    """Thin an image to lines one voxel wide, as ``skimage.morphology.skeletonize``.

    Parameters
    ----------
    image : ndarray
        2-D or 3-D; not 0 is inside.
    method : {"zhang", "lee"}, optional
        Default: Zhang's of two axes, which is left to scikit-image, Lee's of three.

    Returns
    -------
    bool ndarray
        In C order.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.skimage import skeletonize
    >>> skeletonize(np.ones((3, 7)), method="lee").astype(int)
    array([[0, 0, 0, 0, 0, 0, 0],
           [1, 1, 1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 0, 0]])
    """
    if method not in ("lee", None):
        raise NotCovered(f"method={method!r}")
    _check(image, (2, 3))
    if image.ndim == 2 and method is None:
        raise NotCovered("Zhang's skeletons, which are the default of two axes")
    mask = c_ordered(image.astype(bool, copy=False))
    operations = operations_for("skeletonize", mask.ndim)
    skeleton: Mask = operations.skeletonize(mask, mask.ndim == 3 and len(mask) > 1)
    return skeleton


@falls_back_to("skimage.measure", "euler_number")
def euler_number(image: NDArray[Any], connectivity: int | None = None) -> Any:
    """Euler number of a mask, as ``skimage.measure.euler_number``.

    Objects minus holes of a plane; of a volume objects minus tunnels plus cavities.

    Parameters
    ----------
    image : ndarray
        2-D or 3-D; what is above 0 is inside.
    connectivity : int, optional
        1: faces connect. All others: corners do, which is the default.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.skimage import euler_number
    >>> ring = np.ones((3, 3)); ring[1, 1] = 0
    >>> int(euler_number(ring))
    0
    """
    _check(image, (2, 3))
    ndim = image.ndim
    if ndim == 3 and connectivity == 2:
        raise NotCovered("connectivity=2 of three axes")
    found = euler_number_of(_corner_codes(image), ndim, corners_connect=connectivity != 1)
    return np.int64(found) if ndim == 2 else found


@falls_back_to("skimage.measure", "perimeter_crofton")
def perimeter_crofton(image: NDArray[Any], directions: int = 4) -> Any:
    """Length of the contour of a mask after Crofton, as ``skimage.measure.perimeter_crofton``.

    Parameters
    ----------
    image : ndarray
        2-D; what is above 0 is inside.
    directions : int
        2: lines along the axes are intersected with it. All others: along the diagonals, too.

    Returns
    -------
    float64
        In pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.skimage import perimeter_crofton
    >>> float(perimeter_crofton(np.ones((1, 1)), directions=2))
    3.141592653589793
    """
    _check(image, (2,))
    # in the order of scikit-image's codes, by which it sums
    counts = _corner_codes(image)[_THEIR_CODES]
    return _crofton_weights(directions == 2) @ counts


def _check(image: Any, axes: tuple[int, ...]) -> None:
    """Take what the engine measures; all else is for scikit-image to take or to refuse."""
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "biuf" or not image.size:
        raise NotCovered("an image that is no array of numbers")
    if image.ndim not in axes:
        raise NotCovered(f"an image of {image.ndim} axes")


def _corner_codes(image: NDArray[Any]) -> NDArray[np.int64]:
    """Count which voxels around a corner are above 0, bit i for the i-th in C order; not where all or none are."""
    mask = image > 0
    if not is_contiguous(mask):
        mask = np.ascontiguousarray(mask)
    nothing = np.zeros_like(mask)
    request = Request(frozenset({"shape"}), (1.0,) * mask.ndim)
    operations = operations_for("shape", mask.ndim)
    [measured] = operations.measure(mask, nothing, [MASKS], request)
    codes: NDArray[np.int64] = measured["shape"].reference.codes
    return codes


# Of scikit-image's sixteen codes, what they are here: its first pixel is our last, its second and third change places.
_THEIR_CODES = np.array(
    [
        sum((code >> bit & 1) << place for bit, place in enumerate((3, 1, 2, 0)))
        for code in range(16)
    ]
)


def _crofton_weights(axes_alone: bool) -> NDArray[np.float64]:
    """Tell what each of scikit-image's codes adds: the ends of the mask along lines through four pixels, weighed.

    With both kinds of lines a line has half of its weight, and along a diagonal 1 / √2 of that.
    """
    weights = np.zeros(16)
    for code in range(16):
        here, above, left, across = (code >> bit & 1 for bit in range(4))
        along_axes = (here and not above) + (across and not above)
        along_diagonals = (here and not across) + (above and not left)
        if axes_alone:
            weights[code] = along_axes * np.pi / 2
        elif along_axes and along_diagonals:  # one of each, to the bit as there
            weights[code] = np.pi / 4 * (1 + 1 / np.sqrt(2))
        else:
            weights[code] = along_axes * np.pi / 4 + along_diagonals * np.pi / (4 * np.sqrt(2))
    return weights
