"""Intervals, comparisons and numbers of cases: beside SciPy and statsmodels, and covering what they say."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fastseg.errors import InputError
from fastseg.statistics import cases_needed, compare, intervals, share_below
from fastseg.statistics.comparison import permutation_ps
from fastseg.statistics.intervals import _left_out

pandas = pytest.importorskip("pandas")


def column(values: Any, **others: Any) -> Any:
    cases = [f"c{place}" for place in range(len(values))]
    return pandas.DataFrame({"case": cases, "dice": values, **others})


SKEWED = np.random.default_rng(5).beta(8, 1.5, 80)


@pytest.mark.parametrize("kind", ["bca", "percentile"])
def test_a_bootstrap_is_that_of_scipy(kind: Any) -> None:
    """Other samples are drawn: the ends agree within the error of so many."""
    row = intervals(column(SKEWED), "dice", kind=kind, samples=20_000)[0]
    other = stats.bootstrap(
        (SKEWED,), np.mean, n_resamples=20_000, method={"bca": "BCa"}.get(kind, kind),
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert row["estimate"] == pytest.approx(SKEWED.mean())
    error = 4 * np.std(SKEWED) / np.sqrt(80) / np.sqrt(20_000 * 0.025)
    assert row["low"] == pytest.approx(other.low, abs=error)
    assert row["high"] == pytest.approx(other.high, abs=error)
    assert row["low"] != row["high"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "draw", "mean", "least"),
    [
        ("percentile", lambda rng: rng.normal(size=60), 0.0, 0.92),
        ("bca", lambda rng: rng.normal(size=60), 0.0, 0.92),
        ("bca", lambda rng: rng.beta(8, 1.5, 60), 8 / 9.5, 0.91),
    ],
)
def test_intervals_cover_what_they_say(kind: Any, draw: Any, mean: float, least: float) -> None:
    """Of 95 %, 600 times: the Monte-Carlo error of the share is 0.9 %, and 60 cases lose a percent or two."""
    rng = np.random.default_rng(9)
    covered = 0
    for repetition in range(600):
        row = intervals(column(draw(rng)), "dice", kind=kind, samples=400, seed=repetition)[0]
        covered += row["low"] <= mean <= row["high"]
    assert least <= covered / 600 <= 0.975


@pytest.mark.slow
def test_clusters_and_lesions_of_patients_cover_what_cases_do_not() -> None:
    """40 patients of 5 lesions that are alike: lesions drawn as if they were alone give intervals far too narrow."""
    rng = np.random.default_rng(10)
    covered = dict.fromkeys(("alone", "clusters", "within"), 0)
    for repetition in range(300):
        patients = np.repeat(rng.normal(size=40), 5)
        frame = column(
            patients + 0.3 * rng.normal(size=200), patient=[str(i // 5) for i in range(200)]
        )
        options: dict[str, Any] = {"samples": 300, "seed": repetition, "kind": "percentile"}
        for name, more in (
            ("alone", {}),
            ("clusters", {"clusters": "patient"}),
            ("within", {"clusters": "patient", "within": True}),
        ):
            row = intervals(frame, "dice", **options, **more)[0]
            covered[name] += row["low"] <= 0 <= row["high"]
    shares = {name: many / 300 for name, many in covered.items()}
    assert shares["alone"] < 0.75
    assert 0.90 <= shares["clusters"] <= 0.99
    assert 0.90 <= shares["within"] <= 1


def test_what_makes_an_interval_worthless_is_told() -> None:
    few = intervals(column([0.5, 0.75, np.nan]), "dice", samples=50)
    assert (few[0]["n"], few[0]["undefined"]) == (2, 1)
    assert "below 50" in few.notes[0]
    assert "1 undefined values are left out" in few.notes[1]
    one = intervals(column([0.5]), "dice")[0]
    assert (one["estimate"], np.isnan(one["low"])) == (0.5, True)
    nothing = intervals(column([np.nan]), "dice")[0]
    assert np.isnan(nothing["estimate"])
    infinite = intervals(column([1.0, np.inf, 2.0]), "dice")
    assert np.isinf(infinite[0]["estimate"])
    assert np.isnan(infinite[0]["low"])
    assert "infinite" in str(infinite)
    median = intervals(column(SKEWED), "dice", statistic="median", samples=100)
    assert "cover less" in median.notes[0]
    same = intervals(column([0.5] * 60), "dice", samples=100)[0]
    assert (same["low"], same["high"]) == (0.5, 0.5)
    for options, message in (
        ({"kind": "normal"}, "bca"),
        ({"confidence": 95}, "between 0 and 1"),
        ({"within": True}, "clusters"),
        ({"clusters": "patient"}, "patient"),
    ):
        with pytest.raises(InputError, match=message):
            intervals(column([0.5, 0.6]), "dice", **options)


def pair(first: Any, second: Any) -> Any:
    frames = [
        column(values, algorithm=[name] * len(values))
        for name, values in (("x", first), ("y", second))
    ]
    return pandas.concat(frames)


def test_a_comparison_is_by_the_cases_of_both() -> None:
    rng = np.random.default_rng(2)
    second = rng.beta(6, 2, 60)
    first = np.clip(second + rng.normal(0.03, 0.05, 60), 0, 1)
    row = compare(pair(first, second), "dice")[0]
    difference = first - second
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["low"] < row["difference"] < row["high"]
    assert row["better"] == np.mean(difference > 0)
    assert row["wilcoxon_p"] == pytest.approx(stats.wilcoxon(difference).pvalue)
    spread = difference.std(ddof=1) / np.sqrt(60)
    assert row["permutation_p"] == pytest.approx(stats.ttest_1samp(difference, 0).pvalue, abs=0.01)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * spread, rel=0.15)
    turned = compare(pair(first, second), "dice", first="y", second="x")[0]
    assert turned["difference"] == -row["difference"]
    with pytest.raises(InputError, match="two algorithms"):
        compare(column([0.5]), "dice")
    with pytest.raises(InputError, match="'z'"):
        compare(pair(first, second), "dice", first="z")


def permutation_p(difference: Any, groups: Any, permutations: int, seed: int) -> float:
    return float(permutation_ps(difference[:, None], groups, permutations, seed)[0])


def test_permutations_of_few_cases_are_all() -> None:
    difference = np.array([0.1, 0.2, -0.05, 0.3, 0.0, 0.15])
    groups = np.arange(6)
    signs = np.array(list(itertools.product((1, -1), repeat=6)))
    expected = np.mean(np.abs(signs @ difference) >= abs(difference.sum()) - 1e-15)
    assert permutation_p(difference, groups, 10, 0) == expected
    found = stats.permutation_test(
        (difference, np.zeros(6)), lambda a, b: np.mean(a - b), permutation_type="samples"
    )
    assert expected == pytest.approx(found.pvalue)
    assert permutation_p(np.zeros(4), np.arange(4), 10, 0) == 1
    # of clusters the signs change together
    assert permutation_p(difference, np.array([0, 0, 0, 1, 1, 1]), 10, 0) == 0.5
    many = np.full(40, 0.1)
    assert permutation_p(many, np.arange(40), 999, 0) == 1 / 1000


def test_of_several_pairs_p_values_are_adjusted() -> None:
    rng = np.random.default_rng(3)
    base = rng.random(30)
    frames = [
        column(base + place * 0.02 + 0.01 * rng.normal(size=30), algorithm=[name] * 30)
        for place, name in enumerate("abc")
    ]
    table = compare(pandas.concat(frames), "dice")
    assert [(row["first"], row["second"]) for row in table] == [("a", "b"), ("a", "c"), ("b", "c")]
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    raw = [row["permutation_p"] for row in table]
    adjusted = multipletests(raw, method="holm")[1]
    np.testing.assert_allclose([row["holm_p"] for row in table], adjusted)
    assert len(compare(pandas.concat(frames), "dice", first="b")) == 2


@pytest.mark.parametrize("statistic", ["mean", "median", 0.1])
def test_many_columns_are_each_as_if_alone(statistic: Any) -> None:
    """Samples are drawn once for all that have the same cases; some here lack a few."""
    rng = np.random.default_rng(12)
    frames = []
    for place, name in enumerate("abcd"):
        values = rng.beta(8, 2, 30)
        values[: place // 2 * 2] = np.nan
        frames.append(column(values, algorithm=[name] * 30, site=["A", "B", "C"] * 10))
    frame = pandas.concat(frames)
    options: dict[str, Any] = {"statistic": statistic, "samples": 200, "strata": "site"}
    for row in intervals(frame, "dice", **options):
        own = frame[frame["algorithm"] == row["algorithm"]]
        alone = intervals(own, "dice", **options)[0]
        assert alone["estimate"] == row["estimate"]
        assert alone == {name: pytest.approx(value) for name, value in row.items()}
    options.update(undefined="drop", permutations=200)
    table = compare(frame, "dice", **options)
    assert [row["n"] for row in table] == [30, 28, 28, 28, 28, 28]
    for row in table:
        alone = dict(compare(frame, "dice", first=row["first"], second=row["second"], **options)[0])
        alone["holm_p"] = row["holm_p"]
        assert alone["difference"] == row["difference"]
        assert alone == {name: pytest.approx(value) for name, value in row.items()}
    assert table.to_pandas().attrs["notes"] == list(table.notes)
    assert any("cover less" in note for note in table.notes) == (statistic != "mean")


def test_a_quantile_without_each_value() -> None:
    values = np.random.default_rng(8).integers(0, 6, 21).astype(float)
    for share in (0.0, 0.1, 0.5, 0.77, 1.0):
        expected = [np.quantile(np.delete(np.sort(values), place), share) for place in range(21)]
        np.testing.assert_allclose(_left_out(values, None, share), expected, rtol=1e-14)
    assert _left_out(values, np.arange(21), "mean") == pytest.approx(
        [np.delete(values, place).mean() for place in range(21)]
    )


def test_the_tail_has_wilsons_interval() -> None:
    frame = column([0.9, 0.8, np.nan, 0.4, 0.7], hd95=[3, 12, np.nan, 50, 9.0])
    dice, hd95 = share_below(frame, {"dice": 0.7, "hd95": 10})
    assert (dice["worse"], dice["n"], dice["undefined"]) == (1, 4, 1)
    assert hd95["worse"] == 2
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    expected = proportion.proportion_confint(1, 4, method="wilson")
    assert (dice["low"], dice["high"]) == pytest.approx(expected)


def test_numbers_of_cases_are_those_of_the_formula() -> None:
    assert cases_needed(0.01, 0.03) == 35
    assert cases_needed(1, 0) == 1
    power = pytest.importorskip("statsmodels.stats.power").TTestPower()
    exact = power.solve_power(effect_size=0.2, alpha=0.05, power=0.8)
    assert abs(cases_needed(0.01, 0.05, power=0.8) - exact) < 3  # t has a little more than z
    for wrong in ({"difference": 0}, {"sd": -1}, {"power": 80}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            cases_needed(**{"difference": 0.01, "sd": 0.1, **wrong})
