"""Drop-in for panoptica's evaluator, and for the surface and overlap metrics of panoptica.

The evaluator, a subclass of panoptica's own::

    from fastseg.compat.panoptica import Panoptica_Evaluator

gives panoptica's results, with the same numbers to the bit, whatever its input, approximator, matcher, groups of
labels, edge cases, metrics and decision are, by Voronoi regions and as a curve over thresholds, too. It finds
components as runs, matches by the sparse table of what overlaps, and measures matches in one loop: no array of
instances is made.

What it does not know goes to panoptica's own method: classes of your own, groups of things with parts, matching by
other metrics than Dice and IoU, logging, intermediate steps, maps of other than 2 or 3 axes, and labels at which
panoptica's numbers overflow (a reference label of 255 or 65535 among unmatched instances; two labels that make 256).

Beside it are the functions of ``panoptica.metrics``, whose names begin with an underscore there too::

    from fastseg.compat.panoptica import _compute_instance_hausdorff_distance95

``fastseg.compat.patch("panoptica")`` puts all of it into panoptica.

Distances are panoptica's to the bit (to a unit in the last place where two nearest voxels tie); means of arrays in
Fortran order are summed in that order, so that their last digits may differ. Mind panoptica's names: its ASSD is the
mean of the two directions' means (MASD elsewhere), its HD95 the percentile of both directions pooled, its NSD the
mean of the two directions' shares. What differs on purpose:

* Of an empty mask panoptica's surface functions give what SciPy makes of it, numbers without a meaning or an error.
  Here distances to an empty mask are inf and its NSD is 0; if both are empty, all are nan.
* Masks of different shapes are always a ValueError; panoptica broadcasts them where NumPy can.

Spacings that are not positive and finite are left to panoptica, if it is installed; and so are its other metrics.
"""

from __future__ import annotations

import functools
import importlib
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.masks import (
    Floats,
    as_sampling,
    border_distances,
    check_one_shape,
    joint_histogram,
    pair_counts,
)
from fastseg.compat._support.patching import Host, NotCovered, Patch, falls_back_to, rest_of
from fastseg.instances.scores import scores_of
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region

_rest_of_metrics = rest_of("panoptica.metrics")
_rest = rest_of("panoptica")


def __getattr__(name: str) -> Any:
    """Give what the host has besides: of its metrics, and of the package."""
    if name == "Panoptica_Evaluator":
        return _evaluator_class()
    try:
        return _rest_of_metrics(name)
    except AttributeError:
        return _rest(name)


Array = NDArray[Any]
Spacing = float | Sequence[float] | None


def _instances(
    reference: Array, prediction: Array, reference_label: int | None, prediction_label: int | None
) -> tuple[Array, Array]:
    """The masks of two instances; the arrays as they are where none are named."""
    if reference_label is None and prediction_label is None:
        return reference, prediction
    return reference == reference_label, prediction == prediction_label


# ----------------------------------------------------------------------------------------- overlap


def _counts(reference: Array, prediction: Array) -> Counts:
    reference, prediction = np.asarray(reference), np.asarray(prediction)
    check_one_shape(reference, prediction, ("reference", "prediction"))
    return pair_counts(reference.astype(bool, copy=False), prediction.astype(bool, copy=False))


def _instance_counts(
    reference: Array, prediction: Array, reference_label: int | None, prediction_label: int | None
) -> Counts | None:
    """Count two instances, whose labels may differ; None where none are named."""
    if reference_label is None and prediction_label is None:
        return None
    maps = reference, prediction
    labels = reference_label, prediction_label
    if any(one is None for one in labels) or any(side.dtype.kind not in "biu" for side in maps):
        return _counts(*_instances(reference, prediction, *labels))
    check_one_shape(reference, prediction, ("reference", "prediction"))
    region = Region((int(labels[0] or 0),), (int(labels[1] or 0),))
    return pair_counts(reference, prediction, region)


def _compute_dice_coefficient(
    reference: Array, prediction: Array, *args: Any, **kwargs: Any
) -> float:
    """Dice coefficient of two masks of one shape; 0 if both are empty.

    The masks hold 0 and 1: other numbers count with their value in the denominator, as in panoptica.
    """
    reference, prediction = np.asarray(reference), np.asarray(prediction)
    tp, fp, fn, _ = _counts(reference, prediction)
    if reference.dtype == prediction.dtype == bool:
        total = np.int64(2 * tp + fp + fn)
    else:
        total = np.sum(reference) + np.sum(prediction)
    return 2 * np.int64(tp) / total if total else 0.0


def _compute_instance_volumetric_dice(
    ref_labels: Array,
    pred_labels: Array,
    ref_instance_idx: int | None = None,
    pred_instance_idx: int | None = None,
    *args: Any,
    **kwargs: Any,
) -> float:
    """Dice coefficient of two instances, or of two masks where no instances are named."""
    counts = _instance_counts(ref_labels, pred_labels, ref_instance_idx, pred_instance_idx)
    if counts is None:
        return _compute_dice_coefficient(ref_labels, pred_labels)
    total = np.int64(counts.reference + counts.prediction)
    return 2 * np.int64(counts.tp) / total if total else 0.0


def _compute_iou(reference_arr: Array, prediction_arr: Array, *args: Any, **kwargs: Any) -> float:
    """Intersection over union of two masks of one shape; 0 if both are empty."""
    return _iou(_counts(reference_arr, prediction_arr))


def _iou(counts: Counts) -> float:
    union = counts.tp + counts.fp + counts.fn
    return np.int64(counts.tp) / np.int64(union) if union else 0.0


def _compute_instance_iou(
    reference_arr: Array,
    prediction_arr: Array,
    ref_instance_idx: int | None = None,
    pred_instance_idx: int | None = None,
    *args: Any,
    **kwargs: Any,
) -> float:
    """Intersection over union of two instances, or of two masks where no instances are named."""
    counts = _instance_counts(reference_arr, prediction_arr, ref_instance_idx, pred_instance_idx)
    return _compute_iou(reference_arr, prediction_arr) if counts is None else _iou(counts)


# ---------------------------------------------------------------------------------------- surfaces


@falls_back_to("panoptica.metrics._surface_distances", "_surface_distance_pair")
def _surface_distance_pair(
    reference: Array, prediction: Array, voxelspacing: Spacing = None, connectivity: int = 1
) -> tuple[Floats, Floats]:
    """Distances from the reference's border to the prediction's, and back, of which the others are reductions.

    Parameters
    ----------
    reference, prediction : ndarray
        Masks of one shape; not 0 is inside.
    voxelspacing : float or sequence of float, optional
        Voxel size along each axis. Default 1.
    connectivity : int
        Which neighbours make a border: those that differ along at most this many axes.

    Returns
    -------
    float64 ndarray (n,), float64 ndarray (m,)
        inf where the other mask is empty.

    Raises
    ------
    RuntimeError
        For a spacing of another length.
    IndexError
        For different shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.panoptica import _surface_distance_pair
    >>> _surface_distance_pair(np.array([1, 1, 0, 0]), np.array([1, 1, 1, 1]), voxelspacing=2)
    (array([0., 2.]), array([0., 4.]))
    """
    masks = [np.atleast_1d(mask.astype(bool, copy=False)) for mask in (reference, prediction)]
    spacing = as_sampling(voxelspacing, masks[1].ndim)
    wrong = IndexError if masks[0].ndim == masks[1].ndim else RuntimeError
    check_one_shape(masks[0], masks[1], ("reference", "prediction"), wrong)
    return border_distances(masks[0], masks[1], spacing, connectivity)


def _reduce(pair: tuple[Floats, Floats], reduction: Callable[[Floats, Floats], float]) -> float:
    """A reduction of two sets of distances, with what it is where one or both are empty."""
    lengths = [len(distances) for distances in pair]
    if all(lengths):
        return reduction(*pair)
    return math.inf if any(lengths) else math.nan


def _average_symmetric_surface_distance(
    reference: Array,
    prediction: Array,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    *args: Any,
    **kwargs: Any,
) -> float:
    """Mean of the two directions' mean distances, which others call MASD.

    Arguments and errors are those of :func:`_surface_distance_pair`; inf if one mask is empty, nan if both are.
    """
    pair = _surface_distance_pair(reference, prediction, voxelspacing, connectivity)
    return _reduce(pair, lambda there, back: float(np.mean((there.mean(), back.mean()))))


def _compute_hausdorff_distance(
    reference: Array,
    prediction: Array,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    *args: Any,
    **kwargs: Any,
) -> float:
    """Hausdorff distance, as :func:`_average_symmetric_surface_distance`."""
    pair = _surface_distance_pair(reference, prediction, voxelspacing, connectivity)
    return _reduce(pair, lambda there, back: max(there.max(), back.max()))


def _compute_hausdorff_distance95(
    reference: Array,
    prediction: Array,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    *args: Any,
    **kwargs: Any,
) -> float:
    """95th percentile of both directions' distances together, as :func:`_average_symmetric_surface_distance`."""
    pair = _surface_distance_pair(reference, prediction, voxelspacing, connectivity)
    return _reduce(pair, lambda *both: np.percentile(np.hstack(both), 95))


def _compute_normalized_surface_dice(
    reference: Array,
    prediction: Array,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    threshold: float | None = None,
    *args: Any,
    **kwargs: Any,
) -> float:
    """Mean of the two directions' shares of border voxels within the threshold; 0 if one mask is empty, nan if both.

    Parameters
    ----------
    reference, prediction, voxelspacing, connectivity
        As :func:`_surface_distance_pair` has them.
    threshold : float, optional
        Inclusive. Default: the least spacing; 0.5 without a spacing.

    Warns
    -----
    UserWarning
        For a threshold of 0.5.
    """
    there, back = _surface_distance_pair(reference, prediction, voxelspacing, connectivity)
    if threshold is None:
        threshold = 0.5 if voxelspacing is None else min(np.atleast_1d(voxelspacing))
    if threshold == 0.5:
        warnings.warn(
            "The threshold is set to 0.5, which is the default value, which may not be appropriate for your data.",
            stacklevel=2,
        )
    if not (len(there) and len(back)):
        return 0.0 if len(there) or len(back) else math.nan
    within = [np.count_nonzero(distances <= threshold) for distances in (there, back)]
    beyond = [len(there) - within[0], len(back) - within[1]]
    inside = within[0] / len(there) + within[1] / len(back)
    # panoptica adds the smallest normal number to the denominator, which is 2 but for rounding
    return np.float64(inside / (inside + beyond[0] / len(there) + beyond[1] / len(back)))


def _compute_instance_average_symmetric_surface_distance(
    ref_labels: Array,
    pred_labels: Array,
    ref_instance_idx: int | None = None,
    pred_instance_idx: int | None = None,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    *args: Any,
    **kwargs: Any,
) -> float:
    """:func:`_average_symmetric_surface_distance` of two instances, or of two masks where none are named."""
    masks = _instances(ref_labels, pred_labels, ref_instance_idx, pred_instance_idx)
    return _average_symmetric_surface_distance(*masks, voxelspacing, connectivity)


def _compute_instance_hausdorff_distance(
    ref_labels: Array,
    pred_labels: Array,
    ref_instance_idx: int | None = None,
    pred_instance_idx: int | None = None,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    *args: Any,
    **kwargs: Any,
) -> float:
    """:func:`_compute_hausdorff_distance` of two instances, or of two masks where none are named."""
    masks = _instances(ref_labels, pred_labels, ref_instance_idx, pred_instance_idx)
    return _compute_hausdorff_distance(*masks, voxelspacing, connectivity)


def _compute_instance_hausdorff_distance95(
    ref_labels: Array,
    pred_labels: Array,
    ref_instance_idx: int | None = None,
    pred_instance_idx: int | None = None,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    *args: Any,
    **kwargs: Any,
) -> float:
    """:func:`_compute_hausdorff_distance95` of two instances, or of two masks where none are named."""
    masks = _instances(ref_labels, pred_labels, ref_instance_idx, pred_instance_idx)
    return _compute_hausdorff_distance95(*masks, voxelspacing, connectivity)


def _compute_instance_normalized_surface_dice(
    ref_labels: Array,
    pred_labels: Array,
    ref_instance_idx: int | None = None,
    pred_instance_idx: int | None = None,
    voxelspacing: Spacing = None,
    connectivity: int = 1,
    threshold: float | None = None,
    *args: Any,
    **kwargs: Any,
) -> float:
    """:func:`_compute_normalized_surface_dice` of two instances, or of two masks where none are named."""
    masks = _instances(ref_labels, pred_labels, ref_instance_idx, pred_instance_idx)
    return _compute_normalized_surface_dice(*masks, voxelspacing, connectivity, threshold)


# ---------------------------------------------------------------------------------------- matching


@falls_back_to("panoptica._functionals", "_calc_matching_metric_of_overlapping_labels")
def _calc_matching_metric_of_overlapping_labels(
    prediction_arr: Array,
    reference_arr: Array,
    ref_labels: Sequence[int],
    matching_metric: Any,
) -> list[tuple[float, tuple[int, int]]]:
    """Score all pairs of instances that overlap, the best first: what panoptica's matchers go through.

    Parameters
    ----------
    prediction_arr, reference_arr : integer ndarray
        Labels of instances, 0 for none.
    ref_labels : sequence of int
        Those of the reference.
    matching_metric : panoptica.Metric
        DSC or IOU; the others are left to panoptica.

    Returns
    -------
    list of (score, (reference label, prediction label))
        Equal scores by ascending prediction label, then reference label.
    """
    if matching_metric.name not in ("IOU", "DSC"):
        raise NotCovered(f"matching by {matching_metric.name}")
    if any(one.dtype.kind not in "iu" or not one.size for one in (prediction_arr, reference_arr)):
        raise NotCovered("maps that hold no whole numbers")
    check_one_shape(reference_arr, prediction_arr, ("reference_arr", "prediction_arr"))
    histogram = joint_histogram(reference_arr, prediction_arr)
    table = InstanceTable.of(histogram)
    largest = max(ref_labels)
    dtype = getattr(largest, "dtype", None)
    known = table.reference.ids
    if (dtype is not None and largest == np.iinfo(dtype).max) or min(histogram.labels) < 0:
        raise NotCovered("labels at which the host's numbers overflow")
    if len(known) and int(known[-1]) > largest:
        raise NotCovered("labels that are not among ref_labels")
    scores = scores_of(table, "iou" if matching_metric.name == "IOU" else "dice")
    order = np.lexsort((table.reference_rows, table.prediction_rows, -scores))
    pairs = zip(
        known[table.reference_rows[order]].tolist(),
        table.prediction.ids[table.prediction_rows[order]].tolist(),
        strict=True,
    )
    return list(zip(scores[order].tolist(), pairs, strict=True))


# --------------------------------------------------------------------------------------- evaluator


@falls_back_to("panoptica.panoptica_evaluator", "Panoptica_Evaluator.evaluate")
def evaluate(
    self: Any,
    prediction_arr: Any,
    reference_arr: Any,
    result_all: bool = True,
    voxelspacing: tuple[float, ...] | None = None,
    save_group_times: bool | None = None,
    log_intermediate_steps: bool | None = None,
    log_times: bool | None = None,
    verbose: bool | None = None,
    skip_groups: list[str] | None = None,
) -> dict[str, Any]:
    """``Panoptica_Evaluator.evaluate``: the host's results, from the sparse table of instances.

    Parameters
    ----------
    self : panoptica.Panoptica_Evaluator
    prediction_arr, reference_arr : object
        Arrays of 2 or 3 axes, or what else the host reads.
    result_all, voxelspacing, save_group_times, log_intermediate_steps, log_times, verbose, skip_groups
        As the host has them.

    Returns
    -------
    dict of str to panoptica.PanopticaResult
    """
    from fastseg.compat._support import panoptica_evaluator as support

    support.remind()
    options = {
        "voxelspacing": voxelspacing,
        "save_group_times": save_group_times,
        "log_intermediate_steps": log_intermediate_steps,
        "log_times": log_times,
        "verbose": verbose,
        "skip_groups": skip_groups,
    }
    return support.evaluated(
        self, prediction_arr, reference_arr, options, support.one_result(result_all)
    )


@falls_back_to("panoptica.panoptica_evaluator", "Panoptica_Evaluator.evaluate_autc")
def evaluate_autc(
    self: Any,
    prediction_arr: Any,
    reference_arr: Any,
    threshold_step_size: float = 0.1,
    decision_threshold_mode: Literal["fixed", "step"] = "step",
    result_all: bool = True,
    voxelspacing: tuple[float, ...] | None = None,
    save_group_times: bool | None = None,
    log_times: bool | None = None,
    verbose: bool | None = None,
    skip_groups: list[str] | None = None,
) -> dict[str, Any]:
    """``Panoptica_Evaluator.evaluate_autc``: instances are found once, and each match is measured once.

    Parameters
    ----------
    self : panoptica.Panoptica_Evaluator
    prediction_arr, reference_arr : object
        As :func:`evaluate` has them.
    threshold_step_size, decision_threshold_mode, result_all, voxelspacing, save_group_times, log_times, verbose
        As the host has them.
    skip_groups : list of str, optional

    Returns
    -------
    dict of str to panoptica.PanopticaAUTCResult
    """
    from fastseg.compat._support import panoptica_evaluator as support

    support.remind()
    options = {
        "voxelspacing": voxelspacing,
        "save_group_times": save_group_times,
        "log_times": log_times,
        "verbose": verbose,
        "skip_groups": skip_groups,
    }
    thresholds = self.generate_thresholds(threshold_step_size)
    run = support.curve(thresholds, decision_threshold_mode == "fixed", result_all)
    return support.evaluated(self, prediction_arr, reference_arr, options, run)


@functools.cache
def _evaluator_class() -> Any:
    """Make ``Panoptica_Evaluator`` for those who import it from here; the host's is left as it is."""
    host = importlib.import_module("panoptica")
    original = host.Panoptica_Evaluator
    made = type(
        "Panoptica_Evaluator",
        (original,),
        {
            "evaluate": evaluate,
            "evaluate_autc": evaluate_autc,
            "__module__": __name__,
            "__doc__": "panoptica's evaluator with the evaluate and evaluate_autc of fastseg.",
        },
    )
    original._register_permanently()  # the host keeps a class for each name
    return made


#: where panoptica defines what its metrics reduce to, and who else holds it under its name
_PLACES = (
    ("panoptica.metrics._surface_distances", "panoptica.instance_evaluator", _surface_distance_pair),
    ("panoptica.metrics.assd", "panoptica.metrics", _average_symmetric_surface_distance),
    ("panoptica.metrics.hausdorff_distance", "panoptica.metrics", _compute_hausdorff_distance),
    ("panoptica.metrics.hausdorff_distance", "panoptica.metrics", _compute_hausdorff_distance95),
    ("panoptica.metrics.normalized_surface_dice", "panoptica.metrics", _compute_normalized_surface_dice),
    ("panoptica.metrics.dice", "panoptica.metrics", _compute_dice_coefficient),
    ("panoptica.metrics.iou", "panoptica.metrics", _compute_iou),
    ("panoptica._functionals", "panoptica.instance_matcher", _calc_matching_metric_of_overlapping_labels),
)  # fmt: skip

PATCHES = Host(
    distribution="panoptica",
    since="2.1.7",
    until="2.2",
    rows=(
        *(
            Patch(module, function.__name__, function)
            for *modules, function in _PLACES
            for module in modules
        ),
        *(
            Patch("panoptica.panoptica_evaluator", f"Panoptica_Evaluator.{method.__name__}", method)
            for method in (evaluate, evaluate_autc)
        ),
    ),
)
