"""U-Net whose upsampling is learned: transposed convolutions (6.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from benchmarks.study.networks.unet import unet

    return unet(channels, classes, "deconv")


RECIPE = Recipe(build)
METHOD = trained(
    RECIPE,
    title="U-Net, transposed convolutions",
    section="6.1.3",
    expected={},
)
