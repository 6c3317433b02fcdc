"""MONAI's overlap metrics from voxel counts: Dice, IoU, generalised Dice and the confusion matrix.

The counts are exact integers, from one pass over both images; they are rounded to the dtype in which MONAI sums, and
the same operations follow in the same order. So results are MONAI's to the bit while its sums are exact, up to 2^24
voxels a channel, and within a unit in the last place beyond.

For ``ignore_index``, tensors on a GPU or with a gradient, half precision, soft masks, ``per_component`` and for
whatever MONAI refuses, MONAI's own functions run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.metrics.utils import do_metric_reduction, ignore_background
from monai.utils import Weight, look_up_option

from fastseg.compat._support.patching import NotCovered, falls_back_to
from fastseg.compat._support.tensors import COUNTED, class_overlaps
from fastseg.measures.overlap import Overlap


@falls_back_to("monai.metrics.meandice", "DiceHelper.__call__")
def score(self: Any, y_pred: torch.Tensor, y: torch.Tensor) -> Any:
    """Dice as a ``DiceHelper`` is set up to give it, for one-hot images and label maps in any combination."""
    if self.threshold or self.apply_argmax or self.per_component:
        raise NotCovered("threshold, apply_argmax and per_component")
    _check(y_pred, y, self.ignore_index)
    n_classes = y_pred.shape[1] if self.num_classes is None else self.num_classes
    if (
        y.shape[0] != y_pred.shape[0]
        or y.shape[2:] != y_pred.shape[2:]
        or any(tensor.shape[1] not in (1, n_classes) for tensor in (y_pred, y))
    ):
        raise NotCovered("shapes that do not fit together")
    classes = range(0 if self.include_background else 1, n_classes) if n_classes > 1 else [1]
    maps = y.shape[1] == 1, y_pred.shape[1] == 1
    images = y[:, 0] if maps[0] else y, y_pred[:, 0] if maps[1] else y_pred
    found = class_overlaps(images, maps, classes)
    kind = torch.bool if maps[0] else y.dtype
    both, in_pred, in_y = _as_sums(
        found, ((y, kind), (y_pred, torch.bool), (y, kind)), (len(y), len(classes))
    )
    empty = torch.tensor(float("nan")) if self.ignore_empty else (in_y + in_pred <= 0).float()
    dice = torch.where(in_y > 0, 2.0 * both / (in_y + in_pred), empty)
    reduced, not_nans = do_metric_reduction(dice, self.reduction)
    return (reduced, not_nans) if self.get_not_nans else reduced


@falls_back_to("monai.metrics.meaniou", "compute_iou")
def compute_iou(
    y_pred: torch.Tensor,
    y: torch.Tensor,
    include_background: bool = True,
    ignore_empty: bool = True,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """Intersection over union of every channel; MONAI's ``compute_iou``.

    Parameters
    ----------
    y_pred, y : tensor (B, C, spatial axes)
        One-hot prediction and reference.
    include_background : bool
        Whether to include the first channel.
    ignore_empty : bool
        Give nan where the reference is empty, else 1 where both are.
    ignore_index : int, optional

    Returns
    -------
    tensor (B, C)
    """
    _check(y_pred, y, ignore_index)
    if not include_background:
        y_pred, y = ignore_background(y_pred=y_pred, y=y)
    both, in_pred, in_y = _overlaps(y_pred, y)
    union = in_y + in_pred - both
    if ignore_empty:
        return torch.where(in_y > 0, both / union, torch.tensor(float("nan")))
    return torch.where(union > 0, both / union, torch.tensor(1.0))


@falls_back_to("monai.metrics.generalized_dice", "compute_generalized_dice")
def compute_generalized_dice(
    y_pred: torch.Tensor,
    y: torch.Tensor,
    include_background: bool = True,
    weight_type: Weight | str = Weight.SQUARE,
    sum_over_classes: bool = False,
    ignore_index: int | None = None,
    epsilon: float = 1e-8,
) -> torch.Tensor:
    """Generalised Dice, classes weighted by the size of their reference; MONAI's ``compute_generalized_dice``.

    Parameters
    ----------
    y_pred, y : tensor (B, C, spatial axes)
        One-hot prediction and reference.
    include_background : bool
        Whether to include the first channel.
    weight_type : {"square", "simple", "uniform"}
        One over the squared size, one over the size, or 1. An absent class weighs as much as the heaviest other.
    sum_over_classes : bool
        Give one score for all classes together.
    ignore_index : int, optional
    epsilon : float
        Not used, as in MONAI.

    Returns
    -------
    tensor (B, C), or (B, 1) for all classes together

    Raises
    ------
    ValueError
        For an unknown `weight_type`, images of fewer than three axes, and different shapes.
    """
    _check(y_pred, y, ignore_index)
    if not include_background:
        if y.shape[1] == 1:
            raise NotCovered("a background alone, left out")
        y_pred, y = ignore_background(y_pred=y_pred, y=y)
    both, in_pred, in_y = _overlaps(y_pred, y)
    weights = _weights(in_y.float(), look_up_option(weight_type, Weight))
    both, total = both * weights, (in_y + in_pred) * weights
    if sum_over_classes:
        both, total = both.sum(dim=1, keepdim=True), total.sum(dim=1, keepdim=True)
        absent = torch.ones_like(total)
    else:
        absent = (in_pred * weights == 0).to(total.dtype)
    return torch.where(total == 0, absent, 2.0 * both / total)


def _weights(sizes: torch.Tensor, kind: Weight) -> torch.Tensor:
    if kind == Weight.UNIFORM:
        return torch.ones_like(sizes)
    weights = torch.reciprocal(sizes if kind == Weight.SIMPLE else sizes * sizes)
    finite = torch.where(torch.isinf(weights), 0.0, weights)
    heaviest = finite.amax(dim=1, keepdim=True)
    return torch.where(torch.isinf(weights), torch.where(heaviest > 0, heaviest, 1.0), weights)


@falls_back_to("monai.metrics.confusion_matrix", "get_confusion_matrix")
def get_confusion_matrix(
    y_pred: torch.Tensor,
    y: torch.Tensor,
    include_background: bool = True,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """Voxel counts of every channel; MONAI's ``get_confusion_matrix``.

    Parameters
    ----------
    y_pred, y : tensor (B, C, spatial axes)
        One-hot prediction and reference.
    include_background : bool
        Whether to include the first channel.
    ignore_index : int, optional

    Returns
    -------
    float32 tensor (B, C, 4)
        True positives, false positives, true negatives, false negatives.
    """
    _check(y_pred, y, ignore_index)
    if y_pred.dtype == y.dtype == torch.bool:
        raise NotCovered("two bool tensors, of which MONAI finds no true positives")
    if not include_background:
        y_pred, y = ignore_background(y_pred=y_pred, y=y)
    both, in_pred, in_y = _overlaps(y_pred, y)
    size = y[0, 0].numel()
    neither = size - (in_pred.long() + in_y.long() - both.long())
    positives, tp, tn = in_y.float(), both.float(), neither.float()
    return torch.stack([tp, size - positives - tn, tn, positives - tp], dim=-1)


# ------------------------------------------------------------------------------------------ counting


def _check(y_pred: object, y: object, ignore_index: int | None) -> None:
    """Leave to MONAI what is not counted here: only plain tensors of images, on the CPU, are."""
    if ignore_index is not None:
        raise NotCovered("ignore_index")
    for tensor in (y_pred, y):
        if not isinstance(tensor, torch.Tensor) or tensor.device.type != "cpu":
            raise NotCovered("what is no tensor on the CPU")
        if tensor.requires_grad:
            raise NotCovered("gradients")
        if tensor.dtype not in COUNTED:
            raise NotCovered(f"{tensor.dtype}")
        if not 3 <= tensor.ndim <= 5 or not tensor.numel():
            raise NotCovered(f"a tensor of shape {tuple(tensor.shape)}")


def _overlaps(y_pred: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Count the voxels in both, in the prediction and in the reference, each (B, C), of one-hot images."""
    if y_pred.shape != y.shape:
        raise NotCovered("different shapes")
    found = class_overlaps((y, y_pred), (False, False), range(y.shape[1]))
    product = torch.result_type(y_pred, y)
    return _as_sums(found, ((y, product), (y_pred, y_pred.dtype), (y, y.dtype)), tuple(y.shape[:2]))


def _as_sums(
    found: Sequence[Overlap],
    kinds: Sequence[tuple[torch.Tensor, torch.dtype]],
    shape: tuple[int, int],
) -> tuple[torch.Tensor, ...]:
    """Give both, prediction and reference, each as a tensor like the given one, in the dtype that its sum has."""
    sums = (
        [overlap.both for overlap in found],
        [overlap.prediction for overlap in found],
        [overlap.reference for overlap in found],
    )
    return tuple(
        like.new_tensor(counts, dtype=dtype if dtype.is_floating_point else torch.int64).reshape(
            shape
        )
        for counts, (like, dtype) in zip(sums, kinds, strict=True)
    )
