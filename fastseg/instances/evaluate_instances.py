"""One case by its instances: lesions, cells, organs, each with its partner and its metrics, and how well all were found."""

from __future__ import annotations

import math
import operator
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fastseg import dispatch, io
from fastseg.backends.protocol import Backend
from fastseg.errors import InputWarning
from fastseg.evaluation.case import (
    furthest_of,
    geometry_of,
    in_plane,
    kept_axes,
    open_pair,
    tolerances_of,
    widths_of,
)
from fastseg.evaluation.naming import named_structures, unlisted_labels
from fastseg.evaluation.settings import SingleSlice
from fastseg.evaluation.structures import structures_of
from fastseg.inputs.arrays import Array, Spacing, check_same_shape, matched
from fastseg.inputs.device import memory_of
from fastseg.inputs.source import RoundedSource, Source
from fastseg.inputs.structures import Labels, Structure
from fastseg.instances.components import Components
from fastseg.instances.confidence import Confidences, OfVoxels
from fastseg.instances.matching import match
from fastseg.instances.partners import Partners
from fastseg.instances.rows import CaseFacts, MatchedStructure, instance_rows, structure_row
from fastseg.instances.settings import InstanceSettings
from fastseg.instances.structure_instances import (
    CaseMaps,
    StructureInstances,
    structure_instances,
)
from fastseg.measures.distributions import PercentileMethod
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.mask_hint import mask_hint
from fastseg.measures.matching import Matching
from fastseg.measures.regions import ManyRegions, Measured, Region, Request
from fastseg.measures.surface_distances import Boundary
from fastseg.metrics.empty_masks import Value
from fastseg.results import Evaluation, Row
from fastseg.results.score_facts import SCORES

_OPERATIONS = ("joint_histogram", "region_components", "connected_components")

#: what all given instances are together, where no labels tell it
ALL_INSTANCES = "instances"

# from `dispatch.choose` to the line that called `evaluate_instances`
_STACKLEVEL = 6


def evaluate_instances(
    reference: Any,
    prediction: Any,
    *,
    spacing: float | Sequence[float] | None = None,
    labels: Labels | None = None,
    components: Components | Mapping[str, Components] = "connected",
    connectivity: int | None = None,
    dilation: int | Mapping[str, int] = 0,
    dilation_connectivity: int | None = None,
    minimum_size: int | Mapping[str, int] = 0,
    matching: Literal["greedy", "optimal", "overlap", "any", "center", "merge"] = "greedy",
    score: Literal["iou", "dice", "recall", "precision"] = "iou",
    threshold: float = 0.5,
    strict: bool = False,
    many_to_one: bool = False,
    together: bool = False,
    metrics: str | Iterable[str] | None = None,
    structure_metrics: str | Iterable[str] | None = None,
    size_classes: Sequence[float] = (),
    confidence: Any = None,
    confidence_of: OfVoxels = "max",
    tolerance: float | Mapping[str | int, float] = 1.0,
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
) -> Evaluation:
    """Compare the instances of two label maps: which were found, and every metric of each.

    Parameters
    ----------
    reference, prediction : array_like, path or image
        As :func:`evaluate` takes them, in CPU memory.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the image's own, and 1 for plain arrays.
    labels : iterable of int, or mapping of names to labels, optional
        The structures, as in :func:`evaluate`; instances of one are matched with instances of the same alone.
        Default: all labels of either map but 0 and `ignore_label`, each a structure. Of a side whose instances are
        given they are the ids of instances; by default all of these are one structure, "instances".
    components : {"connected", "given"}, or mapping
        What an instance is: a connected component of a structure, which is numbered as :func:`connected_components`
        numbers the structure's mask; or each label of the map, which is its id. For the sides to differ:
        ``{"reference": "given", "prediction": "connected"}``.
    connectivity : int, optional
        Of components, as in :func:`connected_components`. Default: corners connect, too.
    dilation : int, or mapping of sides to int
        Components that are connected once the mask was dilated so many times are one instance, numbered by the first
        of them; what is measured is not dilated.
    dilation_connectivity : int, optional
        Which neighbours a dilation adds. Default: as `connectivity`.
    minimum_size : int, or mapping of sides to int
        Voxels that an instance has at least; smaller ones count nowhere but in metrics of the structure as a whole.
    matching : {"greedy", "optimal", "overlap", "any", "center", "merge"}
        Which pairs are accepted. "greedy": the best pair first, then the best of what is left. "optimal": the pairs
        with the largest sum of scores. "overlap", "any": every pair that reaches the threshold, or shares a voxel, be
        it with instances of other pairs. "center": a prediction and the reference instance that holds its centroid.
        "merge": as greedy, and further predictions while they make the score of all together larger.
    score : {"iou", "dice", "recall", "precision"}
        By which pairs are judged; recall is the share of the reference instance that is covered, precision that of
        the prediction.
    threshold : float
        The least score of a pair, 0 to 1.
    strict : bool
        Whether a score has to be larger than the threshold.
    many_to_one : bool
        Whether several predictions may be matched to one reference instance; "overlap", "any" and "merge" do so
        anyway.
    together : bool
        Of "overlap": whether all predictions that touch a reference instance are judged as one.
    metrics : str or iterable of str, optional
        Of instances, any metric of :func:`evaluate`; and of how they were matched, see ``list_metrics("instances")``,
        of which all are given if none is named. Default: all.
    structure_metrics : str or iterable of str, optional
        Metrics of :func:`evaluate` of each structure as a whole. Default: those of `metrics` that counts of voxels
        give.
    size_classes : sequence of float
        Volumes, ascending, that part reference instances into classes, each of which gets a recall: ``[50, 500]`` gives
        ``instance_recall_below_50``, ``instance_recall_50_to_500`` and ``instance_recall_from_500``.
    confidence : mapping or array_like, optional
        How sure the prediction was of its instances: a mapping of their ids to numbers, or of names of structures to
        such mappings; or an array of the maps' shape with the probability of each voxel.
    confidence_of : {"max", "mean"}
        What an instance's confidence is of the probabilities of its voxels.
    tolerance, boundary, percentile_method, ignore_label, backend, case, single_slice
        As in :func:`evaluate`. Ignored voxels are background before components are found.
    empty : str or mapping
        As in :func:`evaluate`; also what an instance without a partner is worth, and so what it costs in the means over
        all instances: ``{"hd95": 374}``. Of "raise", it is nan.
    grid_tolerance, ignore_grid, reorient
        As in :func:`evaluate`.

    Returns
    -------
    Evaluation
        For each structure a row of the level "structure", then its instances, rows of the level "instance": each
        reference instance with the prediction or predictions that it has, as one, or with none, by ascending id; then
        each prediction that has none. ``evaluation["lesion"]["instance_recall"]`` is of the structure,
        ``evaluation.instances("lesion")`` are the rows of instances: `reference_label` and `prediction_label` are ids,
        and ``row.instance`` has score, confidence, boxes and centroids. Rows of structures have the metrics of how
        instances were matched, and for each metric of instances its mean over the matched ones (``matched_dice``) and
        over all of them, missed and false ones by the policy `empty` (``lesionwise_dice``); undefined values are left
        out of means.

    Raises
    ------
    TypeError, ValueError
        As :func:`evaluate`; also for options that do not fit together, for a predicted instance without a confidence,
        and for arrays on a GPU.
    EmptyMaskError
        Under ``empty="raise"``, for a structure that one of the maps lacks.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> reference = np.zeros((40, 40), np.uint8)
    >>> reference[2:12, 2:12] = reference[20:30, 20:30] = 1
    >>> prediction = np.zeros_like(reference)
    >>> prediction[2:12, 2:10] = prediction[35:38, 2:5] = 1
    >>> evaluation = fastseg.evaluate_instances(reference, prediction, labels={"lesion": 1}, metrics=["dice", "hd95"])
    >>> lesion = evaluation["lesion"]
    >>> lesion["instance_recall"], round(lesion["matched_dice"], 3), round(lesion["lesionwise_dice"], 3)
    (0.5, 0.889, 0.296)
    >>> for row in evaluation.instances("lesion"):
    ...     print(row.reference_label, row.prediction_label, round(row["dice"], 3), row.instance.reference_box)
    1 1 0.889 ((2, 12), (2, 12))
    2 None 0.0 ((20, 30), (20, 30))
    None 2 0.0 None
    """
    settings = InstanceSettings.checked(
        spacing=spacing,
        labels=labels,
        components=components,
        connectivity=connectivity,
        dilation=dilation,
        dilation_connectivity=dilation_connectivity,
        minimum_size=minimum_size,
        matching=matching,
        score=score,
        threshold=threshold,
        strict=strict,
        many_to_one=many_to_one,
        together=together,
        metrics=metrics,
        structure_metrics=structure_metrics,
        size_classes=size_classes,
        tolerance=tolerance,
        boundary=boundary,
        percentile_method=percentile_method,
        empty=empty,
        ignore_label=ignore_label,
        backend=backend,
        single_slice=single_slice,
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
    )
    confidences = Confidences(confidence, confidence_of)
    if not case and isinstance(prediction, (str, os.PathLike)):
        case = io.image_stem(prediction)
    return evaluate_instances_case(
        *open_pair(reference, prediction, settings), settings, case, confidences=confidences
    )


def evaluate_instances_case(
    reference: Source,
    prediction: Source,
    settings: InstanceSettings,
    case: str = "",
    *,
    confidences: Confidences | None = None,
) -> Evaluation:
    """Evaluate one pair of label maps by their instances; both are read whole.

    Parameters
    ----------
    reference, prediction : Source
    settings : InstanceSettings
    case : str
        Name for the table.
    confidences : Confidences, optional
    """
    spacing, voxel_volume, about = geometry_of(reference, prediction, settings)
    shape = tuple(about["shape"])
    axes = tuple(range(len(shape)))
    if settings.single_slice == "plane" and 1 in shape:
        axes = tuple(kept_axes(shape))
        reference, prediction, spacing = in_plane(reference, prediction, spacing)
    backend, maps, n_ignored = _maps(reference, prediction, settings)
    histogram = backend.operations.joint_histogram(*maps)
    structures = _structures(settings, histogram, reference, prediction)
    tolerances = tolerances_of(settings, structures)
    rules = settings.rules(len(shape), len(axes))
    found = structure_instances(CaseMaps(backend.operations, maps, histogram), structures, rules)
    facts = CaseFacts(
        case,
        settings,
        histogram.total - n_ignored,
        math.hypot(*map(operator.mul, maps[0].shape, spacing)),
        voxel_volume,
        shape,
        axes,
    )
    confidences = confidences or Confidences(None)
    confidences.check(shape, [structure.name for structure in structures])
    matches = [
        _matched(one, settings, confidences, tolerance)
        for one, tolerance in zip(found, tolerances, strict=True)
    ]
    rows = _rows(backend, matches, facts, spacing, n_ignored)
    about["backend"] = backend.name
    about[SCORES] = settings.scores
    connected = settings.components == ("connected", "connected")
    if connected and settings.structures is None and not any(row.counts.tp for row in rows):
        if hint := mask_hint(histogram, settings.ignore_label):
            warnings.warn(hint, InputWarning, stacklevel=3)
    if settings.structures is not None:
        unlisted = unlisted_labels(structures, histogram, settings.ignore_label)
        if unlisted:
            about["unlisted_labels"] = unlisted
    return Evaluation(tuple(rows), settings.columns, about)


def _maps(
    reference: Source, prediction: Source, settings: InstanceSettings
) -> tuple[Backend, tuple[Array, Array], int]:
    """Choose a backend and bring both maps to it, ignored voxels as background; count these."""
    maps = _whole(reference), _whole(prediction)
    check_same_shape(*maps)
    measurements = settings.measurements | settings.measured_of(settings.structure_metrics)
    backend = dispatch.choose(
        (*_OPERATIONS, *sorted(measurements)),
        maps[0].ndim,
        settings.backend,
        memory=memory_of(maps[0]),
        stacklevel=_STACKLEVEL,
    )
    maps = matched(*maps)
    if settings.ignore_label is None:
        return backend, maps, 0
    ignored = maps[0] == settings.ignore_label
    n_ignored = int(np.count_nonzero(ignored))
    if n_ignored:
        maps = maps[0].copy(order="K"), maps[1].copy(order="K")
        for labels in maps:
            labels[ignored] = 0
    return backend, maps, n_ignored


def _whole(source: Source) -> Array:
    """Give all labels of a source as an array."""
    if source.array is not None:
        return source.array
    labels = source.window(tuple(slice(0, size) for size in source.shape))
    if isinstance(source, RoundedSource) and not labels.any():
        source.check_background()
    return labels


def _structures(
    settings: InstanceSettings, histogram: JointHistogram, reference: Source, prediction: Source
) -> Sequence[Structure]:
    """List what to evaluate: what was asked for, each label, or all given instances together."""
    if "given" in settings.components and settings.structures is None:
        of_sides = []
        for side in histogram.sides:
            kept = [label for label in side.labels.tolist() if label != settings.ignore_label]
            of_sides.append(tuple(label for label in kept if label))
        return [Structure(ALL_INSTANCES, 1, of_sides[0], of_sides[1])]
    if reference.segments or prediction.segments:
        return named_structures(settings, histogram, reference, prediction)
    return structures_of(settings, histogram)


def _matched(
    instances: StructureInstances,
    settings: InstanceSettings,
    confidences: Confidences,
    tolerance: float,
) -> MatchedStructure:
    """Match the instances of a structure."""
    table = instances.table
    matching: Matching = match(
        table,
        matching=settings.matching,
        score=settings.score,
        threshold=settings.threshold,
        strict=settings.strict,
        many_to_one=settings.many_to_one,
        together=settings.together,
        centers=instances.centers if settings.matching == "center" else None,
    )
    partners = Partners(matching, (instances.sums(0), instances.sums(1)))
    plane = instances.case.maps[0].shape
    return MatchedStructure(
        instances, matching, partners, confidences.of(instances, plane), tolerance
    )


def _rows(
    backend: Backend,
    matches: Sequence[MatchedStructure],
    facts: CaseFacts,
    spacing: Spacing,
    n_ignored: int,
) -> list[Row]:
    """Measure what is asked for, and make the rows of each structure and of its instances."""
    settings = facts.settings
    of_pairs = _measured_pairs(backend, matches, settings, spacing)
    of_wholes = _measured_wholes(backend, matches, settings, spacing)
    rows = []
    for one, pairs, whole in zip(matches, of_pairs, of_wholes, strict=True):
        structure = one.instances.structure
        histogram = one.instances.case.histogram
        counts = histogram.pair_counts(structure.reference, structure.prediction)
        counts = counts._replace(tn=counts.tn - n_ignored)
        own = instance_rows(one, facts, pairs)
        rows.append(structure_row(one, facts, counts, whole, own))
        rows += own
    return rows


def _request(
    settings: InstanceSettings,
    measurements: frozenset[str],
    spacing: Spacing,
    tolerances: Sequence[float],
    within: bool,
) -> Request:
    furthest = furthest_of(tolerances) if within else math.inf
    return Request(measurements, spacing, settings.boundary, furthest=furthest)


def _measured_pairs(
    backend: Backend,
    matches: Sequence[MatchedStructure],
    settings: InstanceSettings,
    spacing: Spacing,
) -> list[Sequence[Measured]]:
    """Measure every pair of instances: those that are labels of the maps all at once."""
    if not settings.measurements or not matches:
        return [[] for _ in matches]
    tolerances = [one.tolerance for one in matches]
    widths = widths_of(tolerances, settings.measurements)
    request = _request(
        settings, settings.measurements, spacing, tolerances, settings.within_tolerance
    )
    regions = [_regions(one, width) for one, width in zip(matches, widths, strict=True)]
    shared = [
        place
        for place, one in enumerate(matches)
        if not one.instances.in_box and len(regions[place])
    ]
    measured: list[Sequence[Measured]] = [[] for _ in matches]
    if shared:
        joined = ManyRegions(
            [labels for place in shared for labels in regions[place].reference],
            [labels for place in shared for labels in regions[place].prediction],
            np.concatenate([regions[place].starts for place in shared]),
            np.concatenate([regions[place].stops for place in shared]),
            [width for place in shared for width in regions[place].tolerances],
        )
        maps = matches[0].instances.case.maps
        found = iter(backend.operations.measure(*maps, joined, request))
        for place in shared:
            measured[place] = [next(found) for _ in range(len(regions[place]))]
    for place, one in enumerate(matches):
        if one.instances.in_box and len(regions[place]):
            measured[place] = one.instances.pair.measure(regions[place], request)
    return measured


def _regions(one: MatchedStructure, width: float) -> ManyRegions:
    """List the pairs of instances of a structure, in the maps that hold them."""
    first, second = one.instances.sides
    references, predictions = [], []
    for row, rows in zip(range(one.partners.n_references), one.partners.predictions, strict=False):
        if rows:
            references.append(first.labels[row])
            labels = [second.labels[prediction] for prediction in rows]
            predictions.append(labels[0] if len(labels) == 1 else sum(labels, ()))
    starts, stops = one.partners.pair_boxes
    start = one.instances.start
    widths = [width] * len(references)
    return ManyRegions(references, predictions, starts - start, stops - start, widths)


def _measured_wholes(
    backend: Backend,
    matches: Sequence[MatchedStructure],
    settings: InstanceSettings,
    spacing: Spacing,
) -> list[Measured]:
    """Measure every structure as a whole that both maps have."""
    metrics = settings.structure_metrics
    measurements = settings.measured_of(metrics)
    wholes: list[Measured] = [{} for _ in matches]
    if not measurements:
        return wholes
    tolerances = [one.tolerance for one in matches]
    widths = widths_of(tolerances, measurements)
    regions, places = [], []
    for place, (one, width) in enumerate(zip(matches, widths, strict=True)):
        structure = one.instances.structure
        rows = [
            side.rows(labels)
            for side, labels in zip(
                one.instances.case.histogram.sides,
                (structure.reference, structure.prediction),
                strict=True,
            )
        ]
        if all(rows):
            regions.append(
                Region(structure.reference, structure.prediction, one.instances.box, width)
            )
            places.append(place)
    if regions:
        of_distances = [m for m in metrics if m.measurement == "surface_distributions"]
        within = bool(of_distances) and all(m.within_tolerance for m in of_distances)
        request = _request(settings, measurements, spacing, tolerances, within)
        maps = matches[0].instances.case.maps
        for place, found in zip(
            places, backend.operations.measure(*maps, regions, request), strict=True
        ):
            wholes[place] = found
    return wholes
