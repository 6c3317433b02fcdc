"""MONAI's surface metrics from the engine's distances: Hausdorff distance, average surface distance, surface Dice.

The engine's distances are rounded to float32, in MONAI's order, and torch reduces them as MONAI has it do.
"""

from __future__ import annotations

import functools
import itertools
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

from fastseg.compat._support.channels import Channel, Channels
from fastseg.compat._support.patching import NotCovered, falls_back_to
from fastseg.compat._support.torch_quantile import percentiles
from fastseg.inputs.arrays import Spacing, as_spacing
from fastseg.measures.distributions import Distribution
from fastseg.measures.many_distributions import Segments
from fastseg.measures.surface_distances import SurfaceDistances

Images: TypeAlias = NDArray[Any] | torch.Tensor
MonaiSpacing: TypeAlias = float | NDArray[Any] | Sequence[Any] | None


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
    channels = _as_channels(y_pred, y, include_background, distance_metric)
    sizes = _voxel_sizes(spacing, channels)
    first = 0 if include_background else 1
    _warn_of_empty(channels, first, ignore_index)
    farthest = np.full(channels.shape, np.nan, np.float32)
    both = []
    for channel in channels.all:
        if channel.at[1] + first == ignore_index:
            continue
        if not channel.empty:
            both.append(channel)
        elif channel.empty != "both" and not percentile:
            farthest[channel.at] = np.inf
    directions = [
        # MONAI's one direction is that from the prediction
        each.distributions[1:] if directed else each.distributions
        for each in channels.distributions(both, sizes)
    ]
    found = percentiles(list(itertools.chain.from_iterable(directions)), percentile)
    farthest[_places(both)] = found.reshape(-1, 1 if directed else 2).max(axis=1)
    return torch.from_numpy(farthest).to(channels.device)


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
    channels = _as_channels(y_pred, y, include_background, distance_metric)
    sizes = _voxel_sizes(spacing, channels)
    first = 0 if include_background else 1
    # MONAI counts the channels that it names from the first that it measures, those to ignore from the first of all.
    _warn_of_empty(channels, 0, None if ignore_index is None else ignore_index - first)
    means = np.full(channels.shape, np.nan, np.float32)

    def mean(_: Channel, distances: SurfaceDistances) -> float:
        sides = distances.prediction_to_reference, distances.reference_to_prediction
        of_all = np.concatenate(sides) if symmetric else sides[0]
        return float(torch.from_numpy(of_all.astype(np.float32)).mean())

    both = []
    for channel in channels.all:
        if not channel.empty:
            both.append(channel)
        elif channel.empty != "both":
            means[channel.at] = np.inf
    means[_places(both)] = channels.distances(both, sizes, mean, one_way=not symmetric)
    return torch.from_numpy(means).to(channels.device)


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
    y_pred, y = without_ignored(y_pred, y, ignore_index)
    channels = _as_channels(y_pred, y, include_background, distance_metric, doubles=True)
    limits = np.asarray(class_thresholds)
    if limits.shape != channels.shape[1:] or not np.all((limits >= 0) & np.isfinite(limits)):
        raise NotCovered(f"class_thresholds {class_thresholds!r}")
    sizes = _voxel_sizes(spacing, channels, one_is_enough=not use_subvoxels)
    _warn_of_empty(channels, 0 if include_background else 1, ignore_index)
    shares = np.full(channels.shape, np.nan, np.float32)
    both = []
    for channel in channels.all:
        if not channel.empty:
            both.append(channel)
        elif channel.empty != "both":
            shares[channel.at] = 0

    places = _places(both)

    def share(channel: Channel, distances: SurfaceDistances) -> float:
        item, own = channel.at
        areas = _areas(distances, sizes[item])
        return float(_share_of_area(_from_both(distances), areas, class_thresholds[own]))

    if use_subvoxels:
        shares[places] = channels.distances(both, sizes, share, "surfel")
    else:
        counted = channels.distributions(both, sizes)
        shares[places] = _shares_within([each.distributions for each in counted], limits[places[1]])
    return torch.from_numpy(shares).to(channels.device)


def without_ignored(y_pred: Any, y: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """Take the voxels of a class out of both images, as MONAI does."""
    mask = create_ignore_mask(y, ignore_index)
    return (y_pred, y) if mask is None else (y_pred * mask, y * mask)


def _as_channels(
    y_pred: Images,
    y: Images,
    include_background: bool,
    distance_metric: str,
    doubles: bool = False,
) -> Channels:
    """Find the channels to measure; float64 is rounded to float32, as MONAI does, unless `doubles`."""
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
    first = 0 if include_background or images[0].shape[1] == 1 else 1
    if images[0].shape != images[1].shape and not include_background:
        images, first = list(ignore_background(*images)), 0
    if images[0].shape != images[1].shape:
        raise NotCovered("different shapes")
    return Channels(images[1], images[0], first)


def _voxel_sizes(
    spacing: MonaiSpacing, channels: Channels, one_is_enough: bool = True
) -> list[Spacing]:
    """Give the size of a voxel along each axis, for each item."""
    if spacing is None:
        return [(1.0,) * channels.ndim] * channels.shape[0]
    sizes = []
    for each in prepare_spacing(spacing, channels.shape[0], channels.ndim):
        if np.ndim(each) == 0 and not one_is_enough:
            raise NotCovered("one number as the spacing of subvoxels")
        try:
            sizes.append(as_spacing(each, channels.ndim))
        except (TypeError, ValueError) as error:
            raise NotCovered(f"a spacing of {each!r}") from error
    return sizes


def _warn_of_empty(channels: Channels, first: int, ignored: int | None) -> None:
    """Warn in MONAI's words; `first` is what it calls the first channel."""
    for channel in channels.all:
        number = channel.at[1] + first
        if not channel.empty or number == ignored:
            continue
        for name, side in (("ground truth", "reference"), ("prediction", "prediction")):
            if channel.empty in (side, "both"):
                warnings.warn(
                    f"the {name} of class {number} is all 0, this may result in nan/inf distance.",
                    stacklevel=4,
                )


def _from_both(distances: SurfaceDistances) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the distances from the prediction and from the reference."""
    first, second = (
        torch.from_numpy(each.astype(np.float32))
        for each in (distances.prediction_to_reference, distances.reference_to_prediction)
    )
    return first, second


def _places(channels: Sequence[Channel]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the items of some channels, and their places among those that are measured."""
    items, own = np.array([channel.at for channel in channels], np.intp).reshape(-1, 2).T
    return items, own


def _shares_within(
    pairs: Sequence[Sequence[Distribution]], limits: NDArray[Any]
) -> NDArray[np.float32]:
    """Give the share of the voxels of both surfaces of each channel that is no farther than its limit."""
    if not pairs:
        return np.empty(0, np.float32)
    each = Segments.of(list(itertools.chain.from_iterable(pairs)))
    near = np.repeat(limits.astype(np.float32).repeat(2), each.ends - each.starts)
    counts = np.where(each.distances.astype(np.float32) <= near, each.counts, 0)
    within, totals = (
        of_sides.reshape(-1, 2).sum(axis=1).astype(np.float32)
        for of_sides in (np.add.reduceat(counts, each.starts), each.totals)
    )
    shares: NDArray[np.float32] = within / totals
    return shares


def _share_of_area(
    sets: tuple[torch.Tensor, torch.Tensor],
    areas: tuple[torch.Tensor, torch.Tensor],
    limit: float,
) -> torch.Tensor:
    """Give the share of the area of both surfaces, from prediction and reference, that is near enough."""
    pred, y = areas
    total = y.sum() + pred.sum()
    within = y[sets[1] <= limit].sum() + pred[sets[0] <= limit].sum()
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
