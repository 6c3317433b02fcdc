"""Region growing: from the seeds that a person clicks, through neighbours that are like what has been reached so far.

Where regions meet, the structure that grew best in training has precedence; what this cuts off from its seeds is left
out, so that every part of the result still holds a seed.
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
#: of the training subjects, as more change little
SUBJECTS = 3


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
        samples = [sample for sample in fitting.training if label in sample.seeds][:SUBJECTS]
        if not samples:
            continue
        images = [as_itk(finite(sample.image)) for sample in samples]
        wanted = [truth(sample) == label for sample in samples]
        model[label] = max(
            (
                Growth(
                    multiplier,
                    iterations,
                    float(
                        np.mean(
                            [
                                overlap(
                                    grow(image, sample.seeds[label], multiplier, iterations), want
                                )
                                for sample, image, want in zip(samples, images, wanted, strict=True)
                            ]
                        )
                    ),
                )
                for iterations in ITERATIONS
                for multiplier in MULTIPLIERS
            ),
            key=lambda growth: growth.dice,
        )
        fitting.log({"structure": name, **dataclasses.asdict(model[label])})
    return model


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


def overlap(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """Dice, of structures that are never both empty."""
    both = np.count_nonzero(found & wanted)
    return 2 * both / (np.count_nonzero(found) + np.count_nonzero(wanted))


def segment(model: dict[int, Growth], sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Grow a region from the seeds of each structure that training subjects had."""
    array = finite(sample.image)
    labels = np.zeros(array.shape, np.uint8)
    # in an image of one value, everything is like everything
    if array.size == 0 or array.min() == array.max():
        return labels
    image = as_itk(array)
    seeds = {label: found for label, found in sample.seeds.items() if label in model}
    for label in sorted(seeds, key=lambda label: (model[label].dice, label)):
        growth = model[label]
        labels[grow(image, seeds[label], growth.multiplier, growth.iterations)] = label
    for label, found in seeds.items():
        labels[tuple(np.transpose(found))] = label
    for label, found in seeds.items():
        parts, count = ndimage.label(labels == label)
        held = np.zeros(count + 1, bool)
        held[parts[tuple(np.transpose(found))]] = True
        labels[(parts > 0) & ~held[parts]] = 0
    return labels


METHOD = Method(
    title="Region growing",
    section="4.2",
    library="SimpleITK",
    knows_places=True,
    uses_seeds=True,
    fit=fit,
    segment=segment,
    expected={},
)
