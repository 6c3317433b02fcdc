"""U-Net whose upsampling is bilinear, after a 1 × 1 convolution that halves the channels (6.1.1).

All else is that of ``unet_transposed``. Its training is the one that is validated after every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from benchmarks.study.networks.unet import unet

    return unet(channels, classes, "nontrainable")


RECIPE = Recipe(build, validated_steps=True)
METHOD = trained(
    RECIPE,
    title="U-Net, bilinear upsampling",
    section="6.1.1",
    expected={},
)
