"""One region for the numba backend: from its two masks to what was wanted of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastseg.backends.numba import nearest
from fastseg.backends.numba.bands import band_overlap
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.surfaces import Surfaces, surfaces_of
from fastseg.backends.numba.tally import TalliedDistances
from fastseg.backends.shared.geometry import ordered_codes
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import SurfaceDistributions
from fastseg.measures.regions import Request
from fastseg.measures.surface_areas import surfel_measures
from fastseg.measures.surface_distances import SurfaceDistances


def measured(
    take: Callable[[], tuple[Mask, Mask]], tolerance: float, request: Request
) -> dict[str, Any]:
    """Measure all that is requested of a region, whose masks are taken here so that they are gone before the search."""
    masks = take()
    found: dict[str, Any] = {}
    if "band_overlap" in request.measurements:
        found["band_overlap"] = band_overlap(masks, request.spacing, tolerance)
    if "surface_distributions" in request.measurements:
        surfaces = surfaces_of(masks, request.spacing, request.boundary)
        del masks  # which are packed by now if their bands were wanted
        if surfaces.codes:
            directions = between(surfaces, request.spacing).distributions
        else:
            directions = nearest.distributions(*surfaces.sets, surfaces.geometry)
        found["surface_distributions"] = SurfaceDistributions(*directions)
    return found


def between(surfaces: Surfaces, spacing: Spacing) -> SurfaceDistances:
    """Search for the distance of each element of both surfaces."""
    geometry = surfaces.geometry
    directed = nearest.distances(*surfaces.sets, geometry)
    if not surfaces.codes:
        return SurfaceDistances(*directed)
    areas = ordered_codes(surfel_measures(spacing), geometry.ndim, geometry.reverse)
    return TalliedDistances(*directed, *surfaces.codes, areas)
