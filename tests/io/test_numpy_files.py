"""npy and npz: memory order, which member is meant, and archives that lie."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fastseg.io import read_image
from tests.io.files import huge_npy, labels, refused


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_npy_keeps_axes_and_memory_order(
    tmp_path: Path, order: Literal["C", "F"], byte_order: str
) -> None:
    array = np.asarray(labels(), np.dtype(f"{byte_order}u4"), order)
    np.save(tmp_path / "a.npy", array)
    image = read_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(image.array, array)
    assert image.array.dtype.isnative
    assert image.array.flags[order]


def test_npz_takes_the_array_that_is_meant(tmp_path: Path) -> None:
    other = np.zeros(3)
    for arrays in (
        {"only": labels()},
        {"seg": labels(), "x": other},
        {"arr_0": labels(), "x": other},
    ):
        np.savez(tmp_path / "a.npz", allow_pickle=True, **arrays)
        np.testing.assert_array_equal(read_image(tmp_path / "a.npz").array, labels())
    np.savez(tmp_path / "a.npz", first=other, second=other)
    refused(tmp_path / "a.npz", "'first', 'second'", "'seg' or 'arr_0'")
    np.savez(tmp_path / "a.npz", seg=other, arr_0=other)
    refused(tmp_path / "a.npz", "'seg', 'arr_0'")
    zipfile.ZipFile(tmp_path / "a.npz", "w").close()
    refused(tmp_path / "a.npz", "none")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "a.npz", objects)
    refused(tmp_path / "a.npy", "object")
    refused(tmp_path / "a.npz", "object")


def test_npz_members_that_promise_too_much_cost_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", huge_npy())
    refused(tmp_path / "a.npz", "1,000,000,000", "promises")
    data = bytearray((tmp_path / "a.npz").read_bytes())
    entry = data.index(b"PK\x01\x02")  # the archive's directory may lie as well
    data[entry + 24 : entry + 28] = (4_000_000_000).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(data)
    refused(tmp_path / "a.npz", "a.npy cannot hold 4,000,000,000 bytes")


def test_npz_members_that_numpy_does_not_write_are_refused(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    np.lib.format.write_array(bomb, labels())
    newer = bomb.getvalue().replace(b"NUMPY\x01", b"NUMPY\x04", 1)
    cases = {
        "NumPy does not write": (zipfile.ZIP_BZIP2, bomb.getvalue()),
        "version 4.0": (zipfile.ZIP_STORED, newer),
        "do not end where": (zipfile.ZIP_DEFLATED, bomb.getvalue() + bytes(64_000_000)),
        "not a readable NumPy array": (zipfile.ZIP_STORED, b"hello"),
    }
    for words, (method, data) in cases.items():
        with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
            archive.writestr("a.npy", data)
        refused(tmp_path / "a.npz", words)
