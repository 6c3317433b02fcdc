"""Intervals of what a metric is on average: bootstraps of cases, of clusters, of patients and their lesions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.results.rows import Level
from fastseg.statistics.aggregates import Aggregate, aggregated, as_aggregate
from fastseg.statistics.ranking_results import FEW_CASES
from fastseg.statistics.reading import score_table
from fastseg.statistics.resampling import LastWeights, as_samples
from fastseg.statistics.result_table import ResultTable
from fastseg.statistics.score_table import ScoreTable

Kind = Literal["bca", "percentile"]
KINDS: tuple[Kind, ...] = ("bca", "percentile")

COLUMNS = (
    *("algorithm", "task", "metric", "statistic", "estimate", "low", "high"),
    *("confidence", "n", "undefined", "infinite"),
)


def intervals(
    source: Any,
    metric: str | Sequence[str],
    *,
    statistic: Aggregate = "mean",
    kind: Kind = "bca",
    confidence: float = 0.95,
    samples: int = 2000,
    clusters: str | None = None,
    strata: str | None = None,
    within: bool = False,
    level: Level = "structure",
    seed: int = 0,
    **columns: Any,
) -> ResultTable:
    """Give the interval of a mean, median or quantile of each metric, for each algorithm and task.

    Parameters
    ----------
    source : Evaluation, DataFrame, path, ScoreTable, or a mapping or list of these
        What :func:`~fastseg.statistics.score_table` takes; `columns` are passed on to it.
    metric : str or sequence of str
    statistic : {"mean", "median"} or float
        Or the share of a quantile; of the defined values.
    kind : {"bca", "percentile"}
        Bias-corrected and accelerated (Efron 1987), or the percentiles of the samples themselves.
    confidence : float
    samples : int
        Of the bootstrap.
    clusters : str, optional
        An attribute, such as "patient" or "site", whose cases are drawn together; "case" for rows of instances.
    strata : str, optional
        An attribute of whose values each sample has as many cases as there are.
    within : bool
        Draw the rows of each drawn cluster anew, too: patients, and then their lesions.
    level : {"structure", "instance"}
        Which rows of an evaluation count.
    seed : int

    Returns
    -------
    ResultTable
        With the columns algorithm, task, metric, statistic, estimate, low, high, confidence, n, undefined, infinite.
        Its notes say where an interval should not be trusted. An interval is nan where fewer than two values are
        defined, and where any is infinite the mean has none.

    Raises
    ------
    ValueError, TypeError
        For unknown names, and a confidence that is none.

    References
    ----------
    Efron, Better bootstrap confidence intervals, JASA 82, 171 (1987). El Jurdi et al., arXiv:2307.10926: intervals
    of segmentation metrics and the number of cases.

    Examples
    --------
    >>> import pandas, fastseg
    >>> scores = pandas.DataFrame({"case": list("abcd"), "dice": [0.8, 0.9, 0.85, 0.95]})
    >>> row = fastseg.statistics.intervals(scores, "dice", samples=500)[0]
    >>> round(row["estimate"], 4), row["low"] < 0.875 < row["high"]
    (0.875, True)
    """
    statistic, samples = as_aggregate(statistic), as_samples(samples)
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    confidence = as_confidence(confidence)
    if within and clusters is None:
        raise InputError('within: say of what the rows are drawn, as in clusters="case"')
    names = [metric] if isinstance(metric, str) else list(metric)
    table = score_table(source, metrics=names, level=level, **columns)
    rows, notes = [], dict[str, None]()
    drawn = LastWeights(samples, seed)
    for algorithm, task, own in parts_of(table):
        groups = {
            what: None if name is None else _numbers(own, name)
            for what, name in (("clusters", clusters), ("strata", strata))
        }
        for name in names:
            column = own.metrics[own.metric(name)]
            estimate, low, high = _interval(
                column, groups, statistic, kind, confidence, drawn, within
            )
            defined = column[~np.isnan(column)]
            rows.append(
                {
                    "algorithm": algorithm,
                    "task": task,
                    "metric": name,
                    "statistic": str(statistic),
                    "estimate": estimate,
                    "low": low,
                    "high": high,
                    "confidence": confidence,
                    "n": len(defined),
                    "undefined": len(column) - len(defined),
                    "infinite": int(np.isinf(defined).sum()),
                }
            )
            notes.update(dict.fromkeys(_notes(rows[-1], groups["clusters"], statistic)))
    for lost in table.absent:
        notes[f"no values of {lost[1]}{f' by {lost[0]}' if lost[0] else ''}: {lost[2]}"] = None
    return ResultTable(tuple(rows), COLUMNS, tuple(notes))


def as_confidence(confidence: float) -> float:
    """Check the level of an interval."""
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)):
        raise InputError(f"confidence: expected a level between 0 and 1, got {confidence!r:.80}")
    if not 0 < confidence < 1:
        raise InputError(f"confidence: expected a level between 0 and 1, got {confidence!r:.80}")
    return float(confidence)


def parts_of(table: ScoreTable) -> Iterable[tuple[str, str, ScoreTable]]:
    """Give the rows of each algorithm and task."""
    for algorithm, name in enumerate(table.algorithms):
        for task, of_task in enumerate(table.tasks):
            chosen = (table.algorithm.codes == algorithm) & (table.task.codes == task)
            if chosen.any():
                yield name, of_task, table.rows(chosen)


def _numbers(table: ScoreTable, name: str) -> NDArray[np.intp]:
    """Number the values that an attribute, or the case itself, has in each row."""
    if name == "case":
        return table.case.codes.astype(np.intp)
    if name not in table.attributes:
        raise unknown("attribute", name, (*table.attributes, "case"))
    return table.attributes[name].codes.astype(np.intp)


def _notes(
    row: Mapping[str, Any], clusters: NDArray[np.intp] | None, statistic: Aggregate
) -> Iterable[str]:
    """Say why an interval should not be trusted."""
    where = " ".join(part for part in (row["algorithm"], row["task"], row["metric"]) if part)
    if row["n"] < FEW_CASES:
        yield f"{where}: {row['n']} values: below {FEW_CASES}, intervals are too narrow"
    if clusters is not None and len(np.unique(clusters)) < 20:
        yield f"{where}: {len(np.unique(clusters))} clusters: too few to be drawn from"
    if statistic != "mean":
        yield f"{where}: bootstrap intervals of medians and quantiles cover less than they say"
    if row["infinite"] and statistic == "mean":
        yield f"{where}: {row['infinite']} values are infinite: the mean has no interval"
    if row["undefined"]:
        yield f"{where}: {row['undefined']} undefined values are left out"


def _interval(
    column: NDArray[np.float64],
    groups: Mapping[str, NDArray[np.intp] | None],
    statistic: Aggregate,
    kind: Kind,
    confidence: float,
    drawn: LastWeights,
    within: bool,
) -> tuple[float, float, float]:
    """Give the estimate and its interval."""
    defined = ~np.isnan(column)
    values = column[defined][:, None]
    n = len(values)
    if not n:
        return np.nan, np.nan, np.nan
    estimate = float(aggregated(values, np.ones((1, n)), statistic)[0, 0])
    if n < 2 or not np.isfinite(estimate) or not drawn.samples:
        return estimate, np.nan, np.nan
    kept = {what: None if one is None else one[defined] for what, one in groups.items()}
    # without groups every sample has n cases
    divided = statistic == "mean" and not any(one is not None for one in kept.values())
    found = np.concatenate(
        [
            (weights @ values)[:, 0] / n
            if divided
            else aggregated(values, weights, statistic)[:, 0]
            for weights in drawn.of(n, within, **kept)
        ]
    )
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if kind == "bca":
        tails = _bca(found, estimate, _left_out(values, kept["clusters"], statistic), tails)
    low, high = np.quantile(found, tails).tolist()
    return estimate, low, high


def _left_out(
    values: NDArray[np.float64], clusters: NDArray[np.intp] | None, statistic: Aggregate
) -> NDArray[np.float64]:
    """Give the statistic without each case, or each cluster."""
    n = len(values)
    units = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    many = int(units.max()) + 1
    if statistic == "mean" and many > 1:  # of all, without what each has: n² steps fewer
        own = np.bincount(units, values[:, 0], many)
        left: NDArray[np.float64] = (own.sum() - own) / (n - np.bincount(units, minlength=many))
        return left
    block = max(1, (1 << 20) // n)
    parts = [
        aggregated(
            values,
            (units != np.arange(start, min(start + block, many))[:, None]).astype(float),
            statistic,
        )[:, 0]
        for start in range(0, many, block)
    ]
    return np.concatenate(parts)


def _bca(
    found: NDArray[np.float64],
    estimate: float,
    left_out: NDArray[np.float64],
    tails: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Correct the tails for bias and acceleration; ties with the estimate count half."""
    share = ((found < estimate).sum() + 0.5 * (found == estimate).sum()) / len(found)
    if not 0 < share < 1:
        return tails
    bias = special.ndtri(share)
    away = left_out.mean() - left_out
    spread = (away**2).sum() ** 1.5
    acceleration = (away**3).sum() / (6 * spread) if spread > 0 else 0.0
    moved = bias + special.ndtri(tails)
    corrected: NDArray[np.float64] = special.ndtr(bias + moved / (1 - acceleration * moved))
    return corrected
