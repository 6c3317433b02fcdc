"""Partial volume: voxels so large that those of boundaries hold two tissues."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.resolution import seen_in_blocks
from benchmarks.study.subjects import Subject


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Average blocks of fine voxels, larger than the image's own along all axes."""
    return seen_in_blocks(subject, (int(strength),) * 3, seed)


DIFFICULTY = Difficulty(
    title="Partial volume",
    section="2.2",
    unit="fine voxels along each side of a voxel that was measured (clean: 2)",
    strengths=(3, 4, 5, 6, 8),
    image=image,
)
