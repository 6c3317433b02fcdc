"""Small pairs of masks of every kind: empty, touching, merged, split, single voxels, at the border, full."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.uint8]
Case = tuple[Labels, Labels, tuple[float, ...]]

KINDS = (
    "noise",
    "moved",
    "no reference",
    "no prediction",
    "merged",
    "split",
    "voxels",
    "equal",
    "dense",
    "full",
    "empty",
)

SPACINGS = (0.3125, 0.7, 1.0, 1.2, 2.5, 1 / 3)


def lesion_cases(n: int, seed: int, *, n_labels: int = 1) -> Iterator[Case]:
    """Give pairs of maps and the voxel size, each kind in turn; of several labels each voxel draws one."""
    rng = np.random.default_rng(seed)
    for number in range(n):
        shape = tuple(int(size) for size in rng.integers(1, 9, 3))
        first, second = _masks(KINDS[number % len(KINDS)], shape, rng)
        maps = []
        for mask in (first, second):
            labels = mask.astype(np.uint8)
            if n_labels > 1:
                labels *= rng.integers(1, n_labels + 1, shape).astype(np.uint8)
            maps.append(labels)
        yield maps[0], maps[1], tuple(rng.choice(SPACINGS, 3).tolist())


def _blob(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    field = ndimage.gaussian_filter(rng.random(shape), rng.choice([0.6, 1.0]))
    return np.asarray(field > np.quantile(field, 1 - share))


def _masks(
    kind: str, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = _blob(shape, 0.15, rng), _blob(shape, 0.15, rng)
    if kind == "noise":
        share = rng.choice([0.05, 0.2, 0.4])
        first, second = rng.random(shape) < share, rng.random(shape) < share
    elif kind == "moved":
        second = np.roll(first, 1, axis=int(rng.integers(3)))
    elif kind == "no reference":
        first = np.zeros(shape, bool)
    elif kind == "no prediction":
        second = np.zeros(shape, bool)
    elif kind == "merged":
        second = np.asarray(ndimage.binary_dilation(first))
    elif kind == "split":
        second = first & (rng.random(shape) < 0.7)
    elif kind == "voxels":
        first, second = np.zeros((2, *shape), bool)
        first.flat[rng.integers(first.size)] = second.flat[rng.integers(first.size)] = True
    elif kind == "equal":
        second = first.copy()
    elif kind == "dense":
        first, second = rng.random(shape) < 0.9, rng.random(shape) < 0.9
    elif kind == "full":
        first = np.ones(shape, bool)
        second = first if rng.random() < 0.3 else second
    else:
        first, second = np.zeros((2, *shape), bool)
    return first, second


def row(*labels: int) -> Labels:
    """Make a volume of one row."""
    return np.array([[labels]], np.uint8)
