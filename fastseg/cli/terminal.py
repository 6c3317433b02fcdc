"""What the command line shows: tables for people."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from fastseg.cli.evaluation_table import Column, Columns, by_label, by_row
from fastseg.instances.settings import MATCHED
from fastseg.results import Evaluation
from fastseg.results.display import OF_INSTANCES
from fastseg.results.score_facts import facts_of
from fastseg.results.units import length_text

#: shown where no metrics were chosen: as many as a terminal of 80 columns takes beside a name
SHOWN = ("dice", "hd", "hd95", "assd", "nsd")


def shown_of(evaluation: Evaluation, everything: bool) -> Sequence[str]:
    """Choose the metrics to print: those that were asked for, or a few where all were.

    Of instances it is how many were found, and the means of what was asked for over the matched ones.
    """
    names = evaluation.metrics
    if "matching" in evaluation.settings:
        means = [name for name in names if name.startswith(MATCHED)]
        return [name for name in OF_INSTANCES if name in names] + ([] if everything else means)
    held = {name for row in evaluation.structures for name in row.values_by_metric}
    # a protocol's table has columns of instances alone, too
    return SHOWN if everything else [name for name in names if name in held] or names


def show_evaluation(
    evaluation: Evaluation,
    *,
    several: bool,
    shown: Sequence[str],
    title: str | None = None,
    notes: bool = True,
) -> None:
    """Print the rows of one case, or means over several cases by label.

    Parameters
    ----------
    evaluation : Evaluation
    several : bool
        Whether it was made of several cases.
    shown : sequence of str
        Names of the metrics to print.
    title : str, optional
        The line above. Default: over how many cases the means are, if they are of several; "" for none.
    notes : bool
        Whether to say below what a reader needs to know of it; false for all but the last of several tables.
    """
    if not evaluation.rows:
        print("No label but the background in either map: there is nothing to measure.")
        return
    if title is None:
        title = f"Means over {len(evaluation.cases)} cases" if several else ""
    if title:
        print(title)
    columns = (by_label if several else by_row)(evaluation, shown)
    print_columns(columns)
    if notes:
        for note in _notes(evaluation, several, shown, columns.has_medians):
            print(note)


def show_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and what they stand for, in two columns."""
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        first, *more = text.split("\n")
        print(f"{name:<{width}}  {first}")
        for line in more:
            print(f"{'':<{width}}  {line}")


def print_columns(columns: Columns) -> None:
    """Print a table; if it is too wide for the terminal, several with the identity repeated."""
    # Names are shown as they are, brackets and colons included; a file or a pipe has no width.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000
    identity, values = columns.identity, columns.values

    def table(start: int, stop: int) -> Table:
        return _table([*identity, *values[start:stop]], columns.ruled)

    start = 0
    while start < len(values) or not start:
        stop = len(values)
        while stop > start + 1 and _width(console, table(start, stop)) > console.width:
            stop -= 1
        if start:
            print()
        console.print(table(start, stop))
        start = max(stop, 1)


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=10_000)).maximum


def _table(columns: Sequence[Column], ruled: Collection[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            column.header, justify="left" if column.left else "right", no_wrap=not column.left
        )
    for i, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        table.add_row(*row, end_section=i in ruled)
    return table


def _notes(
    evaluation: Evaluation, several: bool, shown: Sequence[str], has_medians: bool
) -> Iterator[str]:
    """Yield what a reader needs to know of the table."""
    settings = evaluation.settings
    uses = {name: facts_of(name, settings).uses for name in shown}
    width = settings.get("boundary_width")
    bands = [name for name in shown if "boundary_width" in uses[name] and width is not None]
    if depend := [name for name in shown if "tolerance" in uses[name] and name not in bands]:
        yield f"{' and '.join(depend)}: the tolerance is {_length(settings['tolerance'], settings)}"
    if bands:
        yield f"{' and '.join(bands)}: the width of the band is {_length(width, settings)}"
    beta = settings.get("beta", 1)
    if not isinstance(beta, list) and beta != 1:
        for name in shown:
            if "beta" in uses[name]:
                yield f"{name}: beta is {beta:g}"
    rows = evaluation.structures
    kinds = {row.empty for row in rows if row.empty_policy} - {""}
    if any(math.isnan(row.values_by_metric.get(name, 0.0)) for row in rows for name in shown):
        yield "–: undefined" + (" (no value), and left out of the means" if several else "")
    if has_medians:
        yield "inf (n): n rows are infinite, and so is the mean; the line below has the medians"
    if kinds - {"both"}:
        yield f"where one mask is empty, the policy '{_policy(settings)}' holds (--empty)"
    more = len(evaluation.metrics) - len(shown)
    if more:
        yield f"{more} more metrics: choose with --metrics, or write all with --output"


def _length(value: Any, settings: Mapping[str, Any]) -> str:
    """Write a length, or what stands for several."""
    if isinstance(value, (int, float)):
        return length_text(value, settings)
    return "2 % of the image's diagonal" if value == "diagonal" else "set by label"


def _policy(settings: Mapping[str, Any]) -> str:
    """Write the policy for empty masks, with its exceptions by metric."""
    policy = settings.get("empty", "")
    if not isinstance(policy, Mapping):
        return str(policy)
    default, *exceptions = (f"{name} {_rule(rule)}" for name, rule in policy.items())
    return ", ".join([default.removeprefix("default "), *exceptions])


def _rule(rule: object) -> str:
    """Write a policy's name, a number, or one of these for each way of being empty."""
    if isinstance(rule, Mapping):
        return " ".join(f"{way}: {_rule(part)}" for way, part in rule.items())
    return f"{rule:g}" if isinstance(rule, float) else str(rule)
