"""The U-Net with transformer blocks at its lowest resolution, after TransUNet (6.2; Chen 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from monai.networks.blocks.transformerblock import TransformerBlock
from torch import nn

from benchmarks.study.networks.unet import FEATURES, unet


class Tokens(nn.Module):
    """Each voxel of a map of features attends to all others: transformer blocks, between two maps of one size."""

    def __init__(self, features: int, grid: tuple[int, int], blocks: int, heads: int) -> None:
        super().__init__()
        # where a token lies, learned on one grid, and resampled for slices of another size
        self.places = nn.Parameter(0.02 * torch.randn(1, features, *grid))
        self.blocks = nn.Sequential(
            *(TransformerBlock(features, 2 * features, heads) for _ in range(blocks))
        )
        self.norm = nn.LayerNorm(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[-2:]
        places = F.interpolate(self.places, size=size, mode="bilinear", align_corners=False)
        tokens = (x + places).flatten(2).transpose(1, 2)
        tokens = self.norm(self.blocks(tokens))
        return tokens.transpose(1, 2).unflatten(2, size).contiguous()


def unet_with_transformer(channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
    """Build the bilinear U-Net, with the blocks behind its encoder: nothing else differs."""
    network = unet(channels, classes, "nontrainable")
    features = FEATURES[4]
    grid = (max(1, size[0] // 16), max(1, size[1] // 16))
    network.down_4 = nn.Sequential(network.down_4, Tokens(features, grid, blocks=3, heads=4))
    return network
