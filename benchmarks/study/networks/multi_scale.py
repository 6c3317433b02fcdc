"""Two pathways without a decoder: the image, and the image at a third of its resolution (6.1.7; Kamnitsas 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from monai.networks.blocks import Convolution
from torch import nn

SCALE = 3
#: convolutions of each pathway, of 3 × 3
DEPTH = 4, 6


class MultiScale(nn.Module):
    """What is near comes by the image's own pathway, context by that of the down-sampled image.

    One pathway sees 9 voxels along each axis, the other 39. Both end on the image's grid (the second by repeating its
    voxels, as its authors do), where two convolutions of 1 × 1 stand for the fully connected layers.
    """

    def __init__(self, channels: int, classes: int, features: int = 24) -> None:
        super().__init__()
        self.near, self.far = (pathway(channels, features, depth) for depth in DEPTH)
        self.head = nn.Sequential(
            Convolution(
                2, 2 * features, 2 * features, kernel_size=1, norm="batch", act="relu", bias=False
            ),
            nn.Conv2d(2 * features, classes, kernel_size=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[-2:]
        padded = F.pad(x, (0, -size[1] % SCALE, 0, -size[0] % SCALE), mode="replicate")
        far = self.far(F.avg_pool2d(padded, SCALE))
        far = F.interpolate(far, scale_factor=SCALE, mode="nearest")[..., : size[0], : size[1]]
        return self.head(torch.cat([self.near(x), far], dim=1))


def pathway(channels: int, features: int, depth: int) -> nn.Sequential:
    """Stack convolutions; nothing is pooled."""
    inputs = (channels, *(features,) * (depth - 1))
    return nn.Sequential(
        *(Convolution(2, n, features, norm="batch", act="relu", bias=False) for n in inputs)
    )
