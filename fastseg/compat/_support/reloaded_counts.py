"""What ``BinaryPairwiseMeasures`` of MetricsReloaded makes of numbers of voxels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastseg.compat._support.reloaded import counts_of, empty_masks, fn, fp, tn, tp


class CountMeasures:
    """The measures of counts, of any object with masks and options."""

    pred: Any
    ref: Any
    dict_args: Mapping[str, Any]

    # -------------------------------------------------------------------------------------- counts

    tp, fp, fn, tn = tp, fp, fn, tn

    def n_pos_ref(self) -> np.int64:
        """Number of voxels of the reference."""
        return np.int64(counts_of(self).tp + counts_of(self).fn)

    def n_neg_ref(self) -> np.int64:
        """Number of voxels outside the reference."""
        return np.int64(counts_of(self).tn + counts_of(self).fp)

    def n_pos_pred(self) -> np.int64:
        """Number of voxels of the prediction."""
        return np.int64(counts_of(self).tp + counts_of(self).fp)

    def n_neg_pred(self) -> np.int64:
        """Number of voxels outside the prediction."""
        return np.int64(counts_of(self).tn + counts_of(self).fn)

    def n_intersection(self) -> np.int64:
        """Number of voxels in both masks."""
        return np.int64(counts_of(self).tp)

    def n_union(self) -> np.float64:
        """Number of voxels in either mask."""
        return self.tp() + self.fp() + self.fn()

    @property
    def flag_empty_ref(self) -> bool:
        """Whether the reference is empty."""
        return not self.n_pos_ref()

    @property
    def flag_empty_pred(self) -> bool:
        """Whether the prediction is empty."""
        return not self.n_pos_pred()

    def pred_in_ref(self) -> int:
        """1 if the masks share a voxel, else 0."""
        return int(self.n_intersection() > 0)

    # -------------------------------------------------------------------------------------- ratios

    def sensitivity(self) -> float:
        """TP / (TP + FN); nan, with a warning, if the reference is empty."""
        if not self.n_pos_ref():
            return undefined("reference empty, sensitivity not defined")
        return self.tp() / (self.tp() + self.fn())

    def specificity(self) -> float:
        """TN / (TN + FP); nan, with a warning, if the reference is full."""
        if not self.n_neg_ref():
            return undefined("reference all positive, specificity not defined")
        return self.tn() / (self.tn() + self.fp())

    def recall(self) -> float:
        """The same as :meth:`sensitivity`, but for a warning if the prediction is empty."""
        if not self.n_pos_ref():
            return undefined("reference is empty, recall not defined")
        if not self.n_pos_pred():
            return undefined("prediction is empty but ref not, recall not defined but set to 0", 0)
        return self.tp() / (self.tp() + self.fn())

    def positive_predictive_value(self) -> float:
        """TP / (TP + FP); if the prediction is empty 0, or nan if both masks are, with a warning."""
        if empty_masks(self) == 2:
            return undefined("ref and prediction empty ppv not defined")
        if not self.n_pos_pred():
            return undefined("prediction empty, ppv not defined but set to 0", 0)
        return self.tp() / (self.tp() + self.fp())

    def negative_predictive_value(self) -> float:
        """TN / (TN + FN); if the prediction is full 0, or nan if both masks are, with a warning."""
        if self.n_neg_pred():
            return self.tn() / (self.tn() + self.fn())
        if self.n_neg_ref():
            words = "Nothing negative in pred but should be NPV not defined but set to 0"
            return undefined(words, 0)
        return undefined("Nothing negative in either pred or ref, NPV not defined and set to nan")

    def positive_predictive_values(self) -> float:
        """The name of :meth:`positive_predictive_value` until November 2024."""
        return self.positive_predictive_value()

    def negative_predictive_values(self) -> float:
        """The name of :meth:`negative_predictive_value` until November 2024."""
        return self.negative_predictive_value()

    def intersection_over_reference(self) -> float:
        """TP / (TP + FN); nan, with a warning, if the reference is empty."""
        if not self.n_pos_ref():
            return undefined("IoR not defined - Empty reference")
        return self.tp() / (self.tp() + self.fn())

    def intersection_over_union(self) -> float:
        """TP / (TP + FP + FN); nan, with a warning, if both masks are empty."""
        if empty_masks(self) == 2:
            return undefined("IoU not defined - Both reference and prediction are empty")
        return self.tp() / self.n_union()

    def dsc(self) -> float:
        """Dice, 2 TP / (2 TP + FP + FN); 1, with a warning, if both masks are empty."""
        if empty_masks(self) == 2:
            words = "Both Prediction and Reference are empty - set to 1 as correct solution even if not defined"
            return undefined(words, 1)
        return 2 * self.tp() / (2 * self.tp() + self.fp() + self.fn())

    def fbeta(self) -> float:
        """(1 + β²) PPV · recall / (β² PPV + recall); where that is undefined 1 if both masks are equal, else 0."""
        square = np.square(self.dict_args.get("beta", 1))
        precision, recall = self.positive_predictive_value(), self.recall()
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
        """Sensitivity / (1 − specificity); nan, with a warning, where one is undefined, and for a specificity of 1."""
        sensitivity, specificity = self.sensitivity(), self.specificity()
        if not self.n_neg_ref():
            return undefined("reference all positive, specificity not defined")
        if not self.n_pos_ref():
            return undefined("reference empty - sensitivity not defined")
        if not self.fp():  # the words are MetricsReloaded's, as it spells them
            return undefined("Perfect specifiicty - likelihood ratio not defined")
        return sensitivity / (1 - specificity)

    def matthews_correlation_coefficient(self) -> float:
        """(TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)); nan where that divides by 0."""
        tp, fp, fn, tn = self.tp(), self.fp(), self.fn(), self.tn()
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        score: float = (tp * tn - fp * fn) / np.sqrt(product)
        return score

    def expected_matching_ck(self) -> float:
        """The accuracy that is to be expected of masks of these sizes by chance."""
        pairs = (self.n_pos_ref(), self.n_pos_pred()), (self.n_neg_ref(), self.n_neg_pred())
        expected: float = (
            sum(float(ref) * float(pred) for ref, pred in pairs) / np.size(self.ref) ** 2
        )
        return expected

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
        if not self.n_pos_ref():
            return undefined("Empty reference - absolute volume difference ratio not defined")
        ratio: float = abs(self.n_pos_ref() - self.n_pos_pred()) / self.n_pos_ref()
        return ratio


def undefined(words: str, value: float = np.nan) -> float:
    """Warn, in MetricsReloaded's words, that a measure is undefined, and give what stands for it."""
    warnings.warn(words, stacklevel=3)
    return value
