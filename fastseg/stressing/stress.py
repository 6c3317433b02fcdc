"""Errors of a mask beside all metrics: the public call."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastseg import dispatch, io, threads
from fastseg.errors import InputError, InputWarning
from fastseg.evaluation.case import geometry_of, in_plane, tolerances_of
from fastseg.evaluation.settings import Settings, SingleSlice
from fastseg.evaluation.structures import structures_in
from fastseg.inputs.arrays import Array, Spacing
from fastseg.inputs.device import memory_of
from fastseg.inputs.scalars import as_flag, as_whole_number
from fastseg.inputs.source import Source, whole_map
from fastseg.inputs.structures import Labels, Structure
from fastseg.instances.settings import InstanceSettings
from fastseg.measures.distributions import PercentileMethod
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.surface_distances import Boundary
from fastseg.metrics import list_metrics, resolve
from fastseg.stressing.measuring import Measurer
from fastseg.stressing.registry import ErrorsArgument, Level, StressError, as_errors
from fastseg.stressing.results import StressResult
from fastseg.stressing.rows import Stressed, StressRow
from fastseg.stressing.sensitivity import scale_of
from fastseg.stressing.structure import Damage, NotPossibleError, StressedStructure

#: the groups that are all metrics of structures
ALL_GROUPS = ("overlap", "surface", "shape", "topology")


def stress(
    reference: Any,
    *,
    spacing: float | Sequence[float] | None = None,
    labels: Labels | None = None,
    metrics: str | Iterable[str] | None = None,
    errors: ErrorsArgument | None = None,
    severities: int | Sequence[int] = 5,
    seed: int = 0,
    instances: bool = False,
    tolerance: float | Mapping[str | int, float] = 1.0,
    boundary: Boundary = "voxel",
    percentile_method: PercentileMethod = "max_of_directions",
    ignore_label: int | None = None,
    backend: str | None = None,
    single_slice: SingleSlice = "plane",
) -> StressResult:
    """Make errors of the structures of a label map, and see which metric sees which of them.

    Parameters
    ----------
    reference : array_like, path or image
        A label map, as :func:`evaluate` takes it, in CPU memory.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the image's own, and 1 for plain arrays.
    labels : iterable of int, or mapping of names to labels, optional
        The structures, as :func:`evaluate` takes them. Default: all labels but 0 and `ignore_label`.
    metrics : str or iterable of str, optional
        Metrics of :func:`evaluate`. Default: those of overlap, surface, shape and topology.
    errors : str, iterable of str, or mapping of str to sequence of float, optional
        Names, see :func:`list_stress_errors`; a mapping gives amounts of one's own, in the error's unit, in place of
        the severities, or None for these. Default: all.
    severities : int or sequence of int
        How many of the five severities, up to the largest, or which of them.
    seed : int
        Of what is drawn: the direction of a shift, and which slices are missing. The same seed gives the same errors.
    instances : bool
        Whether metrics of instances are measured too: of connected components, as :func:`evaluate_instances` matches
        them.
    tolerance, boundary, percentile_method, ignore_label, backend, single_slice
        As :func:`evaluate` takes them.

    Returns
    -------
    StressResult
        `rows`: the metrics of each structure, error and severity; `sensitivities()`: what each error costs each metric;
        `blind_spots()` and `sentences()`: what a metric does not see; `plot()`, `to_csv()`, `to_json()`, `to_html()`.

    Raises
    ------
    TypeError, ValueError
        As :func:`evaluate`; for an unknown error, severities that there are not, a negative seed, arrays on a GPU.

    Notes
    -----
    Each structure is damaged by itself; its metrics are those that :func:`evaluate` gives of it, to the bit, with
    ``empty="worst"``. Its prediction may lie over other structures. An error that makes no sense for a structure, or
    that leaves nothing of it, is left out with a reason; so is a severity that changes no voxel.

    The sensitivity is the loss, from the value for the perfect mask, as a share of what can be lost: to the worst value
    where there is one; otherwise of a length the radius of a ball as large as the structure, of an area that ball's
    surface, of a volume the structure's, of other numbers 1. Larger losses are 1.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> mask = np.zeros((40, 40), bool); mask[10:30, 10:30] = True
    >>> found = fastseg.stress(mask, errors=("hole", "dilation"), metrics=("dice", "hd95", "hole_count_difference"))
    >>> found.blind_spots()["1"]
    {'dice': ('hole',), 'hd95': (), 'hole_count_difference': ('dilation',)}
    """
    chosen = as_errors(errors, severities)
    number = as_whole_number(seed, "seed")
    if number < 0:
        raise InputError(f"seed: expected a whole number of at least 0, got {number}")
    options: dict[str, Any] = {
        "spacing": spacing,
        "labels": labels,
        "tolerance": tolerance,
        "boundary": boundary,
        "percentile_method": percentile_method,
        "ignore_label": ignore_label,
        "backend": backend,
        "single_slice": single_slice,
    }
    settings = Settings.checked(
        metrics=ALL_GROUPS if metrics is None else metrics, flags=False, **options
    )
    of_instances = _instance_settings(settings) if as_flag(instances, "instances") else None
    read = io.read_map(reference, "" if io.is_image_path(reference) else "reference")
    for note in read.notes:
        warnings.warn(note, InputWarning, stacklevel=2)
    source = read.source
    sizes, voxel_volume, about = geometry_of(source, source, settings)
    if 1 in about["shape"] and settings.single_slice == "plane":
        source, _, sizes = in_plane(source, source, sizes)
    array = whole_map(source, "errors of masks")
    chosen_backend = dispatch.choose(
        ("joint_histogram", *sorted(settings.measurements)),
        array.ndim,
        settings.backend,
        memory=memory_of(array),
    )
    histogram = chosen_backend.operations.joint_histogram(*chosen_backend.placed(array, array))
    histogram = histogram.without(ignore_label)
    found = structures_in(settings, histogram, source, source)
    stressed = _stressed(found, histogram, array, sizes, _slice_axis(sizes, read.source), number)
    tolerances = tolerances_of(settings, found)
    measurer = Measurer(
        settings,
        of_instances,
        chosen_backend,
        array.shape,
        sizes,
        voxel_volume,
        None if ignore_label is None else np.asarray(array == ignore_label),
    )
    names = settings.metric_names
    if of_instances is not None:
        names += of_instances.detection_names
    there = [(one, each) for one, each in zip(stressed, tolerances, strict=True) if one is not None]
    whole = [_perfect(one, each, measurer, names) for one, each in there]
    # a thread an error: what is measured of one mask is little, and thinning it is serial
    rows = threads.run(
        lambda job: _rows(*job[0], measurer, *job[1], about["unit"]),
        itertools.product(there, chosen),
    )
    about |= {"backend": chosen_backend.name, "seed": number, "instances": of_instances is not None}
    missing = [one.name for one, at in zip(found, stressed, strict=True) if at is None]
    if missing:
        about["missing"] = missing
        warnings.warn(
            f"the map has no voxel of {', '.join(missing[:20])}", InputWarning, stacklevel=2
        )
    chosen_names = tuple(error.name for error, _ in chosen)
    flat = tuple(itertools.chain.from_iterable(rows))
    return StressResult(flat, tuple(whole), names, chosen_names, about)


def _instance_settings(settings: Settings) -> InstanceSettings:
    """Ask for all metrics of how instances are matched."""
    return InstanceSettings.checked(
        metrics=[metric.name for metric in list_metrics("instances")],
        structure_metrics=[],
        backend=settings.backend,
    )


def _slice_axis(spacing: Spacing, source: Source) -> int:
    """Find the axis along which slices follow each other: that of the largest voxels.

    Of several images have the last one, as their axes are x, y, z, and arrays the first.
    """
    thickest = [axis for axis, size in enumerate(spacing) if size == max(spacing)]
    return thickest[-1 if source.grid is not None else 0]


def _stressed(
    structures: Sequence[Structure],
    histogram: JointHistogram,
    array: Array,
    spacing: Spacing,
    slice_axis: int,
    seed: int,
) -> list[StressedStructure | None]:
    """Take the masks out of the map; None where it has no voxel of a structure."""
    found: list[StressedStructure | None] = []
    for one in structures:
        box = histogram.box(one.reference, one.reference)
        if box is None:
            found.append(None)
            continue
        part = array[box]
        mask = part if part.dtype == bool else part == one.reference[0]
        for label in one.reference[1:]:
            mask = mask | (part == label)
        start = tuple(along.start for along in box)
        mask = np.ascontiguousarray(mask)
        found.append(
            StressedStructure(
                one.name, one.label, mask, start, array.shape, spacing, slice_axis, seed
            )
        )
    there = [one for one in found if one is not None]
    for each in there:
        each.others.extend(other for other in there if other is not each)
    return found


def _perfect(
    one: StressedStructure, tolerance: float, measurer: Measurer, names: Sequence[str]
) -> Stressed:
    """Measure a structure beside itself, and find what counts as a loss of 1."""
    values = measurer.measure(one, Damage(one.mask, one.start), tolerance).values
    volume = one.voxels * measurer.voxel_volume
    size = one.voxels * math.prod(one.spacing)
    scales = {
        metric.name: scale_of(metric, values[metric.name], size, one.ndim)
        for metric in resolve(names)
    }
    return Stressed(one.name, one.label, one.voxels, volume, values, scales)


def _rows(
    one: StressedStructure,
    tolerance: float,
    measurer: Measurer,
    error: StressError,
    levels: Sequence[Level],
    unit: str,
) -> list[StressRow]:
    """Make one error of a structure in each severity, and measure it."""
    rows = []
    for severity, amount in levels:
        values: dict[str, float] = {}
        changed, why = 0, ""
        try:
            damage = error.function(one, amount)
            measured = measurer.measure(one, damage, tolerance)
            changed, values = measured.changed, measured.values
            if not changed:
                values, why = {}, "it changes no voxel"
        except NotPossibleError as reason:
            why = str(reason)
        rows.append(
            StressRow(
                *(one.name, one.label, error.name, severity, amount),
                unit if error.unit == "mm" else error.unit,
                *(changed, values, why),
            )
        )
    return rows
