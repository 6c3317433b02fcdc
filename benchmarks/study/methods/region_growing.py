"""Region growing: from the seeds that a person clicks, through neighbours that are like what has been reached so far.

Where regions overlap, as they do where one leaks, a voxel goes to the structure whose seeds are nearest in value; what
this cuts off from its seeds goes to the next nearest, so that every part of the result holds a seed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as everybody calls it
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.study.intensities import finite, truth
from benchmarks.study.methods import Arrays, Fitting, Method
from benchmarks.study.subjects import Sample, Voxel

#: standard deviations that a voxel may be away from the region's mean
MULTIPLIERS = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
#: how often the mean and the deviation are taken again of what was reached
ITERATIONS = (0, 1, 4)
#: away from every structure in value
FAR = np.float32(1e30)


@dataclasses.dataclass(frozen=True)
class Growth:
    """How a structure's region grows, and the Dice that this had in training."""

    multiplier: float
    iterations: int
    dice: float


def fit(fitting: Fitting) -> dict[int, Growth]:
    """Find how the region of each structure grows best, by its mean Dice over training subjects."""
    if not fitting.training:
        raise ValueError("There are no training subjects to learn from.")
    model = {}
    for name, label in fitting.anatomy.labels.items():
        samples = [sample for sample in fitting.training if label in sample.seeds]
        if not samples:
            continue
        tried = [
            Growth(multiplier, iterations, mean_overlap(samples, label, multiplier, iterations))
            for iterations in ITERATIONS
            for multiplier in MULTIPLIERS
        ]
        model[label] = max(tried, key=lambda growth: growth.dice)
        fitting.log({"structure": name, **dataclasses.asdict(model[label])})
    return model


def mean_overlap(
    samples: Sequence[Sample], label: int, multiplier: float, iterations: int
) -> float:
    """Grow the structure in each sample, and give the mean Dice."""
    dices = []
    for sample in samples:
        image = as_itk(finite(sample.image))
        found = grow(image, sample.seeds[label], multiplier, iterations)
        wanted = truth(sample) == label
        both = np.count_nonzero(found & wanted)
        dices.append(2 * both / (np.count_nonzero(found) + np.count_nonzero(wanted)))
    return float(np.mean(dices))


def as_itk(image: NDArray[np.float32]) -> sitk.Image:
    """Hand the image to ITK, whose axes are the array's from the last to the first."""
    return sitk.GetImageFromArray(image)


def grow(
    image: sitk.Image, seeds: Sequence[Voxel], multiplier: float, iterations: int
) -> NDArray[np.bool_]:
    """Grow a region from all seeds of a structure."""
    region = sitk.ConfidenceConnected(
        image,
        seedList=[tuple(reversed(seed)) for seed in seeds],
        numberOfIterations=iterations,
        multiplier=multiplier,
        initialNeighborhoodRadius=1,
        replaceValue=1,
    )
    return sitk.GetArrayFromImage(region).astype(bool)


def value_at(image: NDArray[np.float32], seeds: Sequence[Voxel]) -> float:
    """Give the mean of the seeds and their neighbours."""
    around = [image[tuple(slice(max(at - 1, 0), at + 2) for at in seed)].ravel() for seed in seeds]
    return float(np.concatenate(around).mean())


def segment(model: dict[int, Growth], sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Grow a region from the seeds of each structure that training subjects had."""
    array = finite(sample.image)
    labels = np.zeros(array.shape, np.uint8)
    # in an image of one value, everything is like everything
    if array.size == 0 or array.min() == array.max():
        return labels
    image = as_itk(array)
    known = [label for label in sample.seeds if label in model]
    if not known:
        return labels
    # how far in value each voxel is from each structure; those where its region did not grow are out of reach
    away = np.full((len(known) + 1, *array.shape), np.inf, np.float32)
    away[-1] = FAR
    for mine, label in zip(away, known, strict=False):
        seeds = sample.seeds[label]
        region = grow(image, seeds, model[label].multiplier, model[label].iterations)
        mine[region] = np.abs(array[region] - value_at(array, seeds))
        mine[tuple(np.transpose(seeds))] = -1
    while True:
        nearest = away.argmin(0)
        cut = [cut_off(nearest == place, sample.seeds[label]) for place, label in enumerate(known)]
        if not any(lost.any() for lost in cut):
            return np.array([*known, 0], np.uint8)[nearest]
        for mine, lost in zip(away, cut, strict=False):
            mine[lost] = np.inf


def cut_off(region: NDArray[np.bool_], seeds: Sequence[Voxel]) -> NDArray[np.bool_]:
    """Find what of a region is connected to none of its seeds."""
    parts, count = ndimage.label(region)
    lost = np.ones(count + 1, bool)
    lost[[0, *(parts[seed] for seed in seeds)]] = False
    return lost[parts]


METHOD = Method(
    title="Region growing",
    section="4.2",
    library="SimpleITK",
    knows_places=True,
    uses_seeds=True,
    fit=fit,
    segment=segment,
    expected={
        "organs": {"liver": 0.95, "spleen": 0.9, "kidneys": 0.9, "aorta": 0.85, "tumour": 0.8},
        "brain": {"grey_matter": 0.8, "white_matter": 0.9, "thalamus": 0.8},
        "head_neck": {"brain": 0.95, "brainstem": 0.8, "parotids": 0.85, "orbits": 0.85},
    },
)
