"""``skimage.measure.label`` by the engine's connected components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.masks import operations_for
from fastseg.compat._support.patching import NotCovered, falls_back_to

Labels = NDArray[Any]


@falls_back_to("skimage.measure", "label")
def label(
    label_image: Labels,
    background: int | None = None,
    return_num: bool = False,
    connectivity: int | None = None,
) -> Any:
    """Number the connected regions of equal value, as ``skimage.measure.label``.

    Parameters
    ----------
    label_image : ndarray
        A bool image of any number of axes, or integers of up to three; floats are rounded towards 0.
    background : int, optional
        The value that is no region. Default 0.
    return_num : bool
        Whether to give the number of regions, too.
    connectivity : int, optional
        Along how many axes neighbours may differ. Default: all.

    Returns
    -------
    labels : ndarray
        1 to n in the order of scikit-image, 0 for the background: int32 for a bool image, else int64, in the memory
        order of the image.
    num : int
        Only with `return_num`.

    Raises
    ------
    ValueError
        For another connectivity.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.skimage import label
    >>> label(np.array([[1, 0, 0], [1, 1, 5], [0, 0, 0]]))
    array([[1, 0, 0],
           [1, 1, 2],
           [0, 0, 0]])
    """
    image = _checked(label_image, background)
    ndim = image.ndim
    steps = ndim if connectivity is None else connectivity
    if not isinstance(steps, (int, np.integer)) or isinstance(steps, bool):
        raise NotCovered(f"connectivity={connectivity!r}")
    if not 1 <= steps <= ndim:
        raise ValueError(
            f"Connectivity for {ndim}D image should be in [1, ..., {ndim}]. Got {connectivity}."
        )
    is_mask = image.dtype.kind == "b"
    if background and is_mask:
        image = ~image if background == 1 else image
    elif background:
        image = _with_background(image, int(background))
    # scikit-image brings an axis of one voxel to the front, and numbers by the axes in that order
    turned = not is_mask and ndim == 3 and image.shape[2] == 1
    if turned:
        image = image.swapaxes(0, 2)
    if not (image.flags.c_contiguous or image.flags.f_contiguous):
        image = np.ascontiguousarray(image)
    operations = operations_for("connected_components", ndim)
    found, count = operations.connected_components(image, int(steps), np.dtype(np.int32))
    if count > np.iinfo(np.int32).max:
        raise NotCovered(f"{count} regions")
    if turned:
        found = found.swapaxes(0, 2)
    labels = found if is_mask else found.astype(np.int64)
    return (labels, count) if return_num else labels


def _checked(image: Any, background: Any) -> Labels:
    """Take what the engine numbers; all else is for scikit-image to take or to refuse."""
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "biuf" or not image.size:
        raise NotCovered("an image that is no array of numbers")
    if not image.ndim or (image.ndim > 3 and image.dtype.kind != "b"):
        raise NotCovered(f"an image of {image.ndim} axes")
    if background is not None and not isinstance(background, (int, np.integer)):
        raise NotCovered(f"background={background!r}")
    if image.dtype.kind == "f":
        return image.astype(np.int64)
    return np.asarray(image.astype(image.dtype.newbyteorder("="), copy=False))


def _with_background(image: Labels, background: int) -> Labels:
    """Make the background 0, and what was 0 another value than any."""
    limits = np.iinfo(image.dtype)
    if not limits.min <= background <= limits.max:
        if not -(2**63) <= background < 2**63 or image.dtype == np.uint64:
            raise NotCovered(f"background={background}")
        image = image.astype(np.int64)
    flipped: Labels = image ^ image.dtype.type(background)
    return flipped
