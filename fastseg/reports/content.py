"""What a report says: plain values for each of its sections, made of a score table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import FastsegError, one_line
from fastseg.flags import RaisedFlags, list_flags
from fastseg.results.units import units_of
from fastseg.statistics import Ranking, ScoreTable, TaskRanking, intervals, rank
from fastseg.statistics.ranking import Method
from fastseg.statistics.ranking_results import FEW_CASES
from fastseg.statistics.score_table import Column

#: values of an attribute beyond which it makes no subgroups
MANY_GROUPS = 12
#: lines of a list beyond which the rest is counted
LONG = 200


def counts(table: ScoreTable, metrics: Sequence[str]) -> list[tuple[str, str]]:
    """Count what there is."""
    undefined = np.zeros(len(table), bool)
    for name in metrics:
        undefined |= np.isnan(table.metrics[name])
    missing = sum(reason == "no prediction" for _, _, reason in table.absent)
    found = [
        ("Algorithms", len([name for name in table.algorithms if name]) or None),
        ("Cases", len(table.case.names)),
        ("Structures", len(table.tasks)),
        ("Rows", len(table)),
        ("Failed", len(table.absent) - missing),
        ("Without prediction", missing),
        ("Rows with undefined values", int(undefined.sum())),
    ]
    if "flags" in table.facts:
        flagged = np.array([bool(text) for text in table.facts["flags"].names], bool)
        many = int(flagged[table.facts["flags"].codes].sum()) if len(table) else 0
        found.append(("Rows with flags", many))
    return [(name, f"{many:,}".replace(",", "\u202f")) for name, many in found if many is not None]


def units(table: ScoreTable, metrics: Iterable[str]) -> dict[str, str]:
    """Give the unit of each metric, as far as the sources agree."""
    told = [units_of(list(metrics), origin.settings) for origin in table.origins]
    return {
        name: told[0].get(name, "")
        for name in metrics
        if told and all(one.get(name) == told[0].get(name) for one in told)
    }


def of_all_structures(table: ScoreTable, by: Column | None = None) -> ScoreTable:
    """Average the structures of each case by each algorithm; the task is a group of cases, if there are any."""
    key = table.algorithm.codes.astype(np.int64) * max(1, len(table.case.names)) + table.case.codes
    there, first, place = np.unique(key, return_index=True, return_inverse=True)
    averaged = {}
    for name, values in table.metrics.items():
        defined = ~np.isnan(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            averaged[name] = np.bincount(place[defined], values[defined], len(there)) / np.bincount(
                place[defined], minlength=len(there)
            )
    group = Column(np.zeros(len(there), np.int32), ("all structures",))
    return replace(
        table,
        algorithm=Column(table.algorithm.codes[first], table.algorithms),
        case=Column(table.case.codes[first], table.case.names),
        task=group if by is None else Column(by.codes[first], by.names),
        metrics=averaged,
        attributes={},
        facts={},
    )


def summary(
    table: ScoreTable, metrics: Sequence[str], samples: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Give the intervals of each algorithm and structure, a row for all metrics, and what has to be known of them."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    parts = [table]
    if len(table.tasks) > 1:
        parts.insert(0, of_all_structures(table))
    notes: dict[str, None] = {}
    for part in parts:
        found = intervals(replace(part, absent=()), list(metrics), samples=samples)
        notes.update(dict.fromkeys(found.notes))
        # where the mean is infinite
        medians = {
            name: _medians(part, name)
            for name in {row["metric"] for row in found if row["infinite"]}
        }
        for row in found:
            entry = rows.setdefault(
                (row["algorithm"], row["task"]),
                {"algorithm": row["algorithm"], "task": row["task"], "metrics": {}},
            )
            entry["metrics"][row["metric"]] = row | (
                {"median": medians[row["metric"]][row["algorithm"], row["task"]]}
                if row["infinite"]
                else {}
            )
    return list(rows.values()), shortened(_grouped(notes))


def _medians(part: ScoreTable, metric: str) -> dict[tuple[str, str], float]:
    """Give the median of the defined values of each algorithm and task."""
    values = part.metrics[metric]
    defined = ~np.isnan(values)
    group = part.algorithm.codes.astype(np.int64) * len(part.tasks) + part.task.codes
    group, values = group[defined], values[defined]
    order = np.lexsort((values, group))
    group, values = group[order], values[order]
    there, first, many = np.unique(group, return_index=True, return_counts=True)
    low, high = values[first + (many - 1) // 2], values[first + many // 2]
    return {
        (part.algorithms[one // len(part.tasks)], part.tasks[one % len(part.tasks)]): float(
            a if a == b else (a + b) / 2
        )
        for one, a, b in zip(there.tolist(), low.tolist(), high.tolist(), strict=True)
    }


def _grouped(notes: Iterable[str]) -> list[str]:
    """Say once what is said of many structures."""
    by_text: dict[str, list[str]] = {}
    for note in notes:
        where, _, what = note.partition(": ")
        if "undefined" in what or "infinite" in what:  # stand in the table, number by number
            continue
        if "values: below" in what:
            what = f"fewer than {FEW_CASES} values, so that the interval is too narrow"
        by_text.setdefault(what, []).append(where)
    return [
        f"{where[0]}: {what}" if len(where) == 1 else f"{len(where)} of the intervals: {what}"
        for what, where in by_text.items()
    ]


def shortened(lines: Sequence[Any], most: int = LONG) -> list[Any]:
    """Keep the first of many."""
    return list(lines[:most])


def subgroups(
    table: ScoreTable, metrics: Sequence[str], samples: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Give the intervals for each value of the attributes that have a few; the others are named."""
    found, left_out = [], []
    for name, column in table.attributes.items():
        there = np.unique(column.codes)
        if len(there) < 2:
            continue
        if len(there) > MANY_GROUPS:
            left_out.append(name)
            continue
        named = Column(column.codes, tuple(text or "not known" for text in column.names))
        cases = of_all_structures(table, named)
        rows, notes = summary_of_groups(cases, metrics, samples)
        found.append({"attribute": name, "rows": rows, "notes": notes})
    return found, left_out


def summary_of_groups(
    cases: ScoreTable, metrics: Sequence[str], samples: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Give the intervals of each group."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    found = intervals(replace(cases, absent=()), list(metrics), samples=samples)
    for row in found:
        entry = rows.setdefault(
            (row["task"], row["algorithm"]),
            {"group": row["task"], "algorithm": row["algorithm"], "metrics": {}},
        )
        entry["metrics"][row["metric"]] = row
    return [rows[key] for key in sorted(rows, key=lambda key: key[0])], _grouped(found.notes)


def rankings(
    table: ScoreTable, metrics: Sequence[str], undefined: Any, bootstraps: int
) -> tuple[Ranking | None, list[str]]:
    """Rank the algorithms by each metric, and say how.

    By aggregates where every value is a finite number, or where somebody says what undefined ones count as; else by
    the ranks of each case, where an undefined value is last: a mean over what is defined favours who fails.
    """
    if len(table.algorithms) < 2 or not len(table):
        return None, []
    found: list[TaskRanking] = []
    notes: list[str] = []
    settings: dict[str, Any] = {}
    by_ranks: list[str] = []
    by_means: list[str] = []
    for name in metrics:
        if name not in table.larger_is_better:
            notes.append(f"{name} is not ranked: nobody knows whether larger is better.")
            continue
        finite = bool(np.isfinite(table.metrics[name]).all())
        whole = finite and not table.absent and _complete(table)
        method: Method = (
            "aggregate_then_rank" if whole or undefined is not None else "rank_then_aggregate"
        )
        try:
            ranking = rank(
                table,
                name,
                method=method,
                undefined=undefined,
                bootstraps=bootstraps,
            )
        except FastsegError as error:
            notes.append(f"{name} is not ranked: {one_line(error)}")
            continue
        found += ranking.tasks
        settings = dict(ranking.settings)
        if method == "rank_then_aggregate":
            by_ranks.append(name)
        elif undefined is not None:
            notes.append(f"{name}: undefined and missing values count as: {undefined}.")
        else:
            by_means.append(name)
    if by_means:
        notes.append(f"{', '.join(by_means)}: ranked by the mean over cases.")
    if by_ranks:
        notes.append(
            f"{', '.join(by_ranks)}: some values are undefined, infinite or missing, so that algorithms are ranked by "
            "their mean rank over cases, in which such a value is last."
        )
    return (Ranking(tuple(found), settings) if found else None), notes


def _complete(table: ScoreTable) -> bool:
    """Tell whether every algorithm has every case of each structure."""
    key = table.task.codes.astype(np.int64) * len(table.case.names) + table.case.codes
    return len(np.unique(key)) * len(table.algorithms) == len(table)


def raised(table: ScoreTable) -> list[dict[str, Any]]:
    """Count the flags, and say what each means."""
    if "flags" not in table.facts or not len(table):
        return []
    column = table.facts["flags"]
    often = np.bincount(column.codes, minlength=len(column.names))
    known = {flag.name: flag for flag in list_flags()}
    rows: Counter[str] = Counter()
    tasks: dict[str, Counter[str]] = {}
    by_text = _flag_names(column)
    of_task = np.zeros((len(column.names), 0), np.intp)
    if len(column.names) * len(table.tasks) <= 1 << 22:
        pair = column.codes.astype(np.int64) * len(table.tasks) + table.task.codes
        of_task = np.bincount(pair, minlength=len(column.names) * len(table.tasks)).reshape(
            len(column.names), len(table.tasks)
        )
    for place, names in enumerate(by_text):
        for name in names:
            rows[name] += int(often[place])
            held = tasks.setdefault(name, Counter())
            if of_task.shape[1]:
                for task in of_task[place].nonzero()[0].tolist():
                    held[table.tasks[task]] += int(of_task[place, task])
    return [
        {
            "name": name,
            "rows": many,
            "share": many / len(table),
            "tasks": tasks[name].most_common(3),
            "about": known.get(name),
        }
        for name, many in rows.most_common()
    ]


def _flag_names(column: Column) -> list[list[str]]:
    found = []
    for text in column.names:
        try:
            found.append([one.name for one in RaisedFlags.from_text(text)])
        except ValueError:  # of a table that is not ours
            found.append([text])
    return found


def absences(table: ScoreTable) -> list[dict[str, Any]]:
    """List what failed or is missing, by its reason."""
    by_reason: dict[str, list[tuple[str, str]]] = {}
    for algorithm, case, reason in table.absent:
        by_reason.setdefault(reason, []).append((algorithm, case))
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    return [
        {"reason": reason, "many": len(held), "cases": shortened(held, 50)}
        for reason, held in shortened(ordered, 50)
    ]


def undefined_values(table: ScoreTable, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Count what is undefined or infinite, for each structure, by what was empty and the policy that decided."""
    if not len(table):
        return []
    bad: dict[str, NDArray[np.bool_]] = {
        name: ~np.isfinite(table.metrics[name]) for name in metrics
    }
    empty = table.facts.get("empty")
    policy = table.facts.get("empty_policy")
    chosen = np.logical_or.reduce(list(bad.values())) if bad else np.zeros(len(table), bool)
    if empty is not None:
        chosen |= np.array([bool(text) for text in empty.names])[empty.codes]
    nothing = Column(np.zeros(len(table), np.int32), ("",))
    sides, policies = empty or nothing, policy or nothing
    shape = (len(table.tasks), len(sides.names), len(policies.names))
    key = np.ravel_multi_index((table.task.codes, sides.codes, policies.codes), shape)
    found = []
    for one in np.unique(key[chosen]).tolist():
        task, side, name = np.unravel_index(one, shape)
        own = chosen & (key == one)
        found.append(
            {
                "task": table.tasks[int(task)],
                "empty": sides.names[int(side)],
                "policy": policies.names[int(name)],
                "rows": int(own.sum()),
                "metrics": {metric: _kinds(table.metrics[metric][own]) for metric in metrics},
            }
        )
    return found


def _kinds(values: NDArray[np.float64]) -> str:
    """Say what rows with something empty have as values."""
    undefined, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    told = [
        f"{many} {kind}"
        for many, kind in ((undefined, "undefined"), (infinite, "infinite"))
        if many
    ]
    rest = values[np.isfinite(values)]
    if len(rest):
        low, high = f"{rest.min():.4g}", f"{rest.max():.4g}"
        told.append(f"{len(rest)} × {low}" if low == high else f"{len(rest)} from {low} to {high}")
    return ", ".join(told)


def depends_on(table: ScoreTable) -> list[dict[str, Any]]:
    """Give the settings behind the numbers, once for sources that share them."""
    found: list[dict[str, Any]] = []
    for origin in table.origins:
        told = {key: _setting(value) for key, value in origin.settings.items()}
        for one in found:
            if one["settings"] == told:
                one["names"].append(origin.name)
                break
        else:
            found.append({"names": [origin.name], "settings": told})
    return found


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {_setting(part)}" for key, part in value.items())
    elif isinstance(value, (list, tuple)):
        text = " × ".join(map(_setting, value)) if len(value) < 9 else f"{len(value)} values"
    else:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 400 else text[:400] + " …"
