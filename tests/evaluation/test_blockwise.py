"""Structures that do not fit the budget: bit for bit the rows of whole arrays, and never more voxels than allowed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

import fastseg
from fastseg import threads
from fastseg.backends.numba import packed as numba_packed
from fastseg.backends.shared.packed import PackedPair, paste, places_of, runs_of
from fastseg.evaluation import blockwise, pieces
from fastseg.evaluation.bits import Compressed
from fastseg.evaluation.budget import Budget
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.settings import Settings
from fastseg.inputs.arrays import Box
from tests.oracle import hard_cases

Array = NDArray[Any]
BACKENDS = ("numba", "scipy")
LEAST = 1 << 10


@dataclass(frozen=True, eq=False)
class Watched:
    """A store of chunks that refuses windows larger than a chunk is, or than it was told, and counts what it gives."""

    stored: Array
    chunk: int
    most: int
    given: list[int] = field(default_factory=list)
    spacing: tuple[float, ...] | None = None
    grid: None = None
    name: str = "watched"
    segments: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    own_labels: bool = True
    array: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.stored.shape
        return shape

    def slabs(self, size: int) -> list[Box]:
        """Cut into chunks, as many along the last axis as make up the size."""
        along = max(1, size // (self.chunk ** len(self.shape) * self.stored.itemsize)) * self.chunk
        steps = [*(self.chunk,) * (len(self.shape) - 1), along]
        edges = [
            [slice(i, min(i + step, n)) for i in range(0, n, step)]
            for n, step in zip(self.shape, steps, strict=True)
        ]
        return list(itertools.product(*edges))

    def window(self, box: Box) -> Array:
        part = self.stored[box]
        assert part.nbytes <= self.most, f"{part.shape} voxels are too many"
        self.given.append(part.size)
        return part.copy(order="K")

    def with_shape(self, shape: tuple[int, ...]) -> Watched:
        return replace(self, stored=self.stored.reshape(shape))


def watched(
    reference: Array, prediction: Array, budget: int = LEAST, chunk: int = 8
) -> tuple[Watched, Watched]:
    """Take maps as stores whose windows are no larger than a chunk, or than a slab may be by the budget."""
    itemsize = max(reference.itemsize, prediction.itemsize)
    most = max(chunk**reference.ndim * itemsize, budget // 32)
    return Watched(reference, chunk, most), Watched(prediction, chunk, most)


def check(reference: Array, prediction: Array, budget: int = LEAST, **options: Any) -> None:
    """Compare with whole arrays."""
    pair = watched(reference, prediction, budget)
    found = evaluate_case(*pair, Settings.checked(**options), budget=budget)
    expected = fastseg.evaluate(reference, prediction, **options)
    assert repr(found.to_dict()) == repr(expected.to_dict())


@pytest.fixture
def asked_again(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many elements each further window was asked for."""
    asked: list[int] = []
    nearest = blockwise.Blockwise._nearest

    def counted(self: Any, direction: int, places: Array, window: Any) -> Any:
        asked.append(len(places))
        return nearest(self, direction, places, window)

    monkeypatch.setattr(blockwise.Blockwise, "_nearest", counted)
    return asked


def adversaries() -> Iterator[tuple[str, Array, Array]]:
    """Pairs whose nearest elements lie behind borders of blocks."""
    shape = (36, 27, 33)
    nothing = np.zeros(shape, bool)

    def voxels(*places: tuple[int, ...]) -> Array:
        mask = nothing.copy()
        mask[tuple(np.array(places).T)] = True
        return mask

    corners = list(itertools.product(*((0, n - 1) for n in shape)))
    yield "opposite corners", voxels(corners[0]), voxels(corners[-1])
    yield "every corner and one", voxels(*corners), voxels(corners[3])
    yield "corners against the middle", voxels(*corners), voxels((18, 13, 16))
    first, last = nothing.copy(), nothing.copy()
    first[0], last[-1] = True, True
    yield "first slice and last slice", first, last
    yield "first row of voxels and last slice", voxels(*((0, 0, x) for x in range(33))), last
    borders = nothing.copy()
    borders[::8, ::8] = True
    yield "surfaces at borders of blocks", borders, np.roll(borders, 3, axis=1)
    for gap in range(1, 8):  # ties between what is inside a window and what is just outside
        middle = voxels((18, 13, 16))
        around = voxels(
            *((18 + s * gap, 13, 16) for s in (-1, 1)), *((18, 13 + s * gap, 16) for s in (-1, 1))
        )
        yield f"equally far, {gap}", middle, around
    grid = np.indices(shape) - np.array(shape).reshape(3, 1, 1, 1) / 2
    ball = (grid**2).sum(0) < 12**2
    distant = ball.copy()
    distant[0, 0, 0] = distant[-1, -1, -1] = True
    yield "a distant false positive at either end", ball, distant
    shell = ball & ((grid**2).sum(0) > 9**2)
    yield "a shell and its middle", shell, (grid**2).sum(0) < 2**2
    yield "everything and one voxel", ~nothing, voxels((35, 0, 32))
    noise = np.random.default_rng(0).random((2, *shape)) < 0.002
    yield "thin noise", noise[0], noise[1]


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
def test_what_lies_outside_of_every_window_is_found(boundary: Any, asked_again: list[int]) -> None:
    for n, (_, reference, prediction) in enumerate(adversaries()):
        spacing = [(1.0, 1.0, 1.0), (0.488, 0.7, 1.25), (3.0, 0.9, 1.1)][n % 3]
        order: Any = "CF"[n % 2]
        pair = np.asarray(reference, order=order), np.asarray(prediction, order=order)
        check(pair[0], pair[1], LEAST << n % 4, boundary=boundary, spacing=spacing, tolerance=2.0)
    assert sum(asked_again) > 1000


def test_the_farthest_corner_and_ties_at_the_border_are_found(asked_again: list[int]) -> None:
    for name, reference, prediction in adversaries():
        if name.startswith(("opposite", "corners", "equally", "a distant")):
            check(reference, prediction, LEAST, spacing=(0.488, 0.7, 1.25))
    assert len(asked_again) > 10


def test_a_slab_without_a_structure_is_not_read_for_it() -> None:
    """The box of a structure may go through all of a map in which it hardly is."""
    labels = np.zeros((64, 16, 16), np.int64)
    labels[:8, :8, :8] = labels[-8:, -8:, -8:] = -(2**40)
    pair = watched(labels, np.roll(labels, 1, axis=1))
    found = evaluate_case(*pair, Settings.checked(metrics="hd"), budget=LEAST)
    assert (
        found.to_dict() == fastseg.evaluate(*(one.stored for one in pair), metrics="hd").to_dict()
    )
    assert sum(pair[0].given) < 2 * labels.size
    beyond = np.where(labels, np.uint64(2**63 + 5), np.uint64(0))
    check(beyond, np.roll(beyond, 2, axis=0), metrics="hd")


@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
def test_nsd_alone_asks_nothing_again(boundary: Any, asked_again: list[int]) -> None:
    reference, prediction = hard_cases.blob_pair((48, 40, 44), 1)
    for tolerance, budget in ((1, LEAST << 7), (3, LEAST << 7), (60, LEAST << 7)):
        asked_again.clear()
        check(reference, prediction, budget, metrics="nsd", tolerance=tolerance, boundary=boundary)
        if boundary == "voxel" and tolerance < 60:
            assert not asked_again


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs_block_by_block(ndim: int, boundary: Any, backend: str) -> None:
    spacings = itertools.cycle(hard_cases.SPACINGS[ndim])
    orders: Any = itertools.cycle("CCFF")
    for _, reference, prediction in hard_cases.hard_pairs(ndim):
        spacing, order = next(spacings), next(orders)
        pair = np.asarray(reference, order=order), np.asarray(prediction, order=order)
        tolerance = 1.5 * min(spacing)
        check(*pair, boundary=boundary, spacing=spacing, backend=backend, tolerance=tolerance)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no label in common:fastseg.errors.InputWarning")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
def test_label_maps_block_by_block(boundary: Any, backend: str) -> None:
    for n, (_, reference, prediction) in enumerate(hard_cases.label_pairs()):
        if reference.dtype.kind == "f" or prediction.dtype.kind == "f":
            continue
        check(
            reference,
            prediction,
            boundary=boundary,
            backend=backend,
            spacing=hard_cases.SPACINGS[3][n % 6],
            tolerance=0.7,
        )


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_regions_and_ignored_labels_on_some_threads(n_threads: int) -> None:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 7, (2, 4, 4, 5))
    maps = [np.kron(one, np.ones((6, 5, 7), int)).astype(np.int16) for one in coarse]
    maps[1] = np.where(rng.random(maps[0].shape) < 0.8, maps[0], maps[1]).astype(np.int16)
    threads.set_num_threads(n_threads)
    try:
        for budget, boundary in zip(
            (LEAST, LEAST, LEAST << 6, LEAST << 8),
            ("voxel", "surfel", "vertex", "vertex"),
            strict=True,
        ):
            check(
                maps[0],
                maps[1],
                budget=budget,
                boundary=boundary,
                labels={"a": (1, 2), "b": {"reference": 3, "prediction": (6, 2)}, "c": 5},
                ignore_label=4,
                tolerance={"default": 1.5, "c": 2.5},
                spacing=(1.5, 0.8, 1.0),
            )
    finally:
        threads.set_num_threads(None)


def test_wide_bands_are_counted_by_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tolerance that is wider than a window may be, and one whose ball has too many offsets."""
    reference, prediction = hard_cases.blob_pair((30, 26, 28), 3)
    for tolerance in (3, 9, 100):
        check(reference, prediction, metrics="boundary_iou", tolerance=tolerance)
    monkeypatch.setattr("fastseg.backends.numba.bands._LARGEST_BALL", 10)
    check(reference, prediction, metrics="boundary_iou", tolerance=4, budget=LEAST << 5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no voxel agrees:fastseg.errors.InputWarning")
@pytest.mark.filterwarnings("ignore:.*no label in common:fastseg.errors.InputWarning")
@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(st.data())
def test_any_pair_in_any_budget(data: st.DataObject) -> None:
    ndim = data.draw(st.integers(1, 3))
    shape = data.draw(st.tuples(*(st.integers(1, (200, 40, 24)[ndim - 1]) for _ in range(ndim))))
    pair = [np.zeros(shape, np.uint8) for _ in range(2)]
    for labels in pair:
        for _ in range(data.draw(st.integers(1, 4))):
            ends = [
                sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))) for n in shape
            ]
            labels[tuple(slice(*end) for end in ends)] = data.draw(st.integers(0, 2))
    if data.draw(st.booleans()):
        pair = [np.asfortranarray(labels) for labels in pair]
    check(
        pair[0],
        pair[1],
        budget=LEAST << data.draw(st.integers(0, 6)),
        boundary=data.draw(st.sampled_from(["voxel", "surfel", "vertex"])),
        spacing=data.draw(hard_cases.spacings(ndim)),
        tolerance=data.draw(st.sampled_from([0.5, 1.0, 2.5])),
    )


def test_nothing_larger_than_a_slab_is_read_and_slabs_are_read_twice() -> None:
    """With room for the bits each voxel is read once for the histogram and once to be measured."""
    reference, prediction = hard_cases.blob_pair((48, 40, 44), 1)
    pair = watched(reference, prediction, 1 << 17)
    found = evaluate_case(*pair, Settings.checked(), budget=1 << 17)
    assert found.to_dict() == fastseg.evaluate(reference, prediction).to_dict()
    for one in pair:
        assert max(one.given) <= (1 << 17) // 32
        assert sum(one.given) <= 2 * reference.size


def test_what_is_not_kept_is_read_again() -> None:
    reference, prediction = hard_cases.blob_pair((48, 40, 44), 1)
    noise = np.random.default_rng(2).random(reference.shape) < 0.4
    pair = watched(reference & noise, prediction & noise)
    found = evaluate_case(*pair, Settings.checked(), budget=LEAST)
    assert found.to_dict() == fastseg.evaluate(reference & noise, prediction & noise).to_dict()
    assert max(pair[0].given) <= 8**3
    assert sum(pair[0].given) > 2 * reference.size


def test_more_than_there_is_room_for_comes_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []
    measure = pieces._Round.measure

    def counted(self: Any, *arguments: Any) -> Any:
        rounds.append(len(arguments[0]))
        return measure(self, *arguments)

    monkeypatch.setattr(pieces._Round, "measure", counted)
    labels = np.zeros((24, 24, 64), np.uint8)
    for n in range(16):
        labels[:, n // 4 * 6 : n // 4 * 6 + 5, n % 4 * 16 : n % 4 * 16 + 12] = n + 1
    moved = np.roll(labels, 1, axis=0)
    for budget in (LEAST, LEAST << 4, LEAST << 5):
        check(labels, moved, budget=budget)
    assert len(rounds) > 6


def test_many_elements_are_asked_again_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch, asked_again: list[int]
) -> None:
    monkeypatch.setattr(blockwise, "_LEAST_QUERIES", 16)
    shape = (40, 30, 20)
    reference = np.zeros(shape, bool)
    reference[2:20, 2:28, 2:18] = True
    prediction = np.zeros(shape, bool)
    prediction[38, 29, 19] = True
    for boundary in ("voxel", "surfel"):
        check(reference, prediction, boundary=boundary)
    assert max(asked_again) <= 16


@pytest.mark.parametrize("budget", [0, -1, 1023, "2GiB", 1.5])
def test_a_budget_is_a_number_of_bytes(budget: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="^budget: expected"):
        Budget.of(budget)
    assert sum(Budget.of()) < 2 << 30


def test_packed_parts_are_pasted_and_found() -> None:
    rng = np.random.default_rng(1)
    voxels = rng.random((3, 4, 200)) < 0.2
    words = np.zeros((5, 6, 5), np.uint64)
    for x, width in ((0, 70), (70, 1), (71, 129)):
        part = voxels[..., x : x + width]
        packed = numba_packed.pack(part, (1,), tuple(slice(0, n) for n in part.shape), False)
        paste(packed, words, 1, 2, x + 30)
    expected = np.argwhere(voxels) + np.array((1, 2, 30))
    assert np.array_equal(places_of(words), expected)
    for some in (words, words[:1], np.zeros_like(words), ~words):
        compressed = Compressed.of(some)
        for slices, rows in (((0, len(some)), (0, 6)), ((len(some) - 1, len(some)), (2, 5))):
            expected = some[slice(*slices), slice(*rows)]
            found = np.zeros_like(expected)
            compressed.write(slices, rows, found)
            assert np.array_equal(found, expected)
    assert Compressed.of(np.full((9, 9, 9), 2**64 - 1, np.uint64)).nbytes == 9 * 9 * 12


def test_runs_are_no_larger_than_asked() -> None:
    sizes = np.array([0, 3, 2, 0, 9, 0, 0, 1, 4, 0])
    assert runs_of(sizes, 5) == [(0, 4), (4, 5), (5, 10)]
    assert runs_of(np.zeros(4, np.int64), 5) == []
    assert math.fsum(sizes[a:b].sum() for a, b in runs_of(sizes, 1)) == sizes.sum()


def test_windows_tell_what_they_know() -> None:
    """A window with a border answers no more than that border allows."""
    mask = np.zeros((1, 20, 5), bool)
    mask[0, 10, 2] = True
    target = np.zeros((1, 20, 5), bool)
    target[0, 14, 2] = True
    for low, high, answered in ((6, 20, True), (7, 20, False), (0, 16, True), (0, 15, False)):
        box = (slice(0, 1), slice(low, high), slice(0, 5))
        words = [numba_packed.pack(one, (1,), box, False) for one in (mask, target)]
        opened = (low > 0, high < 20)
        pair = PackedPair(
            words[0], words[1], (1, high - low, 5), 3, False, ((False, False), opened)
        )
        core = (0, 1), (10 - low, 11 - low)
        _, answers = numba_packed.near(pair, core, (1.0, 1.0, 1.0), "voxel", 10)
        found = [answer for answer in answers if answer.direction == 0]
        assert len(found[0].left) == (not answered)
        assert found[0].found.distances.tolist() == ([4.0] if answered else [])
