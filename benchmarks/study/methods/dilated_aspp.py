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
    expected={
        "organs": {"liver": 0.95, "spleen": 0.93, "kidneys": 0.92, "aorta": 0.88, "tumour": 0.7},
        "brain": {
            "csf": 0.75,
            "grey_matter": 0.9,
            "white_matter": 0.9,
            "caudate": 0.75,
            "putamen": 0.75,
            "thalamus": 0.8,
            "hippocampus": 0.6,
        },
        "head_neck": {
            "brain": 0.95,
            "brainstem": 0.75,
            "spinal_cord": 0.65,
            "mandible": 0.85,
            "parotids": 0.7,
            "orbits": 0.75,
        },
    },
)
