"""grand-challenge's metrics.json: a table of cases and aggregates over them, as evalutils makes them with pandas.

A row of the table is a case. Its columns are ``dice``, the mean over the structures of the case that have a value,
and ``liver_dice`` for each structure. An aggregate has the numbers of pandas' ``describe``; quartiles stand there
twice, as pandas and as evalutils name them (``25%``, ``25pc``). What is not finite is ``null``: JSON has no number for
it. A case that failed is a row without numbers, with the reason in the column ``problem``.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastseg.results.evaluation import Evaluation
from fastseg.results.files import encodable, written
from fastseg.results.json_values import plain
from fastseg.results.missing import missing_predictions
from fastseg.results.problems import PROBLEM, UNLISTED
from fastseg.results.safe_names import safe_names
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer, only_algorithm

QUARTILES = {"25": 25, "50": 50, "75": 75}


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write metrics.json of one algorithm."""
    text = json.dumps(metrics_of(evaluation), indent=1, ensure_ascii=False, allow_nan=False)
    written(text + "\n", path)


def metrics_of(evaluation: Evaluation) -> dict[str, Any]:
    """Make the content of metrics.json."""
    only_algorithm(evaluation, "grand-challenge")
    table = cases_of(evaluation)
    found: dict[str, Any] = {
        "case": {
            name: {str(index): plain(value) for index, value in enumerate(column)}
            for name, column in table.items()
        },
        "aggregates": {name: plain(aggregate(column)) for name, column in table.items()},
    }
    if unlisted := evaluation.settings.get(UNLISTED):
        found[UNLISTED] = plain(unlisted)
    return found


def cases_of(evaluation: Evaluation) -> dict[str, list[Any]]:
    """Give the columns of the table of cases, nan for what a case lacks."""
    rows = [row for row in evaluation.rows if row.level == "structure"]
    problems = {failure.case: failure.reason for failure in evaluation.failures}
    for one in missing_predictions(evaluation.settings):
        problems.setdefault(one.case, "no prediction")
    cases = list(dict.fromkeys([*evaluation.cases, *problems]))
    place = {case: index for index, case in enumerate(cases)}
    names = safe_names([row.name for row in rows], r"\w\-")
    # what stands between becomes "_", and the volume_difference of "a_relative" is none of "a"
    texts = {
        (name, metric): f"{written}\0{metric}"
        for name, written in names.items()
        for metric in evaluation.metrics
    }
    safe = safe_names(["case", PROBLEM, *evaluation.metrics, *texts.values()], r"\w\-")
    table: dict[str, list[Any]] = {"case": [encodable(case) for case in cases]}
    of_case: dict[str, list[list[float]]] = {
        metric: [[] for _ in cases] for metric in evaluation.metrics
    }
    for metric in evaluation.metrics:
        table[safe[metric]] = [math.nan] * len(cases)
    columns = {
        key: table.setdefault(safe[text], [math.nan] * len(cases)) for key, text in texts.items()
    }
    for row in rows:
        index = place[row.case]
        for metric, value in row.values_by_metric.items():
            columns[row.name, metric][index] = value
            if value == value:
                of_case[metric][index].append(value)
    for metric, values in of_case.items():
        table[safe[metric]] = [_mean(held) for held in values]
    if problems:
        table[PROBLEM] = [problems.get(case) for case in cases]
    return table


def _mean(values: Sequence[float]) -> float:
    """Average the few structures of a case, in the same bits on every Python."""
    if not values:
        return math.nan
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # their sum is without bound
        return math.fsum(value / len(values) for value in values)
    except ValueError:  # infinite ones of both signs have no mean
        return math.nan


def aggregate(column: Sequence[Any]) -> dict[str, Any]:
    """Describe a column as pandas does: numbers by their statistics, texts by how many and the most frequent."""
    if any(isinstance(value, str) for value in column):
        texts = Counter(value for value in column if value is not None)
        return {"count": sum(texts.values()), "freq": max(texts.values())}
    values = np.asarray(column, np.float64)
    defined = values[~np.isnan(values)]
    n = len(defined)
    if not n:
        names = ("mean", "std", "min", "max", "25%", "50%", "75%", "25pc", "50pc", "75pc")
        return dict.fromkeys(names, math.nan) | {"count": 0.0}
    with np.errstate(invalid="ignore", over="ignore"):
        # in the order of pandas' own steps, and with its zeros for what is not there
        mean = np.sum(np.where(np.isnan(values), 0.0, values)) / n
        squares = np.where(np.isnan(values), 0.0, (mean - values) ** 2)
        found = {
            "mean": float(mean),
            "std": float(np.sqrt(np.sum(squares) / (n - 1))) if n > 1 else math.nan,
            "min": float(defined.min()),
            "max": float(defined.max()),
        }
        quartiles = dict(
            zip(QUARTILES, map(float, np.percentile(defined, [*QUARTILES.values()])), strict=True)
        )
    found.update({f"{name}%": value for name, value in quartiles.items()})
    found["count"] = float(n)
    return found | {f"{name}pc": value for name, value in quartiles.items()}


WRITER = Writer("grand-challenge", (), "grand-challenge's metrics.json", write, one_algorithm=True)
