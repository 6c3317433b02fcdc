"""Drop-in for the metrics of MONAI: torch in, torch out, on the same device.

Its metric classes and ``compute_*`` functions for distances and overlaps, and its calibration error, under their names;
any other name of ``monai.metrics`` is MONAI's own::

    from fastseg.compat.monai import DiceMetric, HausdorffDistanceMetric   # instead of: from monai.metrics import …

``fastseg.compat.patch("monai")`` puts the functions into MONAI itself, where all of its metric classes find them.

Results are MONAI's to the bit, but for counts beyond 2^24 voxels a channel, which are exact where MONAI's are rounded
sums. What differs on purpose:

* A percentile of more than 2^24 surface voxels is computed, where MONAI ends in a RuntimeError of ``torch.quantile``
  before torch 2.14.

Calibration errors are sums of float64, rounded once: of a case of 10^5 voxels MONAI's float32 sums are off by up to
1e-5 of that, and beyond 2^24 voxels a range its counts stop.

What MONAI does and this repeats (its issues 9095 and 7504): a percentile of the Hausdorff distance is nan, and left out
of the mean, where one of the masks is empty (without a percentile it is inf); the mean of nothing but nan is 0.

Chessboard and taxicab distances, spacings that are not positive, images of other than two or three axes, and whatever
MONAI refuses are left to MONAI's own functions.
"""

from __future__ import annotations

from typing import Any

import torch
from monai import metrics

from fastseg.compat._support.monai_calibration import calibration_binning
from fastseg.compat._support.monai_counts import (
    compute_generalized_dice,
    compute_iou,
    get_confusion_matrix,
    score,
)
from fastseg.compat._support.monai_distances import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
    without_ignored,
)
from fastseg.compat._support.patching import Host, Patch, by_way_of

__all__ = [
    "CalibrationErrorMetric",
    "ConfusionMatrixMetric",
    "DiceHelper",
    "DiceMetric",
    "GeneralizedDiceScore",
    "HausdorffDistanceMetric",
    "MeanIoU",
    "SurfaceDiceMetric",
    "SurfaceDistanceMetric",
    "calibration_binning",
    "compute_average_surface_distance",
    "compute_dice",
    "compute_generalized_dice",
    "compute_hausdorff_distance",
    "compute_iou",
    "compute_surface_dice",
    "get_confusion_matrix",
]


def __getattr__(name: str) -> Any:
    """The names of ``monai.metrics`` that need no drop-in."""
    return getattr(metrics, name)


def compute_dice(
    y_pred: torch.Tensor,
    y: torch.Tensor,
    include_background: bool = True,
    ignore_empty: bool = True,
    num_classes: int | None = None,
    per_component: bool = False,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """Dice coefficient of every class; MONAI's ``compute_dice``.

    Parameters
    ----------
    y_pred, y : tensor (B, C, spatial axes) or (B, 1, spatial axes)
        Prediction and reference, each one-hot or a label map.
    include_background : bool
        Whether to include the first class.
    ignore_empty : bool
        Give nan where the reference is empty, else 1 where both are and 0 where it alone is.
    num_classes : int, optional
        How many classes label maps have, background included.
    per_component, ignore_index
        Left to MONAI.

    Returns
    -------
    tensor (B, C)

    Examples
    --------
    >>> import torch
    >>> from fastseg.compat.monai import compute_dice
    >>> y = torch.tensor([0, 0, 1, 1, 2, 2]).reshape(1, 1, 6)
    >>> compute_dice(y.roll(1), y, num_classes=3)
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    dice: torch.Tensor = DiceHelper(
        include_background=include_background,
        reduction="none",
        get_not_nans=False,
        apply_argmax=False,
        ignore_empty=ignore_empty,
        num_classes=num_classes,
        per_component=per_component,
        ignore_index=ignore_index,
    )(y_pred=y_pred, y=y)
    return dice


class HausdorffDistanceMetric(metrics.HausdorffDistanceMetric):
    """MONAI's ``HausdorffDistanceMetric`` by :func:`compute_hausdorff_distance`."""

    def _compute_tensor(self, y_pred: Any, y: Any, **kwargs: Any) -> Any:
        if y_pred.ndim < 3:
            return super()._compute_tensor(y_pred, y, **kwargs)
        return compute_hausdorff_distance(
            *without_ignored(y_pred, y, self.ignore_index),
            include_background=self.include_background,
            distance_metric=self.distance_metric,
            percentile=self.percentile,
            directed=self.directed,
            spacing=kwargs.get("spacing"),
            ignore_index=self.ignore_index,
        )


class SurfaceDistanceMetric(metrics.SurfaceDistanceMetric):
    """MONAI's ``SurfaceDistanceMetric`` by :func:`compute_average_surface_distance`."""

    def _compute_tensor(self, y_pred: Any, y: Any, **kwargs: Any) -> Any:
        if y_pred.ndim < 3:
            return super()._compute_tensor(y_pred, y, **kwargs)
        return compute_average_surface_distance(
            *without_ignored(y_pred, y, self.ignore_index),
            include_background=self.include_background,
            symmetric=self.symmetric,
            distance_metric=self.distance_metric,
            spacing=kwargs.get("spacing"),
            ignore_index=self.ignore_index,
        )


class SurfaceDiceMetric(metrics.SurfaceDiceMetric):
    """MONAI's ``SurfaceDiceMetric`` by :func:`compute_surface_dice`."""

    def _compute_tensor(self, y_pred: Any, y: Any, **kwargs: Any) -> Any:
        return compute_surface_dice(
            y_pred,
            y,
            class_thresholds=self.class_thresholds,
            include_background=self.include_background,
            distance_metric=self.distance_metric,
            spacing=kwargs.get("spacing"),
            use_subvoxels=self.use_subvoxels,
            ignore_index=self.ignore_index,
        )


class DiceHelper(metrics.DiceHelper):
    """MONAI's ``DiceHelper`` by counts of voxels, where it neither thresholds nor takes an argmax."""

    __call__ = score


class DiceMetric(metrics.DiceMetric):
    """MONAI's ``DiceMetric`` by counts of voxels."""

    def _compute_tensor(self, y_pred: Any, y: Any) -> Any:
        if y_pred.ndim < 3:
            return super()._compute_tensor(y_pred, y)
        return score(self.dice_helper, y_pred=y_pred, y=y)


class MeanIoU(metrics.MeanIoU):
    """MONAI's ``MeanIoU`` by :func:`compute_iou`."""

    def _compute_tensor(self, y_pred: Any, y: Any) -> Any:
        if y_pred.ndim < 3:
            return super()._compute_tensor(y_pred, y)
        return compute_iou(y_pred, y, self.include_background, self.ignore_empty, self.ignore_index)


class GeneralizedDiceScore(metrics.GeneralizedDiceScore):
    """MONAI's ``GeneralizedDiceScore`` by :func:`compute_generalized_dice`."""

    def _compute_tensor(self, y_pred: Any, y: Any) -> Any:
        return compute_generalized_dice(
            y_pred,
            y,
            include_background=self.include_background,
            weight_type=self.weight_type,
            sum_over_classes=self.sum_over_classes,
            ignore_index=self.ignore_index,
            epsilon=self.epsilon,
        )


class ConfusionMatrixMetric(metrics.ConfusionMatrixMetric):
    """MONAI's ``ConfusionMatrixMetric`` by :func:`get_confusion_matrix`."""

    def _compute_tensor(self, y_pred: Any, y: Any) -> Any:
        if y_pred.ndim < 4:  # of classification, maybe, on which it has a word to say
            return super()._compute_tensor(y_pred, y)
        return get_confusion_matrix(y_pred, y, self.include_background, self.ignore_index)


class CalibrationErrorMetric(metrics.CalibrationErrorMetric):
    """MONAI's ``CalibrationErrorMetric`` by :func:`calibration_binning`."""

    _compute_tensor = by_way_of(
        metrics.CalibrationErrorMetric._compute_tensor,
        __name__,
        calibration_binning=calibration_binning,
    )


_PLACES = {
    "calibration_binning": "calibration",
    "compute_average_surface_distance": "surface_distance",
    "compute_generalized_dice": "generalized_dice",
    "compute_hausdorff_distance": "hausdorff_distance",
    "compute_iou": "meaniou",
    "compute_surface_dice": "surface_dice",
    "get_confusion_matrix": "confusion_matrix",
}

# MONAI's classes look these functions up in their own modules; Dice, function and class, is what a DiceHelper does.
PATCHES = Host(
    distribution="monai",
    since="1.6",
    until="1.7",
    rows=(
        Patch("monai.metrics.meandice", "DiceHelper.__call__", score),
        *(
            Patch(module, name, globals()[name])
            for name, place in _PLACES.items()
            for module in (f"monai.metrics.{place}", "monai.metrics")
        ),
    ),
)
