"""Lesion-wise scores of BraTS and MIST by description: whole volumes, a loop over lesions, SciPy; and random cases."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.oracle import naive

Array = NDArray[Any]

EDGES = ndimage.generate_binary_structure(3, 2)
CORNERS = np.ones((3, 3, 3), bool)


def random_map(rng: np.random.Generator, shape: tuple[int, ...], labels: int) -> Array:
    """Blobs, boxes, noise or nothing, with labels side by side or in layers."""
    kind = rng.integers(5)
    mask = np.zeros(shape, bool)
    if kind == 0:
        mask = rng.random(shape) < rng.choice([0.003, 0.03, 0.2, 0.6])
    elif kind == 1:
        smooth = ndimage.gaussian_filter(rng.random(shape), 1)
        mask = smooth > np.quantile(smooth, rng.choice([0.6, 0.85, 0.95]))
    elif kind > 2:
        for _ in range(rng.integers(1, 7)):
            low = [int(rng.integers(size)) for size in shape]
            mask[tuple(slice(start, start + int(rng.integers(1, 6))) for start in low)] = True
    of_voxels = rng.integers(1, labels + 1, shape)
    if rng.random() < 0.6:
        of_voxels[:] = np.arange(shape[0])[:, None, None] * labels // shape[0] + 1
    return (mask * of_voxels).astype(np.uint8)


def random_pair(seed: int, labels: int = 4) -> tuple[Array, Array, tuple[float, float, float]]:
    """A reference, a prediction that is like it or not, and a spacing."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(size) for size in rng.integers(1 if seed % 7 == 0 else 5, 14, 3))
    reference = random_map(rng, shape, labels)
    choice = rng.random()
    prediction = random_map(rng, shape, labels)
    if choice < 0.5:
        prediction = np.roll(reference, tuple(rng.integers(-1, 2, 3)), (0, 1, 2))
    elif choice < 0.75:
        prediction = np.where(rng.random(shape) < 0.9, reference, prediction)
    spacing = (1.0, 1.0, 1.0)
    if seed % 3 == 0:
        x, y, z = rng.choice([0.5, 0.9, 1, 2.5], 3).astype(np.float32).tolist()
        spacing = x, y, z
    if seed % 2:
        reference, prediction = np.asfortranarray(reference), np.asfortranarray(prediction)
    return reference, prediction, spacing


def components(mask: Array) -> Array:
    """Number by first voxels, x fastest, as cc3d does of what nibabel reads."""
    found: Array = ndimage.label(mask.T, CORNERS)[0].T
    return found


def merged(mask: Array, dilation: int, structure: Array = CORNERS) -> Array:
    """Number voxels by the component of the dilated mask that they are in."""
    grown = ndimage.binary_dilation(mask, EDGES, iterations=dilation)
    return np.where(mask, ndimage.label(grown, structure)[0], 0)


@functools.cache
def _area(code: int, spacing: tuple[float, ...]) -> float:
    cell = tuple(bool(code >> (7 - place) & 1) for place in range(8))
    return naive.triangle_area(cell, spacing) if 0 < code < 255 else 0.0


def _surfels(values: Array, spacing: tuple[float, ...]) -> tuple[Array, Array]:
    """Corners whose code is neither 0 nor 255, where a code is kept in a byte; and the area of each code."""
    padded = np.pad(values.astype(np.int64) % 256, 1)
    codes = np.zeros(np.array(values.shape) + 1, np.int64)
    nx, ny, nz = codes.shape
    for place in range(8):
        i, j, k = place >> 2, place >> 1 & 1, place & 1
        codes += padded[i : i + nx, j : j + ny, k : k + nz] << (7 - place)
    codes %= 256
    areas = np.vectorize(lambda code: _area(int(code), spacing), otypes=[float])(codes)
    return (codes != 0) & (codes != 255), areas


def surfaces(
    first: Array, second: Array, spacing: tuple[float, ...]
) -> list[list[tuple[float, float]]]:
    """Sorted pairs of distance and area, from the first and from the second."""
    sets = [_surfels(values, spacing) for values in (first, second)]
    found = []
    for own, other in ((0, 1), (1, 0)):
        border, areas = sets[own]
        distances = np.full(border.shape, np.inf)
        if sets[other][0].any():
            distances = ndimage.distance_transform_edt(~sets[other][0], spacing)
        found.append(sorted(zip(distances[border], areas[border], strict=True)))
    return found


def hd95(first: Array, second: Array, spacing: tuple[float, ...]) -> float:
    """The larger of both directions' distances within which 95 % of the area lies; inf if a mask is empty."""
    worst = 0.0
    for pairs in surfaces(first, second, spacing):
        if not pairs:
            return math.inf
        distances, areas = np.array(pairs).T
        share = np.cumsum(areas) / np.sum(areas)
        worst = max(worst, distances[min(int(np.searchsorted(share, 0.95)), len(pairs) - 1)])
    return float(worst)


def nsd(prediction: Array, reference: Array, spacing: tuple[float, ...], tolerance: float) -> float:
    """nnU-Net's first normalised surface Dice; 0 if one mask is empty, 1 if both are."""
    if not prediction.any() or not reference.any():
        return float(prediction.any() == reference.any())
    cross = ndimage.generate_binary_structure(3, 1)
    borders = [mask ^ ndimage.binary_erosion(mask, cross) for mask in (prediction, reference)]
    within = []
    for own, other in ((0, 1), (1, 0)):
        distances = ndimage.distance_transform_edt(~borders[other], spacing)[borders[own]]
        within.append(
            (
                np.sum(distances <= tolerance) / len(distances),
                np.sum(distances > tolerance) / len(distances),
            )
        )
    (tp_a, fp), (tp_b, fn) = within
    return float((tp_a + tp_b) / (tp_a + tp_b + fp + fn + 1e-8))


def dice(first: Array, second: Array) -> float:
    """Of two masks; 1 if both are empty."""
    total = first.sum() + second.sum()
    return float(2.0 * (first & second).sum() / total) if total else 1.0


def lesion_rows(
    reference: Array, prediction: Array, dilation: int, spacing: tuple[float, ...]
) -> list[dict[str, Any]]:
    """Each lesion of numbered ones: what its dilation touches, and its scores against that."""
    rows = []
    for number in range(1, int(reference.max()) + 1):
        lesion = reference == number
        grown = ndimage.binary_dilation(lesion, EDGES, iterations=dilation)
        touched = [int(one) for one in np.unique(prediction[grown]) if one]
        others = np.isin(prediction, touched) if touched else np.zeros_like(lesion)
        rows.append(
            {
                "reference": number,
                "prediction": touched,
                "gt_lesion_vol": float(lesion.sum()) * spacing[0] * spacing[1] * spacing[2],
                "dice_lesionwise": dice(others, lesion),
                "hd95_lesionwise": hd95(lesion, others, spacing),
                "nsd05_lesionwise": nsd(others, lesion, spacing, 0.5),
                "nsd10_lesionwise": nsd(others, lesion, spacing, 1.0),
            }
        )
    return rows


def region_scores(
    rows: list[dict[str, Any]],
    reference: Array,
    prediction: Array,
    spacing: tuple[float, ...],
    minimum: float,
    penalty: float,
    false_positives: bool = True,
) -> dict[str, float]:
    """The table of a region, of maps of numbers that are taken for what they are."""
    for row in rows:
        row["hd95_lesionwise"] = min(row["hd95_lesionwise"], math.inf)
        if math.isinf(row["hd95_lesionwise"]):
            row["hd95_lesionwise"] = penalty
    kept = [row for row in rows if row["gt_lesion_vol"] > minimum]
    used = {one for row in rows for one in row["prediction"]}
    n_false = len(set(np.unique(prediction).tolist()) - used - {0})
    tp = int(((prediction == 1) & (reference == 1)).sum())
    n_reference, n_prediction = int(reference.sum()), int(prediction.sum())
    tn = int(((prediction != 1) & (reference != 1)).sum())
    tiny = sys.float_info.min
    nothing = not n_reference and not n_prediction
    whole = hd95(reference, prediction, spacing) if not nothing else 0.0
    masks = prediction > 0, reference > 0
    scores = {
        "Num_TP": sum(bool(row["prediction"]) for row in kept),
        "Num_FP": n_false,
        "Num_FN": sum(not row["prediction"] for row in kept),
        "Sensitivity": 1.0 if nothing else tp / (n_reference + tiny),
        "Specificity": tn / (tn + (n_prediction - tp) + tiny),
        "Legacy_Dice": dice(*masks),
        "Legacy_HD95": whole if math.isfinite(whole) else penalty,
        "Legacy NSD @ 0.5": nsd(*masks, spacing, 0.5),
        "Legacy NSD @ 1.0": nsd(*masks, spacing, 1.0),
        "GT_Complete_Volume": float(masks[1].sum()) * spacing[0] * spacing[1] * spacing[2],
    }
    counted = n_false if false_positives else 0
    n = len(kept) + counted
    for name, column, worst, best in (
        ("Dice", "dice_lesionwise", 0.0, 1.0),
        ("HD95", "hd95_lesionwise", penalty, 0.0),
        ("NSD @ 0.5", "nsd05_lesionwise", 0.0, 1.0),
        ("NSD @ 1.0", "nsd10_lesionwise", 0.0, 1.0),
    ):
        total = np.sum([row[column] for row in kept]) + counted * worst
        scores[f"LesionWise_Score_{name}"] = float(total / n) if n else best
    return scores


def cleaned(numbers: Array, most_voxels: float) -> Array:
    """Remove what has so many voxels or fewer."""
    small = [one for one in np.unique(numbers) if one and (numbers == one).sum() <= most_voxels]
    return np.where(np.isin(numbers, small), 0, numbers)


def in_sequence(numbers: Array) -> Array:
    """Number without gaps."""
    found = np.zeros_like(numbers)
    for place, one in enumerate([one for one in np.unique(numbers) if one], 1):
        found[numbers == one] = place
    return found


def merged_by(own: Array, others: Sequence[Array]) -> Array:
    """Go through other tissues in turn: of more than one pair that touches, the first of each lesion names it anew."""
    for other in others:
        pairs = []
        # the first of all values is taken for the background
        for first in np.unique(own)[1:]:
            grown = ndimage.binary_dilation(own == first, EDGES)
            pairs += [
                (int(first), int(second))
                for second in np.unique(other)[1:]
                if (grown & (other == second)).any()
            ]
        if len(pairs) < 2:
            continue
        names: dict[int, int] = {}
        for _, second in pairs:
            names.setdefault(second, int(own.max()) + 1 + len(names))
        changed = own.copy()
        for first in {first for first, _ in pairs}:
            changed[own == first] = names[next(b for a, b in pairs if a == first)]
        own = changed
    return in_sequence(own)


def assert_same(
    evaluation: Any, name: str, scores: dict[str, float], rows: list[dict[str, Any]]
) -> None:
    """Compare a region's row, and those of its lesions, to the bit."""
    row = evaluation[name]
    for score, value in row.items():
        assert value == scores[score], (name, score, value, scores[score])
    found = [one for one in evaluation.rows if one.level == "instance" and one.name == name]
    assert len(found) == len(rows)
    for one, expected in zip(found, rows, strict=True):
        label = one.prediction_label
        ids = [] if label is None else list(label) if isinstance(label, tuple) else [label]
        assert (one.reference_label, ids) == (expected["reference"], expected["prediction"])
        for score, value in one.items():
            assert value == expected[score], (name, score, value, expected[score])
