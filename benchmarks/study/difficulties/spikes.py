"""Spikes: a single wrong value in k-space, which is stripes across the whole image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import FINE, Subject, clean_image
from benchmarks.study.torchio_arrays import transformed


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Put a spike where a wave of 4 to 10 voxels' length is."""
    import torchio

    clean = clean_image(subject)
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    position = 0.5 + direction / rng.uniform(4, 10)
    # TorchIO counts a spike in maxima of the spectrum, and that is the image's mean
    spike = torchio.transforms.Spike(position[None], strength / float(clean.mean(dtype=np.float64)))
    return transformed(spike, clean, FINE * subject.spacing)


DIFFICULTY = Difficulty(
    title="Spikes",
    section="2.5",
    unit="height of the wave, where tissues span 250",
    strengths=(8, 15, 25, 40, 65),
    image=image,
)
