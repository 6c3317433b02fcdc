"""Reading images (files, SimpleITK and nibabel objects become an array and the grid it lies on) and writing them."""

from fastseg.errors import GridMismatchError
from fastseg.io.formats import (
    IMAGE_SUFFIXES,
    file_of,
    image_stem,
    is_image_folder,
    is_image_path,
    open_image,
    read_image,
)
from fastseg.io.image import Grid, Image, check_right_angles
from fastseg.io.objects import as_image
from fastseg.io.pairs import PreparedPair, ReadMap, prepare_pair, read_map
from fastseg.io.same_grid import GridRules, check_same_grid
from fastseg.io.writers.what import is_one_grid
from fastseg.io.writing import check_written_path, grid_of, write_image

__all__ = [
    "IMAGE_SUFFIXES",
    "Grid",
    "GridMismatchError",
    "GridRules",
    "Image",
    "PreparedPair",
    "ReadMap",
    "as_image",
    "check_right_angles",
    "check_same_grid",
    "check_written_path",
    "file_of",
    "grid_of",
    "image_stem",
    "is_image_folder",
    "is_image_path",
    "is_one_grid",
    "open_image",
    "prepare_pair",
    "read_image",
    "read_map",
    "write_image",
]
