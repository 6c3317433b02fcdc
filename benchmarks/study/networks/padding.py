"""What padding does near the borders that it makes (6.1.6), measured on a trained network."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.study.slices import classes_of

#: voxels on either side of a seam that count as near it
NEAR = 4
#: a tile's side, in voxels, that every network can take: a U-Net halves it four times
SHORTEST = 16


def seams(network: torch.nn.Module, slices: torch.Tensor) -> dict[str, float]:
    """Segment slices in quarters, and give the share of voxels whose label is another than in whole slices.

    Convolutions at the border of a tile see padding where there is image: near the seams (``seams_zeros``, up to 4
    voxels) more changes than away from them (``inside_zeros``). Networks are trained with zeros around their slices;
    the same weights are tried with the border repeated as well (``seams_replicate``, ``inside_replicate``). Slices too
    small to be cut give nothing.
    """
    found: dict[str, float] = {}
    tiles_x, near_x = halves(slices.shape[2])
    tiles_y, near_y = halves(slices.shape[3])
    near = near_x[:, None] | near_y[None]
    if not near.any():
        return found
    for mode in ("zeros", "replicate"):
        padded = padded_by(network, mode)
        whole = classes_of(padded, slices)
        tiled = np.zeros_like(whole)
        for x, y in itertools.product(tiles_x, tiles_y):
            tiled[:, x, y] = classes_of(padded, slices[:, :, x, y])
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


def halves(size: int) -> tuple[list[slice], NDArray[np.bool_]]:
    """Cut an axis at its middle, and mark what is near; one too short for halves stays whole."""
    middle = size // 2
    if middle < SHORTEST:
        return [slice(None)], np.zeros(size, bool)
    return [slice(middle), slice(middle, None)], abs(np.arange(size) - middle + 0.5) < NEAR
