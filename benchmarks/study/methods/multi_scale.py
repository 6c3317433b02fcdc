"""Two pathways without a decoder, one on the down-sampled image (6.1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from benchmarks.study.networks.multi_scale import MultiScale

    return MultiScale(channels, classes)


RECIPE = Recipe(build, share=0.6)
METHOD = trained(
    RECIPE,
    title="Multi-scale pathways",
    section="6.1.7",
    expected={},
)
