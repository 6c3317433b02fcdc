"""Score tables from DataFrames of any origin: which columns are cases, scores and groups."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.metrics import canonical, find
from fastseg.results.problems import PROBLEM
from fastseg.results.rows import Level, columns
from fastseg.results.score_facts import directions_of
from fastseg.statistics.score_table import FACTS, Column, Origin, ScoreTable
from fastseg.statistics.text_tables import as_numbers, is_of_groups

if TYPE_CHECKING:
    import pandas

#: what a table may call the column of each kind, first to last
_NAMES = {
    "algorithm": ("algorithm", "method", "model", "team"),
    "case": ("case", "case_id", "subject", "image", "patient"),
    "task": ("name", "task", "structure", "label", "class", "organ"),
}


def columns_of_frame(
    frame: pandas.DataFrame,
    metrics: list[str] | None,
    names: tuple[str | None, ...],
    where: str,
    level: Level,
) -> ScoreTable:
    """Read a table of any origin; our own rows without a level are problems, and those of the other level left out."""
    import pandas

    absent: list[tuple[str, str, str]] = []
    if {"level", "case"} <= set(frame.columns):
        lost = frame["level"].isna() | (frame["level"] == "")
        if PROBLEM in frame.columns:
            for _, row in frame[lost & frame["case"].notna()].iterrows():
                absent.append(
                    (str(row.get("algorithm", "") or ""), str(row["case"]), str(row[PROBLEM]))
                )
        frame = frame[frame["level"] == level]
    kinds = ("algorithm", "case", "task")
    found = {
        kind: _column_named(frame, kind, name, where)
        for kind, name in zip(kinds, names[:3], strict=True)
    }
    if found["case"] is None:
        raise InputError(
            f"{where}: no column of cases ({', '.join(_NAMES['case'])}); say its name, as in case=…; there are "
            f"{', '.join(map(str, frame.columns)):.200}"
        )
    value = names[3]
    scores = _scores_of(frame, metrics, value, {*found.values()} - {None}, where)

    def texts(name: str | None, also: Iterable[str] = ()) -> Column:
        if name is None:
            return Column(np.zeros(len(frame), np.int32), ("",) if len(frame) else ())
        codes, uniques = pandas.factorize(frame[name], use_na_sentinel=False)
        told = ["" if one is None or one != one else _shown(one) for one in uniques.tolist()]
        numbers: dict[str, int] = {}
        merged = np.array([numbers.setdefault(text, len(numbers)) for text in told], np.int32)
        return Column(
            merged[codes] if len(merged) else np.zeros(0, np.int32),
            tuple(dict.fromkeys((*numbers, *also))),
        )

    others = [
        str(name)
        for name in frame.columns
        if name not in found.values()
        and name not in scores.values()
        and name not in _own_columns(list(scores))
        and is_of_groups(frame[name])
    ]
    ours = "level" in frame.columns
    return ScoreTable(
        texts(found["algorithm"]),
        texts(found["case"], also=[case for _, case, _ in absent]),
        texts(found["task"]),
        {name: as_numbers(frame, column, where) for name, column in scores.items()},
        {name: texts(name) for name in others},
        directions_of(scores, {}),
        tuple(dict.fromkeys(absent)),
        {name: texts(name) for name in FACTS if ours and name in frame.columns},
        (Origin(where if os.path.exists(where) else ""),),
    )


def _shown(value: Any) -> str:
    """Write a value of a column; whole numbers that share a column with nothing are floats to pandas."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_metric(name: str) -> bool:
    try:
        find(name)
    except InputError:
        return False
    return True


def _own_columns(metrics: Sequence[str]) -> frozenset[str]:
    """Name the columns of our tables that are neither scores nor attributes."""
    return frozenset({*columns(metrics, algorithm=True), PROBLEM} - {*metrics})


def _column_named(frame: pandas.DataFrame, kind: str, name: str | None, where: str) -> str | None:
    """Find the column of cases, say: the one that was named, or one of the usual names."""
    known = {str(column).lower(): str(column) for column in frame.columns}
    if name is not None:
        if name not in frame.columns:
            raise unknown(f"{where}: {kind}", name, tuple(map(str, frame.columns)), "column")
        return name
    return next((known[usual] for usual in _NAMES[kind] if usual in known), None)


def _scores_of(
    frame: pandas.DataFrame,
    metrics: list[str] | None,
    value: str | None,
    taken: set[str | None],
    where: str,
) -> dict[str, str]:
    """Choose the columns of scores, by the names of the metrics."""
    import pandas

    lonely = metrics is None or (len(metrics) == 1 and metrics[0] not in frame.columns)
    if value is None and lonely and "value" in frame.columns:
        value = "value"
    if value is not None:
        if value not in frame.columns:
            raise unknown(f"{where}: value", value, tuple(map(str, frame.columns)), "column")
        return {metrics[0] if metrics else value: value}
    if metrics is not None:
        by_name = {canonical(str(name)): str(name) for name in frame.columns}
        for name in metrics:
            if name not in frame.columns and canonical(name) not in by_name:
                raise unknown(f"{where}: metrics", name, tuple(map(str, frame.columns)), "column")
        return {
            name: name if name in frame.columns else by_name[canonical(name)] for name in metrics
        }
    numbers = [
        str(name)
        for name in frame.columns
        if name not in taken
        and pandas.api.types.is_numeric_dtype(frame[name])
        and not pandas.api.types.is_bool_dtype(frame[name])
        and name not in _own_columns(())
    ]
    known = [name for name in numbers if _is_metric(name)]
    if not (known or numbers):
        raise InputError(
            f"{where}: no column of numbers; there are {', '.join(map(str, frame.columns)):.200}"
        )
    return {name: name for name in known or numbers}
