"""The topology of masks: figures whose numbers are known, oracles on random ones, both backends alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.backends.protocol import Operations
from fastseg.dispatch import BACKENDS as ENTRIES
from fastseg.measures.regions import Region, Request
from fastseg.measures.topology import Topology, TopologyPair
from fastseg.metrics import resolve
from tests.conftest import BACKENDS
from tests.oracle import hard_cases, naive

Mask = NDArray[np.bool_]

OPERATIONS: dict[str, Operations] = {
    entry.name: entry.operations for entry in ENTRIES if entry.name in BACKENDS
}
KINDS = ("topology", "face_topology")


def measured(backend: str, reference: Any, prediction: Any, **options: Any) -> dict[str, Any]:
    request = Request(frozenset(KINDS), (1.0,) * reference.ndim, **options)
    region = Region(box=tuple(slice(0, size) for size in reference.shape))
    [found] = OPERATIONS[backend].measure(reference, prediction, [region], request)
    return dict(found)


def topology_of(backend: str, mask: Mask, kind: str = "topology") -> Topology:
    pair: TopologyPair = measured(backend, mask, mask)[kind]
    assert pair.reference == pair.prediction
    return pair.reference


# ---------------------------------------------------------------------------- figures


def tube(curve: NDArray[np.float64], radius: float, shape: tuple[int, int, int]) -> Mask:
    """All voxels near a closed curve."""
    grid = np.argwhere(np.ones(shape, bool)).reshape(-1, 1, 3)
    near = np.concatenate(
        [
            (((part - curve) ** 2).sum(axis=-1) < radius**2).any(axis=1)
            for part in np.array_split(grid, 40)
        ]
    )
    return near.reshape(shape)


def ring(center: tuple[float, float, float], radius: float, axis: int) -> NDArray[np.float64]:
    angles = np.linspace(0, 2 * math.pi, 120, endpoint=False)
    curve = np.tile(np.array(center, float), (120, 1))
    first, second = (other for other in range(3) if other != axis)
    curve[:, first] += radius * np.cos(angles)
    curve[:, second] += radius * np.sin(angles)
    return curve


def trefoil() -> NDArray[np.float64]:
    t = np.linspace(0, 2 * math.pi, 300, endpoint=False)
    x, y, z = np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)
    return np.stack([8 + 5 * z, 20 + 6 * y, 20 + 6 * x], axis=1)


def figures() -> Iterator[tuple[str, Mask, tuple[int, int, int]]]:
    """Figures of space with their Betti numbers, the same by either connectivity."""
    shape = (13, 31, 31)
    torus = tube(ring((6, 15, 15), 9, 0), 3.4, shape)
    yield "torus", torus, (1, 1, 0)
    core = tube(ring((6, 15, 15), 9, 0), 1.9, shape)
    yield "hollow torus", torus & ~core, (1, 2, 1)
    yield "knot", tube(trefoil(), 1.9, (17, 41, 41)), (1, 1, 0)
    link = tube(ring((15, 11, 15), 8, 0), 2, (31, 31, 31))
    link |= tube(ring((15, 19, 15), 8, 2), 2, (31, 31, 31))
    yield "link", link, (2, 2, 0)
    ball = np.add.outer(np.add.outer(*[(np.arange(15) - 7) ** 2] * 2), (np.arange(15) - 7) ** 2)
    yield "ball", ball < 45, (1, 0, 0)
    yield "shell", (ball < 45) & (ball > 20), (1, 0, 1)
    yield "ball in a shell", (ball < 45) & ~((ball > 6) & (ball < 20)), (2, 0, 1)
    yield (
        "shell that fills its box",
        np.pad(np.zeros((2, 3, 70), bool), 1, constant_values=True),
        (*(1, 0, 1),),
    )
    full = np.ones((3, 4, 65), bool)
    yield "full", full, (1, 0, 0)
    yield "drilled", full & ~(np.arange(65) == 63), (2, 0, 0)
    pierced = full.copy()
    pierced[:, 1, [5, 63]] = False
    yield "pierced", pierced, (1, 2, 0)
    one = np.zeros((1, 1, 1), bool)
    yield "a voxel", ~one, (1, 0, 0)
    yield "nothing", one, (0, 0, 0)


FIGURES = {name: (mask, betti) for name, mask, betti in figures()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FIGURES)
def test_figures(name: str, backend: str, kind: str) -> None:
    mask, betti = FIGURES[name]
    for axes in ((0, 1, 2), (2, 0, 1)):
        found = topology_of(backend, np.ascontiguousarray(mask.transpose(axes)), kind)
        assert found.betti == betti
        assert found.euler == betti[0] - betti[1] + betti[2]
        assert found.holes == betti[2]
    assert topology_of(backend, np.asfortranarray(mask), kind) == topology_of(backend, mask, kind)


@pytest.mark.parametrize("backend", BACKENDS)
def test_connectivities_differ_where_voxels_share_corners(backend: str) -> None:
    checkers = np.indices((4, 4, 4)).sum(axis=0) % 2 == 0
    by_corners, by_faces = (topology_of(backend, checkers, kind) for kind in KINDS)
    assert by_faces.betti == (32, 0, 0)
    assert by_corners.components == 1
    assert by_corners.holes == by_corners.hole_voxels == 4  # the voxels within that are not set
    pair = np.eye(2, dtype=bool)
    assert topology_of(backend, pair).betti == (1, 0, 0)
    assert topology_of(backend, pair, "face_topology").betti == (2, 0, 0)
    diamond = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    assert topology_of(backend, diamond) == Topology(2, 1, 0, 1, 1)
    assert topology_of(backend, diamond, "face_topology") == Topology(2, 4, 4, 0, 0)
    assert topology_of(backend, np.array([1, 0, 0, 1, 0, 1], bool)) == Topology(1, 3, 3, 2, 3)


# ---------------------------------------------------------------------------- oracles


def by_flooding(mask: Mask, kind: str) -> tuple[int, int, int]:
    """Components, holes and voxels of holes, a voxel at a time."""
    own, others = (mask.ndim, 1) if kind == "topology" else (1, mask.ndim)
    _, components = naive.connected_components(mask, own)
    around, count = naive.connected_components(np.pad(~mask, 1, constant_values=True), others)
    outside = {around.flat[0], around.flat[-1]}
    inside = (around > 0) & ~np.isin(around, list(outside))
    return components, count - len(outside), int(inside.sum())


@pytest.mark.slow
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_cases_against_flooding(ndim: int) -> None:
    for name, *masks in hard_cases.hard_pairs(ndim):
        if masks[0].size > 5000:  # which flooding takes long for
            continue
        for kind in KINDS:
            expected = [by_flooding(mask, kind) for mask in masks]
            for backend in BACKENDS:
                pair = measured(backend, *masks)[kind]
                found = [(one.components, one.holes, one.hole_voxels) for one in pair[:2]]
                assert found == expected, (name, kind, backend)


def noise(rng: np.random.Generator, ndim: int) -> list[Mask]:
    """A pair of masks as dense as may be, a row of them up to three words long."""
    shape = [int(rng.integers(1, 9)) for _ in range(ndim)]
    shape[rng.integers(ndim)] = int(rng.choice([1, 3, 62, 63, 64, 65, 66, 130]))
    density = rng.choice([0.02, 0.3, 0.5, 0.7, 0.95, 1.0])
    order: Any = rng.choice(["C", "F"])
    return [np.asarray(rng.random(shape) < density, order=order) for _ in range(2)]


def test_backends_agree() -> None:
    rng = np.random.default_rng(2)
    for _ in range(150):
        masks = noise(rng, int(rng.integers(1, 4)))
        assert measured("numba", *masks) == measured("scipy", *masks)
        labels = rng.integers(0, 3, (2, *masks[0].shape)).astype(np.int16)
        ignored = {"ignored": (2,)}
        assert measured("numba", *labels, **ignored) == measured("scipy", *labels, **ignored)


@pytest.mark.parametrize("kind", KINDS)
def test_the_euler_number_is_scikit_images(kind: str) -> None:
    measure = pytest.importorskip("skimage.measure")
    rng = np.random.default_rng(3)
    for _ in range(100):
        ndim = int(rng.integers(2, 4))
        mask = noise(rng, ndim)[0]
        expected = measure.euler_number(mask, ndim if kind == "topology" else 1)
        assert topology_of("numba", mask, kind).euler == expected


def betti_of_cubes(cells: dict[str, Any]) -> tuple[int, ...]:
    gudhi = pytest.importorskip("gudhi")
    cubes = gudhi.CubicalComplex(**cells)
    cubes.compute_persistence(homology_coeff_field=2, min_persistence=-1)
    numbers = [*cubes.persistent_betti_numbers(0.0, 0.5), 0, 0, 0]
    return tuple(map(int, numbers[:3]))


def test_betti_numbers_are_gudhis() -> None:
    """Voxels as closed cubes are connected by corners, as vertices of cubes by faces."""
    rng = np.random.default_rng(9)
    for _ in range(100):
        mask = noise(rng, int(rng.integers(2, 4)))[0]
        if not mask.any():
            continue
        values = np.where(mask, 0.0, 1.0)
        by_corners, by_faces = (topology_of("numba", mask, kind).betti for kind in KINDS)
        assert by_corners == betti_of_cubes({"top_dimensional_cells": values})
        assert by_faces == betti_of_cubes({"vertices": values})


# ---------------------------------------------------------------------------- metrics


@pytest.mark.parametrize("backend", BACKENDS)
def test_metrics(backend: str) -> None:
    reference = np.zeros((9, 12, 70), np.uint8)
    reference[1:7, 2:11, 1:67] = 1
    prediction = reference.copy()
    prediction[3:5, 4:6, 10:13] = 0  # a cavity
    prediction[:, 7, 65] = 0  # a tunnel
    prediction[8, 0, 0] = 1  # a component
    prediction[0, 0, 69] = 1
    of_topology = [one.name for one in fastseg.list_metrics("topology")]
    names = [name for name in of_topology if resolve(name)[0].measurement == "topology"]
    assert len(names) == 7
    row = fastseg.evaluate(
        reference, prediction, metrics=names, spacing=(2, 0.5, 0.5), backend=backend
    )[1]
    size, both = reference.sum(), (reference & prediction).sum() + 12
    expected = {
        "betti_0_error": 2,
        "betti_1_error": 1,
        "betti_2_error": 1,
        "euler_error": 2,
        "hole_count_difference": 1,
        "hole_volume_difference": 6,
        "filled_dice": 2 * both / (size + both + 2),
    }
    assert dict(row) == expected
    faces = ("betti_0_error_faces", "betti_1_error_faces", "betti_2_error_faces")
    row = fastseg.evaluate(
        reference, prediction, metrics=[*faces, "euler_error_faces"], backend=backend
    )[1]
    assert list(row.values()) == [2, 1, 1, 2]


def test_empty_masks_are_up_to_the_policy() -> None:
    full = np.ones((3, 3, 3), np.uint8)
    one = fastseg.evaluate(full, 0 * full, metrics="topology")[1]
    assert one["betti_0_error"] == one["hole_volume_difference"] == math.inf
    assert one["filled_dice"] == 0
    both = fastseg.evaluate(0 * full, 0 * full, labels=[1], metrics="topology")[1]
    assert all(math.isnan(value) for value in both.values())
    perfect = fastseg.evaluate(0 * full, 0 * full, labels=[1], metrics="topology", empty="perfect")
    assert perfect[1]["betti_1_error"] == 0
    chosen = {"betti_0_error": {"both": 0, "one": 1}}
    assert (
        fastseg.evaluate(full, 0 * full, metrics=["betti_0_error"], empty=chosen)[1][
            "betti_0_error"
        ]
        == 1
    )
