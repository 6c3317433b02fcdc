"""Ghosting: the body appears again along the direction of phase encoding, as when it moves periodically."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import FINE, Subject, clean_image
from benchmarks.study.torchio_arrays import transformed


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Weaken every so-manieth plane of k-space; the seed says how many ghosts there are, and along which axis."""
    import torchio

    rng = np.random.default_rng(seed)
    number = int(rng.integers(3, 6))
    axis = int(rng.integers(2))
    # a plane in `number` loses this share, so that each ghost has the `number`th part of it
    ghosting = torchio.transforms.Ghosting(
        num_ghosts=number, axis=axis, intensity=strength * number, restore=None
    )
    return transformed(ghosting, clean_image(subject), FINE * subject.spacing)


DIFFICULTY = Difficulty(
    title="Ghosting",
    section="2.5",
    unit="brightness of each ghost, as a share of the body's",
    strengths=(0.05, 0.1, 0.15, 0.2, 0.3),
    image=image,
)
