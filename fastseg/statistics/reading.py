"""Score tables from evaluations, DataFrames and files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastseg.cohort.read_results import read_results
from fastseg.cohort.stream import is_stream
from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.structures import label_text
from fastseg.results import Evaluation
from fastseg.results.missing import missing_predictions
from fastseg.results.rows import Level
from fastseg.results.score_facts import directions_of
from fastseg.statistics.frame_columns import columns_of_frame
from fastseg.statistics.parquet_columns import columns_of_parquet
from fastseg.statistics.score_table import FACTS, Column, Origin, ScoreTable
from fastseg.statistics.stream_columns import columns_of_stream
from fastseg.statistics.text_tables import read_text_table

if TYPE_CHECKING:
    pass

LEVELS: tuple[Level, ...] = ("structure", "instance")

#: files of results that only fastseg writes
_OURS = (".jsonl", ".json", ".parquet")


def score_table(
    source: Any,
    *,
    metrics: str | Iterable[str] | None = None,
    algorithm: str | None = None,
    case: str | None = None,
    task: str | None = None,
    value: str | None = None,
    level: Level = "structure",
    larger_is_better: bool | Mapping[str, bool] | None = None,
) -> ScoreTable:
    """Bring scores into columns, wherever they are.

    Parameters
    ----------
    source : Evaluation, DataFrame, path, ScoreTable, or a mapping or list of these
        Files are what fastseg wrote (.jsonl, .json, .parquet) or any table as CSV or TSV with a row for each case and
        structure. A mapping names the algorithms; of several files that name none, each is one, called as the file.
    metrics : str or iterable of str, optional
        The columns that are scores. Default: all of an evaluation; of another table the columns of numbers that are
        known as metrics, or else all columns of numbers.
    algorithm, case, task : str, optional
        Names of columns of a table that is not ours. Default: the first of "algorithm", "method", "model", "team"; of
        "case", "case_id", "subject", "image", "patient"; of "name", "task", "structure", "label", "class", "organ".
        Without a column there is one algorithm, or one task.
    value : str, optional
        A column with the values of one metric, as challengeR's tables have it; `metrics` may then give its name.
    level : {"structure", "instance"}
        Which rows of an evaluation count.
    larger_is_better : bool or mapping of str to bool, optional
        Of metrics that fastseg does not know.

    Returns
    -------
    ScoreTable

    Raises
    ------
    ValueError, TypeError
        For what has no case or no scores, and for names that are not there.
    ImportError
        For a table without pandas.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> from fastseg.statistics import score_table
    >>> mask = np.ones((3, 3, 3), bool)
    >>> table = score_table({"unet": fastseg.evaluate(mask, mask, case="a", metrics="dice")})
    >>> table.algorithms, table.tasks, table.metrics["dice"].tolist()
    (('unet',), ('1',), [1.0])
    """
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    chosen = [metrics] if isinstance(metrics, str) else None if metrics is None else list(metrics)
    table = _table_of(source, chosen, (algorithm, case, task, value), level)
    if larger_is_better is None:
        return table
    told = (
        dict(larger_is_better)
        if isinstance(larger_is_better, Mapping)
        else dict.fromkeys(table.metrics, larger_is_better)
    )
    for name in told:
        if name not in table.metrics:
            raise unknown("larger_is_better", name, tuple(table.metrics))
    return _with_directions(table, {**table.larger_is_better, **told})


def as_names(metric: str | Sequence[str], who: str) -> list[str]:
    """Give the names of metrics as a list.

    Raises
    ------
    InputError, InputTypeError
        For none, and for what is no name.
    """
    names: Any = [metric] if isinstance(metric, str) else metric
    if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
        raise InputTypeError(f"{who}: expected names of metrics, got {metric!r:.80}")
    if not list(names):
        raise InputError(f"{who}: give at least one metric")
    return list(names)


def _with_directions(table: ScoreTable, directions: Mapping[str, bool]) -> ScoreTable:
    return replace(table, larger_is_better=directions)


def _table_of(
    source: Any, metrics: list[str] | None, names: tuple[str | None, ...], level: Level
) -> ScoreTable:
    if isinstance(source, ScoreTable):
        return source if metrics is None else _of_metrics(source, metrics)
    if isinstance(source, Evaluation):
        return _of_evaluation(source, metrics, level)
    if isinstance(source, Mapping):
        parts = [
            _named(_table_of(part, metrics, names, level), str(name))
            for name, part in source.items()
        ]
        return _joined(parts)
    if isinstance(source, (str, os.PathLike)):
        return _of_file(Path(source), metrics, names, level)
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        return columns_of_frame(source, metrics, names, "the table", level)
    if isinstance(source, Sequence) and source:
        parts = []
        for one in source:
            part = _table_of(one, metrics, names, level)
            if part.algorithms == ("",) and isinstance(one, (str, os.PathLike)) and len(source) > 1:
                part = _named(part, _stem(one))
            parts.append(part)
        return _joined(parts)
    raise InputTypeError(
        "expected an Evaluation, a DataFrame, a file of results, or several of them by name; got "
        f"{type(source).__name__}"
    )


def _stem(path: str | os.PathLike[str]) -> str:
    """Call an algorithm as its file."""
    return Path(path).name.split(".")[0]


def _named(table: ScoreTable, name: str) -> ScoreTable:
    """Name the one algorithm of a table."""
    if len(table.algorithms) > 1:
        raise InputError(
            f"{name}: has several algorithms already ({', '.join(table.algorithms):.80}); give it in a list"
        )
    absent = tuple((name, case, reason) for _, case, reason in table.absent)
    origins = tuple(
        one._replace(files={(name, case): pair for (_, case), pair in one.files.items()})
        for one in table.origins
    )
    column = Column(table.algorithm.codes, (name,))
    return replace(table, algorithm=column, absent=absent, origins=origins)


def _of_metrics(table: ScoreTable, metrics: Sequence[str]) -> ScoreTable:
    found = {name: table.metrics[name] for name in map(table.metric, metrics)}
    return replace(table, metrics=found)


def _joined(parts: Sequence[ScoreTable]) -> ScoreTable:
    """Put tables one below the other; what one lacks is undefined, or unknown, there."""
    if not parts:
        raise InputError("expected at least one table of scores")
    if len(parts) == 1:
        return parts[0]

    def column(get: Callable[[ScoreTable], Column]) -> Column:
        held = [get(part) for part in parts]
        names = tuple(dict.fromkeys(name for one in held for name in one.names))
        places = {name: place for place, name in enumerate(names)}
        codes = [
            np.array([places[name] for name in one.names], np.int32)[one.codes] for one in held
        ]
        return Column(np.concatenate(codes), names)

    metrics = dict.fromkeys(name for part in parts for name in part.metrics)
    attributes = dict.fromkeys(name for part in parts for name in part.attributes)
    facts = dict.fromkeys(name for part in parts for name in part.facts)

    def texts(held: Callable[[ScoreTable], Mapping[str, Column]], name: str) -> Column:
        return column(
            lambda part: held(part).get(name, Column(np.zeros(len(part), np.int32), ("",)))
        )

    return ScoreTable(
        column(lambda part: part.algorithm),
        column(lambda part: part.case),
        column(lambda part: part.task),
        {
            name: np.concatenate(
                [part.metrics.get(name, np.full(len(part), np.nan)) for part in parts]
            )
            for name in metrics
        },
        {name: texts(lambda part: part.attributes, name) for name in attributes},
        {name: told for part in parts for name, told in part.larger_is_better.items()},
        tuple(dict.fromkeys(one for part in parts for one in part.absent)),
        {name: texts(lambda part: part.facts, name) for name in facts},
        tuple(origin for part in parts for origin in part.origins),
    )


def _of_evaluation(
    evaluation: Evaluation, metrics: list[str] | None, level: Level, name: str = ""
) -> ScoreTable:
    rows = [row for row in evaluation.rows if row.level == level]
    absent = [(one.algorithm, one.case, one.reason) for one in evaluation.failures]
    absent += [
        (one.algorithm, one.case, "no prediction")
        for one in missing_predictions(evaluation.settings)
    ]
    names = list(evaluation.metrics)
    if rows and level == "instance":
        names = [name for name in names if any(name in row.values_by_metric for row in rows)]
    attributes = dict.fromkeys(name for row in rows for name in row.attributes)
    table = ScoreTable(
        Column.of((row.algorithm for row in rows), also=evaluation.algorithms),
        Column.of((row.case for row in rows), also=(case for _, case, _ in absent)),
        Column.of(row.name for row in rows),
        {
            name: np.array([row.values_by_metric.get(name, np.nan) for row in rows], np.float64)
            for name in names
        },
        {name: Column.of(row.attributes.get(name, "") for row in rows) for name in attributes},
        directions_of(names, evaluation.settings),
        tuple(dict.fromkeys(absent)),
        {fact: Column.of(_text(getattr(row, fact)) for row in rows) for fact in FACTS},
        (Origin(name, evaluation.settings),),
    )
    return table if metrics is None else _of_metrics(table, metrics)


def _text(value: Any) -> str:
    """Write a fact of a row; what has none is empty."""
    return "" if value is None else label_text(value) if isinstance(value, tuple) else str(value)


def _of_file(
    path: Path, metrics: list[str] | None, names: tuple[str | None, ...], level: Level
) -> ScoreTable:
    if path.suffix in _OURS:
        table = None
        if path.suffix == ".parquet":
            table = columns_of_parquet(path, level)
        elif is_stream(path):
            table = columns_of_stream(path, level)
        if table is None:  # not a stream, or one that has to be looked at closely
            return _of_evaluation(read_results(path), metrics, level, str(path))
        return table if metrics is None else _of_metrics(table, metrics)
    if path.suffix not in (".csv", ".tsv"):
        raise InputError(
            f"{path}: expected a file of results: .jsonl, .json, .parquet, .csv or .tsv"
        )
    frame = read_text_table(path)
    return columns_of_frame(frame, metrics, names, str(path), level)
