"""Every metric of shape, topology and skeletons of masks that are easy to get wrong, each with its value stated.

The reference is one voxel, whose Betti numbers are 1, 0, 0, Euler number 1 and area √3, so that a difference tells the
number of the prediction: the whole image, its border, a line, a plane one voxel thick, a checkerboard, nothing. Areas
are closed forms: of a block of n voxels a side 6 (n - 1)² + 6√2 (n - 1) + √3, of which every edge is cut. Skeletons
have as many voxels as scikit-image's; a block of even sides has none in space.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.metrics import list_metrics
from tests.conftest import BACKENDS

Mask = NDArray[np.bool_]

SIDE = 6
R2, R3 = math.sqrt(2), math.sqrt(3)
NAN, INF = math.nan, math.inf
PLACE = 2  # of the reference's voxel, along each axis


def masks(ndim: int) -> dict[str, Mask]:
    places = np.indices((SIDE,) * ndim)
    nothing = np.zeros((SIDE,) * ndim, bool)
    one, corner, line, thin = (nothing.copy() for _ in range(4))
    one[(PLACE,) * ndim] = corner[(0,) * ndim] = True
    line[(PLACE,) * (ndim - 1)] = thin[PLACE] = True
    return {
        "one": one,
        "full": ~nothing,
        "border": ((places == 0) | (places == SIDE - 1)).any(axis=0),
        "line": line,
        "thin": thin,
        "corner": corner,
        "checkerboard": places.sum(axis=0) % 2 == 0,
        "empty": nothing,
    }


#: Betti numbers where corners connect, and where faces do; holes, their voxels; voxels with holes filled and how many
#: of them are the reference's; marching cubes' area; voxels of the skeleton and how many are the reference's; whether
#: the reference's skeleton is in the mask
Stated = tuple[tuple[int, ...], tuple[int, ...], int, int, int, int, float, int, int, int]


def block(n: int) -> float:
    return 6 * (n - 1) ** 2 + 6 * R2 * (n - 1) + R3


SPACE: dict[str, Stated] = {
    "one": ((1, 0, 0), (1, 0, 0), 0, 0, 1, 1, R3, 1, 1, 1),
    "full": ((1, 0, 0), (1, 0, 0), 0, 0, 216, 1, block(6), 0, 0, 1),
    "border": ((1, 0, 1), (1, 0, 1), 1, 64, 216, 1, block(6) + block(4), 96, 0, 0),
    "line": ((1, 0, 0), (1, 0, 0), 0, 0, 6, 1, 10 * R2 + R3, 6, 1, 1),
    "thin": ((1, 0, 0), (1, 0, 0), 0, 0, 36, 1, 50 + 20 * R2 + R3, 0, 0, 1),
    "corner": ((1, 0, 0), (1, 0, 0), 0, 0, 1, 0, R3, 1, 0, 0),
    # V - E + F - C = 339 - 846 + 648 - 108 = 33; the 32 holes are the voxels within that are not set
    "checkerboard": ((1, 0, 32), (108, 0, 0), 32, 32, 140, 1, 108 * R3, 80, 1, 1),
}
# in a plane β₁ counts holes, and a pixel's contour is a square of sides √½
PLANE: dict[str, Stated] = {
    "one": ((1, 0, 0), (1, 0, 0), 0, 0, 1, 1, 2 * R2, 1, 1, 1),
    "full": ((1, 0, 0), (1, 0, 0), 0, 0, 36, 1, 20 + 2 * R2, 2, 0, 1),
    "border": ((1, 1, 0), (1, 1, 0), 1, 16, 36, 1, 20 + 12 + 4 * R2, 16, 0, 0),
    "line": ((1, 0, 0), (1, 0, 0), 0, 0, 6, 1, 10 + 2 * R2, 6, 1, 1),
    "thin": ((1, 0, 0), (1, 0, 0), 0, 0, 6, 1, 10 + 2 * R2, 6, 1, 1),
    "corner": ((1, 0, 0), (1, 0, 0), 0, 0, 1, 0, 2 * R2, 1, 0, 0),
    "checkerboard": ((1, 8, 0), (18, 0, 0), 8, 8, 26, 1, 18 * 2 * R2, 18, 1, 1),
}
STATED = {3: SPACE, 2: PLANE}


def crofton(mask: Mask) -> float:
    """By Legland's published shares of the directions, of the changes along each."""
    ndim = mask.ndim
    if ndim == 3:
        shares = {1: 2 * 0.04577789120476, 2: 2 * 0.03698062787608, 3: 2 * 0.03519563978232}
    else:
        shares = {1: 0.25, 2: 0.25}
    padded = np.pad(mask, 1)
    total = 0.0
    for step in np.ndindex(*(3,) * ndim):
        direction = tuple(one - 1 for one in step)
        if direction <= (0,) * ndim:
            continue
        changes = (padded != np.roll(padded, direction, axis=tuple(range(ndim)))).sum()
        axes = sum(map(abs, direction))
        total += shares[axes] * changes / math.sqrt(axes)
    return total * (2.0 if ndim == 3 else math.pi / 2)


def distances(one: Mask, other: Mask) -> tuple[float, float]:
    """Between the centres, and in pooled standard deviations."""
    points = [np.argwhere(mask).astype(float) for mask in (one, other)]
    step = points[1].mean(axis=0) - points[0].mean(axis=0)
    spread = sum((p - p.mean(axis=0)).T @ (p - p.mean(axis=0)) for p in points)
    spread = spread / sum(map(len, points))
    length = float(np.linalg.norm(step))
    if not length:
        return 0.0, 0.0
    inverse = np.linalg.pinv(spread)
    if not np.allclose(spread @ inverse @ step, step):
        return length, INF
    return length, math.sqrt(step @ inverse @ step)


def expected(name: str, ndim: int) -> dict[str, float]:
    corners, faces, holes, hole_voxels, filled, shared, area, skeleton, inside, sensitive = STATED[
        ndim
    ][name]
    given = masks(ndim)
    one, mask = given["one"], given[name]
    euler = [b[0] - b[1] + b[2] for b in (corners, faces)]
    precision = inside / skeleton if skeleton else NAN
    both = precision + sensitive
    length, mahalanobis = distances(one, mask)
    return {
        "betti_0_error": corners[0] - 1,
        "betti_1_error": corners[1],
        "betti_2_error": corners[2],
        "euler_error": abs(euler[0] - 1),
        "hole_count_difference": holes,
        "hole_volume_difference": hole_voxels,
        "filled_dice": 2 * shared / (filled + 1),
        "cl_dice": 2 * precision * sensitive / both if both else both,
        "topology_precision": precision,
        "topology_sensitivity": sensitive,
        "skeleton_recall": sensitive,
        "center_distance": length,
        "mahalanobis": mahalanobis,
        "surface_area_difference": area - STATED[ndim]["one"][6],
        "surface_area_difference_crofton": crofton(mask) - crofton(one),
        "betti_0_error_faces": faces[0] - 1,
        "betti_1_error_faces": faces[1],
        "betti_2_error_faces": faces[2],
        "euler_error_faces": abs(euler[1] - 1),
    }


FACES = [one.name for one in list_metrics("all") if one.measurement == "face_topology"]
NAMES = ["topology", "shape", *FACES]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ndim", STATED)
@pytest.mark.parametrize("name", SPACE)
def test_stated_values(name: str, ndim: int, backend: str) -> None:
    given = masks(ndim)
    values = expected(name, ndim)
    for order in ("C", "F"):
        pair: list[Any] = [np.array(given[key], order=order) for key in ("one", name)]
        row = fastseg.evaluate(*pair, metrics=NAMES, backend=backend)[1]
        assert row.keys() >= values.keys()
        for metric, value in values.items():
            assert row[metric] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), metric


def test_every_metric_of_these_measurements_has_a_stated_value() -> None:
    measurements = {"topology", "face_topology", "skeleton_overlap", "shape"}
    names = {one.name for one in list_metrics("all") if one.measurement in measurements}
    assert names == expected("one", 3).keys()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ndim", STATED)
def test_of_nothing(ndim: int, backend: str) -> None:
    """One mask empty: the worst value, but for skeletons what their formula says; both: none."""
    given = masks(ndim)
    one, empty = given["one"], given["empty"]
    options: dict[str, Any] = {"metrics": NAMES, "backend": backend, "labels": [1]}
    missed = fastseg.evaluate(one, empty, **options)[1]
    invented = fastseg.evaluate(empty, one, **options)[1]
    for metric in list_metrics("all"):
        if metric.name in missed:
            assert missed[metric.name] == invented[metric.name] == metric.worst, metric.name
    both = fastseg.evaluate(empty, empty, **options)[1]
    assert all(math.isnan(value) for value in both.values())


@pytest.mark.parametrize("ndim", STATED)
def test_skeletons_are_as_large_as_scikit_images(ndim: int) -> None:
    morphology = pytest.importorskip("skimage.morphology")
    for name, stated in STATED[ndim].items():
        mask = masks(ndim)[name]
        assert morphology.skeletonize(mask, method="lee").astype(bool).sum() == stated[7], name
