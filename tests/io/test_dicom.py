"""DICOM segmentations, and the other objects that end in .dcm."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, generate_uid

from fastseg.io import prepare_pair, read_image
from tests.io.dicom_files import slice_of_a_scan, write_segmentation
from tests.io.files import DIRECTIONS, LPS_TO_RAS, Array, affine_in, affine_of, refused, write

LABELS = np.zeros((5, 7, 9), np.uint8)
LABELS[1:4, 2:5, 2:4] = 1
LABELS[2:5, 1:3, 5:7] = 2
MASKS = np.stack([LABELS > 0, LABELS == 2], axis=-1).astype(np.uint8)
NAMES = ["liver", "Milz, größer"]


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("direction", ["identity", "flipped", "permuted", "oblique"])
@pytest.mark.parametrize("empty_frames", [False, True])
def test_segmentations(tmp_path: Path, kind: str, direction: str, empty_frames: bool) -> None:
    """Frames without a segment are left out at the ends, and filled in between."""
    affine = affine_of(DIRECTIONS[direction])
    path = tmp_path / "a.dcm"
    write_segmentation(path, LABELS, affine, kind, NAMES, omit_empty_frames=not empty_frames)
    image = read_image(path)
    first, last = (0, 9) if empty_frames else (2, 7)
    np.testing.assert_array_equal(image.array, LABELS[:, :, first:last])
    assert image.array.flags.f_contiguous
    affine[:3, 3] += affine[:3, 2] * first
    np.testing.assert_allclose(affine_in(image), affine, atol=1e-6)
    assert image.segments == {"liver": (1,), "Milz, größer": (2,)}
    assert image.own_labels


def test_segments_that_overlap(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    write_segmentation(path, MASKS, affine_of(), "BINARY", ["both", "one"])
    image = read_image(path)
    assert not image.own_labels
    for name, mask in zip(("both", "one"), np.moveaxis(MASKS, 3, 0)[:, :, :, 2:7], strict=True):
        np.testing.assert_array_equal(np.isin(image.array, image.segments[name]), mask == 1)


def test_names_given_twice_are_said(tmp_path: Path) -> None:
    write_segmentation(tmp_path / "a.dcm", LABELS, affine_of(), "BINARY", ["a", "a"])
    image = read_image(tmp_path / "a.dcm")
    assert image.segments == {"a": (1,), "a (2)": (2,)}
    assert "called 'a'" in image.notes[0]


def test_it_is_laid_onto_the_grid_of_the_other(tmp_path: Path) -> None:
    """In a thread of its own, as the command line reads."""
    reference = write(tmp_path / "a.nii.gz", LABELS)
    write_segmentation(tmp_path / "a.dcm", LABELS, affine_of())
    pair = prepare_pair(str(reference), str(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(pair.reads[1]().source.array, LABELS)
    assert "covers a part of the grid" in pair.notes[0]


def test_one_slice(tmp_path: Path) -> None:
    one = LABELS * (np.arange(9) == 3)
    write_segmentation(tmp_path / "a.dcm", one, affine_of(), "BINARY", NAMES[:1])
    image = read_image(tmp_path / "a.dcm")
    np.testing.assert_array_equal(image.array, one[:, :, 3:4])
    assert image.spacing == pytest.approx((0.7, 1.25, 2.5))


def test_fractions_are_refused_with_advice(tmp_path: Path) -> None:
    shares = (LABELS > 0) * np.float32(0.5)
    path = tmp_path / "a.dcm"
    write_segmentation(path, shares, affine_of(), "FRACTIONAL", NAMES[:1])
    refused(path, "a fractional segmentation holds probabilities", "choose a threshold")


def changed(path: Path, **elements: object) -> Path:
    """Write a segmentation with elements overwritten, or left out."""
    write_segmentation(path, LABELS, affine_of(), "BINARY")
    dataset = pydicom.dcmread(path)
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path)
    return path


def test_other_objects_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    scan = slice_of_a_scan(7, 5)
    scan.file_meta.MediaStorageSOPClassUID = scan.SOPClassUID
    scan.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    scan.save_as(path, enforce_file_format=True)
    refused(path, "not a segmentation (SEG), but CT Image Storage")
    scan.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    scan.save_as(path, enforce_file_format=True)
    refused(
        path, "a structure set (RTSTRUCT) holds contours", "plastimatch", "rt-utils", "3D Slicer"
    )
    refused(changed(path, SOPClassUID="1.2.3"), "not a segmentation (SEG), but 1.2.3")
    path.write_bytes(b"x" * 1000)
    refused(path, "not a DICOM file")


def test_headers_of_nonsense(tmp_path: Path) -> None:
    read_image(changed(tmp_path / "a.dcm"))
    path = tmp_path / "a.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of what is written here
        refused(changed(path, NumberOfFrames=10**9), "promises 4,375,000,000 bytes")
        refused(changed(path, Rows=60000, Columns=60000), "promises 1,800,000,000 bytes")
        refused(changed(path, Rows=0), "frames of 0 x 5 voxels")
        refused(changed(path, PixelData=None), "stops before its voxels")
        for name in ("SegmentSequence", "PerFrameFunctionalGroupsSequence", "SegmentationType"):
            refused(changed(path, **{name: None}))


def moved(path: Path, positions: Array) -> None:
    """Put the frames elsewhere along the slices' axis."""
    dataset = pydicom.dcmread(path)
    lps = LPS_TO_RAS @ affine_of()
    for frame, at in zip(dataset.PerFrameFunctionalGroupsSequence, positions, strict=True):
        place = (lps[:3, 3] + lps[:3, 2] * at).tolist()
        frame.PlanePositionSequence[0].ImagePositionPatient = place
    dataset.save_as(path)


def test_frames_at_impossible_places(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.dcm")
    moved(path, np.array([0, 1, 2, 2_000_000]))
    refused(path, "its 4 frames are spread over 2,000,001 slices")
    moved(path, np.array([0, 1, 2, 3.4]))
    refused(path, "do not lie one behind the other at equal distances")


def test_deflated_files_and_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(tmp_path / "a.dcm")
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    np.testing.assert_array_equal(read_image(path).array, LABELS[:, :, 2:7])
    monkeypatch.setattr("fastseg.io.dicom.MOST_INFLATED", 2000)
    refused(path, "it unzips to more than 2,000 bytes")
