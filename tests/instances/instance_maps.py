"""Small pairs of instance maps of every kind that a matching may meet, and what they hold, counted voxel by voxel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.backends import scipy as reference_backend
from fastseg.measures.instance_table import InstanceTable

Map = NDArray[Any]
Pair = tuple[Map, Map]
Rng = np.random.Generator

SHAPE = (5, 6, 7)


def _boxes(rng: Rng, n: int, largest: int = 4, shape: tuple[int, ...] = SHAPE) -> Map:
    """Some boxes, of which later ones cut off parts of earlier ones."""
    labels = np.zeros(shape, np.int32)
    ids = rng.choice(50, n, replace=False) + 1
    for label in ids.tolist():
        starts = [int(rng.integers(0, size)) for size in shape]
        box = tuple(slice(start, start + int(rng.integers(1, largest + 1))) for start in starts)
        labels[box] = label
    return labels


def _changed(rng: Rng, labels: Map) -> Map:
    """The same instances under other ids, some voxels wrong."""
    ids = np.append(0, rng.permutation(60) + 1)
    changed = ids[labels]
    wrong = rng.random(labels.shape) < 0.15
    return np.where(wrong, np.roll(changed, 1, int(rng.integers(0, labels.ndim))), changed).astype(
        np.int32
    )


def empty_reference(rng: Rng) -> Pair:
    return np.zeros(SHAPE, np.int32), _boxes(rng, 3)


def empty_prediction(rng: Rng) -> Pair:
    return _boxes(rng, 3), np.zeros(SHAPE, np.int32)


def empty_both(rng: Rng) -> Pair:
    return np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)


def random(rng: Rng) -> Pair:
    return _boxes(rng, int(rng.integers(1, 7))), _boxes(rng, int(rng.integers(1, 7)))


def nearly_right(rng: Rng) -> Pair:
    labels = _boxes(rng, int(rng.integers(1, 8)))
    return labels, _changed(rng, labels)


def touching(rng: Rng) -> Pair:
    """No background: every voxel belongs to some cell of either side."""
    seeds = [rng.random((int(rng.integers(2, 8)), 3)) * SHAPE for _ in range(2)]
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)[..., None, :]
    first, second = (((grid - of) ** 2).sum(-1).argmin(-1).astype(np.int32) + 1 for of in seeds)
    return first, second


def merged(rng: Rng) -> Pair:
    labels = _boxes(rng, 5)
    prediction = _changed(rng, labels)
    ids = np.unique(prediction[prediction > 0])
    for label in ids[1::2]:
        prediction[prediction == label] = ids[0]
    return labels, prediction


def split(rng: Rng) -> Pair:
    first, second = merged(rng)
    return second, first


def one_voxel(rng: Rng) -> Pair:
    pair = []
    for _ in range(2):
        labels = np.zeros(SHAPE, np.int32)
        places = rng.choice(labels.size // 8, 9, replace=False)
        labels.flat[places] = rng.permutation(9) + 1
        pair.append(labels)
    return pair[0], pair[1]


def border(rng: Rng) -> Pair:
    """Instances along the faces of the image."""
    pair = nearly_right(rng)
    for labels in pair:
        labels[1:-1, 1:-1, 1:-1] = 0
    return pair


def equal_scores(rng: Rng) -> Pair:
    """Bricks of one size against bricks of one size, moved by half of it: any two that overlap have one score."""
    size = int(rng.choice([2, 4]))
    shape = (4, 8)
    bricks = np.indices(shape)
    rows, columns = bricks
    width = shape[1] // size + 1
    first = (rows // 2) * width + columns // size
    second = ((rows + int(rng.integers(0, 2))) // 2) * width + (columns + size // 2) // size
    names = [np.append(0, rng.permutation(40) + 1) for _ in range(2)]
    gone = [rng.random(41) < 0.2 for _ in range(2)]
    pair = [
        np.where(empty[labels + 1], 0, of[labels + 1]).astype(np.int32)
        for labels, of, empty in zip((first, second), names, gone, strict=True)
    ]
    return pair[0], pair[1]


KINDS = {
    make.__name__: make
    for make in (
        *(empty_reference, empty_prediction, empty_both, random, nearly_right, touching),
        *(merged, split, one_voxel, border, equal_scores),
    )
}


class Naive(NamedTuple):
    """What two maps hold: voxels of the instances of either side, and of the pairs that overlap, by their ids."""

    reference: dict[int, int]
    prediction: dict[int, int]
    overlaps: dict[tuple[int, int], int]

    @classmethod
    def of(cls, reference: Map, prediction: Map) -> Naive:
        voxels = list(zip(reference.ravel().tolist(), prediction.ravel().tolist(), strict=True))
        first, second = (Counter(voxel[side] for voxel in voxels) for side in (0, 1))
        return cls(
            {label: n for label, n in sorted(first.items()) if label},
            {label: n for label, n in sorted(second.items()) if label},
            {pair: n for pair, n in sorted(Counter(voxels).items()) if all(pair)},
        )


def cases(kind: str, n: int) -> Iterator[tuple[InstanceTable, Naive]]:
    """Some cases of a kind."""
    rng = np.random.default_rng(sum(map(ord, kind)))
    for _ in range(n):
        pair = KINDS[kind](rng)
        histogram = reference_backend.joint_histogram(*pair)
        yield InstanceTable.of(histogram), Naive.of(*pair)
