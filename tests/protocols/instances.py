"""Pairs of instance maps by chance, of all kinds, and twins that count them voxel by voxel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[Any]
KINDS = ("chance", "disturbed", "shifted", "split", "merged", "empty", "voxel", "equal", "tied")


def pairs(seed: int, n: int, axes: tuple[int, ...] = (2, 3)) -> Iterator[tuple[Labels, Labels]]:
    """Small maps: touching, split, merged and shifted instances, single voxels, equal ones, and none on either side."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        kind = KINDS[i % len(KINDS)]
        ndim = axes[rng.integers(len(axes))]
        shape = tuple(rng.integers(1, 9 if ndim == 2 else 6, ndim))
        first = rng.integers(0, rng.integers(2, 8), shape)
        second = rng.integers(0, rng.integers(2, 8), shape)
        if kind == "disturbed":
            second = np.where(rng.random(shape) < 0.8, first, second)
        elif kind in ("shifted", "tied"):
            first = np.kron(rng.integers(0, 4, shape), np.ones([2] * ndim, int))
            second = np.roll(first, 1, rng.integers(ndim))
        elif kind == "split":
            second = np.where(rng.random(shape) < 0.5, first, first + 8 * (first > 0))
        elif kind == "merged":
            second = np.where(first > 2, 3, first)
        elif kind == "empty":
            first, second = first * (i % 4 < 2), second * (i % 3 < 1)
        elif kind == "voxel":
            first, second = np.zeros((2, *shape), int)
            first.reshape(-1)[rng.integers(first.size)] = 1
            second.reshape(-1)[rng.integers(first.size)] = 5
        elif kind == "equal":
            second = first.copy()
        if rng.random() < 0.3:
            first = first * 3
        yield first.astype(np.int32), second.astype(np.uint16)


class Counted:
    """Sizes and overlaps of the instances of two maps, by looking at each voxel."""

    def __init__(self, reference: Labels, prediction: Labels) -> None:
        self.reference: Counter[int] = Counter()
        self.prediction: Counter[int] = Counter()
        self.both: Counter[tuple[int, int]] = Counter()
        self.union = 0
        voxels = zip(reference.reshape(-1).tolist(), prediction.reshape(-1).tolist(), strict=True)
        for r, p in voxels:
            self.union += bool(r or p)
            if r:
                self.reference[r] += 1
            if p:
                self.prediction[p] += 1
            if r and p:
                self.both[r, p] += 1
        self.ids = sorted(self.reference), sorted(self.prediction)

    def iou(self, r: int, p: int) -> float:
        """Of an instance of either map."""
        both = self.both[r, p]
        return both / (self.reference[r] + self.prediction[p] - both)
