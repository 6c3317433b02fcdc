"""How often each distance occurs between two surfaces, and the definitions of what that reduces to."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_percentile
from fastseg.measures.tolerances import widest_within
from fastseg.threads import lazy

PercentileMethod = Literal["max_of_directions", "pooled"]
PERCENTILE_METHODS: tuple[str, ...] = get_args(PercentileMethod)
DIRECTIONS = ("reference_to_prediction", "prediction_to_reference")

Floats = NDArray[np.float64]

# Below it a rounding may be more than a unit of rounding of a sum.
_LEAST_AREA = 1e-250


@dataclass(frozen=True)
class Distribution:
    """How often each distance occurs from one surface to the other.

    Between two surfaces of a hundred thousand elements there are some hundreds of different distances, so this is
    what metrics are computed from: nothing of it depends on the memory order of the image.

    Attributes
    ----------
    distances : float64 ndarray (k,)
        Ascending.
    counts : int64 ndarray (k,)
        How many surface elements have this distance (and area).
    areas : float64 ndarray (k,) or None
        Area of each of these elements, ascending where distances are equal; None where all count the same.
    """

    distances: Floats
    counts: NDArray[np.int64]
    areas: Floats | None = None

    @classmethod
    def of(cls, distances: Floats, areas: Floats | None = None) -> Distribution:
        """Count single distances, which may come in any order."""
        if areas is None:
            distances = distances.copy()
            distances.sort()
        else:
            order = np.lexsort((areas, distances))
            distances, areas = distances[order], areas[order]
        groups = _starts_of_groups(distances, areas)
        counts = np.empty(len(groups), np.int64)
        np.subtract(groups[1:], groups[:-1], out=counts[:-1])
        counts[-1:] = len(distances) - groups[-1:]
        return cls(distances[groups], counts, None if areas is None else areas[groups])

    @classmethod
    def joined(cls, *parts: Distribution) -> Distribution:
        """Join the distributions of parts, whose distances may come in any order."""
        distances = np.concatenate([part.distances for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        given = [part.areas for part in parts if part.areas is not None]
        areas = np.concatenate(given) if given else None
        order = distances.argsort() if areas is None else np.lexsort((areas, distances))
        distances, counts = distances[order], counts[order]
        areas = None if areas is None else areas[order]
        groups = _starts_of_groups(distances, areas)
        counts = np.add.reduceat(counts, groups) if len(groups) else counts
        return cls(distances[groups], counts, None if areas is None else areas[groups])

    @lazy
    def elements(self) -> tuple[Floats, Floats | None]:
        """The distance of every element, ascending, and its area."""
        areas = None if self.areas is None else np.repeat(self.areas, self.counts)
        return np.repeat(self.distances, self.counts), areas

    @lazy
    def _ends(self) -> NDArray[np.int64]:
        """How many elements have each distance or a smaller one."""
        return self.counts.cumsum()

    def _area(self, n_groups: int | None = None) -> float:
        """Sum the areas of all elements, or of those of the first entries.

        One summand an element, because NumPy's pairwise summation must see the terms of surface-distance to give its
        bits.
        """
        assert self.areas is not None
        return float(np.sum(np.repeat(self.areas[:n_groups], self.counts[:n_groups])))

    @lazy
    def total(self) -> float:
        """How many elements there are, or their area."""
        if self.areas is not None:
            return self._area()
        return float(self._ends[-1]) if len(self.counts) else 0.0

    @lazy
    def weighted_sum(self) -> float:
        """The sum of all distances, each times its element's area, and one summand an element if there are areas."""
        if self.areas is None:
            return float(np.add.reduce(self.distances * self.counts))
        return float(np.add.reduce(np.repeat(self.distances * self.areas, self.counts)))

    @property
    def mean(self) -> float:
        """The mean distance, nan if there is none."""
        return self.weighted_sum / self.total if len(self.distances) else math.nan

    def measure_within(self, tolerance: float) -> float:
        """Count the elements within this distance, as :mod:`fastseg.measures.tolerances` has it, or sum their area."""
        n = int(self.distances.searchsorted(widest_within(tolerance), "right"))
        if self.areas is not None:
            return self._area(n)
        return float(self._ends[n - 1]) if n else 0.0

    def percentile(self, percentile: float, counted: bool = False) -> float:
        """Take a percentile as :meth:`SurfaceReductions.hausdorff` defines it; there must be at least one distance.

        `counted` elements count the same whatever their areas.
        """
        if type(percentile) not in (int, float) or not 0 <= percentile <= 100:
            percentile = as_percentile(percentile)
        if percentile == 100 or math.isinf(self.distances[-1]):
            return float(self.distances[-1])
        share = percentile / 100
        if self.areas is not None and not counted:
            return self._by_area(share)
        # The bits of `numpy.percentile` of the single distances.
        n = int(self._ends[-1])
        place = (n - 1) * share
        index = int(place)
        # an order statistic is the first distance that as many elements do not exceed
        below = self.distances.item(self._ends.searchsorted(index, "right"))
        above = self.distances.item(self._ends.searchsorted(min(index + 1, n - 1), "right"))
        step, fraction = above - below, place - index
        return float(below + step * fraction if fraction < 0.5 else above - step * (1 - fraction))

    def _by_area(self, share: float) -> float:
        """Take the distance within which a share of the area lies.

        As surface-distance: NumPy's sequential cumsum over its pairwise sum, which is not always 1 at the end. The sum
        has one summand an element and takes three quarters of the time of all metrics, so it is made only where its
        rounding can decide. Sums by entry and by element, the total, and its share are each off by less than
        `len(elements)` units of rounding, together by less than the slack, which is twice as much.
        """
        assert self.areas is not None
        last = len(self.distances) - 1
        sums = np.cumsum(self.areas * self.counts)
        target = self.total * share
        slack = target * 4 * (float(self._ends[-1]) + 8) * sys.float_info.epsilon
        if _LEAST_AREA < target < math.inf:
            ends = sums.searchsorted((target - slack, target + slack)).clip(max=last)
            nearest, furthest = self.distances[ends].tolist()
            if nearest == furthest:
                return float(nearest)
        distances, areas = self.elements
        assert areas is not None
        index = int(np.searchsorted(np.cumsum(areas) / self.total, share))
        return float(distances[min(index, len(distances) - 1)])


def _starts_of_groups(distances: Floats, areas: Floats | None) -> NDArray[np.intp]:
    """Find where a new distance, or a new area of the same distance, begins."""
    new = np.empty(len(distances), bool)
    new[:1] = True
    np.not_equal(distances[1:], distances[:-1], out=new[1:])
    if areas is not None:
        new[1:] |= areas[1:] != areas[:-1]
    return new.nonzero()[0]


class SurfaceReductions:
    """The definitions of the surface metrics: what the distributions of both directions reduce to."""

    #: whether percentiles count elements whatever their areas
    counted: bool = False

    @property
    def distributions(self) -> tuple[Distribution, Distribution]:
        """From the reference's surface to the prediction's, and back."""
        raise NotImplementedError

    @lazy
    def _pooled(self) -> Distribution:
        return Distribution.joined(*self.distributions)

    def _of_a_missing_surface(self) -> float | None:
        """Return what a distance is where a surface is missing: nan if both are, inf if one is; None if neither."""
        forward, backward = self.distributions
        if len(forward.counts) and len(backward.counts):
            return None
        return math.inf if len(forward.counts) or len(backward.counts) else math.nan

    def hausdorff(
        self, percentile: float = 100, method: PercentileMethod = "max_of_directions"
    ) -> float:
        """Hausdorff distance, or a percentile of it.

        Parameters
        ----------
        percentile : float
            0 to 100; 100 is the Hausdorff distance, 95 the usual HD95.
        method : {"max_of_directions", "pooled"}
            The larger of the two directions' percentiles (MONAI, MetricsReloaded), or the percentile of both
            directions' distances together (MedPy).

        Returns
        -------
        float
            In the units of the spacing; inf if one surface is empty, nan if both are.

        Raises
        ------
        TypeError, ValueError
            For a percentile that is no number or outside 0 to 100, or an unknown method.

        Notes
        -----
        Voxel surfaces interpolate linearly between order statistics, as ``numpy.percentile``; so do vertices, each of
        which counts the same here, as in DisTorch. Surfels give the smallest distance within which that share of the
        area lies, as surface-distance does.
        """
        if type(percentile) not in (int, float) or not 0 <= percentile <= 100:
            percentile = as_percentile(percentile)
        if method not in PERCENTILE_METHODS:
            raise unknown("percentile_method", method, PERCENTILE_METHODS)
        missing = self._of_a_missing_surface()
        if missing is not None:
            return missing
        if method == "pooled":
            return self._pooled.percentile(percentile, self.counted)
        return max(side.percentile(percentile, self.counted) for side in self.distributions)

    def average(
        self, direction: Literal["reference_to_prediction", "prediction_to_reference"]
    ) -> float:
        """Mean distance in one direction, weighted by area for surface elements; inf or nan as `hausdorff`."""
        if direction not in DIRECTIONS:
            raise unknown("direction", direction, DIRECTIONS)
        missing = self._of_a_missing_surface()
        if missing is not None:
            return missing
        return self.distributions[DIRECTIONS.index(direction)].mean

    def assd(self) -> float:
        """Average symmetric surface distance: the mean over both surfaces pooled; inf or nan as `hausdorff`."""
        missing = self._of_a_missing_surface()
        if missing is not None:
            return missing
        forward, backward = self.distributions
        return (forward.weighted_sum + backward.weighted_sum) / (forward.total + backward.total)

    def masd(self) -> float:
        """Mean average surface distance: the mean of the two directions' means; inf or nan as `hausdorff`."""
        missing = self._of_a_missing_surface()
        if missing is not None:
            return missing
        forward, backward = self.distributions
        return (forward.mean + backward.mean) / 2

    def nsd(self, tolerance: float) -> float:
        """Normalised surface Dice: the share of both surfaces within `tolerance` (inclusive) of the other.

        Parameters
        ----------
        tolerance : float
            In the units of the spacing, finite and not negative. What lies beyond it by no more than a rounding, a
            millionth of it, is within.

        Returns
        -------
        float
            0 if one surface is empty, nan if both are.

        Raises
        ------
        TypeError, ValueError
            For anything that is no such number.
        """
        forward, backward = self.distributions
        within = forward.measure_within(tolerance) + backward.measure_within(tolerance)
        total = forward.total + backward.total
        return within / total if total else math.nan


@dataclass(frozen=True)
class SurfaceDistributions(SurfaceReductions):
    """The distributions of both directions: all that metrics need."""

    reference_to_prediction: Distribution
    prediction_to_reference: Distribution
    counted: bool = field(default=False, kw_only=True)

    @property
    def distributions(self) -> tuple[Distribution, Distribution]:
        """From the reference's surface to the prediction's, and back."""
        return self.reference_to_prediction, self.prediction_to_reference
