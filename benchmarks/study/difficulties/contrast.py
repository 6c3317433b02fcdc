"""Limited contrast: tissues of similar intensities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import Subject, clean_image


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Move the means of all tissues towards their common one; noise and texture stay as strong as they are."""
    del seed  # nothing is drawn that a clean image has not drawn
    return clean_image(subject, nearer(subject, strength))


def nearer(subject: Subject, contrast: float) -> dict[int, float]:
    """Give the means at this share of their differences; what surrounds the body keeps its own.

    Each tissue counts once: in the mean of all voxels fat or muscle would, and a change of brightness is none of
    contrast.
    """
    within = [mean for tissue, mean in subject.means.items() if tissue > 0]
    common = sum(within) / len(within)
    return {
        tissue: common + contrast * (mean - common) if tissue > 0 else mean
        for tissue, mean in subject.means.items()
    }


DIFFICULTY = Difficulty(
    title="Limited contrast",
    section="2.6",
    unit="differences between tissues that are left, as a share",
    strengths=(0.7, 0.5, 0.35, 0.25, 0.15),
    image=image,
)
