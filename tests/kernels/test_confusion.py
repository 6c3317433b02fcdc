"""The joint histogram kernel: runs that end anywhere, pairs that collide, room that runs out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import histogram as driver
from fastseg.inputs.arrays import as_label_map, matched
from fastseg.measures.joint_histogram import JointHistogram
from fastseg_kernels._intrinsics import BYTES as BLOCK
from fastseg_kernels.cpu import confusion
from tests.kernels import packed
from tests.oracle import hard_cases, naive

SHORT = 4  # shorter than any vector
GUARD = 12345678901234567890

Array = NDArray[Any]
Pairs = dict[tuple[int, int], tuple[int, list[int]]]  # count and box of each pair

UNSIGNED = [np.uint8, np.uint16, np.uint32, np.uint64]


def from_kernel(
    reference: Array, prediction: Array, rows: tuple[int, int] | None = None, room: int = 0
) -> Pairs:
    """Count, reading the volumes together and in turn."""
    together, in_turn = (counted(reference, prediction, rows, room, how) for how in (0, 1))
    assert together == in_turn
    return together


def counted(
    reference: Array, prediction: Array, rows: tuple[int, int] | None, room: int, in_turn: int
) -> Pairs:
    """Count with as little room as the kernel accepts, growing it a row at a time."""
    nz, ny, nx = reference.shape
    row, stop = rows or (0, nz * ny)
    room, known = max(room, nx), 0
    labels: tuple[Array, ...] = (np.empty(0, np.uint64), np.empty(0, np.uint64))
    counts, boxes = np.empty(0, np.int64), np.empty((0, confusion.BOX_COLUMNS), np.int32)
    dense = reference.itemsize == 1
    table = np.full(confusion.DENSE_SLOTS, -1, np.int32)
    changes = np.full(-(-nx * reference.itemsize // 64) + 1, GUARD, np.uint64)
    ends = np.full(nx + confusion.SPARE_ENDS + 1, GUARD, np.uint64)
    while True:
        labels = tuple(np.append(part, np.empty(room - len(part), part.dtype)) for part in labels)
        counts = np.append(counts, np.empty(room - len(counts), np.int64))
        more = np.empty((room - len(boxes), confusion.BOX_COLUMNS), np.int32)
        boxes = np.concatenate([boxes, more])
        if not dense:
            table = np.full(1 << (2 * room - 1).bit_length(), -1, np.int32)
            confusion.index_pairs(labels, known, table)
        kernel = confusion.joint_histogram[reference.dtype]
        found = (labels, counts, boxes, table, in_turn, changes, ends)
        row, known = kernel(reference, prediction, row, stop, *found, known)
        assert known <= room
        assert ends[-1] == changes[-1] == GUARD  # nothing is written beyond the room for it
        if row == stop:
            break
        room = known + nx
    keys = zip(labels[0].tolist(), labels[1].tolist(), strict=True)
    boxes = np.stack(
        [-boxes[:, 5], boxes[:, 4], -boxes[:, 3], boxes[:, 2], -boxes[:, 1], boxes[:, 0]], 1
    )
    rows_of = zip(keys, counts.tolist(), boxes.tolist(), strict=True)
    pairs = {pair: (count, box) for pair, count, box in list(rows_of)[:known]}
    assert len(pairs) == known  # no pair twice
    return pairs


def by_hand(reference: Array, prediction: Array) -> Pairs:
    """Count by the definition; the box of a pair is the box of a label of its own."""
    counts = naive.confusion(reference, prediction)
    numbers = {pair: number for number, pair in enumerate(counts)}
    both = zip(reference.ravel().tolist(), prediction.ravel().tolist(), strict=True)
    numbered = np.array([numbers[pair] for pair in both]).reshape(reference.shape)
    boxes = naive.boxes(numbered)
    return {
        pair: (count, [end for axis in boxes[numbers[pair]] for end in axis])
        for pair, count in counts.items()
    }


def of_histogram(histogram: JointHistogram) -> Pairs:
    boxes = np.stack([histogram.starts, histogram.stops], axis=-1).reshape(
        len(histogram.counts), -1
    )
    pairs = zip(
        histogram.reference_labels.tolist(), histogram.prediction_labels.tolist(), strict=True
    )
    rows = zip(pairs, histogram.counts.tolist(), boxes.tolist(), strict=True)
    found = {pair: (count, box) for pair, count, box in rows}
    assert len(found) == len(histogram.counts)
    return found


# ---------------------------------------------------------------------------- runs

EDGES = sorted(
    {0, 1}
    | {
        start + n + nearby
        for start in (0, 1)
        for n in (SHORT, BLOCK, SHORT + BLOCK, 2 * BLOCK, SHORT + 2 * BLOCK)
        for nearby in (-1, 0, 1)
    }
)


@pytest.mark.parametrize("dtype", UNSIGNED)
@pytest.mark.parametrize("changes", ["reference", "prediction", "both", "one voxel"])
def test_a_run_may_end_anywhere(dtype: Any, changes: str) -> None:
    """Row y changes at voxel y, and only there; a count or a box shows any voxel's error."""
    width = 2 * BLOCK + SHORT + 3
    before = np.tri(width, k=-1, dtype=bool)  # row y: voxels 0 to y - 1
    after = ~before if changes != "one voxel" else np.eye(width, dtype=bool)
    reference = np.where(after, dtype(5), dtype(3))[None]
    prediction = np.where(after, dtype(9), dtype(7))[None]
    if changes == "reference":
        prediction[:] = 7
    elif changes == "prediction":
        reference[:] = 3
    for y in [*EDGES, width - 1]:
        rows = (y, y + 1)
        expected = by_hand(reference[:, y : y + 1], prediction[:, y : y + 1])
        expected = {pair: (n, [*b[:2], y, y + 1, *b[4:]]) for pair, (n, b) in expected.items()}
        assert from_kernel(reference, prediction, rows) == expected, y


@pytest.mark.parametrize("width", [1, 2, 3, *EDGES[2:], *hard_cases.ROW_LENGTHS])
def test_rows_of_any_length(width: int) -> None:
    rng = np.random.default_rng(width)
    runs = np.repeat(rng.integers(0, 3, (2, 2, 3, width)), 7, axis=-1)[..., :width]
    reference, prediction = runs.astype(np.uint8)
    assert from_kernel(reference, prediction) == by_hand(reference, prediction)
    constant = np.full((2, 3, width), 6, np.uint8)
    assert from_kernel(constant, constant) == {(6, 6): (6 * width, [0, 2, 0, 3, 0, width])}


@pytest.mark.parametrize("dtype", UNSIGNED)
@pytest.mark.parametrize("place", [2, SHORT + 3, SHORT + BLOCK + 40])
def test_every_bit_of_a_label_counts(dtype: Any, place: int) -> None:
    """The comparison of whole blocks must not lose bits; `place` is in each of them, and in the rest."""
    width, bits = 2 * BLOCK + SHORT, np.dtype(dtype).itemsize * 8
    for bit in range(bits):
        reference = np.zeros((1, 1, width), dtype)
        reference[0, 0, place] = dtype(1 << bit)
        same = np.zeros_like(reference)
        one = (1, [0, 1, 0, 1, place, place + 1])
        rest = (width - 1, [0, 1, 0, 1, 0, width])
        assert from_kernel(reference, same) == {(0, 0): rest, (1 << bit, 0): one}
        assert from_kernel(same, reference) == {(0, 0): rest, (0, 1 << bit): one}


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_any_number_of_ends_in_a_block(dtype: Any) -> None:
    """Ends are written four at a time: none may be lost, none made up, whatever a block's number of them."""
    rng = np.random.default_rng(11)
    lanes = BLOCK // np.dtype(dtype).itemsize
    width = 3 * lanes
    rows = [np.zeros(width, dtype)]
    for n in range(1, lanes + 1):
        steps = np.zeros(width, dtype)
        steps[lanes + rng.permutation(lanes)[:n]] = 1  # so many changes in the middle block
        rows.append((np.cumsum(steps) % 3).astype(dtype))
    reference = np.stack(rows)[None]
    prediction = np.zeros_like(reference)
    assert from_kernel(reference, prediction) == by_hand(reference, prediction)
    assert from_kernel(prediction, reference) == by_hand(prediction, reference)
    alternating = np.tile((np.arange(width) % 2).astype(dtype), (1, 3, 1))
    assert from_kernel(alternating, alternating) == by_hand(alternating, alternating)


def test_a_row_that_begins_as_the_last_one_ended() -> None:
    """A run ends with its row, though the label goes on: else its box would be wrong."""
    for width in (3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK):
        reference = np.full((2, 3, width), 4, np.uint8)
        reference[1, 1, : width // 2] = 5
        prediction = np.full_like(reference, 7)
        assert from_kernel(reference, prediction) == by_hand(reference, prediction)


@pytest.mark.parametrize("rows", [(0, 1), (2, 7), (4, 5), (3, 12), (0, 12), (5, 5)])
def test_only_the_rows_asked_for(rows: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    reference, prediction = rng.integers(0, 4, (2, 3, 4, 10)).astype(np.uint16)
    inside = np.zeros(12, bool)
    inside[slice(*rows)] = True
    where = np.broadcast_to(inside.reshape(3, 4, 1), reference.shape)
    marked = by_hand(np.where(where, reference, 99), np.where(where, prediction, 99))
    marked.pop((99, 99), None)
    assert from_kernel(reference, prediction, rows) == marked


# ---------------------------------------------------------------------------- pairs

FIRST, SECOND = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F  # the multipliers of the hash
WORD = 2**64


def slot_of(reference: int, prediction: int, size: int) -> int:
    """Where the kernel looks first for a pair."""
    slot = getattr(confusion._slot, "py_func", confusion._slot)
    table = np.full(size, -1, np.int32)
    nothing = np.empty(0, np.uint64)
    with np.errstate(over="ignore"):
        return int(slot(np.uint64(reference), np.uint64(prediction), nothing, nothing, table))


def test_pairs_of_one_hash() -> None:
    """40 pairs whose whole 64-bit hash is the same: only the comparison of labels parts them."""
    back = pow(SECOND, -1, WORD)
    mixed = 0xDEADBEEFCAFEF00D
    pairs = [(r, (mixed ^ r * FIRST % WORD) * back % WORD) for r in range(40)]
    assert len({slot_of(*pair, 1 << 20) for pair in pairs}) == 1
    line = np.array(pairs * 3, np.uint64)
    reference, prediction = (packed.volume(labels) for labels in line.T)
    found = from_kernel(reference, prediction)
    assert found == by_hand(reference, prediction)
    assert [count for count, _ in found.values()] == [3] * 40


def test_slots_beyond_the_end_of_the_table_are_at_its_start() -> None:
    size = 256
    numbers = ((r, p) for r in range(200) for p in range(200))
    pairs = [pair for pair in numbers if slot_of(*pair, size) >= size - 2][:60]
    assert len(pairs) == 60
    reference, prediction = (packed.volume(labels) for labels in np.array(pairs, np.uint32).T)
    assert from_kernel(reference, prediction, room=size // 2) == by_hand(reference, prediction)


def test_pairs_are_not_symmetric() -> None:
    reference = np.array([[[1, 2, 1, 2, 0, 0]]], np.uint8)
    prediction = np.array([[[2, 1, 2, 2, 1, 0]]], np.uint8)
    counts = {pair: count for pair, (count, _) in from_kernel(reference, prediction).items()}
    assert counts == {(1, 2): 2, (2, 1): 1, (2, 2): 1, (0, 1): 1, (0, 0): 1}


def test_ids_equal_in_their_low_half() -> None:
    ids = np.array([1, 1 + 2**32, 1 + 2**33, 1 + 2**63, 2**32, 0], np.uint64)
    rng = np.random.default_rng(5)
    reference, prediction = ids[np.repeat(rng.integers(0, 6, (2, 2, 3, 30)), 9, axis=-1)]
    found = from_kernel(reference, prediction)
    assert found == by_hand(reference, prediction)
    assert len(found) == 36


def test_more_pairs_than_room() -> None:
    """Every voxel a pair of its own: the driver has to make room again and again."""
    reference = np.arange(60 * 100, dtype=np.uint16).reshape(6, 10, 100)
    prediction = reference[::-1, ::-1].copy()
    assert reference.size > 4 * driver._FEWEST_PAIRS
    histogram = numba_backend.joint_histogram(reference, prediction)
    assert of_histogram(histogram) == by_hand(reference, prediction)
    assert from_kernel(reference, prediction) == by_hand(reference, prediction)


def test_growing_keeps_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    reference, prediction = rng.integers(0, 60, (2, 8, 9, 50)).astype(np.uint32)
    monkeypatch.setattr(driver, "_FEWEST_PAIRS", 1)
    calls = []
    kernel = confusion.joint_histogram[np.dtype(np.uint32)]

    def spy(*args: Any) -> Any:
        calls.append(args[-1])
        return kernel(*args)

    monkeypatch.setitem(confusion.joint_histogram, np.dtype(np.uint32), spy)
    histogram = numba_backend.joint_histogram(reference, prediction)
    assert len(calls) > 2
    assert calls[-1] > calls[1] > 0  # pairs known when the room ran out
    assert of_histogram(histogram) == by_hand(reference, prediction)


# ---------------------------------------------------------------------------- the backends


@pytest.mark.parametrize(
    ("apart", "collide"),
    [
        (0, True),
        (4096, True),
        (-4096, True),
        (1 << 15, False),
        ((1 << 21) - 64, True),
        (1 << 20, False),
    ],
)
def test_where_volumes_lie_is_seen(apart: int, collide: bool) -> None:
    """Large ones only; what lies between in whole huge pages does not matter."""
    size = 1 << 25
    memory = np.empty(2 * size + (1 << 22), np.uint8)
    first, second = memory[1 << 13 :][:size], memory[(1 << 13) + size + apart :][:size]
    assert driver._collide(first, second) is collide
    assert driver._collide(second, first) is collide
    assert not driver._collide(first[:-1], second[:-1])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("name", "reference", "prediction"), list(hard_cases.label_pairs()))
def test_backends_on_labels_of_every_kind(
    name: str, reference: Any, prediction: Any, order: Literal["C", "F"]
) -> None:
    maps = [
        as_label_map(np.asarray(labels, order=order), "labels")
        for labels in (reference, prediction)
    ]
    pair = matched(*maps)
    expected = by_hand(*pair)
    for module in (numba_backend, scipy_backend):
        histogram = module.joint_histogram(*pair)
        assert of_histogram(histogram) == expected, module.__name__
        assert histogram.reference_labels.dtype == pair[0].dtype
        assert histogram.counts.dtype == np.int64


@pytest.mark.parametrize("shape", [(37,), (5, 70), (70, 5), (3, 1, 66), (1, 4, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_boxes_follow_the_axes_of_the_array(
    shape: tuple[int, ...], order: Literal["C", "F"]
) -> None:
    rng = np.random.default_rng(8)
    pair = [np.asarray(rng.integers(-2, 2, shape), np.int16, order=order) for _ in range(2)]
    expected = by_hand(*pair)
    assert of_histogram(numba_backend.joint_histogram(*pair)) == expected
    assert of_histogram(scipy_backend.joint_histogram(*pair)) == expected


def test_backends_on_a_medium_volume(medium: int) -> None:
    masks = hard_cases.blob_pair(medium, 4)
    slices = np.arange(medium)[:, None, None] // 9
    pair = [(mask * (slices + 1)).astype(np.int32) for mask in masks]
    histograms = [module.joint_histogram(*pair) for module in (numba_backend, scipy_backend)]
    assert of_histogram(histograms[0]) == of_histogram(histograms[1])
    assert histograms[0].total == medium**3
    assert_array_equal(histograms[0].labels, np.union1d(*pair))
