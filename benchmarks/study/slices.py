"""Images as axial slices: what a 2-D network is given, in training and afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from benchmarks.study.subjects import Sample

#: slices that are segmented at once: what fits the processor's cache
TOGETHER = 8


def channels_of(image: NDArray[np.float32], neighbours: int) -> torch.Tensor:
    """Give (Z, channels, X, Y): each slice with its neighbours, in standard deviations from the image's mean.

    The outermost slices are their own neighbours.
    """
    scaled = (image - image.mean()) / max(float(image.std()), 1e-6)
    slices = torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1), np.float32))
    at = torch.arange(len(slices))
    return torch.stack(
        [slices[(at + k).clamp(0, len(slices) - 1)] for k in range(-neighbours, neighbours + 1)], 1
    )


def classes_of(network: torch.nn.Module, slices: torch.Tensor) -> NDArray[np.int64]:
    """Classify the voxels of slices: (Z, X, Y)."""
    network.eval()
    with torch.no_grad():
        parts = slices.contiguous(memory_format=torch.channels_last).split(TOGETHER)
        return torch.cat([network(part).argmax(1) for part in parts]).numpy()


class Slices:
    """The slices of training subjects, drawn so that rare structures come as often as others."""

    def __init__(
        self, samples: Sequence[Sample], labels: Sequence[int], neighbours: int, seed: int
    ) -> None:
        index = np.zeros(256, np.int64)
        index[list(labels)] = range(len(labels))
        self.images, self.truths = [], []
        #: of each class, the slices that have some of it: (sample, slice)
        self.where: list[list[tuple[int, int]]] = [[] for _ in labels]
        for number, sample in enumerate(samples):
            assert sample.truth is not None
            classes = index[sample.truth.transpose(2, 0, 1)]
            self.images.append(channels_of(sample.image, neighbours))
            self.truths.append(torch.from_numpy(np.ascontiguousarray(classes)))
            for k, plane in enumerate(classes):
                for found in np.unique(plane).tolist():
                    self.where[found].append((number, k))
        # background is in all slices: as a class, it draws any of them
        self.where = [places for places in self.where if places]
        self.rng = np.random.default_rng(seed)

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw slices, each by a class first, and augment them: (B, channels, X, Y) and (B, 1, X, Y)."""
        images, truths = [], []
        for _ in range(size):
            places = self.where[self.rng.integers(len(self.where))]
            number, k = places[self.rng.integers(len(places))]
            images.append(self.images[number][k])
            truths.append(self.truths[number][k])
        return self.augment(torch.stack(images), torch.stack(truths)[:, None])

    def augment(
        self, images: torch.Tensor, truths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn, scale and move the slices a little, and change brightness, contrast and noise; nothing is flipped.

        Left and right differ: a flipped liver lies where no liver is.
        """
        draw = self.rng.uniform
        count = len(images)
        angle, scale = draw(-0.12, 0.12, count), draw(0.9, 1.1, (2, count))
        move = draw(-0.08, 0.08, (2, count))
        affine = np.stack(
            [
                np.stack([scale[0] * np.cos(angle), -np.sin(angle), move[0]], 1),
                np.stack([np.sin(angle), scale[1] * np.cos(angle), move[1]], 1),
            ],
            1,
        )
        grid = F.affine_grid(
            torch.from_numpy(affine.astype(np.float32)), list(images.shape), align_corners=False
        )
        images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        truths = F.grid_sample(
            truths.float(), grid, mode="nearest", padding_mode="border", align_corners=False
        ).long()

        def each(low: float, high: float) -> torch.Tensor:
            return torch.from_numpy(draw(low, high, (count, 1, 1, 1)).astype(np.float32))

        noise = torch.from_numpy(self.rng.standard_normal(images.shape, np.float32))
        images = images * each(0.9, 1.1) + each(-0.1, 0.1) + noise * each(0, 0.1)
        return images.contiguous(memory_format=torch.channels_last), truths
