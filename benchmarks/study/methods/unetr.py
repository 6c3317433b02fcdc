"""UNETR in 2-D: a vision transformer on patches of 16 × 16 voxels as the encoder (6.2; Hatamizadeh 2021).

Transformers want data and time. Of six subjects and a minute it is expected to learn less than a U-Net.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study.networks import Recipe, trained

if TYPE_CHECKING:
    import torch

PATCH = 16


def build(channels: int, classes: int, size: tuple[int, int]) -> torch.nn.Module:
    from monai.networks.nets import UNETR

    from benchmarks.study.networks.padded import Padded

    rows, columns = (-(-n // PATCH) * PATCH for n in size)
    network = UNETR(
        in_channels=channels,
        out_channels=classes,
        img_size=(rows, columns),
        feature_size=8,
        hidden_size=96,
        mlp_dim=192,
        num_heads=4,
        norm_name="batch",
        spatial_dims=2,
    )
    return Padded(network, (rows, columns))


RECIPE = Recipe(build, share=0.6, rate=2e-3)
METHOD = trained(
    RECIPE,
    title="UNETR",
    section="6.2",
    # not of small structures
    expected={
        "organs": {"liver": 0.9, "spleen": 0.85, "kidneys": 0.8, "aorta": 0.75},
        "brain": {"csf": 0.6, "grey_matter": 0.85, "white_matter": 0.85},
        "head_neck": {"brain": 0.9, "mandible": 0.7},
    },
)
