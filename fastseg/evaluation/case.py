"""One case: every structure, every metric, one read of the volumes."""

from __future__ import annotations

import itertools
import math
import operator
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastseg import dispatch, io, threads
from fastseg._version import __version__
from fastseg.backends.protocol import Backend
from fastseg.errors import InputWarning
from fastseg.evaluation.budget import Budget
from fastseg.evaluation.naming import unlisted_labels
from fastseg.evaluation.pieces import PiecewisePair
from fastseg.evaluation.rows import raise_flags, rows_of, uncollected
from fastseg.evaluation.settings import (
    BoundaryWidth,
    Settings,
    SingleSlice,
    are_fixed,
    kept,
)
from fastseg.evaluation.structures import counts_of, regions_of, structures_in
from fastseg.flags import FlagsArgument
from fastseg.inputs.arrays import (
    Array,
    Spacing,
    as_label_map,
    as_spacing,
    check_same_shape,
    matched,
)
from fastseg.inputs.device import memory_of
from fastseg.inputs.source import ArraySource, Source
from fastseg.inputs.structures import Labels, Structure, as_tolerances
from fastseg.measures.distributions import PercentileMethod
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.mask_hint import mask_hint
from fastseg.measures.regions import Measured, Region, Request
from fastseg.measures.surface_distances import Boundary, operations_for
from fastseg.measures.tolerances import widest_within, width_of_band
from fastseg.metrics.empty_masks import Value
from fastseg.results import Evaluation

#: the width of Cheng et al. 2021, arXiv:2103.16562
SHARE_OF_DIAGONAL = 0.02

# from `dispatch.choose` to the line that called `evaluate`
_STACKLEVEL = 6


def evaluate(
    reference: Any,
    prediction: Any,
    *,
    spacing: float | Sequence[float] | None = None,
    labels: Labels | None = None,
    metrics: str | Iterable[str] | None = None,
    tolerance: float | Mapping[str | int, float] = 1.0,
    boundary_width: BoundaryWidth = None,
    beta: float | Sequence[float] = 1.0,
    boundary: Boundary = "voxel",
    percentile_method: PercentileMethod = "max_of_directions",
    empty: str | Mapping[str, Value] = "worst",
    ignore_label: int | None = None,
    backend: str | None = None,
    case: str = "",
    single_slice: SingleSlice = "plane",
    grid_tolerance: float = io.GridRules().tolerance,
    ignore_grid: bool = False,
    reorient: bool = False,
    flags: FlagsArgument = True,
) -> Evaluation:
    """Compare a predicted segmentation with its reference: every label, every metric.

    Parameters
    ----------
    reference, prediction : array_like, path or image
        Label maps of one shape, 1-D to 3-D: bool, integers, or floats that are whole numbers; NumPy arrays in any
        memory order, CPU tensors, image files and stores (:func:`read_image` says which), images of SimpleITK, ITK and
        nibabel, MetaTensors, DataArrays, arrays of Zarr, HDF5 and Dask. Two images must lie on one grid; one that
        covers a part of the other's is laid onto it, with zeros outside, and a warning says so.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the image's own, and 1 for plain arrays. Images have their axes
        in the order x, y, z.
    labels : iterable of int, or mapping of names to labels, optional
        Default: all labels of either map but 0 and `ignore_label`; 1 for bool masks. A mapping may give a tuple of
        labels, which form a region: ``{"liver": 1, "whole tumour": (1, 2, 3)}``; regions may overlap. Where the maps
        are numbered differently, it gives both sides: ``{"liver": {"reference": 5, "prediction": 1}}``.
    metrics : str or iterable of str, optional
        Names, see :func:`list_metrics`; also any ``hdNN`` and ``fN``, and the groups "overlap", "surface", "shape" and
        "topology". Default: "all", which has none of shape and topology. Only what they need is computed.
    tolerance : float or mapping, optional
        Tolerance of ``nsd`` and width of the ``boundary_iou`` band, in the units of the spacing: one number, or one
        for each label by name or id, with the key "default" for those that are not named.
    boundary_width : float, mapping or "diagonal", optional
        Width of the ``boundary_iou`` band where it is not the tolerance, in the same forms; "diagonal" is 2 % of the
        image's diagonal, as Cheng et al. 2021 have it. For a width in voxels give ``spacing=1``.
    beta : float or sequence of float
        β of ``f_beta``: recall counts β times as much as precision. Several give a column each in its place:
        ``beta=(0.5, 2)`` gives ``f0_5`` and ``f2``.
    boundary : {"voxel", "surfel", "vertex", "mesh"}
        What the surface is, see :func:`surface_distances`.
    percentile_method : {"max_of_directions", "pooled"}
        How ``hdNN`` is taken: the larger of the two directions' percentiles (MONAI, MetricsReloaded), or the
        percentile of both together (MedPy).
    empty : str or mapping
        What undefined values are where the reference, the prediction or both lack a label: "worst" (both: nan; one:
        the worst score), "nan", "raise", "diagonal" (as worst, with the image's diagonal for an infinite distance),
        "perfect" (both: the best score), or a mapping from metric names to policies or numbers.
    ignore_label : int, optional
        Voxels with this label in the reference count as background in both maps for distances, and do not count
        at all otherwise.
    backend : {"numba", "scipy", "cupy"}, optional
        Default: the best one available for where the arrays are: "cupy" for CuPy arrays, CUDA tensors and other
        arrays on a GPU, whose voxels never leave it.
    case : str
        Name for the table. Default: that of the prediction's file.
    single_slice : {"plane", "volume"}
        What maps with an axis of one entry are: slices, whose surfaces and distances are measured in their plane, or
        volumes, by whose definition every voxel lies on the surface (MONAI, MedPy).
    grid_tolerance : float
        How far apart, in voxels, the corners of two images on one grid may lie.
    ignore_grid : bool
        Compare the shapes of two images, and not where they lie; the reference's voxel size counts.
    reorient : bool
        Undo flips and permutations of the axes of two images that lie on one lattice, and say so in a warning.
    flags : bool, str, iterable of str, or mapping of str to float or bool
        Which flags say of a row why its numbers should not be trusted by themselves, see :func:`list_flags`: all, none,
        some by name; a mapping changes thresholds, or switches single ones off. They change no number.

    Returns
    -------
    Evaluation
        One row per label.

    Raises
    ------
    TypeError, ValueError
        For shapes or grids that differ, a wrong spacing, labels that are not whole numbers, unknown names.
    EmptyMaskError
        Under ``empty="raise"``.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> reference = np.zeros((40, 40, 40), np.uint8)
    >>> reference[10:30, 10:30, 10:30] = 1
    >>> prediction = np.roll(reference, 1, axis=0)
    >>> evaluation = fastseg.evaluate(reference, prediction, spacing=(2.5, 1, 1), labels={"liver": 1})
    >>> evaluation["liver"]["dice"], evaluation["liver"]["hd95"]
    (0.95, 2.5)
    """
    options: dict[str, Any] = {
        "spacing": spacing,
        "labels": labels,
        "metrics": metrics,
        "tolerance": tolerance,
        "boundary_width": boundary_width,
        "beta": beta,
        "boundary": boundary,
        "percentile_method": percentile_method,
        "empty": empty,
        "ignore_label": ignore_label,
        "backend": backend,
        "single_slice": single_slice,
        "grid_tolerance": grid_tolerance,
        "ignore_grid": ignore_grid,
        "reorient": reorient,
        "flags": flags,
    }
    settings = kept(**options) if are_fixed(options.values()) else Settings.checked(**options)
    if not case and isinstance(prediction, (str, os.PathLike)):
        case = io.image_stem(prediction)
    return evaluate_case(*open_pair(reference, prediction, settings), settings, case)


def open_pair(reference: Any, prediction: Any, settings: Settings) -> tuple[Source, Source]:
    """Open both label maps, side by side where they are files, and see that they lie on one grid."""
    if (  # most often
        isinstance(reference, np.ndarray)
        and isinstance(prediction, np.ndarray)
        and reference.shape == prediction.shape
    ):
        return (
            ArraySource(as_label_map(reference, "reference"), name="reference"),
            ArraySource(as_label_map(prediction, "prediction"), name="prediction"),
        )
    prepared = io.prepare_pair(reference, prediction, settings.grid_rules)
    first, second = threads.run(lambda read: read(), prepared.reads)  # unzipping is serial
    for note in (*prepared.notes, *first.notes, *second.notes):
        warnings.warn(note, InputWarning, stacklevel=3)
    return first.source, second.source


class _WholePair:
    """Two label maps that are arrays, in the memory of the backend that measures them."""

    def __init__(self, backend: Backend, reference: Array, prediction: Array) -> None:
        self.backend, self.shape = backend, reference.shape
        self._maps = matched(reference, prediction)
        if not isinstance(reference, np.ndarray) or backend.memory != "cpu":
            first, second = backend.placed(*self._maps)
            self._maps = first, second

    def histogram(self) -> JointHistogram:
        """Count their pairs of labels."""
        return self.backend.operations.joint_histogram(*self._maps)

    def measure(self, regions: Sequence[Region], request: Request) -> list[Measured]:
        """Measure regions of them."""
        return self.backend.operations.measure(*self._maps, regions, request)


def _pair(
    reference: Source, prediction: Source, settings: Settings, budget: int | None
) -> _WholePair | PiecewisePair:
    """Bring two label maps to the backend that can do all that is wanted of them."""
    first, second = reference.array, prediction.array
    in_pieces = first is None or second is None
    check_same_shape(*((reference, prediction) if in_pieces else (first, second)))
    backend = dispatch.choose(
        ("joint_histogram", *operations_for(settings.measurements, settings.boundary)),
        len(reference.shape) if first is None else first.ndim,
        settings.backend,
        memory="cpu" if in_pieces or isinstance(first, np.ndarray) else memory_of(first),
        stacklevel=_STACKLEVEL,
    )
    if first is None or second is None:
        return PiecewisePair(backend, reference, prediction, Budget.of(budget))
    return _WholePair(backend, first, second)


def evaluate_case(
    reference: Source,
    prediction: Source,
    settings: Settings,
    case: str = "",
    *,
    budget: int | None = None,
) -> Evaluation:
    """Evaluate one pair of label maps.

    Parameters
    ----------
    reference, prediction : Source
    settings : Settings
    case : str
        Name for the table.
    budget : int, optional
        Bytes that may be taken for maps that are read in pieces, the interpreter and the decoder of a store aside.
        Default: 2 GiB, or a quarter of the machine's memory if that is less. Results do not depend on it.
    """
    spacing, voxel_volume, about = geometry_of(reference, prediction, settings)
    if 1 in about["shape"] and settings.single_slice == "plane":
        reference, prediction, spacing = in_plane(reference, prediction, spacing)
    pair = _pair(reference, prediction, settings, budget)
    ignored = settings.ignore_label
    histogram = pair.histogram().without(ignored)
    structures = structures_in(settings, histogram, reference, prediction)
    tolerances = tolerances_of(settings, structures)
    counts = counts_of(histogram, structures)
    agree = settings.structures is not None or any(map(operator.attrgetter("tp"), counts))
    if not agree and (hint := mask_hint(histogram, ignored)):
        warnings.warn(hint, InputWarning, stacklevel=3)
    occur = [bool(settings.measurements) and not count.empty for count in counts]
    diagonal = math.hypot(*map(operator.mul, pair.shape, spacing))
    bands: Sequence[float] = tolerances
    if settings.boundary_width is not None:
        bands = bands_of(settings, structures, tolerances, diagonal)
    widths = widths_of(bands, settings.measurements)
    regions = regions_of(
        histogram,
        list(itertools.compress(structures, occur)),
        list(itertools.compress(widths, occur)),
    )
    request = Request(
        settings.measurements,
        spacing,
        settings.boundary,
        () if ignored is None else (ignored,),
        furthest=furthest_of(tolerances) if settings.within_tolerance else math.inf,
    )
    with uncollected(len(regions) * len(settings.metric_names)):
        measured: list[Measured] = [{}] * len(structures)
        places = itertools.compress(range(len(structures)), occur)
        for place, found in zip(
            places, pair.measure(regions, request) if regions else (), strict=True
        ):
            measured[place] = found
        rows = rows_of(
            case,
            settings,
            structures,
            counts,
            measured,
            tolerances,
            diagonal,
            voxel_volume,
        )
    if settings.flags:
        raise_flags(
            rows,
            settings,
            histogram,
            pair.shape,
            spacing,
            structures,
            measured,
            tolerances,
            all_distances=not settings.within_tolerance,
        )
    about["backend"] = pair.backend.name
    if settings.structures is not None:
        unlisted = unlisted_labels(structures, histogram, ignored)
        if unlisted:
            about["unlisted_labels"] = unlisted
    return Evaluation(rows, settings.metric_names, about)


def geometry_of(
    reference: Source, prediction: Source, settings: Settings
) -> tuple[Spacing, float, dict[str, Any]]:
    """Find the size of a voxel along each axis and its volume, and begin the settings of an evaluation."""
    first = reference.array
    shape = reference.shape if first is None else first.shape
    own = reference.spacing if reference.spacing is not None else prediction.spacing
    spacing = as_spacing(own if settings.spacing is None else settings.spacing, len(shape))
    grid = reference.grid if reference.grid is not None else prediction.grid
    if settings.spacing is None and grid is not None and settings.measurements:
        io.check_right_angles(grid, reference.name)
    voxel_volume = (
        math.prod(spacing)
        if settings.spacing is not None or grid is None
        else float(grid.voxel_volume)
    )
    about = {
        "fastseg": __version__,
        "shape": list(shape),
        "spacing": list(spacing),
        "unit": "voxels" if settings.spacing is None and own is None else "mm",
        **settings.plain,
    }
    return spacing, voxel_volume, about


def tolerances_of(settings: Settings, structures: Sequence[Structure]) -> list[float]:
    """Find the tolerance of each structure."""
    if isinstance(settings.tolerance, Mapping):
        any_id = settings.structures is None
        return as_tolerances(settings.tolerance, structures, any_id=any_id)
    return [settings.tolerance] * len(structures)


def bands_of(
    settings: Settings,
    structures: Sequence[Structure],
    tolerances: Sequence[float],
    diagonal: float,
) -> Sequence[float]:
    """Find how wide the boundary band of each structure is meant to be, in an image of this diagonal."""
    width = settings.boundary_width
    if width is None:
        return tolerances
    if isinstance(width, Mapping):
        any_id = settings.structures is None
        return as_tolerances(width, structures, any_id=any_id, argument="boundary_width")
    return [SHARE_OF_DIAGONAL * diagonal if isinstance(width, str) else width] * len(structures)


def widths_of(bands: Sequence[float], measurements: frozenset[str]) -> list[float]:
    """Find the width of each structure's boundary band to the last bit; 0 where none is measured."""
    if "band_overlap" not in measurements:
        return [0.0] * len(bands)
    known = {one: width_of_band(one) for one in set(bands)}
    return list(map(known.__getitem__, bands))


def furthest_of(tolerances: Sequence[float]) -> float:
    """Find the distance beyond which none is needed, where all are compared with tolerances alone."""
    return max(map(widest_within, set(tolerances)), default=0.0)


def kept_axes(shape: Sequence[int]) -> list[int]:
    """List the axes of more than one entry; one always stays."""
    return [axis for axis, size in enumerate(shape) if size > 1] or [len(shape) - 1]


def in_plane(
    reference: Source, prediction: Source, spacing: Spacing
) -> tuple[Source, Source, Spacing]:
    """Leave out the axes of one entry, along which no voxel has a neighbour; one axis always stays."""
    check_same_shape(reference, prediction)
    shape = reference.shape
    kept = kept_axes(shape)
    plane = tuple(shape[axis] for axis in kept)
    return (
        reference.with_shape(plane),
        prediction.with_shape(plane),
        tuple(spacing[axis] for axis in kept),
    )
