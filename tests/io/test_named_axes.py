"""Objects of other libraries that know their voxel size: MONAI's, ITK's, xarray's and Zarr's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.io import GridMismatchError
from tests.io.files import Array, affine_in, affine_of, grid_of, labels, rotation, taken, write

REFERENCE = np.zeros((9, 8, 7), np.uint8)
REFERENCE[2:6, 2:6, 2:6] = 1
PREDICTION = np.roll(REFERENCE, 1, axis=0)


def data_array(array: Array, step: float = 2.5, **changes: Any) -> Any:
    xarray = pytest.importorskip("xarray")
    dims = changes.pop("dims", ("z", "y", "x")[-array.ndim :])
    coords = {dims[0]: 100 - step * np.arange(array.shape[0])} | changes.pop("coords", {})
    return xarray.DataArray(array, dims=dims, coords=coords, **changes)


def test_coordinates_give_the_voxel_size() -> None:
    pair = data_array(REFERENCE), data_array(PREDICTION)
    with pytest.warns(fastseg.InputWarning, match="no evenly spaced coordinates along y, x"):
        found = fastseg.evaluate(*pair, metrics="hd")
    assert found[1]["hd"] == 2.5
    assert found.settings["spacing"] == [2.5, 1, 1]
    assert found.settings["unit"] == "mm"


def test_coordinates_that_are_not_even_are_told_of() -> None:
    uneven = data_array(REFERENCE, coords={"x": np.arange(7.0) ** 2, "y": np.arange(8) * 0.5})
    image = taken(uneven)
    assert image.spacing == pytest.approx((2.5, 0.5, 1))
    assert "no evenly spaced coordinates along x" in " ".join(image.notes)
    names = data_array(REFERENCE, coords={"x": list("abcdefg"), "y": np.full(8, np.nan)})
    assert taken(names).spacing == (2.5, 1, 1)


def test_coordinates_in_float32_and_in_other_units() -> None:
    values = data_array(REFERENCE, coords={"x": (0.1 * np.arange(7)).astype(np.float32)})
    values.coords["x"].attrs["units"] = "micrometers"
    values.coords["z"].attrs["units"] = "furlongs"
    image = taken(values)
    assert image.spacing == pytest.approx((2.5, 1, 1e-4))
    assert "'furlongs' is not known" in " ".join(image.notes)


def test_named_axes_are_not_mixed_up(tmp_path: Path) -> None:
    """A cube in z, y, x beside one in x, y, z: every voxel would be compared with another."""
    cube = REFERENCE[:7, :7, :7]
    pair = data_array(cube), data_array(cube.T, dims=("x", "y", "z"))
    with pytest.raises(GridMismatchError, match="z, y, x against x, y, z; transpose"):
        fastseg.evaluate(*pair)
    assert taken(data_array(cube).drop_vars("z")).grid is None


def metatensor(array: Array, affine: Array, **meta: Any) -> Any:
    torch = pytest.importorskip("torch")
    kind = pytest.importorskip("monai.data").MetaTensor
    return kind(torch.as_tensor(array), affine=torch.as_tensor(affine), meta=meta)


def test_a_metatensor_has_its_affine() -> None:
    pair = [metatensor(array, np.diag([5.0, 1, 1, 1])) for array in (REFERENCE, PREDICTION)]
    assert fastseg.evaluate(*pair, metrics="hd")[1]["hd"] == 5
    elsewhere = metatensor(PREDICTION, np.diag([1.0, 5, 1, 1]))
    with pytest.raises(GridMismatchError, match="spacing"):
        fastseg.evaluate(pair[0], elsewhere)
    with pytest.warns(fastseg.InputWarning, match="prediction has no grid"):
        assert fastseg.evaluate(pair[0], PREDICTION, metrics="hd")[1]["hd"] == 5
    nowhere = metatensor(PREDICTION, np.eye(4))  # as networks give it back
    with pytest.warns(fastseg.InputWarning, match="the MetaTensor has no grid"):
        assert fastseg.evaluate(pair[0], nowhere, metrics="hd")[1]["hd"] == 5


def test_a_metatensor_beside_its_file(tmp_path: Path) -> None:
    affine = affine_of(rotation(10, 20, 30))
    path = write(tmp_path / "a.nii.gz", labels(), affine)
    for space, own in (("RAS", affine), ("LPS", np.diag([-1.0, -1, 1, 1]) @ affine)):
        tensor = metatensor(labels(), own, space=space)
        assert fastseg.evaluate(path, tensor, metrics="dice").rows[0]["dice"] == 1
    slice_with_channel = metatensor(labels()[None, :, :, 0], affine, spatial_shape=(5, 7))
    assert taken(slice_with_channel).shape == (5, 7)
    assert taken(slice_with_channel).spacing == pytest.approx((0.7, 1.25))


def test_an_image_of_itk_has_its_grid(tmp_path: Path) -> None:
    itk = pytest.importorskip("itk")
    affine = affine_of(rotation(10, 20, 30))
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    image = itk.image_from_array(np.ascontiguousarray(labels().T))
    image.SetSpacing([0.7, 1.25, 2.5])
    image.SetOrigin(lps[:3, 3])
    image.SetDirection(itk.matrix_from_array(lps[:3, :3] / (0.7, 1.25, 2.5)))
    read = taken(image)
    np.testing.assert_array_equal(read.array, labels())
    np.testing.assert_allclose(affine_in(read), affine, atol=1e-12)
    path = write(tmp_path / "a.nii.gz", labels(), affine)
    assert fastseg.evaluate(path, image, metrics="dice").rows[0]["dice"] == 1
    colours = itk.image_from_array(np.zeros((4, 4, 3), np.uint8), is_vector=True)
    with pytest.raises(ValueError, match="one label a voxel"):
        fastseg.evaluate(colours, colours)


AXES = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("extra", [0, 2])
def test_an_array_of_a_multiscale_image_has_its_scale(
    tmp_path: Path, version: str, extra: int
) -> None:
    zarr = pytest.importorskip("zarr")
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2 if version == "0.4" else 3)
    group = root.create_group("labels").create_group("cells")
    stored = REFERENCE.reshape((1,) * extra + REFERENCE.shape)
    group.create_array("s0", data=stored, chunks=(1,) * extra + (4, 4, 4))
    scale = [1.0] * extra + [2.0, 0.5, 0.5]
    multiscale = {
        "axes": [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}][:extra] + AXES,
        "datasets": [
            {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [1.0] * extra + [1, 2, 2]}],
    }
    group.attrs.update(
        {"multiscales": [multiscale]}
        if version == "0.4"
        else {"ome": {"version": "0.5", "multiscales": [multiscale]}}
    )
    read = taken(zarr.open_group(tmp_path / "a.zarr", mode="r")["labels/cells/s0"])
    np.testing.assert_array_equal(read.array, REFERENCE)
    assert read.spacing == pytest.approx((2e-3, 1e-3, 1e-3))
    assert grid_of(read).axes == ("z", "y", "x")
    alone = zarr.open_array(tmp_path / "a.zarr/labels/cells/s0", mode="r")
    assert taken(alone).grid is None  # opened by itself it does not know its group
