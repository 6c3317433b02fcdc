"""One case by its instances: lesions, cells, organs, each with its partner and metrics, and how well all were found."""

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
    bands_of,
    geometry_of,
    in_plane,
    kept_axes,
    open_pair,
    tolerances_of,
)
from fastseg.evaluation.naming import unlisted_labels
from fastseg.evaluation.rows import raise_flags
from fastseg.evaluation.settings import BoundaryWidth, SingleSlice, all_within_tolerance, are_fixed
from fastseg.evaluation.structures import structures_in
from fastseg.flags import FlagsArgument
from fastseg.inputs.arrays import Array, check_same_shape, matched
from fastseg.inputs.source import Source, whole_map
from fastseg.inputs.structures import Labels, Structure
from fastseg.instances.case_instances import CaseInstances
from fastseg.instances.components import Components
from fastseg.instances.confidence import Confidences, OfVoxels
from fastseg.instances.matched_case import CaseFacts, MatchedCase
from fastseg.instances.matching import match
from fastseg.instances.measuring import Measuring
from fastseg.instances.partners import Partners
from fastseg.instances.rows import rows_of_case
from fastseg.instances.settings import InstanceSettings, kept
from fastseg.instances.structure_instances import CaseMaps, structure_instances
from fastseg.instances.voronoi import rows_of_regions
from fastseg.measures.distributions import PercentileMethod
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.mask_hint import mask_hint
from fastseg.measures.surface_distances import Boundary, operations_for
from fastseg.metrics.empty_masks import Value
from fastseg.results import Evaluation
from fastseg.results.score_facts import SCORES

_OPERATIONS = ("joint_histogram", "region_components", "connected_components")

#: what all given instances are together, where no labels tell it
ALL_INSTANCES = "instances"

# More labels than any atlas has: most likely they are instances.
_MANY_STRUCTURES = 512

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
    regions: Literal["matched", "voronoi"] = "matched",
    confidence: Any = None,
    confidence_of: OfVoxels = "max",
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
        of which all are given if none is named. Of the instances of both sides as partitions, metrics that are named:
        see ``list_metrics("partitions")``; over the voxels of the reference's instances. Default: all but those.
    structure_metrics : str or iterable of str, optional
        Metrics of :func:`evaluate` of each structure as a whole. Default: those of `metrics` that counts of voxels
        give.
    size_classes : sequence of float
        Volumes, ascending, that part reference instances into classes, each of which gets a recall: ``[50, 500]`` gives
        ``instance_recall_below_50``, ``instance_recall_50_to_500`` and ``instance_recall_from_500``.
    regions : {"matched", "voronoi"}
        What a reference instance is compared with: what was matched to it, or all that was predicted nearer to it than
        to another one, see :func:`voronoi_regions`. Then nothing is matched: there are rows of reference instances
        alone, and structures have the means over these, by the policy `empty` where nothing was predicted in a region.
    confidence : mapping, array_like, path or image, optional
        How sure the prediction was of its instances: a mapping of their ids to numbers, or of names of structures to
        such mappings; or the probability of each voxel. In :func:`evaluate_cohort` a folder with an image of each case.
    confidence_of : {"max", "mean"}
        What an instance's confidence is of the probabilities of its voxels.
    tolerance, boundary_width, beta, boundary, percentile_method, ignore_label, backend, case, single_slice
        As in :func:`evaluate`. Ignored voxels are background before components are found.
    empty : str or mapping
        As in :func:`evaluate`; also what an instance without a partner is worth, and so what it costs in the means over
        all instances: ``{"hd95": 374}``. Of "raise", it is nan.
    grid_tolerance, ignore_grid, reorient
        As in :func:`evaluate`.
    flags : bool, str, iterable of str, or mapping of str to float or bool
        As in :func:`evaluate`, of the rows of structures.

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

    Warns
    -----
    InputWarning
        For hundreds of labels that are taken for structures: they may be instances that are given.

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
    options: dict[str, Any] = {
        "spacing": spacing,
        "labels": labels,
        "components": components,
        "connectivity": connectivity,
        "dilation": dilation,
        "dilation_connectivity": dilation_connectivity,
        "minimum_size": minimum_size,
        "matching": matching,
        "score": score,
        "threshold": threshold,
        "strict": strict,
        "many_to_one": many_to_one,
        "together": together,
        "metrics": metrics,
        "structure_metrics": structure_metrics,
        "size_classes": size_classes,
        "regions": regions,
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
    fixed = are_fixed(options.values())
    settings = kept(**options) if fixed else InstanceSettings.checked(**options)
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
        Default: as the settings say.
    """
    spacing, voxel_volume, about = geometry_of(reference, prediction, settings)
    if confidences is None and settings.confidence is not None:
        confidences = Confidences.of_case(settings.confidence, case, settings.confidence_of)
    confidences = confidences or Confidences(None)
    given = reference
    shape = tuple(about["shape"])
    axes = tuple(range(len(shape)))
    if settings.single_slice == "plane" and 1 in shape:
        axes = tuple(kept_axes(shape))
        reference, prediction, spacing = in_plane(reference, prediction, spacing)
    backend, maps, n_ignored = _maps(reference, prediction, settings)
    histogram = backend.operations.joint_histogram(*maps)
    structures = _structures(settings, histogram, reference, prediction)
    if settings.structures is None and len(structures) >= _MANY_STRUCTURES:
        warnings.warn(
            f"each of {len(structures)} labels is taken for a structure with instances of its own; if labels are "
            "instances, pass components='given' (--components)",
            InputWarning,
            stacklevel=3,
        )
    rules = settings.rules(len(shape), len(axes))
    case_maps = CaseMaps(backend.operations, maps, histogram)
    found = CaseInstances(structure_instances(case_maps, structures, rules), len(axes))
    tolerances = tolerances_of(settings, structures)
    diagonal = math.hypot(*map(operator.mul, maps[0].shape, spacing))
    facts = CaseFacts(
        case,
        settings,
        n_ignored,
        diagonal,
        voxel_volume,
        shape,
        axes,
        tolerances,
        bands_of(settings, structures, tolerances, diagonal),
    )
    measuring = Measuring(case_maps, settings, spacing, facts.tolerances, facts.bands)
    of_wholes = measuring.wholes(found.structures)
    if settings.regions == "voronoi":
        rows = rows_of_regions(found.structures, facts, spacing, of_wholes)
    else:
        names = [structure.name for structure in structures]
        confidences.check(given, settings.grid_rules, names)
        matched_case = _matched(found, settings, confidences, maps[0].shape)
        of_pairs = measuring.pairs(matched_case)
        rows = rows_of_case(matched_case, facts, of_pairs, of_wholes)
    if settings.flags:
        raise_flags(
            [row for row in rows if row.level == "structure"],
            settings,
            histogram,
            maps[0].shape,
            spacing,
            structures,
            of_wholes,
            facts.tolerances,
            instance_sizes=[one.table.reference.sizes for one in found.structures],
            all_distances=not all_within_tolerance(settings.structure_metrics),
        )
    about["backend"] = backend.name
    about[SCORES] = settings.scores
    connected = settings.components == ("connected", "connected")
    agree = settings.structures is not None or any(one.counts.tp for one in found.structures)
    if connected and not agree and (hint := mask_hint(histogram, settings.ignore_label)):
        warnings.warn(hint, InputWarning, stacklevel=3)
    if settings.structures is not None:
        unlisted = unlisted_labels(structures, histogram, settings.ignore_label)
        if unlisted:
            about["unlisted_labels"] = unlisted
    return Evaluation(tuple(rows), settings.columns, about)


def _matched(
    found: CaseInstances,
    settings: InstanceSettings,
    confidences: Confidences,
    shape: tuple[int, ...],
) -> MatchedCase:
    """Match the instances of all structures."""
    matching = match(
        found.table,
        matching=settings.matching,
        score=settings.score,
        threshold=settings.threshold,
        strict=settings.strict,
        many_to_one=settings.many_to_one,
        together=settings.together,
        centers=found.centers if settings.matching == "center" else None,
    )
    partners = Partners(matching, found.sums)
    return MatchedCase(found, matching, partners, confidences.of_all(found, shape))


def _maps(
    reference: Source, prediction: Source, settings: InstanceSettings
) -> tuple[Backend, tuple[Array, Array], int]:
    """Choose a backend and bring both maps to it, ignored voxels as background; count these."""
    maps = whole_map(reference, "instances"), whole_map(prediction, "instances")
    check_same_shape(*maps)
    measurements = settings.measurements | settings.measured_of(settings.structure_metrics)
    backend = dispatch.choose(
        (*_OPERATIONS, *operations_for(measurements, settings.boundary)),
        maps[0].ndim,
        settings.backend,
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
    return structures_in(settings, histogram, reference, prediction)
