"""An evaluation as one flat dictionary of numbers, as trackers of experiments take them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fastseg.results.safe_names import safe_names
from fastseg.results.summary import MetricSummary, Summary


def flat_of(
    summaries: Sequence[Summary], counts: Mapping[tuple[str, ...], Mapping[str, int]]
) -> dict[str, float]:
    """Write every statistic of summaries, and counts, under a name with slashes; what is not finite is left out.

    Parameters
    ----------
    summaries : sequence of Summary
    counts : mapping
        From the beginning of the name to names and numbers.
    """
    texts = {text for summary in summaries for key in summary.groups for text in key}
    safe = safe_names(sorted(texts | {text for key in counts for text in key}))
    found: dict[str, float] = {}
    for key, numbers in counts.items():
        for name, number in numbers.items():
            found["/".join((*map(safe.__getitem__, key), name))] = number
    for summary in summaries:
        for key, statistics in summary.groups.items():
            parts = [safe[text] for text in (key if summary.by else key[-1:])]
            for name, value in _numbers(statistics).items():
                found["/".join((*parts, name))] = value
    return found


def _numbers(statistics: MetricSummary) -> dict[str, float]:
    return {
        name: value
        for name, value in statistics.to_dict().items()
        if name not in ("floor", "failed", "missing") and math.isfinite(value)
    }
