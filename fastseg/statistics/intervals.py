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
from fastseg.statistics.ranking_results import FEW_CASES, UNCERTAIN_QUANTILES, in_words
from fastseg.statistics.reading import as_names, score_table
from fastseg.statistics.resampling import as_samples, as_seed, statistics_of_samples
from fastseg.statistics.result_table import ResultTable
from fastseg.statistics.score_table import ScoreTable

#: below which a bootstrap of clusters has too little to draw from
FEW_CLUSTERS = 20

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
    names, seed = as_names(metric, "intervals"), as_seed(seed)
    table = score_table(source, metrics=names, level=level, **columns)
    rows, notes = list[dict[str, Any]](), dict[str, None]()
    columns_of_rows, groups_of_rows = [], []
    for algorithm, task, own in parts_of(table):
        groups = {
            what: None if of is None else _numbers(own, of)
            for what, of in (("clusters", clusters), ("strata", strata))
        }
        for name in names:
            column = own.metrics[own.metric(name)]
            there = ~np.isnan(column)
            defined = column[there]
            kept = {what: None if one is None else one[there] for what, one in groups.items()}
            columns_of_rows.append(defined)
            groups_of_rows.append(kept)
            rows.append(
                {
                    "algorithm": algorithm,
                    "task": task,
                    "metric": name,
                    "statistic": str(statistic),
                    "estimate": np.nan,
                    "low": np.nan,
                    "high": np.nan,
                    "confidence": confidence,
                    "n": len(defined),
                    "undefined": len(column) - len(defined),
                    "infinite": int(np.isinf(defined).sum()),
                }
            )
            notes.update(dict.fromkeys(_notes(rows[-1], kept["clusters"], statistic)))
            if clusters is None and len(np.unique(own.case.codes[there])) < len(defined):
                notes[
                    "cases have several values, which are alike: draw them together, as in clusters"
                ] = None
    for chosen in _drawn_alike(columns_of_rows, groups_of_rows):
        _fill_in(
            [rows[place] for place in chosen],
            np.stack([columns_of_rows[place] for place in chosen], axis=-1),
            groups_of_rows[chosen[0]],
            (statistic, kind, confidence, samples, seed),
            within,
        )
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
    key = table.algorithm.codes.astype(np.int64) * len(table.tasks) + table.task.codes
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    for chosen in np.split(order, starts[1:]):
        if len(chosen):
            algorithm, task = divmod(int(key[chosen[0]]), len(table.tasks))
            yield table.algorithms[algorithm], table.tasks[task], table.rows(chosen)


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
    what, many = ("value", row["n"]) if clusters is None else ("cluster", len(np.unique(clusters)))
    if clusters is not None and many < FEW_CLUSTERS:
        yield f"{where}: {in_words(many, what)}: too few to be drawn from"
    elif many < FEW_CASES:
        yield f"{where}: {in_words(many, what)}: below {FEW_CASES}, intervals are too narrow"
    if statistic != "mean":
        yield f"{where}: {UNCERTAIN_QUANTILES}"
    if row["infinite"] and statistic == "mean":
        yield f"{where}: infinite values ({row['infinite']}): the mean has no interval"
    if row["undefined"]:
        yield f"{where}: {row['undefined']} undefined values are left out"


def _drawn_alike(
    columns: Sequence[NDArray[np.float64]],
    groups: Sequence[Mapping[str, NDArray[np.intp] | None]],
) -> Iterable[list[int]]:
    """List the rows that have as many values in the same groups: samples serve all of them."""
    found: dict[Any, list[int]] = {}
    for place, (column, kept) in enumerate(zip(columns, groups, strict=True)):
        key = (len(column), *(None if one is None else one.tobytes() for one in kept.values()))
        found.setdefault(key, []).append(place)
    return found.values()


def _fill_in(
    rows: Sequence[dict[str, Any]],
    columns: NDArray[np.float64],
    groups: Mapping[str, NDArray[np.intp] | None],
    settings: tuple[Aggregate, Kind, float, int, int],
    within: bool,
) -> None:
    """Fill in the estimate and the interval of rows whose values are the columns, (n, n_rows)."""
    statistic, kind, confidence, samples, seed = settings
    n = len(columns)
    if not n:
        return
    estimates = aggregated(columns, np.ones((1, n)), statistic)[0]
    for row, estimate in zip(rows, estimates.tolist(), strict=True):
        row["estimate"] = estimate
    if n < 2 or not samples:
        return
    found = statistics_of_samples(columns, statistic, samples, seed, within=within, **groups)
    for row, column, of_samples in zip(rows, columns.T, found.T, strict=True):
        if not np.isfinite(row["estimate"]):
            continue
        tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
        if kind == "bca":
            left_out = _left_out(column, groups["clusters"], statistic)
            tails = _bca(of_samples, row["estimate"], left_out, tails)
        if np.isfinite(of_samples).all():
            row["low"], row["high"] = np.quantile(of_samples, tails).tolist()
        else:  # between a number and infinity there is nothing to interpolate
            low, high = tails.tolist()
            row["low"] = float(np.quantile(of_samples, low, method="lower"))
            row["high"] = float(np.quantile(of_samples, high, method="higher"))


def _left_out(
    column: NDArray[np.float64], clusters: NDArray[np.intp] | None, statistic: Aggregate
) -> NDArray[np.float64]:
    """Give the statistic without each case, or each cluster."""
    n = len(column)
    units = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    many = int(units.max()) + 1
    if many < 2:
        return np.full(many, np.nan)
    if statistic == "mean":
        means: NDArray[np.float64] = (column.sum() - np.bincount(units, column)) / (
            n - np.bincount(units)
        )
        return means
    if clusters is None and np.isfinite(column).all():
        return _quantiles_left_out(column, 0.5 if statistic == "median" else float(statistic))
    block = max(1, (1 << 20) // n)
    parts = [
        aggregated(
            column[:, None],
            (units != np.arange(start, min(start + block, many))[:, None]).astype(float),
            statistic,
        )[:, 0]
        for start in range(0, many, block)
    ]
    return np.concatenate(parts)


def _quantiles_left_out(column: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Give the quantile without each value, in ascending order of these."""
    ascending, left_out = np.sort(column), np.arange(len(column))
    place = share * (len(column) - 2)
    low, high = int(np.floor(place)), int(np.ceil(place))
    below, above = ascending[low + (left_out <= low)], ascending[high + (left_out <= high)]
    found: NDArray[np.float64] = below + (above - below) * (place - low)
    return found


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
