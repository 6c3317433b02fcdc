"""A label map laid onto a grid of the same lattice: turned, flipped, with zeros where it covers nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastseg.inputs.arrays import Array, Box, Spacing
from fastseg.inputs.chunk_grid import ChunkGrid, InChunks
from fastseg.inputs.chunked_source import without_single
from fastseg.inputs.source import ArraySource, RoundedSource, Source
from fastseg.io.lattice import Arrangement

# Larger maps are laid onto their grid window by window.
_LAID_AT_ONCE = 1 << 28

# About how many bytes what is cut into no chunks is cut into.
_SLAB = 1 << 24


def arranged(source: Source, arrangement: Arrangement | None) -> Source:
    """Lay a source onto the grid that both maps share; None leaves it as it is."""
    if arrangement is None:
        return source
    if isinstance(source, ArraySource):
        as_large = math.prod(arrangement.shape) == source.array.size  # a view
        if as_large or math.prod(arrangement.shape) * source.array.itemsize <= _LAID_AT_ONCE:
            return replace(source, array=arrangement.applied(source.array))
    inner = source.with_shape(source.shape[: len(arrangement.axes)])
    return ArrangedSource(inner, arrangement, tuple(range(len(arrangement.shape))))


@dataclass(frozen=True, eq=False)
class ArrangedSource:
    """A source that is read in pieces, on another grid of its lattice.

    Attributes
    ----------
    inner : Source
    arrangement : Arrangement
    axes : tuple of int
        The axes of the arrangement's grid that the map has; the others have one entry.
    """

    inner: Source
    arrangement: Arrangement
    axes: tuple[int, ...]
    array: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return tuple(self.arrangement.shape[axis] for axis in self.axes)

    @property
    def spacing(self) -> Spacing | None:
        """The voxel size, which is the grid's."""
        return self.inner.spacing

    @property
    def grid(self) -> Any:
        """The grid that it is laid onto."""
        return self.inner.grid

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.inner.name

    @property
    def segments(self) -> Mapping[str, tuple[int, ...]]:
        """What its file calls its segments."""
        return self.inner.segments

    @property
    def own_labels(self) -> bool:
        """Whether labels are the file's own."""
        return self.inner.own_labels

    @property
    def itemsize(self) -> int:
        """Bytes of a stored voxel, about."""
        return self.inner.itemsize if isinstance(self.inner, InChunks) else 8

    @property
    def chunks(self) -> ChunkGrid:
        """Where the chunks lie on the grid; what is not covered is cut likewise."""
        inner = self.inner
        stored = (
            inner.chunks if isinstance(inner, InChunks) else ChunkGrid.of_boxes(inner.slabs(_SLAB))
        )
        how = self.arrangement
        edges = tuple(
            _laid(stored.edges[axis], flip, start, length)
            for axis, flip, start, length in zip(
                how.axes, how.flips, how.start, how.shape, strict=True
            )
        )
        return ChunkGrid(edges).kept(self.axes)

    def slabs(self, size: int) -> list[Box]:
        """Cut the grid into boxes of whole chunks."""
        return self.chunks.slabs(size, self.itemsize)

    def window(self, box: Box) -> Array:
        """Read what the box covers of the map; the rest is 0."""
        how = self.arrangement
        places = dict(zip(self.axes, box, strict=True))
        whole = [places.get(axis, slice(0, 1)) for axis in range(len(how.shape))]
        covered: list[slice] = []
        read: list[slice] = [slice(0, 1)] * len(how.shape)
        for along, axis, flip, start in zip(whole, how.axes, how.flips, how.start, strict=True):
            length = self.inner.shape[axis]
            begin, end = max(along.start - start, 0), min(along.stop - start, length)
            covered.append(slice(begin + start - along.start, end + start - along.start))
            read[axis] = slice(length - end, length - begin) if flip else slice(begin, end)
            if begin >= end:  # False goes with labels of any type
                return np.zeros([one.stop - one.start for one in box], bool)
        window = self.inner.window(tuple(read)).transpose(how.axes)
        turned = window[tuple(slice(None, None, -1 if flip else 1) for flip in how.flips)]
        shape = [one.stop - one.start for one in whole]
        if list(turned.shape) != shape:
            laid: Array = np.zeros(shape, turned.dtype)
            laid[tuple(covered)] = turned
            turned = laid
        return turned.reshape([one.stop - one.start for one in box])

    def check_background(self) -> None:
        """Raise if the map, of which nothing but 0 was found, holds something that was rounded to 0."""
        if isinstance(self.inner, RoundedSource):
            self.inner.check_background()

    def with_shape(self, shape: tuple[int, ...]) -> ArrangedSource:
        """Give the same map with axes of one entry left out."""
        return replace(self, axes=without_single(self.shape, self.axes, shape))


def _laid(edges: tuple[int, ...], flip: bool, start: int, length: int) -> tuple[int, ...]:
    """Lay the edges of chunks onto an axis, and cut what they do not cover into pieces as long."""
    inside = [edges[-1] - edge for edge in reversed(edges)] if flip else list(edges)
    inside = [edge + start for edge in inside]
    step = max(b - a for a, b in itertools.pairwise(inside))
    before = range(inside[0] - step, 0, -step) if inside[0] else ()
    after = range(inside[-1] + step, length, step)
    return tuple(sorted({0, *before, *inside, *after, length}))
