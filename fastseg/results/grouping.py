"""Rows by label, algorithm or attribute, and what is missing among them: the groups of a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_number
from fastseg.metrics import canonical
from fastseg.results.failures import Failure
from fastseg.results.missing import Missing
from fastseg.results.rows import Row
from fastseg.results.summary import MetricSummary, Summary, summarise

#: what rows can be grouped by, beside their attributes: the column of the table of rows, and the field of a row
OWN = {"algorithm": "algorithm", "case": "case", "label": "name", "level": "level"}

_Key = tuple[str, ...]


def summary_of(
    rows: Sequence[Row],
    metrics: Sequence[str],
    failures: Sequence[Failure],
    missing: Sequence[Missing],
    by: Sequence[str],
    floors: Mapping[str, float],
) -> Summary:
    """Summarise each metric for each group of rows.

    A case that failed or has no prediction is counted with every group that its rows would be in; a group of such
    cases alone is there too. Rows of instances count only where levels are told apart, and only rows that have a
    metric count for it.
    """
    by = checked_by(by, rows, failures)
    least = checked_floors(floors, metrics)
    if "level" not in by:
        rows = [row for row in rows if row.level == "structure"]
    groups: dict[_Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(_value(row, name) for name in by), []).append(row)
    known = _attributes_of_cases(rows, failures)
    failed = _counted(
        [(one.algorithm, one.case, one.attributes) for one in failures], by, groups, rows
    )
    lonely = _counted(
        [(one.algorithm, one.case, known.get(one.case, {})) for one in missing], by, groups, rows
    )
    for key in (*failed, *lonely):
        groups.setdefault(key, [])
    found: dict[tuple[str, ...], MetricSummary] = {}
    for key, members in groups.items():
        for metric in metrics:
            found[*(key or ("all",)), metric] = summarise(
                [row.values_by_metric[metric] for row in members if metric in row.values_by_metric],
                floor=least.get(metric),
                failed=failed.get(key, 0),
                missing=lonely.get(key, 0),
            )
    return Summary(found, by, bool(least))


def checked_by(
    by: str | Sequence[str], rows: Sequence[Row], failures: Sequence[Failure] = ()
) -> tuple[str, ...]:
    """Check the names of what rows are grouped by, each once.

    Raises
    ------
    InputError
        For a name that is neither ours nor an attribute of any case; it names the nearest.
    """
    names = dict.fromkeys([by] if isinstance(by, str) else by)
    known = dict.fromkeys(OWN)
    known.update(dict.fromkeys(name for row in rows for name in row.attributes))
    known.update(dict.fromkeys(name for one in failures for name in one.attributes))
    for name in names:
        if name not in known:
            raise unknown("by", name, known)
    return tuple(names)


def checked_floors(floors: Mapping[str, float], metrics: Sequence[str]) -> dict[str, float]:
    """Check floors: a number for each of some metrics."""
    found = {}
    for name, floor in floors.items():
        metric = name if name in metrics else canonical(name)
        if metric not in metrics:
            raise unknown("floors", name, metrics, "metric")
        value = as_number(floor, f"floors[{name!r}]")
        if value != value:
            raise InputError(f"floors[{name!r}]: expected a number, got nan")
        found[metric] = value
    return found


def _value(row: Row, name: str) -> str:
    """Give what a row belongs to; "" where nothing is known."""
    return str(getattr(row, OWN[name])) if name in OWN else row.attributes.get(name, "")


def _attributes_of_cases(
    rows: Sequence[Row], failures: Sequence[Failure]
) -> dict[str, Mapping[str, str]]:
    """Give what is known of each case: its missing prediction does not tell it."""
    known: dict[str, Mapping[str, str]] = {}
    for failure in failures:
        known.setdefault(failure.case, failure.attributes)
    for row in rows:
        known.setdefault(row.case, row.attributes)
    return known


def _counted(
    cases: Sequence[tuple[str, str, Mapping[str, str]]],
    by: Sequence[str],
    groups: Mapping[_Key, list[Row]],
    rows: Sequence[Row],
) -> dict[_Key, int]:
    """Count cases for every group that they belong to, whatever its label: a case that has no rows lacks them all."""
    if not cases:
        return {}
    free = [place for place, name in enumerate(by) if name in ("label", "level")]
    # from what is known of a case to the groups that it belongs to
    fitting: dict[_Key, dict[_Key, None]] = {}
    for key in groups:
        part = tuple(value for place, value in enumerate(key) if place not in free)
        fitting.setdefault(part, {})[key] = None
    everywhere = dict.fromkeys(tuple(_value(row, by[place]) for place in free) for row in rows) or {
        ("",) * len(free): None
    }
    counts: dict[_Key, int] = {}
    for algorithm, case, attributes in cases:
        own: dict[str, Any] = {"algorithm": algorithm, "case": case}
        part = tuple(
            own[name] if name in own else attributes.get(name, "")
            for place, name in enumerate(by)
            if place not in free
        )
        for key in fitting.get(part) or [_merged(part, one, free) for one in everywhere]:
            counts[key] = counts.get(key, 0) + 1
    return counts


def _merged(part: _Key, values: _Key, free: Sequence[int]) -> _Key:
    """Put values where they belong in a key."""
    key = list(part)
    for place, value in zip(free, values, strict=True):
        key.insert(place, value)
    return tuple(key)
