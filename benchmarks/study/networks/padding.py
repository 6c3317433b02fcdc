"""What padding does near the borders that it makes (6.1.6), measured on a trained network."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.study.slices import classes_of

#: voxels on either side of a seam that count as near it
NEAR = 4


def seams(network: torch.nn.Module, slices: torch.Tensor) -> dict[str, float]:
    """Segment slices in quarters, and give the share of voxels whose label is another than in whole slices.

    Convolutions at the border of a tile see padding where there is image: near the seams (``seams_zeros``, up to 4
    voxels) more changes than away from them (``inside_zeros``). Networks are trained with zeros around their slices;
    the same weights are tried with the border repeated as well (``seams_replicate``, ``inside_replicate``).
    """
    found = {}
    for mode in ("zeros", "replicate"):
        padded = padded_by(network, mode)
        whole = classes_of(padded, slices)
        tiled = np.zeros_like(whole)
        rows, columns = whole.shape[1:]
        for x in (slice(rows // 2), slice(rows // 2, None)):
            for y in (slice(columns // 2), slice(columns // 2, None)):
                tiled[:, x, y] = classes_of(padded, slices[:, :, x, y])
        near = near_middle(rows)[:, None] | near_middle(columns)[None]
        changed = whole != tiled
        found[f"seams_{mode}"] = float(changed[:, near].mean())
        found[f"inside_{mode}"] = float(changed[:, ~near].mean())
    return found


def padded_by(network: torch.nn.Module, mode: str) -> torch.nn.Module:
    """Give a copy of the network whose convolutions pad in another way; the weights are the same."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.padding_mode = mode
    return network


def near_middle(size: int) -> NDArray[np.bool_]:
    """Mark the voxels along an axis that are near its middle."""
    return abs(np.arange(size) - size // 2 + 0.5) < NEAR
