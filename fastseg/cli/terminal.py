"""What the command line shows: tables for people, and a progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fastseg.inputs.structures import label_text
from fastseg.metrics import resolve
from fastseg.results import Evaluation, Row

#: shown where no metrics were chosen: as many as a terminal of 80 columns takes beside a name
SHOWN = ("dice", "hd", "hd95", "assd", "nsd")


class _Column(NamedTuple):
    header: str
    cells: list[str]
    left: bool = False


def show_evaluation(
    evaluation: Evaluation,
    *,
    several: bool,
    shown: Sequence[str],
    length: str = "mm",
    title: str | None = None,
) -> None:
    """Print the rows of one case, or means over several cases by label.

    Parameters
    ----------
    evaluation : Evaluation
    several : bool
        Whether it was made of several cases.
    shown : sequence of str
        Names of the metrics to print.
    length : str
        What a unit of the spacing is.
    title : str, optional
        The line above the table. Default: the number of cases, where there are several.
    """
    if not evaluation.rows:
        print("No label but the background in either map: there is nothing to measure.")
        return
    if several:
        print(title or f"Means over {len(evaluation.cases)} cases")
        identity, values = _by_label(evaluation, shown, length)
    else:
        identity, values = _by_row(evaluation, shown, length)
    _print_columns(identity, values, with_total=several)
    for note in _notes(evaluation, several, shown, length):
        print(note)


def show_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and what they stand for, in two columns."""
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        first, *more = text.split("\n")
        print(f"{name:<{width}}  {first}")
        for line in more:
            print(f"{'':<{width}}  {line}")


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Show a progress bar if standard error is a terminal and there is more than one thing to do."""
    console = Console(stderr=True)
    if total < 2 or not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _identity(rows: Sequence[Row]) -> list[_Column]:
    """Make the columns of name and id of each label, or one of them where they are the same."""
    names = [row.name for row in rows]
    ids = [_short(label_text(row.label)) for row in rows]
    if names == ids:
        return [_Column("label", ids)]
    return [_Column("name", names, left=True), _Column("label", ids)]


def _short(label: str) -> str:
    """Count a large region's labels in place of listing them."""
    count = label.count("+") + 1
    return label if count <= 3 else f"{count} labels"


def _by_row(
    evaluation: Evaluation, shown: Sequence[str], length: str
) -> tuple[list[_Column], list[_Column]]:
    rows = evaluation.rows
    values = [
        _Column(header, [_number(row[name], unit) for row in rows])
        for name, header, unit in _headers(shown, length)
    ]
    if any(row.empty for row in rows):
        values.append(_Column("empty", [row.empty for row in rows], left=True))
    return _identity(rows), values


def _by_label(
    evaluation: Evaluation, shown: Sequence[str], length: str
) -> tuple[list[_Column], list[_Column]]:
    groups: dict[str, list[Row]] = {}
    for row in evaluation.rows:
        groups.setdefault(row.name, []).append(row)
    members = [*groups.values(), list(evaluation.rows)]
    summaries = [evaluation.summary(by_label=True), evaluation.summary()]
    means: list[_Column] = []
    for name, header, unit in _headers(shown, length):
        found = [*(summaries[0][group, name] for group in groups), summaries[1][name]]
        means.append(_Column(header, [_number(entry.mean, unit) for entry in found]))
    counts = [_Column("cases", [str(len(rows)) for rows in members])]
    for title, counted in (
        ("undefined", lambda row: any(math.isnan(row[name]) for name in shown)),
        ("one empty", lambda row: row.empty in ("reference", "prediction")),
    ):
        numbers = [sum(map(counted, rows)) for rows in members]
        if any(numbers):
            counts.append(_Column(title.replace(" ", "\n"), [str(n) if n else "" for n in numbers]))
    identity = _identity([rows[0] for rows in groups.values()])
    last = ["all rows", *[""] * (len(identity) - 1)]
    identity = [
        column._replace(cells=[*column.cells, text])
        for column, text in zip(identity, last, strict=True)
    ]
    return [*identity, *counts], means


def _headers(shown: Sequence[str], length: str) -> list[tuple[str, str, str]]:
    """Give name, header and unit of the metrics."""
    units = {metric.name: metric.unit for metric in resolve(shown)}
    return [
        (name, f"{name}\n[{unit.replace('mm', length)}]" if unit else name, unit)
        for name, unit in units.items()
    ]


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.{ {'': 4, 'mm': 3}.get(unit, 1) }f}"


def _print_columns(
    identity: list[_Column], values: list[_Column], with_total: bool = False
) -> None:
    """Print a table; if it is too wide for the terminal, several with the identity repeated."""
    # Names are shown as they are, brackets and colons included; a file or a pipe has no width.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000
    start = 0
    while start < len(values) or not start:
        stop = len(values)
        while (
            stop > start + 1 and _width(console, [*identity, *values[start:stop]]) > console.width
        ):
            stop -= 1
        if start:
            print()
        console.print(_table([*identity, *values[start:stop]], with_total))
        start = max(stop, 1)


def _width(console: Console, columns: list[_Column]) -> int:
    return console.measure(_table(columns), options=console.options.update(width=10_000)).maximum


def _table(columns: list[_Column], with_total: bool = False) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            column.header, justify="left" if column.left else "right", no_wrap=not column.left
        )
    cells = list(zip(*(column.cells for column in columns), strict=True))
    for i, row in enumerate(cells):
        table.add_row(*row, end_section=with_total and i == len(cells) - 2)
    return table


def _notes(
    evaluation: Evaluation, several: bool, shown: Sequence[str], length: str
) -> Iterator[str]:
    """Yield what a reader needs to know of the table."""
    policy, tolerance = evaluation.settings["empty"], evaluation.settings["tolerance"]
    if depend := [metric.name for metric in resolve(shown) if "tolerance" in metric.uses]:
        size = f"{tolerance:g} {length}" if isinstance(tolerance, (int, float)) else "set by label"
        yield f"{' and '.join(depend)}: the tolerance is {size}"
    kinds = {row.empty for row in evaluation.rows} - {""}
    if any(math.isnan(row[name]) for row in evaluation.rows for name in shown):
        yield "–: undefined" + (", and left out of the means" if several else "")
    if kinds - {"both"}:
        yield f"where one mask is empty, the policy '{policy}' holds (--empty)"
    more = len(evaluation.metrics) - len(shown)
    if more:
        yield f"{more} more metrics: choose with --metrics, or write all with --output"
