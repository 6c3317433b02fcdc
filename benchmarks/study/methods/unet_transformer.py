"""The bilinear U-Net with transformer blocks at its bottleneck, as TransUNet has them (6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from benchmarks.study.networks.transformer import unet_with_transformer

    return unet_with_transformer(channels, classes, size)


RECIPE = Recipe(build, rate=2e-3)
METHOD = trained(
    RECIPE,
    title="U-Net with a transformer",
    section="6.2",
    expected={},
)
