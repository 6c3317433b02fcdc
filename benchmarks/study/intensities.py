"""What the methods share that look at intensities: the body, and which range of values is which structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.study.anatomies import Anatomy
from benchmarks.study.subjects import Sample

#: of the histograms, two wide: finer than the noise of a clean image
EDGES = np.arange(-20.0, 301.0, 2.0)


@dataclasses.dataclass(frozen=True)
class Structures:
    """What can be told apart by intensities: the structures of the target that all methods are measured on.

    Parameters
    ----------
    names : tuple of str
    index : (256,) int array
        Which of them each label belongs to, from 1.
    written : (structures + 1,) uint8 array
        The label that stands for each in a prediction: the commonest of its labels.
    """

    names: tuple[str, ...]
    index: NDArray[np.intp]
    written: NDArray[np.uint8]


def structures_of(anatomy: Anatomy, training: Sequence[Sample]) -> Structures:
    """Read the structures off the anatomy, and which of each one's labels is commonest off the training subjects."""
    if not training:
        raise ValueError("There are no training subjects to learn from.")
    sizes = sum(np.bincount(truth(sample).ravel(), minlength=256) for sample in training)
    joined = {
        name: (labels,) if isinstance(labels, int) else tuple(labels)
        for name, labels in anatomy.targets[anatomy.whole].items()
    }
    index = np.zeros(256, np.intp)
    written = [0]
    for number, labels in enumerate(joined.values(), 1):
        index[list(labels)] = number
        written.append(max(labels, key=lambda label: int(sizes[label])))
    return Structures(tuple(joined), index, np.array(written, np.uint8))


def truth(sample: Sample) -> NDArray[np.uint8]:
    """Give the truth of a sample to learn from."""
    if sample.truth is None:
        raise ValueError(f"{sample.name} has no truth to learn from.")
    return sample.truth


def finite(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the image with 0, the background, where it has no number."""
    return np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)


def body_of(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the body: the largest bright part, with what it encloses in axial slices."""
    smooth = ndimage.gaussian_filter(image, 1)
    bright = smooth > max(0.2 * float(np.percentile(smooth, 98)), 1.0)
    parts, count = ndimage.label(bright)
    if count == 0:
        return bright
    largest = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    # lungs that the field of view cuts off are closed in each slice, though not in space
    within = np.zeros((3, 3, 3), bool)
    within[:, 1, 1] = within[1, :, 1] = True
    return np.asarray(ndimage.binary_fill_holes(largest, within), bool)


def binned(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """Give the bin of each value; the first and the last bin take what lies beyond."""
    width = EDGES[1] - EDGES[0]
    found = ((np.clip(values, EDGES[0], EDGES[-1]) - EDGES[0]) / width).astype(np.intp)
    return np.minimum(found, len(EDGES) - 2)


def joint_histogram(
    bins: NDArray[np.intp], numbers: NDArray[np.intp], many: int, structures: int
) -> NDArray[np.int64]:
    """Count the voxels of each structure (row 0: of none) in each of so many bins."""
    counts = np.bincount(numbers * many + bins, minlength=(structures + 1) * many)
    return counts.reshape(structures + 1, many)


def best_ranges(counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Find the range of bins for each structure that gives the highest sum of Dice; ranges do not overlap.

    Structures follow each other as their mean bins do, so that the best ranges are found exactly by going through the
    bins once for each structure.

    Parameters
    ----------
    counts : (structures + 1, bins) array
        As `joint_histogram` gives.
    sizes : (structures + 1,) array
        Voxels of each structure, in whatever bin or none.

    Returns
    -------
    list of (first, end)
        By structure; equal where a structure is best left out.
    """
    many = counts.shape[1]
    sums = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    means = counts[1:] @ np.arange(many) / np.maximum(counts[1:].sum(1), 1)
    best = np.zeros(many + 1)
    steps: list[tuple[int, NDArray[np.intp], NDArray[np.intp]]] = []
    for structure in np.argsort(means, kind="stable") + 1:
        hits = np.subtract.outer(sums[structure], sums[structure])
        taken = np.subtract.outer(sums.sum(0), sums.sum(0))
        # [end, first]
        dice = np.where(hits > 0, 2 * hits / np.maximum(taken + sizes[structure], 1), 0.0)
        total = np.where(np.tri(many + 1, dtype=bool), dice + best, -1.0)
        # of ranges as good, the shortest
        first = many - total[:, ::-1].argmax(1)
        best = np.maximum.accumulate(total.max(1))
        # the bins up to here need not all be taken
        end = np.searchsorted(best, best, side="left")
        steps.append((int(structure), first, end))
    ranges = [(0, 0)] * (len(counts) - 1)
    here = many
    for structure, first, end in reversed(steps):
        upper = int(end[here])
        here = int(first[upper])
        ranges[structure - 1] = (here, upper)
    return ranges


def mean_dice(counts: NDArray[np.int64], sizes: NDArray[np.int64], ranges: Any) -> float:
    """Mean Dice of the structures that there are, labelled by these ranges."""
    found = [
        2 * counts[number, first:end].sum() / (counts[:, first:end].sum() + sizes[number])
        for number, (first, end) in enumerate(ranges, 1)
        if sizes[number]
    ]
    return float(np.mean(found)) if found else 0.0
