"""The reference backend: SciPy and NumPy only, any number of axes. The oracle of the tests, and the fallback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import ndimage

from fastseg.backends import scipy_meshes, scipy_shapes, scipy_skeletons
from fastseg.backends.scipy_signed_ranks import signed_rank_sums as signed_rank_sums
from fastseg.backends.scipy_skeletons import skeletonize as skeletonize
from fastseg.inputs.arrays import Array, Box, Spacing
from fastseg.measures.component_pairs import ComponentPair, PaintedPair
from fastseg.measures.components import RegionComponents
from fastseg.measures.distributions import SurfaceDistributions
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.label_sides import LabelBoxes
from fastseg.measures.overlap import Overlap
from fastseg.measures.probability_bins import Cuts, Moments, places_of
from fastseg.measures.regions import LabelRegion, Measured, Region, Request
from fastseg.measures.shape import ShapePair
from fastseg.measures.surface_areas import CODE_MEASURES
from fastseg.measures.surface_distances import COUNTED, Boundary, SurfaceDistances

Mask = NDArray[np.bool_]

# what has names for up to three axes alone
_OF_SHAPES = ("topology", "face_topology", "shape")
# what thins masks
_OF_SKELETONS = ("skeletonize", "skeleton_overlap", "tree_overlap")

# what `measure` knows, and the other operations
_OFFERED = {
    *("surface_distributions", "surface_places", "band_overlap", *_OF_SHAPES),
    *("joint_histogram", "surface", "surface_distances", "distance_transform_edt"),
    "mesh_distances",
    *("connected_components", "region_components", "position_sums", "component_pair"),
    *("voronoi_regions", "probability_moments", "signed_rank_sums", *_OF_SKELETONS),
}


def unsupported(operation: str, ndim: int) -> str | None:
    """Say why an operation is not offered: this backend offers what it knows, most of it for any number of axes."""
    if operation in _OF_SHAPES and ndim > 3:
        return f"{operation} is of up to 3 axes, not {ndim}"
    if operation in _OF_SKELETONS and ndim not in (2, 3):
        return f"skeletons have 2 or 3 axes, not {ndim}"
    return None if operation in _OFFERED else f"the scipy backend has no {operation}"


def joint_histogram(reference: Array, prediction: Array) -> JointHistogram:
    """Count every pair of labels by sorting the voxels by their pair."""
    labels, codes = np.unique(
        np.stack([reference.ravel(), prediction.ravel()]), return_inverse=True
    )
    pairs = codes[0].ravel() * len(labels) + codes[1].ravel()
    found, index, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    starts = np.full((len(found), reference.ndim), np.iinfo(np.int64).max)
    stops = np.zeros((len(found), reference.ndim), np.int64)
    places = ndimage.find_objects(index.reshape(reference.shape) + 1)
    for row, box in enumerate(places):
        starts[row] = [part.start for part in box]
        stops[row] = [part.stop for part in box]
    return JointHistogram(
        labels[found // len(labels)],
        labels[found % len(labels)],
        counts.astype(np.int64),
        starts,
        stops,
    )


def _masks(
    reference: Array, prediction: Array, region: Region, ignored: tuple[int, ...] = ()
) -> tuple[Mask, Mask]:
    """Take both masks of a region, within its box."""
    kept = ~_mask(reference, ignored, region.box)
    return (
        _mask(reference, region.reference, region.box) & kept,
        _mask(prediction, region.prediction, region.box) & kept,
    )


def _mask(labels: Array, wanted: tuple[int, ...], box: Box | None) -> Mask:
    part = labels if box is None else labels[box]
    mask = np.zeros(part.shape, bool)
    for label in wanted:
        mask |= part == label
    return mask


def measure(
    reference: Array, prediction: Array, regions: Sequence[Region], request: Request
) -> list[Measured]:
    """Measure region by region."""
    measured: list[Measured] = []
    for region in regions:
        masks = _masks(reference, prediction, region, request.ignored)
        measured.append(measured_masks(masks, region.tolerance, request))
    return measured


def measured_masks(masks: tuple[Mask, Mask], tolerance: float, request: Request) -> Measured:
    """Measure all that is requested of two masks."""
    found: dict[str, Any] = {}
    if "surface_distributions" in request.measurements:
        distances = _distances_between(*masks, request.spacing, request.boundary)
        found["surface_distributions"] = SurfaceDistributions(
            *distances.distributions, counted=distances.counted
        )
    if "surface_distances" in request.measurements:
        found["surface_distances"] = _distances_between(*masks, request.spacing, request.boundary)
    if "surface_places" in request.measurements:
        distances = _distances_between(*masks, request.spacing, "voxel")
        found["surface_places"] = Placed(distances, masks)
    if "band_overlap" in request.measurements:
        found["band_overlap"] = _band_overlap(*masks, request.spacing, tolerance)
    if "topology" in request.measurements:
        found["topology"] = scipy_shapes.topologies(*masks, corners_connect=True)
    if "face_topology" in request.measurements:
        found["face_topology"] = scipy_shapes.topologies(*masks, corners_connect=False)
    if "skeleton_overlap" in request.measurements:
        found["skeleton_overlap"] = scipy_skeletons.overlap(*masks)
    if "tree_overlap" in request.measurements:
        found["tree_overlap"] = scipy_skeletons.of_tree(*masks)
    if "shape" in request.measurements:
        first, second = (scipy_shapes.shape(mask, surfels(mask)) for mask in masks)
        found["shape"] = ShapePair(first, second, tuple(request.spacing))
    return found


@dataclass(frozen=True)
class Placed:
    """What :class:`fastseg.measures.surface_distances.PlacedDistances` tells, of bool arrays."""

    distances: SurfaceDistances
    masks: tuple[Mask, Mask]

    def places(self, side: int, chosen: NDArray[np.intp] | None = None) -> NDArray[np.int64]:
        """Look up where the surface is."""
        places = np.argwhere(surface(self.masks[side], 1, "background"))
        return places if chosen is None else places[chosen]

    def within(self, side: int, places: NDArray[np.int64]) -> Mask:
        """Look the mask up."""
        return np.asarray(self.masks[side][tuple(places.T)])


def surface(mask: Mask, connectivity: int, edge: str) -> Mask:
    """Take the mask without its erosion."""
    structure = ndimage.generate_binary_structure(mask.ndim, connectivity)
    eroded = ndimage.binary_erosion(mask, structure, border_value=int(edge == "ignore"))
    return np.asarray(mask & ~eroded)


def surfels(mask: Mask) -> NDArray[np.intp]:
    """Compute the code of each corner of the voxel lattice, 0 where no surface passes."""
    padded = np.pad(mask, 1)
    codes = np.zeros(tuple(size + 1 for size in mask.shape), np.intp)
    for bit, offset in enumerate(np.ndindex(*(2,) * mask.ndim)):
        corner = tuple(slice(o, o + size + 1) for o, size in zip(offset, mask.shape, strict=True))
        codes |= padded[corner].astype(np.intp) << bit
    codes[codes == 2**2**mask.ndim - 1] = 0
    return codes


def distances_to(surface: Mask, spacing: Spacing) -> NDArray[np.float64]:
    """Measure from every voxel to the nearest surface voxel, inf if there is none."""
    if not surface.any():
        return np.full(surface.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~surface, sampling=spacing))


def surface_distances(
    reference: Array, prediction: Array, region: Region, spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    """Look the distance transform of each surface up at the other one."""
    return _distances_between(*_masks(reference, prediction, region), spacing, boundary)


def _distances_between(
    reference: Mask, prediction: Mask, spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    """Look the distance transform of each surface up at the other one."""
    if boundary == "mesh":
        return scipy_meshes.distances_between((surfels(reference), surfels(prediction)), spacing)
    if boundary in CODE_MEASURES:
        codes = [surfels(mask) for mask in (reference, prediction)]
        surfaces = [code != 0 for code in codes]
    else:
        surfaces = [surface(mask, 1, "background") for mask in (reference, prediction)]
    directed = (
        distances_to(surfaces[1], spacing)[surfaces[0]],
        distances_to(surfaces[0], spacing)[surfaces[1]],
    )
    if boundary == "voxel":
        return SurfaceDistances(*directed)
    found = [code[code != 0].astype(np.uint8) for code in codes]
    areas = CODE_MEASURES[boundary](spacing)
    return SurfaceDistances(*directed, found[0], found[1], areas, counted=boundary in COUNTED)


def _band_overlap(reference: Mask, prediction: Mask, spacing: Spacing, width: float) -> Overlap:
    """Count the voxels of each mask that are nearer than `width` to its own surface."""
    near = [
        mask & (distances_to(surface(mask, 1, "background"), spacing) < width)
        for mask in (reference, prediction)
    ]
    return Overlap(int(near[0].sum()), int(near[1].sum()), int((near[0] & near[1]).sum()))


def distance_transform_edt(
    foreground: Array, spacing: Spacing, indices: bool, dtype: DTypeLike
) -> tuple[NDArray[Any], NDArray[np.int32] | None]:
    """SciPy's transform, but inf (and indices of -1) where there is no background at all."""
    if foreground.all():
        where = np.full((foreground.ndim, *foreground.shape), -1, np.int32) if indices else None
        return np.full(foreground.shape, np.inf, dtype), where
    if indices:
        distances, where = ndimage.distance_transform_edt(
            foreground, sampling=spacing, return_indices=True
        )
        return distances.astype(dtype, copy=False), where
    distances = ndimage.distance_transform_edt(foreground, sampling=spacing)
    return distances.astype(dtype, copy=False), None


def connected_components(
    labels: Array, connectivity: int, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], int]:
    """Label the mask of each label by itself, and number all components by their first voxels."""
    structure = ndimage.generate_binary_structure(labels.ndim, connectivity)
    found, count = np.zeros(labels.shape, np.int64), 0
    for label in np.unique(labels):
        if label:
            part, n = ndimage.label(labels == label, structure)
            found[part > 0] = part[part > 0] + count
            count += n
    numbers, first = np.unique(found, return_index=True)
    inside = numbers > 0
    ranks = np.zeros(count + 1, dtype)
    ranks[numbers[inside][np.argsort(first[inside])]] = np.arange(1, count + 1)
    return ranks[found], count


@dataclass(frozen=True)
class Components:
    """What :class:`fastseg.measures.components.RegionComponents` tells, of painted components."""

    labels: NDArray[np.int32]
    count: int

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many voxels each has."""
        return np.bincount(self.labels.ravel(), minlength=self.count + 1)[1:]

    @property
    def boxes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the box of each starts and stops."""
        found = [
            [(part.start, part.stop) for part in box] for box in ndimage.find_objects(self.labels)
        ]
        ends = np.array(found, np.int64).reshape(self.count, self.labels.ndim, 2)
        return ends[..., 0], ends[..., 1]

    @property
    def firsts(self) -> NDArray[np.int64]:
        """Where the first voxel of each lies in C order."""
        numbers, first = np.unique(self.labels, return_index=True)
        return first[numbers > 0].astype(np.int64)

    @property
    def sums(self) -> NDArray[np.int64]:
        """The positions of each one's voxels, added up."""
        return position_sums(self.labels)[1]

    def numbers_at(self, positions: tuple[NDArray[np.int64], ...]) -> NDArray[np.int64]:
        """Look them up."""
        return self.labels[positions].astype(np.int64)

    def painted(self, dtype: DTypeLike) -> NDArray[Any]:
        """Give the numbers of the components."""
        return self.labels.astype(dtype)


def region_components(regions: Sequence[LabelRegion], connectivity: int) -> list[Components]:
    """Label the mask of each region, whose first voxels come in C order as SciPy numbers them."""
    found = []
    for region in regions:
        structure = ndimage.generate_binary_structure(region.labels.ndim, connectivity)
        found.append(Components(*ndimage.label(_mask(*region), structure)))
    return found


def position_sums(
    labels: Array, boxes: LabelBoxes | None = None
) -> tuple[Array, NDArray[np.int64]]:
    """Add up where the voxels of each label but 0 lie, label by label."""
    found = [label for label in np.unique(labels) if label]
    sums = [np.argwhere(labels == label).sum(axis=0) for label in found]
    return np.array(found, labels.dtype), np.array(sums, np.int64).reshape(len(found), labels.ndim)


def voronoi_regions(
    instances: Array,
    spacing: Spacing,
    first_voxel: bool,
    at: tuple[NDArray[np.int64], ...] | None,
) -> Array:
    """Transform the background of each instance, the lowest number first; or that of all, for the nearest voxels."""
    if first_voxel:
        where = ndimage.distance_transform_edt(
            instances == 0, sampling=spacing, return_distances=False, return_indices=True
        )
        regions: Array = instances[tuple(where)]
    else:
        regions = np.zeros_like(instances)
        least = np.full(instances.shape, np.inf)
        for number in np.unique(instances[instances > 0]):
            distances = ndimage.distance_transform_edt(instances != number, sampling=spacing)
            nearer = distances < least
            regions[nearer], least[nearer] = number, distances[nearer]
    return regions if at is None else regions[at]


def component_pair(
    reference: Array, prediction: Array, connectivity: int, region: Region | None = None
) -> ComponentPair:
    """Label both maps, or both masks of a region."""
    if region is not None:
        reference, prediction = _masks(reference, prediction, region._replace(box=None))
    numbers = np.dtype(np.int32)
    first, n_first = connected_components(reference, connectivity, numbers)
    second, n_second = connected_components(prediction, connectivity, numbers)
    return PaintedPair((first, second), (n_first, n_second), joint_histogram, measure)


def components_beside(reference: RegionComponents, prediction: RegionComponents) -> ComponentPair:
    """Paint both."""
    first, second = (side.painted(np.dtype(np.int32)) for side in (reference, prediction))
    return PaintedPair(
        (first, second), (reference.count, prediction.count), joint_histogram, measure
    )


# Voxels whose probabilities are made bins at once: sums of squares stay whole numbers in float64.
_AT_ONCE = 1 << 20


def probability_moments(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint8],
    class_of_label: NDArray[np.int64],
    cuts: Cuts,
) -> Moments:
    """Count voxels in fine bins with bincount."""
    total, wrong = np.zeros((2, cuts.rows, 3), np.int64), 0
    for start in range(0, probabilities.size, _AT_ONCE):
        part = probabilities[start : start + _AT_ONCE]
        own = class_of_label[labels[start : start + _AT_ONCE]]
        right = (part >= 0) & (part <= 1)
        wrong += int(np.count_nonzero(~right & (own < 2)))
        for one in range(2):
            bins, low = places_of(part[right & (own == one)])
            off = low >= cuts.split[bins]
            bins[off] = cuts.beyond[bins[off]]
            for power in range(3):
                sums = np.bincount(bins, low.astype(float) ** power, cuts.rows)
                total[one, :, power] += sums.astype(np.int64)
    return Moments.of(total, wrong)
