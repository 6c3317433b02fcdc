"""Pairs of masks and of label maps, with spacings, on which a host and its drop-in are compared."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

#: for 2-D and 3-D: none, equal, real, and without a pattern
SPACINGS: dict[int, tuple[tuple[float, ...] | None, ...]] = {
    2: (None, (2.0, 2.0), (0.7, 1.3)),
    3: (None, (0.7, 0.7, 0.7), (3.0, 1.0, 0.5), (0.488, 0.33, 1.25)),
}


class Pair(NamedTuple):
    """Two masks of one shape."""

    name: str
    reference: Mask
    prediction: Mask


def mask(shape: tuple[int, ...], share: float, seed: int) -> Mask:
    """Voxels by chance."""
    return np.asarray(np.random.default_rng(seed).random(shape) < share)


def blob(shape: tuple[int, ...], centre: float = 0.5, radius: float = 0.3) -> Mask:
    """A ball at a share of the sides."""
    axes = np.ogrid[tuple(slice(0, size) for size in shape)]
    terms = [
        ((axis - centre * size) / (radius * size)) ** 2
        for axis, size in zip(axes, shape, strict=True)
    ]
    return np.asarray(sum(terms) < 1)


def one_voxel(shape: tuple[int, ...], place: int) -> Mask:
    """A single voxel, at the same index along each axis."""
    single = np.zeros(shape, bool)
    single[tuple(min(place, size - 1) for size in shape)] = True
    return single


def filled_pairs() -> list[Pair]:
    """Neither mask is empty, and neither fills the image."""
    pairs = [
        Pair("blobs", blob((20, 24, 22)), blob((20, 24, 22), 0.55, 0.25)),
        Pair("blobs-2d", blob((40, 33)), blob((40, 33), 0.45, 0.35)),
        Pair("on-the-edge", blob((12, 14, 13), 0.1, 0.5), blob((12, 14, 13), 0.0, 0.4)),
        Pair("on-the-edge-2d", blob((12, 15), 0.95, 0.5), blob((12, 15), 0.9, 0.6)),
        Pair("one-voxel", one_voxel((9, 8, 7), 1), one_voxel((9, 8, 7), 6)),
        Pair("one-voxel-and-blob", one_voxel((16, 16, 16), 0), blob((16, 16, 16))),
        Pair("equal", blob((10, 11, 12)), blob((10, 11, 12))),
        Pair("row-2d", mask((1, 30), 0.5, 1), mask((1, 30), 0.5, 2)),
        Pair("column-2d", mask((30, 1), 0.5, 3), mask((30, 1), 0.5, 4)),
        Pair("one-slice", mask((1, 9, 12), 0.3, 5), mask((1, 9, 12), 0.3, 6)),
        Pair("wide", mask((6, 70), 0.2, 7), mask((6, 70), 0.2, 8)),
    ]
    for share in (0.02, 0.3, 0.8):
        for seed, shape in enumerate([(11, 13), (8, 9, 10), (5, 17, 66)]):
            name = f"random-{share}-{'x'.join(map(str, shape))}"
            pairs.append(Pair(name, mask(shape, share, seed), mask(shape, share, seed + 50)))
    blobs = pairs[0]
    pairs.append(
        Pair("fortran", np.asfortranarray(blobs.reference), np.asfortranarray(blobs.prediction))
    )
    pairs.append(Pair("strided", blobs.reference[::2, ::-1], blobs.prediction[::2, ::-1]))
    return pairs


def extreme_pairs() -> list[Pair]:
    """An empty mask, or a full one, in one place or both."""
    pairs = []
    for shape in ((9, 12), (7, 8, 9)):
        kinds = {
            "empty": np.zeros(shape, bool),
            "full": np.ones(shape, bool),
            "blob": blob(shape),
        }
        pairs += [
            Pair(f"{a}-{b}-{len(shape)}d", kinds[a].copy(), kinds[b].copy())
            for a in kinds
            for b in kinds
            if (a, b) != ("blob", "blob")
        ]
    return pairs


def has_empty(pair: Pair) -> bool:
    """Whether either mask is empty."""
    return not (pair.reference.any() and pair.prediction.any())


def with_spacings(pairs: list[Pair]) -> list[tuple[Pair, tuple[float, ...] | None]]:
    """Each pair with each spacing of its number of axes."""
    return [(pair, spacing) for pair in pairs for spacing in SPACINGS[pair.reference.ndim]]


def label_maps(seed: int = 0, labels: int = 5) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Pairs of maps of a few labels: cells with walls, 2-D and 3-D, the second one disturbed."""
    rng = np.random.default_rng(seed)
    maps = []
    for shape in ((30, 41), (12, 15, 18)):
        cells = np.kron(
            rng.integers(0, labels, [-(-n // 5) for n in shape]), np.ones([5] * len(shape))
        )
        first = cells[tuple(map(slice, shape))].astype(np.uint8)
        second = np.roll(first, 1, 0)
        noise = rng.random(shape) < 0.05
        second[noise] = rng.integers(0, labels, int(noise.sum()))
        maps.append((first, second))
    return maps
