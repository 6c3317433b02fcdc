"""Motion: the body was somewhere else while part of k-space was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import FINE, Subject, clean_image
from benchmarks.study.torchio_arrays import transformed

#: how often it moves
MOVEMENTS = 4


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Move as often and in the same directions at every strength, that much farther."""
    import torchio

    rng = np.random.default_rng(seed)
    # the centre of k-space was measured at half time, and where the body was then is where the image shows it
    times = (np.array([0.15, 0.42, 0.58, 0.85]) + rng.uniform(-0.03, 0.03, MOVEMENTS)).astype(
        np.float32
    )
    translations = _directions(rng) * strength
    rotations = _directions(rng) * strength / 2
    motion = torchio.transforms.Motion(rotations, translations, times, "bspline")
    # TorchIO takes the last axis for that of phase encoding; it is the body's front to back here
    turned = clean_image(subject).transpose(0, 2, 1)
    moved = transformed(motion, turned, FINE * subject.spacing)
    return np.ascontiguousarray(moved.transpose(0, 2, 1))


def _directions(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw unit vectors."""
    drawn = rng.standard_normal((MOVEMENTS, 3))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


DIFFICULTY = Difficulty(
    title="Motion",
    section="2.5",
    unit="millimetres of each of four movements, with half as many degrees",
    strengths=(1, 2, 3.5, 5.5, 8),
    image=image,
)
