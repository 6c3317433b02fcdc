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
