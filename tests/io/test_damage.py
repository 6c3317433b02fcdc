"""Damaged files of every format are refused at once, in one line, without memory."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from tests.io.files import (
    FILE_SUFFIXES,
    FLAT,
    huge_npy,
    labels,
    nifti_bytes,
    refused,
    sitk_image,
    write,
)
from tests.io.text_headers import META, NRRD


def huge_nifti() -> bytes:
    """Make the header of 10 000 cubed voxels."""
    return nifti_bytes(labels(), dim=[3, 10_000, 10_000, 10_000, 1, 1, 1, 1])


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".img", ".nrrd", "z.nrrd", ".mha", ".npy"])
@pytest.mark.usefixtures("unzip")
def test_headers_that_promise_too_much_cost_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        path.write_bytes(huge_npy())
    elif suffix in (".nii", ".nii.gz"):
        path.write_bytes(gzip.compress(huge_nifti()) if suffix == ".nii.gz" else huge_nifti())
    else:
        write(path, labels())
        head = path.with_suffix(".hdr") if suffix == ".img" else path
        if suffix == ".img":
            size = np.array([10_000] * 3, "<i2").tobytes()
            head.write_bytes(head.read_bytes()[:42] + size + head.read_bytes()[48:])
        else:
            head.write_bytes(head.read_bytes().replace(b" 5 7 9", b" 10000 10000 10000"))
    refused(path, "1,000,000,000", "promises")


@pytest.mark.parametrize(
    "suffix", [s for s in FILE_SUFFIXES if s not in (".mhd", ".nhdr")] + ["z.nrrd"]
)
@pytest.mark.parametrize("kept", [0.7, 0.2])
@pytest.mark.usefixtures("unzip")
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = write(
        tmp_path / f"a{suffix}", labels(shape=(20, 20) if suffix in FLAT else (20, 20, 20))
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    refused(path)


def test_truncation_is_called_by_its_name(tmp_path: Path) -> None:
    data = nifti_bytes(labels(shape=(20, 20, 20)))
    (tmp_path / "a.nii").write_bytes(data[:-1])
    refused(tmp_path / "a.nii", "truncated", "promises 8,352 bytes", "8,351")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(data)[:-1])
    refused(tmp_path / "a.nii.gz", "truncated")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(data[:-1]))
    refused(tmp_path / "b.nii.gz", "truncated", "8,000 bytes of voxels", "end after 7,999")
    (tmp_path / "c.nii").write_bytes(data[:300])
    refused(tmp_path / "c.nii", "not a NIfTI image")


@pytest.mark.parametrize("kind", ["gzip nifti", "gzip nrrd", "zlib mha", "npz"])
@pytest.mark.parametrize("where", [-6, -300])  # in the checksum, in the data
@pytest.mark.usefixtures("unzip")
def test_corrupt_zipped_data_are_refused(tmp_path: Path, kind: str, where: int) -> None:
    array = labels(shape=(20, 20, 20))
    if kind == "gzip nifti":
        path = write(tmp_path / "a.nii.gz", array)
    elif kind == "gzip nrrd":
        path = write(tmp_path / "az.nrrd", array)
    elif kind == "zlib mha":
        path = tmp_path / "a.mha"
        SimpleITK.WriteImage(sitk_image(array), str(path), True)
        where = where + 3 if where == -6 else where  # Adler-32 is the last four bytes
    else:
        path = write(tmp_path / "a.npz", array)
        where = -400  # before the archive's directory
    data = bytearray(path.read_bytes())
    data[where] ^= 0xFF
    path.write_bytes(data)
    refused(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.usefixtures("unzip")
def test_zip_bombs_take_no_memory(tmp_path: Path, suffix: str) -> None:
    path, bomb = tmp_path / f"a{suffix}", bytes(64_000_000)
    if suffix == ".nii.gz":
        path.write_bytes(gzip.compress(nifti_bytes(labels()) + bomb, 1))
    elif suffix == ".nrrd":
        head = NRRD + "encoding: gzip\nendian: little\n\n"
        path.write_bytes(head.encode() + gzip.compress(bomb, 1))
    else:
        head = META + "CompressedData = True\nElementDataFile = LOCAL\n"
        path.write_bytes(head.encode() + zlib.compress(bomb, 1))
    refused(path, "do not end where the header says")


def test_more_voxels_than_the_header_says_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels()) + bytes(2_000_000))
    refused(tmp_path / "a.nii", "do not end where the header says")
