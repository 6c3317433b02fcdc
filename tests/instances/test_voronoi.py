"""evaluate_instances(regions="voronoi") beside evaluate() of each region's masks, and partitions of instances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg

KINDS: tuple[Any, ...] = ("matched", "voronoi")
METRICS = ["dice", "hd95", "nsd", "assd", "recall"]


def scene(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[float, ...]]:
    """Boxes that move, some missed, some false, in 2-D and 3-D, in either memory order."""
    rng = np.random.default_rng(seed)
    ndim = 2 + seed % 2
    shape = tuple(rng.integers(6, (20, 12)[ndim - 2], ndim))
    reference, prediction = np.zeros((2, *shape), np.uint8)
    for _ in range(rng.integers(0, 6)):
        start, size = [rng.integers(0, n) for n in shape], rng.integers(1, 4)
        if rng.random() < 0.8:
            reference[tuple(slice(a, a + size) for a in start)] = 1
        if rng.random() < 0.8:
            moved = [max(0, a + rng.integers(-2, 3)) for a in start]
            prediction[tuple(slice(a, a + size) for a in moved)] = 1
    if seed % 5 == 0:
        reference, prediction = np.asfortranarray(reference), np.asfortranarray(prediction)
    return reference, prediction, ((1.0, 1.0, 1.0), (2.0, 1.0, 0.5))[seed % 4 > 1][:ndim]


def naive_regions(components: NDArray[Any], n: int, spacing: tuple[float, ...]) -> NDArray[Any]:
    each = [
        ndimage.distance_transform_edt(components != number, sampling=spacing)
        for number in range(1, n + 1)
    ]
    found: NDArray[Any] = np.argmin(each, axis=0) + 1
    return found


def test_each_instance_is_evaluated_in_its_region() -> None:
    compared = 0
    for seed in range(80):
        reference, prediction, spacing = scene(seed)
        evaluation = fastseg.evaluate_instances(
            reference,
            prediction,
            labels={"lesion": 1},
            spacing=spacing,
            metrics=METRICS,
            regions="voronoi",
        )
        structure, *rows = evaluation.rows
        components, n = ndimage.label(reference, np.ones((3,) * reference.ndim))
        assert [row.reference_label for row in rows] == list(range(1, n + 1))
        if not n:
            nothing = fastseg.evaluate(
                reference, prediction, labels=[1], metrics=METRICS, spacing=spacing
            ).rows[0]
            for name in METRICS:
                np.testing.assert_equal(structure[f"lesionwise_{name}"], nothing[name])
            continue
        regions = naive_regions(components, n, spacing)
        for number, row in enumerate(rows, start=1):
            masks = components == number, (prediction != 0) & (regions == number)
            alone = fastseg.evaluate(*masks, metrics=METRICS, spacing=spacing, labels=[1]).rows[0]
            np.testing.assert_equal(dict(row), dict(alone))
            assert (row.counts, row.empty) == (alone.counts, alone.empty)
            assert row.prediction_label == (number if masks[1].any() else None)
            assert row.instance is not None
            for mask, box in zip(
                masks, (row.instance.reference_box, row.instance.prediction_box), strict=True
            ):
                places = np.nonzero(mask)
                expected = tuple((int(p.min()), int(p.max()) + 1) for p in places if len(p))
                assert (box or ()) == expected
            compared += 1
        for name in METRICS:
            values = [row[name] for row in rows if not math.isnan(row[name])]
            mean = structure[f"lesionwise_{name}"]
            assert mean == pytest.approx(np.mean(values) if values else math.nan, nan_ok=True)
        assert not any(name.startswith("instance") for name in structure)
    assert compared > 120


def test_it_is_cc_metrics_without_its_quirks() -> None:
    for seed in range(1, 40, 2):
        reference, prediction, _ = scene(seed)
        if not reference.any():
            continue
        ours = fastseg.evaluate_instances(
            reference, prediction, labels={"lesion": 1}, metrics="dice", regions="voronoi"
        )
        theirs = fastseg.evaluate_protocol("cc-metrics", reference, prediction, quirks=False)
        assert ours["lesion"]["lesionwise_dice"] == pytest.approx(theirs.rows[0]["CCDiceMetric"])


def test_given_instances_keep_their_ids() -> None:
    reference = np.array([[7, 0, 0, 0, 0, 300, 300]], np.uint16)
    prediction = np.array([[1, 1, 0, 0, 2, 2, 0]], np.uint16)
    rows = fastseg.evaluate_instances(
        reference, prediction, components="given", metrics="dice", regions="voronoi"
    ).rows[1:]
    assert [(row.reference_label, row["dice"]) for row in rows] == [(7, 2 / 3), (300, 0.5)]


def test_partitions_are_of_the_instances() -> None:
    names = ["adapted_rand_error", "variation_of_information_split", "cremi_score", "rand_index"]
    for seed in range(60):
        reference, prediction, _ = scene(seed)
        structure = np.ones((3,) * reference.ndim)
        maps = [ndimage.label(side, structure)[0] for side in (reference, prediction)]
        expected = fastseg.evaluate_partition(*maps, metrics=names)
        for regions in KINDS:
            row = fastseg.evaluate_instances(
                reference,
                prediction,
                labels={"lesion": 1},
                metrics=["dice", *names],
                regions=regions,
            )["lesion"]
            np.testing.assert_equal({name: row[name] for name in names}, expected)
    everything = fastseg.evaluate_instances([1], [1])
    assert not set(names) & set(everything.rows[0])


def test_it_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="regions.*did you mean 'voronoi'"):
        fastseg.evaluate_instances([1], [1], regions="voronoy")  # type: ignore[arg-type]
