"""Reading images: files, SimpleITK and nibabel objects become an array and the grid it lies on."""

from fastseg.errors import GridMismatchError
from fastseg.io.formats import (
    IMAGE_SUFFIXES,
    as_image,
    image_stem,
    is_image_path,
    open_source,
    read_image,
)
from fastseg.io.image import Grid, Image
from fastseg.io.same_grid import check_same_grid

__all__ = [
    "IMAGE_SUFFIXES",
    "Grid",
    "GridMismatchError",
    "Image",
    "as_image",
    "check_same_grid",
    "image_stem",
    "is_image_path",
    "open_source",
    "read_image",
]
