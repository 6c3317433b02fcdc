"""U-Net whose upsampling is learned: transposed convolutions (6.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from benchmarks.study.networks.unet import unet

    return unet(channels, classes, "deconv")


RECIPE = Recipe(build, share=1.2)
METHOD = trained(
    RECIPE,
    title="U-Net, transposed convolutions",
    section="6.1.3",
    expected={
        "organs": {"liver": 0.95, "spleen": 0.95, "kidneys": 0.93, "aorta": 0.9, "tumour": 0.7},
        "brain": {
            "csf": 0.75,
            "grey_matter": 0.9,
            "white_matter": 0.9,
            "caudate": 0.8,
            "putamen": 0.8,
            "thalamus": 0.85,
            "hippocampus": 0.7,
        },
        "head_neck": {
            "brain": 0.95,
            "brainstem": 0.8,
            "spinal_cord": 0.7,
            "mandible": 0.85,
            "parotids": 0.75,
            "orbits": 0.8,
        },
    },
)
