"""What figures of scores are given: a table of scores, with the unit of a metric and the values of each group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.results import Evaluation
from fastseg.results.units import joined_units, units_of
from fastseg.statistics import ScoreTable, score_table


class Group(NamedTuple):
    """The values of a metric of one structure by one algorithm; nan where undefined."""

    task: str
    algorithm: str
    values: NDArray[np.float64]


class Scores(NamedTuple):
    """A metric of a table: its name, how an axis is labelled, and the table."""

    table: ScoreTable
    metric: str
    label: str

    def groups(self) -> list[Group]:
        """Give the values of each structure and algorithm, in the order of the table."""
        tasks, algorithms = self.table.tasks, self.table.algorithms
        place = (
            self.table.task.codes.astype(np.int64) * len(algorithms) + self.table.algorithm.codes
        )
        order = np.argsort(place, kind="stable")
        found, first = np.unique(place[order], return_index=True)
        values = np.split(self.table.metrics[self.metric][order], first[1:])
        return [
            Group(tasks[one // len(algorithms)], algorithms[one % len(algorithms)], held)
            for one, held in zip(found.tolist(), values, strict=True)
        ]


def scores_of(source: Any, metric: str | None) -> Scores:
    """Read what :func:`~fastseg.statistics.score_table` reads, and find a metric of it: Dice, or else the first.

    Raises
    ------
    ValueError, TypeError
        For what is no table, and for an unknown metric.
    """
    table = score_table(source)
    if metric is None:
        metric = "dice" if "dice" in table.metrics else next(iter(table.metrics), "dice")
    name = table.metric(metric)
    unit = units_of([name], _settings(source, table))[name]
    words = [name.replace("_", " ") + (f" [{unit}]" if unit else "")]
    if name in table.larger_is_better:
        words.append("larger is better" if table.larger_is_better[name] else "smaller is better")
    return Scores(table, name, ", ".join(words))


def _settings(source: Any, table: ScoreTable) -> Mapping[str, Any]:
    """Find the settings behind a table, as far as units depend on them."""
    if isinstance(source, Evaluation):
        return source.settings
    parts = [one.settings for one in getattr(table, "origins", ()) if one.settings]
    if isinstance(source, Mapping):
        parts = [part.settings for part in source.values() if isinstance(part, Evaluation)]
    return {**parts[0], **joined_units(parts)} if parts else {}
