"""Noise: what varies from voxel to voxel and says nothing of the body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import FINE, Subject, clean_image
from benchmarks.study.torchio_arrays import transformed


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Add the same noise at every strength, scaled."""
    import torchio

    noise = torchio.transforms.Noise(mean=0, std=strength, seed=seed)
    return transformed(noise, clean_image(subject), FINE * subject.spacing)


DIFFICULTY = Difficulty(
    title="Noise",
    section="2.1",
    unit="standard deviation, where tissues span 250",
    strengths=(5, 10, 20, 35, 60),
    image=image,
)
