"""An evaluation as columns of text for a terminal: the rows of one case, or means over several."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fastseg.inputs.structures import label_text
from fastseg.results import Evaluation, MetricSummary, Row
from fastseg.results.files import encodable
from fastseg.results.score_facts import facts_of
from fastseg.results.summary import summarise
from fastseg.results.units import units_of

#: what stands below a mean that is infinite
MEDIAN = "  median"


class Column(NamedTuple):
    """A header, which may have several lines, and cells; to the left or to the right."""

    header: str
    cells: list[str]
    left: bool = False


@dataclass
class Columns:
    """A table: the columns that say what a line is, and those of values.

    Attributes
    ----------
    identity, values : list of Column
    ruled : set of int
        The lines under which a rule is drawn.
    has_medians : bool
        Whether a median stands below a mean.
    """

    identity: list[Column]
    values: list[Column]
    ruled: set[int] = field(default_factory=set)
    has_medians: bool = False


def by_row(evaluation: Evaluation, shown: Sequence[str]) -> Columns:
    """Make the columns of one case: a line for each structure."""
    rows = evaluation.structures
    values = [
        Column(header, [_cell(row, name, places) for row in rows])
        for name, header, places in _headers(evaluation, shown)
    ]
    if any(row.empty for row in rows):
        values.append(Column("empty", [row.empty for row in rows], left=True))
    return Columns(_identity(rows), values)


def by_label(evaluation: Evaluation, shown: Sequence[str]) -> Columns:
    """Make the columns of means over several cases: a line for each label, and one for all rows.

    Below a line with an infinite mean stands one with the medians.
    """
    groups: dict[str, list[Row]] = {}
    for row in evaluation.structures:
        groups.setdefault(row.name, []).append(row)
    members = [*groups.values(), list(evaluation.structures)]
    summaries = [
        {
            name: summarise([row[name] for row in rows if name in row.values_by_metric])
            for name in shown
        }
        for rows in members
    ]
    has_median = [any(entry.infinite for entry in found.values()) for found in summaries]

    def lined(cells: Sequence[str], medians: Sequence[str] | None = None) -> list[str]:
        """Add the lines of medians, which are blank unless given."""
        below = medians or [""] * len(cells)
        pairs = zip(cells, below, has_median, strict=True)
        return [text for cell, median, has in pairs for text in ([cell, median] if has else [cell])]

    first, *more = _identity([rows[0] for rows in groups.values()])
    identity = [
        first._replace(cells=lined([*first.cells, "all rows"], [MEDIAN] * len(members))),
        *(column._replace(cells=lined([*column.cells, ""])) for column in more),
        Column("cases", lined([str(len(rows)) for rows in members])),
    ]
    for title, counted in _counted(shown):
        numbers = [sum(map(counted, rows)) for rows in members]
        if any(numbers):
            identity.append(Column(title, lined([str(n) if n else "" for n in numbers])))
    values = []
    for name, header, places in _headers(evaluation, shown):
        found = [summary[name] for summary in summaries]
        medians = [_number(entry.median, places) for entry in found]
        values.append(Column(header, lined([_mean(entry, places) for entry in found], medians)))
    last = len(members) - 2 + sum(has_median[:-1])
    return Columns(identity, values, {last}, any(has_median))


def _counted(shown: Sequence[str]) -> list[tuple[str, Callable[[Row], bool]]]:
    """Name what is counted of each label's rows."""
    return [
        (
            "no\nvalue",
            lambda row: any(math.isnan(row.values_by_metric.get(name, 0.0)) for name in shown),
        ),
        ("one\nempty", lambda row: row.empty in ("reference", "prediction")),
    ]


def _identity(rows: Sequence[Row]) -> list[Column]:
    """Make the columns of name and id of each label, or one of them where they are the same."""
    names = [encodable(row.name) for row in rows]
    ids = [_short(label_text(row.label)) for row in rows]
    if names == ids:
        return [Column("label", ids)]
    return [Column("name", names, left=True), Column("label", ids)]


def _short(label: str) -> str:
    """Count a large region's labels in place of listing them."""
    count = label.count("+") + 1
    return label if count <= 3 else f"{count} labels"


def _headers(evaluation: Evaluation, shown: Sequence[str]) -> list[tuple[str, str, int]]:
    """Give name, header and number of decimal places of the metrics."""
    units = units_of(shown, evaluation.settings)
    found = []
    for name, unit in units.items():
        places = {"": 4, "mm": 3}.get(facts_of(name, evaluation.settings).unit, 1)
        if _are_counts(
            name, [row.values_by_metric.get(name, 0.0) for row in evaluation.structures]
        ):
            places = int(len(evaluation.cases) > 1)
        found.append((name, f"{name}\n[{unit}]" if unit else name, places))
    return found


# Words in the names of scores that count something.
_COUNTED = frozenset(("n", "num", "tp", "fp", "fn", "tn"))


def _are_counts(name: str, values: Sequence[float]) -> bool:
    """Tell whether numbers count something: they are whole, and not all are 0 or 1, as ratios may be.

    Of a score whose name says that it counts, all may be.
    """
    if not all(map(float.is_integer, map(float, values))):
        return False
    return any(value > 1 for value in values) or not _COUNTED.isdisjoint(name.lower().split("_"))


def _cell(row: Row, name: str, places: int) -> str:
    """Write a value; nothing where the row has none of this name."""
    found = row.values_by_metric.get(name)
    return "" if found is None else _number(found, places)


def _mean(summary: MetricSummary, places: int) -> str:
    """Write a mean, and how many rows make it infinite."""
    text = _number(summary.mean, places)
    return f"{text} ({summary.infinite})" if summary.infinite else text


def _number(value: float, places: int) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.{places}f}"
