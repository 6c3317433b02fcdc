"""The study's classic methods on a body of three structures: thresholds, regions, watersheds, forests."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

for _package in ("nibabel", "skimage", "sklearn", "SimpleITK"):
    pytest.importorskip(_package)

from scipy import ndimage

from benchmarks.study.anatomies import Anatomy
from benchmarks.study.intensities import best_ranges, body_of, structures_of
from benchmarks.study.methods import Fitting, Method, method
from benchmarks.study.settings import QUICK
from benchmarks.study.subjects import Sample, Subject, clean_image, seeds_of, truth_of

MUSCLE, KIDNEYS, LIVER, SPLEEN = 100, 1, 2, 3
MEANS = {0: 0.0, MUSCLE: 60.0, KIDNEYS: 110.0, LIVER: 160.0, SPLEEN: 160.0}
SETTINGS = dataclasses.replace(QUICK, trees=8)


def subject(seed: int, variability: float = 1.0) -> Subject:
    """Draw a body with two kidneys, and a liver and a spleen of one tissue."""
    shift = np.random.default_rng(seed).uniform(-2, 2, 3) * variability
    grid = np.indices((56, 56, 48)).astype(float) - 28 - shift[:, None, None, None]

    def ball(centre: tuple[float, float, float], radius: float) -> Any:
        return sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)) <= radius**2

    tissues = np.where((grid[0] / 24) ** 2 + (grid[1] / 22) ** 2 <= 1, MUSCLE, 0).astype(np.uint8)
    tissues[ball((-9, 8, 0), 5) | ball((9, 8, 0), 5)] = KIDNEYS
    tissues[ball((-9, -7, 0), 8)] = LIVER
    tissues[ball((11, -7, 0), 6)] = SPLEEN
    return Subject(f"subject_{seed}", tissues, 3.0, MEANS, 2.0, seed)


ANATOMY = Anatomy(
    title="Balls",
    labels={"kidneys": KIDNEYS, "liver": LIVER, "spleen": SPLEEN},
    targets={
        "tissues": {"kidneys": KIDNEYS, "liver and spleen": (LIVER, SPLEEN)},
        "organs": {"kidneys": KIDNEYS, "liver": LIVER, "spleen": SPLEEN},
    },
    whole="tissues",
    tolerances={"kidneys": 6.0, "liver": 6.0, "spleen": 6.0, "liver and spleen": 6.0},
    subject=lambda settings, name, seed, variability: subject(seed, variability),
    sources=(),
)


def sample(seed: int, means: Mapping[int, float] = MEANS) -> Sample:
    body = subject(seed)
    truth = truth_of(body)
    return Sample(body.name, clean_image(body, means), truth, 6.0, seeds_of(truth))


TRAINING = [sample(1), sample(2)]
TESTED = sample(9)
#: the Dice that each has on every structure of this body: thresholds find kidneys in the liver's blurred boundary too
REACHED = {
    "otsu": 0.6,
    "multi_threshold": 0.7,
    "region_growing": 0.9,
    "watershed": 0.85,
    "random_forest": 0.85,
}


def learnt(name: str, training: list[Sample] = TRAINING) -> tuple[Method, Any]:
    records: list[Mapping[str, Any]] = []
    found = method(name)
    model = found.fit(Fitting(ANATOMY, training, [], SETTINGS, records.append))
    assert records
    return found, pickle.loads(pickle.dumps(model))


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[Method, Any]]:
    return {name: learnt(name) for name in REACHED}


def asked(found: tuple[Method, Any], one: Sample, image: Any = None) -> Any:
    """Segment the sample without its truth, or another image in its place."""
    given = dataclasses.replace(one, truth=None, image=one.image if image is None else image)
    before = given.image.copy()
    labels = found[0].segment(found[1], given, {})
    np.testing.assert_array_equal(given.image, before)
    assert labels.dtype == np.uint8
    assert labels.shape == one.image.shape
    assert set(np.unique(labels)) <= {0, *ANATOMY.labels.values()}
    return labels


def dice(labels: Any, truth: Any, wanted: tuple[int, ...]) -> float:
    found, true = np.isin(labels, wanted), np.isin(truth, wanted)
    return 2 * np.count_nonzero(found & true) / (found.sum() + true.sum())


@pytest.mark.parametrize("name", REACHED)
def test_each_finds_the_structures_that_it_can_tell_apart(name: str, models: Any) -> None:
    labels = asked(models[name], TESTED)
    target = ANATOMY.labels if models[name][0].knows_places else ANATOMY.targets["tissues"]
    for wanted in target.values():
        joined = wanted if isinstance(wanted, tuple) else (wanted,)
        assert dice(labels, TESTED.truth, joined) >= REACHED[name]
    if not models[name][0].knows_places:
        # one label stands for the structures that it cannot
        assert SPLEEN not in labels


def test_thresholds_stay_where_training_put_them_and_otsus_follow_the_image(models: Any) -> None:
    brighter = np.float32(1.5) * TESTED.image
    truth, both = TESTED.truth, (LIVER, SPLEEN)
    assert dice(asked(models["otsu"], TESTED, brighter), truth, both) > 0.9
    assert dice(asked(models["multi_threshold"], TESTED, brighter), truth, both) < 0.1


def test_what_regions_grow_to_is_connected_to_a_seed(models: Any) -> None:
    noise = np.random.default_rng(5).normal(0, 25, TESTED.image.shape).astype(np.float32)
    for image in (TESTED.image, TESTED.image + noise, sample(9, {**MEANS, MUSCLE: 155.0}).image):
        labels = asked(models["region_growing"], TESTED, image)
        for label, seeds in TESTED.seeds.items():
            parts, count = ndimage.label(labels == label)
            held = {int(parts[seed]) for seed in seeds}
            assert held == set(range(1, count + 1))
    # and thresholds are not
    assert ndimage.label(asked(models["multi_threshold"], TESTED, TESTED.image + noise) == 1)[1] > 5


def test_regions_leak_where_tissues_are_alike(models: Any) -> None:
    alike = sample(9, {**MEANS, MUSCLE: 107.0})
    labels = asked(models["region_growing"], alike)
    assert np.count_nonzero(labels == KIDNEYS) > 3 * np.count_nonzero(alike.truth == KIDNEYS)


def test_the_same_seed_grows_the_same_forest(models: Any) -> None:
    labels = asked(models["random_forest"], TESTED)
    np.testing.assert_array_equal(labels, asked(learnt("random_forest"), TESTED))
    other = Fitting(
        ANATOMY, TRAINING, [], dataclasses.replace(SETTINGS, seed=3), lambda record: None
    )
    found = method("random_forest")
    assert (labels != asked((found, found.fit(other)), TESTED)).any()


@pytest.mark.parametrize("name", REACHED)
def test_images_without_anything_in_them(name: str, models: Any) -> None:
    shape = TESTED.image.shape
    for value in (0.0, np.nan, np.inf):
        labels = asked(models[name], TESTED, np.full(shape, value, np.float32))
        assert not labels.any()
    # one value everywhere is a structure to fixed thresholds and to a forest
    asked(models[name], TESTED, np.full(shape, 110, np.float32))
    asked(models[name], TESTED, np.where(np.indices(shape)[0] % 2, 110, 0).astype(np.float32))
    some = TESTED.image.copy()
    some[::7] = np.nan
    assert asked(models[name], TESTED, some).any()


@pytest.mark.parametrize("name", REACHED)
def test_a_structure_that_training_lacks_is_left_out(name: str) -> None:
    lacking = [
        dataclasses.replace(one, truth=truth, seeds=seeds_of(truth))
        for one in TRAINING
        for truth in [np.where(one.truth == KIDNEYS, 0, one.truth).astype(np.uint8)]
    ]
    labels = asked(learnt(name, lacking), TESTED)
    assert KIDNEYS not in labels
    assert LIVER in labels


@pytest.mark.parametrize("name", REACHED)
def test_nothing_to_learn_from_is_said(name: str) -> None:
    found = method(name)
    with pytest.raises(ValueError, match="no training subjects"):
        found.fit(Fitting(ANATOMY, [], [], SETTINGS, lambda record: None))
    without = [dataclasses.replace(TRAINING[0], truth=None)]
    with pytest.raises(ValueError, match="no truth"):
        found.fit(Fitting(ANATOMY, without, [], SETTINGS, lambda record: None))


@pytest.mark.parametrize("seed", range(20))
def test_ranges_are_the_best_that_do_not_overlap(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 9, (3, 5))
    sizes = counts.sum(1) + 2
    # by their mean bins, as the ranges follow each other
    low, high = 1 + np.argsort(counts[1:] @ np.arange(5) / counts[1:].sum(1), kind="stable")

    def dice_of(structure: int, first: int, end: int) -> float:
        taken = counts[:, first:end].sum()
        return float(2 * counts[structure, first:end].sum() / (taken + sizes[structure]))

    cuts = itertools.combinations_with_replacement(range(6), 4)
    best = max(dice_of(low, a, b) + dice_of(high, c, d) for a, b, c, d in cuts)
    found = best_ranges(counts, sizes)
    assert dice_of(1, *found[0]) + dice_of(2, *found[1]) == pytest.approx(best)
    assert found[low - 1][1] <= found[high - 1][0] or found[high - 1][0] == found[high - 1][1]


def test_the_body_is_what_is_bright_with_what_it_encloses() -> None:
    true = subject(9).tissues[::2, ::2, ::2] > 0
    image = TESTED.image.copy()
    # a lung that the field of view cuts off, and a table beside the body
    image[10:14, 10:14, :] = 0
    image[:3, :3, :] = 90
    body = body_of(image)
    assert body[11, 11].all()
    assert not body[:2, :2].any()
    assert dice(body, true, (1,)) > 0.85


def test_the_commonest_label_stands_for_its_structure() -> None:
    structures = structures_of(ANATOMY, TRAINING)
    assert structures.names == ("kidneys", "liver and spleen")
    assert structures.written.tolist() == [0, KIDNEYS, LIVER]
    assert structures.index[[0, KIDNEYS, LIVER, SPLEEN, MUSCLE]].tolist() == [0, 1, 2, 2, 0]


def test_seeds_lie_in_each_sizeable_part() -> None:
    seeds = seeds_of(TESTED.truth)
    assert [len(seeds[label]) for label in (KIDNEYS, LIVER, SPLEEN)] == [2, 1, 1]
    one = np.zeros((9, 9, 9), np.uint8)
    one[2:7, 2:7, 2:7] = 7
    one[0, 0, 0] = 7
    assert seeds_of(one) == {7: ((4, 4, 4),)}
