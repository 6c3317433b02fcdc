"""Random pairs of small label maps in which instances touch, merge, split, lie at the border, or are not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def blobs(rng: np.random.Generator, shape: tuple[int, ...], labels: int, many: int) -> Array:
    """Put boxes of random labels, some of them single voxels, anywhere; later ones cover earlier ones."""
    found = np.zeros(shape, np.uint8)
    for _ in range(many):
        start = [int(rng.integers(0, size)) for size in shape]
        extent = [int(rng.integers(1, max(2, size // 2))) for size in shape]
        if rng.random() < 0.3:
            extent = [1] * len(shape)
        box = tuple(slice(a, a + b) for a, b in zip(start, extent, strict=True))
        found[box] = rng.integers(1, labels + 1)
    return found


def changed(rng: np.random.Generator, reference: Array, labels: int) -> Array:
    """Shift, cut, drop or add some."""
    prediction = reference.copy()
    kind = rng.integers(0, 8)
    if kind == 0:
        return np.zeros_like(reference)
    if kind == 1:
        return blobs(rng, reference.shape, labels, int(rng.integers(0, 5)))
    if kind >= 3:
        axis = int(rng.integers(0, reference.ndim))
        prediction = np.roll(prediction, int(rng.integers(-1, 2)), axis)
    if kind >= 4:
        prediction[rng.random(reference.shape) < 0.1] = 0  # splits
    if kind >= 6:
        extra = blobs(rng, reference.shape, labels, 2)  # merges
        prediction = np.where(extra, extra, prediction)
    return prediction


def pairs(n: int, seed: int) -> Iterator[tuple[np.random.Generator, Array, Array]]:
    """Give pairs of one to three axes, in either memory order, with up to three labels."""
    for number in range(n):
        rng = np.random.default_rng((seed, number))
        ndim = int(rng.choice([1, 2, 3, 3]))
        shape = tuple(int(size) for size in rng.integers(2, {1: 24, 2: 12, 3: 8}[ndim] + 1, ndim))
        labels = int(rng.integers(1, 4))
        reference = blobs(rng, shape, labels, int(rng.integers(0, 7)))
        prediction = changed(rng, reference, labels)
        if rng.random() < 0.1:
            reference, prediction = prediction, reference
        order: Any = "C" if rng.random() < 0.5 else "F"
        yield rng, np.array(reference, order=order), np.array(prediction, order=order)
