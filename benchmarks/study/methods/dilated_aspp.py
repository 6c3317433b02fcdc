"""Dilated convolutions at full resolution and an atrous spatial pyramid (6.1.4, 6.1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from benchmarks.study.networks.dilated import DilatedASPP

    return DilatedASPP(channels, classes)


RECIPE = Recipe(build, share=0.75)
METHOD = trained(
    RECIPE,
    title="Dilated convolutions and spatial pyramid",
    section="6.1.5",
    expected={},
)
