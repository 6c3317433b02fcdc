"""The two directed distance sets between two surfaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.distributions import Distribution, Reductions
from fastseg.lazy import lazy

Boundary = Literal["voxel", "surfel"]
BOUNDARIES: tuple[str, ...] = get_args(Boundary)

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]


def distribution_of(
    distances: Floats, codes: Codes | None, measures: Floats | None
) -> Distribution:
    """The distribution of distances whose elements have these codes, each with its area in `measures`."""
    return Distribution.of(
        distances, None if codes is None or measures is None else measures[codes]
    )


Distribute = Callable[[Floats, Codes | None, Floats | None], Distribution]


@dataclass(frozen=True)
class SurfaceDistances(Reductions):
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
    distribute : callable
        Another way to do what `distribution_of` does, if the backend has a faster one.
    """

    reference_to_prediction: Floats
    prediction_to_reference: Floats
    reference_codes: Codes | None = None
    prediction_codes: Codes | None = None
    measures: Floats | None = None
    distribute: Distribute = distribution_of

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

    @lazy
    def distributions(self) -> tuple[Distribution, Distribution]:
        """From the reference's surface to the prediction's, and back."""
        sides = [
            (self.reference_to_prediction, self.reference_codes),
            (self.prediction_to_reference, self.prediction_codes),
        ]
        forward, backward = threads.run(lambda side: self.distribute(*side, self.measures), sides)
        return forward, backward


class BandCounts(NamedTuple):
    """Voxels of each mask near its own surface, and those that are near both."""

    reference: int
    prediction: int
    both: int
