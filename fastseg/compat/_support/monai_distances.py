"""MONAI's surface metrics from the engine's distances: Hausdorff distance, average surface distance, surface Dice.

The engine's distances are rounded to float32, in MONAI's order, and torch reduces them as MONAI has it do.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from monai.metrics.utils import (
    create_ignore_mask,
    get_code_to_measure_table,
    ignore_background,
    prepare_spacing,
)
from numpy.typing import NDArray

from fastseg import threads
from fastseg.compat._support.patching import NotCovered, falls_back_to
from fastseg.compat._support.tensors import surface_distances
from fastseg.inputs.arrays import Array, Spacing, as_spacing
from fastseg.measures.surface_distances import Boundary, SurfaceDistances

Images: TypeAlias = NDArray[Any] | torch.Tensor
MonaiSpacing: TypeAlias = float | NDArray[Any] | Sequence[Any] | None

_QUANTILE_LIMIT = 1 << 24  # elements that torch.quantile takes


@falls_back_to("monai.metrics.hausdorff_distance", "compute_hausdorff_distance")
def compute_hausdorff_distance(
    y_pred: Images,
    y: Images,
    include_background: bool = False,
    distance_metric: str = "euclidean",
    percentile: float | None = None,
    directed: bool = False,
    spacing: MonaiSpacing = None,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """Hausdorff distance of every channel; MONAI's ``compute_hausdorff_distance``.

    Parameters
    ----------
    y_pred, y : tensor or ndarray (B, C, H, W) or (B, C, H, W, D)
        One-hot prediction and reference; a voxel is inside where it equals 1.
    include_background : bool
        Whether to include the first channel.
    distance_metric : {"euclidean", "chessboard", "taxicab"}
    percentile : float, optional
        0 to 100, taken in each direction; None and 0 are the maximum.
    directed : bool
        Measure from the prediction to the reference alone.
    spacing : number, sequence of numbers, or a sequence of these for each item, optional
        Voxel size along each axis.
    ignore_index : int, optional
        Channel that gives nan.

    Returns
    -------
    float32 tensor (B, C)
        nan where both masks are empty; inf (nan of a percentile) where one is.

    Warns
    -----
    UserWarning
        For each empty mask.

    Examples
    --------
    >>> import torch
    >>> from fastseg.compat.monai import compute_hausdorff_distance
    >>> y = torch.zeros(1, 1, 9, 9)
    >>> y[..., 2:5, 2:5] = 1
    >>> compute_hausdorff_distance(y.roll(2, 2), y, include_background=True, spacing=(3.0, 1.0))
    tensor([[6.]])
    """
    if percentile and not 0 < percentile <= 100:
        raise NotCovered(f"a percentile of {percentile}")
    pred, ref = _as_images(y_pred, y, include_background, distance_metric)
    found = _channel_distances(pred, ref, _voxel_sizes(spacing, ref))
    first = 0 if include_background else 1
    _warn_of_empty(found, first, ignore_index)
    largest = []
    for (_, channel), distances in np.ndenumerate(found):
        sets = _both_ways(distances)[: 1 if directed else 2]
        if channel + first == ignore_index or not len(sets[0]):
            largest.append(torch.tensor(math.nan))
        else:
            largest.append(torch.stack([_percentile(each, percentile) for each in sets]).max())
    return torch.stack(largest).reshape(found.shape).to(pred.device)


@falls_back_to("monai.metrics.surface_distance", "compute_average_surface_distance")
def compute_average_surface_distance(
    y_pred: Images,
    y: Images,
    include_background: bool = False,
    symmetric: bool = False,
    distance_metric: str = "euclidean",
    spacing: MonaiSpacing = None,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """Average surface distance of every channel; MONAI's ``compute_average_surface_distance``.

    Parameters
    ----------
    y_pred, y, include_background, distance_metric, spacing
        As :func:`compute_hausdorff_distance` takes them.
    symmetric : bool
        Average over both surfaces pooled, else over the prediction's alone.
    ignore_index : int, optional
        Channel that may be empty without a warning.

    Returns
    -------
    float32 tensor (B, C)
        nan where both masks are empty, inf where one is.

    Warns
    -----
    UserWarning
        For each empty mask.
    """
    pred, ref = _as_images(y_pred, y, include_background, distance_metric)
    found = _channel_distances(pred, ref, _voxel_sizes(spacing, ref))
    first = 0 if include_background else 1
    # MONAI counts the channels that it names from the first that it measures, those to ignore from the first of all.
    _warn_of_empty(found, 0, None if ignore_index is None else ignore_index - first)
    means = [
        # the mean of nothing is nan
        torch.cat(_both_ways(distances)[: 2 if symmetric else 1]).mean()
        for distances in found.flat
    ]
    return torch.stack(means).reshape(found.shape).to(pred.device)


@falls_back_to("monai.metrics.surface_dice", "compute_surface_dice")
def compute_surface_dice(
    y_pred: torch.Tensor,
    y: torch.Tensor,
    class_thresholds: list[float],
    include_background: bool = False,
    distance_metric: str = "euclidean",
    spacing: MonaiSpacing = None,
    use_subvoxels: bool = False,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """Normalised surface Dice of every channel; MONAI's ``compute_surface_dice``.

    Parameters
    ----------
    y_pred, y : tensor (B, C, H, W) or (B, C, H, W, D)
        One-hot prediction and reference; a voxel is inside where it equals 1.
    class_thresholds : list of float
        For each channel that is measured, the distance (inclusive, in units of the spacing) that is close enough.
    include_background, distance_metric, spacing
        As :func:`compute_hausdorff_distance` takes them.
    use_subvoxels : bool
        Weigh surface elements by their area, as surface-distance does, instead of counting surface voxels.
    ignore_index : int, optional
        Voxels of this class, or of no class if there is no such channel, are taken out of all masks.

    Returns
    -------
    float32 tensor (B, C)
        0 where one mask is empty, nan where both are.

    Raises
    ------
    ValueError
        For what are no tensors of four or five axes and one shape, thresholds that are not one finite number of at
        least 0 a channel, and a wrong spacing.

    Warns
    -----
    UserWarning
        For each empty mask.

    Examples
    --------
    >>> import torch
    >>> from fastseg.compat.monai import compute_surface_dice
    >>> y = torch.zeros(1, 1, 9, 9)
    >>> y[..., 2:5, 2:5] = 1
    >>> compute_surface_dice(y.roll(1, 2), y, [0.5], include_background=True)
    tensor([[0.5000]])
    """
    if not isinstance(y_pred, torch.Tensor) or not isinstance(y, torch.Tensor):
        raise NotCovered("what are no tensors")
    device = y_pred.device
    y_pred, y = without_ignored(y_pred, y, ignore_index)
    y_pred, y = _as_images(y_pred, y, include_background, distance_metric, doubles=True)
    limits = np.asarray(class_thresholds)
    if limits.shape != y.shape[1:2] or not np.all((limits >= 0) & np.isfinite(limits)):
        raise NotCovered(f"class_thresholds {class_thresholds!r}")
    sizes = _voxel_sizes(spacing, y, one_is_enough=not use_subvoxels)
    found = _channel_distances(y_pred, y, sizes, "surfel" if use_subvoxels else "voxel")
    _warn_of_empty(found, 0 if include_background else 1, ignore_index)
    shares = []
    for (item, channel), distances in np.ndenumerate(found):
        areas = _areas(distances, sizes[item]) if use_subvoxels else None
        shares.append(_share_within(_both_ways(distances), areas, class_thresholds[channel]))
    return torch.stack(shares).reshape(found.shape).to(device)


def without_ignored(y_pred: Any, y: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """Take the voxels of a class out of both images, as MONAI does."""
    mask = create_ignore_mask(y, ignore_index)
    return (y_pred, y) if mask is None else (y_pred * mask, y * mask)


def _as_images(
    y_pred: Images,
    y: Images,
    include_background: bool,
    distance_metric: str,
    doubles: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the channels to measure; float64 is rounded to float32, as MONAI does, unless `doubles`."""
    if distance_metric != "euclidean":
        raise NotCovered(f"distance_metric={distance_metric!r}")
    images = []
    for image in (y_pred, y):
        if not isinstance(image, (torch.Tensor, np.ndarray)):
            raise NotCovered(f"a {type(image).__name__}")
        tensor = torch.as_tensor(image)
        if tensor.ndim not in (4, 5) or not tensor.numel() or tensor.is_complex():
            raise NotCovered(f"a tensor of shape {tuple(tensor.shape)} and {tensor.dtype}")
        images.append(tensor.float() if tensor.dtype == torch.float64 and not doubles else tensor)
    if not include_background:
        images = list(ignore_background(*images))
    if images[0].shape != images[1].shape:
        raise NotCovered("different shapes")
    return images[0], images[1]


def _voxel_sizes(
    spacing: MonaiSpacing, images: torch.Tensor, one_is_enough: bool = True
) -> list[Spacing]:
    """Give the size of a voxel along each axis, for each item."""
    ndim = images.ndim - 2
    sizes = []
    for each in prepare_spacing(spacing, len(images), ndim):
        if each is not None and np.ndim(each) == 0 and not one_is_enough:
            raise NotCovered("one number as the spacing of subvoxels")
        try:
            sizes.append(as_spacing(each, ndim))
        except (TypeError, ValueError) as error:
            raise NotCovered(f"a spacing of {each!r}") from error
    return sizes


def _channel_distances(
    y_pred: torch.Tensor, y: torch.Tensor, sizes: Sequence[Spacing], boundary: Boundary = "voxel"
) -> Array:
    """Measure the distances of every channel of every item, (B, C)."""
    found = np.empty(y.shape[:2], object)
    channels = list(np.ndindex(*found.shape))
    measured = threads.run(
        lambda at: surface_distances(y[at], y_pred[at], sizes[at[0]], boundary), channels
    )
    for at, distances in zip(channels, measured, strict=True):
        found[at] = distances
    return found


def _warn_of_empty(found: Array, first: int, ignored: int | None) -> None:
    """Warn in MONAI's words; `first` is what it calls the first channel."""
    for (_, channel), distances in np.ndenumerate(found):
        sides = (
            ("ground truth", distances.reference_to_prediction),
            ("prediction", distances.prediction_to_reference),
        )
        for name, own in sides:
            if channel + first != ignored and not len(own):
                warnings.warn(
                    f"the {name} of class {channel + first} is all 0, this may result in nan/inf distance.",
                    stacklevel=4,
                )


def _both_ways(distances: SurfaceDistances) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the distances from prediction and reference; where one is empty MONAI has the other's inf for both."""
    there, back = distances.prediction_to_reference, distances.reference_to_prediction
    sets = there if len(there) else back, back if len(back) else there
    first, second = (torch.from_numpy(each.astype(np.float32)) for each in sets)
    return first, second


def _percentile(distances: torch.Tensor, percentile: float | None) -> torch.Tensor:
    """Take the maximum, or what torch.quantile gives: NumPy sorts four times faster, and as many as there are."""
    if not percentile:
        return distances.max()
    kind = torch.float32 if len(distances) <= _QUANTILE_LIMIT else torch.float64
    rank = torch.tensor(percentile / 100, dtype=kind) * (len(distances) - 1)
    below, above = int(rank.floor()), int(rank.ceil())
    ordered = torch.from_numpy(np.sort(distances.numpy()))
    return torch.lerp(ordered[below], ordered[above], (rank - below).float())


def _share_within(
    sets: tuple[torch.Tensor, torch.Tensor],
    areas: tuple[torch.Tensor, torch.Tensor] | None,
    limit: float,
) -> torch.Tensor:
    """Give the share of both surfaces, from prediction and reference, that is near enough; nan of no surface."""
    if not len(sets[0]):
        return torch.tensor(math.nan)
    if areas is None:
        within = sum((distances <= limit).sum() for distances in sets)
        return torch.as_tensor(within / (len(sets[0]) + len(sets[1])))
    pred, y = areas
    total = y.sum() + pred.sum()
    within = sum(
        own[distances <= limit].sum()
        for own, distances in ((y, sets[1]), (pred, sets[0]))
        if len(own)
    )
    return torch.as_tensor(within / total, dtype=torch.float32)


def _areas(distances: SurfaceDistances, spacing: Spacing) -> tuple[torch.Tensor, torch.Tensor]:
    """Look up the areas of the prediction's and the reference's surface elements in MONAI's own table."""
    table = _area_table(spacing)
    first, second = (
        torch.from_numpy(table[codes])
        for codes in (distances.prediction_codes, distances.reference_codes)
        if codes is not None
    )
    return first, second


@functools.lru_cache(maxsize=64)
def _area_table(spacing: Spacing) -> NDArray[Any]:
    """MONAI's area of each of our codes: lengths in float64 in 2-D, areas in float32 in 3-D."""
    monais: NDArray[Any] = get_code_to_measure_table(spacing)[0].numpy()
    # its codes have their bits in the opposite order
    codes = np.arange(len(monais))
    bits = len(monais).bit_length() - 1
    table: NDArray[Any] = monais[sum((codes >> bit & 1) << (bits - 1 - bit) for bit in range(bits))]
    return table
