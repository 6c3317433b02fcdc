"""One region for the numba backend: from its two masks to what was wanted of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.numba import nearest
from fastseg.backends.numba.bands import band_overlap
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.meshes import distances_between as mesh_distances
from fastseg.backends.numba.places import PackedPlaces
from fastseg.backends.numba.shapes import shapes_of
from fastseg.backends.numba.skeletons import skeletons_of
from fastseg.backends.numba.surfaces import Surfaces, surfaces_of
from fastseg.backends.numba.tally import TalliedDistances
from fastseg.backends.shared.geometry import ordered_codes
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import SurfaceDistributions
from fastseg.measures.regions import Request
from fastseg.measures.surface_areas import CODE_MEASURES
from fastseg.measures.surface_distances import COUNTED, OF_SURFACES, Boundary, SurfaceDistances


def measured(
    take: Callable[[], tuple[Mask, Mask]], tolerance: float, request: Request
) -> dict[str, Any]:
    """Measure all that is requested of a region, whose masks are taken here so that they are gone before the search."""
    masks = take()
    found: dict[str, Any] = {}
    found.update(shapes_of(masks, request.spacing, request.measurements))
    found.update(skeletons_of(masks, request.measurements))
    if "band_overlap" in request.measurements:
        found["band_overlap"] = band_overlap(masks, request.spacing, tolerance)
    if "surface_places" in request.measurements:
        found["surface_places"] = PackedPlaces.of(masks, request.spacing)
    boundary, wanted = request.boundary, OF_SURFACES & request.measurements
    if boundary == "mesh" and wanted:
        distances = mesh_distances(masks, request.spacing)
        both = {
            "surface_distances": distances,
            "surface_distributions": SurfaceDistributions(*distances.distributions),
        }
        return {**found, **{name: both[name] for name in wanted}}
    if "surface_distances" in request.measurements:
        found["surface_distances"] = between(
            surfaces_of(masks, request.spacing, boundary), request.spacing, boundary
        )
    if "surface_distributions" in request.measurements:
        areas = kinds = None
        if boundary in CODE_MEASURES:
            areas, kinds = areas_of_codes(boundary, request.spacing, masks[0].volume.reverse)
        surfaces = surfaces_of(masks, request.spacing, boundary, kinds)
        del masks  # which are packed by now if their bands were wanted
        furthest = request.furthest if areas is None else math.inf  # areas are summed in order
        directions = nearest.distributions(
            *surfaces.sets, surfaces.geometry, surfaces.codes, areas, furthest
        )
        found["surface_distributions"] = SurfaceDistributions(
            *directions, counted=boundary in COUNTED
        )
    return found


@functools.lru_cache(maxsize=64)
def areas_of_codes(
    boundary: Boundary, spacing: Spacing, reverse: bool
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """List the different areas of surface elements, ascending, and tell which of them each code has."""
    table = ordered_codes(CODE_MEASURES[boundary](spacing), len(spacing), reverse)
    areas, kinds = np.unique(table, return_inverse=True)
    return areas, kinds.astype(np.uint8)


def between(surfaces: Surfaces, spacing: Spacing, boundary: Boundary) -> SurfaceDistances:
    """Search for the distance of each element of both surfaces."""
    geometry = surfaces.geometry
    directed = nearest.distances(*surfaces.sets, geometry)
    first, second = surfaces.codes
    if first is None:
        return SurfaceDistances(*directed)
    areas = ordered_codes(CODE_MEASURES[boundary](spacing), geometry.ndim, geometry.reverse)
    return TalliedDistances(*directed, first, second, areas, counted=boundary in COUNTED)
