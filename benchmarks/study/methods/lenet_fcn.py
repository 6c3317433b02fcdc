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
    expected={
        "organs": {"liver": 0.9, "spleen": 0.85, "kidneys": 0.8, "aorta": 0.7, "tumour": 0.3},
        "brain": {
            "csf": 0.4,
            "grey_matter": 0.7,
            "white_matter": 0.65,
            "caudate": 0.5,
            "putamen": 0.5,
            "thalamus": 0.65,
            "hippocampus": 0.4,
        },
        "head_neck": {
            "brain": 0.9,
            "brainstem": 0.6,
            "spinal_cord": 0.3,
            "mandible": 0.5,
            "parotids": 0.5,
            "orbits": 0.5,
        },
    },
)
