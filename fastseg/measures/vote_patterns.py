"""What several raters call the same voxel: how often each pattern of votes occurs, from one read of all their maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, in_order

# Bytes of one map that are looked at together: few enough for a core's cache, many enough for a call of NumPy.
_AT_ONCE = 1 << 19
# Patterns that are counted by their number rather than sorted.
_FEW_PATTERNS = 1 << 16


@dataclass(frozen=True)
class BinaryVotes:
    """Who of several raters finds one structure: the patterns that occur, each once.

    Attributes
    ----------
    votes : bool ndarray (n, raters)
    counts : int64 ndarray (n,)
        Voxels of each pattern; together all voxels of the image.
    """

    votes: NDArray[np.bool_]
    counts: NDArray[np.int64]

    @property
    def raters(self) -> int:
        """How many raters there are."""
        return int(self.votes.shape[1])

    @property
    def voxels(self) -> int:
        """How many voxels there are."""
        return int(self.counts.sum())

    @property
    def intersections(self) -> NDArray[np.int64]:
        """Voxels that both of two raters find, (raters, raters); on the diagonal what each finds."""
        votes = self.votes.astype(np.int64)
        return votes.T @ (votes * self.counts[:, None])

    @property
    def by_number(self) -> NDArray[np.int64]:
        """Voxels that 0, 1, … of the raters find, (raters + 1,)."""
        found = np.zeros(self.raters + 1, np.int64)
        np.add.at(found, self.votes.sum(axis=1), self.counts)
        return found

    def of(self, columns: Sequence[int]) -> BinaryVotes:
        """Give the votes of some of the raters."""
        return BinaryVotes(*_merged(self.votes[:, list(columns)], self.counts))


@dataclass(frozen=True)
class VotePatterns:
    """How often each pattern of labels occurs: a label of each rater.

    Attributes
    ----------
    labels : ndarray (n, raters)
        The patterns that occur, each once, in ascending order of the first rater's label, then of the second's, …
    counts : int64 ndarray (n,)
        Voxels of each pattern.
    """

    labels: Array
    counts: NDArray[np.int64]

    @property
    def raters(self) -> int:
        """How many raters there are."""
        return int(self.labels.shape[1])

    @property
    def voxels(self) -> int:
        """How many voxels there are."""
        return int(self.counts.sum())

    @property
    def found(self) -> list[int]:
        """Every label that a rater gives, ascending."""
        return [int(label) for label in np.unique(self.labels)]

    def votes(self, labels: Iterable[int]) -> BinaryVotes:
        """Tell who finds a structure, which consists of one label or of several."""
        return self.votes_of(self.holds(labels))

    def votes_of(self, held: NDArray[np.bool_]) -> BinaryVotes:
        """Make votes of what :meth:`holds` tells of each pattern."""
        return BinaryVotes(*_merged(held, self.counts))

    def holds(self, labels: Iterable[int]) -> NDArray[np.bool_]:
        """Tell of each pattern which raters give one of these labels, (n, raters)."""
        held = np.zeros(self.labels.shape, bool)
        for label in labels:
            held |= self.labels == label  # a label beyond the type is nowhere
        return held

    def of(self, columns: Sequence[int]) -> VotePatterns:
        """Give the patterns of some of the raters."""
        return VotePatterns(*_merged(self.labels[:, list(columns)], self.counts))

    def rows_of(self, rows: Array) -> NDArray[np.intp]:
        """Find the row of each of some patterns, all of which occur, (k, raters)."""
        own, others = (
            one.view(np.uint8) if one.dtype.kind == "b" else one for one in (self.labels, rows)
        )
        base = int(own.max()) + 1
        if int(own.min()) < 0 or base**self.raters >= 1 << 63:
            both = np.concatenate([own, others])
            _, places = np.unique(both, axis=0, return_inverse=True)
            places = places.reshape(-1)
            row_of = np.empty(len(own), np.intp)
            row_of[places[: len(own)]] = np.arange(len(own))
            return row_of[places[len(own) :]]
        found: NDArray[np.intp] = np.searchsorted(_numbers(own, base), _numbers(others, base))
        return found

    @classmethod
    def merged(cls, parts: Sequence[VotePatterns]) -> VotePatterns:
        """Join what was counted in parts of one image."""
        if len(parts) == 1:
            return parts[0]
        labels = np.concatenate([part.labels for part in parts])
        return cls(*_merged(labels, np.concatenate([part.counts for part in parts])))


def vote_patterns(maps: Sequence[Array]) -> VotePatterns:
    """Count the patterns of labels of several maps in memory.

    Where all maps agree in all voxels of a word of 64 bits, which is almost everywhere, only the first of them is
    counted; patterns of few labels are numbers below 65536 and are counted as such, all others are sorted.

    Parameters
    ----------
    maps : sequence of ndarray
        Label maps of one shape, bool or integers, in the memory of the CPU.
    """
    flat = _in_line(maps)
    step = max(8, _AT_ONCE // flat[0].itemsize)
    edges = range(0, flat[0].size, step)
    words = sum(one.nbytes for one in flat) // 8

    def counted(part: tuple[int, int]) -> VotePatterns:
        found = [_of_piece([one[edges[i] : edges[i] + step] for one in flat]) for i in range(*part)]
        return VotePatterns.merged([one for several in found for one in several])

    return VotePatterns.merged(
        [_sorted(part) for part in threads.run(counted, threads.slabs(len(edges), words), words)]
    )


def painted(
    maps: Sequence[Array], value_of: Callable[[Array], Array], dtype: np.dtype[Any]
) -> Array:
    """Make an image whose voxels depend on the pattern of votes alone.

    Parameters
    ----------
    maps : sequence of ndarray
        As in :func:`vote_patterns`.
    value_of : callable
        Gives the value of each of some patterns, (n, raters).
    dtype : dtype
        Of the image.

    Returns
    -------
    ndarray of the shape of the maps, and in their order
    """
    flat = _in_line(maps)
    order = _order(maps)
    image = np.empty(flat[0].size, dtype)
    step = max(8, _AT_ONCE // flat[0].itemsize)

    def paint(start: int) -> None:
        pieces = [one[start : start + step] for one in flat]
        changes = np.zeros(pieces[0].size, bool)
        changes[0] = True
        for one in pieces:
            changes[1:] |= one[1:] != one[:-1]
        starts = changes.nonzero()[0]
        runs = np.stack([one[starts] for one in pieces], axis=1)
        lengths = np.diff(starts, append=changes.size)
        image[start : start + step] = np.repeat(value_of(runs).astype(dtype), lengths)

    threads.run(paint, range(0, flat[0].size, step), sum(one.nbytes for one in flat))
    shaped: Array = image.reshape(maps[0].shape, order=order)
    return shaped


def _order(maps: Sequence[Array]) -> Literal["C", "F"]:
    return "F" if all(one.flags.f_contiguous for one in maps) else "C"


def _in_line(maps: Sequence[Array]) -> list[Array]:
    """Bring the maps to one type and one order, and their voxels into one row; copy only what must be."""
    dtypes = {one.dtype for one in maps}
    dtype = np.result_type(*dtypes)
    if dtype.kind == "f":  # uint64 with a signed type: NumPy knows no integer for both
        if any(int(one.max()) > np.iinfo(np.int64).max for one in maps):
            raise InputError(
                "labels above 2^63 beside a signed type go beyond 64 bits; renumber them"
            )
        dtype = np.dtype(np.int64)
    order = _order(maps)
    lines = []
    for one in maps:
        line = in_order(one, order).reshape(-1, order=order)
        line = line.astype(dtype, copy=False)
        lines.append(line.view(np.uint8) if dtype.kind == "b" else line)
    return lines


def _of_piece(pieces: list[Array]) -> list[VotePatterns]:
    """Count the patterns of a piece of all maps: words in which all agree by the first map, the others by all."""
    size, per_word = pieces[0].size, 8 // pieces[0].itemsize
    whole = size - size % per_word
    found = []
    if whole < size:
        found.append(_of_voxels([one[whole:] for one in pieces]))
    if not whole:
        return found
    words = [one[:whole].view(np.uint64) for one in pieces]
    differs = np.zeros(len(words[0]), bool)
    other = np.empty_like(differs)
    for one in words[1:]:
        np.not_equal(one, words[0], out=other)
        differs |= other
    differing = differs.nonzero()[0]
    if len(differing):
        found.append(_of_voxels([one[differing].view(pieces[0].dtype) for one in words]))
    alike = (~differs & (words[0] != 0)).nonzero()[0]
    background = (len(differs) - len(differing) - len(alike)) * per_word
    if len(alike):
        single = _of_voxels([words[0][alike].view(pieces[0].dtype)])
        found.append(VotePatterns(np.repeat(single.labels, len(pieces), axis=1), single.counts))
    if background:
        zeros = np.zeros((1, len(pieces)), pieces[0].dtype)
        found.append(VotePatterns(zeros, np.array([background], np.int64)))
    return found


def _of_voxels(columns: list[Array]) -> VotePatterns:
    """Count the patterns of voxels, given as one array a map."""
    highest = max(int(one.max()) for one in columns)
    lowest = min(int(one.min()) for one in columns) if columns[0].dtype.kind == "i" else 0
    base = highest + 1
    if lowest >= 0 and base ** len(columns) <= _FEW_PATTERNS:
        numbers = np.zeros(columns[0].size, np.uint16)
        for one in columns:
            numbers *= np.uint16(base % _FEW_PATTERNS)
            numbers += one.astype(np.uint16, copy=False)
        counts = np.bincount(numbers)
        present = counts.nonzero()[0]
        labels = np.empty((len(present), len(columns)), columns[0].dtype)
        left = present
        for i in reversed(range(len(columns))):
            left, labels[:, i] = np.divmod(left, base)
        return VotePatterns(labels, counts[present].astype(np.int64))
    changes = np.ones(columns[0].size, bool)
    changes[1:] = False
    for one in columns:
        changes[1:] |= one[1:] != one[:-1]
    starts = changes.nonzero()[0]
    lengths = np.diff(starts, append=changes.size)
    runs = np.stack([one[starts] for one in columns], axis=1)
    return VotePatterns(*_merged(runs, lengths.astype(np.int64)))


def _sorted(patterns: VotePatterns) -> VotePatterns:
    return VotePatterns(*_merged(patterns.labels, patterns.counts))


def _merged(rows: Array, counts: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Make one of the rows that are equal, and sort them; no two different ones ever become one.

    By numbers that stand for the rows while these fit into 64 bits, by columns otherwise.
    """
    small = rows.view(np.uint8) if rows.dtype.kind == "b" else rows
    base = int(small.max()) + 1
    first = np.ones(len(rows), bool)
    if int(small.min()) >= 0 and base ** rows.shape[1] < 1 << 63:
        numbers = _numbers(small, base)
        order = np.argsort(numbers)
        numbers = numbers[order]
        np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    else:
        order = np.lexsort(small.T[::-1])
        first[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    starts = first.nonzero()[0]
    return rows[order[starts]], np.add.reduceat(counts[order], starts)


def _numbers(rows: Array, base: int) -> NDArray[np.int64]:
    """Make one number of each row, by which rows ascend."""
    numbers = np.zeros(len(rows), np.int64)
    for column in rows.T:
        numbers *= base
        numbers += column.astype(np.int64, copy=False)
    return numbers
