"""Otsu's thresholds: classes of each image's own histogram; which class is what, training subjects say."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_multiotsu

from benchmarks.study.intensities import (
    Structures,
    best_ranges,
    body_of,
    finite,
    joint_histogram,
    mean_dice,
    structures_of,
    truth,
)
from benchmarks.study.methods import Arrays, Fitting, Method
from benchmarks.study.subjects import Sample

#: the search for thresholds takes time that grows with the bins to the power of the classes
CLASSES = (2, 3, 4, 5, 6, 7, 8, 9)
BINS = 32


@dataclasses.dataclass(frozen=True)
class Model:
    """How many classes a histogram is cut into, and which of them, counted from the darkest, is each structure."""

    structures: Structures
    classes: int
    ranges: tuple[tuple[int, int], ...]


def classes_of(values: NDArray[np.float32], classes: int) -> NDArray[np.intp] | None:
    """Number the class of each value, from 0; None where there are fewer different values than classes."""
    # the tails' few voxels would widen the bins
    ends = np.percentile(values, [0.1, 99.9]) if values.size else (0.0, 0.0)
    if ends[0] == ends[1]:
        return None
    try:
        thresholds = threshold_multiotsu(np.clip(values, *ends), classes, nbins=BINS)
    except ValueError:  # its way to say so
        return None
    return np.digitize(values, thresholds)


def fit(fitting: Fitting) -> Model:
    """Choose the number of classes, and the structure of each, by the mean Dice on all training subjects together."""
    structures = structures_of(fitting.anatomy, fitting.training)
    known = len(structures.names)
    images = [finite(sample.image) for sample in fitting.training]
    bodies = [body_of(image) for image in images]
    numbers = [structures.index[truth(sample)] for sample in fitting.training]
    sizes = sum(np.bincount(found.ravel(), minlength=known + 1) for found in numbers)
    found: tuple[float, int, list[tuple[int, int]]] = (-1.0, 2, [(0, 0)] * known)
    dices = {}
    for classes in CLASSES:
        counts = np.zeros((known + 1, classes), np.int64)
        for image, body, number in zip(images, bodies, numbers, strict=True):
            classed = classes_of(image[body], classes)
            if classed is not None:
                counts += joint_histogram(classed, number[body], classes, known)
        ranges = best_ranges(counts, sizes)
        dices[classes] = mean_dice(counts, sizes, ranges)
        if dices[classes] > found[0]:
            found = (dices[classes], classes, ranges)
    _, classes, ranges = found
    fitting.log(
        {
            "classes": classes,
            "dice": dices,
            "ranges": dict(zip(structures.names, ranges, strict=True)),
        }
    )
    return Model(structures, classes, tuple(ranges))


def segment(model: Model, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Cut this image's own histogram into classes, and label these."""
    image = finite(sample.image)
    labels = np.zeros(image.shape, np.uint8)
    body = body_of(image)
    classed = classes_of(image[body], model.classes)
    if classed is None:
        return labels
    table = np.zeros(model.classes, np.uint8)
    for (first, end), label in zip(model.ranges, model.structures.written[1:], strict=True):
        table[first:end] = label
    labels[body] = table[classed]
    return labels


METHOD = Method(
    title="Otsu's thresholds",
    section="4.1",
    library="scikit-image",
    knows_places=False,
    fit=fit,
    segment=segment,
    expected={
        "organs": {"liver": 0.9, "spleen": 0.7, "kidneys": 0.7},
        "brain": {"csf": 0.7, "grey_matter": 0.85, "white_matter": 0.85},
    },
)
