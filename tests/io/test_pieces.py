"""Label maps that are not read whole: mapped, squeezed, in chunks, laid onto a grid; the same rows as of arrays."""

from __future__ import annotations

import gzip
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

import fastseg
from fastseg import io
from fastseg.errors import InputError, InputWarning
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.settings import Settings
from fastseg.inputs.arrays import Array, Box, as_label_map
from fastseg.inputs.chunk_grid import ChunkGrid
from fastseg.inputs.chunked_source import ChunkedSource
from fastseg.inputs.source import ArraySource, ConvertedSource, Source
from fastseg.io import chunked, mapped, squeezed
from fastseg.io import pairs as io_pairs
from fastseg.io.arranged import ArrangedSource, arranged
from fastseg.io.lattice import Arrangement
from fastseg.io.squeezed import SqueezedVoxels
from tests.io.files import (
    affine_of,
    labels,
    nibabel_image,
    nifti_bytes,
    sitk_image,
    small_slabs,
    write,
)
from tests.oracle import hard_cases


class Counted:
    """An array in chunks that counts how often each is decoded."""

    def __init__(self, stored: Array, chunks: tuple[int, ...]) -> None:
        self.stored, self.chunks = stored, chunks
        self.shape, self.dtype, self.ndim = stored.shape, stored.dtype, stored.ndim
        self.decoded = np.zeros([-(-n // k) for n, k in zip(self.shape, chunks, strict=True)], int)

    def __getitem__(self, box: Box) -> Array:
        self.decoded[
            tuple(
                slice(part.start // k, -(-part.stop // k))
                for part, k in zip(box, self.chunks, strict=True)
            )
        ] += 1
        return self.stored[box]


def rows(evaluation: fastseg.Evaluation) -> str:
    """All numbers, to the bit, without the names of cases."""
    return repr([{**row, "case": ""} for row in evaluation.to_dict()])


def read_both(paths: tuple[Path, Path], **how: Any) -> tuple[Source, Source]:
    pair = io.prepare_pair(*paths, **how)
    first, second = (read() for read in pair.reads)
    return first.source, second.source


def in_chunks(stored: Array, size: int = 3) -> ChunkedSource:
    grid = ChunkGrid.regular(stored.shape, (size,) * stored.ndim)
    return ChunkedSource(stored, grid, tuple(range(stored.ndim)), name="chunked")


def squeezed_map(stored: Array, thickness: int = 2) -> ChunkedSource:
    """A label map squeezed as that of a zipped file is."""
    flat = np.asfortranarray(stored)
    slices = (flat[..., i : i + thickness] for i in range(0, stored.shape[-1], thickness))
    voxels = SqueezedVoxels.of(slices, stored.shape, thickness, "squeezed")
    grid = ChunkGrid.regular(stored.shape, (*stored.shape[:-1], thickness))
    return ChunkedSource(voxels, grid, tuple(range(stored.ndim)), name="squeezed")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no label in common:fastseg.errors.InputWarning")
def test_hard_cases_in_chunks_and_squeezed(monkeypatch: pytest.MonkeyPatch) -> None:
    small_slabs(monkeypatch, 256)
    for name, reference, prediction in hard_cases.label_pairs():
        settings = Settings.checked(spacing=(2.0, 0.7, 1.1)[: reference.ndim])
        maps = as_label_map(reference, "reference"), as_label_map(prediction, "prediction")
        whole = ArraySource(maps[0]), ArraySource(maps[1])
        expected = rows(evaluate_case(*whole, settings))
        for first, second in (
            (in_chunks(reference), in_chunks(prediction, 5)),
            (squeezed_map(reference), squeezed_map(prediction, 3)),
            (in_chunks(reference), whole[1]),
        ):
            assert rows(evaluate_case(first, second, settings)) == expected, name


def test_a_pass_decodes_each_chunk_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "DECODED_FROM", 0)
    small_slabs(monkeypatch, 4 * 4 * 20)
    reference, prediction = hard_cases.blob_pair((20, 20, 20), 3)
    first, second = Counted(reference, (4, 4, 4)), Counted(prediction, (2, 4, 8))
    found = fastseg.evaluate(first, second, metrics="dice")
    assert (first.decoded == 1).all()
    assert (second.decoded == 1).all()
    assert rows(found) == rows(fastseg.evaluate(reference, prediction, metrics="dice"))
    whole = fastseg.evaluate(first, second)
    assert rows(whole) == rows(fastseg.evaluate(reference, prediction))


def test_small_arrays_in_chunks_are_decoded_whole_and_once() -> None:
    reference, prediction = hard_cases.blob_pair((20, 20, 20), 3)
    first = Counted(reference, (4, 4, 4))
    found = fastseg.evaluate(first, prediction)
    assert (first.decoded == 1).all()
    assert rows(found) == rows(fastseg.evaluate(reference, prediction))


def test_floats_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "DECODED_FROM", 0)
    reference = hard_cases.blob_pair((12, 9, 7), 3)[0]
    noisy = Counted(reference * (1 + 6e-8) + 3e-9, (4, 4, 4))
    assert rows(fastseg.evaluate(noisy, reference)) == rows(fastseg.evaluate(reference, reference))
    tiny = Counted(reference * 1e-9, (4, 4, 4))
    with pytest.raises(InputError, match="every value rounds to 0"):
        fastseg.evaluate(tiny, reference)
    noisy.stored[7, 3, 2] = 0.5
    with pytest.raises(InputError, match=r"^reference: .*found 0.5 at index \(7, 3, 2\)"):
        fastseg.evaluate(noisy, reference)


def test_what_a_codec_raises_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "DECODED_FROM", 0)

    class Damaged(Counted):
        def __getitem__(self, box: Box) -> Array:
            raise RuntimeError("error during blosc decompression: -1")

    stored = Damaged(labels(), (4, 4, 4))
    with pytest.raises(InputError, match=r"^reference: the voxels from .* cannot be read: .*blosc"):
        fastseg.evaluate(stored, labels())

    class Short(Counted):
        def __getitem__(self, box: Box) -> Array:
            return super().__getitem__(box)[..., :-1]

    with pytest.raises(InputError, match=r"expected \(5, 7, 9\) voxels"):
        fastseg.evaluate(Short(labels(), (5, 7, 9)), labels())


# ---------------------------------------------------------------------------- files that are mapped


@pytest.mark.parametrize("suffix", [".nii", ".img", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgh"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_raw_files_are_mapped_and_not_read(
    suffix: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if suffix == ".mgh" and dtype == "int16":
        pytest.skip("nibabel writes no such file")
    reference = hard_cases.blob_pair((20, 18, 16), 3)[0].astype(dtype)
    prediction = np.roll(reference, 1, 0)
    (tmp_path / "p").mkdir()
    paths = write(tmp_path / f"r{suffix}", reference), write(tmp_path / f"p/p{suffix}", prediction)
    whole = [io.read_image(path) for path in paths]
    expected = rows(fastseg.evaluate(whole[0], whole[1]))
    assert rows(fastseg.evaluate(*paths)) == expected
    monkeypatch.setattr(mapped, "CONVERTED_FROM", 0)
    small_slabs(monkeypatch, 1000)
    pair = io.prepare_pair(*paths, in_pieces=True)
    sources = [read().source for read in pair.reads]
    for source, image in zip(sources, whole, strict=True):
        assert isinstance(source, ArraySource | ConvertedSource)
        assert isinstance(source, ConvertedSource) or not source.array.flags.owndata
        assert source.spacing == image.spacing
        assert source.name == image.source
        everything = tuple(slice(0, size) for size in source.shape)
        np.testing.assert_array_equal(source.window(everything), image.array)
    assert rows(evaluate_case(sources[0], sources[1], Settings.checked())) == expected


def test_a_raw_map_as_it_lies_takes_no_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", labels())
    source = io.read_map(path).source
    assert isinstance(source, ArraySource)
    assert not source.array.flags.writeable
    assert io.prepare_pair(path, path).nbytes == (0, 0)
    big_endian = write(tmp_path / "a.mgh", labels("int32"))
    pair = io.prepare_pair(big_endian, big_endian)
    assert pair.nbytes == (labels("int32").nbytes,) * 2
    assert isinstance(pair.reads[0](in_pieces=True).source, ConvertedSource)
    assert isinstance(pair.reads[0]().source, ArraySource)


@pytest.mark.parametrize("slope", [0.5, 1 / 3, 1e-3])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_scaled_labels_in_pieces(
    slope: float, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = hard_cases.blob_pair((12, 10, 14), 3)[0]
    stored = np.rint(reference / slope).astype(np.int16)
    path = tmp_path / f"a{suffix}"
    content = nifti_bytes(stored, scl_slope=slope, scl_inter=0)
    if suffix == ".nii":
        path.write_bytes(content)
    else:
        (tmp_path / "raw.nii").write_bytes(content)
        image = nibabel_image(tmp_path / "raw.nii")
        path = write(path, stored, image.affine)
        path.write_bytes(gzip.compress(content))
    monkeypatch.setattr(squeezed, "PIECE_BYTES", 500)
    small_slabs(monkeypatch, 500)
    whole = io.read_map(path).source
    source = io.read_map(path, in_pieces=True).source
    assert source.array is None
    everything = tuple(slice(0, size) for size in source.shape)
    assert whole.array is not None
    np.testing.assert_array_equal(source.window(everything), whole.array)
    expected = rows(evaluate_case(whole, whole, Settings.checked()))
    assert rows(evaluate_case(source, source, Settings.checked())) == expected


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_scale_that_leaves_nothing_is_refused_in_pieces_too(suffix: str, tmp_path: Path) -> None:
    content = nifti_bytes(labels("int16"), scl_slope=1e-9, scl_inter=0)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content if suffix == ".nii" else gzip.compress(content))
    with pytest.raises(InputError):
        fastseg.evaluate(path, path)
    with pytest.raises(InputError, match="every value rounds to 0"):
        source = io.read_map(path, in_pieces=True).source
        evaluate_case(source, source, Settings.checked(labels=[1]))


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha", ".mgh"])
def test_raw_files_that_are_cut_or_too_long_are_refused(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", labels())
    content = path.read_bytes()
    path.write_bytes(content[:-20] if suffix != ".mgh" else content[:400])
    with pytest.raises(InputError, match="truncated"):
        fastseg.evaluate(path, path)
    if suffix != ".mgh":  # which has a long trailer
        path.write_bytes(content + bytes(200_000))
        with pytest.raises(InputError, match="do not end where the header says"):
            fastseg.evaluate(path, path)


def test_named_segments_of_a_mapped_file(tmp_path: Path) -> None:
    image = sitk_image(labels() % 3)
    for key, value in {"Segment0_Name": "liver", "Segment0_LabelValue": "2"}.items():
        image.SetMetaData(key, value)
    path = tmp_path / "a.seg.nrrd"
    SimpleITK.WriteImage(image, str(path), False)
    source = io.read_map(path).source
    assert isinstance(source, ArraySource)
    assert not source.array.flags.owndata
    assert dict(source.segments) == {"liver": (2,)}
    path = tmp_path / "b.seg.nrrd"
    SimpleITK.WriteImage(image, str(path), True)
    zipped = io.read_map(path, in_pieces=True).source
    assert isinstance(zipped, ChunkedSource)
    assert dict(zipped.segments) == {"liver": (2,)}
    assert rows(evaluate_case(zipped, source, Settings.checked())) == rows(
        evaluate_case(source, source, Settings.checked())
    )


# ---------------------------------------------------------------------------- zipped files in pieces


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".mgz"])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
@pytest.mark.usefixtures("unzip")
def test_zipped_files_in_pieces(
    suffix: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(squeezed, "PIECE_BYTES", 20 * 18 * 3)
    small_slabs(monkeypatch, 3000)
    reference = hard_cases.blob_pair((20, 18, 16), 3)[0].astype(dtype)
    prediction = np.roll(reference, 1, 0)
    paths = tmp_path / f"r{suffix}", tmp_path / f"p{suffix}"
    for path, array in zip(paths, (reference, prediction), strict=True):
        if suffix in (".nrrd", ".mha"):
            SimpleITK.WriteImage(sitk_image(array, affine_of()), str(path), True)
        else:
            write(path, array)
    sources = read_both(paths, in_pieces=True)
    for source, array in zip(sources, (reference, prediction), strict=True):
        assert isinstance(source, ChunkedSource)
        assert len(source.chunks.edges[2]) > 3
        for box in (
            (slice(0, 20), slice(0, 18), slice(0, 16)),
            (slice(3, 9), slice(1, 2), slice(5, 14)),
        ):
            np.testing.assert_array_equal(source.window(box), array[box])
    found = evaluate_case(*sources, Settings.checked())
    assert rows(found) == rows(fastseg.evaluate(*paths))


def test_squeezed_labels_take_little_memory() -> None:
    map_ = np.zeros((64, 64, 64), np.uint16)
    map_[10:50, 10:50, 10:50] = 7
    voxels = squeezed_map(map_, 8).stored
    assert voxels.nbytes < map_.nbytes / 50


def test_zipped_files_that_stop_early_are_refused_in_pieces_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", labels(shape=(40, 40, 40)))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match="truncated"):
        io.read_map(path, in_pieces=True)


def test_labels_of_pieces_beyond_64_bits() -> None:
    large = np.zeros((2, 2, 2))
    large[0, 0] = -1.0, 2.0**63
    with pytest.raises(InputError, match="beyond 64 bits"):
        squeezed_map(large, 1)
    mixed = np.zeros((2, 2, 3))
    mixed[0, 0] = -1, 300, 70_000
    source = squeezed_map(mixed, 1)
    assert source.stored.dtype == np.int32
    np.testing.assert_array_equal(source.whole(), mixed)


# ---------------------------------------------------------------------------- laid onto a grid


ARRANGEMENTS = {
    "as it is": Arrangement((0, 1, 2), (False,) * 3, (0, 0, 0), (5, 7, 9)),
    "flipped": Arrangement((0, 1, 2), (True, False, True), (0, 0, 0), (5, 7, 9)),
    "permuted": Arrangement((2, 0, 1), (False, True, False), (0, 0, 0), (9, 5, 7)),
    "within": Arrangement((0, 1, 2), (False,) * 3, (2, 0, 11), (20, 8, 20)),
    "all of it": Arrangement((1, 2, 0), (True, True, False), (1, 3, 5), (8, 30, 10)),
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
@pytest.mark.parametrize("kind", ["chunks", "converted", "squeezed", "array"])
def test_sources_are_laid_onto_a_grid(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, how = labels("float32" if kind == "converted" else "uint8"), ARRANGEMENTS[name]
    sources: dict[str, Source] = {
        "chunks": in_chunks(stored, 4),
        "converted": ConvertedSource(stored, name="floats"),
        "squeezed": squeezed_map(stored, 4),
        "array": ArraySource(stored.astype(np.uint8)),
    }
    source = sources[kind]
    monkeypatch.setattr("fastseg.io.arranged._LAID_AT_ONCE", 0)
    laid = arranged(source, how)
    expected = how.applied(stored.astype(np.uint8))
    assert laid.shape == expected.shape
    for size in (1, 100, 10**6):
        covered = np.zeros(laid.shape, int)
        for box in laid.slabs(size):
            covered[box] += 1
            np.testing.assert_array_equal(laid.window(box), expected[box])
        assert (covered == 1).all()
    everything = tuple(slice(0, size) for size in laid.shape)
    np.testing.assert_array_equal(laid.window(everything), expected)
    found = evaluate_case(laid, ArraySource(expected), Settings.checked())
    assert rows(found) == rows(fastseg.evaluate(expected, expected))


def test_a_laid_source_without_single_axes() -> None:
    how = Arrangement((0, 1, 2), (False, True, False), (2, 0, 0), (9, 7, 1))
    laid = arranged(in_chunks(labels(shape=(5, 7, 1, 1))), how)
    assert isinstance(laid, ArrangedSource)
    flat = laid.with_shape((9, 7))
    expected = how.applied(labels(shape=(5, 7, 1, 1)))[..., 0]
    np.testing.assert_array_equal(flat.window((slice(0, 9), slice(0, 7))), expected)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".npy"])
def test_reoriented_and_cropped_files_in_pieces(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastseg.io.arranged._LAID_AT_ONCE", 0)
    reference = hard_cases.blob_pair((20, 18, 16), 3)[0].astype(np.float32)
    affine = affine_of()
    first = write(tmp_path / f"r{suffix if suffix != '.npy' else '.nii'}", reference, affine)
    turned = affine @ np.array([[-1, 0, 0, 19], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]])
    crop = np.roll(reference, 1, 1)[::-1, :, 2:12]
    second = write(tmp_path / f"p{'.nii' if suffix == '.npy' else suffix}", crop, turned)
    rules = Settings.checked(reorient=True).grid_rules
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        expected = rows(fastseg.evaluate(first, second, reorient=True))
    sources = read_both((first, second), rules=rules, in_pieces=True)
    assert sources[1].array is None
    assert rows(evaluate_case(*sources, Settings.checked())) == expected


# ---------------------------------------------------------------------------- nothing in silence


def test_what_is_read_whole_says_so_when_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, raw = write(tmp_path / "a.nii.gz", labels()), write(tmp_path / "a.nii", labels())
    assert io.read_map(path).notes == ()
    monkeypatch.setattr(io_pairs, "WHOLE_IN_SILENCE", math.prod(labels().shape) - 1)
    (note,) = io.read_map(path).notes
    assert note.startswith(f"{path} takes 0.0 GiB of memory, as all of it is read")
    assert io.read_map(path, in_pieces=True).notes == ()
    assert io.read_map(raw).notes == ()
    assert io.read_map(labels()).notes == ()
