"""The tail beside the mean: how many cases are below what is acceptable, and how many cases a study needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special, stats

from fastseg.errors import InputError
from fastseg.inputs.scalars import as_number
from fastseg.statistics.intervals import as_confidence, parts_of
from fastseg.statistics.reading import score_table
from fastseg.statistics.result_table import ResultTable

COLUMNS = (
    *("algorithm", "task", "metric", "floor", "share", "low", "high"),
    *("confidence", "worse", "n", "undefined"),
)


def share_below(
    source: Any, floors: Mapping[str, float], *, confidence: float = 0.95, **columns: Any
) -> ResultTable:
    """Give the share of cases that are worse than a floor, with Wilson's interval.

    Parameters
    ----------
    source : Evaluation, DataFrame, path, ScoreTable, or a mapping or list of these
        What :func:`~fastseg.statistics.score_table` takes; `columns` are passed on to it.
    floors : mapping of str to float
        From metrics to the value that is just acceptable, as in ``{"dice": 0.7, "hd95": 10}``: below it a metric of
        which larger is better is worse, above it one of which smaller is.
    confidence : float

    Returns
    -------
    ResultTable
        For each algorithm, task and metric. Undefined values are neither worse nor counted in n.

    Raises
    ------
    ValueError, TypeError
        For unknown metrics, and floors that are no numbers.

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 209 (1927).

    Examples
    --------
    >>> import pandas, fastseg
    >>> scores = pandas.DataFrame({"case": list("abcd"), "dice": [0.8, 0.9, 0.5, 0.95]})
    >>> row = fastseg.statistics.share_below(scores, {"dice": 0.7})[0]
    >>> row["share"], round(row["low"], 3), round(row["high"], 3)
    (0.25, 0.046, 0.699)
    """
    confidence = as_confidence(confidence)
    table = score_table(source, metrics=list(floors), **columns)
    rows = []
    for algorithm, task, own in parts_of(table):
        for name, limit in floors.items():
            floor = as_number(limit, f"floors[{name!r}]")
            metric = own.metric(name)
            values = own.metrics[metric]
            defined = values[~np.isnan(values)]
            is_worse = defined < floor if own.direction(metric) else defined > floor
            worse, n = int(is_worse.sum()), len(defined)
            low = high = math.nan
            if n:
                found = stats.binomtest(worse, n).proportion_ci(confidence, method="wilson")
                low, high = float(found.low), float(found.high)
            rows.append(
                {
                    "algorithm": algorithm,
                    "task": task,
                    "metric": metric,
                    "floor": floor,
                    "share": worse / n if n else math.nan,
                    "low": low,
                    "high": high,
                    "confidence": confidence,
                    "worse": worse,
                    "n": n,
                    "undefined": len(values) - n,
                }
            )
    return ResultTable(tuple(rows), COLUMNS)


def cases_needed(
    difference: float,
    sd: float,
    *,
    power: float | None = None,
    confidence: float = 0.95,
) -> int:
    """Tell how many cases are needed to know a mean, or to see a difference.

    Parameters
    ----------
    difference : float
        Half of the interval that is wanted; with `power` the mean difference of two algorithms on the same cases.
    sd : float
        Standard deviation of the metric over cases; with `power` that of the differences of cases.
    power : float, optional
        The chance to find a difference of this size by a two-sided test. Default: none, an interval is wanted.
    confidence : float
        Of the interval, or 1 - α of the test.

    Returns
    -------
    int
        n = ⌈((z₁₋α/₂ + z_power)·sd/difference)²⌉, with z_power = 0 for an interval.

    Raises
    ------
    ValueError
        For a difference that is not positive, a negative sd, a power or confidence that is none.

    References
    ----------
    El Jurdi et al., arXiv:2307.10926: with an sd of 3 %, an interval of ±1 % takes some 35 cases by this formula, and
    100 to 200 where values are skewed.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.statistics.cases_needed(0.01, 0.05), fastseg.statistics.cases_needed(0.01, 0.05, power=0.8)
    (97, 197)
    """
    confidence = as_confidence(confidence)
    difference, sd = as_number(difference, "difference"), as_number(sd, "sd")
    if not 0 < difference < math.inf:
        raise InputError(f"difference: expected a number above 0, got {difference!r:.80}")
    if not 0 <= sd < math.inf:
        raise InputError(f"sd: expected a number of at least 0, got {sd!r:.80}")
    if power is not None and not 0 < power < 1:
        raise InputError(f"power: expected a chance between 0 and 1, got {power!r:.80}")
    z = float(special.ndtri((1 + confidence) / 2))
    if power is not None:
        z += float(special.ndtri(power))
    return max(1, math.ceil((z * sd / difference) ** 2 - 1e-9))
