"""Drop-in for ``BinaryPairwiseMeasures`` of MetricsReloaded (``MetricsReloaded.metrics.pairwise_measures``).

The class with its count and distance measures, under their names::

    from fastseg.compat.metrics_reloaded import BinaryPairwiseMeasures

Prediction first, reference second, as MetricsReloaded has it. Distances, percentiles and the boundary IoU are those of
MetricsReloaded to the bit, averages to a few units in the last place. All distance measures of an object share one
computation. What differs on purpose:

* Counts are exact and ratios float64; MetricsReloaded sums float32 maps, which round beyond 2²⁴ voxels.
* Whole numbers other than 0 are inside; MetricsReloaded computes with them (a mask of 0 and 2 has a Dice of 0.667
  with itself). Fractions are a ValueError: a probability map needs a threshold first.
* Masks of different shapes, and a `pixdim` that is not positive and finite, are always a ValueError.

As in MetricsReloaded `connectivity_type` does not matter (borders are those of face neighbours), and the boundary IoU
is measured in voxels whatever `pixdim` is. clDice is left to MetricsReloaded, if it is installed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.masks import (
    Floats,
    Mask,
    as_sampling,
    border_distances,
    check_one_shape,
    operations_for,
    pair_counts,
)
from fastseg.compat._support.patching import Host, NotCovered, Patch, host_function, rest_of
from fastseg.inputs.arrays import matched
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region, Request

__all__ = ["BinaryPairwiseMeasures"]

_MODULE = "MetricsReloaded.metrics.pairwise_measures"

__getattr__ = rest_of(_MODULE)

# These functions take any object with the attributes of BinaryPairwiseMeasures: ours, or the patched host's.


def _kept(measures: Any, name: str, compute: Callable[[], Any]) -> Any:
    """What an object has computed before, as MetricsReloaded keeps it."""
    kept = vars(measures).setdefault("_fastseg", {})
    if name not in kept:
        kept[name] = compute()
    return kept[name]


def _masks(measures: Any) -> tuple[Mask, Mask]:
    """The reference and the prediction of an object."""

    def compute() -> tuple[Mask, Mask]:
        reference, prediction = (
            _as_mask(getattr(measures, name), name) for name in ("ref", "pred")
        )
        check_one_shape(reference, prediction, ("ref", "pred"))
        return reference, prediction

    masks: tuple[Mask, Mask] = _kept(measures, "masks", compute)
    return masks


def _as_mask(values: Any, name: str) -> Mask:
    array: NDArray[Any] = np.atleast_1d(values)
    if array.dtype.kind == "f" and not np.array_equal(array, np.trunc(array)):
        raise ValueError(
            f"{name}: a mask holds 0 and 1, here are fractions or nan; a probability map needs a threshold first"
        )
    return array.astype(bool, copy=False)


def _counts(measures: Any) -> Counts:
    counts: Counts = _kept(measures, "counts", lambda: pair_counts(*_masks(measures)))
    return counts


def _distances(measures: Any) -> tuple[Floats, Floats]:
    """From the reference's border to the prediction's, and back."""

    def compute() -> tuple[Floats, Floats]:
        reference, prediction = _masks(measures)
        try:
            spacing = as_sampling(measures.pixdim, reference.ndim)
        except NotCovered as error:
            raise ValueError(
                f"pixdim: expected finite positive numbers, got {measures.pixdim!r}"
            ) from error
        return border_distances(reference, prediction, spacing)

    distances: tuple[Floats, Floats] = _kept(measures, "distances", compute)
    return distances


def _empty(measures: Any) -> int:
    """How many of the two masks are empty."""
    tp, fp, fn, _ = _counts(measures)
    return (tp + fp == 0) + (tp + fn == 0)


def tp(measures: Any) -> np.float64:
    """Number of true positives."""
    return np.float64(_counts(measures).tp)


def fp(measures: Any) -> np.float64:
    """Number of false positives."""
    return np.float64(_counts(measures).fp)


def fn(measures: Any) -> np.float64:
    """Number of false negatives."""
    return np.float64(_counts(measures).fn)


def tn(measures: Any) -> np.float64:
    """Number of true negatives."""
    return np.float64(_counts(measures).tn)


def measured_distance(measures: Any) -> tuple[float, float, float, float]:
    """Hausdorff distance, ASSD, percentile of the Hausdorff distance, MASD: mind the order.

    The percentile is ``dict_args["hd_perc"]``, 95 if there is none: the larger of the two directions'. All are 0 if
    both masks are empty, nan if one is.
    """
    empty = _empty(measures)
    if empty:
        return (0, 0, 0, 0) if empty == 2 else (np.nan, np.nan, np.nan, np.nan)
    there, back = _distances(measures)
    percent = measures.dict_args.get("hd_perc", 95)
    sums = np.sum(there), np.sum(back)
    return (
        max(there.max(), back.max()),
        (sums[0] + sums[1]) / (len(there) + len(back)),
        max(np.percentile(there, percent), np.percentile(back, percent)),
        0.5 * (sums[0] / len(there) + sums[1] / len(back)),
    )


def normalised_surface_distance(measures: Any) -> float:
    """Share of both borders within ``dict_args["nsd"]`` (inclusive, default 1) of the other.

    1 if both masks are empty, 0 if one is.
    """
    empty = _empty(measures)
    if empty:
        return 1 if empty == 2 else 0
    there, back = _distances(measures)
    tolerance = measures.dict_args.get("nsd", 1)
    within = np.count_nonzero(there <= tolerance) + np.count_nonzero(back <= tolerance)
    return np.float64(within / (len(there) + len(back)))


def boundary_iou(measures: Any) -> float:
    """Intersection over union of the voxels nearer than ``dict_args["boundary_dist"]`` voxels to their own border.

    1 if both masks are empty, 0 if one is; nan where the width, default 1, takes in no voxel.
    """
    empty = _empty(measures)
    if empty:
        return 1 if empty == 2 else 0
    masks = matched(*_masks(measures))
    ndim, width = masks[0].ndim, float(measures.dict_args.get("boundary_dist", 1))
    request = Request(frozenset({"band_overlap"}), (1.0,) * ndim)
    operations = operations_for("band_overlap", ndim)
    [measured] = operations.measure(*masks, [Region(tolerance=width)], request)
    reference, prediction, both = measured["band_overlap"]
    union = reference + prediction - both
    return np.float64(both / union if union else np.nan)


class BinaryPairwiseMeasures:
    """Measures of a predicted mask against its reference.

    Parameters
    ----------
    pred, ref : array_like
        Masks of one shape: bool, or whole numbers, of which all but 0 are inside.
    measures : sequence of str, optional
        What :meth:`to_dict_meas` gives; None stands for all of `measures_dict`.
    connectivity_type : int
        Without effect, as in MetricsReloaded.
    pixdim : float or sequence of float, optional
        Voxel size along each array axis. Default 1.
    empty : bool
        Kept as ``flag_empty``; without effect, as in MetricsReloaded.
    dict_args : mapping
        Options: "hd_perc" (95), "nsd" (1), "boundary_dist" (1), "beta" (1), "exchange_rate" (1), "cost_fn", "cost_fp".

    Raises
    ------
    ValueError
        By a measure, for different shapes and for fractions.
    RuntimeError
        By a distance measure, for a pixdim of another length.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.metrics_reloaded import BinaryPairwiseMeasures
    >>> reference = np.zeros((9, 9), int); reference[2:6, 2:6] = 1
    >>> prediction = np.roll(reference, 1, axis=0)
    >>> found = BinaryPairwiseMeasures(prediction, reference, ["dsc", "hd"], pixdim=[2, 1]).to_dict_meas()
    >>> {name: float(value) for name, value in found.items()}
    {'dsc': 0.75, 'hd': 2.0}
    """

    def __init__(
        self,
        pred: Any,
        ref: Any,
        measures: Sequence[str] | None = (),
        connectivity_type: int = 1,
        pixdim: float | Sequence[float] | None = None,
        empty: bool = False,
        dict_args: Mapping[str, Any] | None = None,
    ) -> None:
        self.measures_dict: dict[str, tuple[Callable[[], Any], str]] = {
            "numb_ref": (self.n_pos_ref, "NumbRef"),
            "numb_pred": (self.n_pos_pred, "NumbPred"),
            "numb_tp": (self.n_intersection, "NumbTP"),
            "numb_fp": (self.fp, "NumbFP"),
            "numb_fn": (self.fn, "NumbFN"),
            "accuracy": (self.accuracy, "Accuracy"),
            "nb": (self.net_benefit_treated, "NB"),
            "ec": (self.normalised_expected_cost, "ECn"),
            "ba": (self.balanced_accuracy, "BalAcc"),
            "cohens_kappa": (self.cohens_kappa, "CohensKappa"),
            "lr+": (self.positive_likelihood_ratio, "LR+"),
            "iou": (self.intersection_over_union, "IoU"),
            "fbeta": (self.fbeta, "FBeta"),
            "dsc": (self.dsc, "DSC"),
            "youden_ind": (self.youden_index, "YoudenInd"),
            "ppv": (self.positive_predictive_values, "PPV"),
            "npv": (self.negative_predictive_values, "NPV"),
            "ior": (self.intersection_over_reference, "IoR"),
            "sensitivity": (self.sensitivity, "Sens"),
            "specificity": (self.specificity, "Spec"),
            "mcc": (self.matthews_correlation_coefficient, "MCC"),
            "cldice": (self.centreline_dsc, "CentreLineDSC"),
            "assd": (self.measured_average_distance, "ASSD"),
            "boundary_iou": (self.boundary_iou, "BoundaryIoU"),
            "hd": (self.measured_hausdorff_distance, "HD"),
            "hd_perc": (self.measured_hausdorff_distance_perc, "HDPerc"),
            "masd": (self.measured_masd, "MASD"),
            "nsd": (self.normalised_surface_distance, "NSD"),
            "avdr": (self.absolute_volume_difference_ratio, "AVDR"),
        }
        self.pred = pred
        self.ref = ref
        self.measures = measures if measures is not None else list(self.measures_dict)
        self.connectivity = connectivity_type
        self.pixdim = pixdim
        self.flag_empty = empty
        self.dict_args = dict_args or {}

    def to_dict_meas(self, fmt: str = "{:.4f}") -> dict[str, Any]:
        """The measures asked for, by name; `fmt` is without effect, as in MetricsReloaded."""
        return {name: self.measures_dict[name][0]() for name in self.measures}

    # -------------------------------------------------------------------------------------- counts

    tp, fp, fn, tn = tp, fp, fn, tn

    def n_pos_ref(self) -> np.int64:
        """Number of voxels of the reference."""
        return np.int64(_counts(self).tp + _counts(self).fn)

    def n_neg_ref(self) -> np.int64:
        """Number of voxels outside the reference."""
        return np.int64(_counts(self).tn + _counts(self).fp)

    def n_pos_pred(self) -> np.int64:
        """Number of voxels of the prediction."""
        return np.int64(_counts(self).tp + _counts(self).fp)

    def n_neg_pred(self) -> np.int64:
        """Number of voxels outside the prediction."""
        return np.int64(_counts(self).tn + _counts(self).fn)

    def n_intersection(self) -> np.int64:
        """Number of voxels in both masks."""
        return np.int64(_counts(self).tp)

    def n_union(self) -> np.float64:
        """Number of voxels in either mask."""
        return self.tp() + self.fp() + self.fn()

    def sensitivity(self) -> float:
        """TP / (TP + FN); nan, with a warning, if the reference is empty."""
        return self._ratio(
            self.tp(), self.tp() + self.fn(), "the reference is empty", "sensitivity"
        )

    def specificity(self) -> float:
        """TN / (TN + FP); nan, with a warning, if the reference is full."""
        return self._ratio(self.tn(), self.tn() + self.fp(), "the reference is full", "specificity")

    def recall(self) -> float:
        """The same as :meth:`sensitivity`, but for a warning if the prediction is empty."""
        if self.n_pos_ref() and not self.n_pos_pred():
            warnings.warn("the prediction is empty, recall is set to 0", stacklevel=2)
        return self._ratio(self.tp(), self.tp() + self.fn(), "the reference is empty", "recall")

    def positive_predictive_values(self) -> float:
        """TP / (TP + FP); if the prediction is empty 0, or nan if both masks are, with a warning."""
        undefined = np.nan if _empty(self) == 2 else 0
        found = self.tp() + self.fp()
        return self._ratio(self.tp(), found, "the prediction is empty", "PPV", undefined)

    def negative_predictive_values(self) -> float:
        """TN / (TN + FN); if the prediction is full 0, or nan if both masks are, with a warning."""
        undefined = 0 if self.n_neg_ref() else np.nan
        left = self.tn() + self.fn()
        return self._ratio(self.tn(), left, "the prediction is full", "NPV", undefined)

    def intersection_over_reference(self) -> float:
        """TP / (TP + FN); nan, with a warning, if the reference is empty."""
        return self._ratio(self.tp(), self.tp() + self.fn(), "the reference is empty", "IoR")

    def intersection_over_union(self) -> float:
        """TP / (TP + FP + FN); nan, with a warning, if both masks are empty."""
        return self._ratio(self.tp(), self.n_union(), "both masks are empty", "IoU")

    def dsc(self) -> float:
        """Dice, 2 TP / (2 TP + FP + FN); 1, with a warning, if both masks are empty."""
        sizes = 2 * self.tp() + self.fp() + self.fn()
        return self._ratio(2 * self.tp(), sizes, "both masks are empty", "DSC", 1)

    def fbeta(self) -> float:
        """(1 + β²) PPV · recall / (β² PPV + recall); where that is undefined 1 if both masks are equal, else 0."""
        square = np.square(self.dict_args.get("beta", 1))
        precision, recall = self.positive_predictive_values(), self.recall()
        denominator = square * precision + recall
        if np.isnan(denominator) or denominator == 0:
            return 0 if self.fp() + self.fn() > 0 else 1
        score: float = (1 + square) * precision * recall / denominator
        return score

    def accuracy(self) -> float:
        """(TP + TN) / N."""
        return (self.tp() + self.tn()) / np.size(self.ref)

    def balanced_accuracy(self) -> float:
        """Mean of sensitivity and specificity."""
        return 0.5 * self.sensitivity() + 0.5 * self.specificity()

    def youden_index(self) -> float:
        """Sensitivity + specificity − 1."""
        return self.specificity() + self.sensitivity() - 1

    def false_positive_rate(self) -> float:
        """FP / (TN + FP)."""
        return self.fp() / (self.tn() + self.fp())

    def positive_likelihood_ratio(self) -> float:
        """Sensitivity / (1 − specificity)."""
        return np.float64(self.sensitivity()) / np.float64(1 - self.specificity())

    def matthews_correlation_coefficient(self) -> float:
        """(TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)); nan where that divides by 0."""
        tp, fp, fn, tn = self.tp(), self.fp(), self.fn(), self.tn()
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        score: float = (tp * tn - fp * fn) / np.sqrt(product)
        return score

    def cohens_kappa(self) -> float:
        """(pₒ − pₑ) / (1 − pₑ), pₒ the accuracy, pₑ its expectation from both sizes; as one fraction of counts."""
        tp, fp, fn, tn = self.tp(), self.fp(), self.fn(), self.tn()
        score: float = 2 * (tp * tn - fp * fn) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))
        return score

    def net_benefit_treated(self) -> float:
        """TP / N − FP / N · exchange rate."""
        n = np.size(self.pred)
        benefit: float = self.tp() / n - self.fp() / n * self.dict_args.get("exchange_rate", 1)
        return benefit

    def normalised_expected_cost(self) -> float:
        """Cost of the errors over that of the better of the two constant answers; default costs balance the classes."""
        n = np.size(self.ref)
        background, foreground = (self.tn() + self.fp()) / n, (self.tp() + self.fn()) / n
        cost_fn = self.dict_args.get("cost_fn", 1 / (2 * foreground))
        cost_fp = self.dict_args.get("cost_fp", 1 / (2 * background))
        alpha = cost_fp * background / (cost_fn * foreground)
        missed, invented = self.fn() / self.n_pos_ref(), self.fp() / self.n_neg_ref()
        cost: float = alpha * invented + missed if alpha >= 1 else invented + 1 / alpha * missed
        return cost

    def absolute_volume_difference_ratio(self) -> float:
        """||prediction| − |reference|| / |reference|; nan, with a warning, if the reference is empty."""
        difference = np.float64(abs(self.n_pos_pred() - self.n_pos_ref()))
        return self._ratio(difference, self.tp() + self.fn(), "the reference is empty", "AVDR")

    def _ratio(
        self, part: np.float64, whole: np.float64, why: str, name: str, undefined: float = np.nan
    ) -> float:
        if whole:
            return part / whole
        warnings.warn(f"{why}, {name} is not defined and set to {undefined}", stacklevel=3)
        return undefined

    # ----------------------------------------------------------------------------------- distances

    measured_distance = measured_distance
    normalised_surface_distance = normalised_surface_distance
    boundary_iou = boundary_iou

    def measured_hausdorff_distance(self) -> float:
        """Hausdorff distance, see :meth:`measured_distance`."""
        return self.measured_distance()[0]

    def measured_average_distance(self) -> float:
        """Average symmetric surface distance, pooled, see :meth:`measured_distance`."""
        return self.measured_distance()[1]

    def measured_hausdorff_distance_perc(self) -> float:
        """Percentile of the Hausdorff distance, see :meth:`measured_distance`."""
        return self.measured_distance()[2]

    def measured_masd(self) -> float:
        """Mean average surface distance, see :meth:`measured_distance`."""
        return self.measured_distance()[3]

    def centreline_dsc(self) -> float:
        """Centre line Dice, by MetricsReloaded; an ImportError if it is not installed."""
        original = host_function(
            _MODULE, "BinaryPairwiseMeasures", "clDice", BinaryPairwiseMeasures
        )
        score: float = original(self.pred, self.ref).centreline_dsc()
        return score


# It has no releases: its source calls itself 0.1.0 since 2022.
PATCHES = Host(
    distribution="MetricsReloaded",
    since="0.1",
    until="0.2",
    rows=tuple(
        Patch(_MODULE, f"BinaryPairwiseMeasures.{function.__name__}", function)
        for function in (
            tp,
            fp,
            fn,
            tn,
            measured_distance,
            normalised_surface_distance,
            boundary_iou,
        )
    ),
)
