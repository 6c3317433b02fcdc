"""Segmentations of 3D Slicer: names, layers, extents."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from fastseg.io import image_stem, open_image, read_image
from tests.io.files import Array, affine_in, affine_of, refused

MASKS = np.zeros((3, 5, 7, 9), np.uint8)  # layers first
MASKS[0, 1:3, 2:5, 3:6] = 1
MASKS[0, 4, 6, 8] = 2
MASKS[1, 2:4, 3:6, 4:8] = 1
APART = MASKS[:2].copy()
APART[1] = APART[1] * 5 * (APART[0] == 0)


def described(*segments: tuple[str, int, int]) -> str:
    """Give the fields of segments: name, layer, label."""
    return "".join(
        f"Segment{i}_ID:=Segment_{i}\nSegment{i}_Name:={name}\nSegment{i}_LabelValue:={value}\n"
        f"Segment{i}_Layer:={layer}\nSegment{i}_Extent:=0 4 0 6 0 8\n"
        for i, (name, layer, value) in enumerate(segments)
    )


def write_segmentation(
    path: Path, array: Array, fields: str, axis: int | None = None, kind: str = "list"
) -> Path:
    """Write layers, the first axis of the array, along any axis of the file, or a map without any."""
    axes = ["(0.5,0,0)", "(0,2,0)", "(0,0,3)"]
    kinds = ["domain"] * 3
    if axis is not None:
        axes.insert(axis, "none")
        kinds.insert(axis, kind)
        array = np.moveaxis(array, 0, axis)
    path.write_bytes(
        f"NRRD0004\ntype: uchar\ndimension: {array.ndim}\nspace: left-posterior-superior\n"
        f"sizes: {' '.join(map(str, array.shape))}\nspace directions: {' '.join(axes)}\n"
        f"kinds: {' '.join(kinds)}\nencoding: gzip\nspace origin: (1,2,3)\n{fields}"
        "Segmentation_MasterRepresentation:=Binary labelmap\n\n".encode()
        + gzip.compress(array.tobytes(order="F"))
    )
    return path


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a.nrrd", "A.SEG.NRRD"])
def test_segments_are_named(tmp_path: Path, name: str) -> None:
    fields = described(("liver", 0, 1), ("Milz & Co, größer", 0, 2), ("empty", 0, 7))
    image = read_image(write_segmentation(tmp_path / name, MASKS[0], fields))
    np.testing.assert_array_equal(image.array, MASKS[0])
    assert image.segments == {"liver": (1,), "Milz & Co, größer": (2,), "empty": (7,)}
    assert image.own_labels
    assert image.notes == ()
    assert image_stem(name).lower() == "a"


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["list", "vector"])
def test_layers_that_overlap(tmp_path: Path, axis: int, kind: str) -> None:
    fields = described(("liver", 0, 1), ("spleen", 0, 2), ("tumour", 1, 1), ("none", 2, 1))
    image = read_image(write_segmentation(tmp_path / "a.seg.nrrd", MASKS, fields, axis, kind))
    assert image.array.shape == (5, 7, 9)
    assert image.array.flags.f_contiguous
    assert not image.own_labels
    expected = {
        "liver": MASKS[0] == 1,
        "spleen": MASKS[0] == 2,
        "tumour": MASKS[1] == 1,
        "none": MASKS[2] == 1,
    }
    assert list(image.segments) == list(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(np.isin(image.array, image.segments[name]), mask)
    spacing = affine_of(spacing=(0.5, 2, 3), origin=(1, 2, 3))
    np.testing.assert_allclose(affine_in(image), np.diag([-1, -1, 1, 1]) @ spacing)


def test_layers_that_do_not_overlap_keep_their_labels(tmp_path: Path) -> None:
    fields = described(("liver", 0, 1), ("spleen", 0, 2), ("tumour", 1, 5))
    image = read_image(write_segmentation(tmp_path / "a.seg.nrrd", APART, fields, 0))
    np.testing.assert_array_equal(image.array, APART.max(axis=0))
    assert image.own_labels
    assert image.segments == {"liver": (1,), "spleen": (2,), "tumour": (5,)}


def test_a_copy_by_itk_is_read_the_same(tmp_path: Path) -> None:
    fields = described(("liver", 0, 1), ("spleen", 0, 2), ("tumour", 1, 1))
    path = write_segmentation(tmp_path / "a.seg.nrrd", MASKS[:2], fields, 0)
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(path)), str(tmp_path / "b.seg.nrrd"))
    image, copy = read_image(path), read_image(tmp_path / "b.seg.nrrd")
    np.testing.assert_array_equal(copy.array, image.array)
    assert copy.segments == image.segments


def test_old_files_have_a_layer_a_segment(tmp_path: Path) -> None:
    """Before 3D Slicer 4.11 neither layers nor labels were written."""
    fields = "Segment0_ID:=liver\nSegment1_ID:=b\nSegment1_Name:=tumour\n"
    masks = np.minimum(MASKS[:2], 1)
    image = read_image(write_segmentation(tmp_path / "a.seg.nrrd", masks, fields, 0))
    for name, mask in zip(("liver", "tumour"), masks, strict=True):
        np.testing.assert_array_equal(np.isin(image.array, image.segments[name]), mask == 1)


def test_one_layer_in_a_list(tmp_path: Path) -> None:
    fields = described(("liver", 0, 1))
    image = read_image(write_segmentation(tmp_path / "a.seg.nrrd", MASKS[:1], fields, 0))
    np.testing.assert_array_equal(image.array, MASKS[0])
    assert image.segments == {"liver": (1,)}


def test_names_given_twice_and_the_background_are_said(tmp_path: Path) -> None:
    fields = described(("a", 0, 1), ("a", 0, 2), ("background", 0, 0))
    image = read_image(write_segmentation(tmp_path / "a.seg.nrrd", MASKS[0], fields))
    assert image.segments == {"a": (1,), "a (2)": (2,)}
    assert ["'background' is the background, 0" in image.notes[0], "called 'a'" in image.notes[1]]


@pytest.mark.parametrize(
    ("fields", "axis", "kind", "reason"),
    [
        ("", 0, "list", "a list of 3 images, and no segments"),
        ("", 0, "vector", "3 x vector of 8-bit"),
        (described(("a", 0, 1)), 0, "RGB-color", "3 x vector of 8-bit"),
        (described(("a", 0, 1)), 0, "3-vector", "3 x vector of 8-bit"),
        (described(("a", 3, 1)), 0, "list", "into layer 3, but it has 3"),
        (described(("a", -1, 1)), 0, "list", "into layer -1"),
        ("Segment0_LabelValue:=one\n", 0, "list", "Segment0_LabelValue, not 'one'"),
        ("Segment0_Layer:=1 2\n", 0, "list", "one number in the header's Segment0_Layer"),
    ],
)
def test_layers_that_say_nothing_are_refused(
    tmp_path: Path, fields: str, axis: int, kind: str, reason: str
) -> None:
    path = write_segmentation(tmp_path / "a.seg.nrrd", MASKS, fields, axis, kind)
    refused(path, reason)


def test_a_segmentation_without_segments_is_called_so(tmp_path: Path) -> None:
    """3D Slicer writes a single voxel, anywhere, where there is nothing to write."""
    path = write_segmentation(tmp_path / "a.seg.nrrd", np.zeros((1, 1, 1), np.uint8), "")
    assert (
        open_image(path).name
        == f"{path} (a single voxel: 3D Slicer's segmentation without segments)"
    )
    assert not read_image(path).array.any()
    assert open_image(write_segmentation(path, MASKS[0], "")).name == str(path)


def test_layers_that_are_promised_and_not_there(tmp_path: Path) -> None:
    path = write_segmentation(tmp_path / "a.seg.nrrd", MASKS, described(("a", 0, 1)), 0)
    path.write_bytes(path.read_bytes().replace(b"3 5 7 9", b"3 9999 9999 9999"))
    refused(path, "promises 2,999,100,089,997 bytes")
