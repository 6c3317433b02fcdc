"""Algorithms beside each other, case by case: how much better one is, and how sure that is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.statistics.aggregates import Aggregate, aggregated, as_aggregate
from fastseg.statistics.intervals import as_confidence
from fastseg.statistics.ranking import Undefined, groups_of_cases, without_undefined
from fastseg.statistics.ranking_results import FEW_CASES, UNCERTAIN_QUANTILES, in_words
from fastseg.statistics.reading import as_names, score_table
from fastseg.statistics.resampling import (
    alike,
    as_samples,
    as_seed,
    statistics_of_samples,
)
from fastseg.statistics.result_table import ResultTable
from fastseg.statistics.score_table import ScoreMatrix
from fastseg.statistics.signed_ranks import holm

COLUMNS = (
    *("task", "metric", "first", "second", "difference", "low", "high", "better", "n"),
    *("permutation_p", "wilcoxon_p", "holm_p", "best_probability"),
)

# Sign patterns of so few cases are all gone through.
_FEW_UNITS = 14


def compare(
    source: Any,
    metric: str | Sequence[str],
    *,
    first: str | None = None,
    second: str | None = None,
    statistic: Aggregate = "mean",
    undefined: Undefined | None = None,
    confidence: float = 0.95,
    samples: int = 2000,
    permutations: int = 10_000,
    clusters: str | None = None,
    strata: str | None = None,
    seed: int = 0,
    **columns: Any,
) -> ResultTable:
    """Compare algorithms pair by pair on the cases that both have.

    Parameters
    ----------
    source : Evaluation, DataFrame, path, ScoreTable, or a mapping or list of these
        What :func:`~fastseg.statistics.score_table` takes; `columns` are passed on to it.
    metric : str or sequence of str
    first, second : str, optional
        Algorithms. Default: all pairs; with one of them, all pairs that it is in.
    statistic : {"mean", "median"} or float
        Of the differences of cases.
    undefined : {"drop", "worst"} or float, optional
        What undefined values count as, see :func:`~fastseg.statistics.rank`.
    confidence : float
    samples : int
        Of the bootstrap of cases that gives the interval.
    permutations : int
        Of the signs of differences; of up to 14 cases, or clusters, all of them are gone through instead.
    clusters : str, optional
        An attribute, such as "patient" or "site", whose cases are drawn, and change their sign, together.
    strata : str, optional
        An attribute of whose values each sample has as many cases as there are.
    seed : int

    Returns
    -------
    ResultTable
        For each task, metric and pair: the statistic of ``first - second`` with its bootstrap percentile interval, the
        share of cases for which `first` is better (ties count half), two-sided p-values of the permutation test of the
        mean and of Wilcoxon's signed-rank test (nan where all differences are 0), the former by Holm's method for all
        rows together, and in which share of the samples `first` is better.

    Raises
    ------
    ValueError, TypeError
        For less than two algorithms, unknown names, undefined values of which nothing was said.

    Examples
    --------
    >>> import pandas, fastseg
    >>> scores = {"case": list("aabbcc"), "algorithm": ["x", "y"] * 3, "dice": [0.9, 0.8, 0.7, 0.6, 0.8, 0.6]}
    >>> row = fastseg.statistics.compare(pandas.DataFrame(scores), "dice")[0]
    >>> row["first"], row["second"], round(row["difference"], 3), row["better"], row["permutation_p"]
    ('x', 'y', 0.133, 1.0, 0.25)
    """
    statistic, samples = as_aggregate(statistic), as_samples(samples)
    permutations, confidence, seed = (
        as_samples(permutations),
        as_confidence(confidence),
        as_seed(seed),
    )
    names = as_names(metric, "compare")
    table = score_table(source, metrics=names, **columns)
    if len(table.algorithms) < 2:
        raise InputError(f"compare: needs two algorithms or more, got {len(table.algorithms)}")
    for name in (first, second):
        if name is not None and name not in table.algorithms:
            raise unknown("algorithm", name, table.algorithms)
    rows: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    for task, name in itertools.product(table.tasks, names):
        matrix = table.matrix(name, task)
        values = without_undefined(matrix, undefined, "compare")
        groups = groups_of_cases(table, matrix.cases, clusters=clusters, strata=strata)
        pairs = _pairs(matrix.algorithms, first, second)
        differences = _differences(values, pairs)
        of_task = [
            _row(matrix, pair, column[~np.isnan(column)])
            for pair, column in zip(pairs, differences.T, strict=True)
        ]
        for chosen, there in alike(~np.isnan(differences)):
            _resample(
                [of_task[place] for place in chosen],
                differences[there][:, chosen],
                {what: None if one is None else one[there] for what, one in groups.items()},
                (statistic, confidence, samples, permutations, seed),
                1 if matrix.larger_is_better else -1,
            )
        rows += of_task
        for row in of_task:
            if row["n"] < FEW_CASES:
                notes[
                    f"{task or name}: {in_words(row['n'], 'case')}: below {FEW_CASES}, intervals are too narrow"
                ] = None
        if statistic != "mean":
            notes[UNCERTAIN_QUANTILES] = None
    if rows:
        adjusted = holm(np.array([row["permutation_p"] for row in rows]))
        for row, value in zip(rows, adjusted.tolist(), strict=True):
            row["holm_p"] = value
    ordered = tuple({name: row[name] for name in COLUMNS} for row in rows)
    return ResultTable(ordered, COLUMNS, tuple(notes))


def _pairs(
    algorithms: Sequence[str], first: str | None, second: str | None
) -> list[tuple[int, int]]:
    """List the pairs that were asked for; who was named stands where it was named."""
    places = range(len(algorithms))
    if first is not None and second is not None:
        return [(algorithms.index(first), algorithms.index(second))]
    if first is not None:
        one = algorithms.index(first)
        return [(one, other) for other in places if other != one]
    if second is not None:
        one = algorithms.index(second)
        return [(other, one) for other in places if other != one]
    return list(itertools.combinations(places, 2))


def _differences(
    values: NDArray[np.float64], pairs: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Subtract the values of each pair, (n_cases, n_pairs); nan where one has none."""
    one, other = values[:, [pair[0] for pair in pairs]], values[:, [pair[1] for pair in pairs]]
    with np.errstate(invalid="ignore"):  # infinite values of both are equal
        found: NDArray[np.float64] = np.where(one == other, 0.0, one - other)
    return found


def _row(
    matrix: ScoreMatrix, pair: tuple[int, int], difference: NDArray[np.float64]
) -> dict[str, Any]:
    """Compare one pair by what needs no samples."""
    sign = 1 if matrix.larger_is_better else -1
    n = len(difference)
    return {
        "task": matrix.task,
        "metric": matrix.metric,
        "first": matrix.algorithms[pair[0]],
        "second": matrix.algorithms[pair[1]],
        "difference": np.nan,
        "low": np.nan,
        "high": np.nan,
        "better": float(np.mean((np.sign(difference) * sign + 1) / 2)) if n else np.nan,
        "n": n,
        "permutation_p": np.nan,
        "wilcoxon_p": float(stats.wilcoxon(difference).pvalue) if difference.any() else np.nan,
        "best_probability": np.nan,
    }


def _resample(
    rows: Sequence[dict[str, Any]],
    differences: NDArray[np.float64],
    groups: Mapping[str, NDArray[np.intp] | None],
    settings: tuple[Aggregate, float, int, int, int],
    sign: int,
) -> None:
    """Fill in what samples say of pairs that have the same cases, (n, n_rows): they are drawn once for all of them."""
    statistic, confidence, samples, permutations, seed = settings
    n = len(differences)
    if not n:
        return
    estimates = aggregated(differences, np.ones((1, n)), statistic)[0]
    finite = np.asarray(np.isfinite(differences).all(axis=0))
    clusters = np.arange(n) if groups["clusters"] is None else groups["clusters"]
    p_values = permutation_ps(differences[:, finite], clusters, permutations, seed)
    for row, estimate in zip(rows, estimates.tolist(), strict=True):
        row["difference"] = estimate
    for place, value in zip(np.flatnonzero(finite).tolist(), p_values.tolist(), strict=True):
        rows[place]["permutation_p"] = value
    if n < 2 or not samples:
        return
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    found = statistics_of_samples(differences, statistic, samples, seed, **groups)
    for row, column in zip(rows, found.T, strict=True):
        row["best_probability"] = float(np.mean((np.sign(column) * sign + 1) / 2))
        if np.isfinite(column).all():
            row["low"], row["high"] = np.quantile(column, tails).tolist()


def permutation_ps(
    differences: NDArray[np.float64], groups: NDArray[np.intp], permutations: int, seed: int
) -> NDArray[np.float64]:
    """Test two-sidedly whether mean differences are 0, by changing signs of cases, or of clusters, at random.

    Of few clusters all patterns of signs are gone through, else the p-value counts the data as one of the samples, so
    that it is never 0.

    Parameters
    ----------
    differences : float64 ndarray (n_cases, n_pairs)
        Finite.
    groups : int ndarray (n_cases,)
    permutations, seed : int

    Returns
    -------
    float64 ndarray (n_pairs,)
    """
    places = np.unique(groups, return_inverse=True)[1]
    sums = np.zeros((int(places.max(initial=-1)) + 1, differences.shape[1]))
    np.add.at(sums, places, differences)
    seen = np.abs(sums.sum(0)) * (1 - 1e-12)  # sums in another order may be rounded otherwise
    if len(sums) <= _FEW_UNITS:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(sums))))
        few: NDArray[np.float64] = (np.abs(signs @ sums) >= seen).mean(0)
        return few
    generator = np.random.default_rng(seed)
    block = max(1, (1 << 20) // len(sums))
    larger = np.zeros(len(seen), np.int64)
    n_bytes = -(-len(sums) // 8)
    for start in range(0, permutations, block):
        many = min(block, permutations - start)
        drawn = generator.integers(0, 256, (many, n_bytes), np.uint8)
        signs = np.unpackbits(drawn, axis=1, count=len(sums)) * 2.0 - 1
        larger += (np.abs(signs @ sums) >= seen).sum(0)
    return (larger + 1) / (permutations + 1)
