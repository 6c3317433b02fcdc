"""Calibration errors and areas under curves of TorchMetrics, from one pass instead of a sort and scattered sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fastseg.compat._support.calibration import as_inside, as_values, range_sums, score
from fastseg.compat._support.patching import NotCovered, falls_back_to

FUNCTIONS = "torchmetrics.functional.classification"


@falls_back_to(f"{FUNCTIONS}.calibration_error", "_ce_compute")
def ce_compute(
    confidences: torch.Tensor,
    accuracies: torch.Tensor,
    bin_boundaries: torch.Tensor | int,
    norm: str = "l1",
    debias: bool = False,
) -> torch.Tensor:
    """Calibration error of confidences and hits: TorchMetrics' ``_ce_compute``, for a number of ranges."""
    if not isinstance(bin_boundaries, int) or debias or norm not in ("l1", "l2", "max"):
        raise NotCovered("edges of one's own and another norm")
    edges = torch.linspace(0, 1, bin_boundaries + 1).numpy()
    values = as_values(confidences)
    # its last range is that of 1 alone
    found = range_sums(values, as_inside(accuracies), edges[1:])
    if norm == "max":
        return torch.tensor(found.gaps.max(), dtype=torch.float32)
    weights = found.counts[found.filled] / values.size
    if norm == "l1":
        return torch.tensor(float(np.dot(found.gaps, weights)), dtype=torch.float32)
    error = float(np.sqrt(np.dot(found.gaps**2, weights)))
    return torch.tensor(error, dtype=torch.float32) if error > 0 else torch.tensor(0)


def _scored(function: str, state: Any, thresholds: Any, pos_label: int = 1) -> torch.Tensor:
    if thresholds is not None or isinstance(state, torch.Tensor):
        raise NotCovered("thresholds of one's own")
    preds, target = state
    values = as_values(preds)
    if target.ndim != 1 or preds.ndim != 1 or target.shape != preds.shape:
        raise NotCovered("what is not flat")
    inside = as_inside(target == pos_label)
    return torch.tensor(score(function, values, inside), dtype=torch.float32)


@falls_back_to(f"{FUNCTIONS}.auroc", "_binary_auroc_compute")
def binary_auroc_compute(
    state: Any, thresholds: Any, max_fpr: float | None = None, pos_label: int = 1
) -> torch.Tensor:
    """Area under the ROC curve: TorchMetrics' ``_binary_auroc_compute``, without a limit of the fpr."""
    if max_fpr is not None and max_fpr != 1:
        raise NotCovered("a part of the curve")
    return _scored("roc_auc", state, thresholds, pos_label)


@falls_back_to(f"{FUNCTIONS}.average_precision", "_binary_average_precision_compute")
def binary_average_precision_compute(state: Any, thresholds: Any) -> torch.Tensor:
    """Average precision: TorchMetrics' ``_binary_average_precision_compute``."""
    return _scored("average_precision", state, thresholds)


def _of_classes(
    function: str, state: Any, num_classes: int, average: str | None, thresholds: Any
) -> torch.Tensor:
    """Score each class against all others, and average as TorchMetrics does."""
    if thresholds is not None or isinstance(state, torch.Tensor):
        raise NotCovered("thresholds of one's own")
    preds, target = state
    if preds.ndim != 2 or target.shape != preds.shape[:1]:
        raise NotCovered("what is not flat")
    scores = torch.stack(
        [_scored(function, (preds[:, i], target), None, i) for i in range(num_classes)]
    )
    if average is None or average == "none":
        return scores
    if average == "macro":
        return scores.mean()
    if average == "weighted":
        weights = torch.bincount(target, minlength=num_classes).double()
        return (scores * (weights / weights.sum())).sum().float()
    raise NotCovered("another average")


@falls_back_to(f"{FUNCTIONS}.auroc", "_multiclass_auroc_compute")
def multiclass_auroc_compute(
    state: Any, num_classes: int, average: str | None = "macro", thresholds: Any = None
) -> torch.Tensor:
    """Area under the ROC curve of each class: TorchMetrics' ``_multiclass_auroc_compute``."""
    return _of_classes("roc_auc", state, num_classes, average, thresholds)


@falls_back_to(f"{FUNCTIONS}.average_precision", "_multiclass_average_precision_compute")
def multiclass_average_precision_compute(
    state: Any, num_classes: int, average: str | None = "macro", thresholds: Any = None
) -> torch.Tensor:
    """Average precision of each class: TorchMetrics' ``_multiclass_average_precision_compute``."""
    return _of_classes("average_precision", state, num_classes, average, thresholds)
