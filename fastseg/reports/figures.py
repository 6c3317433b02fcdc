"""The figures of a report, as SVG within the page."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fastseg import plots
from fastseg.io.image import require
from fastseg.statistics import Ranking, ScoreTable, TaskRanking

#: boxes beyond which each structure gets a figure of its own
_BOXES = 40
#: figures of distributions, rankings that are drawn, tasks of a line; what they leave out is said
_MOST, _RANKINGS, _TASKS = 8, 5, 12
#: cases beyond which the lines of a podium are a wall
_PODIUM_CASES = 300


class Figure(NamedTuple):
    """A figure with its kind, what it shows and its SVG, as text that is safe in a page."""

    kind: str
    title: str
    svg: Any


def figures_of(
    table: ScoreTable, metrics: Sequence[str], ranking: Ranking | None
) -> tuple[list[Figure], list[str]]:
    """Draw distributions, and of several algorithms their ranks; also say what was left out."""
    found, notes = _boxes(table, metrics)
    if ranking is not None:
        more, left_out = _ranks(table, ranking)
        found += more
        notes += left_out
    return found, notes


def _drawn(kind: str, title: str, draw: Callable[[], Any]) -> Figure:
    markup = require("markupsafe", "a report", "report").Markup
    with plots.detached():
        figure = draw().figure
        return Figure(kind, title, markup(plots.figure_svg(figure, title)))


def _boxes(table: ScoreTable, metrics: Sequence[str]) -> tuple[list[Figure], list[str]]:
    many = len(table.tasks) * len(table.algorithms)
    if not len(table):
        return [], []
    if many <= _BOXES:
        return [
            _drawn(
                "distributions",
                f"Distribution of {metric}",
                functools.partial(plots.box, table, metric),
            )
            for metric in metrics
        ], []
    # one algorithm with many structures: a figure of a metric holds as many as are seen at once
    size = max(1, _BOXES // len(table.algorithms))
    groups = [table.tasks[start : start + size] for start in range(0, len(table.tasks), size)]
    found: list[Figure] = []
    for metric in metrics:
        for group in groups:
            if len(found) == _MOST:
                break
            part = table.of(task=list(group))
            named = group[0] if len(group) == 1 else f"{group[0]} to {group[-1]}"
            title = f"Distribution of {metric}, {named}"
            found.append(_drawn("distributions", title, functools.partial(plots.box, part, metric)))
    notes = []
    if len(groups) * len(metrics) > len(found):
        notes.append(
            f"Distributions: the first {len(found)} of {len(groups) * len(metrics)} figures; choose metrics, or "
            "structures, to see others."
        )
    return found, notes


def _ranks(table: ScoreTable, ranking: Ranking) -> tuple[list[Figure], list[str]]:
    """Draw how stable the ranks are, what is significant, and who is where in each case."""
    tasks: list[TaskRanking] = list(ranking.tasks)
    if len(tasks) > 1:
        tasks.insert(0, ranking.consensus())
    found: list[Figure] = []
    for metric in dict.fromkeys(one.metric for one in ranking.tasks):
        own = tuple(one for one in ranking.tasks if one.metric == metric)
        if 1 < len(own) <= _TASKS:
            draw = functools.partial(plots.rank_lines, Ranking(own, ranking.settings))
            found.append(_drawn("ranks", f"Ranks by {metric} in all structures", draw))
    for one in tasks[:_RANKINGS]:
        name = _name(one)
        if len(one.samples):
            title = f"How stable the ranks are: {name}"
            found.append(_drawn("stability", title, functools.partial(plots.stability, one)))
        if one.task != "consensus":
            title = f"Who is significantly better: {name}"
            found.append(_drawn("significance", title, functools.partial(plots.significance, one)))
    for one in ranking.tasks[: _RANKINGS - 1]:
        if one.n_cases <= _PODIUM_CASES:
            title = f"Places of the algorithms in each case: {_name(one)}"
            draw = functools.partial(plots.podium, table, one.metric, one.task or None)
            found.append(_drawn("podium", title, draw))
    notes = []
    if len(tasks) > _RANKINGS:
        notes.append(
            f"Ranks: figures of {_RANKINGS} of {len(tasks)} rankings; the table above has all of them."
        )
    return found, notes


def _name(ranking: TaskRanking) -> str:
    return " of ".join(part for part in (ranking.metric, ranking.task) if part)
