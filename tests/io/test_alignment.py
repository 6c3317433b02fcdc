"""Two images of one lattice: crops, flips, single slices, shears, and what has no orientation."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK

import fastseg
from fastseg import io
from fastseg.io.pairs import prepare_pair
from fastseg.io.same_grid import GridRules
from tests.io.files import (
    DIRECTIONS,
    Array,
    affine_of,
    labels,
    nifti_bytes,
    rotation,
    sitk_image,
    write,
)

SHAPE = (9, 8, 7)


def arrays_of(
    reference: object, prediction: object, **rules: Any
) -> tuple[Array, Array, str, io.Grid | None]:
    """Give both maps on their common grid, all that was said, and the grid."""
    prepared = prepare_pair(reference, prediction, GridRules(**rules))
    first, second = (read() for read in prepared.reads)
    assert first.source.array is not None
    assert second.source.array is not None
    said = " | ".join((*prepared.notes, *first.notes, *second.notes))
    return first.source.array, second.source.array, said, first.source.grid


def cropped_affine(affine: Array, start: tuple[int, ...]) -> Array:
    moved = affine.copy()
    moved[:3, 3] += affine[:3, : len(start)] @ start
    return moved


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
@pytest.mark.parametrize("side", ["prediction", "reference"])
def test_a_file_that_covers_a_part_is_laid_onto_the_other_grid(
    tmp_path: Path, direction: str, suffix: str, side: str
) -> None:
    affine = affine_of(DIRECTIONS[direction])
    box = (slice(2, 7), slice(0, 5), slice(3, 7))
    whole = labels(shape=SHAPE)
    expected = np.zeros_like(whole)
    expected[box] = whole[box]
    start = tuple(along.start for along in box)
    large = write(tmp_path / "large.nii.gz", whole, affine)
    small = write(tmp_path / f"small{suffix}", whole[box], cropped_affine(affine, start))
    pair = (large, small) if side == "prediction" else (small, large)
    first, second, said, grid = arrays_of(*pair)
    laid, kept = (second, first) if side == "prediction" else (first, second)
    np.testing.assert_array_equal(laid, expected)
    np.testing.assert_array_equal(kept, whole)
    assert f"{small} covers a part of the grid of {large}" in said
    assert "5 × 5 × 4 of 9 × 8 × 7 voxels from (2, 0, 3) on" in said
    assert grid is not None
    assert grid.affine is not None
    assert grid.shape == SHAPE
    np.testing.assert_allclose(grid.affine, affine, atol=1e-4)


def test_what_neither_covers_is_refused(tmp_path: Path) -> None:
    whole = labels(shape=SHAPE)
    one = write(tmp_path / "one.nii", whole)
    other = write(tmp_path / "other.nii", whole, cropped_affine(affine_of(), (1, 0, 0)))
    with pytest.raises(io.GridMismatchError, match=r"neither covers the other.*voxel \(1, 0, 0\)"):
        arrays_of(one, other)
    small = write(tmp_path / "small.nii", whole[:3], cropped_affine(affine_of(), (7, 0, 0)))
    with pytest.raises(io.GridMismatchError, match="neither covers the other"):
        arrays_of(one, small)


@pytest.mark.parametrize("shift", [0.02, 0.04, 0.5])
def test_a_crop_off_the_lattice_is_refused(tmp_path: Path, shift: float) -> None:
    affine = cropped_affine(affine_of(), (2, 1, 0))
    affine[:3, 3] += shift * affine[:3, 1]
    whole = write(tmp_path / "whole.nii", labels(shape=SHAPE))
    small = write(tmp_path / "small.nii", labels(shape=(3, 3, 3)), affine)
    if shift < 0.03:
        assert arrays_of(whole, small)[1].shape == SHAPE
    else:
        with pytest.raises(io.GridMismatchError, match="differ in shape"):
            arrays_of(whole, small)


def test_a_prediction_may_not_grow_without_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastseg.io.same_grid.MOST_VOXELS", 400)
    monkeypatch.setattr("fastseg.io.same_grid.MOST_TIMES", 4)
    large = write(tmp_path / "large.nii", labels(shape=SHAPE))
    small = write(tmp_path / "small.nii", labels(shape=(3, 3, 3)))
    assert arrays_of(large, small)[1].shape == SHAPE
    with pytest.raises(io.GridMismatchError, match="504 voxels and .* only 27 of them: crop"):
        arrays_of(small, large)


ORIENTATIONS = [
    (axes, flips)
    for axes in itertools.permutations(range(3))
    for flips in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize(("axes", "flips"), ORIENTATIONS)
def test_flips_and_permutations_are_undone_on_request(
    axes: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    """Against nibabel, which turns an image and its affine."""
    whole, affine = labels(shape=SHAPE), affine_of(DIRECTIONS["oblique"])
    image = nibabel.Nifti1Image(whole, affine)
    steps = [[axis, -1 if flip else 1] for axis, flip in zip(axes, flips, strict=True)]
    turned = image.as_reoriented(np.array(steps))
    first, second, said, _ = arrays_of(image, turned, reorient=True)
    np.testing.assert_array_equal(second, whole)
    np.testing.assert_array_equal(first, whole)
    if axes == (0, 1, 2) and not any(flips):
        assert not said
    else:
        assert "is turned to the orientation of" in said
        with pytest.raises(io.GridMismatchError, match=r"reorient=True \(--reorient\) undoes it"):
            arrays_of(image, turned)


def test_a_crop_of_a_turned_image_is_turned_and_laid() -> None:
    whole, affine = labels(shape=SHAPE), affine_of()
    turned = nibabel.Nifti1Image(whole, affine).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    expected = np.zeros_like(whole)
    stored = np.asarray(turned.dataobj)[1:4, 2:6, :5]
    small = nibabel.Nifti1Image(stored, cropped_affine(turned.affine, (1, 2, 0)))
    _, second, said, _ = arrays_of(nibabel.Nifti1Image(whole, affine), small, reorient=True)
    probe = np.arange(whole.size).reshape(whole.shape)
    there = nibabel.Nifti1Image(probe.astype(np.int32), affine).as_reoriented(
        np.array([[2, -1], [0, 1], [1, -1]])
    )
    kept = np.asarray(there.dataobj)[1:4, 2:6, :5].ravel()
    expected.flat[kept] = whole.flat[kept]
    np.testing.assert_array_equal(second, expected)
    assert "turned to the orientation" in said
    assert "covers a part" in said


@pytest.mark.parametrize("tolerance", [0.0, 0.01, 0.03, 0.6, 2.5])
def test_the_tolerance_is_in_voxels(tolerance: float) -> None:
    affine = affine_of(DIRECTIONS["oblique"])
    for voxels in (0.5, 0.99, 1.01, 1.7):
        moved = affine.copy()
        moved[:3, 3] += voxels * tolerance * affine[:3, 0]
        pair = [nibabel.Nifti1Image(labels(), which) for which in (affine, moved)]
        if voxels < 1 or not tolerance:
            assert arrays_of(*pair, tolerance=max(tolerance, 1e-9))[1].shape == labels().shape
        else:
            with pytest.raises(io.GridMismatchError, match="voxels apart|neither covers"):
                arrays_of(*pair, tolerance=tolerance)


def test_grids_can_be_ignored_and_shapes_cannot() -> None:
    one = nibabel.Nifti1Image(labels(), affine_of())
    other = nibabel.Nifti1Image(labels(), np.eye(4))
    _, _, said, grid = arrays_of(one, other, ignore=True)
    assert not said
    assert grid is not None
    assert grid.spacing == pytest.approx((0.7, 1.25, 2.5))
    with pytest.raises(io.GridMismatchError, match="shape"):
        arrays_of(one, nibabel.Nifti1Image(labels(shape=(5, 7, 8)), affine_of()), ignore=True)


def test_one_slice_is_one_slice_in_two_axes_or_three(tmp_path: Path) -> None:
    flat = labels(shape=(6, 5))
    for name, array in (("a.nii", flat), ("b.nii", flat[..., np.newaxis])):
        nibabel.save(nibabel.Nifti1Image(array, np.diag([2, 3, 4, 1])), tmp_path / name)
    SimpleITK.WriteImage(sitk_image(flat, np.diag([2.0, 3.0, 4.0, 1.0])), str(tmp_path / "c.mha"))
    np.save(tmp_path / "d.npy", flat[..., np.newaxis])
    for one, other in itertools.permutations(("a.nii", "b.nii", "c.mha"), 2):
        first, second, said, grid = arrays_of(tmp_path / one, tmp_path / other)
        np.testing.assert_array_equal(first, flat.reshape(first.shape))
        np.testing.assert_array_equal(second, first)
        assert not said
        assert grid is not None
        assert grid.spacing == pytest.approx((2, 3))
    first, second, said, _ = arrays_of(tmp_path / "d.npy", tmp_path / "a.nii")
    assert first.shape == second.shape == flat.shape
    assert "d.npy has no grid: its axes are taken as x, y, as those of" in said
    with pytest.raises(io.GridMismatchError, match="shape"):
        arrays_of(tmp_path / "a.nii", nibabel.Nifti1Image(labels(shape=(6, 5, 2)), np.eye(4)))


def test_without_orientation_shape_and_voxel_size_count(tmp_path: Path) -> None:
    (tmp_path / "nowhere.nii").write_bytes(nifti_bytes(labels(), sform_code=0, qform_code=0))
    placed = write(tmp_path / "placed.mha", labels())
    _, _, said, grid = arrays_of(tmp_path / "nowhere.nii", placed)
    assert "nowhere.nii gives no orientation: only shape and voxel size are compared" in said
    assert grid is not None
    assert grid.spacing == pytest.approx((0.7, 1.25, 2.5))
    assert not arrays_of(tmp_path / "nowhere.nii", tmp_path / "nowhere.nii")[2]
    other = write(tmp_path / "other.mha", labels(), affine_of(spacing=(0.7, 1.25, 2.6)))
    with pytest.raises(io.GridMismatchError, match="spacing"):
        arrays_of(tmp_path / "nowhere.nii", other)


def test_arrays_beside_files_are_told_of_and_transposed_ones_recognised(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", labels())
    with pytest.warns(fastseg.InputWarning, match="prediction has no grid: its axes are taken as"):
        fastseg.evaluate(path, labels(), metrics="dice")
    with pytest.raises(io.GridMismatchError, match=r"another order \(x, y, z against z, y, x\?\)"):
        fastseg.evaluate(path, labels().T, metrics="dice")


SHEARED = np.array([[0.5, 0, 0, 1], [0, 0.5, -1.5, 2], [0, 0, 5, 3], [0, 0, 0, 1.0]])


def test_sheared_images_are_counted_and_not_measured(tmp_path: Path) -> None:
    first, second = labels(shape=SHAPE) % 3, labels(shape=SHAPE) % 2
    pair = [
        write(tmp_path / name, array, SHEARED)
        for name, array in (("a.nii", first), ("b.nii.gz", second))
    ]
    counted = fastseg.evaluate(*pair, metrics=["dice", "volume_difference"])
    plain = fastseg.evaluate(first, second, metrics=["dice", "volume_difference"])
    assert counted[1]["dice"] == plain[1]["dice"]
    voxel = 0.5 * 0.5 * 5  # a shear leaves the volume
    assert counted[1]["volume_difference"] == pytest.approx(plain[1]["volume_difference"] * voxel)
    for metrics in ("hd", "nsd", "boundary_iou", None):
        with pytest.raises(ValueError, match=r"not at right angles \(cosine 0\.287\)"):
            fastseg.evaluate(*pair, metrics=metrics)
    assert fastseg.evaluate(*pair, metrics="hd", spacing=(0.5, 0.5, 5))[1]["hd"] > 0
    other = write(tmp_path / "c.nii", second, affine_of(spacing=(0.5, 0.5, 5)))
    with pytest.raises(io.GridMismatchError):
        fastseg.evaluate(pair[0], other, metrics="dice")


def test_a_mismatch_tells_what_a_header_says_against_itself(tmp_path: Path) -> None:
    write(tmp_path / "a.nii", labels(), affine_of(spacing=(0.5, 0.5, 0.5)))
    pixdim = [1, 0.5, 0.5, 0.5, 0, 0, 0, 0]
    (tmp_path / "b.nii").write_bytes(
        nifti_bytes(labels(), affine_of(spacing=(1, 1, 1)), pixdim=pixdim)
    )
    with pytest.raises(io.GridMismatchError, match=r"spacing .*b\.nii: its header contradicts"):
        arrays_of(tmp_path / "a.nii", tmp_path / "b.nii")


def test_a_quaternion_near_a_half_turn_is_as_precise_as_its_header(tmp_path: Path) -> None:
    """Of such a rotation float32 holds so little that the far corner lies a tenth of a voxel off, and more."""
    random = np.random.default_rng(0)
    array = np.zeros((400, 400, 2), np.uint8)
    far_off = 0
    for _ in range(20):
        x, y, z = np.degrees(random.normal(size=3) * 1e-3)
        turned = np.diag([-1.0, -1, 1]) @ rotation(x, y, z)
        affine = affine_of(turned, (0.7, 0.7, 1.25))
        for name, code in (("qform.nii", 0), ("sform.nii", 1)):
            image = nibabel.Nifti1Image(array, affine)
            image.set_qform(affine, 1)
            data = bytearray(image.to_bytes())
            header = nibabel.Nifti1Header(bytes(data[:348]))
            header["sform_code"] = code
            data[:348] = header.binaryblock
            (tmp_path / name).write_bytes(data)
        pair = tmp_path / "sform.nii", tmp_path / "qform.nii"
        assert arrays_of(*pair)[1].shape == array.shape
        try:
            arrays_of(*pair, tolerance=0.02999)  # chosen, so that it is meant
        except io.GridMismatchError:
            far_off += 1
        moved = affine.copy()
        moved[:3, 3] += 0.6 * affine[:3, 0]
        nibabel.save(nibabel.Nifti1Image(array, moved), tmp_path / "moved.nii")
        with pytest.raises(io.GridMismatchError):
            arrays_of(tmp_path / "moved.nii", pair[1])
    assert far_off > 3
