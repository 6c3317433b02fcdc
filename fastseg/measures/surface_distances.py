"""The two directed sets of distances between two surfaces, and what a surface is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.measures.distributions import Distribution, SurfaceReductions
from fastseg.threads import lazy

Boundary = Literal["voxel", "surfel", "vertex", "mesh"]
BOUNDARIES: tuple[str, ...] = get_args(Boundary)
#: those whose elements have areas, and count the same in percentiles all the same
COUNTED = frozenset({"vertex"})

#: measurements that depend on the boundary
OF_SURFACES = frozenset(("surface_distances", "surface_distributions"))

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]


def operations_for(measurements: Iterable[str], boundary: Boundary) -> tuple[str, ...]:
    """List what a backend has to offer for some measurements: meshes are an operation of their own."""
    names = tuple(sorted(measurements))
    return (*names, "mesh_distances") if boundary == "mesh" and OF_SURFACES & {*names} else names


@dataclass(frozen=True)
class SurfaceDistances(SurfaceReductions):
    """Distance of every surface element of one mask to the nearest one of the other, both ways.

    Where one surface is empty, the distances to it are inf; of an empty surface there are no distances.

    Attributes
    ----------
    reference_to_prediction, prediction_to_reference : float64 ndarray (n,)
        One distance per surface element, in C order of the array, in the units of the spacing.
    reference_codes, prediction_codes : uint8 ndarray (n,) or None
        Which of the voxels around each surface element are set, or which of the areas a triangle of a mesh has; None
        for ``boundary="voxel"``.
    code_areas : float64 ndarray or None
        Area of a surface element (length in 2-D) of each code.
    counted : bool
        Whether percentiles count the elements whatever their areas, as those of vertices do.
    """

    reference_to_prediction: Floats
    prediction_to_reference: Floats
    reference_codes: Codes | None = None
    prediction_codes: Codes | None = None
    code_areas: Floats | None = None
    counted: bool = field(default=False, kw_only=True)

    @property
    def reference_areas(self) -> Floats | None:
        """Area of each surface element of the reference; None for ``boundary="voxel"``, where all count the same."""
        return self._areas(self.reference_codes)

    @property
    def prediction_areas(self) -> Floats | None:
        """Area of each surface element of the prediction."""
        return self._areas(self.prediction_codes)

    def _areas(self, codes: Codes | None) -> Floats | None:
        return None if codes is None or self.code_areas is None else self.code_areas[codes]

    def _distribution(self, distances: Floats, codes: Codes | None) -> Distribution:
        """Count the distances of one direction; a backend may have a faster way."""
        return Distribution.of(distances, self._areas(codes))

    @lazy
    def distributions(self) -> tuple[Distribution, Distribution]:
        """From the reference's surface to the prediction's, and back."""
        sides = [
            (self.reference_to_prediction, self.reference_codes),
            (self.prediction_to_reference, self.prediction_codes),
        ]
        forward, backward = threads.run(lambda side: self._distribution(*side), sides)
        return forward, backward


class PlacedDistances(Protocol):
    """The two directed sets of distances between voxel surfaces of a region, and where each of them begins.

    Sides are 0, the reference, and 1, the prediction. Places are counted from the start of the region's box.
    """

    @property
    def distances(self) -> SurfaceDistances:
        """The distances; their order is that of the places."""

    def places(self, side: int, chosen: NDArray[np.intp] | None = None) -> NDArray[np.int64]:
        """List the surface voxels of a side along the map's axes, (n, ndim): all, or some by their ascending ranks."""

    def within(self, side: int, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of some voxels belong to the mask of a side."""
