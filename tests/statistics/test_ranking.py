"""Rankings by the rules of challengeR: its own small cases with results worked out by hand, and by brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

import fastseg
from fastseg.errors import InputError
from fastseg.statistics import Ranking, rank
from fastseg.statistics.aggregates import aggregated
from fastseg.statistics.ranks import kendall_taus, ranks_of
from fastseg.statistics.resampling import weights_of_samples

pandas = pytest.importorskip("pandas")


def table(**values: Any) -> Any:
    """Cases C1, C2, … of algorithms."""
    rows = [
        {"algo": name, "case": f"C{place}", "value": value}
        for name, held in values.items()
        for place, value in enumerate(held, 1)
    ]
    return pandas.DataFrame(rows)


def ranked(frame: Any, larger: bool, **options: Any) -> dict[str, Any]:
    options.setdefault("bootstraps", 0)
    ranking = rank(frame, "value", algorithm="algo", larger_is_better=larger, **options)
    one = ranking["value"]
    return {
        name: (score, place)
        for name, score, place in zip(one.algorithms, one.scores, one.ranks, strict=True)
    }


FAR = {"A1": [0.2] * 4, "A2": [1.0] * 4}


@pytest.mark.parametrize("larger", [True, False])
def test_small_cases_of_each_method(larger: bool) -> None:
    frame = table(A1=[0.6, 0.4], A2=[0.8, 1.0])
    best = 2 if larger else 1
    assert ranked(frame, larger) == {"A1": (0.5, best), "A2": (0.9, 3 - best)}
    by_ranks = ranked(frame, larger, method="rank_then_aggregate")
    assert by_ranks == {"A1": (best, best), "A2": (3 - best, 3 - best)}
    by_tests = ranked(table(**FAR), larger, method="test_then_rank")
    assert by_tests == {"A1": (float(not larger), best), "A2": (float(larger), 3 - best)}
    # two cases are too few for any test
    frame = table(A1=[0.6, 0.6], A2=[0.8, 0.8])
    assert ranked(frame, larger, method="test_then_rank") == {"A1": (0, 1), "A2": (0, 1)}
    tied = ranked(frame, larger, method="test_then_rank", ties="max")
    assert tied == {"A1": (0, 2), "A2": (0, 2)}


def test_undefined_values_count_as_was_said() -> None:
    lost = table(A1=[None, 0.2, 0.2, 0.2], A2=[1.0] * 4)
    with pytest.raises(InputError, match="A1 1"):
        ranked(lost, larger=False)
    assert ranked(lost, larger=False, undefined="drop")["A1"] == (pytest.approx(0.2), 1.0)
    assert ranked(lost, larger=False, undefined=100)["A1"] == (pytest.approx(25.15), 2.0)
    tests: dict[str, Any] = {"larger": False, "method": "test_then_rank"}
    # a single larger difference among four takes the significance, and so does a case less; 0 keeps it
    assert ranked(lost, undefined=100, **tests) == {"A1": (0, 1), "A2": (0, 1)}
    assert ranked(lost, undefined="drop", **tests) == {"A1": (0, 1), "A2": (0, 1)}
    assert ranked(lost, undefined=0, **tests) == {"A1": (1, 1), "A2": (0, 2)}
    # ranks of cases: what is undefined ranks last unless something else is said
    ranks: dict[str, Any] = {"larger": True, "method": "rank_then_aggregate"}
    lost = table(A1=[None, 0.2], A2=[0.0, 0.4], A3=[0.0, 0.3])
    assert [one[0] for one in ranked(lost, **ranks).values()] == [2.5, 1, 1.5]
    assert [one[0] for one in ranked(lost, undefined=0, **ranks).values()] == [2, 1, 1.5]
    assert [one[0] for one in ranked(lost, undefined="drop", **ranks).values()] == [3, 1, 1.5]
    # who has no value at all is last, and no algorithm more to be beaten
    lost = table(A1=[0.2] * 5, A2=[1.0] * 5, A3=[None] * 5)
    by_tests = ranked(lost, True, method="test_then_rank", undefined="drop")
    assert {name: one[1] for name, one in by_tests.items()} == {"A1": 2, "A2": 1, "A3": 3}
    assert by_tests["A2"][0] == 1
    lost = table(A1=[None], A2=[0.8])
    assert ranked(lost, larger=True, method="rank_then_aggregate") == {"A1": (2, 2), "A2": (1, 1)}
    known = pandas.DataFrame({"case": ["a", "a"], "algorithm": ["x", "y"], "hd": [3.0, None]})
    scores = rank(known, "hd", undefined="worst", bootstraps=0)["hd"].scores
    assert scores.tolist() == [3, np.inf]


@pytest.mark.parametrize("ties", ["min", "max", "average"])
def test_ranks_are_those_of_scipy(ties: Any) -> None:
    rng = np.random.default_rng(3)
    for values in rng.integers(0, 4, (200, 7)).astype(float):
        expected = stats.rankdata(-values, method=ties)
        np.testing.assert_array_equal(ranks_of(values, True, ties), expected)
        np.testing.assert_array_equal(ranks_of(-values, False, ties), expected)
    lost = np.array([np.nan, np.inf, 2.0, np.nan, -np.inf])
    ranks = {"min": [4, 1, 2, 4, 3], "max": [5, 1, 2, 5, 3], "average": [4.5, 1, 2, 4.5, 3]}
    np.testing.assert_array_equal(ranks_of(lost, True, ties), ranks[ties])
    # the rank after the last one that is there: two that share it leave none free below them
    lost = np.array([0.5, np.nan, 0.9, 0.5, np.nan])
    ranks = {"min": [2, 3, 1, 2, 3], "max": [3, 5, 1, 3, 5], "average": [2.5, 4, 1, 2.5, 4]}
    np.testing.assert_array_equal(ranks_of(lost, True, ties), ranks[ties])
    assert (
        ranks_of(np.full(3, np.nan), True, ties) == {"min": 1, "max": 3, "average": 2}[ties]
    ).all()
    # means of the same values in another order
    one = np.array([0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1, 0.0])
    assert one[0] != one[1]
    assert ranks_of(one, True, "min").tolist() == [1, 1, 3]


def test_samples_are_aggregated_as_their_cases_would_be() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(21, 3))
    values[5, 0] = np.nan
    values[7, 1] = np.inf
    weights = np.concatenate(list(weights_of_samples(21, 40, 1)))
    assert set(weights.sum(1)) == {21}
    means = aggregated(values, weights, "mean")
    medians = aggregated(values, weights, "median")
    quantiles = aggregated(values, weights, 0.1)
    for sample, often in enumerate(weights.astype(int)):
        drawn = np.repeat(values, often, axis=0)
        np.testing.assert_allclose(means[sample], np.nanmean(drawn, 0), rtol=1e-14)
        np.testing.assert_allclose(medians[sample], np.nanmedian(drawn, 0), rtol=1e-14)
        np.testing.assert_allclose(quantiles[sample], np.nanquantile(drawn, 0.1, 0), rtol=1e-14)


def test_samples_do_not_depend_on_blocks_and_keep_groups_together() -> None:
    many = np.concatenate(list(weights_of_samples(30_000, 80, 5)))
    assert len(many) == 80
    np.testing.assert_array_equal(next(weights_of_samples(30_000, 3, 5)), many[:3])
    clusters = np.array([0, 0, 1, 1, 2])
    strata = np.array([0, 0, 0, 0, 1])
    for weights in next(weights_of_samples(5, 50, 2, clusters=clusters)):
        assert weights[0] == weights[1]
        assert weights[2] == weights[3]
        assert weights[[0, 2, 4]].sum() == 3
    for weights in next(weights_of_samples(5, 50, 2, strata=strata)):
        assert (weights[:4].sum(), weights[4]) == (4, 1)
    with pytest.raises(InputError, match="two strata"):
        next(weights_of_samples(2, 1, 0, strata=np.array([0, 1]), clusters=np.array([0, 0])))


def simulated(n_cases: int = 40, tasks: tuple[str, ...] = ("T1", "T2")) -> Any:
    rng = np.random.default_rng(11)
    return pandas.DataFrame(
        [
            {"task": task, "case": f"c{case}", "site": "AB"[case % 2], "algorithm": name,
             "dice": rng.beta(9 - 2 * place, 2)}
            for task, case, (place, name) in itertools.product(
                tasks, range(n_cases), enumerate(("best", "middle", "worst"))
            )
        ]
    )  # fmt: skip


@pytest.mark.parametrize("method", ["aggregate_then_rank", "rank_then_aggregate", "test_then_rank"])
def test_stability_is_that_of_samples_ranked_one_by_one(method: Any) -> None:
    frame = simulated(12, ("T1",))
    one = rank(frame, "dice", method=method, bootstraps=60, seed=3)["dice"]
    again = rank(frame, "dice", method=method, bootstraps=60, seed=3)["dice"]
    np.testing.assert_array_equal(one.samples, again.samples)
    wide = frame.pivot(index="case", columns="algorithm", values="dice")
    wide = wide.loc[[f"c{case}" for case in range(12)], list(one.algorithms)]
    weights = np.concatenate(list(weights_of_samples(12, 60, 3))).astype(int)
    for sample, often in enumerate(weights):
        drawn = np.repeat(wide.to_numpy(), often, axis=0)
        rows = [
            {"case": str(case), "algorithm": name, "dice": value}
            for case, values in enumerate(drawn)
            for name, value in zip(one.algorithms, values, strict=True)
        ]
        alone = rank(pandas.DataFrame(rows), "dice", method=method, bootstraps=0)["dice"]
        np.testing.assert_array_equal(one.samples[sample], alone.ranks)
    intervals = one.rank_intervals()
    assert (intervals[:, 0] <= one.ranks).all()
    for sample, tau in zip(one.samples, one.taus, strict=True):
        expected = stats.kendalltau(one.ranks, sample).statistic
        assert tau == pytest.approx(expected, nan_ok=True)


def test_kendalls_tau_with_ties() -> None:
    ranks, samples = (
        np.array([1.0, 2, 2, 4]),
        np.array([[1.0, 2, 3, 4], [4, 3, 1, 1], [1, 1, 1, 1]]),
    )
    found = kendall_taus(ranks, samples)
    for tau, sample in zip(found[:2], samples, strict=False):
        assert tau == pytest.approx(stats.kendalltau(ranks, sample).statistic)
    assert np.isnan(found[2])


def test_tasks_and_metrics_make_a_consensus() -> None:
    frame = simulated()
    frame["hd95"] = 1 / frame["dice"]
    ranking = rank(frame, ["dice", "hd95"], bootstraps=50)
    assert len(ranking) == 4
    keys: list[Any] = list(ranking)
    assert keys == [("T1", "dice"), ("T1", "hd95"), ("T2", "dice"), ("T2", "hd95")]
    together = ranking.consensus()
    mean = np.mean([one.ranks for one in ranking.tasks], axis=0)
    np.testing.assert_allclose(together.scores, mean)
    assert together.algorithms[together.order[0]] == "best"
    only = ranking.consensus({"T2": 0, "hd95": 0, ("T2", "dice"): 0})
    np.testing.assert_array_equal(only.ranks, ranking["T1", "dice"].ranks)
    assert ranking.to_dict()[-1]["task"] == "consensus"
    assert list(ranking.to_pandas()["rank"][:3]) == [1, 2, 3]
    assert "40 cases: below 50" in str(ranking)
    with pytest.raises(KeyError, match="several rankings"):
        ranking["dice"]
    with pytest.raises(KeyError, match="no ranking 'T3'"):
        ranking["T3"]


def permutations() -> Any:
    """Each order of five values once: nobody is better than anybody, as challengeR's worst case has it."""
    return table(**{
        f"A{place}": [0.8 + 0.05 * order[place] for order in itertools.permutations(range(5))]
        for place in range(5)
    })  # fmt: skip


def test_the_worst_case_has_no_winner() -> None:
    for method in ("aggregate_then_rank", "rank_then_aggregate", "test_then_rank"):
        one = ranked(permutations(), larger=True, method=method)
        assert {place for _, place in one.values()} == {1.0}


def test_a_consensus_is_of_average_ranks() -> None:
    """Tied in one task and ordered in the other: the pair shares ranks 1 and 2 there, whatever `ties` is."""
    both = pandas.concat(
        [table(A1=[0.9], A2=[0.9], A3=[0.5]).assign(task="T1"),
         table(A1=[0.9, 0.9], A2=[0.8, 0.8], A3=[0.5, 0.5]).assign(task="T2")]
    )  # fmt: skip
    for ties in ("min", "max", "average"):
        ranking = rank(
            both, "value", algorithm="algo", larger_is_better=True, ties=ties, bootstraps=20
        )
        together = ranking.consensus()
        assert together.scores.tolist() == [1.25, 1.75, 3]
        assert (
            together.samples.tolist() == [[1, 2, 3]] * 20
        )  # T1 has one case: it cannot be drawn anew
    heavy = ranking.consensus({"T1": 3})
    assert heavy.scores.tolist() == [1.375, 1.625, 3]
    for weights, message in (
        ({"T3": 1}, "'T3'"),
        ({"T1": -1}, "at least 0"),
        ({"T1": 0, "T2": 0}, "the weight 0"),
    ):
        with pytest.raises(InputError, match=message):
            ranking.consensus(weights)


def test_metrics_of_a_task_have_the_same_samples() -> None:
    frame = simulated(20, ("T1",))
    frame["iou"] = frame["dice"] / (2 - frame["dice"])
    ranking = rank(frame, ["dice", "iou"], method="rank_then_aggregate", bootstraps=50)
    np.testing.assert_array_equal(ranking["dice"].samples, ranking["iou"].samples)


def test_clusters_are_drawn_together() -> None:
    frame = simulated(6, ("T1",))
    frame["patient"] = ["pq"[int(case[1:]) // 3] for case in frame["case"]]
    one = rank(frame, "dice", clusters="patient", bootstraps=200)["dice"]
    # of two patients there are three different samples
    assert 1 < len(np.unique(one.samples, axis=0)) <= 3 or len(np.unique(one.samples, axis=0)) == 1
    with pytest.raises(InputError, match="did you mean 'patient'"):
        rank(frame, "dice", clusters="patients")


def test_wrong_questions_are_told() -> None:
    frame = simulated(4)
    for options, message in (
        ({"method": "mean"}, "aggregate_then_rank"),
        ({"ties": "first"}, "average"),
        ({"adjust": "fdr"}, "holm"),
        ({"alpha": 5}, "between 0 and 1"),
        ({"aggregate": "mode"}, "median"),
        ({"aggregate": 2.0}, "quantile"),
        ({"bootstraps": -1}, "not negative"),
        ({"tasks": ["T9"]}, "T1"),
    ):
        with pytest.raises(InputError, match=message):
            rank(frame, "dice", **options)
    with pytest.raises(InputError, match="two algorithms"):
        rank(frame[frame["algorithm"] == "best"], "dice")


def test_evaluations_are_ranked_by_name() -> None:
    reference = np.zeros((10, 10), np.uint8)
    reference[2:8, 2:8] = 1
    good, bad = reference, np.roll(reference, 2, 0)
    ranking = rank(
        {
            "good": fastseg.evaluate(reference, good, case="a"),
            "bad": fastseg.evaluate(reference, bad, case="a"),
        },
        ["dice", "hd95"],
    )
    assert isinstance(ranking, Ranking)
    assert [one.ranks.tolist() for one in ranking.tasks] == [[1, 2], [1, 2]]
    assert len(ranking.tasks[0].samples) == 0  # one case cannot be drawn anew
