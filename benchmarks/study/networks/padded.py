"""A network for one size of slices, on slices of any size up to it."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Padded(nn.Module):
    """Repeat a slice's border until it has the size that the network is made for, and cut the logits back."""

    def __init__(self, net: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.net, self.size = net, size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (high, wide), (rows, columns) = x.shape[-2:], self.size
        if high > rows or wide > columns:
            raise ValueError(
                f"slices of {high} × {wide} do not fit a network for {rows} × {columns}"
            )
        x = F.pad(x, (0, columns - wide, 0, rows - high), mode="replicate")
        return self.net(x)[..., :high, :wide]
