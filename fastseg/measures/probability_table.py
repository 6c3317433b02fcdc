"""How often each probability occurs in and outside a structure: what every score of probabilities is a function of.

A row holds voxels of one probability, or of a fine bin of them, of which the mean and the spread are known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.probability_bins import Cuts, Floats, Integers, Moments
from fastseg.threads import lazy


@dataclass(frozen=True, eq=False)
class ProbabilityTable:
    """Rows of ascending probability.

    Attributes
    ----------
    counts : int64 ndarray (2, n)
        Voxels outside and in the structure.
    means : float64 ndarray (2, n)
        Of the probabilities of these; 0 where there are none.
    spreads : float64 ndarray (2, n)
        Sums of squared distances from the mean; 0 says that all are equal.
    low, high : float64 ndarray (n,)
        The least and the largest probability that belongs into the row.
    """

    counts: Integers
    means: Floats
    spreads: Floats
    low: Floats
    high: Floats

    @classmethod
    def of_moments(cls, found: Moments, cuts: Cuts) -> ProbabilityTable:
        """Make a row of each bin, and two where it turns out to hold two values, one on either side."""
        low, high, base, step = cuts.ranges(found.rows)
        counts, sums, squares = np.moveaxis(found.moments, 2, 0)
        many = np.maximum(counts, 1)
        whole = sums // many
        # Σx² = n·m² for the whole number m = Σx / n, and only then, says that all x are m
        equal = (sums % many == 0) & (squares == whole * whole * counts)
        mean = sums / many
        spreads = np.where(equal, 0.0, np.maximum(squares - sums * mean, 0.25)) * step**2
        means = np.where(counts > 0, base + step * mean, 0.0)
        # one value: the row begins and ends with it
        single = equal.all(axis=0)
        both = (counts > 0).all(axis=0)
        two = single & both & (whole[0] != whole[1])
        value = np.where(counts[1] > 0, means[1], means[0])
        low, high = np.where(single & ~two, value, low), np.where(single & ~two, value, high)
        apart = two.nonzero()[0]
        if not len(apart):
            order = np.argsort(low, kind="stable")
            return cls(
                counts[:, order], means[:, order], spreads[:, order], low[order], high[order]
            )
        index = np.concatenate([np.arange(len(low)), apart])
        counts, means, spreads = counts[:, index], means[:, index], spreads[:, index]
        low, high = low[index], high[index]
        new = np.arange(len(index) - len(apart), len(index))
        for own, rows in ((0, apart), (1, new)):
            low[rows] = high[rows] = means[own, rows]
            counts[1 - own, rows], means[1 - own, rows] = 0, 0.0
        order = np.argsort(low, kind="stable")
        return cls(counts[:, order], means[:, order], spreads[:, order], low[order], high[order])

    @classmethod
    def of_values(cls, values: NDArray[Any], inside: NDArray[np.bool_]) -> ProbabilityTable:
        """Make a row of each different value, by sorting: of float32 or float64 probabilities, none of them below 0."""
        bits = (values + values.dtype.type(0)).view(f"u{values.itemsize}")
        keys = np.sort((bits << bits.dtype.type(1)) | inside)
        bits, inside = keys >> bits.dtype.type(1), (keys & bits.dtype.type(1)).astype(bool)
        first = np.ones(len(bits), bool)
        first[1:] = bits[1:] != bits[:-1]
        starts = first.nonzero()[0]
        found = bits[starts].view(values.dtype).astype(np.float64)
        totals = np.diff(np.append(starts, len(bits)))
        positives = (
            np.add.reduceat(inside, starts, dtype=np.int64)
            if len(starts)
            else np.empty(0, np.int64)
        )
        counts = np.stack([totals - positives, positives])
        means = np.where(counts > 0, found, 0.0)
        return cls(counts, means, np.zeros(counts.shape), found, found)

    @lazy
    def totals(self) -> tuple[int, int]:
        """Voxels outside and in the structure."""
        return int(self.counts[0].sum()), int(self.counts[1].sum())

    @lazy
    def mixed(self) -> NDArray[np.bool_]:
        """The rows of which nothing tells how the voxels of either side lie among each other."""
        return (self.counts > 0).all(axis=0) & (self.low < self.high)

    @lazy
    def sums(self) -> Floats:
        """Sums of the probabilities of each row, (2, n)."""
        return self.counts * self.means

    @lazy
    def above(self) -> Integers:
        """Voxels of each row and of those above it, (2, n)."""
        return np.cumsum(self.counts[:, ::-1], axis=1)[:, ::-1]
