"""SimpleITK's images as arrays, where they are plain and lie in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import SimpleITK as sitk  # noqa: N813 - as everybody calls it

from fastseg.inputs.arrays import Array

_PLACE = ("GetSize", "GetPixelID", "GetSpacing", "GetOrigin", "GetDirection")


def plain_arrays(images: Sequence[Any]) -> list[Array] | None:
    """Views of the voxels of images, None unless all are plain numbers and lie in the same place."""
    if not images or not all(type(image) is sitk.Image for image in images):
        return None
    first = images[0]
    for name in _PLACE:
        place = getattr(first, name)()
        if any(getattr(other, name)() != place for other in images[1:]):
            return None
    if first.GetDimension() not in (2, 3) or not first.GetNumberOfPixels():
        return None
    if first.GetNumberOfComponentsPerPixel() != 1:
        return None
    arrays = [sitk.GetArrayViewFromImage(image) for image in images]
    return arrays if arrays[0].dtype.kind in "iuf" else None
