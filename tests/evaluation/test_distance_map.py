"""Maps of distances: the numbers of `hd` on the voxels that they belong to, their signs, and where the largest is."""

from __future__ import annotations

import doctest
import math
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK

import fastseg
from fastseg.__main__ import main
from fastseg.errors import InputError, InputTypeError, InputWarning
from tests.io.files import DIRECTIONS, affine_of
from tests.oracle import naive

Array = np.ndarray[Any, Any]
PAGE = Path(__file__).parents[2] / "docs" / "maps.md"


def put(image: Array, at: tuple[int, ...], value: float) -> None:
    """The larger stays, and of two opposite ones the positive."""
    if abs(value) > abs(image[at]) or (abs(value) == abs(image[at]) and value > image[at]):
        image[at] = value


def images(masks: list[tuple[Array, Array]], spacing: tuple[float, ...]) -> list[Array]:
    """All three images by brute force: the prediction's surface, the reference's, both."""
    found = [np.zeros(masks[0][0].shape) for _ in range(3)]
    for reference, prediction in masks:
        sides = [np.argwhere(naive.surface(mask)) for mask in (reference, prediction)]
        for own, other, sign in ((1, reference, -1), (0, prediction, 1)):
            distances = naive.nearest(sides[own], sides[1 - own], spacing)
            for place, distance in zip(sides[own], distances, strict=True):
                at = tuple(map(int, place))
                inside = bool(other[at])
                value = distance * (sign if inside else -sign) if distance else 0.0
                put(found[0 if own else 1], at, value)
                put(found[2], at, value)
    return found


@pytest.mark.parametrize("backend", ["numba", "scipy"])
@pytest.mark.parametrize("seed", range(12))
def test_images_hold_each_distance_where_it_begins(seed: int, backend: str) -> None:
    rng = np.random.default_rng(seed)
    ndim = 1 + seed % 3
    shape = tuple(rng.integers(2, 9, ndim).tolist())
    spacing = tuple(rng.choice([1.0, 0.7, 2.5], ndim).tolist())
    maps = [rng.integers(0, 4, shape) * (rng.random(shape) < 0.6) for _ in range(2)]
    if seed % 2:
        maps[1] = np.roll(maps[0], 1, axis=0)
    reference = np.asarray(maps[0], np.uint8, order="CF"[seed // 3 % 2])  # type: ignore[call-overload]
    prediction = np.repeat(maps[1], 2, axis=0)[::2].astype(np.int32)
    labels = {"one": 1, "some": (1, 3), "other": {"reference": 2, "prediction": 3}}
    wanted = images(
        [
            (reference == 1, prediction == 1),
            (np.isin(reference, (1, 3)), np.isin(prediction, (1, 3))),
            (reference == 2, prediction == 3),
        ],
        spacing,
    )
    found = fastseg.distance_map(
        reference, prediction, labels=labels, spacing=spacing, backend=backend
    )
    assert np.array_equal(found.prediction_to_reference, wanted[0])
    assert np.array_equal(found.reference_to_prediction, wanted[1])
    assert np.array_equal(found.both, wanted[2])
    rows = fastseg.evaluate(
        reference, prediction, labels=labels, spacing=spacing, metrics="hd", empty={"hd": math.inf}
    )
    for name in labels:
        largest = found.largest[name]
        if largest is None:
            assert rows[name].empty == "both"
        else:
            assert largest.distance == rows[name]["hd"]
            alone = fastseg.distance_map(
                reference, prediction, labels={name: labels[name]}, spacing=spacing
            )
            sign = 1 if largest.too_far else -1
            assert getattr(alone, largest.direction)[largest.index] == sign * largest.distance


def square(*corner: int, size: int = 3) -> Array:
    mask = np.zeros((12, 12), np.uint8)
    mask[corner[0] : corner[0] + size, corner[1] : corner[1] + size] = 1
    return mask


def test_signs_say_too_far_and_too_short_on_either_surface() -> None:
    found = fastseg.distance_map(square(4, 3), square(4, 5))
    assert found.prediction_to_reference[5].tolist() == [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]
    assert found.reference_to_prediction[5].tolist() == [0, 0, 0, -2, 0, 0, 0, 0, 0, 0, 0, 0]
    assert found.both[4].tolist() == [0, 0, 0, -2, -1, 0, 1, 2, 0, 0, 0, 0]
    inside = fastseg.distance_map(square(2, 2, size=8), square(4, 4, size=4))
    assert inside.both[6, 2:10].tolist() == [-2, 0, -2, 0, 0, -2, 0, -2]
    around = fastseg.distance_map(square(4, 4, size=4), square(2, 2, size=8))
    assert (around.both == -inside.both).all()


def test_nan_tells_the_background_from_surfaces_that_agree() -> None:
    mask = square(4, 3)
    found = fastseg.distance_map(mask, mask, background=math.nan)
    assert np.array_equal(np.isnan(found.both), ~naive.surface(mask != 0))
    assert np.nanmax(found.both) == 0
    assert found["1"] is not None
    assert (found["1"].distance, found["1"].too_far) == (0, True)
    with pytest.raises(InputError, match="background: expected 0 or nan, got 1"):
        fastseg.distance_map(mask, mask, background=1)


def test_a_part_that_is_missing_is_shown_by_its_middle() -> None:
    reference, prediction = square(1, 1, size=7), np.zeros((12, 12), np.uint8)
    found = fastseg.distance_map(reference, prediction)
    largest = found[1]
    assert largest is not None
    assert (largest.distance, largest.direction) == (math.inf, "reference_to_prediction")
    assert largest.index == (1, 4)  # of the middles of four sides the first
    assert found.both.min() == -math.inf
    other = fastseg.distance_map(prediction, reference)[1]
    assert other is not None
    assert (other.direction, other.too_far) == ("prediction_to_reference", True)
    nothing = fastseg.distance_map(prediction, prediction, labels=[4])
    assert nothing.largest == {"4": None}
    assert not nothing.both.any()
    assert "–" in str(nothing)
    assert "nothing to evaluate" in str(fastseg.distance_map(prediction, prediction))


def test_a_slice_is_measured_in_its_plane() -> None:
    first, second = square(4, 3)[:, None], square(4, 5)[:, None]
    found = fastseg.distance_map(first, second, spacing=(3, 9, 1))
    assert found.both.shape == (12, 1, 12)
    assert found.both[4, 0].tolist() == [0, 0, 0, -2, -1, 0, 1, 2, 0, 0, 0, 0]
    assert found["1"] is not None
    assert found["1"].index == (5, 0, 7)
    whole = fastseg.distance_map(first, second, single_slice="volume")
    assert whole.both[5, 0, 6] == 1  # all voxels are surface then
    assert found.both[5, 0, 6] == 0


def test_what_is_ignored_is_on_no_surface() -> None:
    reference, prediction = square(4, 3), square(4, 5)
    reference[4:7, 7] = 9
    found = fastseg.distance_map(reference, prediction, ignore_label=9)
    assert not found.both[4:7, 7].any()
    assert found["1"] is not None
    assert found["1"].distance == 2


def test_other_memory_orders_give_the_same_place() -> None:
    rng = np.random.default_rng(5)
    first, second = (rng.random((2, 9, 8, 7)) < 0.4).astype(np.uint8)
    found = fastseg.distance_map(first, second)
    turned = fastseg.distance_map(np.asfortranarray(first), np.asfortranarray(second))
    assert found.largest == turned.largest
    assert np.array_equal(found.both, turned.both)
    assert turned.both.flags.f_contiguous


def test_arrays_that_change_later_do_not_change_the_map() -> None:
    first, second = square(4, 3), square(4, 5)
    found = fastseg.distance_map(first, second)
    first[:] = second[:] = 0
    assert found.both[4].tolist() == [0, 0, 0, -2, -1, 0, 1, 2, 0, 0, 0, 0]


def test_masks_of_other_labels_are_hinted_at() -> None:
    with pytest.warns(InputWarning, match="pass array != 0"):
        fastseg.distance_map(square(4, 3), square(4, 5) * 255)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"boundary": "surfel"}, InputError, "only voxels have room.*got 'surfel'"),
        ({"boundary": "voxle"}, InputError, "did you mean 'voxel'"),
        ({"labels": [1.5]}, InputTypeError, "labels"),
        ({"spacing": (1, 2, 3)}, InputError, "spacing"),
        ({"backend": "nubma"}, InputError, "did you mean 'numba'"),
        ({"single_slice": "line"}, InputError, "single_slice"),
    ],
)
def test_wrong_options_are_refused(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fastseg.distance_map(square(4, 3), square(4, 5), **options)
    with pytest.raises(InputError, match="shape"):
        fastseg.distance_map(square(4, 3), square(4, 5)[:9])
    found = fastseg.distance_map(square(4, 3), square(4, 5))
    with pytest.raises(KeyError, match="no structure 'livr'"):
        _ = found["livr"]
    with pytest.raises(InputError, match="direction: unknown 'boht'; did you mean 'both'"):
        found.save("map.nii", direction="boht")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="dtype: expected float32 or float64"):
        found.save("map.nii", dtype=np.int16)


# ---------------------------------------------------------------------------- files


def pair(folder: Path, suffix: str = ".nii.gz") -> tuple[str, str]:
    """Two files of a tilted grid."""
    rng = np.random.default_rng(1)
    reference = np.zeros((9, 10, 11), np.uint8)
    reference[2:7, 3:8, 2:9] = 1
    reference[7:, :2, :2] = 2
    prediction = np.roll(reference, 1, axis=2)
    prediction[rng.random(prediction.shape) < 0.01] = 1
    paths = []
    for name, array in (("reference", reference), ("prediction", prediction)):
        path = folder / f"{name}{suffix}"
        if suffix == ".nii.gz":
            image = nibabel.Nifti1Image(array, affine_of(DIRECTIONS["oblique"]))
            image.set_sform(image.affine, code=4)
            nibabel.save(image, path)
        else:
            made = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
            made.SetSpacing((0.7, 1.25, 2.5))
            made.SetOrigin((3.1, -20.7, 14.9))
            made.SetDirection(DIRECTIONS["oblique"].ravel())
            SimpleITK.WriteImage(made, str(path))
        paths.append(str(path))
    return paths[0], paths[1]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_map_is_saved_where_the_reference_lies(suffix: str, tmp_path: Path) -> None:
    reference, prediction = pair(tmp_path, suffix)
    found = fastseg.distance_map(reference, prediction)
    path = tmp_path / f"map{suffix}"
    found.save(path)
    ours = fastseg.read_image(path)
    before = fastseg.read_image(reference)
    assert ours.grid is not None
    assert before.grid is not None
    assert np.array_equal(ours.grid.affine, before.grid.affine)  # type: ignore[arg-type]
    assert ours.array.dtype == np.float32
    assert (ours.array == found.both.astype(np.float32)).all()
    itk, source = SimpleITK.ReadImage(str(path)), SimpleITK.ReadImage(reference)
    assert itk.GetPixelIDTypeAsString() == "32-bit float"
    assert itk.GetDirection() == source.GetDirection()
    assert itk.GetOrigin() == source.GetOrigin()
    assert itk.GetSpacing() == source.GetSpacing()
    if suffix == ".nii.gz":
        assert nibabel.load(path).header["sform_code"] == 4  # type: ignore[index]
    found.save(path, "reference_to_prediction", np.float64)
    assert (fastseg.read_image(path).array == found.reference_to_prediction).all()
    largest = found["1"]
    assert largest is not None
    assert largest.position == pytest.approx(
        (before.grid.affine @ (*largest.index, 1))[:3]  # type: ignore[operator]
    )
    physical = source.TransformIndexToPhysicalPoint(largest.index)
    assert largest.position == pytest.approx((-physical[0], -physical[1], physical[2]), abs=1e-4)


def test_images_and_arrays_are_taken_too(tmp_path: Path) -> None:
    reference, prediction = pair(tmp_path, ".mha")
    of_files = fastseg.distance_map(reference, prediction)
    images = [SimpleITK.ReadImage(path) for path in (reference, prediction)]
    of_images = fastseg.distance_map(*images)
    assert of_images.largest == of_files.largest
    of_images.save(tmp_path / "map.mha")
    again = SimpleITK.ReadImage(str(tmp_path / "map.mha"))
    assert again.GetDirection() == images[0].GetDirection()
    arrays = [fastseg.read_image(path).array for path in (reference, prediction)]
    of_arrays = fastseg.distance_map(*arrays, spacing=(0.7, 1.25, 2.5))
    assert np.array_equal(of_arrays.both, of_files.both)
    of_arrays.save(tmp_path / "map.nii")
    read = fastseg.read_image(tmp_path / "map.nii")
    assert read.spacing == pytest.approx((0.7, 1.25, 2.5))
    assert read.grid is not None
    assert read.grid.affine is None
    np.save(tmp_path / "p.npy", arrays[1])
    with pytest.warns(InputWarning, match="has no grid"):
        mixed = fastseg.distance_map(reference, tmp_path / "p.npy")
    assert np.array_equal(mixed.both, of_files.both)


def test_a_grid_that_was_put_together_is_the_one_that_is_written(tmp_path: Path) -> None:
    """A prediction that covers more than the reference: both lie on the larger grid."""
    _, prediction = pair(tmp_path)
    image = nibabel.load(prediction)
    small = image.slicer[2:8, 2:9, 1:10]  # type: ignore[attr-defined]
    nibabel.save(small, tmp_path / "small.nii.gz")
    with pytest.warns(InputWarning, match="covers a part"):
        found = fastseg.distance_map(tmp_path / "small.nii.gz", prediction)
    found.save(tmp_path / "map.nii.gz")
    after: Any = nibabel.load(tmp_path / "map.nii.gz")
    assert after.shape == image.shape  # type: ignore[attr-defined]
    assert np.allclose(after.affine, image.affine, atol=1e-5)  # type: ignore[attr-defined]


def test_files_have_the_diagonal_for_what_is_infinite(tmp_path: Path) -> None:
    reference = np.zeros((4, 5, 1), np.uint8)
    reference[1:3, 1:3] = 1
    found = fastseg.distance_map(reference, np.zeros_like(reference), labels=[1], spacing=(3, 4, 9))
    found.save(tmp_path / "map.nii", dtype=np.float64)
    array = fastseg.read_image(tmp_path / "map.nii").array
    assert sorted(set(array.ravel().tolist())) == [-math.hypot(12, 20), 0]
    nibabel.save(nibabel.Nifti1Image(reference, np.eye(4)), tmp_path / "a.nii")
    nibabel.save(nibabel.Nifti1Image(reference, np.eye(4)), tmp_path / "b.nii")
    of_files = fastseg.distance_map(tmp_path / "a.nii", tmp_path / "b.nii")
    for name in ("a.nii", "b.nii"):
        with pytest.raises(InputError, match="is read for what is to be written"):
            of_files.save(tmp_path / name)


def test_the_command_writes_the_map_and_shows_the_largest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, prediction = pair(tmp_path)
    path = tmp_path / "map.nii.gz"
    command = ["distance-map", reference, prediction]
    assert main([*command, "-o", str(path), "--labels", "1", "--direction", "both"]) == 0
    out = capsys.readouterr().out
    found = fastseg.distance_map(reference, prediction, labels=[1])
    assert out == f"{found}\nWritten to {path}\n"
    assert (fastseg.read_image(path).array == found.both.astype(np.float32)).all()
    assert main([*command, "--background", "nan", "--dtype", "float64", "-o", str(path)]) == 0
    assert np.isnan(fastseg.read_image(path).array).any()
    assert main(command) == 0
    capsys.readouterr()
    for options, message in (
        (["-o", reference], "is read for what is to be written"),
        (["-o", str(tmp_path / "map.png")], "known endings are"),
        (["-o", str(tmp_path / "none" / "map.nii")], "no such folder"),
        (["--direction", "there"], "--direction: unknown 'there'"),
        (["--background", "1"], "--background: unknown '1'; known: 0, nan"),
        (["--dtype", "int16"], "--dtype: unknown 'int16'"),
        (["--single-slice", "line"], "--single-slice: unknown 'line'"),
        (["--spacing", "a"], "spacing: expected numbers"),
    ):
        assert main([*command, *options]) == 2
        assert message in capsys.readouterr().err


def test_the_page_of_maps_holds() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert results.attempted > 8
    assert results.failed == 0
