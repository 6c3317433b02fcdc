"""Where the surfaces of two label maps lie apart: the public call."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

from fastseg import dispatch, io
from fastseg.errors import InputError, InputWarning
from fastseg.evaluation.case import geometry_of, in_plane, kept_axes, open_pair
from fastseg.evaluation.settings import Settings, SingleSlice
from fastseg.evaluation.structures import counts_of, regions_of, structures_in
from fastseg.inputs.arrays import check_same_shape, matched
from fastseg.inputs.choices import unknown
from fastseg.inputs.device import memory_of
from fastseg.inputs.scalars import as_number, shown
from fastseg.inputs.source import memory_order, whole_map
from fastseg.inputs.structures import SIDES, Labels, Structure
from fastseg.measures.distance_maps import MappedRegion
from fastseg.measures.mask_hint import mask_hint
from fastseg.measures.regions import Region, Request
from fastseg.measures.surface_distances import BOUNDARIES
from fastseg.results.distance_map import DistanceMap, MappedStructure

_MEASUREMENT = "surface_places"


def distance_map(
    reference: Any,
    prediction: Any,
    *,
    spacing: float | Sequence[float] | None = None,
    labels: Labels | None = None,
    background: float = 0.0,
    boundary: str = "voxel",
    ignore_label: int | None = None,
    backend: str | None = None,
    single_slice: SingleSlice = "plane",
    grid_tolerance: float = io.GridRules().tolerance,
    ignore_grid: bool = False,
    reorient: bool = False,
) -> DistanceMap:
    """Show where two segmentations lie apart: signed distances on their surfaces, as images for viewers.

    Parameters
    ----------
    reference, prediction, spacing, labels, ignore_label, single_slice
        As :func:`evaluate` takes them. Both maps are read whole, into the memory of the CPU.
    background : {0, nan}
        What stands where there is no surface. With 0, which every viewer shows as nothing, surfaces that lie upon each
        other are not seen either; nan tells them apart, and ITK-SNAP does not open it.
    boundary : {"voxel"}
        The voxels of a mask with a face neighbour outside it. Other surface elements lie between voxels: no image of
        voxels has room for them.
    backend : {"numba", "scipy"}, optional
    grid_tolerance, ignore_grid, reorient
        As :func:`evaluate` takes them.

    Returns
    -------
    DistanceMap
        `prediction_to_reference`, `reference_to_prediction` and `both`: float64 images of the maps' shape. `largest`:
        the largest distance of each structure and where it is; without a use of the images none is made. `save()`
        writes one for viewers.

    Raises
    ------
    TypeError, ValueError
        As :func:`evaluate`; for arrays on a GPU, another background and other boundaries.

    Notes
    -----
    Distances are those of :func:`surface_distances` and of ``hd`` to the bit. They are positive where the prediction
    goes beyond the reference (its surface outside the reference, and the reference's surface within the prediction),
    negative where it falls short, and 0 where both surfaces are. Where a structure is missing on one side they are
    infinite. Where a voxel has several distances, as on the surfaces of two structures, an image has the largest, and
    of two opposite ones the positive.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> reference = np.zeros((5, 9), np.uint8); reference[1:4, 2:5] = 1
    >>> found = fastseg.distance_map(reference, np.roll(reference, 2, axis=1), spacing=(3, 1))
    >>> found.both[1]
    array([ 0.,  0., -2., -1.,  0.,  1.,  2.,  0.,  0.])
    >>> found.largest["1"].distance, found.largest["1"].index
    (2.0, (2, 6))
    """
    if boundary not in BOUNDARIES:
        raise unknown("boundary", boundary, BOUNDARIES)
    if boundary != "voxel":
        raise InputError(
            f"boundary: only voxels have room in an image of voxels, expected 'voxel', got {boundary!r}; "
            "surface_distances() takes the others"
        )
    around = as_number(background, "background")
    if around != 0 and not math.isnan(around):
        raise InputError(f"background: expected 0 or nan, got {shown(background)}")
    settings = Settings.checked(
        spacing=spacing,
        labels=labels,
        metrics="hd",
        ignore_label=ignore_label,
        backend=backend,
        single_slice=single_slice,
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
    )
    sources = open_pair(reference, prediction, settings)
    sizes, _, about = geometry_of(*sources, settings)
    shape = tuple(about["shape"])
    first, second, steps = *sources, sizes
    axes = list(range(len(shape)))
    if 1 in shape and settings.single_slice == "plane":
        first, second, steps = in_plane(*sources, sizes)
        axes = kept_axes(shape)
    maps = whole_map(first, "distance maps"), whole_map(second, "distance maps")
    check_same_shape(*maps)
    chosen = dispatch.choose(
        ("joint_histogram", _MEASUREMENT), maps[0].ndim, backend, memory=memory_of(maps[0])
    )
    one, other = chosen.placed(*matched(*maps))
    histogram = chosen.operations.joint_histogram(one, other).without(settings.ignore_label)
    structures = structures_in(settings, histogram, first, second)
    counts = counts_of(histogram, structures)
    agree = settings.structures is not None or any(one.tp for one in counts)
    if not agree and (hint := mask_hint(histogram, settings.ignore_label)):
        warnings.warn(hint, InputWarning, stacklevel=2)
    occur = [one.tp + one.fp + one.fn > 0 for one in counts]
    some = list(itertools.compress(structures, occur))
    regions = regions_of(histogram, some, [0.0] * len(some))
    ignored = () if settings.ignore_label is None else (settings.ignore_label,)
    request = Request(frozenset((_MEASUREMENT,)), steps, ignored=ignored)
    measured = chosen.operations.measure(one, other, regions, request) if some else []
    mapped = iter(
        MappedRegion(each[_MEASUREMENT], _start(region, len(axes)), tuple(axes), len(shape))
        for region, each in zip(regions, measured, strict=True)
    )
    grid = sources[0].grid if sources[0].grid is not None else sources[1].grid
    return DistanceMap(
        tuple(
            MappedStructure(each.name, each.label, next(mapped) if occurs else None)
            for each, occurs in zip(structures, occur, strict=True)
        ),
        shape,
        sizes,
        grid,
        about["unit"],
        around,
        memory_order(maps[0]),
        _overlap(some),
        reference if sources[0].grid is not None else prediction if grid is not None else None,
        tuple(one for one in (reference, prediction) if io.is_image_path(one)),
    )


def _start(region: Region, ndim: int) -> tuple[int, ...]:
    return (0,) * ndim if region.box is None else tuple(along.start for along in region.box)


def _overlap(structures: Sequence[Structure]) -> bool:
    """Tell whether structures share labels of a map, so that a voxel may lie on the surface of two."""
    for side in SIDES:
        labels = [label for one in structures for label in getattr(one, side)]
        if len(set(labels)) < len(labels):
            return True
    return False
