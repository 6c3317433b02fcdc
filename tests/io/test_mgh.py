"""FreeSurfer's images."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fastseg.io import read_image
from tests.io.files import DIRECTIONS, affine_in, affine_of, labels, nibabel_image, refused, write


def header(path: Path, at: int, form: str, *values: float) -> Path:
    """Overwrite numbers in a header."""
    data = bytearray(path.read_bytes())
    struct.pack_into(f">{form}", data, at, *values)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".mgh", ".mgz", ".MGZ"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
@pytest.mark.parametrize("direction", ["identity", "oblique mirrored"])
def test_what_nibabel_writes(tmp_path: Path, suffix: str, dtype: str, direction: str) -> None:
    affine = affine_of(DIRECTIONS[direction])
    image = nibabel.MGHImage(labels(dtype), affine)
    nibabel.save(image, tmp_path / f"a{suffix.lower()}")
    path = (tmp_path / f"a{suffix.lower()}").rename(tmp_path / f"a{suffix}")
    read = read_image(path)
    assert read.array.dtype == dtype
    np.testing.assert_array_equal(read.array, labels())
    np.testing.assert_allclose(affine_in(read), affine, atol=1e-5)
    if suffix == ".mgz":
        np.testing.assert_allclose(affine_in(read), nibabel_image(path).affine, atol=1e-12)


def test_unsigned_shorts_of_freesurfer_7(tmp_path: Path) -> None:
    array = labels(np.uint16) * 600
    path = write(tmp_path / "a.mgh", labels(np.int16))
    data = bytearray(path.read_bytes())
    data[20:24] = (10).to_bytes(4, "big")
    data[284 : 284 + array.nbytes] = array.astype(">u2").tobytes(order="F")
    path.write_bytes(data)
    np.testing.assert_array_equal(read_image(path).array, array)


def test_one_frame_only(tmp_path: Path) -> None:
    nibabel.save(nibabel.MGHImage(labels(shape=(5, 6, 7, 2)), np.eye(4)), tmp_path / "b.mgz")
    refused(tmp_path / "b.mgz", "(5, 6, 7, 2)")


def test_without_the_flag_neither_size_nor_orientation_is_known(tmp_path: Path) -> None:
    path = header(write(tmp_path / "a.mgh", labels()), 28, "h", 0)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, labels())
    assert image.grid is None
    assert "goodRASFlag is not set" in image.notes[0]


def test_what_stands_behind_the_voxels_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mgh", labels())
    path.write_bytes(path.read_bytes() + bytes(500_000))
    np.testing.assert_array_equal(read_image(path).array, labels())
    (tmp_path / "b.mgz").write_bytes(gzip.compress(path.read_bytes() + bytes(64_000_000), 1))
    refused(tmp_path / "b.mgz", "do not end where the header says")


def test_headers_of_nonsense(tmp_path: Path) -> None:
    def fresh() -> Path:
        return write(tmp_path / "a.mgh", labels())

    refused(header(fresh(), 0, "i", 2), "not an image of FreeSurfer")
    refused(header(fresh(), 4, "3i", 10_000, 10_000, 10_000), "1,000,000,000,284 bytes")
    refused(header(fresh(), 4, "3i", -5, -7, 9), "its shape is (-5, -7, 9, 1)")
    refused(header(fresh(), 20, "i", 7), "type of its voxels as 7")
    refused(header(fresh(), 30, "f", np.nan), "not finite")
    refused(header(fresh(), 30, "f", 0), "finite and positive")
    refused(header(fresh(), 42, "3f", 0, 0, 0), "finite and positive")
    zipped = gzip.compress(header(fresh(), 4, "3i", 10_000, 10_000, 10_000).read_bytes())
    (tmp_path / "b.mgz").write_bytes(zipped)
    refused(tmp_path / "b.mgz", "promises 1,000,000,000,284 bytes")
    whole = fresh().read_bytes()
    for length in (3, 100, 283):
        (tmp_path / "c.mgh").write_bytes(whole[:length])
        refused(tmp_path / "c.mgh", "not an image of FreeSurfer")
    (tmp_path / "c.mgh").write_bytes(whole[:400])
    refused(tmp_path / "c.mgh", "truncated")
