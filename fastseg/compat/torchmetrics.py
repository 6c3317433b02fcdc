"""Drop-in for the segmentation metrics of TorchMetrics: real ``torchmetrics.Metric`` classes, 3-D images included.

``HausdorffDistance``, ``DiceScore``, ``MeanIoU`` and their functional forms, under their names; any other name of
``torchmetrics.segmentation`` and ``torchmetrics.functional.segmentation`` is TorchMetrics' own::

    from fastseg.compat.torchmetrics import DiceScore   # instead of: from torchmetrics.segmentation import DiceScore

Overlaps are TorchMetrics' to the bit, from exact counts in one pass, without one-hot copies of label maps. What
differs on purpose, in the Hausdorff distance:

* TorchMetrics 1.9 (its issue 3300) writes distances with the wrong stride: right on square images alone, other numbers
  on wide ones, an IndexError on tall ones. Here all shapes are right.
* Images may have three axes, and `spacing` then three numbers; it may be a tensor, as its type says.
* Memory grows with the image, not with the product of the voxels on and off a surface.

Calibration errors, AUROC and average precision of voxels, binary and of several classes, are exact sums rounded to
float32 once; TorchMetrics' own are off by some 1e-6, and by more beyond 2^24 voxels, where its float32 counts stop.
Thresholds of one's own, parts of a curve and targets of one class are left to TorchMetrics.

On square images distances are TorchMetrics' to a unit in the last place of float32, in which it computes.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics import classification, segmentation
from torchmetrics.functional import classification as classify
from torchmetrics.functional import segmentation as functional
from torchmetrics.functional.segmentation.hausdorff_distance import (
    _hausdorff_distance_validate_args,
)

from fastseg import dispatch, threads
from fastseg.compat._support.patching import Host, NotCovered, Patch, by_way_of, falls_back_to
from fastseg.compat._support.tensors import (
    COUNTED,
    as_bits,
    bits_of,
    class_overlaps,
    surface_distances,
)
from fastseg.compat._support.torch_curves import (
    FUNCTIONS,
    binary_auroc_compute,
    binary_average_precision_compute,
    ce_compute,
    multiclass_auroc_compute,
    multiclass_average_precision_compute,
)
from fastseg.inputs.arrays import Spacing, as_spacing

__all__ = [
    "BinaryAUROC",
    "BinaryAveragePrecision",
    "BinaryCalibrationError",
    "DiceScore",
    "HausdorffDistance",
    "MeanIoU",
    "MulticlassAUROC",
    "MulticlassAveragePrecision",
    "MulticlassCalibrationError",
    "binary_auroc",
    "binary_average_precision",
    "binary_calibration_error",
    "dice_score",
    "hausdorff_distance",
    "mean_iou",
    "multiclass_auroc",
    "multiclass_average_precision",
    "multiclass_calibration_error",
]

_FUNCTIONS = "torchmetrics.functional.segmentation"


def __getattr__(name: str) -> Any:
    """The names of TorchMetrics that need no drop-in."""
    return getattr(segmentation if hasattr(segmentation, name) else functional, name)


# ------------------------------------------------------------------------------------------ images


class _Images(NamedTuple):
    """Reference and prediction, each a label map (B, spatial axes) or one-hot (B, C, spatial axes)."""

    images: tuple[torch.Tensor, torch.Tensor]
    are_maps: tuple[bool, bool]
    n_classes: int
    classes: range  # those to measure


def _as_images(
    preds: torch.Tensor,
    target: torch.Tensor,
    num_classes: int | None,
    include_background: bool,
    input_format: str,
) -> _Images:
    """Read the arguments as TorchMetrics does; what it would refuse is left to it."""
    images, are_maps, channels = [], [], []
    for image, other in ((target, preds), (preds, target)):
        if not isinstance(image, torch.Tensor) or image.dtype not in COUNTED:
            raise NotCovered("what is no tensor of labels")
        if input_format == "mixed" and abs(image.ndim - other.ndim) != 1:
            raise NotCovered("two images of one kind as mixed")
        is_map = input_format == "index" or (
            input_format == "mixed" and image.ndim + 1 == other.ndim
        )
        if not is_map and (input_format == "index" or image.ndim < 3):
            raise NotCovered(f"a one-hot tensor of shape {tuple(image.shape)}")
        if is_map and image.dtype != torch.int64:
            raise NotCovered(f"labels in {image.dtype}")
        if not is_map and num_classes is None:
            num_classes = image.shape[1]
        if not is_map and image.is_floating_point():
            image, is_map = image.argmax(dim=1), True
        images.append(image)
        are_maps.append(is_map)
        channels.append(num_classes if is_map else image.shape[1])
    shapes = {
        (len(image), *image.shape[1 if is_map else 2 :])
        for image, is_map in zip(images, are_maps, strict=True)
    }
    n_classes, other_classes = channels
    if len(shapes) > 1 or n_classes is None or n_classes != other_classes:
        raise NotCovered("shapes or numbers of classes that differ")
    [(_, *sizes)] = shapes
    if not 1 <= len(sizes) <= 3 or not images[0].numel():
        raise NotCovered(f"images of shape {tuple(sizes)}")
    first = 0 if include_background or n_classes == 1 else 1
    return _Images(
        (images[0], images[1]), (are_maps[0], are_maps[1]), n_classes, range(first, n_classes)
    )


# ------------------------------------------------------------------------------------------ overlaps


def _overlaps(
    preds: torch.Tensor,
    target: torch.Tensor,
    num_classes: int | None,
    include_background: bool,
    input_format: str,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Voxels in both, in the prediction and in the target: int64, (B, classes)."""
    found = _as_images(preds, target, num_classes, include_background, input_format)
    if preds.device.type != "cpu" or target.device.type != "cpu":
        raise NotCovered("tensors on a GPU")
    counts = class_overlaps(found.images, found.are_maps, found.classes, range(found.n_classes))
    table = torch.tensor(counts).reshape(len(preds), len(found.classes), 3)
    return table[..., 2], table[..., 1], table[..., 0]


@falls_back_to(f"{_FUNCTIONS}.dice", "_dice_score_update")
def dice_score_update(
    preds: torch.Tensor,
    target: torch.Tensor,
    num_classes: int,
    include_background: bool,
    input_format: str = "one-hot",
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Numerator, denominator and support of the Dice coefficient: what ``DiceScore`` accumulates."""
    both, in_preds, in_target = _overlaps(
        preds, target, num_classes, include_background, input_format
    )
    return 2 * both, in_preds + in_target, in_target


@falls_back_to(f"{_FUNCTIONS}.mean_iou", "_mean_iou_update")
def mean_iou_update(
    preds: torch.Tensor,
    target: torch.Tensor,
    num_classes: int | None = None,
    include_background: bool = False,
    input_format: str = "one-hot",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Intersection and union: what ``MeanIoU`` is computed from."""
    if input_format != "one-hot" and min(preds.dim(), target.dim()) < 3:
        raise NotCovered("label maps without a batch")
    both, in_preds, in_target = _overlaps(
        preds, target, num_classes, include_background, input_format
    )
    return both, in_target + in_preds - both


# ------------------------------------------------------------------------------------------ distances


@falls_back_to(f"{_FUNCTIONS}.hausdorff_distance", "hausdorff_distance")
def hausdorff_distance(
    preds: torch.Tensor,
    target: torch.Tensor,
    num_classes: int,
    include_background: bool = False,
    distance_metric: Literal["euclidean", "chessboard", "taxicab"] = "euclidean",
    spacing: torch.Tensor | list[float] | None = None,
    directed: bool = False,
    input_format: Literal["one-hot", "index", "mixed"] = "one-hot",
) -> torch.Tensor:
    """Hausdorff distance of every class; TorchMetrics' ``hausdorff_distance``, right on images of any shape.

    Parameters
    ----------
    preds, target : tensor
        One-hot (B, C, H, W) or (B, C, D, H, W), of which floats are read by their largest channel, or int64 label
        maps without the axis C.
    num_classes : int
    include_background : bool
        Whether to include class 0.
    distance_metric : {"euclidean", "chessboard", "taxicab"}
    spacing : list or tensor of float, optional
        Size of a pixel or voxel along each axis.
    directed : bool
        Measure from `preds` to `target` alone.
    input_format : {"one-hot", "index", "mixed"}

    Returns
    -------
    float32 tensor (B, classes)
        inf where one mask is empty.

    Raises
    ------
    RuntimeError
        Where both masks are empty, and for different shapes or labels out of range.
    ValueError
        For arguments out of range, and masks that hold more than zeros and ones.

    Examples
    --------
    >>> import torch
    >>> from fastseg.compat.torchmetrics import hausdorff_distance
    >>> target = torch.zeros(1, 6, 12, dtype=torch.int64)
    >>> target[0, 2:4, 2:4] = 1
    >>> hausdorff_distance(target.roll(7, 2), target, num_classes=2, input_format="index")
    tensor([[7.]])
    """
    _hausdorff_distance_validate_args(
        num_classes, include_background, distance_metric, spacing, directed, input_format
    )
    found = _as_images(preds, target, num_classes, include_background, input_format)
    ndim = preds.ndim - (1 if input_format == "index" or preds.ndim < target.ndim else 2)
    if ndim == 1:
        raise NotCovered("images of one axis")
    for image, is_map in zip(found.images, found.are_maps, strict=True):
        low, high = (0, 1) if image.dtype == torch.bool else image.aminmax()
        if low < 0 or high >= (found.n_classes if is_map else 2):
            raise NotCovered("labels out of range")
    sizes = _voxel_size(spacing, ndim)
    items = [(b, label) for b in range(len(preds)) for label in found.classes]

    def measure(item: tuple[int, int]) -> float:
        b, label = item
        images = [
            image[b] if is_map else image[b, label]
            for image, is_map in zip(found.images, found.are_maps, strict=True)
        ]
        values = (label if found.are_maps[0] else 1, label if found.are_maps[1] else 1)
        there, back = _directed(images[0], images[1], values, sizes, distance_metric)
        if not len(there) and not len(back):
            raise RuntimeError(
                f"class {label} of item {b} is empty in preds and in target: there is no distance to measure"
            )
        if not len(there) or not len(back):
            return float("inf")
        return float(there.max() if directed else max(there.max(), back.max()))

    distances = torch.tensor(threads.run(measure, items), dtype=torch.float32)
    return distances.reshape(len(preds), len(found.classes)).to(preds.device)


def _voxel_size(spacing: torch.Tensor | list[float] | None, ndim: int) -> Spacing:
    """Read a spacing; what is wrong about it is said in the words of TorchMetrics first."""
    if spacing is None:
        return as_spacing(None, ndim)
    if len(spacing) != ndim:
        raise ValueError(
            f"Expected argument `sampling` to have length {ndim} but got length `{len(spacing)}`."
        )
    try:
        sizes = [float(size) for size in spacing]
    except (TypeError, ValueError) as error:
        raise TypeError(f"spacing: expected numbers, got {spacing!r}") from error
    return as_spacing(sizes, ndim)


def _directed(
    reference: torch.Tensor,
    prediction: torch.Tensor,
    values: tuple[int, int],
    spacing: Spacing,
    metric: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The distances from the prediction's surface, and those from the reference's."""
    if metric == "euclidean":
        found = surface_distances(reference, prediction, spacing, values=values)
        return found.prediction_to_reference, found.reference_to_prediction
    from scipy.spatial import KDTree

    operations = dispatch.choose("surface", reference.ndim).operations
    points = []
    for image, value in zip((reference, prediction), values, strict=True):
        mask = as_bits(image) == bits_of(value, image.dtype)
        points.append(np.argwhere(operations.surface(mask, 1, "background")) * spacing)
    order = 1 if metric == "taxicab" else np.inf
    first, second = points
    if not len(first) or not len(second):
        return np.full(len(second), np.inf), np.full(len(first), np.inf)
    return KDTree(first).query(second, p=order)[0], KDTree(second).query(first, p=order)[0]


# ------------------------------------------------------------------------------------------ metrics


dice_score = by_way_of(functional.dice_score, __name__, _dice_score_update=dice_score_update)
dice_score.__doc__ = "TorchMetrics' ``dice_score``, its counts from one pass."

mean_iou = by_way_of(functional.mean_iou, __name__, _mean_iou_update=mean_iou_update)
mean_iou.__doc__ = "TorchMetrics' ``mean_iou``, its counts from one pass."


class DiceScore(segmentation.DiceScore):
    """TorchMetrics' ``DiceScore``, its counts from one pass."""

    update = by_way_of(
        segmentation.DiceScore.update, __name__, _dice_score_update=dice_score_update
    )


class MeanIoU(segmentation.MeanIoU):
    """TorchMetrics' ``MeanIoU``, its counts from one pass."""

    update = by_way_of(segmentation.MeanIoU.update, __name__, _mean_iou_update=mean_iou_update)


class HausdorffDistance(segmentation.HausdorffDistance):
    """TorchMetrics' ``HausdorffDistance`` by :func:`hausdorff_distance`: any shape, 2-D and 3-D."""

    update = by_way_of(
        segmentation.HausdorffDistance.update, __name__, hausdorff_distance=hausdorff_distance
    )


# ------------------------------------------------------------------------------------------ probabilities

_OURS: dict[str, Any] = {
    "_ce_compute": ce_compute,
    "_binary_auroc_compute": binary_auroc_compute,
    "_multiclass_auroc_compute": multiclass_auroc_compute,
    "_binary_average_precision_compute": binary_average_precision_compute,
    "_multiclass_average_precision_compute": multiclass_average_precision_compute,
}


def _computing(host: Any) -> Any:
    return by_way_of(host.compute, __name__, **_OURS)


binary_calibration_error = by_way_of(classify.binary_calibration_error, __name__, **_OURS)
multiclass_calibration_error = by_way_of(classify.multiclass_calibration_error, __name__, **_OURS)
binary_auroc = by_way_of(classify.binary_auroc, __name__, **_OURS)
multiclass_auroc = by_way_of(classify.multiclass_auroc, __name__, **_OURS)
binary_average_precision = by_way_of(classify.binary_average_precision, __name__, **_OURS)
multiclass_average_precision = by_way_of(classify.multiclass_average_precision, __name__, **_OURS)


class BinaryCalibrationError(classification.BinaryCalibrationError):
    """TorchMetrics' ``BinaryCalibrationError``, its ranges from one pass."""

    compute = _computing(classification.BinaryCalibrationError)


class MulticlassCalibrationError(classification.MulticlassCalibrationError):
    """TorchMetrics' ``MulticlassCalibrationError``, its ranges from one pass."""

    compute = _computing(classification.MulticlassCalibrationError)


class BinaryAUROC(classification.BinaryAUROC):
    """TorchMetrics' ``BinaryAUROC``, without thresholds from one pass."""

    compute = _computing(classification.BinaryAUROC)


class MulticlassAUROC(classification.MulticlassAUROC):
    """TorchMetrics' ``MulticlassAUROC``, without thresholds from a pass for each class."""

    compute = _computing(classification.MulticlassAUROC)


class BinaryAveragePrecision(classification.BinaryAveragePrecision):
    """TorchMetrics' ``BinaryAveragePrecision``, without thresholds from one pass."""

    compute = _computing(classification.BinaryAveragePrecision)


class MulticlassAveragePrecision(classification.MulticlassAveragePrecision):
    """TorchMetrics' ``MulticlassAveragePrecision``, without thresholds from a pass for each class."""

    compute = _computing(classification.MulticlassAveragePrecision)


_HOMES = {
    "_ce_compute": "calibration_error",
    "_binary_auroc_compute": "auroc",
    "_multiclass_auroc_compute": "auroc",
    "_binary_average_precision_compute": "average_precision",
    "_multiclass_average_precision_compute": "average_precision",
}

PATCHES = Host(
    distribution="torchmetrics",
    since="1.9",
    until="1.10",
    rows=tuple(
        Patch(module, name, ours)
        for modules, name, ours in (
            ((f"{_FUNCTIONS}.dice", "torchmetrics.segmentation.dice"),
             "_dice_score_update", dice_score_update),
            ((f"{_FUNCTIONS}.mean_iou", "torchmetrics.segmentation.mean_iou"),
             "_mean_iou_update", mean_iou_update),
            ((f"{_FUNCTIONS}.hausdorff_distance", _FUNCTIONS, "torchmetrics.segmentation.hausdorff_distance"),
             "hausdorff_distance", hausdorff_distance),
            *(
                ((f"{FUNCTIONS}.{home}", f"torchmetrics.classification.{home}"), name, _OURS[name])
                for name, home in _HOMES.items()
            ),
        )
        for module in modules
    ),
)  # fmt: skip
