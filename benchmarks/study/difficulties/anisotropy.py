"""Anisotropic resolution: slices that are thicker than the voxels within them are wide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.resolution import seen_in_blocks
from benchmarks.study.subjects import FINE, Subject


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Average over the thickness of a slice, as a scanner does, and interpolate between the slices."""
    return seen_in_blocks(subject, (FINE, FINE, int(strength * FINE)), seed)


DIFFICULTY = Difficulty(
    title="Anisotropic resolution",
    section="2.4",
    unit="thickness of slices, in widths of a voxel",
    strengths=(2, 3, 4, 5, 6),
    image=image,
)
