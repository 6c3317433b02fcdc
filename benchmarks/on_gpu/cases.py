"""The volumes of the comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import volumes
from benchmarks.on_gpu.parts import Scope
from benchmarks.programs import Pair

Shape = tuple[int, int, int]

#: organs of a chest CT: centre and radii as shares of the sides
CHEST = (
    ((0.50, 0.45, 0.55), (0.25, 0.14, 0.16)),  # heart
    ((0.50, 0.62, 0.58), (0.47, 0.03, 0.03)),  # aorta
    ((0.70, 0.56, 0.50), (0.28, 0.02, 0.02)),  # trachea
    ((0.50, 0.60, 0.50), (0.49, 0.02, 0.02)),  # oesophagus
)


@dataclass(frozen=True)
class Subject:
    """A case: what it is, and how its pair is made.

    Attributes
    ----------
    name, about : str
    shape : tuple of int
    make : callable
    spacing : tuple of float
    metrics : sequence of str or None
        Those asked of `evaluate`; None is all of the default set.
    labels : int
        How many structures there are.
    must, aim : float or None
        Seconds that a call may take, arrays on the device.
    memory : float or None
        Bytes a voxel that it may take above its inputs.
    """

    name: str
    about: str
    shape: Shape
    make: Callable[[Shape], tuple[NDArray[Any], NDArray[Any]]]
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    metrics: tuple[str, ...] | None = None
    labels: int = 1
    must: float | None = None
    aim: float | None = None
    memory: float | None = None

    def load(self) -> Pair:
        """Make the pair."""
        return Pair(*self.make(self.shape), self.spacing)

    @property
    def size(self) -> str:
        """The shape for people."""
        return f"{self.shape[0]}³" if len(set(self.shape)) == 1 else "×".join(map(str, self.shape))


def chest(shape: Shape) -> tuple[NDArray[Any], NDArray[Any]]:
    """Four organs along the first axis, and the same a voxel off with every other one a little smaller."""
    found = []
    for moved, shrunk in ((0.0, 1.0), (1.0, 0.97)):
        labels = np.zeros(shape, np.uint8)
        for label, (centre, radii) in enumerate(CHEST, start=1):
            factor = shrunk if label % 2 else 1.0
            axes = [
                ((np.arange(size, dtype=np.float32) - (c * size + moved)) / (r * size * factor))
                for size, c, r in zip(shape, centre, radii, strict=True)
            ]
            squares = [axis**2 for axis in axes]
            in_plane = np.add.outer(squares[1], squares[2])
            for i, square in enumerate(squares[0]):
                labels[i][in_plane < 1 - square] = label
        found.append(labels)
    return found[0], found[1]


def evaluated(scope: Scope, size: str) -> Iterator[Subject]:
    """What `evaluate` is measured on."""
    from benchmarks.programs import SIX

    side = getattr(scope, size)
    full = side >= 512
    cube: Shape = (side, side, side)
    yield Subject(
        "near", "near agreement and a distant false positive", cube, volumes.near, metrics=SIX
    )
    slab: Shape = (side * 180 // 512, side, side)
    must, aim = (4e-3, 2e-3) if full else (None, None)
    spacing = (2.5, 0.9766, 0.9766)
    yield Subject("chest", "4 organs, six metrics", slab, chest, spacing, SIX, 4, must, aim, 1.0)
    head: Shape = (side * 437 // 512, side, side)
    must, aim = (10e-3, 5e-3) if full else (None, None)
    about = "21 organs, all metrics"
    yield Subject("organs21", about, head, volumes.organs_21, spacing, None, 21, must, aim, 1.0)
    about = "2500 labels without gaps, all metrics"
    yield Subject("dense2500", about, cube, volumes.dense_2500, labels=2500)


def transformed(scope: Scope, size: str) -> Iterator[Subject]:
    """What transforms are measured on: what is outside the reference."""
    side = getattr(scope, size)
    full = side >= 512
    cube: Shape = (side, side, side)
    slab: Shape = (side // 8, side, side)
    must, aim = (3e-3, 1.5e-3) if full else (None, None)
    yield Subject("near", "outside a blob", cube, volumes.near, must=must, aim=aim)
    yield Subject("noise", "50 % noise", cube, volumes.noise)
    yield Subject("slab", "outside a blob, a thin volume", slab, volumes.near)
    spacing = (2.5, 0.9766, 0.9766)
    yield Subject("anisotropic", "outside a blob, anisotropic", cube, volumes.near, spacing)
