"""Dilated convolutions at full resolution, and an atrous spatial pyramid (6.1.4, 6.1.5)."""

from __future__ import annotations

from monai.networks.blocks import Convolution, SimpleASPP
from torch import nn

#: of the convolutions one after another, which together see 63 voxels along each axis
DILATIONS = (1, 1, 2, 4, 8)
#: of the pyramid's branches side by side; the first has a kernel of 1 × 1
PYRAMID = (1, 4, 8, 12)


class DilatedASPP(nn.Sequential):
    """Convolutions that see farther by dilation, never by pooling: no resolution is lost, none is to be restored."""

    def __init__(self, channels: int, classes: int, features: int = 16) -> None:
        layers: list[nn.Module] = []
        for dilation in DILATIONS:
            layers.append(
                Convolution(
                    2, channels, features, dilation=dilation, norm="batch", act="relu", bias=False
                )
            )
            channels = features
        pyramid = SimpleASPP(2, features, features, kernel_sizes=(1, 3, 3, 3), dilations=PYRAMID)
        super().__init__(*layers, pyramid, nn.Conv2d(4 * features, classes, kernel_size=1))


def receptive_field() -> int:
    """Count the voxels along an axis that one output sees."""
    return 1 + 2 * (sum(DILATIONS) + max(PYRAMID))
