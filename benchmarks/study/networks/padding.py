"""What padding does near the borders that it makes (6.1.6), measured on a trained network."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.study.networks import Recipe
from benchmarks.study.slices import channels_of
from benchmarks.study.subjects import Sample
from benchmarks.study.training import TOGETHER, Trained, network_of, steady

#: voxels on either side of a seam that count as near it
NEAR = 4


def seams(
    recipe: Recipe, model: Trained, sample: Sample, tile: int = 32
) -> dict[str, dict[str, float]]:
    """Segment slices in tiles, and give the share of voxels whose label is another than without tiles.

    Convolutions at the border of a tile see padding where there is image: near the seams (``"seams"``, up to 4 voxels)
    more changes than away from them (``"inside"``). The network was trained with zeros around its slices; the same
    weights are tried with the border repeated as well, ``"zeros"`` and ``"replicate"``.
    """
    found = {}
    with steady(), torch.no_grad():
        slices = channels_of(sample.image, recipe.neighbours)
        for mode in ("zeros", "replicate"):
            network = padded_by(network_of(recipe, model), mode)
            whole = classes(network, slices)
            tiled = np.zeros_like(whole)
            rows, columns = whole.shape[1:]
            along_x, along_y = borders(rows, tile), borders(columns, tile)
            for x in itertools.pairwise(along_x):
                for y in itertools.pairwise(along_y):
                    part = (slice(*x), slice(*y))
                    tiled[:, *part] = classes(network, slices[:, :, *part])
            near = near_seams(along_x)[:, None] | near_seams(along_y)[None]
            changed = whole != tiled
            found[mode] = {
                "seams": float(changed[:, near].mean()),
                "inside": float(changed[:, ~near].mean()),
            }
    return found


def padded_by(network: torch.nn.Module, mode: str) -> torch.nn.Module:
    """Give a copy of the network whose convolutions pad in another way; the weights are the same."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.padding_mode = mode
    return network


def classes(network: torch.nn.Module, slices: torch.Tensor) -> NDArray[np.int64]:
    """Classify the voxels of slices."""
    return torch.cat([network(part).argmax(1) for part in slices.split(TOGETHER)]).numpy()


def borders(size: int, tile: int) -> list[int]:
    """Cut an axis into equal parts of about the length of a tile."""
    parts = max(1, round(size / tile))
    return [size * k // parts for k in range(parts + 1)]


def near_seams(along: list[int]) -> NDArray[np.bool_]:
    """Mark the voxels along an axis that are near a seam; the image's own borders are none."""
    at = np.arange(along[-1])
    near = np.zeros(along[-1], bool)
    for seam in along[1:-1]:
        near |= abs(at - seam + 0.5) < NEAR
    return near
