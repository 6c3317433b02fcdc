"""Structures to make errors of, and where a damaged mask lies in the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.stressing.registry import find
from fastseg.stressing.structure import StressedStructure

Bools = NDArray[np.bool_]


def ball(radius: float, shape: tuple[int, ...], spacing: tuple[float, ...] | None = None) -> Bools:
    """A ball in the middle of an image."""
    steps = spacing or (1.0,) * len(shape)
    squares: Any = sum(
        ((np.arange(n) - n // 2) * step).reshape(
            [-1 if i == axis else 1 for i in range(len(shape))]
        )
        ** 2
        for axis, (n, step) in enumerate(zip(shape, steps, strict=True))
    )
    found: Bools = squares <= radius**2
    return found


def stressed(
    image: NDArray[Any],
    spacing: tuple[float, ...] | None = None,
    seed: int = 0,
    names: tuple[str, ...] = (),
) -> list[StressedStructure]:
    """All structures of a label map, slices along the first axis."""
    steps = spacing or (1.0,) * image.ndim
    found = []
    for label, box in enumerate(ndimage.find_objects(image.astype(int)), start=1):
        if box is None:
            continue
        mask = np.ascontiguousarray(image[box] == label)
        name = names[label - 1] if names else str(label)
        start = tuple(along.start for along in box)
        found.append(StressedStructure(name, label, mask, start, image.shape, steps, 0, seed))
    for one in found:
        one.others.extend(other for other in found if other is not one)
    return found


def damaged(error: str, amount: float, structure: StressedStructure) -> Bools:
    """The damaged mask in the whole image."""
    mask, start = find(error).function(structure, amount)
    whole = np.zeros(structure.shape, np.bool_)
    whole[tuple(slice(a, a + n) for a, n in zip(start, mask.shape, strict=True))] = mask
    return whole
