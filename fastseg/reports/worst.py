"""Which metrics a report is about, and which rows are the worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg.statistics import ScoreTable

#: what is looked at first where nobody says it: an overlap, a share of the boundary, the far and the mean distance
_FIRST = ("dice", "nsd", "hd95", "masd", "assd", "panoptic_quality", "iou", "hd")
MANY_METRICS = 4


def headline_metrics(table: ScoreTable, wanted: Sequence[str] | None) -> list[str]:
    """Choose the metrics that get intervals, ranks and figures: those asked for, or up to four with a direction."""
    if wanted is not None:
        return [table.metric(name) for name in wanted]
    known = [name for name in table.metrics if name in table.larger_is_better]
    usual = [name for name in _FIRST if name in known]
    return [*usual, *(name for name in known if name not in usual)][:MANY_METRICS]


def badness(table: ScoreTable, metric: str) -> NDArray[np.float64]:
    """Give a number that is larger the worse a row is; what is undefined is worse than nothing."""
    values = table.metrics[metric]
    bad = -values if table.larger_is_better.get(metric, True) else values
    return np.where(np.isnan(bad), -np.inf, bad)


def worst_first(table: ScoreTable, metrics: Sequence[str]) -> NDArray[np.intp]:
    """Order rows from the worst by the first metric on, equal ones by the next; undefined rows are last."""
    if not metrics:
        return np.arange(len(table))
    keys = [-badness(table, name) for name in reversed(metrics)]
    return np.lexsort(keys)
