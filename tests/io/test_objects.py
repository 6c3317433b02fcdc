"""Images that other libraries hold in memory: SimpleITK's are viewed, nibabel's kept as stored."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from fastseg.io import as_image
from tests.io.files import (
    DIRECTIONS,
    SPACING,
    affine_of,
    grid_of,
    labels,
    nibabel_image,
    sitk_image,
    taken,
    write,
)


def test_simpleitk_images_are_viewed_and_kept_alive() -> None:
    original = labels(np.int16, (40, 50, 60))
    image = sitk_image(original)
    address = SimpleITK.GetArrayViewFromImage(image).__array_interface__["data"][0]
    view = taken(image).array
    assert view.__array_interface__["data"][0] == address
    assert view.flags.f_contiguous
    image[0, 0, 0] = 77  # takes a new buffer, as the view holds the old one
    image += 5
    del image
    part = view[1:, 2:]
    del view
    SimpleITK.Image(40, 50, 60, SimpleITK.sitkInt16)  # would move into freed memory
    np.testing.assert_array_equal(part, original[1:, 2:])


def test_nibabel_images_are_taken_in_the_stored_type(tmp_path: Path) -> None:
    array = labels(np.int16)
    image = taken(nibabel.Nifti1Image(array, affine_of(DIRECTIONS["permuted"])))
    assert np.shares_memory(image.array, array)
    assert image.spacing == pytest.approx(SPACING)
    big = nibabel.Nifti1Image(array, affine_of(), nibabel.Nifti1Header(endianness=">"))
    big.set_data_dtype(np.int16)
    big.to_filename(tmp_path / "a.nii")
    read = taken(nibabel_image(tmp_path / "a.nii"))
    assert read.array.dtype == np.int16
    assert read.source == str(tmp_path / "a.nii")
    np.testing.assert_array_equal(read.array, array)
    nowhere = taken(nibabel.Nifti1Image(array, None))
    assert grid_of(nowhere).affine is None  # nibabel would make one up
    assert nowhere.spacing == (1, 1, 1)


def test_nibabel_images_of_damaged_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", labels(shape=(40, 40, 40)))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ValueError, match=r"a\.nii\.gz: the voxels cannot be read"):
        taken(nibabel_image(path))


@pytest.mark.parametrize("value", [labels(), "a.nii", None, 3, [labels()], object()])
def test_other_objects_are_no_images(value: object) -> None:
    assert as_image(value) is None
