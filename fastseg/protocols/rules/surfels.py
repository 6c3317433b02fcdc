"""Surface elements with areas, and what the package surface-distance makes of them, sum by sum in its order.

Many challenges call it. Its tolerances are compared as they are, without the millionth by which ours may be exceeded;
sums go over the elements in the order of their distances, and of their areas where these are equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing
from fastseg.measures.regions import Region, Request
from fastseg.protocols.framework.label_pair import LabelPair

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Surfels:
    """The elements of both surfaces, with the distance of each to the other surface and its area.

    Attributes
    ----------
    to_prediction, to_reference : float64 ndarray
        Distances of the reference's elements, and of the prediction's; inf where the other surface is missing.
    reference_areas, prediction_areas : float64 ndarray
    """

    to_prediction: Floats
    reference_areas: Floats
    to_reference: Floats
    prediction_areas: Floats

    @classmethod
    def of(cls, distributions: Any) -> Surfels:
        """Take them from what was measured with ``boundary="surfel"``."""
        sides = [side.elements for side in distributions.distributions]
        return cls(sides[0][0], sides[0][1], sides[1][0], sides[1][1])

    def surface_dice(self, tolerance: float) -> float:
        """Give the share of both surfaces that lies within a distance of the other; nan where there is neither."""
        within = np.sum(self.reference_areas[self.to_prediction <= tolerance]) + np.sum(
            self.prediction_areas[self.to_reference <= tolerance]
        )
        total = np.sum(self.reference_areas) + np.sum(self.prediction_areas)
        return float(within / total) if total else math.nan


def surfels_of(
    pair: LabelPair, regions: list[Region], spacing: Spacing | None = None
) -> list[Surfels]:
    """Measure structures that both maps have.

    Parameters
    ----------
    pair : LabelPair
    regions : list of Region
    spacing : tuple of float, optional
        The pair's, unless a script has one of its own.
    """
    steps = pair.spacing if spacing is None else spacing
    request = Request(frozenset(("surface_distributions",)), steps, "surfel")
    found = pair.measure(pair.reference, pair.prediction, regions, request)
    return [Surfels.of(measured["surface_distributions"]) for measured in found]
