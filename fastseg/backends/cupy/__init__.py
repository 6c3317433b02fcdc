"""The GPU backend: CUDA kernels on CuPy arrays, which never leave their device.

Everything runs on the device of the inputs and on its current stream. To CPU memory come the joint
histogram (a row for each pair of labels) and the two directed sets of surface distances (8 bytes a surface element):
their reductions are then the very code that the other backends run, so that every metric is the same to the bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import cupy
import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg.backends.cupy import nearest as device_nearest
from fastseg.backends.cupy import transform as device_transform
from fastseg.backends.shared.geometry import Geometry, ordered_codes
from fastseg.backends.shared.offsets import ball
from fastseg.backends.shared.volume import Volume, is_reversed
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import SurfaceDistributions
from fastseg.measures.joint_histogram import Box, JointHistogram
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Measured, Region, Request
from fastseg.measures.surface_areas import surfel_measures
from fastseg.measures.surface_distances import Boundary, SurfaceDistances
from fastseg_kernels.gpu import confusion
from fastseg_kernels.gpu import masks as mask_kernels
from fastseg_kernels.gpu import surface as surface_kernels

DeviceArray = Any  # cupy.ndarray
_Function = TypeVar("_Function", bound=Callable[..., Any])

_FEWEST_SLOTS = 1 << 12  # room for pairs of labels to start with
# A ball of more offsets than this is slower than a transform (estimated: two words an offset against 24 bytes a voxel).
_LARGEST_BALL = 1000


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
    """Say why an operation is not offered for so many axes."""
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


# ------------------------------------------------------------------------------------------ counts


@_on_its_device
def joint_histogram(reference: DeviceArray, prediction: DeviceArray) -> JointHistogram:
    """Count the pairs of labels in one pass over both volumes."""
    first = Volume.of(reference)
    volumes = first.labels, Volume.of(prediction).labels
    pairs, counts, boxes = _pairs(volumes)
    order = np.lexsort(pairs[::-1])  # a hash table has none that could be relied on
    axes = list(range(3 - first.ndim, 3))[:: -1 if first.reverse else 1]
    found = [labels[order].astype(volumes[0].dtype).view(first.dtype) for labels in pairs]
    edges = boxes[order].astype(np.int64)
    starts, stops = edges[:, :3][:, axes], edges[:, 3:][:, axes]
    return JointHistogram(found[0], found[1], counts[order].astype(np.int64), starts, stops)


def _pairs(
    volumes: tuple[DeviceArray, DeviceArray],
) -> tuple[tuple[NDArray[Any], NDArray[Any]], NDArray[Any], NDArray[Any]]:
    """The labels, count and box of every pair, with as much room as they turn out to need."""
    slots = _FEWEST_SLOTS
    while True:
        keys, counts, boxes, problem = confusion.joint_histogram(*volumes, slots)
        told = int(cupy.asnumpy(problem)[0])
        if told & confusion.LABEL_TOO_WIDE:
            return _numbered_pairs(volumes)
        if not told:
            break
        slots *= 8
    counts = cupy.asnumpy(counts)
    used = np.flatnonzero(counts)
    keys = cupy.asnumpy(keys)[used]
    return (keys >> 32, keys & 0xFFFFFFFF), counts[used], cupy.asnumpy(boxes)[used]


def _numbered_pairs(
    volumes: tuple[DeviceArray, DeviceArray],
) -> tuple[tuple[NDArray[Any], NDArray[Any]], NDArray[Any], NDArray[Any]]:
    """The same for labels of more than 32 bits, which are numbered first."""
    slots = _FEWEST_SLOTS
    while True:
        table, problem = confusion.number_labels(volumes, slots)
        if not int(cupy.asnumpy(problem)[0]):
            break
        slots *= 8
    numbers = [confusion.label_numbers(labels, table) for labels in volumes]
    pairs, counts, boxes = _pairs((numbers[0], numbers[1]))
    labels = cupy.asnumpy(table)
    labels[-1] = 0xFFFFFFFFFFFFFFFF
    return (labels[pairs[0]], labels[pairs[1]]), counts, boxes


# ------------------------------------------------------------------------------------------- masks


class Mask(NamedTuple):
    """A mask on the device, 32 voxels to a word along its last axis."""

    words: DeviceArray  # uint32 (nz, ny, ceil(nx / 32)); bits beyond nx are 0
    shape: tuple[int, int, int]
    volume: Volume

    @classmethod
    def of(
        cls,
        volume: Volume,
        labels: tuple[int, ...],
        box: Box | None = None,
        ignored: Mask | None = None,
    ) -> Mask:
        """Pack the voxels of a box, or of the whole volume, whose label is one of some."""
        corner, shape = volume.part(box)
        numbers = volume.bits_of(labels)
        if numbers:
            words = mask_kernels.select(volume.labels, numbers, corner, shape)
        else:
            words = cupy.zeros((*shape[:2], mask_kernels.n_words(shape[2])), np.uint32)
        if ignored is not None:
            words &= ~ignored.words
        return cls(words, shape, volume)

    def geometry(self, spacing: Spacing) -> Geometry:
        """Sizes and spacing along z, y, x."""
        volume = self.volume
        return Geometry(self.shape, volume.ndim, volume.spacing(spacing), volume.reverse)


def _masks(
    reference: Volume, prediction: Volume, region: Region, ignored: tuple[int, ...] = ()
) -> tuple[Mask, Mask]:
    """Pack both masks of a region, without the voxels whose reference is one of the ignored labels."""
    left_out = Mask.of(reference, ignored, region.box) if ignored else None
    return (
        Mask.of(reference, region.reference, region.box, left_out),
        Mask.of(prediction, region.prediction, region.box, left_out),
    )


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
        masks = _masks(*volumes, region, request.ignored)
        found: dict[str, Any] = {}
        if "surface_distributions" in request.measurements:
            # counted on the CPU
            distances = _distances_between(masks, request.spacing, request.boundary)
            found["surface_distributions"] = SurfaceDistributions(*distances.distributions)
        if "band_overlap" in request.measurements:
            found["band_overlap"] = _band_overlap(masks, request.spacing, region.tolerance)
        measured.append(found)
    return measured


@_on_its_device
def surface(mask: DeviceArray, connectivity: int, edge: str) -> DeviceArray:
    """Find the surface voxels of a bool array: pack, take the surface, unpack."""
    packed = Mask.of(Volume.of(mask), (1,))
    ndim = packed.volume.ndim
    if connectivity == 1 and edge == "background":
        words = surface_kernels.face_surface(packed.words, ndim)
    else:
        last_bits = surface_kernels.ALL_BITS >> -packed.shape[2] % 32
        words = surface_kernels.erosion_surface(
            packed.words, ndim, connectivity, last_bits, edge == "ignore"
        )
    return packed.volume.restored(mask_kernels.unpack(words, packed.shape[2]).view(np.bool_))


# --------------------------------------------------------------------------------------- distances


@_on_its_device
def surface_distances(
    reference: DeviceArray,
    prediction: DeviceArray,
    region: Region,
    spacing: Spacing,
    boundary: Boundary,
) -> SurfaceDistances:
    """Ask, for each surface element of one mask, for the nearest one of the other; the answers come to the CPU."""
    masks = _masks(Volume.of(reference), Volume.of(prediction), region)
    return _distances_between(masks, spacing, boundary)


def _distances_between(
    masks: tuple[Mask, Mask], spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    geometry = masks[0].geometry(spacing)
    ndim = geometry.ndim
    if boundary == "surfel":
        geometry = geometry.lattice()
        lattice = (*geometry.shape[:2], mask_kernels.n_words(geometry.shape[2]))
        surfaces = [surface_kernels.corner_surface(mask.words, ndim, lattice) for mask in masks]
    else:
        surfaces = [surface_kernels.face_surface(mask.words, ndim) for mask in masks]
    places = [device_nearest.places(words) for words in surfaces]
    forward, backward = (
        device_nearest.distances(places[i], surfaces[1 - i], bool(places[1 - i].size), geometry)
        for i in (0, 1)
    )
    if boundary == "voxel":
        return SurfaceDistances(forward, backward)
    codes = [
        cupy.asnumpy(surface_kernels.corner_codes(mask.words, ndim, lattice, where))
        for mask, where in zip(masks, places, strict=True)
    ]
    areas = ordered_codes(surfel_measures(spacing), ndim, geometry.reverse)
    return SurfaceDistances(forward, backward, codes[0], codes[1], areas)


def _band_overlap(masks: tuple[Mask, Mask], spacing: Spacing, width: float) -> Overlap:
    """Dilate each surface by a ball, inside its mask, and count."""
    bands = [_band(mask, spacing, width) for mask in masks]
    return Overlap(*cupy.asnumpy(mask_kernels.count_overlap(*bands)).tolist())


def _band(mask: Mask, spacing: Spacing, width: float) -> DeviceArray:
    surface_words = surface_kernels.face_surface(mask.words, mask.volume.ndim)
    geometry = mask.geometry(spacing)
    offsets = ball(geometry.spacing, mask.shape, geometry.reverse, width, _LARGEST_BALL)
    if offsets is not None:
        return surface_kernels.band(mask.words, surface_words, offsets)
    distances, _ = device_transform.transform(
        surface_words, mask.shape, geometry.spacing, geometry.order
    )
    near = (distances < width).view(np.uint8)
    return mask.words & mask_kernels.select(near, (1,), (0, 0, 0), mask.shape)


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
