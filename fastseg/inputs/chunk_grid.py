"""Where the chunks of a stored array begin, and boxes of whole chunks that are read one after another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fastseg.inputs.arrays import Box
from fastseg.inputs.source import Source

# How many times a chunk's length the common chunks of two maps may have before one of both is cut across its chunks.
_MOST_CHUNKS = 4


@dataclass(frozen=True)
class ChunkGrid:
    """Where chunks begin and end along each axis.

    Attributes
    ----------
    edges : tuple of tuples of int
        An axis each: 0, where each further chunk begins, and the length of the axis.
    """

    edges: tuple[tuple[int, ...], ...]

    @classmethod
    def regular(cls, shape: Sequence[int], chunks: Sequence[int]) -> ChunkGrid:
        """Make the grid of chunks of one shape.

        Examples
        --------
        >>> ChunkGrid.regular((5, 4), (2, 9)).edges
        ((0, 2, 4, 5), (0, 4))
        """
        return cls(
            tuple(
                (*range(0, length, max(1, size)), length)
                for length, size in zip(shape, chunks, strict=True)
            )
        )

    @classmethod
    def of_boxes(cls, boxes: Iterable[Box]) -> ChunkGrid:
        """Make the grid of which all the boxes, which cover an array, consist."""
        along = zip(*boxes, strict=True)
        return cls(
            tuple(tuple(sorted({at for s in one for at in (s.start, s.stop)})) for one in along)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return tuple(edges[-1] for edges in self.edges)

    def kept(self, axes: Sequence[int]) -> ChunkGrid:
        """Give the grid of some of the axes, in their order."""
        return ChunkGrid(tuple(self.edges[axis] for axis in axes))

    def slabs(self, size: int, itemsize: int) -> list[Box]:
        """Cut the array into boxes of whole chunks, of about `size` bytes each where a chunk is not larger.

        They are cut across the first axis, and across the next ones only where a single layer of chunks is too large.

        Examples
        --------
        >>> grid = ChunkGrid.regular((4, 4), (2, 2))
        >>> grid.slabs(8, 1)
        [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 4, None), slice(0, 4, None))]
        >>> len(grid.slabs(4, 1)), len(grid.slabs(99, 1))
        (4, 1)
        """
        return self._cut((), size, itemsize)

    def _cut(self, begun: Box, size: int, itemsize: int) -> list[Box]:
        """Cut a part of which the first axes are cut already."""
        axis = len(begun)
        rest = self.shape[axis + 1 :]
        a_slice = itemsize * math.prod(rest) * math.prod(part.stop - part.start for part in begun)
        boxes: list[Box] = []
        for part in _runs(self.edges[axis], size // max(1, a_slice)):
            if not rest or (part.stop - part.start) * a_slice <= size:
                boxes.append((*begun, part, *(slice(0, length) for length in rest)))
            else:
                boxes += self._cut((*begun, part), size, itemsize)
        return boxes

    def common(self, other: ChunkGrid) -> ChunkGrid:
        """Give the grid of chunks that consist of whole chunks of both, but of this alone where they would be long."""
        return ChunkGrid(
            tuple(_common(one, two) for one, two in zip(self.edges, other.edges, strict=True))
        )


@runtime_checkable
class InChunks(Protocol):
    """A source whose voxels are decoded chunk by chunk."""

    @property
    def chunks(self) -> ChunkGrid:
        """Where the chunks lie."""

    @property
    def itemsize(self) -> int:
        """Bytes of a stored voxel."""


def slabs_of_pair(reference: Source, prediction: Source, size: int) -> list[Box]:
    """Cut two label maps of one shape into boxes, so that hardly a chunk of either is decoded twice.

    Parameters
    ----------
    reference, prediction : Source
    size : int
        About how many bytes of either map a box holds, at most where chunks are not larger.
    """
    if isinstance(reference, InChunks) and isinstance(prediction, InChunks):
        itemsize = max(reference.itemsize, prediction.itemsize)
        return reference.chunks.common(prediction.chunks).slabs(size, itemsize)
    one, other = reference.slabs(size), prediction.slabs(size)
    for source, own, others in ((reference, one, other), (prediction, other, one)):
        if isinstance(source, InChunks):
            # thinner ones where a voxel of the other map takes more bytes
            finer = len(others) // len(own)
            return own if finer < 2 else source.slabs(size // finer)
    return max(one, other, key=len)


def _runs(edges: Sequence[int], most: int) -> Iterable[slice]:
    """Join neighbouring chunks along an axis to runs of at most so many voxels, or of one chunk."""
    start = edges[0]
    for before, after in itertools.pairwise(edges[1:]):
        if after - start > most:
            yield slice(start, before)
            start = before
    yield slice(start, edges[-1])


def _common(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int, ...]:
    both = tuple(sorted({*one} & {*two}))
    return both if _longest(both) <= _MOST_CHUNKS * max(_longest(one), _longest(two)) else one


def _longest(edges: tuple[int, ...]) -> int:
    return max((b - a for a, b in itertools.pairwise(edges)), default=0)
