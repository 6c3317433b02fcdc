"""What a reader needs to know of a column: of a metric by the registry, of an organiser's score by the settings.

The settings of an evaluation hold, under "scores", the facts about columns that are no metrics of the registry, as a
protocol has them; what neither knows, as in a table of another version, has no unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fastseg.errors import InputError
from fastseg.metrics import find

#: the key of the settings
SCORES = "scores"


class ScoreFacts(NamedTuple):
    """Unit ("", "mm", "mm³" or any other text), direction (None where there is none), and the options it depends on."""

    unit: str = ""
    larger_is_better: bool | None = None
    uses: frozenset[str] = frozenset()


def facts_of(name: str, settings: Mapping[str, Any]) -> ScoreFacts:
    """Find the facts about a column of an evaluation with these settings."""
    scores = settings.get(SCORES)
    if isinstance(scores, Mapping) and isinstance(scores.get(name), Mapping):
        found = scores[name]
        return ScoreFacts(str(found.get("unit", "")), found.get("larger_is_better"))
    try:
        metric = find(name)  # a column may be called as a group of metrics is
    except InputError:
        return ScoreFacts()
    return ScoreFacts(metric.unit, metric.larger_is_better, metric.uses)


def directions_of(names: Iterable[str], settings: Mapping[str, Any]) -> dict[str, bool]:
    """Tell of the columns of which it is known whether larger is better."""
    larger = {name: facts_of(name, settings).larger_is_better for name in names}
    return {name: told for name, told in larger.items() if told is not None}
