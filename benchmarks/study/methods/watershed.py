"""Watershed: from markers, where the value leaves little doubt, regions flood the image up to its steepest edges.

The markers need nobody: they are voxels of values that were nearly always one structure (or none) in training, where
the image is flat. The lecture has no section of its own for it; it is the other way to grow regions.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from benchmarks.study.intensities import (
    EDGES,
    Structures,
    binned,
    body_of,
    finite,
    joint_histogram,
    structures_of,
    truth,
)
from benchmarks.study.methods import Arrays, Fitting, Method
from benchmarks.study.subjects import Sample

#: the share of a value's voxels that must be one structure
CERTAIN = (0.5, 0.7, 0.9)
#: the share of the body's voxels that are flat
FLAT = (0.3, 0.6, 1.0)
#: voxels of a marker: smaller ones are noise
SMALLEST = (1, 8)
#: of the training subjects, in the search for the three above
SUBJECTS = 3


@dataclasses.dataclass(frozen=True)
class Model:
    """What a voxel of each bin of values most probably is, how certainly so, and what makes a marker."""

    structures: Structures
    likely: NDArray[np.intp]
    probability: NDArray[np.float64]
    certain: float
    flat: float
    smallest: int


def fit(fitting: Fitting) -> Model:
    """Learn what flat voxels' values mean, and choose what makes a marker by the mean Dice on training subjects."""
    structures = structures_of(fitting.anatomy, fitting.training)
    models = [
        Model(structures, likely, probability, certain, flat, smallest)
        for flat in FLAT
        for likely, probability in [meanings(structures, fitting.training, flat)]
        for certain, smallest in itertools.product(CERTAIN, SMALLEST)
    ]
    samples = fitting.training[:SUBJECTS]
    dices = [float(np.mean([dice_of(model, sample) for sample in samples])) for model in models]
    best = models[int(np.argmax(dices))]
    fitting.log(
        {"certain": best.certain, "flat": best.flat, "smallest": best.smallest, "dice": max(dices)}
    )
    return best


def meanings(
    structures: Structures, training: Sequence[Sample], flat: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Give the likeliest structure of each bin of values, and how likely that is, where the image is flat."""
    known = len(structures.names)
    counts = np.zeros((known + 1, len(EDGES) - 1), np.float64)
    for sample in training:
        image = finite(sample.image)
        where = flat_of(steepness_of(image), body_of(image), flat)
        numbers = structures.index[truth(sample)]
        counts += joint_histogram(binned(image[where]), numbers[where], len(EDGES) - 1, known)
    # neighbouring bins lend each other voxels, and a bin that is still empty is nothing certain
    smooth = ndimage.gaussian_filter1d(counts, 1, axis=1)
    shares = smooth / np.maximum(smooth.sum(0), 1e-6)
    return shares.argmax(0), shares.max(0)


def steepness_of(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the magnitude of the gradient, hardly smoothed: structures may be two voxels wide."""
    return np.asarray(ndimage.gaussian_gradient_magnitude(image, 0.5))


def flat_of(
    steepness: NDArray[np.float32], body: NDArray[np.bool_], flat: float
) -> NDArray[np.bool_]:
    """Find the least steep share of the body's voxels."""
    return body & (steepness <= np.quantile(steepness[body], flat)) if body.any() else body


def dice_of(model: Model, sample: Sample) -> float:
    """Mean Dice of the structures that the sample has."""
    found = model.structures.index[segment(model, sample, {})].ravel()
    wanted = model.structures.index[truth(sample)].ravel()
    known = len(model.structures.names)
    hits = np.bincount(wanted[wanted == found], minlength=known + 1)[1:]
    sums = (
        np.bincount(wanted, minlength=known + 1)[1:] + np.bincount(found, minlength=known + 1)[1:]
    )
    there = np.bincount(wanted, minlength=known + 1)[1:] > 0
    return float(np.mean(2 * hits[there] / sums[there])) if there.any() else 0.0


def segment(model: Model, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Flood the body from the markers, in the order of the gradient's magnitude."""
    image = finite(sample.image)
    body = body_of(image)
    labels = np.zeros(image.shape, np.uint8)
    if not body.any():
        return labels
    steepness = steepness_of(image)
    bins = binned(image)
    marked = flat_of(steepness, body, model.flat) & (model.probability[bins] >= model.certain)
    # 0 is no marker, 1 is none of the structures
    markers = np.where(marked, model.likely[bins] + 1, 0)
    if model.smallest > 1:
        for value in range(1, len(model.structures.names) + 2):
            parts, count = ndimage.label(markers == value)
            small = np.bincount(parts.ravel(), minlength=count + 1) < model.smallest
            small[0] = False
            markers[small[parts]] = 0
    flooded = watershed(steepness, markers, mask=body)
    return model.structures.written[np.maximum(flooded - 1, 0)]


METHOD = Method(
    title="Watershed",
    section="4.2",
    library="scikit-image",
    knows_places=False,
    fit=fit,
    segment=segment,
    expected={
        "organs": {"liver": 0.95, "spleen": 0.9, "kidneys": 0.9, "aorta": 0.85, "tumour": 0.75},
        "brain": {"csf": 0.75, "grey_matter": 0.9, "white_matter": 0.9},
        "head_neck": {"brain": 0.95, "mandible": 0.8, "parotids": 0.8, "orbits": 0.8},
    },
)
