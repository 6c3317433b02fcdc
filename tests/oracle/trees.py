"""Random trees of tubes, and predictions of them that miss or invent some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def trees(
    n: int, seed: int, *, axes: Sequence[int] = (2, 3), largest: int = 24
) -> Iterator[tuple[Mask, Mask]]:
    """Give pairs of masks: trees with what was found of them, others beside them, noise, and what fills the image."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        shape = tuple(rng.integers(min(9, largest // 2), largest, axes[i % len(axes)]).tolist())
        reference = _tree(shape, rng)
        prediction = np.roll(reference, int(rng.integers(0, 2)), 0)
        prediction &= rng.random(shape) < rng.choice([1, 0.99, 0.9])
        kind = i % 7
        if kind == 1:
            prediction = _tree(shape, rng)
        if kind == 3:
            reference |= rng.random(shape) < 0.02
        if kind == 4:
            reference = rng.random(shape) < rng.choice([0.3, 0.6, 0.9])
        if kind == 5:
            prediction = reference.copy()
            prediction[: shape[0] // 2] = False
        yield reference, prediction


def _tree(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    """Draw lines from ends of earlier ones to anywhere, also along the border, and make them thick."""
    ends = [rng.integers(0, shape).astype(float)]
    tree = np.zeros(shape, bool)
    for _ in range(int(rng.integers(2, 9))):
        start, end = ends[int(rng.integers(len(ends)))], rng.integers(0, shape).astype(float)
        steps = np.linspace(start, end, 4 * max(shape))
        tree[tuple(np.rint(steps).astype(int).T)] = True
        ends.append(end)
    thickness = int(rng.integers(0, 3))
    return ndimage.binary_dilation(tree, iterations=thickness) if thickness else tree
