"""The default backend: the numba kernels, driven over slabs on the thread pool."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg import threads
from fastseg.backends.numba import allocator as _allocator
from fastseg.backends.numba import transform as _transform
from fastseg.backends.numba.batches import measure_in_loops
from fastseg.backends.numba.component_pairs import RunPair
from fastseg.backends.numba.components import (
    Components,
    connected_components,
)
from fastseg.backends.numba.histogram import joint_histogram
from fastseg.backends.numba.loops import LOOPS
from fastseg.backends.numba.many_components import OneComponent, region_components
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.meshes import distances_between as mesh_distances
from fastseg.backends.numba.probabilities import probability_moments
from fastseg.backends.numba.regions import between, measured
from fastseg.backends.numba.shapes import OFFERED as _OF_CODES
from fastseg.backends.numba.signed_ranks import signed_rank_sums
from fastseg.backends.numba.skeletons import skeletonize
from fastseg.backends.numba.sums import position_sums
from fastseg.backends.numba.surfaces import surface_of, surfaces_of
from fastseg.backends.numba.voronoi import voronoi_regions
from fastseg.backends.shared.volume import Volume, is_reversed, masks_of
from fastseg.inputs.arrays import Array, Spacing
from fastseg.measures.component_pairs import ComponentPair, PaintedPair
from fastseg.measures.components import RegionComponents
from fastseg.measures.regions import Measured, Region, Request
from fastseg.measures.surface_distances import Boundary, SurfaceDistances

__all__ = [
    "component_pair",
    "components_beside",
    "connected_components",
    "distance_transform_edt",
    "joint_histogram",
    "measure",
    "position_sums",
    "probability_moments",
    "region_components",
    "signed_rank_sums",
    "skeletonize",
    "surface",
    "surface_distances",
    "unsupported",
    "voronoi_regions",
]

# Voxels of a box that is worth the work of all threads: 256³. In smaller ones steps are too short to be shared
# (benchmarks: evaluate labels).
_LARGE_BOX = 1 << 24
# What a voxel of a smaller one costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_VOXEL = 8

# what `measure` knows, and the other operations
_OFFERED = {
    *(
        "surface_distributions",
        "band_overlap",
        "skeleton_overlap",
        "tree_overlap",
        "surface_places",
    ),
    *_OF_CODES,
    *("joint_histogram", "surface", "surface_distances", "distance_transform_edt"),
    "mesh_distances",
    *("connected_components", "region_components", "position_sums", "component_pair"),
    *("voronoi_regions", "probability_moments", "skeletonize", "signed_rank_sums"),
}

_allocator.keep_freed_pages()


def unsupported(operation: str, ndim: int) -> str | None:
    """Say why an operation is not offered, at all or for so many axes."""
    if operation not in _OFFERED:
        return f"the numba backend has no {operation}"
    if operation in ("skeletonize", "skeleton_overlap", "tree_overlap") and ndim not in (2, 3):
        return f"skeletons have 2 or 3 axes, not {ndim}"
    if ndim > 3 and operation != "distance_transform_edt":
        return f"numba kernels take up to 3 axes, not {ndim}"
    return None


def measure(
    reference: Array, prediction: Array, regions: Sequence[Region], request: Request
) -> list[Measured]:
    """Measure small regions in one loop, those with large boxes one by one on all threads, the others side by side.

    Shapes are found in a loop of their own, skeletons of small ones too beside what the loops find.
    """
    volumes = Volume.of(reference), Volume.of(prediction)
    return measure_in_loops(
        LOOPS,
        volumes,
        regions,
        request,
        lambda others, wanted: _one_by_one(*volumes, others, wanted),
    )


def _one_by_one(
    reference: Volume, prediction: Volume, regions: Sequence[Region], request: Request
) -> list[Measured]:
    """Measure regions with large boxes one by one, each on all threads, then the others side by side."""
    volumes = reference, prediction
    if len(regions) < 2:
        return [_measured(*volumes, region, request) for region in regions]
    sizes = [
        math.prod(part.stop - part.start for part in region.box) if region.box else _LARGE_BOX
        for region in regions
    ]
    order = sorted(range(len(regions)), key=sizes.__getitem__, reverse=True)
    n_large = sum(size >= _LARGE_BOX for size in sizes)
    one_by_one = [_measured(*volumes, regions[i], request) for i in order[:n_large]]
    side_by_side = threads.run_from_both_ends(
        lambda i: _measured(*volumes, regions[i], request),
        order[n_large:],
        _COST_OF_A_VOXEL * sum(sizes[i] for i in order[n_large:]),
    )
    found = dict(zip(order, one_by_one + side_by_side, strict=True))
    return [found[i] for i in range(len(regions))]


def _measured(
    reference: Volume, prediction: Volume, region: Region, request: Request
) -> dict[str, Any]:
    return measured(
        lambda: masks_of(Mask.of, reference, prediction, region, request.ignored),
        region.tolerance,
        request,
    )


def surface_distances(
    reference: Array, prediction: Array, region: Region, spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    """Ask, for each surface element of one mask, for the nearest one of the other."""
    if boundary == "mesh":
        volumes = Volume.of(reference), Volume.of(prediction)
        return mesh_distances(masks_of(Mask.of, *volumes, region), spacing)
    # no name for the masks, which so are gone before the search: of whole images they are half of all memory
    surfaces = surfaces_of(
        masks_of(Mask.of, Volume.of(reference), Volume.of(prediction), region), spacing, boundary
    )
    return between(surfaces, spacing, boundary)


def surface(mask: NDArray[np.bool_], connectivity: int, edge: str) -> NDArray[np.bool_]:
    """Find the surface voxels of a bool array."""
    return surface_of(mask, connectivity, edge)


def distance_transform_edt(
    foreground: Array, spacing: Spacing, indices: bool, dtype: DTypeLike
) -> tuple[NDArray[Any], NDArray[np.int32] | None]:
    """Transform in the memory order of the array, summing in the order of its axes."""
    reverse = is_reversed(foreground)
    ordered = foreground.T if reverse else np.ascontiguousarray(foreground)
    axes = tuple(range(foreground.ndim))
    distances, where = _transform.transform(
        ordered,
        spacing[::-1] if reverse else spacing,
        axes[::-1] if reverse else axes,
        dtype=dtype,
        indices=indices,
    )
    if not reverse:
        return distances, where
    if where is not None:
        where = np.ascontiguousarray(where[::-1].transpose(0, *range(foreground.ndim, 0, -1)))
    return distances.T, where


def component_pair(
    reference: Array, prediction: Array, connectivity: int, region: Region | None = None
) -> ComponentPair:
    """Find the components of both sides; no volume of their numbers is made, but of a mask beside several labels."""
    volumes = Volume.of(reference), Volume.of(prediction)
    if region is not None:
        return RunPair(
            *(
                Components.of_mask(mask, connectivity)
                for mask in masks_of(Mask.of, *volumes, region._replace(box=None))
            )
        )
    first, second = (Components.of_labels(volume, connectivity) for volume in volumes)
    return components_beside(first, second)


def components_beside(reference: RegionComponents, prediction: RegionComponents) -> ComponentPair:
    """Take components as a pair: as runs, if these lie in bundles of one size."""
    first, second = (
        side.runs if isinstance(side, OneComponent) else cast(Components, side)
        for side in (reference, prediction)
    )
    if first.bundle == second.bundle:
        return RunPair(first, second)
    maps = first.painted(np.int32), second.painted(np.int32)
    return PaintedPair(maps, (first.count, second.count), joint_histogram, measure)
