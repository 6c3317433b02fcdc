"""DICOM files to read, written by highdicom and pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from tests.io.files import LPS_TO_RAS, Array

ORGAN = CodedConcept("123037004", "SCT", "Anatomical Structure")
LIVER = CodedConcept("10200004", "SCT", "Liver")


def slice_of_a_scan(rows: int, columns: int) -> Dataset:
    """Make what a segmentation has to refer to: one slice of a CT."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.FrameOfReferenceUID = "1.2.3"
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = "0", "Nobody^", ""
    dataset.PatientSex, dataset.StudyID, dataset.AccessionNumber = "O", "1", ""
    dataset.StudyDate, dataset.StudyTime, dataset.ReferringPhysicianName = "20200101", "000000", ""
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 1, 1
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [1, 1], 1
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation, dataset.PixelData = 0, bytes(rows * columns * 2)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def write_segmentation(
    path: Path,
    array: Array,
    affine: Array,
    kind: str = "LABELMAP",
    names: list[str] | None = None,
    **options: Any,
) -> Any:
    """Write labels with axes (x, y, z), or masks with a last axis of segments, and a RAS+ affine."""
    count = array.shape[3] if array.ndim == 4 else max(1, int(array.max()))
    names = names or [f"segment {i + 1}" for i in range(count)]
    descriptions = [
        highdicom.seg.SegmentDescription(i + 1, name, ORGAN, LIVER, algorithm_type="MANUAL")
        for i, name in enumerate(names)
    ]
    stored = np.ascontiguousarray(array.transpose(2, 1, 0, *range(3, array.ndim)))
    volume = highdicom.Volume(
        stored,
        (LPS_TO_RAS @ affine)[:, [2, 1, 0, 3]],
        "PATIENT",
        frame_of_reference_uid="1.2.3",
        channels={"SegmentNumber": list(range(1, count + 1))} if array.ndim == 4 else None,
    )
    ids = (generate_uid(), 1, generate_uid(), 1, "maker", "model", "1", "1")
    written = highdicom.seg.Segmentation(
        [slice_of_a_scan(*stored.shape[1:3])], volume, kind, descriptions, *ids, **options
    )
    written.save_as(path)
    return written
