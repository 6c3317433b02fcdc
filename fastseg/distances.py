"""The two directed distance sets between two surfaces, and what they reduce to."""

from __future__ import annotations

import math
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


class _Sorted(NamedTuple):
    """Distances ascending, with their areas; `areas` is None where every element counts the same."""

    distances: Floats
    areas: Floats | None

    @property
    def total(self) -> float:
        return float(len(self.distances) if self.areas is None else np.sum(self.areas))

    @property
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
            return float(np.percentile(self.distances, percentile))
        # As surface-distance: NumPy's sequential cumsum over its pairwise sum, which is not always 1 at the end.
        share = np.cumsum(self.areas) / np.sum(self.areas)
        index = int(np.searchsorted(share, percentile / 100))
        return float(self.distances[min(index, len(share) - 1)])


def _ascending(distances: Floats, areas: Floats | None) -> _Sorted:
    if areas is None:
        return _Sorted(np.sort(distances), None)
    order = np.lexsort((areas, distances))
    return _Sorted(distances[order], areas[order])


@dataclass(frozen=True)
class SurfaceDistances:
    """Distance of every surface element of one mask to the nearest one of the other, both ways.

    Where one surface is empty, the distances to it are inf; of an empty surface there are no distances.

    Attributes
    ----------
    reference_to_prediction, prediction_to_reference : float64 ndarray (n,)
        One distance per surface element, in C order of the array, in the units of the spacing.
    reference_areas, prediction_areas : float64 ndarray (n,) or None
        Area of each surface element (length in 2-D); None for ``boundary="voxel"``, where all count the same.
    """

    reference_to_prediction: Floats
    prediction_to_reference: Floats
    reference_areas: Floats | None = None
    prediction_areas: Floats | None = None

    # Reductions work on the sorted values, so that a sum does not depend on the memory order of the image.
    @lazy
    def _directions(self) -> list[_Sorted]:
        sides = [
            (self.reference_to_prediction, self.reference_areas),
            (self.prediction_to_reference, self.prediction_areas),
        ]
        return threads.run(lambda side: _ascending(*side), sides)

    @property
    def _forward(self) -> _Sorted:
        return self._directions[0]

    @property
    def _backward(self) -> _Sorted:
        return self._directions[1]

    @lazy
    def _pooled(self) -> _Sorted:
        areas = None
        if self.reference_areas is not None and self.prediction_areas is not None:
            areas = np.concatenate([self.reference_areas, self.prediction_areas])
        both = np.concatenate([self.reference_to_prediction, self.prediction_to_reference])
        return _ascending(both, areas)

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
