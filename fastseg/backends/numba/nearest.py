"""Distances for the numba backend: between two padded sets, both ways, and the transform of a volume.

Both directions go step by step, each step cut into pieces that the threads share: the shells, the search for what
they leave, and the transform where that is too much.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.tally import tallied
from fastseg.backends.numba.transform import Targets, exact_dtype, transform
from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.offsets import (
    Floats,
    Offsets,
    Words,
    box_offsets,
    squared_norms,
    squares,
)
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import Distribution
from fastseg.threads import lazy
from fastseg_kernels.cpu import nearest

Codes = NDArray[np.uint8]

# A ball of 4 voxels: beyond it a search along rows is cheaper than one more shell.
_MOST_OFFSETS = 257
# Of the nearest offsets, so many are tried before it is looked up whether any of the others can have a target.
_CORE_OFFSETS = 33
# Looks at blocks of rows that the search may take for each voxel of the box before a transform is cheaper: a look takes
# about as long as a voxel of the transform (benchmarks: hardest inputs).
_LOOKS_PER_VOXEL = 0.2

# A part of the missed queries whose first so manieth shows whether the budget could be enough.
_PROBE = 32
# Queries that are worth a part of their own.
_LEAST_PART = 16

# What a word of the queries costs, a query, one that the nearest offsets leave, a look for it, a voxel of a
# transform, to count a distance, and to take one from a transform; on the scale of `threads.LEAST_COST`.
_COST_OF_A_WORD = 16
_COST_OF_A_SHELL = 160
_COST_OF_A_QUERY = 1 << 15
_COST_OF_A_LOOK = 1 << 7
_COST_OF_A_TRANSFORMED_VOXEL = 3
_COST_OF_COUNTING = 1 << 6
_COST_OF_TAKING = 1 << 7


@dataclass(frozen=True)
class NearestOffsets:
    """Offsets (dz, dy, dx) in order of distance, all that are at most as far as the last, and their squared lengths."""

    offsets: Offsets
    squares: Floats

    @lazy
    def reach(self) -> tuple[int, int, int]:
        """How many slices, rows and voxels of a row they lead at most."""
        z, y, x = np.abs(self.offsets).max(axis=0)
        return int(z), int(y), int(x)

    @lazy
    def shifts(self) -> NDArray[np.uint64]:
        """How many bits into a word 64 voxels at each offset start."""
        return (self.offsets[:, 2] & 63).astype(np.uint64)

    def word_offsets(self, padded: Words) -> NDArray[np.int64]:
        """Turn each offset into the number of words by which it leads on in a padded set."""
        z, y, words = self._whole_words
        return np.asarray((z * padded.shape[1] + y) * padded.shape[2] + words)

    @lazy
    def _whole_words(self) -> tuple[NDArray[np.int64], ...]:
        z, y, x = self.offsets.T
        return np.ascontiguousarray(z), np.ascontiguousarray(y), x >> 6

    @lazy
    def distances(self) -> Floats:
        """How far each leads."""
        return np.sqrt(self.squares)

    @lazy
    def _distances(self) -> tuple[Floats, NDArray[np.intp]]:
        """The different distances, and the first offset of each."""
        return np.unique(self.distances, return_index=True)

    @lazy
    def kinds(self) -> tuple[Floats, NDArray[np.int64]]:
        """The different distances, and which of them each offset has."""
        distances, starts = self._distances
        return distances, np.searchsorted(starts, np.arange(len(self.squares)), side="right") - 1

    def distribution(self, counts: NDArray[np.int64], areas: Floats | None = None) -> Distribution:
        """Turn how often each offset occurs, with each of some ascending areas, into how often each distance does."""
        distances, starts = self._distances
        counts = np.add.reduceat(counts, starts)
        occur, codes = counts.nonzero()
        of_codes = None if areas is None else areas[codes]
        return Distribution(distances[occur], counts[occur, codes], of_codes)


@functools.lru_cache(maxsize=256)
def nearest_offsets(spacing: Spacing, ndim: int, reverse: bool) -> NearestOffsets:
    """List about `_MOST_OFFSETS` of them: all up to the distance of the last."""
    axes = range(3 - ndim, 3)
    volume = math.prod(spacing[axis] for axis in axes)
    unit_ball = {1: 2.0, 2: math.pi, 3: 4 / 3 * math.pi}[ndim]
    radius = (_MOST_OFFSETS * volume / unit_ball) ** (1 / ndim)
    half = [min(int(radius / spacing[axis]) + 1, 63) if axis in axes else 0 for axis in range(3)]
    # beyond the box nothing is known
    limit = min((half[axis] + 1) * spacing[axis] for axis in axes) ** 2
    offsets = box_offsets(half)
    lengths = squared_norms(offsets, spacing, reverse)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] < limit * (1 - 1e-9)]
    if len(order) > 2 * _MOST_OFFSETS:  # keep whole distances only
        order = order[lengths[order] < lengths[order[2 * _MOST_OFFSETS]]]
    return NearestOffsets(np.ascontiguousarray(offsets[order]), lengths[order])


class PaddedSet(NamedTuple):
    """A packed set within its padding, how many voxels each slice has, and its coarse rows."""

    words: Words
    counts: NDArray[np.int64]
    coarse: Words


class Padding(NamedTuple):
    """Zeros around a packed set: slices and rows at either end, and bits at the end of each row.

    As many as the furthest offset leads, and one row more: what lies before a row is the end of the row before. Rows of
    a small organ have two or three words, so a word of zeros for each was a quarter of the set.
    """

    z: int
    y: int
    x: int

    @classmethod
    def of(cls, geometry: Geometry) -> Padding:
        """Take as much as the nearest offsets of this geometry ask for."""
        offsets = nearest_offsets(geometry.spacing, geometry.ndim, geometry.reverse)
        reach_z, reach_y, reach_x = offsets.reach
        return cls(reach_z, reach_y + 1, reach_x)

    def around(self, geometry: Geometry) -> PaddedSet:
        """Make room for a set of this geometry within slices of zeros.

        The rest of the padding is for the kernel that fills the set, which has it in the cache.
        """
        nz, ny, nx = geometry.shape
        words = -(-(nx + self.x) // 64)
        padded = np.empty((nz + 2 * self.z, ny + 2 * self.y, words), np.uint64)
        padded[: self.z] = padded[len(padded) - self.z :] = 0
        coarse = np.empty(
            (-(-padded.shape[0] // nearest.BLOCK), -(-padded.shape[1] // nearest.BLOCK), words),
            np.uint64,
        )
        return PaddedSet(padded, np.zeros(len(padded), np.int64), coarse)

    def inside(self, words: Words, geometry: Geometry) -> Words:
        """Give the words of a padded set without its padding."""
        nz, ny, nx = geometry.shape
        return np.ascontiguousarray(
            words[self.z : self.z + nz, self.y : self.y + ny, : -(-nx // 64)]
        )


def distances(first: PaddedSet, second: PaddedSet, geometry: Geometry) -> tuple[Floats, Floats]:
    """Measure from each set voxel of one padded set to the nearest one of the other, both ways.

    The distances come in C order; they are inf if there is none.
    """
    there, back = threads.run(Search.distances, _searched(first, second, geometry, each=True))
    return there, back


def distributions(
    first: PaddedSet,
    second: PaddedSet,
    geometry: Geometry,
    codes: Sequence[Codes | None] = (None, None),
    areas: Floats | None = None,
    furthest: float = math.inf,
) -> tuple[Distribution, Distribution]:
    """Count how often each of these distances occurs, without a list of them; those beyond `furthest` may become inf.

    Where the elements of both sets have codes, in C order, each of the ascending `areas` of these is counted apart.
    """
    both = _searched(first, second, geometry, False, codes, areas, furthest)
    cost = _COST_OF_COUNTING * min(both[0].n_missed, both[1].n_missed)
    forward, backward = threads.run(Search.distribution, both, cost)
    return forward, backward


def _searched(
    first: PaddedSet,
    second: PaddedSet,
    geometry: Geometry,
    each: bool,
    codes: Sequence[Codes | None] = (None, None),
    areas: Floats | None = None,
    furthest: float = math.inf,
) -> tuple[Search, Search]:
    """Search both ways, step by step; `each` query's distance is kept, or only how often each occurs."""
    n_queries = int(first.counts.sum() + second.counts.sum())
    cost = _COST_OF_A_WORD * first.words.size + _COST_OF_A_SHELL * n_queries
    slices = threads.slabs(geometry.shape[0], cost)
    both = (
        Search(first, second, geometry, each, slices, codes[0], areas, furthest),
        Search(second, first, geometry, each, slices, codes[1], areas, furthest),
    )
    slabs = [
        *itertools.product(both[:1], range(len(both[0].slabs))),
        *itertools.product(both[1:], range(len(both[1].slabs))),
    ]
    threads.run(lambda slab: slab[0].try_offsets(slab[1]), slabs, cost)
    left = []
    for search, back in (both, both[::-1]):
        search.n_missed = sum(map(len, search.missed))
        if search.n_missed and back.n and not search.is_enough:
            left.append(search)
    if left:
        _search_further(left)
    return both


def _search_further(searches: Sequence[Search]) -> None:
    """Answer the queries that no offset has: by rows, and by a transform where those would be too many."""
    for search in searches:
        search.prepare()
    few_first = sorted(
        searches, key=lambda search: search.n_missed
    )  # the far ones of two unequal sets
    parts = [(search, part) for search in few_first for part in range(len(search.parts))]
    cost = _COST_OF_A_QUERY * sum(search.n_missed for search in searches)
    most = _COST_OF_A_LOOK * sum(search.looks for search in searches)
    threads.run(lambda part: part[0].look_around(part[1], _PROBE), parts, min(cost, most / _PROBE))
    # Where one part is hopeless a transform answers all, and it costs the same for all.
    parts = [(search, part) for search, part in parts if search.goes_on(part)]
    threads.run(lambda part: part[0].look_around(part[1], 1), parts, min(cost, most))
    unanswered = [search for search in searches if search.unanswered]
    cost = _COST_OF_A_TRANSFORMED_VOXEL * len(unanswered) * math.prod(searches[0].geometry.shape)
    threads.run(Search.transform, unanswered, cost)


def _parts(n: int) -> Sequence[tuple[int, int]]:
    """Cut missed queries into parts, the same for any number of threads: what a part gives up depends on its own.

    One query may take twenty times as long as another, and those that take long lie together, so there are more parts
    than threads; but not many, since the first query of each has no bound to begin with.
    """
    n_parts = min(max(n // _LEAST_PART, 1), 8)
    edges = [n * i // n_parts for i in range(n_parts + 1)]
    return list(itertools.pairwise(edges))


class Search:
    """The search from each voxel of one padded set to the nearest one of another."""

    def __init__(
        self,
        queries: PaddedSet,
        targets: PaddedSet,
        geometry: Geometry,
        each: bool,
        slabs: Sequence[tuple[int, int]],
        codes: Codes | None,
        areas: Floats | None,
        furthest: float,
    ) -> None:
        self.queries, self.targets, self.geometry = queries.words, targets.words, geometry
        self.coarse = targets.coarse
        self.padding = Padding.of(geometry)
        self.offsets = nearest_offsets(geometry.spacing, geometry.ndim, geometry.reverse)
        # What the offsets miss is further than the last of them; and where that is enough, the nearer ones are.
        distances = self.offsets.distances
        self.is_enough = furthest < distances[-1]
        self.n_offsets = int(distances.searchsorted(furthest, "right"))
        self.slabs = slabs
        self.starts = [0]  # of each slab's queries among all
        for first, stop in self.slabs:
            inside = queries.counts[first + self.padding.z : stop + self.padding.z]
            self.starts.append(self.starts[-1] + int(inside.sum()))
        self.n = self.starts[-1]
        self.codes, self.areas = codes, areas
        n_areas = 1 if areas is None else len(areas)
        self.counts = np.zeros((len(self.slabs), len(self.offsets.squares), n_areas), np.int64)
        self.squared = np.empty(self.n) if each else None
        self.missed: list[Offsets] = [np.empty((0, 3), np.int64)] * len(self.slabs)
        self.n_missed = 0
        self.far_squares: Floats | None = None  # of the missed queries, in their order

    def try_offsets(self, slab: int) -> None:
        """Answer the queries of a slab that one of the nearest offsets leads to a target from."""
        start, stop = self.starts[slab : slab + 2]
        codes = np.empty(0, np.uint8) if self.codes is None else self.codes[start:stop]
        # takes memory only where it is written
        missed = np.empty((stop - start, 3 if self.codes is None else 4), np.int64)
        first, end = self.slabs[slab]
        n = nearest.shells(
            self.queries,
            self.targets,
            self.coarse,
            np.array(self.offsets.reach),
            self.padding.y,
            self.offsets.word_offsets(self.targets)[: self.n_offsets],
            self.offsets.shifts,
            self.offsets.squares,
            _CORE_OFFSETS,
            first + self.padding.z,
            end + self.padding.z,
            codes,
            self.counts[slab],
            missed,
            np.empty(0) if self.squared is None else self.squared[start:stop],
        )
        self.missed[slab] = missed[:n].copy()

    def prepare(self) -> None:
        """Gather the coordinates of the missed queries, and what helps to search for them."""
        self.coordinates = np.concatenate(self.missed)
        nz, ny, nw = self.targets.shape
        self.tables = [
            squares(size, step)
            for size, step in zip((nz, ny, 64 * nw), self.geometry.spacing, strict=True)
        ]
        self.far_squares = np.empty(len(self.coordinates))
        self.looks = _LOOKS_PER_VOXEL * math.prod(self.geometry.shape)
        self.parts = _parts(self.n_missed)
        self.answered = [first for first, _ in self.parts]  # up to which query

    def look_around(self, part: int, share: int) -> None:
        """Answer missed queries of a part by rows, as long as a transform would not be cheaper, or a share of that."""
        assert self.far_squares is not None
        first, stop = self.parts[part]
        looks = self.looks * (stop - first) / self.n_missed
        self.answered[part] = nearest.far(
            self.coordinates,
            self.targets,
            self.coarse,
            *self.tables,
            int(self.geometry.reverse),
            self.answered[part],
            stop,
            int(looks) // share,
            self.far_squares,
        )

    def goes_on(self, part: int) -> bool:
        """Tell whether a part is still to be searched: no part of them all has come too short of its probe."""
        enough = all(
            answered == stop or (answered - first) * _PROBE >= stop - first
            for answered, (first, stop) in zip(self.answered, self.parts, strict=True)
        )
        return enough and self.answered[part] < self.parts[part][1]

    @property
    def unanswered(self) -> list[tuple[int, int]]:
        """The missed queries that the search by rows has given up."""
        ends = zip(self.answered, self.parts, strict=True)
        return [(answered, stop) for answered, (_, stop) in ends if answered < stop]

    def transform(self) -> None:
        """Answer by a transform of the box what the search by rows has given up."""
        rest = [slice(*part) for part in self.unanswered]
        at = tuple(
            np.concatenate([self.coordinates[part, axis] for part in rest]) - before
            for axis, before in enumerate((self.padding.z, self.padding.y, 0))
        )
        inside = self.padding.inside(self.targets, self.geometry)
        found = transform_of(inside, self.geometry, squared=True, at=at)
        n = len(at[0])
        wanted = np.empty(n)

        def take(slab: tuple[int, int]) -> None:
            piece = slice(*slab)
            wanted[piece] = found[tuple(along[piece] for along in at)]

        cost = _COST_OF_TAKING * n
        threads.run(take, threads.slabs(n, cost), cost)
        assert self.far_squares is not None
        for part in rest:
            size = part.stop - part.start
            self.far_squares[part], wanted = wanted[:size], wanted[size:]

    def distances(self) -> Floats:
        """Give the distance of each query, in C order."""
        assert self.squared is not None
        if self.far_squares is not None:
            self.squared[np.isinf(self.squared)] = self.far_squares
        return np.sqrt(self.squared, out=self.squared)

    def distribution(self) -> Distribution:
        """Give how often each distance occurs."""
        near = self.offsets.distribution(self.counts.sum(axis=0), self.areas)
        if not self.n_missed:
            return near
        squares = self.far_squares
        if squares is None and self.areas is None:
            nothing = Distribution(np.array([np.inf]), np.array([self.n_missed]))
            return Distribution.joined(near, nothing)
        far = np.full(self.n_missed, np.inf) if squares is None else np.sqrt(squares)
        if self.areas is None:
            return Distribution.joined(near, Distribution.of(far))
        codes = np.concatenate([missed[:, 3] for missed in self.missed]).astype(np.uint8)
        return Distribution.joined(near, tallied(far, codes, self.areas))


def transform_of(
    words: Words,
    geometry: Geometry,
    squared: bool = False,
    at: tuple[NDArray[np.int64], ...] | None = None,
) -> Floats:
    """Measure from every voxel of the volume, or from those `at` some coordinates, to the nearest set voxel."""
    targets = Targets(words, geometry.shape)
    dtype = exact_dtype(geometry.shape, geometry.spacing) if squared else np.float64
    return transform(
        targets, geometry.spacing, geometry.order, dtype=dtype, squared=squared, at=at
    )[0]
