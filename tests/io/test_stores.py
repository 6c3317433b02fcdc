"""Zarr and HDF5 by their paths, and their arrays in memory: what is meant, where it lies, what is wrong with it."""

from __future__ import annotations

import asyncio
import importlib
import json
import shutil
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import fastseg
from fastseg import io
from fastseg.cohort.pairing import find_pairs
from fastseg.errors import GridMismatchError, InputError, InputWarning, MissingPackageError
from fastseg.inputs.arrays import Array
from fastseg.inputs.chunked_source import ChunkedSource
from fastseg.io import chunked, image_stem, multiscales, open_image, read_image, zarr_arrays
from fastseg.io.store_paths import store_path
from tests.io.files import affine_of, labels, refused, small_slabs, taken, write, write_store
from tests.oracle import hard_cases

zarr = pytest.importorskip("zarr")

Version = Literal[2, 3]
VERSIONS: tuple[Version, ...] = (2, 3)
REFERENCE, PREDICTION = (side.astype(np.uint16) for side in hard_cases.blob_pair((12, 14, 16), 3))


def multiscale(
    paths: Sequence[str],
    scale: Sequence[float] = (2, 0.5, 0.5),
    translation: Sequence[float] | None = None,
    extra: str = "",
    unit: str | None = "micrometer",
) -> dict[str, Any]:
    """The metadata of an image whose further resolutions are half as fine."""
    spatial = "zyx"[-len(scale) :]
    kinds = {"t": "time", "c": "channel"}
    axes = [{"name": name, "type": kinds[name]} for name in extra]
    axes += [{"name": a, "type": "space", **({"unit": unit} if unit else {})} for a in spatial]
    ones, zeros = [1.0] * len(extra), [0.0] * len(extra)
    datasets = []
    for level, path in enumerate(paths):
        steps = [{"type": "scale", "scale": [*ones, *(s * 2**level for s in scale)]}]
        if translation is not None:
            steps.append({"type": "translation", "translation": [*zeros, *translation]})
        datasets.append({"path": path, "coordinateTransformations": steps})
    return {"axes": axes, "datasets": datasets}


def write_image(
    group: Any, array: Array, extra: str = "", is_label: bool = False, **how: Any
) -> None:
    stored = array.reshape((1,) * len(extra) + array.shape)
    chunks = (1,) * len(extra) + (5,) * array.ndim
    group.create_array("0", data=stored, chunks=chunks)
    group.create_array("1", data=stored[..., ::2, ::2, ::2], chunks=chunks)
    more: dict[str, Any] = {"image-label": {}} if is_label else {}
    set_ome(group, {"multiscales": [multiscale(["0", "1"], extra=extra, **how)], **more})


def set_ome(group: Any, attributes: dict[str, Any]) -> None:
    is_old = group.metadata.zarr_format == 2
    group.attrs.update(attributes if is_old else {"ome": {"version": "0.5", **attributes}})


def write_ome(
    path: Path, array: Array, version: Version = 3, names: Sequence[str] = ("cells",), **how: Any
) -> Path:
    """An image of OME-Zarr with label images."""
    root = zarr.open_group(path, mode="w", zarr_format=version)
    write_image(root, np.zeros_like(array), **how)
    group = root.create_group("labels")
    set_ome(group, {"labels": list(names)})
    for name in names:
        write_image(group.create_group(name), array, is_label=True, **how)
    return path


def quietly(*arguments: Any, **options: Any) -> fastseg.Evaluation:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        return fastseg.evaluate(*arguments, **options)


def rows(evaluation: fastseg.Evaluation) -> str:
    return repr([{**row, "case": ""} for row in evaluation.to_dict()])


# ---------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("path", "file", "inner"),
    [
        ("a.zarr", "a.zarr", ""),
        ("a.zarr/", "a.zarr", ""),
        ("d/A.OME.ZARR/labels/x/0/", "d/A.OME.ZARR", "labels/x/0"),
        ("a.zarr:/labels", "a.zarr", "labels"),
        ("a.ome.zarr.zip/labels", "a.ome.zarr.zip", "labels"),
        ("a.ozx", "a.ozx", ""),
        ("c.zarr/a.h5:x/y", "c.zarr/a.h5", "x/y"),
        ("a.hdf5/x", "a.hdf5", "x"),
    ],
)
def test_paths_into_stores(path: str, file: str, inner: str) -> None:
    assert store_path(path) == (file, inner)
    assert io.file_of(path) == file
    assert image_stem(path) == Path(file).name.partition(".")[0]


def test_files_in_a_folder_that_is_named_like_a_store(tmp_path: Path) -> None:
    folder = tmp_path / "cohort.zarr"
    folder.mkdir()
    path = write(folder / "case.nii.gz", labels())
    assert image_stem(path) == "case"
    np.testing.assert_array_equal(read_image(path).array, labels())
    assert store_path("zarr/a.nii") is None
    assert store_path("a.zarrs") is None


# ---------------------------------------------------------------------------- what is meant


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip", ".ozx", ".ome.zarr"])
def test_plain_arrays(
    tmp_path: Path, version: Version, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_slabs(monkeypatch, 1000)
    expected = rows(fastseg.evaluate(REFERENCE, PREDICTION))
    first = write_store(tmp_path / f"r{suffix}", REFERENCE, version, chunks=(5, 6, 7))
    second = write_store(tmp_path / f"p{suffix}", PREDICTION, version, chunks=(4, 14, 3))
    for least in (1 << 40, 0):
        monkeypatch.setattr(chunked, "DECODED_FROM", least)
        assert isinstance(io.read_map(first).source, ChunkedSource) == (least == 0)
        found = fastseg.evaluate(first, second)
        assert rows(found) == expected
        assert {row.case for row in found} == {"p"}
        assert rows(fastseg.evaluate(first, PREDICTION)) == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no label in common:fastseg.errors.InputWarning")
def test_hard_cases_in_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    small_slabs(monkeypatch, 500)
    monkeypatch.setattr(chunked, "DECODED_FROM", 0)
    for number, (name, *maps) in enumerate(hard_cases.label_pairs()):
        folder = tmp_path / str(number)
        folder.mkdir()
        expected = rows(fastseg.evaluate(*maps))
        version = VERSIONS[number % 2]
        stores = [
            write_store(folder / f"{i}.zarr", m, version, chunks=(2, 3, 33))
            for i, m in enumerate(maps)
        ]
        assert rows(fastseg.evaluate(*stores)) == expected, name
        with h5py.File(folder / "a.h5", "w") as file:
            for i, one in enumerate(maps):
                file.create_dataset(f"g/{i}", data=one, chunks=(2, 3, 33), compression="gzip")
        assert rows(fastseg.evaluate(*(f"{folder}/a.h5:/g/{i}" for i in (0, 1)))) == expected, name


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("extra", ["", "c", "tc"])
def test_labels_of_an_image(tmp_path: Path, version: Version, extra: str) -> None:
    first = write_ome(tmp_path / "r.ome.zarr", REFERENCE, version, extra=extra)
    second = write_ome(tmp_path / "p.zarr", PREDICTION, version, extra=extra)
    expected = rows(fastseg.evaluate(REFERENCE, PREDICTION, spacing=(2e-3, 5e-4, 5e-4)))
    with pytest.warns(InputWarning, match="its label image labels/cells is taken"):
        assert rows(fastseg.evaluate(first, second)) == expected
    for inner in ("labels/cells", "labels/cells/0"):
        # named, it is taken without a word
        assert rows(fastseg.evaluate(f"{first}/{inner}", f"{second}/{inner}")) == expected
    assert open_image(f"{first}/labels/cells/1").shape == (6, 7, 8)
    grid = open_image(f"{first}/labels/cells/1").grid
    assert grid is not None
    assert grid.spacing == pytest.approx((4e-3, 1e-3, 1e-3))
    in_memory = zarr.open_group(first, mode="r")["labels/cells/0"]
    assert rows(quietly(in_memory, second)) == expected


def test_several_labels_are_named_and_asked_for(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "a.zarr", REFERENCE, names=("cells", "nuclei"))
    for given in (path, path / "labels"):
        refused(given, "several label images: 'cells', 'nuclei'", f"{path}/labels/cells")
    assert open_image(path / "labels" / "nuclei").shape == REFERENCE.shape
    refused(path / "labels" / "nothing", "no array or group 'labels/nothing'")


def test_an_image_without_labels_is_the_label_map(tmp_path: Path) -> None:
    write_image(zarr.open_group(tmp_path / "a.zarr", mode="w"), REFERENCE)
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr").array, REFERENCE)
    assert open_image(tmp_path / "a.zarr").notes == ()


def test_a_folder_of_zarr_without_the_ending(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "store", REFERENCE) / "labels" / "cells"
    image = read_image(path)
    np.testing.assert_array_equal(image.array, REFERENCE)
    assert image.spacing == pytest.approx((2e-3, 5e-4, 5e-4))
    assert read_image(path / "1").spacing == pytest.approx((4e-3, 1e-3, 1e-3))
    assert image_stem(path) == "cells"


def test_groups_with_one_member_and_with_several(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.create_group("volumes").create_array("labels", data=REFERENCE)
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr").array, REFERENCE)
    root["volumes"].create_array("raw", data=REFERENCE)
    refused(tmp_path / "a.zarr", "'labels', 'raw'", f"{tmp_path}/a.zarr/volumes/labels")
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr/volumes/raw").array, REFERENCE)
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    refused(tmp_path / "empty.zarr", "a group of Zarr that holds no array")
    (tmp_path / "nothing.zarr").mkdir()
    refused(tmp_path / "nothing.zarr", "it holds no array of Zarr")
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        read_image(tmp_path / "missing.zarr")


def test_axes_of_one_entry_are_left_out_of_plain_arrays(tmp_path: Path) -> None:
    path = write_store(tmp_path / "a.zarr", REFERENCE[None, None])
    with pytest.warns(InputWarning, match="axes of one entry are left out"):
        found = fastseg.evaluate(path, PREDICTION)
    assert rows(found) == rows(fastseg.evaluate(REFERENCE, PREDICTION))
    refused(write_store(tmp_path / "b.zarr", np.zeros((2, 3, 4, 5), np.uint8)), "one to three axes")
    root = zarr.open_group(tmp_path / "d.zarr", mode="w")
    root.create_array("0", data=np.zeros((2, 3, 4, 5), np.uint8))
    set_ome(root, {"multiscales": [multiscale(["0"], extra="c")]})
    refused(tmp_path / "d.zarr", "its axis 'c' has several entries")


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("version", VERSIONS)
def test_datasets_of_xarray(
    tmp_path: Path, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    xarray = pytest.importorskip("xarray")
    coords = {"z": np.arange(12) * 2.5, "y": np.arange(14) * 0.5, "x": np.arange(16) * 0.5}
    dims = list(coords)
    array = xarray.DataArray(REFERENCE, dims=dims, coords=coords, name="seg")
    array.to_dataset().to_zarr(tmp_path / "a.zarr", zarr_format=version)
    expected = rows(fastseg.evaluate(REFERENCE, PREDICTION, spacing=(2.5, 0.5, 0.5)))
    assert rows(fastseg.evaluate(tmp_path / "a.zarr", PREDICTION)) == expected
    monkeypatch.setattr(chunked, "DECODED_FROM", 0)
    lazy = xarray.open_dataset(tmp_path / "a.zarr", engine="zarr", chunks=None)["seg"]
    assert isinstance(io.read_map(lazy).source, ChunkedSource)
    assert rows(fastseg.evaluate(lazy, PREDICTION)) == expected
    assert not lazy.variable._in_memory
    pytest.importorskip("dask.array")
    in_dask = array.chunk({"z": 5})
    assert rows(fastseg.evaluate(in_dask, PREDICTION)) == expected


# ---------------------------------------------------------------------------- where it lies


def test_translations_are_compared_and_parts_are_laid_onto_the_grid(tmp_path: Path) -> None:
    first = write_ome(tmp_path / "r.zarr", REFERENCE) / "labels/cells"
    moved = write_ome(tmp_path / "m.zarr", PREDICTION, translation=(2, 0, 0)) / "labels/cells"
    for chunk in (moved / "0/c").rglob("*"):  # no chunk is decoded before the grids are compared
        if chunk.is_file():
            chunk.write_bytes(b"damaged")
    with pytest.raises(GridMismatchError, match="begins at voxel"):
        fastseg.evaluate(first, moved)
    off = write_ome(tmp_path / "o.zarr", PREDICTION, translation=(0.7, 0, 0)) / "labels/cells"
    with pytest.raises(GridMismatchError, match="lie on different grids: origin"):
        fastseg.evaluate(first, off)
    assert rows(fastseg.evaluate(first, off, ignore_grid=True)) == rows(
        fastseg.evaluate(REFERENCE, PREDICTION, spacing=(2e-3, 5e-4, 5e-4))
    )
    crop = PREDICTION[3:9, 4:]
    part = write_ome(tmp_path / "c.zarr", crop, translation=(6, 2, 0)) / "labels/cells"
    with pytest.warns(InputWarning, match="covers a part of the grid"):
        found = fastseg.evaluate(first, part)
    padded = np.pad(crop, ((3, 3), (4, 0), (0, 0)))
    assert rows(found) == rows(fastseg.evaluate(REFERENCE, padded, spacing=(2e-3, 5e-4, 5e-4)))


def test_units_are_known_or_said(tmp_path: Path) -> None:
    for unit, spacing in (("nanometer", 2e-6), ("millimeter", 2.0), ("angstrom", 2e-7)):
        path = write_ome(tmp_path / f"{unit}.zarr", REFERENCE, unit=unit) / "labels/cells"
        opened = open_image(path)
        assert opened.grid is not None
        assert opened.grid.spacing[0] == pytest.approx(spacing)
        assert opened.notes == ()
    strange = open_image(write_ome(tmp_path / "a.zarr", REFERENCE, unit="parsec") / "labels/cells")
    assert "the unit 'parsec' is not known, and taken as mm" in strange.notes[0]
    none = open_image(write_ome(tmp_path / "b.zarr", REFERENCE, unit=None) / "labels/cells")
    assert "has no unit: taken as mm" in none.notes[0]


def test_axes_beside_those_of_other_files(tmp_path: Path) -> None:
    """A file on a grid with an affine has the axes x, y, z: a cube of z, y, x must not pass for it."""
    cube = hard_cases.blob_pair((12, 12, 12), 3)[0].astype(np.uint8)
    store = (
        write_ome(tmp_path / "a.zarr", cube, scale=(1, 1, 1), unit="millimeter") / "labels/cells"
    )
    nifti = write(tmp_path / "a.nii", np.ascontiguousarray(cube.T), np.eye(4))
    with pytest.raises(GridMismatchError, match="z, y, x against x, y, z; .*reorient"):
        fastseg.evaluate(store, nifti)
    notes = io.prepare_pair(store, nifti, io.GridRules(reorient=True)).notes
    assert any("put into the order" in note for note in notes)
    found = quietly(store, nifti, reorient=True)
    assert rows(found) == rows(fastseg.evaluate(cube, cube))
    assert all(row["dice"] == 1 for row in quietly(nifti, store, reorient=True))


@pytest.mark.parametrize(
    "steps",
    [
        [{"type": "scale", "scale": [1, 2]}],
        [{"type": "scale", "scale": ["a", 1, 1]}],
        [{"type": "affine", "affine": [[1, 0, 0, 0]]}],
        [{"type": "scale", "scale": [1, 1, float("nan")]}],
        "scale",
        [7],
    ],
)
def test_transformations_that_make_no_sense(steps: Any) -> None:
    meta: dict[str, Any] = {"axes": ["z", "y", "x"]}
    with pytest.raises(InputError, match="^a: its metadata make no sense: coordinateTransf"):
        multiscales.grid_of((3, 4, 5), meta, steps, "a", [])


def test_a_scale_comes_before_a_translation_and_both_before_those_of_the_image() -> None:
    meta = {
        "axes": [{"name": "t", "type": "time"}, "z", "y", "x"],
        "coordinateTransformations": [{"type": "scale", "scale": [1, 2, 2, 2]}],
    }
    steps = [
        {"type": "scale", "scale": [5, 1, 2, 3]},
        {"type": "translation", "translation": [0, 10, 0, 1]},
    ]
    axes, grid = multiscales.grid_of((1, 3, 4, 5), meta, steps, "a", [])
    assert axes == (1, 2, 3)
    assert (grid.spacing, grid.origin, grid.axes) == ((2, 4, 6), (20, 0, 2), ("z", "y", "x"))
    for wrong in ({"axes": ["y", "x"]}, {"axes": [1, 2, 3]}, {"axes": 3}):
        with pytest.raises(InputError, match="axes is"):
            multiscales.grid_of((3, 4, 5), wrong, (), "a", [])
    with pytest.raises(InputError, match="must be finite and positive"):
        multiscales.grid_of((3, 4), {}, [{"type": "scale", "scale": [0, 1]}], "a", [])


# ---------------------------------------------------------------------------- HDF5, Dask


def test_datasets_of_hdf5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("exported/labels", data=REFERENCE, chunks=(5, 5, 5))
        stored.attrs["element_size_um"] = (2.0, 0.5, 0.5)
        file["names"] = np.arange(4)
    expected = rows(fastseg.evaluate(REFERENCE, PREDICTION, spacing=(2e-3, 5e-4, 5e-4)))
    for given in (path, f"{path}:/exported/labels", f"{path}:exported", f"{path}/exported/labels"):
        assert rows(fastseg.evaluate(given, PREDICTION)) == expected
    with h5py.File(path, "a") as file:
        file["raw"] = REFERENCE
        file["strings"] = np.array([[b"a", b"b"]])
        file["nothing"] = h5py.Empty("f")
        file["five"] = np.zeros((2, 2, 2, 2, 2))
    refused(path, "/exported/labels", "/raw", f"{path}:/exported/labels")
    refused(Path(f"{path}:/none"), "no dataset 'none'", "/exported/labels")
    for name, words in (("strings", "one label a voxel"), ("five", "one to three axes")):
        with pytest.raises(InputError, match=words):
            read_image(f"{path}:/{name}")
    with pytest.raises(InputError):
        read_image(f"{path}:/nothing")
    monkeypatch.setattr(chunked, "DECODED_FROM", 0)
    with h5py.File(path) as file:
        source = io.read_map(file["raw"]).source
        assert isinstance(source, ChunkedSource)
        assert rows(fastseg.evaluate(file["raw"], PREDICTION)) == rows(
            fastseg.evaluate(REFERENCE, PREDICTION)
        )
    content = path.read_bytes()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(content[: len(content) // 3])
    refused(cut, "not a readable HDF5 file")
    with h5py.File(tmp_path / "none.h5", "w"):
        pass
    refused(tmp_path / "none.h5", "expected one dataset, but it holds none")


def test_arrays_of_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    dask_array = pytest.importorskip("dask.array")
    monkeypatch.setattr(chunked, "DECODED_FROM", 0)
    small_slabs(monkeypatch, 1000)
    first = dask_array.from_array(REFERENCE, chunks=(5, (4, 10), 16))
    assert isinstance(io.read_map(first).source, ChunkedSource)
    expected = rows(fastseg.evaluate(REFERENCE, PREDICTION))
    assert rows(fastseg.evaluate(first, PREDICTION)) == expected
    assert rows(fastseg.evaluate(first, dask_array.from_array(PREDICTION))) == expected
    unknown = first.ravel()
    unknown = unknown[unknown > 0]
    monkeypatch.setattr("fastseg.io.pairs.WHOLE_IN_SILENCE", 10)
    with pytest.warns(InputWarning, match="as all of it is read"):
        found = fastseg.evaluate(unknown, unknown)
    flat = REFERENCE[REFERENCE > 0]
    assert rows(found) == rows(fastseg.evaluate(flat, flat))


def test_objects_with_too_many_axes_or_no_labels() -> None:
    memory = zarr.create_array({}, data=np.zeros((2, 3, 4, 5), np.uint8))
    with pytest.raises(InputError, match="one to three axes"):
        fastseg.evaluate(memory, memory)
    memory = zarr.create_array({}, data=np.zeros((2, 3), complex))
    with pytest.raises(InputError, match="complex128"):
        fastseg.evaluate(memory, memory)
    memory = zarr.create_array({}, shape=(0, 3), dtype="uint8")
    with pytest.raises(ValueError, match="empty"):
        fastseg.evaluate(memory, memory)
    np.testing.assert_array_equal(taken(zarr.create_array({}, data=REFERENCE)).array, REFERENCE)


# ---------------------------------------------------------------------------- damage


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_chunk_is_its_fill_value(tmp_path: Path, version: Version) -> None:
    path = write_store(tmp_path / "a.zarr", REFERENCE + 1, version, chunks=(6, 7, 8), fill_value=4)
    (path / ("c/0/0/0" if version == 3 else "0.0.0")).unlink()
    expected = REFERENCE + 1
    expected[:6, :7, :8] = 4
    np.testing.assert_array_equal(read_image(path).array, expected)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("whole", [True, False])
def test_damaged_chunks_are_one_line(
    tmp_path: Path, version: Version, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked, "DECODED_FROM", 1 << 40 if whole else 0)
    path = write_store(tmp_path / "a.zarr", REFERENCE, version, chunks=(6, 7, 8))
    chunk = path / ("c/1/0/1" if version == 3 else "1.0.1")
    for content in (chunk.read_bytes()[:-4], b"x" * 40, b""):
        chunk.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read") as caught:
            fastseg.evaluate(path, REFERENCE)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value) or "reference" in str(caught.value)


def test_two_threads_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both maps of a pair may be damaged: each thread waits for what Zarr does, and not for the other's waiting."""
    monkeypatch.setattr(zarr_arrays, "_LONGEST_WAIT", 20.0)
    sync = importlib.import_module("zarr.core.sync")

    async def begin() -> None:
        decoding.append(asyncio.create_task(asyncio.sleep(0.8)))
        # a loop that is busy for a moment takes up both at once
        asyncio.get_running_loop().call_later(0.05, time.sleep, 0.5)

    decoding: list[asyncio.Task[None]] = []
    sync.sync(begin())
    time.sleep(0.2)
    begun = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        for waiting in [threads.submit(zarr_arrays._settle) for _ in range(2)]:
            waiting.result()
    assert decoding[0].done()
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("codecs", [{"name": "mystery"}]),
        ("compressor", {"id": "mystery"}),
        ("dtype", "|O"),
        ("dtype", [["a", "<i4"]]),
        ("data_type", "mystery"),
        ("data_type", "string"),
        ("shape", [-1, 2]),
        ("shape", "many"),
        ("chunks", [0, 0, 0]),
        ("chunk_grid", {"name": "mystery"}),
        ("zarr_format", 9),
        ("node_type", "mystery"),
    ],
)
def test_metadata_that_make_no_sense(
    tmp_path: Path, version: Version, key: str, value: object
) -> None:
    path = write_store(tmp_path / "a.zarr", REFERENCE, version)
    file = path / ("zarr.json" if version == 3 else ".zarray")
    metadata = json.loads(file.read_text())
    if key not in metadata:
        pytest.skip("of the other version")
    metadata[key] = value
    file.write_text(json.dumps(metadata))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Zarr's, of types without a specification
        refused(path)


def test_chunks_far_larger_than_the_array_are_refused(tmp_path: Path) -> None:
    path = write_store(tmp_path / "a.zarr", REFERENCE)
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["chunk_grid"]["configuration"]["chunk_shape"] = [1 << 12] * 3
    (path / "zarr.json").write_text(json.dumps(metadata))
    refused(path, "chunks of (4096, 4096, 4096) entries")


@pytest.mark.parametrize(
    "content", ["{", "[1]", "7", "\x00", '{"node_type": "group", "attributes": 3}']
)
def test_metadata_that_are_not_json(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr/zarr.json").write_text(content)
    refused(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "ome",
    [
        {"multiscales": 3},
        {"multiscales": [3]},
        {"multiscales": [{"axes": ["z"]}]},
        {"multiscales": [{"datasets": []}]},
        {"multiscales": [{"datasets": [{"path": "nothing"}]}]},
        {"multiscales": [{"datasets": [{"path": 7}]}]},
        {"labels": [1, 2]},
        {"labels": ["nothing"]},
    ],
)
def test_metadata_of_images_that_make_no_sense(tmp_path: Path, ome: dict[str, Any]) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.create_array("0", data=REFERENCE)
    set_ome(root, ome)
    refused(tmp_path / "a.zarr")


def test_zips_that_are_cut(tmp_path: Path) -> None:
    path = write_store(tmp_path / "a.zarr.zip", REFERENCE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refused(path, "not a readable zip file")
    path.write_bytes(content[:200] + bytes(200) + content[400:])
    with pytest.raises(InputError):
        fastseg.evaluate(path, REFERENCE)


@pytest.mark.parametrize(("module", "suffix"), [("zarr", ".zarr"), ("h5py", ".h5")])
def test_missing_libraries_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, suffix: str
) -> None:
    path = write_store(tmp_path / f"a{suffix}", REFERENCE)
    monkeypatch.setitem(sys.modules, module, None)
    extra = {"zarr": "zarr", "h5py": "hdf5"}[module]
    with pytest.raises(MissingPackageError, match=rf"fastseg-metrics\[{extra}\]"):
        read_image(path)


# ---------------------------------------------------------------------------- folders of stores


def test_folders_of_stores_are_paired(tmp_path: Path) -> None:
    for side, array in (("r", REFERENCE), ("p", PREDICTION)):
        (tmp_path / side / "sub").mkdir(parents=True)
        write_ome(tmp_path / side / "a.ome.zarr", array)
        write_store(tmp_path / side / "sub/b.zarr", array)
        write_store(tmp_path / side / "c.zarr.zip", array)
    write(tmp_path / "r/d.nii", REFERENCE, affine_of())
    write(tmp_path / "p/d.nii.gz", PREDICTION, affine_of())
    pairing = find_pairs(tmp_path / "r", tmp_path / "p")
    assert [case.name for case in pairing.cases] == ["a", "c", "d", "sub/b"]
    assert not pairing.missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        found = fastseg.evaluate_cohort(tmp_path / "r", tmp_path / "p")
    plain = fastseg.evaluate(REFERENCE, PREDICTION)
    assert rows(found.case("c")) == rows(plain) == rows(found.case("sub/b"))
    shutil.rmtree(tmp_path / "p/sub/b.zarr/c")  # all chunks are missing: nothing but the fill value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        emptied = fastseg.evaluate(tmp_path / "r/sub/b.zarr", tmp_path / "p/sub/b.zarr")
    assert all(row.counts.tp == 0 for row in emptied)
