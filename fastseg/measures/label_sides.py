"""One of the two maps of a joint histogram: its labels, in how many voxels and in which box each of them is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array
from fastseg.threads import lazy

_WORTH_PACKING = 1 << 10


class Side:
    """What one of the two maps holds, a row for each of its labels, ascending.

    Parameters
    ----------
    of_pairs : ndarray (n,)
        The label of each pair on this side.
    counts : int64 ndarray (n,)
        Voxels of each pair.
    boxes : callable
        Gives the starts and stops of the pairs' boxes, once they are needed.
    """

    def __init__(
        self,
        of_pairs: Array,
        counts: NDArray[np.int64],
        boxes: Callable[[], tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> None:
        self._boxes_of_pairs = boxes
        numbers = of_pairs.view(np.uint8) if of_pairs.dtype == bool else of_pairs
        self.order = order_of(numbers)  # sorts the pairs by row
        self.labels, first = distinct(numbers[self.order])
        self.ends = np.append(first, len(numbers))  # of each label's pairs in that order, after a 0
        # voxels of each label
        self.sizes = np.add.reduceat(counts[self.order], first) if len(first) else counts

    @lazy
    def row_of(self) -> dict[int, int]:
        """The row of each label."""
        return dict(zip(self.labels.tolist(), range(len(self.labels)), strict=True))

    @lazy
    def row(self) -> NDArray[np.intp]:
        """The row of each pair."""
        rows = np.empty_like(self.order)
        rows[self.order] = np.repeat(np.arange(len(self.labels)), np.diff(self.ends))
        return rows

    @lazy
    def boxes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the box of each label starts and stops."""
        starts, stops = self._boxes_of_pairs()
        first = self.ends[:-1]
        if not len(first):
            return starts, stops
        return (
            np.minimum.reduceat(starts[self.order], first),
            np.maximum.reduceat(stops[self.order], first),
        )

    def rows(self, labels: Sequence[int]) -> list[int]:
        """Find the rows of those labels that occur."""
        return [self.row_of[label] for label in labels if label in self.row_of]

    def row_of_each(self, labels: Sequence[int] | Array) -> NDArray[np.intp]:
        """Find the row of each label, -1 where it does not occur."""
        rows = np.full(len(labels), -1, np.intp)
        wanted, inside = in_type(labels, self.labels.dtype)
        if len(self.labels):
            places = np.searchsorted(self.labels, wanted)
            places[places == len(self.labels)] = 0
            rows[inside] = np.where(self.labels[places] == wanted, places, -1)
        return rows


class LabelBoxes(NamedTuple):
    """Where labels lie in a map.

    Attributes
    ----------
    labels : ndarray (n,)
        Ascending.
    starts, stops : int64 ndarray (n, ndim)
        Of their boxes.
    """

    labels: Array
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


def order_of(numbers: Array) -> NDArray[np.intp]:
    """Find what sorts numbers, equal ones in their order.

    Words of number and index are sorted in a tenth of the time of indices (benchmarks: many pairs), where both fit.
    """
    bits = len(numbers).bit_length()
    if len(numbers) >= _WORTH_PACKING and numbers.itemsize > 2:  # shorter ones are sorted by digits
        least = int(numbers.min())
        if (int(numbers.max()) - least).bit_length() + bits <= 64:
            words = numbers.astype(np.uint64)  # modulo 2^64, as is the difference
            words -= np.uint64(least % 2**64)
            words <<= np.uint64(bits)
            words |= np.arange(len(numbers), dtype=np.uint64)
            words.sort()
            words &= np.uint64((1 << bits) - 1)
            return words.astype(np.intp)
    return np.argsort(numbers, kind="stable")


def distinct(ascending: Array) -> tuple[Array, NDArray[np.intp]]:
    """Find the distinct labels among ascending ones, and where the first of each is."""
    is_first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    first = is_first.nonzero()[0]
    return ascending[first], first


def in_type(labels: Sequence[int] | Array, dtype: np.dtype[Any]) -> tuple[Array, Any]:
    """Bring labels to the type of a map, and tell which ones it has room for: their index."""
    if dtype.kind == "b":
        dtype = np.dtype(np.uint8)
    limits = np.iinfo(dtype)
    if isinstance(labels, np.ndarray):
        numbers = labels.view(np.uint8) if labels.dtype == bool else labels
        if numbers.dtype == dtype:
            return numbers, slice(None)
        inside = ((numbers >= limits.min) & (numbers <= limits.max)).nonzero()[0]
        return numbers[inside].astype(dtype), inside
    try:
        return np.array(list(map(int, labels)), dtype), slice(None)
    except OverflowError:
        fitting = [i for i, label in enumerate(labels) if limits.min <= label <= limits.max]
        return np.array([labels[i] for i in fitting], dtype), fitting
