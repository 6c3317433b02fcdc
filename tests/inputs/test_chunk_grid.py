"""Boxes of whole chunks: every voxel once, no chunk in two of them, and not larger than they must be."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastseg.inputs.arrays import Box
from fastseg.inputs.chunk_grid import ChunkGrid, slabs_of_pair
from fastseg.inputs.chunked_source import ChunkedSource, without_single
from fastseg.inputs.source import ArraySource, Source

AXES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3)


def touched(grid: ChunkGrid, box: Box) -> list[tuple[int, ...]]:
    """The chunks that a box touches."""
    along = [
        [
            i
            for i, (a, b) in enumerate(itertools.pairwise(edges))
            if a < part.stop and b > part.start
        ]
        for edges, part in zip(grid.edges, box, strict=True)
    ]
    return list(itertools.product(*along))


def chunked(shape: tuple[int, ...], chunks: tuple[int, ...]) -> ChunkedSource:
    stored = np.zeros(shape, np.uint16)
    return ChunkedSource(stored, ChunkGrid.regular(shape, chunks), tuple(range(len(shape))))


@given(AXES, st.integers(1, 400))
def test_slabs_hold_every_chunk_once(axes: list[tuple[int, int]], size: int) -> None:
    shape, chunks = zip(*axes, strict=True)
    grid = ChunkGrid.regular(shape, chunks)
    assert grid.shape == shape
    covered, seen = np.zeros(shape, int), []
    for box in grid.slabs(size, 2):
        covered[box] += 1
        mine = touched(grid, box)
        seen += mine
        assert len(mine) == 1 or covered[box].size * 2 <= size
    assert (covered == 1).all()
    assert len(seen) == len(set(seen))
    assert ChunkGrid.of_boxes(grid.slabs(1, 2)).edges == grid.edges


@given(AXES, st.data())
def test_common_chunks_cover_both_maps(axes: list[tuple[int, int]], data: st.DataObject) -> None:
    shape, chunks = zip(*axes, strict=True)
    others = tuple(data.draw(st.integers(1, 9)) for _ in shape)
    one, two = ChunkGrid.regular(shape, chunks), ChunkGrid.regular(shape, others)
    common = one.common(two)
    assert common.shape == shape
    for mine, theirs, edges in zip(one.edges, two.edges, common.edges, strict=True):
        assert set(edges) <= set(mine)
        assert set(edges) == {*mine} & {*theirs} or edges == mine


def test_chunks_of_two_sizes_are_decoded_once() -> None:
    reference, prediction = chunked((24, 8), (2, 8)), chunked((24, 8), (3, 4))
    boxes = slabs_of_pair(reference, prediction, 1)
    assert [box[0].start for box in boxes] == [0, 6, 12, 18]
    for source in (reference, prediction):
        seen = [chunk for box in boxes for chunk in touched(source.chunks, box)]
        assert len(seen) == len(set(seen))


def test_of_two_maps_the_one_in_chunks_says_where_to_cut() -> None:
    whole, source = ArraySource(np.zeros((24, 8), np.uint8)), chunked((24, 8), (5, 8))
    for first, second in ((whole, source), (source, whole)):
        assert [box[0].start for box in slabs_of_pair(first, second, 8)] == [0, 5, 10, 15, 20]
    assert len(slabs_of_pair(whole, whole, 8)) == 24


def test_slabs_are_small_enough_for_the_map_with_larger_voxels() -> None:
    small = ArraySource(np.zeros((24, 8), np.uint8))
    large = ArraySource(np.zeros((24, 8), np.int64))
    source = chunked((24, 8), (2, 8))
    pairs: list[tuple[Source, Source]] = [(small, large), (source, large)]
    for one, other in pairs:
        assert len(slabs_of_pair(one, other, 8 * 64)) == 3
        assert len(slabs_of_pair(other, one, 8 * 64)) == 3
    assert len(slabs_of_pair(source, small, 8 * 64)) == 1


def test_chunks_without_a_common_edge_are_cut_by_the_reference() -> None:
    reference, prediction = chunked((300,), (7,)), chunked((300,), (11,))
    boxes = slabs_of_pair(reference, prediction, 1)
    assert len(boxes) == math.ceil(300 / 7)


@pytest.mark.parametrize(
    ("shape", "wanted", "axes"),
    [
        ((1, 5, 1, 4), (5, 4), (1, 3)),
        ((64, 1, 64, 1), (64, 1, 64), (0, 1, 2)),
        ((1, 1), (1,), (0,)),
        ((3, 4), (3, 4), (0, 1)),
    ],
)
def test_axes_of_one_entry_are_left_out(
    shape: tuple[int, ...], wanted: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    assert without_single(shape, range(len(shape)), wanted) == axes
    labels = np.arange(math.prod(shape), dtype=np.uint16).reshape(shape)
    source = ChunkedSource(labels, ChunkGrid.regular(shape, shape), tuple(range(len(shape))))
    flat = source.with_shape(wanted)
    assert flat.shape == wanted
    np.testing.assert_array_equal(flat.whole(), labels.reshape(wanted))
