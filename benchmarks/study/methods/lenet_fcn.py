"""The lecture's LeNet as a fully convolutional network, its map of classes scaled up (5.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from benchmarks.study.networks.lenet import LeNet

    return LeNet(channels, classes)


# one slice, as the lecture's network has one channel
RECIPE = Recipe(build, share=1.5, neighbours=0)
METHOD = trained(
    RECIPE,
    title="Fully convolutional LeNet",
    section="5.1.1",
    library="PyTorch",
    expected={},
)
