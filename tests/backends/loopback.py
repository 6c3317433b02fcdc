"""A backend that only forwards to the reference: all that a new one needs, and nothing else.

It has the functions of :class:`fastseg.backends.protocol.Operations`, with their names and parameters. What makes
it one that runs is an entry in ``dispatch.BACKENDS``; the tests beside this file make one for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg.backends import scipy
from fastseg.backends.protocol import Operations
from fastseg.inputs.arrays import Spacing
from fastseg.measures.component_pairs import ComponentPair
from fastseg.measures.components import RegionComponents
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.label_sides import LabelBoxes
from fastseg.measures.probability_bins import Cuts, Moments
from fastseg.measures.regions import LabelRegion, Measured, Region, Request
from fastseg.measures.surface_distances import Boundary, SurfaceDistances

#: the operations that have been asked for, by name
calls: list[str] = []

#: what it declines, and why
declined: dict[str, str] = {}


def unsupported(operation: str, ndim: int) -> str | None:
    return declined.get(operation)


def joint_histogram(reference: Any, prediction: Any) -> JointHistogram:
    calls.append("joint_histogram")
    return scipy.joint_histogram(reference, prediction)


def measure(
    reference: Any, prediction: Any, regions: Sequence[Region], request: Request
) -> list[Measured]:
    calls.append("measure")
    return scipy.measure(reference, prediction, regions, request)


def surface(mask: Any, connectivity: int, edge: str) -> Any:
    calls.append("surface")
    return scipy.surface(mask, connectivity, edge)


def surface_distances(
    reference: Any, prediction: Any, region: Region, spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    calls.append("surface_distances")
    return scipy.surface_distances(reference, prediction, region, spacing, boundary)


def distance_transform_edt(
    foreground: Any, spacing: Spacing, indices: bool, dtype: DTypeLike
) -> tuple[Any, NDArray[np.int32] | None]:
    calls.append("distance_transform_edt")
    return scipy.distance_transform_edt(foreground, spacing, indices, dtype)


def connected_components(labels: Any, connectivity: int, dtype: np.dtype[Any]) -> tuple[Any, int]:
    calls.append("connected_components")
    return scipy.connected_components(labels, connectivity, dtype)


def voronoi_regions(
    instances: Any,
    spacing: Spacing,
    first_voxel: bool,
    at: tuple[NDArray[np.int64], ...] | None,
) -> Any:
    calls.append("voronoi_regions")
    return scipy.voronoi_regions(instances, spacing, first_voxel, at)


def skeletonize(mask: Any, all_faces: bool) -> Any:
    calls.append("skeletonize")
    return scipy.skeletonize(mask, all_faces)


def region_components(
    regions: Sequence[LabelRegion], connectivity: int
) -> Sequence[RegionComponents]:
    calls.append("region_components")
    return scipy.region_components(regions, connectivity)


def position_sums(labels: Any, boxes: LabelBoxes | None = None) -> tuple[Any, NDArray[np.int64]]:
    calls.append("position_sums")
    return scipy.position_sums(labels)


def component_pair(
    reference: Any, prediction: Any, connectivity: int, region: Region | None = None
) -> ComponentPair:
    calls.append("component_pair")
    return scipy.component_pair(reference, prediction, connectivity, region)


def components_beside(reference: RegionComponents, prediction: RegionComponents) -> ComponentPair:
    calls.append("components_beside")
    return scipy.components_beside(reference, prediction)


def probability_moments(
    probabilities: Any, labels: Any, class_of_label: NDArray[np.int64], cuts: Cuts
) -> Moments:
    calls.append("probability_moments")
    return scipy.probability_moments(probabilities, labels, class_of_label, cuts)


def signed_rank_sums(
    differences: NDArray[np.float64], weights: NDArray[np.uint16]
) -> NDArray[np.int64]:
    calls.append("signed_rank_sums")
    return scipy.signed_rank_sums(differences, weights)


def as_operations() -> Operations:
    """This module, as mypy sees it: it complains here if a function is missing or differs."""
    from tests.backends import loopback

    return loopback
