"""Rand scores, variation of information and CREMI's score, beside loops over pairs of voxels and beside other tools."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.partitions import Partition, conditional_entropy
from fastseg.metrics import Options, list_metrics, resolve

NAMES = [metric.name for metric in list_metrics("partitions")]
ALL: Any = {"ignore_reference": None, "ignore_prediction": None}


def naive(reference: Any, prediction: Any) -> dict[str, float]:
    """Every ordered pair of voxels is looked at; what two voxels have in common is counted."""
    first, second = np.ravel(reference).tolist(), np.ravel(prediction).tolist()
    n = len(first)
    both = only_first = only_second = neither = 0
    for i, j in itertools.permutations(range(n), 2):
        one, other = first[i] == first[j], second[i] == second[j]
        both += one and other
        only_first += one and not other
        only_second += other and not one
        neither += not one and not other
    together = list(zip(first, second, strict=True))
    split = sum(math.log2(first.count(a) / together.count((a, b))) for a, b in together)
    merge = sum(math.log2(second.count(b) / together.count((a, b))) for a, b in together)

    def ratio(above: int, below: int) -> float:
        return float(Fraction(above, below)) if below else math.nan

    chance = ratio((both + only_first) * (both + only_second), n * (n - 1))
    mean = (2 * both + only_first + only_second) / 2
    return {
        "adapted_rand_error": 1 - ratio(2 * both, 2 * both + only_first + only_second),
        "adapted_rand_precision": ratio(both, both + only_second),
        "adapted_rand_recall": ratio(both, both + only_first),
        "rand_index": ratio(both + neither, n * (n - 1)),
        "adjusted_rand_index": (both - chance) / (mean - chance) if mean != chance else 1.0,
        "variation_of_information": (split + merge) / n,
        "variation_of_information_split": split / n,
        "variation_of_information_merge": merge / n,
    }


def cremi(reference: Any, prediction: Any, background: int) -> tuple[float, float]:
    """CREMI's Rand error and score, by a table of all labels in floats."""
    first, second = np.ravel(reference), np.ravel(prediction)
    counted = first != background
    rows, columns = np.unique(first[counted]), np.unique(second)
    table = np.array(
        [[np.sum((first == a) & (second == b), dtype=float) for b in columns] for a in rows]
    )
    alone = table[:, columns == 0].sum() / first.size
    segmented = table[:, columns != 0]
    together = (segmented**2).sum() + alone
    precision = together / ((segmented.sum(axis=0) ** 2).sum() + alone)
    recall = together / (table.sum(axis=1) ** 2).sum()
    error = 1.0 - 2.0 * precision * recall / (precision + recall)
    scores = naive(first[counted], second[counted])
    return error, math.sqrt(scores["variation_of_information"] * error)


def random_pairs() -> list[tuple[Any, Any]]:
    """Of each kind: a few labels, many, one, all different, split, merged, renamed, moved."""
    pairs = []
    for seed in range(70):
        rng = np.random.default_rng(seed)
        shape = [(7,), (4, 3), (2, 3, 2)][seed % 3]
        reference = rng.integers(0, 1 + seed % 5, shape)
        size = reference.size
        pairs += [
            (reference, rng.integers(0, 4, shape)),
            (reference, reference.copy()),
            (reference, np.zeros(shape, int)),
            (np.zeros(shape, int), reference),
            (reference, rng.permutation(size).reshape(shape)),
            (np.arange(size).reshape(shape), np.arange(size)[::-1].reshape(shape)),
            (reference, 2 * reference + rng.integers(0, 2, shape)),
            (reference, 9 - reference // 2),
        ]
    return pairs


PAIRS = random_pairs()


def test_scores_are_those_of_loops_over_pairs_of_voxels() -> None:
    assert len(PAIRS) > 500
    for reference, prediction in PAIRS:
        scores = fastseg.evaluate_partition(reference, prediction, **ALL)
        for name, expected in naive(reference, prediction).items():
            assert scores[name] == pytest.approx(expected, rel=1e-12, abs=1e-14, nan_ok=True), name


def test_cremi_is_that_of_a_table() -> None:
    compared = 0
    for reference, prediction in PAIRS:
        if (reference == 0).all():
            continue
        with np.errstate(invalid="ignore"):
            error, score = cremi(reference, prediction, 0)
        scores = fastseg.evaluate_partition(reference, prediction)
        np.testing.assert_equal(scores["cremi_rand_error"], error)
        assert scores["cremi_score"] == pytest.approx(score, rel=1e-12, abs=1e-7, nan_ok=True)
        compared += 1
    assert compared > 300


def test_it_is_scikit_images() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    for reference, prediction in PAIRS[::11]:
        for ignored in ((), (0,), (1, 2)):
            keep = ~np.isin(reference, ignored)
            if not keep.any():
                continue
            scores = fastseg.evaluate_partition(reference, prediction, ignore_reference=ignored)
            with np.errstate(invalid="ignore", divide="ignore"):
                error, swapped, other = skimage.adapted_rand_error(
                    reference, prediction, ignore_labels=ignored
                )
            split, merge = skimage.variation_of_information(
                reference, prediction, ignore_labels=ignored
            )
            np.testing.assert_equal(scores["adapted_rand_error"], error)
            np.testing.assert_equal(scores["adapted_rand_recall"], swapped)
            np.testing.assert_equal(scores["adapted_rand_precision"], other)
            found = scores["variation_of_information_split"]
            assert found == pytest.approx(split, rel=1e-12, abs=1e-14)
            found = scores["variation_of_information_merge"]
            assert found == pytest.approx(merge, rel=1e-12, abs=1e-14)


def test_it_is_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    for reference, prediction in PAIRS[::11]:
        scores = fastseg.evaluate_partition(reference, prediction, **ALL)
        flat = reference.ravel(), prediction.ravel()
        adjusted = sklearn.adjusted_rand_score(*flat)
        assert scores["adjusted_rand_index"] == pytest.approx(adjusted, rel=1e-12, abs=1e-15)
        assert scores["rand_index"] == pytest.approx(sklearn.rand_score(*flat), rel=1e-14)


def test_maps_in_chunks_give_the_same(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    rng = np.random.default_rng(4)
    maps = [rng.integers(0, 30, (40, 30, 20), np.uint16) for _ in range(2)]
    stores = []
    for name, labels in zip(("reference", "prediction"), maps, strict=True):
        store = zarr.open_array(
            tmp_path / name, mode="w", shape=labels.shape, chunks=(8, 16, 20), dtype="u2"
        )
        store[:] = labels
        stores.append(store)
    assert fastseg.evaluate_partition(*stores) == fastseg.evaluate_partition(*maps)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_it_is_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    clustering = pytest.importorskip("torchmetrics.functional.clustering")
    for reference, prediction in PAIRS[::40]:
        scores = fastseg.evaluate_partition(reference, prediction, **ALL)
        sides = [torch.from_numpy(np.ravel(side)) for side in (prediction, reference)]
        expected = float(clustering.adjusted_rand_score(*sides))
        assert scores["adjusted_rand_index"] == pytest.approx(expected, abs=1e-5)


def test_worked_by_hand() -> None:
    """An instance of 4 in halves: 8 of its 16 pairs with itself are left, and one bit a voxel tells the halves."""
    scores = fastseg.evaluate_partition([1, 1, 1, 1], [5, 5, 6, 6])
    assert scores["adapted_rand_recall"] == 4 / 12
    assert scores["adapted_rand_precision"] == 1
    assert scores["adapted_rand_error"] == 0.5
    assert scores["variation_of_information_split"] == scores["variation_of_information"] == 1
    assert scores["variation_of_information_merge"] == 0
    assert scores["adjusted_rand_index"] == 0  # one label says nothing
    assert scores["rand_index"] == 4 / 12
    assert scores["cremi_rand_error"] == 1.0 - 2.0 * 0.5 / 1.5
    assert scores["cremi_score"] == pytest.approx(math.sqrt(1 / 3))


def test_background_of_the_prediction_is_many_instances_to_cremi_alone() -> None:
    scores = fastseg.evaluate_partition([1, 1, 1, 1], [0, 0, 6, 6])
    assert scores["adapted_rand_error"] == 0.5
    # two single voxels, divided by the voxels of the image as its script does
    together = 4 + 2 / 4
    assert scores["cremi_rand_error"] == 1 - 2 * (together / 16) / (1 + together / 16)


def test_what_is_ignored_does_not_count() -> None:
    reference, prediction = np.array([0, 0, 1, 1, 2, 2]), np.array([3, 0, 3, 3, 4, 0])
    scores = fastseg.evaluate_partition(reference, prediction)
    assert scores == fastseg.evaluate_partition([1, 1, 2, 2], [3, 3, 4, 0]) | {
        name: scores[name]
        for name in ("cremi_rand_error", "cremi_score")  # of all voxels
    }
    both = fastseg.evaluate_partition(
        reference, prediction, ignore_reference=[0, 77], ignore_prediction=[0, -1]
    )
    assert both["adapted_rand_error"] == both["variation_of_information"] == 0
    assert both["cremi_score"] == 0
    largest = np.array([2**64 - 1, 7, 7], np.uint64)
    found = fastseg.evaluate_partition(largest, [1, 2, 2], ignore_reference=2**64 - 1)
    assert found["rand_index"] == 1


def test_where_nothing_is_left_nothing_is_known() -> None:
    scores = fastseg.evaluate_partition(np.zeros((2, 3), np.uint8), np.eye(2, 3, dtype=np.uint8))
    assert list(scores) == NAMES
    assert all(map(math.isnan, scores.values()))
    single = fastseg.evaluate_partition([[1]], [[1]])
    assert math.isnan(single["adapted_rand_error"])
    assert single["adjusted_rand_index"] == 1
    assert single["variation_of_information"] == single["cremi_score"] == 0


def table(counts: list[list[int]]) -> JointHistogram:
    rows, columns = np.nonzero(np.array(counts))
    boxes = np.zeros((len(rows), 3), np.int64)
    return JointHistogram(rows, columns, np.array(counts)[rows, columns], boxes, boxes)


def test_sums_are_exact_beyond_64_bits() -> None:
    counts = [[3 * 10**12 + 1, 7], [10**12, 2 * 10**12 + 3]]
    partition = Partition.of(table(counts))
    assert partition.together == sum(n**2 for row in counts for n in row)
    assert partition.reference == sum(sum(row) ** 2 for row in counts)
    assert partition.prediction == sum(sum(column) ** 2 for column in zip(*counts, strict=True))
    first, _, second, _ = counts[0][0] + counts[1][0], 0, counts[0][1] + counts[1][1], 0
    assert partition.prediction_segmented == second**2
    assert partition.unsegmented == first
    for name in NAMES:
        assert math.isfinite(resolve([name])[0].function(partition, Options())), name


def test_the_order_of_pairs_does_not_show() -> None:
    rng = np.random.default_rng(5)
    counts, sizes = rng.integers(1, 10**6, 10**4), rng.integers(10**6, 10**9, 10**4)
    found = {
        conditional_entropy(counts[order], sizes[order])
        for order in (rng.permutation(len(counts)) for _ in range(20))
    }
    assert len(found) == 1


@pytest.mark.parametrize("backend", ["numba", "scipy"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_backends_orders_and_threads_agree_to_the_bit(backend: str, order: Any) -> None:
    rng = np.random.default_rng(1)
    maps = [np.array(rng.integers(0, 40, (20, 30, 10)), order=order) for _ in range(2)]
    assert fastseg.evaluate_partition(*maps, backend=backend) == fastseg.evaluate_partition(
        *(np.ascontiguousarray(each) for each in maps)
    )


def test_it_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="'dice' is a metric of structures"):
        fastseg.evaluate_partition([1], [1], metrics="dice")
    with pytest.raises(
        ValueError, match=r"'rand_index' is a metric of partitions.*evaluate_partition"
    ):
        fastseg.evaluate([1], [1], metrics="rand_index")
    with pytest.raises(ValueError, match="shape"):
        fastseg.evaluate_partition([1, 2], [1])
    with pytest.raises(TypeError, match="ignore_reference: labels are whole numbers"):
        fastseg.evaluate_partition([1], [1], ignore_reference="0")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="of: "):
        list_metrics("lesions")  # type: ignore[arg-type]


def test_every_metric_is_described() -> None:
    assert not set(NAMES) & {metric.name for metric in list_metrics()}
    assert {metric.name for metric in list_metrics("all")} >= set(NAMES)
    for metric in list_metrics("partitions"):
        assert metric.formula
        assert metric.source
        assert metric.function.__doc__
        assert metric.unit in ("", "bits")
        perfect = Partition.of(table([[0, 0], [0, 5]]))
        assert metric.function(perfect, Options()) == metric.best, metric.name
