"""Every rule of matching against its naive twin, on every kind of pair."""

from __future__ import annotations

import itertools
import math
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastseg.errors import InputError
from fastseg.instances.matching import RULES, assignment, match
from fastseg.instances.matching import greedy as greedy_rule
from fastseg.instances.matching.assignment import best_assignment
from fastseg.instances.scores import SCORES, scores_of
from fastseg.measures.instance_table import Instances, InstanceTable
from fastseg.measures.matching import Matching
from tests.instances import naive_matching
from tests.instances.instance_maps import KINDS, Naive, cases

EACH = [
    pytest.param(kind, n, marks=[pytest.mark.slow] * (n > 100), id=f"{kind}-{n}")
    for kind in KINDS
    for n in (40, 500)
]
THRESHOLDS = (0.0, 0.1, 1 / 3, 0.5, 1.0)
SETTINGS = list(itertools.product(SCORES, THRESHOLDS, (False, True)))


def accepted(matching: Matching) -> dict[tuple[int, int], float]:
    """By ids."""
    table = matching.table
    pairs = zip(
        table.reference.ids[matching.reference_rows].tolist(),
        table.prediction.ids[matching.prediction_rows].tolist(),
        strict=True,
    )
    found = dict(zip(pairs, matching.scores.tolist(), strict=True))
    assert len(found) == len(matching.scores)
    return found


def check(matching: Matching, naive: Naive, expected: dict[tuple[int, int], float]) -> None:
    """Pairs, scores to the bit, their order, and all that follows from them."""
    found = accepted(matching)
    assert list(found) == sorted(expected)
    assert found == expected
    assert matching.scores.dtype == np.float64
    assert matching.reference_rows.dtype == matching.prediction_rows.dtype == np.int64
    references = {reference for reference, _ in expected}
    predictions = {prediction for _, prediction in expected}
    assert matching.tp == len(references)
    assert matching.fn == len(naive.reference.keys() - references)
    assert matching.fp == len(naive.prediction.keys() - predictions)
    assert matching.reference_matched.tolist() == [one in references for one in naive.reference]
    assert matching.prediction_matched.tolist() == [one in predictions for one in naive.prediction]
    for row, reference in enumerate(naive.reference):
        own = sorted(prediction for first, prediction in expected if first == reference)
        rows = matching.predictions_of(row)
        assert matching.table.prediction.ids[rows].tolist() == own
        union = matching.reference_scores[row]
        if own:
            assert union == naive_matching.union_score(naive, reference, own, matching.score)
        else:
            assert math.isnan(union)


@pytest.mark.parametrize(("kind", "n"), EACH)
def test_greedy(kind: str, n: int) -> None:
    for i, (table, naive) in enumerate(cases(kind, n)):
        score, threshold, strict = SETTINGS[i % len(SETTINGS)]
        for many_to_one, ties in itertools.product((False, True), ("reference", "prediction")):
            options: Any = {"strict": strict, "many_to_one": many_to_one, "ties": ties}
            expected = naive_matching.greedy(naive, score, threshold, **options)
            check(match(table, score=score, threshold=threshold, **options), naive, expected)


@pytest.mark.parametrize(("kind", "n"), EACH)
def test_merge(kind: str, n: int) -> None:
    for i, (table, naive) in enumerate(cases(kind, n)):
        score, threshold, strict = SETTINGS[i % len(SETTINGS)]
        for ties in ("reference", "prediction"):
            options: Any = {"strict": strict, "ties": ties}
            expected = naive_matching.merge(naive, score, threshold, **options)
            found = match(table, matching="merge", score=score, threshold=threshold, **options)
            check(found, naive, expected)


@pytest.mark.parametrize(("kind", "n"), EACH)
def test_overlap_and_any(kind: str, n: int) -> None:
    for i, (table, naive) in enumerate(cases(kind, n)):
        score, threshold, strict = SETTINGS[i % len(SETTINGS)]
        for together in (False, True):
            options: Any = {"strict": strict, "together": together}
            expected = naive_matching.overlap(naive, score, threshold, **options)
            found = match(table, matching="overlap", score=score, threshold=threshold, **options)
            check(found, naive, expected)
        found = match(table, matching="any", score=score, threshold=threshold, strict=strict)
        check(found, naive, naive_matching.any_overlap(naive, score))


@pytest.mark.parametrize(("kind", "n"), EACH)
def test_center(kind: str, n: int) -> None:
    """Wherever centres lie: in what a prediction overlaps, in another instance, or in none."""
    rng = np.random.default_rng(3)
    for i, (table, naive) in enumerate(cases(kind, n)):
        score, *_ = SETTINGS[i % len(SETTINGS)]
        choice = [0, *naive.reference]
        centers = {prediction: int(rng.choice(choice)) for prediction in naive.prediction}
        for many_to_one in (False, True):
            expected = naive_matching.center(naive, score, centers, many_to_one)
            found = match(
                table,
                matching="center",
                score=score,
                many_to_one=many_to_one,
                centers=list(centers.values()),
            )
            check(found, naive, expected)


@pytest.mark.parametrize(("kind", "n"), EACH)
@pytest.mark.parametrize("sparse", [False, True])
def test_optimal(kind: str, n: int, sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No choice of pairs has a larger sum, whichever of SciPy's two functions solves a block."""
    if sparse:
        monkeypatch.setattr(assignment, "_DENSE", 0)
    for i, (table, naive) in enumerate(cases(kind, n)):
        score, threshold, strict = SETTINGS[i % len(SETTINGS)]
        options: Any = {"score": score, "threshold": threshold, "strict": strict}
        most = 1 + min(len(naive.reference), len(naive.prediction))
        for bonus in (0.0, 1e-6, 1.0, math.inf):
            found = match(table, matching="optimal", pair_bonus=bonus, **options)
            pairs = accepted(found)
            check(
                found, naive, {pair: naive_matching.own_score(naive, pair, score) for pair in pairs}
            )
            for side in (0, 1):
                assert len({pair[side] for pair in pairs}) == len(pairs)
            assert all(naive_matching.reaches(value, threshold, strict) for value in pairs.values())
            each = most if math.isinf(bonus) else bonus
            best = naive_matching.best_sum(naive, score, threshold, strict, each)
            assert math.fsum(value + each for value in pairs.values()) == pytest.approx(
                best, rel=1e-12
            )
            again = match(table, matching="optimal", pair_bonus=bonus, **options)
            assert accepted(again) == pairs
        # with many to one each prediction has its best, as the greedy rule finds it
        found = match(table, matching="optimal", many_to_one=True, **options)
        expected = naive_matching.greedy(naive, score, threshold, strict, True, "reference")
        check(found, naive, expected)


def table_of(overlaps: Any, reference: Any = None, prediction: Any = None) -> InstanceTable:
    """A table by its matrix of overlaps; sizes are what these sum up to, unless given."""
    matrix = np.array(overlaps, np.int64)
    sides = [
        Instances(
            np.arange(1, len(sizes) + 1),
            np.array(sizes, np.int64),
            np.zeros((len(sizes), 3), np.int64),
            np.zeros((len(sizes), 3), np.int64),
        )
        for sizes in (
            matrix.sum(axis=1) if reference is None else reference,
            matrix.sum(axis=0) if prediction is None else prediction,
        )
    ]
    rows, columns = matrix.nonzero()
    return InstanceTable(sides[0], sides[1], rows, columns, matrix[rows, columns])


def test_the_best_pair_first_is_not_the_best_sum() -> None:
    """Greedy takes 0.6 and has nothing left; 0.5 and 0.5 are more."""
    table = table_of([[60, 50], [50, 0]], [100, 50], [110, 50])
    assert scores_of(table, "recall").tolist() == [0.6, 0.5, 1.0]
    table = table_of([[6, 5], [5, 0]], [10, 10], [11, 10])
    assert list(accepted(match(table, score="recall", threshold=0.5))) == [(1, 1)]
    best = match(table, score="recall", matching="optimal", threshold=0.5)
    assert accepted(best) == {(1, 2): 0.5, (2, 1): 0.5}


def test_many_pairs_or_a_large_sum() -> None:
    """0.9 alone is more than 0.4 and 0.4, which are two pairs."""
    table = table_of([[9, 4], [4, 0]], [10, 10], [13, 10])
    options: Any = {"score": "recall", "threshold": 0.1, "matching": "optimal"}
    assert list(accepted(match(table, **options))) == [(1, 1)]
    assert list(accepted(match(table, pair_bonus=math.inf, **options))) == [(1, 2), (2, 1)]
    assert list(accepted(match(table, pair_bonus=0.05, **options))) == [(1, 1)]
    assert list(accepted(match(table, pair_bonus=0.2, **options))) == [(1, 2), (2, 1)]


def test_equal_halves_go_by_id() -> None:
    """A reference instance that is cut into two equal halves, and two under one prediction."""
    halves, whole = table_of([[5, 5]]), table_of([[5], [5]])
    for rule in ("greedy", "optimal", "merge"):
        found = match(halves, matching=rule)
        expected = {(1, 1): 1.0, (1, 2): 1.0} if rule == "merge" else {(1, 1): 0.5}
        assert accepted(found) == expected
        assert accepted(match(whole, matching=rule)) == {(1, 1): 0.5}
    crossed = table_of([[5, 5], [5, 5]], [10, 10], [10, 10])
    assert list(accepted(match(crossed, threshold=0.3))) == [(1, 1), (2, 2)]
    assert list(accepted(match(crossed, threshold=0.3, matching="optimal"))) == [(1, 1), (2, 2)]
    ring = table_of([[0, 5], [5, 5]], [10, 10], [10, 10])
    assert list(accepted(match(ring, threshold=0.3))) == [(1, 2), (2, 1)]
    assert list(accepted(match(ring, threshold=0.3, ties="prediction"))) == [(1, 2), (2, 1)]
    ring = table_of([[5, 5, 0], [5, 0, 5]], [10, 10], [10, 10, 10])
    assert list(accepted(match(ring, threshold=0.3))) == [(1, 1), (2, 3)]
    mirrored = table_of([[0, 5, 0], [5, 0, 5], [0, 5, 0]], [10] * 3, [10] * 3)
    assert list(accepted(match(mirrored, threshold=0.3, ties="prediction"))) == [(1, 2), (2, 1)]


def test_merging_goes_on_while_it_is_better() -> None:
    """Halves of 5 make IoU 1; a third prediction that lies outside for the most part does not join."""
    found = match(table_of([[5, 5, 1]], [11], [5, 5, 9]), matching="merge", threshold=0.4)
    assert accepted(found) == {(1, 1): 10 / 11, (1, 2): 10 / 11}
    assert (found.tp, found.fp, found.fn) == (1, 1, 0)
    assert not accepted(match(found.table, matching="merge", threshold=0.5))


def test_together_a_lesion_is_found_that_no_piece_finds() -> None:
    table = table_of([[4, 4, 2]])
    options: Any = {"matching": "overlap", "score": "recall", "threshold": 0.5}
    assert not accepted(match(table, **options))
    assert accepted(match(table, together=True, **options)) == {
        (1, 1): 0.4,
        (1, 2): 0.4,
        (1, 3): 0.2,
    }


def test_a_chain_of_ever_worse_pairs() -> None:
    """Each pair waits for the one before: rounds would be as many as pairs, so a loop takes over."""
    n = 5000
    order = np.arange(2 * n - 1)
    rows, columns = (order + 1) // 2, order // 2
    kept = greedy_rule.first_come(rows, columns, n, n)
    assert sorted(kept.tolist()) == list(range(0, 2 * n - 1, 2))


@pytest.mark.parametrize("kind", ["random", "ties"])
def test_many_pairs_one_by_one_or_in_rounds(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        matrix = rng.integers(0, 3 if kind == "ties" else 1000, (30, 40))
        matrix *= rng.random(matrix.shape) < 0.4
        table = table_of(matrix, matrix.sum(1) + 5, matrix.sum(0) + 3)
        found = []
        for few in (1, 1 << 30):
            monkeypatch.setattr(greedy_rule, "_FEW_PAIRS", few)
            found.append(accepted(match(table, threshold=0)))
        assert found[0] == found[1]


@pytest.mark.parametrize("levels", [3, 1000])
def test_blocks_of_many_pairs(levels: int) -> None:
    """Large blocks, dense and sparse, against the whole matrix."""
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(levels)
    for shape in ((80, 90), (90, 80), (5, 300), (1, 40), (40, 1)):
        for filled in (0.02, 0.1, 0.7):
            weights = (rng.integers(1, levels, shape) / levels) * (rng.random(shape) < filled)
            rows, columns = weights.nonzero()
            chosen = best_assignment(rows, columns, weights[rows, columns])
            assert len(set(rows[chosen])) == len(set(columns[chosen])) == len(chosen)
            best = weights[linear_sum_assignment(weights, maximize=True)]
            assert weights[rows[chosen], columns[chosen]].sum() == pytest.approx(
                best.sum(), rel=1e-12
            )


def test_no_pair_depends_on_what_it_is_not_connected_with() -> None:
    rng = np.random.default_rng(11)
    one = rng.integers(1, 4, (6, 6))
    other = rng.integers(1, 50, (70, 66))
    alone = accepted(match(table_of(one, one.sum(1) + 1), matching="optimal", threshold=0))
    both = np.zeros((76, 72), np.int64)
    both[:6, :6], both[6:, 6:] = one, other
    beside = accepted(match(table_of(both, both.sum(1) + 1), matching="optimal", threshold=0))
    assert {pair: score for pair, score in beside.items() if pair[0] <= 6} == alone


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_told(rule: str) -> None:
    assert RULES[rule].name == rule
    assert RULES[rule].about
    assert RULES[rule].ties
    assert RULES[rule].function.__doc__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matching": "gredy"}, r"^matching: unknown 'gredy'; did you mean 'greedy'\?"),
        ({"matching": None}, "^matching: unknown None; known: greedy, optimal"),
        ({"score": "hd95"}, "^score: unknown 'hd95'; known: iou, dice, recall, precision"),
        ({"score": 3}, "^score: unknown 3"),
        ({"threshold": 1.5}, "^threshold: expected a number from 0 to 1, got 1.5"),
        ({"threshold": math.nan}, "^threshold: expected a number from 0 to 1, got nan"),
        ({"threshold": "half"}, "^threshold: expected a number from 0 to 1, got 'half'"),
        ({"threshold": True}, "^threshold: expected a number from 0 to 1, got True"),
        ({"ties": "best"}, "^ties: unknown 'best'; known: reference, prediction"),
        ({"pair_bonus": -1}, "^pair_bonus: expected a number of at least 0, got -1"),
        ({"matching": "center"}, '^matching="center": expected centers'),
        (
            {"matching": "center", "centers": [1]},
            "^centers: expected one for each of 2 predictions, got 1",
        ),
        ({"matching": "center", "centers": [1, 9]}, "^centers: 9 is no instance of the reference"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        match(table_of([[3, 2]]), **options)


def test_scores_by_the_names_that_are_usual() -> None:
    table = table_of([[3, 2]], [10], [3, 7])
    assert match(table, score="Jaccard", threshold=0).score == "iou"
    assert match(table, score="sensitivity", threshold=0).score == "recall"
    assert scores_of(table, "dsc").tolist() == [6 / 13, 4 / 17]
    for name, score in SCORES.items():
        back = scores_of(table.transposed(), score.transposed)
        assert back.tolist() == scores_of(table, name).tolist()


def test_a_matching_can_be_sent_to_another_process() -> None:
    for table, _ in cases("nearly_right", 3):
        found = match(table, threshold=0.2)
        sent = pickle.loads(pickle.dumps(found))
        assert accepted(sent) == accepted(found)
        assert_array_equal(sent.table.reference.starts, table.reference.starts)


@pytest.mark.slow
def test_more_components_than_fit_sixteen_bits() -> None:
    """70 000 lines against lines moved by a voxel: each overlaps two, and every reference is found by its own."""
    from fastseg.backends import numba as backend

    n = 70_000
    reference = np.repeat(np.arange(1, n + 1, dtype=np.uint32), 4).reshape(280, 1000)
    prediction = np.roll(reference, 1)
    table = InstanceTable.of(backend.joint_histogram(reference, prediction))
    assert len(table.reference) == len(table.prediction) == n
    assert len(table.overlaps) == 2 * n
    for rule in ("greedy", "optimal"):
        for threshold in (0.5, 0):
            found = match(table, matching=rule, threshold=threshold)
            assert_array_equal(found.reference_rows, found.prediction_rows)
            assert found.tp == n
            assert set(found.scores.tolist()) == {3 / 5}
