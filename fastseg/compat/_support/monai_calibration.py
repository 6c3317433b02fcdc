"""MONAI's ranges of calibration, from one pass over each channel."""

from __future__ import annotations

import numpy as np
import torch

from fastseg.compat._support.calibration import as_inside, as_values, range_sums
from fastseg.compat._support.patching import NotCovered, falls_back_to


@falls_back_to("monai.metrics.calibration", "calibration_binning")
def calibration_binning(
    y_pred: torch.Tensor, y: torch.Tensor, num_bins: int = 20, right: bool = False
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean probability, share of positives and number of voxels of each range; MONAI's ``calibration_binning``.

    Parameters
    ----------
    y_pred, y : tensor (B, C, spatial axes)
        Probabilities as float32, and zeros and ones.
    num_bins : int
        Ranges of equal width.
    right : bool
        What lies on an edge belongs to the range above; else, by default, to the range below: MONAI's words are the
        other way round, its numbers are these.

    Returns
    -------
    tensor, tensor, tensor (B, C, num_bins)
        The means are nan where there is no voxel.
    """
    if not isinstance(num_bins, int) or y_pred.shape != y.shape or y_pred.ndim < 3 or num_bins < 1:
        raise NotCovered("what MONAI refuses")
    edges = torch.linspace(0.0, 1.0 + torch.finfo(torch.float32).eps, num_bins + 1).numpy()
    cuts = edges[1:-1] if right else np.nextafter(edges[1:-1], np.float32(2))
    found = torch.empty((3, *y_pred.shape[:2], num_bins))
    for b, c in np.ndindex(*y_pred.shape[:2]):
        ranges = range_sums(as_values(y_pred[b, c]), as_inside(y[b, c]), cuts)
        with np.errstate(invalid="ignore"):
            means = np.stack([ranges.sums, ranges.positives]) / ranges.counts
        found[:2, b, c] = torch.from_numpy(means)
        found[2, b, c] = torch.from_numpy(ranges.counts)
    return found[0], found[1], found[2]
