"""The GPU backend: CUDA kernels on CuPy arrays, which never leave their device.

Everything runs on the device of the inputs and on its current stream. To CPU memory come the joint
histogram (a row for each pair of labels) and the two directed sets of surface distances (8 bytes a surface element):
their reductions are then the very code that the other backends run, so that every metric is the same to the bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import cupy
import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg.backends.cupy import histogram
from fastseg.backends.cupy import transform as device_transform
from fastseg.backends.cupy.bands import band_overlap
from fastseg.backends.cupy.masks import Mask
from fastseg.backends.cupy.surfaces import distances_between, surface_of
from fastseg.backends.shared.volume import Volume, is_reversed, masks_of
from fastseg.inputs.arrays import Spacing
from fastseg.measures.component_pairs import ComponentPair
from fastseg.measures.components import RegionComponents
from fastseg.measures.distributions import SurfaceDistributions
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.label_sides import LabelBoxes
from fastseg.measures.probability_bins import Cuts, Moments
from fastseg.measures.regions import LabelRegion, Measured, Region, Request
from fastseg.measures.surface_distances import Boundary, SurfaceDistances
from fastseg_kernels.gpu import masks as mask_kernels
from fastseg_kernels.gpu._module import DeviceArray

_Function = TypeVar("_Function", bound=Callable[..., Any])


# what `measure` knows, and the other operations
_OFFERED = {
    *("surface_distributions", "band_overlap"),
    *("joint_histogram", "surface", "surface_distances", "distance_transform_edt"),
}


def _require_a_device() -> None:
    try:
        count, why = cupy.cuda.runtime.getDeviceCount(), "it lists none"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        count, why = 0, str(error)
    if not count:
        raise ImportError(
            f"CuPy {cupy.__version__} is installed but finds no CUDA device: {why}; this needs an NVIDIA GPU and its "
            "driver, which `nvidia-smi` should show"
        )


_require_a_device()


def unsupported(operation: str, ndim: int) -> str | None:
    """Say why an operation is not offered, at all or for so many axes."""
    if operation == "mesh_distances":
        return "boundary='mesh' is measured on the CPU alone"
    if operation not in _OFFERED:
        return f"the cupy backend has no {operation}"
    if ndim > 3 and operation != "distance_transform_edt":
        return f"CUDA kernels take up to 3 axes, not {ndim}"
    return None


def _on_its_device(function: _Function) -> _Function:
    """Run a function on the device of its first argument."""

    @functools.wraps(function)
    def run(first: Any, *rest: Any, **options: Any) -> Any:
        with first.device:
            return function(first, *rest, **options)

    return run  # type: ignore[return-value]


@_on_its_device
def joint_histogram(reference: DeviceArray, prediction: DeviceArray) -> JointHistogram:
    """Count the pairs of labels in one pass over both volumes."""
    return histogram.joint_histogram(reference, prediction)


@_on_its_device
def measure(
    reference: DeviceArray,
    prediction: DeviceArray,
    regions: Sequence[Region],
    request: Request,
) -> list[Measured]:
    """Measure region by region, in the caller's thread, whose stream this keeps to."""
    volumes = Volume.of(reference), Volume.of(prediction)
    measured: list[Measured] = []
    for region in regions:
        masks = masks_of(Mask.of, *volumes, region, request.ignored)
        found: dict[str, Any] = {}
        if "surface_distributions" in request.measurements:
            # counted on the CPU
            distances = distances_between(masks, request.spacing, request.boundary)
            found["surface_distributions"] = SurfaceDistributions(
                *distances.distributions, counted=distances.counted
            )
        if "surface_distances" in request.measurements:
            found["surface_distances"] = distances_between(masks, request.spacing, request.boundary)
        if "band_overlap" in request.measurements:
            found["band_overlap"] = band_overlap(masks, request.spacing, region.tolerance)
        measured.append(found)
    return measured


@_on_its_device
def surface_distances(
    reference: DeviceArray,
    prediction: DeviceArray,
    region: Region,
    spacing: Spacing,
    boundary: Boundary,
) -> SurfaceDistances:
    """Ask, for each surface element of one mask, for the nearest one of the other; the answers come to the CPU."""
    masks = masks_of(Mask.of, Volume.of(reference), Volume.of(prediction), region)
    return distances_between(masks, spacing, boundary)


@_on_its_device
def surface(mask: DeviceArray, connectivity: int, edge: str) -> DeviceArray:
    """Find the surface voxels of a bool array."""
    return surface_of(mask, connectivity, edge)


@_on_its_device
def distance_transform_edt(
    foreground: DeviceArray, spacing: Spacing, indices: bool, dtype: DTypeLike
) -> tuple[DeviceArray, DeviceArray | None]:
    """Transform in the memory order of the array, summing in the order of its axes."""
    reverse = is_reversed(foreground)
    ordered = foreground.T if reverse else foreground
    ordered = ordered if ordered.flags.c_contiguous else ordered.copy(order="C")
    order, nx = tuple(range(ordered.ndim)), ordered.shape[-1]
    voxels = ordered.view(np.uint8).reshape(1, -1, nx)
    background = mask_kernels.select(voxels, (0,), (0, 0, 0), (1, voxels.shape[1], nx))
    distances, where = device_transform.transform(
        background,
        ordered.shape,
        spacing[::-1] if reverse else spacing,
        order[::-1] if reverse else order,
        np.dtype(dtype),
        indices,
    )
    if not reverse:
        return distances, where
    if where is not None:
        where = where[::-1].transpose(0, *range(foreground.ndim, 0, -1)).copy(order="C")
    return distances.T, where


def connected_components(
    labels: DeviceArray, connectivity: int, dtype: np.dtype[Any]
) -> tuple[DeviceArray, int]:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("connected_components", labels.ndim))


def voronoi_regions(
    instances: DeviceArray,
    spacing: Spacing,
    first_voxel: bool,
    at: tuple[NDArray[np.int64], ...] | None,
) -> DeviceArray:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("voronoi_regions", instances.ndim))


def probability_moments(
    probabilities: DeviceArray,
    labels: DeviceArray,
    class_of_label: NDArray[np.int64],
    cuts: Cuts,
) -> Moments:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("probability_moments", probabilities.ndim))


def signed_rank_sums(
    differences: NDArray[np.float64], weights: NDArray[np.uint16]
) -> NDArray[np.int64]:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("signed_rank_sums", differences.ndim))


def skeletonize(mask: DeviceArray, all_faces: bool) -> DeviceArray:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("skeletonize", mask.ndim))


def region_components(
    regions: Sequence[LabelRegion], connectivity: int
) -> Sequence[RegionComponents]:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("region_components", 3))


def position_sums(
    labels: DeviceArray, boxes: LabelBoxes | None = None
) -> tuple[DeviceArray, NDArray[np.int64]]:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("position_sums", labels.ndim))


def component_pair(
    reference: DeviceArray,
    prediction: DeviceArray,
    connectivity: int,
    region: Region | None = None,
) -> ComponentPair:
    """Raise: it is not offered, as `unsupported` says."""
    raise NotImplementedError(unsupported("component_pair", reference.ndim))


def components_beside(reference: RegionComponents, prediction: RegionComponents) -> ComponentPair:
    """Raise: no components are found here."""
    raise NotImplementedError(unsupported("region_components", 3))
