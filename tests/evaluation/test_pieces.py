"""Label maps that are read in pieces: the same rows as of whole arrays, whatever the pieces."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg import io
from fastseg.evaluation import pieces
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.settings import Settings
from fastseg.inputs.arrays import Box, as_label_map
from fastseg.inputs.source import ArraySource, ConvertedSource, slabs_of
from fastseg.measures.joint_histogram import JointHistogram
from tests.conftest import BACKENDS
from tests.oracle import hard_cases

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Chunked:
    """A store of chunks, as a test has it: it gives no whole array, and notes what it is asked for."""

    stored: Array
    asked: list[Box]
    spacing: tuple[float, ...] | None = None
    grid: None = None
    name: str = "chunked"
    segments: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    own_labels: bool = True
    array: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.stored.shape
        return shape

    def slabs(self, size: int) -> list[Box]:
        """Chunks of 3 voxels along each axis, in their order."""
        edges = [[slice(i, min(i + 3, n)) for i in range(0, n, 3)] for n in self.shape]
        return list(itertools.product(*edges))

    def window(self, box: Box) -> Array:
        self.asked.append(box)
        return self.stored[box].copy()

    def with_shape(self, shape: tuple[int, ...]) -> Chunked:
        return replace(self, stored=self.stored.reshape(shape))


def rows(evaluation: fastseg.Evaluation) -> list[dict[str, Any]]:
    return evaluation.to_dict()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no label in common:fastseg.errors.InputWarning")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
def test_chunks_give_the_rows_of_whole_arrays(backend: str, boundary: Any) -> None:
    for name, reference, prediction in hard_cases.label_pairs():
        options: dict[str, Any] = {
            "spacing": (2.0, 0.7, 1.1)[: reference.ndim],
            "boundary": boundary,
            "backend": backend,
        }
        asked: list[Box] = []
        maps = as_label_map(reference, "reference"), as_label_map(prediction, "prediction")
        sources = Chunked(maps[0], asked), Chunked(maps[1], [])
        found = evaluate_case(*sources, Settings.checked(**options))
        assert repr(rows(found)) == repr(
            rows(fastseg.evaluate(reference, prediction, **options))
        ), name
        assert len(asked) <= 2 * len(sources[0].slabs(0))  # for the histogram, and to measure


def test_chunks_with_an_ignored_label_and_regions() -> None:
    reference, prediction = np.random.default_rng(1).integers(0, 5, (2, 7, 8, 9)).astype(np.int16)
    options: dict[str, Any] = {
        "labels": {"a": (1, 2), "b": {"reference": 3, "prediction": 4}},
        "ignore_label": 0,
        "tolerance": {"a": 1, "b": 2},
    }
    found = evaluate_case(
        Chunked(reference, []), Chunked(prediction, []), Settings.checked(**options)
    )
    assert rows(found) == rows(fastseg.evaluate(reference, prediction, **options))


def test_one_side_in_chunks_and_the_other_in_memory() -> None:
    reference, prediction = hard_cases.blob_pair((9, 10, 11), 2)
    found = evaluate_case(
        Chunked(reference, [], spacing=(2, 1, 1)), ArraySource(prediction), Settings.checked()
    )
    assert rows(found) == rows(fastseg.evaluate(reference, prediction, spacing=(2, 1, 1)))
    with pytest.raises(ValueError, match="one shape"):
        evaluate_case(Chunked(reference, []), ArraySource(prediction[1:]), Settings.checked())


def test_empty_masks_in_chunks_have_a_row() -> None:
    nothing = np.zeros((5, 4), bool)
    found = evaluate_case(Chunked(nothing, []), Chunked(nothing, []), Settings.checked())
    assert repr(rows(found)) == repr(rows(fastseg.evaluate(nothing, nothing)))


def test_windows_of_floats_within_rounding() -> None:
    """A window may hold nothing but what rounds to 0, the whole map may not; places are the map's."""
    labels = np.zeros((6, 5, 4))
    labels[4:, 1:4, 1:3] = 2
    noisy = labels * (1 + 6e-8) + 3e-9
    budget = 32 * noisy[0].nbytes
    found = evaluate_case(
        ConvertedSource(noisy, name="a"),
        ConvertedSource(labels, name="b"),
        Settings.checked(),
        budget=budget,
    )
    assert rows(found) == rows(fastseg.evaluate(labels, labels))
    for pair in ((noisy * 1e-8, labels), (labels, noisy * 1e-8)):
        first, second = (ConvertedSource(part, name="a file") for part in pair)
        with pytest.raises(ValueError, match="^a file: every value rounds to 0"):
            evaluate_case(first, second, Settings.checked(labels=[2]), budget=budget)
    noisy[5, 3, 2] = 2.25
    with pytest.raises(ValueError, match=r"^a: .*found 2.25 at index \(5, 3, 2\)"):
        evaluate_case(
            ConvertedSource(noisy, name="a"),
            ConvertedSource(labels),
            Settings.checked(),
            budget=budget,
        )


def test_labels_of_slabs_share_a_type() -> None:
    """Windows of floats come in the narrowest type that holds them, which need not be one for all."""
    reference = np.array([[0, 1, 1], [300, 300, 1], [-5, 70_000, 0]])
    sources = [
        ConvertedSource(labels.astype(np.float64), name="a file")
        for labels in (reference, reference[:, ::-1].copy())
    ]
    found = evaluate_case(sources[0], sources[1], Settings.checked(), budget=1024)
    assert rows(found) == rows(fastseg.evaluate(reference, reference[:, ::-1]))
    large = np.array([[2**63 + 5], [-1]], object)
    with pytest.raises(ValueError, match="beyond 64 bits"):
        pieces._in_one_type(
            [
                JointHistogram(labels, labels, *[np.zeros((1, 1), np.int64)] * 3)
                for labels in (large[0].astype(np.uint64), large[1].astype(np.int64))
            ]
        )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", ">i2", "f4", "bool"])
def test_npy_files_are_mapped_and_not_read(
    dtype: str, order: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, prediction = np.random.default_rng(3).integers(0, 2, (2, 6, 7, 8))
    paths = []
    for name, labels in (("r", reference), ("p", prediction)):
        paths.append(tmp_path / f"{name}.npy")
        np.save(paths[-1], np.asarray(labels.astype(dtype), order=order))
    monkeypatch.setattr("fastseg.evaluation.budget.LARGEST_SLAB", 100)
    source = io.read_map(paths[0]).source
    if isinstance(source, ArraySource):
        assert not source.array.flags.owndata  # it lies in the file
        assert not source.array.flags.writeable
    else:
        assert isinstance(source, ConvertedSource)
        assert len(source.slabs(100)) > 1
    found = fastseg.evaluate(*paths, spacing=(3, 2, 1))
    expected = fastseg.evaluate(reference, prediction, spacing=(3, 2, 1), case="p")
    assert rows(found) == rows(expected)


def test_a_float_file_that_holds_fractions_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "probabilities.npy"
    np.save(path, np.full((4, 4), 0.5))
    with pytest.raises(ValueError, match=r"probabilities\.npy: labels must be whole numbers"):
        fastseg.evaluate(path, path)


def test_slabs_are_cut_along_the_slowest_axis() -> None:
    array = np.zeros((5, 4, 6), np.uint16)
    for laid_out, axis in ((array, 0), (np.asfortranarray(array), 2), (array[:, ::2], 0)):
        boxes = slabs_of(laid_out, 100)
        covered = np.zeros(laid_out.shape, int)
        for box in boxes:
            covered[box] += 1
            assert laid_out[box].nbytes <= 100 or laid_out[box].shape[axis] == 1
        assert (covered == 1).all()
        assert len({str(box) for box in boxes}) == len(boxes) > 1
    assert len(slabs_of(array, 10**9)) == 1


@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
@pytest.mark.parametrize("size", [1 << 10, 1 << 13, None])
def test_nsd_alone_in_pieces_is_nsd_of_whole_arrays(size: int | None, boundary: Any) -> None:
    """Block by block, gathered, or within a slab: no distance beyond the tolerance is needed, and none changes it."""
    reference, prediction = hard_cases.blob_pair((7, 12, 16), 3)
    prediction[5:, :3, :4] = 1
    for tolerance in (0.7, 60.0):
        options: dict[str, Any] = {
            "metrics": "nsd",
            "spacing": (2.0, 0.7, 1.1),
            "boundary": boundary,
            "tolerance": tolerance,
        }
        found = evaluate_case(
            Chunked(reference, []),
            Chunked(prediction, []),
            Settings.checked(**options),
            budget=size,
        )
        assert rows(found) == rows(fastseg.evaluate(reference, prediction, **options))
