"""Ghosting: the body appears again along the direction of phase encoding, as when it moves periodically."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import FINE, Subject, clean_image
from benchmarks.study.torchio_arrays import transformed


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Weaken every so-manieth plane of k-space; the seed says how many, and along which axis the ghosts lie."""
    import torchio

    rng = np.random.default_rng(seed)
    number = int(rng.integers(3, 6))
    axis = int(rng.integers(2))
    clean = clean_image(subject)
    # on a grid of this length the planes lie evenly about the centre of k-space, and all ghosts are equally strong
    pads = [(0, 0)] * 3
    pads[axis] = (0, -clean.shape[axis] % (2 * number))
    # a plane in `number` loses this share, so that each ghost has the `number`th part of it; what is lost at the
    # centre is restored, or the body would grow darker as a whole
    ghosting = torchio.transforms.Ghosting(
        num_ghosts=number, axis=axis, intensity=strength * number, restore=None
    )
    ghosts = transformed(ghosting, np.pad(clean, pads), FINE * subject.spacing)
    x, y, z = clean.shape
    return np.ascontiguousarray(ghosts[:x, :y, :z])


DIFFICULTY = Difficulty(
    title="Ghosting",
    section="2.5",
    unit="brightness of each ghost, as a share of the body's",
    strengths=(0.05, 0.1, 0.17, 0.25, 0.4),
    image=image,
)
