"""Brute-force oracles: every primitive and metric by its definition, for arrays of up to about 20³.

Nothing here is fast, and nothing here may import SciPy or fastseg: what these functions say must
come from the definition alone. The surfels' marching-cubes areas are derived, not tabulated.

Throughout, ``d1`` are the distances from the reference's surface elements to the prediction's,
``d2`` the other way round, ``a1`` and ``a2`` the elements' areas (``None`` for voxels).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Vector = tuple[int, ...]
Triangle = tuple[Vector, Vector, Vector]


# ---------------------------------------------------------------------------- labels


def confusion(reference: Array, prediction: Array) -> dict[tuple[int, int], int]:
    """How many voxels have each (reference, prediction) pair of labels; pairs that occur only."""
    if reference.shape != prediction.shape:
        raise ValueError(f"shapes differ: {reference.shape} and {prediction.shape}")
    counts: dict[tuple[int, int], int] = {}
    for index in np.ndindex(reference.shape):
        pair = int(reference[index]), int(prediction[index])
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def boxes(labels: Array) -> dict[int, tuple[tuple[int, int], ...]]:
    """The (start, stop) per axis of every label that occurs, 0 included."""
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for index in np.ndindex(labels.shape):
        label = int(labels[index])
        box = found.get(label, tuple((i, i + 1) for i in index))
        found[label] = tuple(
            (min(start, i), max(stop, i + 1)) for (start, stop), i in zip(box, index, strict=True)
        )
    return found


def connected_components(labels: Array, connectivity: int) -> tuple[NDArray[np.int64], int]:
    """Flood from every voxel, in C order, that is not 0 and was not reached yet, within its label.

    A neighbour differs by at most one along each axis, and along at most `connectivity` of them.
    """
    steps = [
        step
        for step in itertools.product((-1, 0, 1), repeat=labels.ndim)
        if 0 < sum(map(abs, step)) <= connectivity
    ]
    found, count = np.zeros(labels.shape, np.int64), 0
    for seed in np.ndindex(labels.shape):
        if not labels[seed] or found[seed]:
            continue
        count += 1
        found[seed] = count
        waiting = [seed]
        while waiting:
            index = waiting.pop()
            for step in steps:
                other = tuple(i + d for i, d in zip(index, step, strict=True))
                inside = all(0 <= i < size for i, size in zip(other, labels.shape, strict=True))
                if inside and labels[other] == labels[seed] and not found[other]:
                    found[other] = count
                    waiting.append(other)
    return found, count


# ---------------------------------------------------------------------------- distances


def distance_transform_edt(mask: Array, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Distance of every nonzero voxel to the nearest zero voxel; inf if there is no zero voxel."""
    foreground = np.asarray(mask) != 0
    distances = np.zeros(foreground.shape)
    distances[foreground] = nearest(np.argwhere(foreground), np.argwhere(~foreground), spacing)
    return distances


def nearest(points: Array, targets: Array, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Distance of each point to the nearest target, both as rows of indices; inf without targets.

    √Σ((Δᵢ·sᵢ)²) in float64, summed left to right in axis order, as SciPy evaluates it: the minimum
    is taken over the computed sums.
    """
    distances = np.full(len(points), np.inf)
    if len(targets):
        for row, point in enumerate(points):
            squares = np.zeros(len(targets))
            for axis, step in enumerate(spacing):
                squares = squares + ((targets[:, axis] - point[axis]) * float(step)) ** 2
            distances[row] = np.sqrt(squares.min())
    return distances


# ---------------------------------------------------------------------------- surfaces


def surface(mask: Array, connectivity: int = 1, edge: str = "background") -> NDArray[np.bool_]:
    """Foreground voxels that have a background neighbour.

    Neighbours differ by at most one along each axis and along at most `connectivity` axes. Voxels
    outside the image are background, or, with ``edge="ignore"``, no neighbours.
    """
    foreground = np.asarray(mask) != 0
    outside = {"background": False, "ignore": True}[edge]
    padded = np.pad(foreground, 1, constant_values=outside)
    offsets = [
        offset
        for offset in itertools.product((-1, 0, 1), repeat=foreground.ndim)
        if 0 < np.count_nonzero(offset) <= connectivity
    ]
    found = np.zeros(foreground.shape, bool)
    for index in zip(*np.nonzero(foreground), strict=True):
        neighbours = [
            padded[tuple(i + 1 + step for i, step in zip(index, offset, strict=True))]
            for offset in offsets
        ]
        found[index] = not all(neighbours)
    return found


def surfels(mask: Array, spacing: Sequence[float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Corners of the voxel lattice that the boundary passes, and how much of it passes each.

    Corner c, 0 <= c <= shape, touches the 2ⁿ voxels c-1 and c of each axis, those outside the image
    being background; it counts if they are neither all background nor all foreground. Its measure
    is 1 in 1-D, the length of the marching-squares contour in 2-D and the area of the
    marching-cubes triangles in 3-D.
    """
    foreground = np.asarray(mask) != 0
    steps = tuple(float(step) for step in spacing)
    measures_of: dict[int, Callable[..., float]] = {
        1: lambda cell, steps: 1.0,
        2: contour_length,
        3: triangle_area,
    }
    measure = measures_of[foreground.ndim]
    padded = np.pad(foreground, 1)
    points, measures = [], []
    for corner in np.ndindex(*(size + 1 for size in foreground.shape)):
        cell = padded[tuple(slice(c, c + 2) for c in corner)]
        if cell.any() and not cell.all():
            points.append(corner)
            bits = tuple(bool(bit) for bit in cell.flat)
            measures.append(measure(bits, steps))
    shape = (len(points), foreground.ndim)
    return np.array(points, np.int64).reshape(shape), np.array(measures, np.float64)


def vertices(
    mask: Array, spacing: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Corners of the faces between foreground and background, and how much of these faces each has.

    Face by face: a face (an edge in 2-D, a point in 1-D) gives each of its 2ⁿ⁻¹ corners an equal share of its area.
    """
    foreground = np.asarray(mask) != 0
    padded = np.pad(foreground, 1)
    shares: dict[tuple[int, ...], float] = {}
    for axis, side in itertools.product(range(foreground.ndim), (0, 1)):
        area = math.prod(step for i, step in enumerate(spacing) if i != axis)
        for voxel in np.argwhere(foreground):
            beside = voxel + 1
            beside[axis] += 2 * side - 1
            if padded[tuple(beside)]:
                continue
            steps = [(side,) if i == axis else (0, 1) for i in range(foreground.ndim)]
            for step in itertools.product(*steps):
                corner = tuple((voxel + step).tolist())
                shares[corner] = shares.get(corner, 0.0) + area / 2 ** (foreground.ndim - 1)
    points = sorted(shares)
    return (
        np.array(points, np.int64).reshape(len(points), foreground.ndim),
        np.array([shares[point] for point in points], np.float64),
    )


@functools.cache
def contour_length(cell: tuple[bool, ...], spacing: tuple[float, ...]) -> float:
    """Length of the contour between the four pixels of `cell`, in C order."""
    half_diagonal = 0.5 * math.sqrt(spacing[0] ** 2 + spacing[1] ** 2)
    first_row, second_row = cell[:2], cell[2:]
    if sum(cell) in (0, 4):
        return 0.0
    if sum(cell) in (1, 3):
        return half_diagonal  # cuts one corner off
    if first_row == second_row:
        return spacing[0]  # the columns differ: the contour runs along axis 0
    if first_row[0] == first_row[1]:
        return spacing[1]
    return 2 * half_diagonal  # two opposite corners cut off


@functools.cache
def triangle_area(cell: tuple[bool, ...], spacing: tuple[float, ...]) -> float:
    """Area of the classic marching-cubes triangles between the eight voxels of `cell`, in C order.

    Lorensen & Cline 1987 with all vertices halfway along the cube's edges; a cell with more than
    four voxels set has the triangles of its complement. Where a loop of the boundary is not flat,
    the area depends on how it is cut into triangles: the classic cuts are those of largest area at
    unit spacing. Several tie (hence the rounding), and have the same area at any spacing.
    """
    if sum(cell) > 4:
        cell = tuple(not bit for bit in cell)

    def area(triangles: list[Triangle], steps: Sequence[float]) -> float:
        corners = np.array(triangles) / 2 * np.array(steps)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        total = 0.0
        for normal in normals:  # one by one, as peers add: `sum` is more exact from Python 3.12 on
            total += 0.5 * float(np.linalg.norm(normal))
        return total

    unit = (1.0, 1.0, 1.0)
    whole = 0.0
    for loop in _loops(cell):
        cut = max(_triangulations(loop), key=lambda triangles: round(area(triangles, unit), 9))
        whole += area(cut, spacing)
    return whole


def _loops(cell: tuple[bool, ...]) -> list[tuple[Vector, ...]]:
    """The closed polygons in which the boundary of the set voxels meets the cube's six faces.

    Going round a face anticlockwise as seen from outside, the boundary cuts each run of set corners
    off from the rest: a segment from the edge where the run begins to the edge where it ends. Two
    opposite corners are thereby two runs, that is, not connected. A vertex is the sum of its edge's
    two corners, which is twice the midpoint.
    """
    is_set = dict(zip(itertools.product((0, 1), repeat=3), cell, strict=True))
    segments: dict[Vector, Vector] = {}
    for axis, side in itertools.product(range(3), (0, 1)):
        ring = []
        for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
            corner = [side] * 3
            corner[(axis + 1) % 3], corner[(axis + 2) % 3] = u, v
            ring.append((corner[0], corner[1], corner[2]))
        if side == 0:
            ring.reverse()
        edges = [(ring[i], ring[(i + 1) % 4]) for i in range(4)]
        begins = [i for i in range(4) if not is_set[edges[i][0]] and is_set[edges[i][1]]]
        for begin in begins:
            end = next(i % 4 for i in range(begin + 1, begin + 4) if not is_set[edges[i % 4][1]])
            segments[_midpoint(edges[begin])] = _midpoint(edges[end])
    loops = []
    while segments:
        loop = [next(iter(segments))]
        while loop[-1] in segments:
            loop.append(segments.pop(loop[-1]))
        loops.append(tuple(loop[:-1]))
    return loops


def _midpoint(edge: tuple[Vector, Vector]) -> Vector:
    return tuple(a + b for a, b in zip(*edge, strict=True))


def _triangulations(polygon: tuple[Vector, ...]) -> Iterator[list[Triangle]]:
    """Every way to cut a polygon into triangles without new vertices."""
    if len(polygon) < 3:
        yield []
        return
    for apex in range(1, len(polygon) - 1):  # of the triangle on the side from last to first
        left = list(_triangulations(polygon[: apex + 1]))
        right = list(_triangulations(polygon[apex:]))
        for before, after in itertools.product(left, right):
            yield [*before, (polygon[0], polygon[apex], polygon[-1]), *after]


# ---------------------------------------------------------------------------- surface distances


def surface_distances(
    reference: Array, prediction: Array, spacing: Sequence[float], boundary: str = "voxel"
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64] | None,
    NDArray[np.float64] | None,
]:
    """``(d1, d2, a1, a2)``, one entry per surface element in C order; inf if the other has none."""
    a1: NDArray[np.float64] | None = None
    a2: NDArray[np.float64] | None = None
    if boundary == "surfel":
        points1, a1 = surfels(reference, spacing)
        points2, a2 = surfels(prediction, spacing)
    elif boundary == "vertex":
        points1, a1 = vertices(reference, spacing)
        points2, a2 = vertices(prediction, spacing)
    elif boundary == "voxel":
        points1, points2 = np.argwhere(surface(reference)), np.argwhere(surface(prediction))
    else:
        raise ValueError(f"boundary is 'voxel', 'surfel' or 'vertex', not {boundary!r}")
    return nearest(points1, points2, spacing), nearest(points2, points1, spacing), a1, a2


def hausdorff(
    d1: Array,
    d2: Array,
    percentile: float = 100,
    method: str = "max_of_directions",
    a1: Array | None = None,
    a2: Array | None = None,
) -> float:
    """Percentile of the distances: the larger of the two directions', or that of both pooled.

    Linear interpolation (NumPy's); with areas, the area-weighted inverse distribution function.
    Both surfaces empty: nan; one: inf.
    """
    if len(d1) == 0 or len(d2) == 0:
        return _one_side_missing(d1, d2)
    if method == "pooled":
        areas = None if a1 is None or a2 is None else np.concatenate([a1, a2])
        return _percentile(np.concatenate([d1, d2]), areas, percentile)
    if method == "max_of_directions":
        return max(_percentile(d1, a1, percentile), _percentile(d2, a2, percentile))
    raise ValueError(f"method is 'max_of_directions' or 'pooled', not {method!r}")


def _percentile(distances: Array, areas: Array | None, percentile: float) -> float:
    if areas is None:
        return float(np.percentile(distances, percentile))
    order = np.lexsort((areas, distances))
    # Bit equality with surface-distance needs this very quotient: cumsum adds in sequence, sum in
    # pairs, so the last entry is not always 1.
    cumulated = np.cumsum(areas[order]) / np.sum(areas)
    index = min(int(np.searchsorted(cumulated, percentile / 100)), len(distances) - 1)
    return float(distances[order][index])


def _one_side_missing(d1: Array, d2: Array) -> float:
    return math.nan if len(d1) == len(d2) else math.inf


def assd(d1: Array, d2: Array, a1: Array | None = None, a2: Array | None = None) -> float:
    """Mean of both directions' distances pooled."""
    if len(d1) == 0 or len(d2) == 0:
        return _one_side_missing(d1, d2)
    a1, a2 = _weights(d1, a1), _weights(d2, a2)
    return math.fsum([*(d1 * a1), *(d2 * a2)]) / math.fsum([*a1, *a2])


def masd(d1: Array, d2: Array, a1: Array | None = None, a2: Array | None = None) -> float:
    """Mean of the two directions' means."""
    if len(d1) == 0 or len(d2) == 0:
        return _one_side_missing(d1, d2)
    return (asd(d1, a1) + asd(d2, a2)) / 2


def asd(distances: Array, areas: Array | None = None) -> float:
    """Mean of one direction's distances; nan of none."""
    if len(distances) == 0:
        return math.nan
    weights = _weights(distances, areas)
    return math.fsum(distances * weights) / math.fsum(weights)


# What differs by a millionth of the tolerance is a rounding of it.
MILLIONTH = Fraction(1, 10**6)


def nsd(d1: Array, d2: Array, a1: Array | None, a2: Array | None, tolerance: float) -> float:
    """Share of both surfaces, pooled, that lies within `tolerance` of the other, or beyond by a rounding."""
    tolerance = float(Fraction(tolerance) * (1 + MILLIONTH))
    a1, a2 = _weights(d1, a1), _weights(d2, a2)
    total = math.fsum([*a1, *a2])
    near = math.fsum([*a1[d1 <= tolerance], *a2[d2 <= tolerance]])
    return near / total if total else math.nan


def _weights(distances: Array, areas: Array | None) -> Array:
    return np.ones(len(distances)) if areas is None else areas


def boundary_iou(
    reference: Array, prediction: Array, spacing: Sequence[float], width: float
) -> float:
    """IoU of the two rims: the voxels of a mask nearer than `width`, by more than a rounding, to its own surface."""
    width = float(Fraction(width) * (1 - MILLIONTH))
    rims = []
    for mask in (np.asarray(reference) != 0, np.asarray(prediction) != 0):
        rim = np.zeros(mask.shape, bool)
        rim[mask] = nearest(np.argwhere(mask), np.argwhere(surface(mask)), spacing) < width
        rims.append(rim)
    return _ratio(int((rims[0] & rims[1]).sum()), int((rims[0] | rims[1]).sum()))


# ---------------------------------------------------------------------------- counts
# Each takes the four counts, of which it uses what it needs, and is exact until the last rounding.


def counts(reference: Array, prediction: Array) -> tuple[int, int, int, int]:
    """``(tp, fp, fn, tn)`` of two masks."""
    pairs = confusion(np.asarray(reference) != 0, np.asarray(prediction) != 0)
    return pairs.get((1, 1), 0), pairs.get((0, 1), 0), pairs.get((1, 0), 0), pairs.get((0, 0), 0)


def _ratio(numerator: Fraction | int, denominator: Fraction | int) -> float:
    """The quotient; nan for 0/0, ±inf for another number over 0."""
    if denominator == 0:
        return math.copysign(math.inf, numerator) if numerator else math.nan
    return float(Fraction(numerator) / Fraction(denominator))


def dice(tp: int, fp: int, fn: int, tn: int) -> float:
    return _ratio(2 * tp, 2 * tp + fp + fn)


def iou(tp: int, fp: int, fn: int, tn: int) -> float:
    return _ratio(tp, tp + fp + fn)


def precision(tp: int, fp: int, fn: int, tn: int) -> float:
    return _ratio(tp, tp + fp)


def recall(tp: int, fp: int, fn: int, tn: int) -> float:
    return _ratio(tp, tp + fn)


def specificity(tp: int, fp: int, fn: int, tn: int) -> float:
    return _ratio(tn, tn + fp)


def accuracy(tp: int, fp: int, fn: int, tn: int) -> float:
    return _ratio(tp + tn, tp + fp + fn + tn)


def balanced_accuracy(tp: int, fp: int, fn: int, tn: int) -> float:
    """Mean of recall and specificity."""
    if tp + fn == 0 or tn + fp == 0:
        return math.nan
    return float((Fraction(tp, tp + fn) + Fraction(tn, tn + fp)) / 2)


def youden(tp: int, fp: int, fn: int, tn: int) -> float:
    """Recall + specificity - 1."""
    if tp + fn == 0 or tn + fp == 0:
        return math.nan
    return float(Fraction(tp, tp + fn) + Fraction(tn, tn + fp) - 1)


def f_beta(tp: int, fp: int, fn: int, tn: int, beta: float = 1) -> float:
    square = Fraction(beta) ** 2
    return _ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)


def volume_similarity(tp: int, fp: int, fn: int, tn: int) -> float:
    return _ratio(2 * tp + fp + fn - abs(fn - fp), 2 * tp + fp + fn)


def volume_difference(tp: int, fp: int, fn: int, tn: int, voxel_volume: float = 1) -> float:
    """Prediction's volume minus the reference's."""
    return float((fp - fn) * Fraction(voxel_volume))


def relative_volume_difference(tp: int, fp: int, fn: int, tn: int) -> float:
    """(prediction - reference) / reference; inf if only the prediction has voxels."""
    return _ratio(fp - fn, tp + fn)


def mcc(tp: int, fp: int, fn: int, tn: int) -> float:
    """Matthews correlation coefficient."""
    covariance = tp * tn - fp * fn
    square = _ratio(covariance**2, (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return math.copysign(math.sqrt(square), covariance)


def cohen_kappa(tp: int, fp: int, fn: int, tn: int) -> float:
    """(observed - expected) / (1 - expected) agreement, the expected from the marginals."""
    total = tp + fp + fn + tn
    if total == 0:
        return math.nan
    observed = Fraction(tp + tn, total)
    expected = Fraction((tp + fp) * (tp + fn) + (tn + fp) * (tn + fn), total**2)
    return _ratio(observed - expected, 1 - expected)


#: TP, FP, FN, TN of a structure, and what every metric of counts is for them, worked out by hand
COUNTS = 4, 2, 1, 3
BY_HAND = {
    "dice": 8 / 11,
    "iou": 4 / 7,
    "precision": 4 / 6,
    "recall": 4 / 5,
    "specificity": 3 / 5,
    "accuracy": 7 / 10,
    "balanced_accuracy": 7 / 10,
    "youden": 2 / 5,
    "f_beta": 8 / 11,
    "volume_similarity": 10 / 11,
    "volume_difference": 1.0,
    "relative_volume_difference": 1 / 5,
    "mcc": 10 / math.sqrt(6 * 5 * 5 * 4),
    "cohen_kappa": (0.7 - 0.5) / (1 - 0.5),
}
#: what those that need no structure are where there is none
OF_NOWHERE = {"specificity": 1, "accuracy": 1, "volume_difference": 0}


def measured_row(
    reference: Array,
    prediction: Array,
    spacing: Sequence[float],
    boundary: str,
    method: str,
    tolerance: float,
) -> dict[str, float]:
    """Every metric that is no function of counts, of a pair of masks that are not empty."""
    d1, d2, a1, a2 = surface_distances(reference, prediction, spacing, boundary)
    counted = boundary == "vertex"  # each counts the same in percentiles
    return {
        "hd": hausdorff(d1, d2, 100, "max_of_directions", a1, a2),
        "hd95": hausdorff(d1, d2, 95, method, *((None, None) if counted else (a1, a2))),
        "assd": assd(d1, d2, a1, a2),
        "masd": masd(d1, d2, a1, a2),
        "asd_reference_to_prediction": asd(d1, a1),
        "asd_prediction_to_reference": asd(d2, a2),
        "nsd": nsd(d1, d2, a1, a2, tolerance),
        "boundary_iou": boundary_iou(reference, prediction, spacing, tolerance),
    }
