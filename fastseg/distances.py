"""The two directed distance sets between two surfaces, and what they reduce to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.arrays import did_you_mean
from fastseg.lazy import lazy

Boundary = Literal["voxel", "surfel"]
PercentileMethod = Literal["max_of_directions", "pooled"]
BOUNDARIES: tuple[str, ...] = get_args(Boundary)
PERCENTILE_METHODS: tuple[str, ...] = get_args(PercentileMethod)
DIRECTIONS = ("reference_to_prediction", "prediction_to_reference")

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class _Sorted:
    """Distances ascending, with their areas; `areas` is None where every element counts the same."""

    distances: Floats
    areas: Floats | None

    @lazy
    def total(self) -> float:
        return float(len(self.distances) if self.areas is None else np.sum(self.areas))

    @lazy
    def weighted_sum(self) -> float:
        weighted = self.distances if self.areas is None else self.distances * self.areas
        return float(np.sum(weighted))

    @property
    def mean(self) -> float:
        return self.weighted_sum / self.total if len(self.distances) else math.nan

    def measure_within(self, tolerance: float) -> float:
        n = int(np.searchsorted(self.distances, tolerance, side="right"))
        return float(n if self.areas is None else np.sum(self.areas[:n]))

    def percentile(self, percentile: float) -> float:
        if percentile == 100 or math.isinf(self.distances[-1]):
            return float(self.distances[-1])
        if self.areas is None:
            return self._interpolated(percentile / 100)
        # As surface-distance: NumPy's sequential cumsum over its pairwise sum, which is not always 1 at the end.
        share = np.cumsum(self.areas) / self.total
        index = int(np.searchsorted(share, percentile / 100))
        return float(self.distances[min(index, len(share) - 1)])

    def _interpolated(self, share: float) -> float:
        """The bits of ``numpy.percentile``, which would look for the two order statistics once more."""
        place = (len(self.distances) - 1) * share
        index = int(place)
        below, above = (
            self.distances[index],
            self.distances[min(index + 1, len(self.distances) - 1)],
        )
        step, fraction = above - below, place - index
        return float(below + step * fraction if fraction < 0.5 else above - step * (1 - fraction))


def by_distance_and_area(
    distances: Floats, codes: Codes, measures: Floats
) -> tuple[Floats, Floats]:
    """Distances ascending, those of one distance by area, and the areas: a sort by two keys."""
    areas = measures[codes]
    order = np.lexsort((areas, distances))
    return distances[order], areas[order]


Sort = Callable[[Floats, Codes, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class SurfaceDistances:
    """Distance of every surface element of one mask to the nearest one of the other, both ways.

    Where one surface is empty, the distances to it are inf; of an empty surface there are no distances.

    Attributes
    ----------
    reference_to_prediction, prediction_to_reference : float64 ndarray (n,)
        One distance per surface element, in C order of the array, in the units of the spacing.
    reference_codes, prediction_codes : uint8 ndarray (n,) or None
        Which of the voxels around each surface element are set; None for ``boundary="voxel"``.
    measures : float64 ndarray or None
        Area of a surface element (length in 2-D) of each code.
    sort : callable
        Another way to do what `by_distance_and_area` does, if the backend has a faster one.
    """

    reference_to_prediction: Floats
    prediction_to_reference: Floats
    reference_codes: Codes | None = None
    prediction_codes: Codes | None = None
    measures: Floats | None = None
    sort: Sort = by_distance_and_area

    @property
    def reference_areas(self) -> Floats | None:
        """Area of each surface element of the reference; None for ``boundary="voxel"``, where all count the same."""
        return self._areas(self.reference_codes)

    @property
    def prediction_areas(self) -> Floats | None:
        """Area of each surface element of the prediction."""
        return self._areas(self.prediction_codes)

    def _areas(self, codes: Codes | None) -> Floats | None:
        return None if codes is None or self.measures is None else self.measures[codes]

    def _ascending(self, distances: Floats, codes: Codes | None) -> _Sorted:
        if codes is None or self.measures is None:
            return _Sorted(np.sort(distances), None)
        return _Sorted(*self.sort(distances, codes, self.measures))

    # Reductions work on the sorted values, so that a sum does not depend on the memory order of the image.
    @lazy
    def _directions(self) -> list[_Sorted]:
        if self.measures is None:
            # Copied by this thread, so that the memory of the masks that it has let go of is used again.
            both = [self.reference_to_prediction.copy(), self.prediction_to_reference.copy()]
            threads.run(np.ndarray.sort, both)
            return [_Sorted(distances, None) for distances in both]
        sides = [
            (self.reference_to_prediction, self.reference_codes),
            (self.prediction_to_reference, self.prediction_codes),
        ]
        return threads.run(lambda side: self._ascending(*side), sides)

    @property
    def _forward(self) -> _Sorted:
        return self._directions[0]

    @property
    def _backward(self) -> _Sorted:
        return self._directions[1]

    @lazy
    def _pooled(self) -> _Sorted:
        codes = None
        if self.reference_codes is not None and self.prediction_codes is not None:
            codes = np.concatenate([self.reference_codes, self.prediction_codes])
        both = np.concatenate([self.reference_to_prediction, self.prediction_to_reference])
        return self._ascending(both, codes)

    @property
    def _missing(self) -> float | None:
        """The distance where a surface is missing: nan if both are, inf if one is; None if neither."""
        n = (len(self.reference_to_prediction), len(self.prediction_to_reference))
        if all(n):
            return None
        return math.inf if any(n) else math.nan

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
        ValueError
            For a percentile outside 0 to 100 or an unknown method.

        Notes
        -----
        Voxel surfaces interpolate linearly between order statistics, as ``numpy.percentile``. Surface elements with
        areas give the smallest distance within which that share of the area lies, as surface-distance does.
        """
        if not 0 <= percentile <= 100:
            raise ValueError(f"percentile: expected a number from 0 to 100, got {percentile!r}")
        if method not in PERCENTILE_METHODS:
            raise ValueError(
                f"percentile_method: unknown {method!r}; {did_you_mean(method, PERCENTILE_METHODS)}"
            )
        if self._missing is not None:
            return self._missing
        if method == "pooled":
            return self._pooled.percentile(percentile)
        return max(self._forward.percentile(percentile), self._backward.percentile(percentile))

    def average(
        self, direction: Literal["reference_to_prediction", "prediction_to_reference"]
    ) -> float:
        """Mean distance in one direction, weighted by area for surface elements; inf or nan as `hausdorff`."""
        if direction not in DIRECTIONS:
            raise ValueError(
                f"direction: unknown {direction!r}; {did_you_mean(direction, DIRECTIONS)}"
            )
        if self._missing is not None:
            return self._missing
        return self._forward.mean if direction == "reference_to_prediction" else self._backward.mean

    def assd(self) -> float:
        """Average symmetric surface distance: the mean over both surfaces pooled; inf or nan as `hausdorff`."""
        if self._missing is not None:
            return self._missing
        total = self._forward.total + self._backward.total
        return (self._forward.weighted_sum + self._backward.weighted_sum) / total

    def masd(self) -> float:
        """Mean average surface distance: the mean of the two directions' means; inf or nan as `hausdorff`."""
        if self._missing is not None:
            return self._missing
        return (self._forward.mean + self._backward.mean) / 2

    def nsd(self, tolerance: float) -> float:
        """Normalised surface Dice: the share of both surfaces within `tolerance` (inclusive) of the other.

        0 if one surface is empty, nan if both are.
        """
        total = self._forward.total + self._backward.total
        if not total:
            return math.nan
        within = self._forward.measure_within(tolerance) + self._backward.measure_within(tolerance)
        return within / total


class BandCounts(NamedTuple):
    """Voxels of each mask near its own surface, and those that are near both."""

    reference: int
    prediction: int
    both: int
