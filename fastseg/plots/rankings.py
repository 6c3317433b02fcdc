"""What figures of rankings are given: the ranking of one task and metric, or what one is made of."""

from __future__ import annotations

from typing import Any

from fastseg.errors import InputError
from fastseg.plots.scores import scores_of
from fastseg.statistics import Ranking, TaskRanking, rank


def ranking_of(
    source: Any, metric: str | None, task: str | None, options: dict[str, Any]
) -> TaskRanking:
    """Find the ranking of a task and metric, or make it.

    Raises
    ------
    ValueError, TypeError
        Where it is not said which of several, for unknown names, and for what cannot be ranked.
    """
    if isinstance(source, (TaskRanking, Ranking)) and options:
        raise InputError(
            f"{next(iter(options))}: the ranking is made already; give it to rank instead"
        )
    if isinstance(source, TaskRanking):
        return source
    if isinstance(source, Ranking):
        return _chosen(source, metric, task)
    scores = scores_of(source, metric)
    tasks = scores.table.tasks
    if task is None and len(tasks) > 1:
        raise InputError(f"task: there are several ({', '.join(tasks):.200}): name one")
    return rank(scores.table, scores.metric, tasks=task, **options).tasks[0]


def _chosen(ranking: Ranking, metric: str | None, task: str | None) -> TaskRanking:
    """Find the one ranking that was named."""
    found = [
        one for one in ranking.tasks if metric in (None, one.metric) and task in (None, one.task)
    ]
    if len(found) == 1:
        return found[0]
    known = "; ".join(f"task={one.task!r}, metric={one.metric!r}" for one in ranking.tasks)
    told = "name one" if found else "there is none of this name"
    raise InputError(f"ranking: {told} of {known:.300}")
