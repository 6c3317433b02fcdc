"""MONAI's U-Net, in 2-D and small: five resolutions, two convolutions each, connections across (6.1)."""

from __future__ import annotations

from monai.networks.nets import BasicUNet

FEATURES = (16, 16, 32, 64, 128, 16)
#: on one thread of a CPU, half the time of instance normalization
NORM = ("batch", {})


def unet(channels: int, classes: int, upsample: str) -> BasicUNet:
    """Build it; `upsample` is "deconv" (transposed convolution) or "nontrainable" (1 × 1 convolution, bilinear)."""
    return BasicUNet(
        spatial_dims=2,
        in_channels=channels,
        out_channels=classes,
        features=FEATURES,
        norm=NORM,
        bias=False,
        upsample=upsample,
    )
