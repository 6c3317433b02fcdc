"""Atlases brought onto an image by ANTs, once for all methods that need them.

Every atlas is moved affinely and then by symmetric diffeomorphisms (SyN), both by mutual information, which asks for no
common intensities. Where ANTs gives up, the atlas stays where the stage before left it, and on an image without
contrast where it is; a warning is logged.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks.study.methods import Fitting
from benchmarks.study.subjects import Sample

_LOG = logging.getLogger(__name__)

#: voxels that atlases are continued by on all sides
_BEYOND = 10

# coarse levels alone: finer ones take several times as long and gain a hundredth of Dice or, affinely, nothing
_AFFINE = ["--transform", "Affine[0.25]", "--convergence", "[100,1e-6,10]"]
_AFFINE += ["--shrink-factors", "4", "--smoothing-sigmas", "2"]
_DEFORMABLE = ["--transform", "SyN[0.3,3,0]", "--convergence", "[40x10,1e-6,6]"]
_DEFORMABLE += ["--shrink-factors", "4x2", "--smoothing-sigmas", "2x1"]


@dataclasses.dataclass(frozen=True)
class Atlas:
    """A training subject: its image and its labels."""

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    spacing: float


def fit(fitting: Fitting) -> tuple[Atlas, ...]:
    """Take the training subjects that are most like the others, the most typical one first.

    Of every two, one is moved affinely onto the other; a subject is typical whose labels overlap most with those of
    all others, by mean Dice.
    """
    found = [_atlas(sample) for sample in fitting.training]
    overlaps = np.zeros((len(found), len(found)))
    for i, fixed in enumerate(found):
        for j, moving in enumerate(found[:i]):
            overlaps[i, j] = overlaps[j, i] = _overlap(fixed, moving, fitting)
    typical = overlaps.sum(1) / max(1, len(found) - 1)
    chosen = np.argsort(-typical, kind="stable")[: fitting.settings.atlases]
    for place in chosen.tolist():
        fitting.log({"atlas": found[place].name, "overlap": float(typical[place])})
    return tuple(found[place] for place in chosen)


def prepare(atlases: Sequence[Atlas], sample: Sample) -> dict[str, NDArray[Any]]:
    """Move the atlases onto an image.

    Returns
    -------
    dict
        ``affine``: the labels of the first atlas after the affine stage. ``deformed``: those of all atlases (their
        number, X, Y, Z) after both. ``images``: their images, in whole numbers. ``agreement``: how many of the atlases
        give the label that most of them give, from which contention is read.
    """
    moved = [_move(atlas, sample.image, sample.spacing) for atlas in atlases]
    deformed = np.stack([labels for _, labels, _ in moved])
    values = np.unique(deformed)
    votes = np.stack([(deformed == value).sum(0, dtype=np.uint8) for value in values])
    return {
        "affine": moved[0][0],
        "deformed": deformed,
        "images": np.stack([image for _, _, image in moved]),
        "agreement": votes.max(0),
    }


def one_thread() -> Any:
    """Import ANTs to use one thread, which makes its sums the same everywhere."""
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    import ants

    return ants


def as_ants(array: NDArray[Any], spacing: float) -> Any:
    """Make an image of ANTs, in millimetres."""
    return one_thread().from_numpy(array.astype(np.float32), spacing=(spacing,) * array.ndim)


def _atlas(sample: Sample) -> Atlas:
    if sample.truth is None:
        raise ValueError(f"{sample.name} has no labels, so that it can be no atlas")
    return Atlas(sample.name, sample.image, sample.truth, sample.spacing)


def _overlap(fixed: Atlas, moving: Atlas, fitting: Fitting) -> float:
    """Measure how well an atlas, moved affinely, covers another."""
    target, image = as_ants(fixed.image, fixed.spacing), as_ants(moving.image, moving.spacing)
    with tempfile.TemporaryDirectory() as folder:
        transforms = _register(target, image, Path(folder), "affine", [])
        labels = _labels_of(target, moving, transforms)
    result = fastseg.evaluate(
        fixed.labels, labels, labels=fitting.anatomy.labels, metrics="dice", flags=False
    )
    return float(np.mean([row.values_by_metric["dice"] for row in result.rows]))


def _move(
    atlas: Atlas, image: NDArray[np.float32], spacing: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int16]]:
    """Give an atlas's labels after the affine stage, and labels and image after both."""
    fixed, moving = as_ants(image, spacing), as_ants(atlas.image, atlas.spacing)
    with tempfile.TemporaryDirectory() as folder:
        transforms = _register(fixed, moving, Path(folder), "affine", [])
        affine = _labels_of(fixed, atlas, transforms)
        transforms = _register(fixed, moving, Path(folder), "deformable", transforms)
        deformed = _labels_of(fixed, atlas, transforms)
        warped = _resample(fixed, atlas.image, atlas.spacing, transforms, "linear")
    return affine, deformed, np.rint(warped).astype(np.int16)


def _register(fixed: Any, moving: Any, folder: Path, stage: str, before: list[str]) -> list[str]:
    """Run a stage from the transforms before it, and name the files of all transforms, as they are applied."""
    from ants.internal import get_pointer_string

    ants = one_thread()
    if not float(fixed.std()) > 0:
        # ANTs would move the centre of the atlas to the centre of the image
        _LOG.warning("no %s registration: the image is the same everywhere, or not finite", stage)
        return before
    pair = f"{get_pointer_string(fixed)},{get_pointer_string(moving)}"
    # regular sampling is jittered by random numbers, which the seed makes the same in every process
    settings = ["--dimensionality", "3", "--float", "1", "--random-seed", "1"]
    if stage == "affine":
        # centres of mass come to lie on each other first
        settings += ["-r", f"[{pair},1]", "--metric", f"mattes[{pair},1,32,regular,0.5]", *_AFFINE]
    else:
        start = before or ["Identity"]
        settings += ["-r", *start, "--metric", f"mattes[{pair},1,32]", *_DEFORMABLE]
    try:
        ants.registration([*settings, "--output", f"{folder}/{stage}"], None)
    except RuntimeError as error:
        _LOG.warning("no %s registration: %s", stage, error)
        return before
    found = [folder / f"{stage}1Warp.nii.gz", folder / f"{stage}0GenericAffine.mat"]
    return [str(path) for path in found if path.exists()]


def _labels_of(fixed: Any, atlas: Atlas, transforms: list[str]) -> NDArray[np.uint8]:
    moved = _resample(fixed, atlas.labels, atlas.spacing, transforms, "genericLabel")
    return np.rint(moved).astype(np.uint8)


def _resample(
    fixed: Any, array: NDArray[Any], spacing: float, transforms: list[str], interpolator: str
) -> NDArray[Any]:
    """Resample an atlas's array on the grid of an image through transforms, or as it lies where there are none."""
    # what a structure is at the edge it is beyond: a vessel that runs out of the atlas goes on
    moving = as_ants(np.pad(array, _BEYOND, "edge"), spacing)
    moving.set_origin((-_BEYOND * spacing,) * array.ndim)
    moved = one_thread().apply_transforms(
        fixed, moving, transforms, interpolator=interpolator, singleprecision=True
    )
    return np.asarray(moved.numpy())
