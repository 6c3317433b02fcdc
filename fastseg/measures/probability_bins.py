"""Fine bins of probabilities: where each begins and ends, and what whole-number moments within them stand for.

A bin is numbered by the upper bits of a float32: below one half of p, from there on of 1 - p, so that there are 2048
bins an octave near 0 and near 1. Every float16 has a bin of its own, and so has every p = k / 255. Each edge of a
reliability table splits the bin that it goes through, so that no voxel is on the wrong side of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.threads import lazy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: bits of a float32 that a bin does not tell apart
LOW_BITS = 12
_HALF = 0x3F000000
#: bins of p below one half; from there on they are of 1 - p
LOWER_BINS = _HALF >> LOW_BITS
#: the upper bits of 1 - p and its bin add up to this
TOP = LOWER_BINS + ((_HALF - 1) >> LOW_BITS)
#: how many bins there are before any is split: the smallest 1 - p but 0 is 2⁻²⁴
BINS = TOP - ((0x33800000 - 1) >> LOW_BITS) + 2
_LOW_MASK = (1 << LOW_BITS) - 1


@dataclass(frozen=True, eq=False)
class Cuts:
    """Probabilities at which bins are split, so that those below and the others lie in different bins.

    Attributes
    ----------
    values : float32 ndarray (n,)
        Ascending, above 0 and at most 1, at most one in each bin.
    """

    values: NDArray[np.float32]

    @lazy
    def _places(self) -> tuple[Integers, Integers]:
        """The bin of each cut, and the low bits from which on it is split."""
        bins, low = places_of(self.values)
        return bins, low + (bins >= LOWER_BINS)  # above one half low bits ascend as p descends

    @lazy
    def split(self) -> NDArray[np.uint16]:
        """Of each bin, the low bits from which on voxels belong to another one; 2¹² where it is whole."""
        split = np.full(BINS, 1 << LOW_BITS, np.uint16)
        bins, low = self._places
        split[bins] = low
        return split

    @lazy
    def beyond(self) -> NDArray[np.int32]:
        """Of each bin, the number of that one."""
        beyond = np.zeros(BINS, np.int32)
        beyond[self._places[0]] = BINS + np.arange(len(self.values))
        return beyond

    @property
    def rows(self) -> int:
        """How many bins there are, with the parts that are split off."""
        return BINS + len(self.values)

    def bin_of(self, rows: Integers) -> Integers:
        """Find the bin that each row is, or is split off."""
        parts = np.append(self._places[0], 0)  # for there may be no cut
        return np.where(rows < BINS, rows, parts[np.maximum(rows - BINS, 0)])

    def ranges(self, rows: Integers) -> tuple[Floats, Floats, Floats, Floats]:
        """Find the smallest and the largest p of rows, and p where the low bits are 0 and a step of these."""
        bins = self.bin_of(rows)
        base, step = scale_of(bins)
        first = np.zeros(len(rows), np.int64)
        last = np.full(len(rows), _LOW_MASK)
        off = rows >= BINS
        split = self.split.astype(np.int64)[bins]
        last[~off] = np.minimum(last[~off], split[~off] - 1)
        first[off] = split[off]
        ends = base + step * first, base + step * last
        return np.minimum(*ends), np.maximum(*ends), base, step


def places_of(probabilities: NDArray[np.float32]) -> tuple[Integers, Integers]:
    """Find the bin of probabilities from 0 to 1, and their low bits.

    Examples
    --------
    >>> bins, low = places_of(np.array([0, 0.25, 0.5, 1], np.float32))
    >>> bins.tolist() == [0, 0x3E800, 0x3F000, BINS - 1], low.tolist()
    (True, [0, 0, 4095, 0])
    """
    one = np.float32(1)
    upper = probabilities >= 0.5
    folded = np.where(upper, one - probabilities, probabilities) + np.float32(0)
    bits = folded.astype(np.float32).view(np.uint32).astype(np.int64)
    bits -= upper & (bits != 0)
    bins = bits >> LOW_BITS
    bins = np.where(upper, np.minimum(TOP - bins, BINS - 1), bins)
    return bins, bits & _LOW_MASK


def scale_of(bins: Integers) -> tuple[Floats, Floats]:
    """Find p where the low bits are 0, and by how much it changes with each of them."""
    upper = bins >= LOWER_BINS
    bits = np.where(upper, TOP - bins, bins) << LOW_BITS
    exponent = np.maximum(bits >> 23, 1)
    ulp = np.ldexp(1.0, exponent - 150)
    start = bits.astype(np.uint32).view(np.float32).astype(np.float64)
    base = np.where(upper, 1 - (start + ulp), start)
    step = np.where(upper, -ulp, ulp)
    last = bins == BINS - 1
    base[last], step[last] = 1.0, 0.0
    return base, step


class Moments(NamedTuple):
    """Rows of a table of bins that are not empty.

    Attributes
    ----------
    rows : int64 ndarray (n,)
        Their numbers, ascending.
    moments : int64 ndarray (2, n, 3)
        Outside and in the structure: voxels, the sum of their low bits and that of the squares of these.
    wrong : int
        Voxels that are no probabilities, and in no row.
    """

    rows: Integers
    moments: Integers
    wrong: int

    @classmethod
    def of(cls, dense: NDArray[Any], wrong: int) -> Moments:
        """Take the rows of a whole table, (2, rows, 3), in which there is something."""
        rows = (dense[0, :, 0] | dense[1, :, 0]).nonzero()[0]
        return cls(rows.astype(np.int64), np.ascontiguousarray(dense[:, rows]), wrong)

    @classmethod
    def merged(cls, parts: Sequence[Moments]) -> Moments:
        """Add up the rows of tables with the same cuts."""
        rows, place = np.unique(np.concatenate([part.rows for part in parts]), return_inverse=True)
        moments = np.zeros((2, len(rows), 3), np.int64)
        start = 0
        for part in parts:
            moments[:, place[start : start + len(part.rows)]] += part.moments
            start += len(part.rows)
        return cls(rows, moments, sum(part.wrong for part in parts))
