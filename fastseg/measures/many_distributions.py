"""The distributions of many structures side by side, and their surface metrics as array operations.

Thousands of small structures have some ten different distances each, so that what a metric costs is the calls that it
takes, not the numbers. Here a metric of all of them takes as many calls as one of a single structure. The values are
those of :class:`SurfaceReductions` to the bit: sums run over the same terms in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_percentile
from fastseg.measures.distributions import (
    DIRECTIONS,
    PERCENTILE_METHODS,
    Distribution,
    PercentileMethod,
    SurfaceReductions,
)
from fastseg.measures.tolerances import widest_within
from fastseg.threads import lazy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Each structure may have a tolerance of its own: those of so many different ones are found for all structures at once.
_MOST_TOLERANCES = 16


class Segments:
    """Distributions one after the other, none of them empty.

    Attributes
    ----------
    distances, counts : float64, int64 ndarray
        Of all of them.
    starts, ends : int64 ndarray (n,)
        Where each one's begin and end.
    totals : int64 ndarray (n,)
        How many elements each one has.
    """

    def __init__(self, distances: Floats, counts: Integers, ends: Integers) -> None:
        self.distances, self.counts, self.ends = distances, counts, ends
        self.starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        self._cumulative = np.cumsum(counts)
        self._before = self._cumulative[self.starts] - counts[self.starts]
        self.totals = self._cumulative[ends - 1] - self._before

    @classmethod
    def of(cls, distributions: Sequence[Distribution]) -> Segments:
        """Put some distributions, none of which has areas, one after the other."""
        ends = np.cumsum([len(each.counts) for each in distributions])
        return cls(
            np.concatenate([each.distances for each in distributions]),
            np.concatenate([each.counts for each in distributions]),
            ends,
        )

    def elements(self, places: Integers) -> Floats:
        """Take of each one the distance of the element at a place, counted from the nearest."""
        return self.distances[self._at(self._before + places)]

    def percentile(self, percentile: float) -> Floats:
        """Take a percentile of each, as `Distribution.percentile`."""
        if percentile == 100:
            return np.asarray(self.distances[self.ends - 1])
        share = percentile / 100
        places = (self.totals - 1) * share
        indices = places.astype(np.int64)
        below = self.elements(indices)
        above = self.elements(np.minimum(indices + 1, self.totals - 1))
        steps, fractions = above - below, places - indices
        nearer = below + steps * fractions
        return np.asarray(np.where(fractions < 0.5, nearer, above - steps * (1 - fractions)))

    def is_ascending(self) -> bool:
        """Tell whether each distance of a distribution is there once, after all shorter ones."""
        rises = self.distances[1:] > self.distances[:-1]
        rises[self.starts[1:] - 1] = True  # from one distribution to the next
        return bool(rises.all())

    def of_owners(self, owners: Integers) -> Segments:
        """Join the distributions that have one owner, which are neighbours, and bring distances into order."""
        owner = np.repeat(owners, self.ends - self.starts)
        order = np.lexsort((self.distances, owner))
        owner, distances, counts = owner[order], self.distances[order], self.counts[order]
        new = np.ones(len(order), bool)
        new[1:] = (owner[1:] != owner[:-1]) | (distances[1:] != distances[:-1])
        groups = np.flatnonzero(new)
        ends = np.searchsorted(owner[groups], np.unique(owners), side="right")
        return Segments(distances[groups], np.add.reduceat(counts, groups), ends)

    def _at(self, elements: Integers) -> NDArray[np.intp]:
        """Find the entry that each element, counted over all, belongs to."""
        return np.searchsorted(self._cumulative, elements, side="right")

    def within(self, limit: float) -> Integers:
        """Count the elements of each that are no farther than a limit."""
        near = np.where(self.distances <= limit, self.counts, 0)
        return np.asarray(np.add.reduceat(near, self.starts))

    @lazy
    def weighted_sums(self) -> Floats:
        """The sum of each one's distances, times their counts.

        NumPy adds pairwise, which depends on how many terms there are: so those of one length are summed together.
        """
        terms, lengths = self.distances * self.counts, self.ends - self.starts
        sums = np.empty(len(self.ends))
        for length in np.unique(lengths).tolist():
            of_length = np.flatnonzero(lengths == length)
            sums[of_length] = terms[self.starts[of_length, None] + np.arange(length)].sum(axis=1)
        return sums


class ManyDistributions:
    """The distributions of both directions of many structures, each of which has two surfaces."""

    def __init__(self, distances: Floats, counts: Integers, ends: Integers) -> None:
        """Take what was found, one structure after the other.

        Parameters
        ----------
        distances, counts : float64, int64 ndarray
            Each distance and how often it occurs, in any order within a direction.
        ends : int64 ndarray (n, 2)
            Where the distances from the reference to the prediction end, and those back.
        """
        found = Segments(distances, counts, ends.reshape(-1))
        in_order = found.is_ascending()
        self._segments = found if in_order else found.of_owners(np.arange(ends.size))
        self._percentiles: dict[tuple[str, float], list[float]] = {}
        self._shares: dict[float, list[float]] = {}

    def __len__(self) -> int:
        return len(self._segments.ends) // 2

    @property
    def segments(self) -> Segments:
        """The distributions of both directions of each, in turn."""
        return self._segments

    def distributions(self, i: int) -> tuple[Distribution, Distribution]:
        """Give the two distributions of one structure."""
        found, ends = self._segments, self._segments.ends
        start, middle, end = found.starts[2 * i], ends[2 * i], ends[2 * i + 1]
        return (
            Distribution(found.distances[start:middle], found.counts[start:middle]),
            Distribution(found.distances[middle:end], found.counts[middle:end]),
        )

    def hausdorff(self, percentile: float, method: str) -> list[float]:
        """Hausdorff distances, or percentiles of them."""
        if (method, percentile) not in self._percentiles:
            if type(percentile) not in (int, float) or not 0 <= percentile <= 100:
                percentile = as_percentile(percentile)
            if method not in PERCENTILE_METHODS:
                raise unknown("percentile_method", method, PERCENTILE_METHODS)
            if method == "pooled":
                values = self._pooled.percentile(percentile)
            else:
                values = self._segments.percentile(percentile).reshape(-1, 2).max(axis=1)
            self._percentiles[method, percentile] = values.tolist()
        return self._percentiles[method, percentile]

    @lazy
    def _pooled(self) -> Segments:
        """Both directions of each structure as one."""
        return self._segments.of_owners(np.arange(len(self._segments.ends)) // 2)

    @lazy
    def averages(self) -> tuple[list[float], list[float]]:
        """Mean distances from the reference, and from the prediction."""
        forward, backward = self._means.T
        return forward.tolist(), backward.tolist()

    @lazy
    def _means(self) -> Floats:
        means: Floats = self._segments.weighted_sums / self._segments.totals
        return means.reshape(-1, 2)

    @lazy
    def assd(self) -> list[float]:
        """Average symmetric surface distances."""
        sums, totals = (
            values.reshape(-1, 2).sum(axis=1)
            for values in (self._segments.weighted_sums, self._segments.totals)
        )
        return list((sums / totals).tolist())

    @lazy
    def masd(self) -> list[float]:
        """Mean average surface distances."""
        return list((self._means.sum(axis=1) / 2).tolist())

    def nsd(self, tolerance: float) -> list[float] | None:
        """Normalised surface Dice; None where there are too many tolerances to keep all."""
        if tolerance not in self._shares:
            if len(self._shares) >= _MOST_TOLERANCES:
                return None
            within = self._segments.within(widest_within(tolerance)).reshape(-1, 2).sum(axis=1)
            totals = self._segments.totals.reshape(-1, 2).sum(axis=1)
            self._shares[tolerance] = (within / totals).tolist()
        return self._shares[tolerance]


class OneOfMany(SurfaceReductions):
    """What the distributions of one structure reduce to, found for all of them when it is first asked for."""

    def __init__(self, many: ManyDistributions, place: int) -> None:
        self._many, self._place = many, place

    @property
    def home(self) -> tuple[ManyDistributions, int]:
        """Among which it is, and at which place."""
        return self._many, self._place

    @property
    def distributions(self) -> tuple[Distribution, Distribution]:
        """From the reference's surface to the prediction's, and back."""
        return self._many.distributions(self._place)

    def hausdorff(
        self, percentile: float = 100, method: PercentileMethod = "max_of_directions"
    ) -> float:
        """Hausdorff distance, or a percentile of it."""
        return self._many.hausdorff(percentile, method)[self._place]

    def average(
        self, direction: Literal["reference_to_prediction", "prediction_to_reference"]
    ) -> float:
        """Mean distance in one direction."""
        if direction not in DIRECTIONS:
            raise unknown("direction", direction, DIRECTIONS)
        return self._many.averages[DIRECTIONS.index(direction)][self._place]

    def assd(self) -> float:
        """Average symmetric surface distance."""
        return self._many.assd[self._place]

    def masd(self) -> float:
        """Mean average surface distance."""
        return self._many.masd[self._place]

    def nsd(self, tolerance: float) -> float:
        """Normalised surface Dice."""
        values = self._many.nsd(tolerance)
        return super().nsd(tolerance) if values is None else values[self._place]
