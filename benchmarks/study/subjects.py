"""A subject: a fine map of tissues, from which an image of any resolution is made; and an image with its truth."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Voxel = tuple[int, int, int]

#: voxels of the tissue map along each axis of a voxel of the image
FINE = 2

#: standard deviation of the noise that any image has
NOISE = 2.0


@dataclasses.dataclass(frozen=True)
class Subject:
    """A body of which all is known.

    Parameters
    ----------
    name : str
        ``test_00``, as its files are called.
    tissues : (X, Y, Z) uint8 array
        What fills each fine voxel. Values below 100 are the anatomy's labels, 0 what is not named; from 100 on come
        tissues that nobody looks for (bone, fat), which are background in the truth.
    spacing : float
        Millimetres of a fine voxel, on all axes.
    means : mapping
        The intensity of each tissue in this subject.
    texture : float
        Standard deviation of the smooth variation within a tissue.
    seed : int
        Of all that is drawn for this subject.
    """

    name: str
    tissues: NDArray[np.uint8]
    spacing: float
    means: Mapping[int, float]
    texture: float
    seed: int

    @functools.cached_property
    def variation(self) -> NDArray[np.float32]:
        """The texture, which is the same in all images of the subject."""
        rng = np.random.default_rng(self.seed)
        smooth = ndimage.gaussian_filter(rng.standard_normal(self.tissues.shape, np.float32), 2)
        return np.asarray(self.texture / smooth.std() * smooth)


@dataclasses.dataclass(frozen=True)
class Sample:
    """An image and, where it is known to the caller, its truth.

    Parameters
    ----------
    name : str
        Of the subject.
    image : (X, Y, Z) float32 array
    truth : (X, Y, Z) uint8 array or None
        The anatomy's labels; a method that segments gets None.
    spacing : float
        Millimetres of a voxel.
    seeds : mapping
        A voxel deep in each sizeable part of each structure (a kidney on each side), as a person would click them: what
        ``uses_seeds`` methods may look at.
    """

    name: str
    image: NDArray[np.float32]
    truth: NDArray[np.uint8] | None
    spacing: float
    seeds: Mapping[int, tuple[Voxel, ...]]


def truth_of(subject: Subject, block: int = FINE) -> NDArray[np.uint8]:
    """Give each voxel the label that fills most of it; the smaller label of two that fill as much."""
    labels = np.where(subject.tissues < 100, subject.tissues, 0).astype(np.uint8)
    values = np.unique(labels)
    shares = np.stack([blocks((labels == value).astype(np.float32), block) for value in values])
    return np.ascontiguousarray(values[shares.argmax(0)])


def render(subject: Subject, means: Mapping[int, float] | None = None) -> NDArray[np.float32]:
    """Make the fine image, without noise: the mean of each tissue and a smooth texture."""
    table = np.zeros(256, np.float32)
    for tissue, mean in (subject.means if means is None else means).items():
        table[tissue] = mean
    return np.asarray(table[subject.tissues] + subject.variation)


def blocks(fine: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Mean of blocks of voxels; what is left over at the end of an axis is cut off."""
    size = [n // block for n in fine.shape]
    cut = fine[tuple(slice(n * block) for n in size)]
    return np.asarray(cut.reshape(size[0], block, size[1], block, size[2], block).mean((1, 3, 5)))


def clean_image(subject: Subject, means: Mapping[int, float] | None = None) -> NDArray[np.float32]:
    """Image the subject at its own resolution, with the little noise that any image has."""
    image = blocks(render(subject, means), FINE)
    rng = np.random.default_rng(subject.seed + 1)
    return np.asarray(image + rng.normal(0, NOISE, image.shape), np.float32)


def seeds_of(truth: NDArray[np.uint8]) -> dict[int, tuple[Voxel, ...]]:
    """Find the deepest voxel of each part with a tenth of its label's voxels, of the largest part first."""
    seeds = {}
    for label, box in enumerate(ndimage.find_objects(truth), 1):
        if box is None:
            continue
        parts, count = ndimage.label(np.pad(truth[box] == label, 1))
        # the margin keeps the box's faces outside
        depth: NDArray[Any] = ndimage.distance_transform_edt(parts)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        found = [part + 1 for part in range(count) if sizes[part] * 10 >= sizes.sum()]
        found = sorted(found or [int(sizes.argmax()) + 1], key=lambda part: -sizes[part - 1])
        deepest = ndimage.maximum_position(depth, parts, found)
        corner = [side.start - 1 for side in box]
        seeds[label] = tuple(
            (int(x) + corner[0], int(y) + corner[1], int(z) + corner[2]) for x, y, z in deepest
        )
    return seeds
