"""Distances for the numba backend: between two padded sets, both ways, and the transform of a volume.

Both directions go step by step, each step cut into pieces that the threads share: the shells, the search for what
they leave, and the transform where that is too much.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.padded import PaddedSet, Padding, nearest_offsets
from fastseg.backends.numba.transform import Targets, exact_dtype, transform
from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.offsets import Floats, Offsets, Words, squares
from fastseg.measures.distributions import Distribution
from fastseg_kernels.cpu import nearest

# Of the nearest offsets, so many are always tried: distances up to 2 voxels.
_CORE_OFFSETS = 33
# Looks at blocks of rows that the search may take for each voxel of the box before a transform is cheaper: a look
# takes 4 to 8 ns, the transform 4 ns a voxel in float32 and 8 in float64.
_LOOKS_PER_VOXEL = 0.2

# What a word of the queries costs, and a query that the nearest offsets leave, on the scale of `threads.LEAST_COST`.
_COST_OF_A_WORD = 16
_COST_OF_A_QUERY = 1 << 14


def distances(first: PaddedSet, second: PaddedSet, geometry: Geometry) -> tuple[Floats, Floats]:
    """Distance of each set voxel of one padded set to the nearest one of the other, both ways.

    In C order; inf if there is none.
    """
    there, back = threads.run(_Search.distances, _searched(first, second, geometry, each=True))
    return there, back


def distributions(
    first: PaddedSet, second: PaddedSet, geometry: Geometry
) -> tuple[Distribution, Distribution]:
    """How often each of these distances occurs, counted rather than collected."""
    forward, backward = _searched(first, second, geometry, each=False)
    return forward.distribution(), backward.distribution()


def _searched(
    first: PaddedSet, second: PaddedSet, geometry: Geometry, each: bool
) -> tuple[_Search, _Search]:
    both = _Search(first, second, geometry, each), _Search(second, first, geometry, each)
    slabs = [(search, i) for search in both for i in range(len(search.slabs))]
    threads.run(
        lambda slab: slab[0].try_offsets(slab[1]), slabs, _COST_OF_A_WORD * first.words.size
    )
    left = [search for search, back in (both, both[::-1]) if search.n_missed and back.n]
    cost = _COST_OF_A_QUERY * sum(search.n_missed for search in left)
    threads.run(_Search.prepare, left, cost)
    threads.run(lambda part: part[0].look_around(*part[1]), _parts(left), cost)
    threads.run(_Search.transform, [search for search in left if search.unanswered])
    return both


def _parts(searches: Sequence[_Search]) -> Iterator[tuple[_Search, tuple[int, int]]]:
    """Cut what the offsets have left for each search into parts that take about as long.

    A query takes 1 to 20 µs, and those that take long lie together, so there are more parts than threads; but not
    many, since the first query of each has no bound to begin with.
    """
    for search in searches:
        n = search.n_missed
        alone = len(threads.slabs(n, _COST_OF_A_QUERY * n)) == 1
        edges = [n * i // 8 for i in range(9)]
        yield from ((search, part) for part in ([(0, n)] if alone else itertools.pairwise(edges)))


class _Search:
    """From each voxel of one padded set to the nearest one of another: `each` one's distance, or only how often."""

    def __init__(
        self, queries: PaddedSet, targets: PaddedSet, geometry: Geometry, each: bool
    ) -> None:
        self.queries, self.targets, self.geometry = queries.words, targets.words, geometry
        self.padding = Padding.of(geometry)
        self.offsets = nearest_offsets(geometry.spacing, geometry.ndim, geometry.reverse)
        self.slabs = [
            (first + self.padding.z, stop + self.padding.z)
            for first, stop in threads.slabs(
                geometry.shape[0], _COST_OF_A_WORD * queries.words.size
            )
        ]
        sizes = [int(queries.counts[first:stop].sum()) for first, stop in self.slabs]
        self.starts = [0, *itertools.accumulate(sizes)]
        self.n = self.starts[-1]
        self.counts = np.zeros((len(self.slabs), len(self.offsets.squares)), np.int64)
        self.squared = np.empty(self.n) if each else None
        self.missed: list[Offsets] = [np.empty((0, 3), np.int64)] * len(self.slabs)
        self.far_squares: Floats | None = None  # of those, in their order

    def try_offsets(self, slab: int) -> None:
        """What lies at one of the nearest offsets."""
        start, stop = self.starts[slab : slab + 2]
        missed = np.empty((stop - start, 3), np.int64)  # takes memory only where it is written
        n = nearest.shells(
            self.queries,
            self.targets,
            self.padding.y,
            self.offsets.word_offsets(self.targets),
            self.offsets.shifts,
            self.offsets.squares,
            _CORE_OFFSETS,
            *self.slabs[slab],
            self.counts[slab],
            missed,
            np.empty(0) if self.squared is None else self.squared[start:stop],
        )
        self.missed[slab] = missed[:n].copy()

    @property
    def n_missed(self) -> int:
        """How many queries found nothing there."""
        return sum(map(len, self.missed))

    def prepare(self) -> None:
        """Where they lie, and what helps to search for them."""
        self.places = np.concatenate(self.missed)
        nz, ny, nw = self.targets.shape
        self.coarse = np.zeros((-(-nz // nearest.BLOCK), -(-ny // nearest.BLOCK), nw), np.uint64)
        nearest.coarse_rows(self.targets, self.coarse)
        self.tables = [
            squares(size, step)
            for size, step in zip((nz, ny, 64 * nw), self.geometry.spacing, strict=True)
        ]
        self.far_squares = np.empty(len(self.places))
        self.unanswered: list[tuple[int, int]] = []

    def look_around(self, first: int, stop: int) -> None:
        """Search for some of them, as long as a transform would not be cheaper."""
        assert self.far_squares is not None

        def search(first: int, budget: int) -> int:
            stopped: int = nearest.far(
                self.places,
                self.targets,
                self.coarse,
                *self.tables,
                int(self.geometry.reverse),
                first,
                stop,
                budget,
                self.far_squares,
            )
            return stopped

        n = stop - first
        budget = int(_LOOKS_PER_VOXEL * math.prod(self.geometry.shape) * n / self.n_missed)
        # A sixteenth of the budget shows whether all of it could be enough.
        done = search(first, budget // 16)
        if done < stop and (done - first) * 16 >= n:
            done = search(done, budget)
        if done < stop:
            self.unanswered.append((done, stop))

    def transform(self) -> None:
        """Answer the rest by a transform of the box."""
        rest = np.concatenate([np.arange(*part) for part in self.unanswered])
        at = tuple(
            np.ascontiguousarray((self.places[rest] - (self.padding.z, self.padding.y, 0)).T)
        )
        inside = self.padding.inside(self.targets, self.geometry)
        assert self.far_squares is not None
        self.far_squares[rest] = transform_of(inside, self.geometry, squared=True, at=at)[at]

    def distances(self) -> Floats:
        """Of each query, in C order."""
        assert self.squared is not None
        if self.far_squares is not None:
            self.squared[np.isinf(self.squared)] = self.far_squares
        return np.sqrt(self.squared, out=self.squared)

    def distribution(self) -> Distribution:
        """How often each distance occurs."""
        near = self.offsets.distribution(self.counts.sum(axis=0))
        if not self.n_missed:
            return near
        nothing = np.full(self.n_missed, np.inf)
        far = Distribution.of(nothing if self.far_squares is None else np.sqrt(self.far_squares))
        return Distribution.joined(near, far)


def transform_of(
    words: Words,
    geometry: Geometry,
    squared: bool = False,
    at: tuple[NDArray[np.int64], ...] | None = None,
) -> Floats:
    """Distance of every voxel of the volume, or of those `at` some coordinates, to the nearest set voxel."""
    targets = Targets(words, geometry.shape)
    dtype = exact_dtype(geometry.shape, geometry.spacing) if squared else np.float64
    return transform(
        targets, geometry.spacing, geometry.order, dtype=dtype, squared=squared, at=at
    )[0]
