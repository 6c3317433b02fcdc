"""Limited contrast: tissues of similar intensities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import Subject, clean_image


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Move the means of all tissues towards that of the body; noise and texture stay as strong as they are."""
    return clean_image(subject, nearer(subject, strength))


def nearer(subject: Subject, contrast: float) -> dict[int, float]:
    """Give the means at this share of their differences; what surrounds the body keeps its own."""
    counts = np.bincount(subject.tissues.ravel(), minlength=256)
    within = [tissue for tissue in subject.means if tissue > 0 and counts[tissue]]
    common = sum(counts[tissue] * subject.means[tissue] for tissue in within)
    common /= sum(counts[tissue] for tissue in within)
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
