"""Thresholds, a lower and an upper one for each structure, the same for all images."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.intensities import (
    EDGES,
    Structures,
    best_ranges,
    binned,
    body_of,
    finite,
    joint_histogram,
    structures_of,
    truth,
)
from benchmarks.study.methods import Arrays, Fitting, Method
from benchmarks.study.subjects import Sample


@dataclasses.dataclass(frozen=True)
class Model:
    """The lower and the upper threshold of each structure; equal for one that thresholds cannot find."""

    structures: Structures
    ranges: tuple[tuple[float, float], ...]


def fit(fitting: Fitting) -> Model:
    """Find the thresholds of the highest Dice on all training subjects together."""
    structures = structures_of(fitting.anatomy, fitting.training)
    known = len(structures.names)
    counts = np.zeros((known + 1, len(EDGES) - 1), np.int64)
    sizes = np.zeros(known + 1, np.int64)
    for sample in fitting.training:
        image = finite(sample.image)
        body = body_of(image)
        numbers = structures.index[truth(sample)]
        counts += joint_histogram(binned(image[body]), numbers[body], len(EDGES) - 1, known)
        sizes += np.bincount(numbers.ravel(), minlength=known + 1)
    ranges = tuple(
        (float(EDGES[first]), float(EDGES[end])) for first, end in best_ranges(counts, sizes)
    )
    fitting.log({"thresholds": dict(zip(structures.names, ranges, strict=True))})
    return Model(structures, ranges)


def segment(model: Model, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Label what lies between the thresholds, within the body."""
    image = finite(sample.image)
    body = body_of(image)
    labels = np.zeros(image.shape, np.uint8)
    for (lower, upper), label in zip(model.ranges, model.structures.written[1:], strict=True):
        labels[body & (image >= lower) & (image < upper)] = label
    return labels


METHOD = Method(
    title="Thresholds",
    section="4.1",
    library="numpy",
    knows_places=False,
    fit=fit,
    segment=segment,
    expected={
        "organs": {"liver": 0.9, "spleen": 0.75, "kidneys": 0.85, "aorta": 0.7},
        "brain": {"csf": 0.75, "grey_matter": 0.9, "white_matter": 0.9},
        "head_neck": {"brain": 0.9},
    },
)
