"""Variability of shape: the subjects themselves are more unusual than those that methods learned from.

At level 1 shapes vary half as much again as in training, at level 5 three and a half times as much. With the same
strength grows what is abnormal, as the anatomies say: an aneurysm and larger tumours from level 1 on, a missing kidney
from level 4 on (strength 3), wider ventricles from level 1 on, and from level 3 on (strength 2.5) a mass in the brain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import Subject, clean_image


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Image the unusual subject cleanly: the strength is in the subject already."""
    del strength, seed
    return clean_image(subject)


DIFFICULTY = Difficulty(
    title="Morphological variability",
    section="2.7",
    unit="times the usual variability of shape",
    strengths=(1.5, 2.0, 2.5, 3.0, 3.5),
    image=image,
    variability=True,
)
