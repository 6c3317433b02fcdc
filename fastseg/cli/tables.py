"""What the commands that read results have in common: which tables, which columns, and where the answer goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastseg.cli import options
from fastseg.errors import InputError

if TYPE_CHECKING:
    from fastseg.statistics import ResultTable, ScoreTable

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME=]FILE…",
        help="Results: .jsonl, .json or .parquet of fastseg, or any .csv or .tsv with a row for each case and "
        "structure. A name is that of the algorithm; without, it is in the file, or the file's own.",
    ),
]
Metrics = Annotated[
    str, typer.Option("--metric", metavar="NAMES", help="One or several, separated by commas.")
]
Undefined = Annotated[
    str | None,
    typer.Option(
        help="What undefined and missing values count as: worst, drop, or a number. "
        "It has to be said where there are any."
    ),
]
Clusters = Annotated[
    str | None,
    typer.Option(help="An attribute, such as patient or site, whose cases are drawn together."),
]
Strata = Annotated[
    str | None,
    typer.Option(help="An attribute of whose values each sample has as many cases as there are."),
]
Aggregated = Annotated[
    str, typer.Option(help="mean, median, or the share of a quantile, such as 0.05.")
]
Confidence = Annotated[float, typer.Option(help="Of the interval.")]
Seed = Annotated[int, typer.Option(help="Of what is drawn: the same seed gives the same answer.")]
Smaller = Annotated[
    bool,
    typer.Option(
        "--smaller-is-better", help="Of a metric that fastseg does not know, smaller is better."
    ),
]
Larger = Annotated[
    bool,
    typer.Option(
        "--larger-is-better", help="Of a metric that fastseg does not know, larger is better."
    ),
]
Case = Annotated[str | None, typer.Option(help="The column of cases in a table of another tool.")]
Algorithm = Annotated[
    str | None, typer.Option(help="The column of algorithms in a table of another tool.")
]
Task = Annotated[
    str | None,
    typer.Option(help="The column of structures, or tasks, in a table of another tool."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the table as CSV, whole or not at all.")
]


def direction(smaller: bool, larger: bool) -> bool | None:
    """Tell which was said, if any."""
    if smaller and larger:
        raise InputError("--smaller-is-better and --larger-is-better: give one of them")
    return False if smaller else True if larger else None


def read_table(sources: list[str], metrics: list[str] | None, **columns: Any) -> ScoreTable:
    """Read the tables that were named.

    Raises
    ------
    InputError, OSError
        For a file that is not there or holds no scores, and for a name that is there twice.
    """
    from fastseg.statistics import score_table

    given: list[Any] = []
    names: set[str] = set()
    for source in sources:
        name, path = _named(source)
        options.check_there(path)
        if name in names:
            raise InputError(f"{name}: two files are called so")
        names |= {name} - {""}
        part: Any = {name: path} if name else path
        given.append(part)
    return score_table(given, metrics=metrics, **columns)


def check_output(output: Path, sources: list[str]) -> None:
    """Refuse an output that could not be written in the end, or is one of the tables, before any work is done."""
    options.check_output(output, [str(_named(source)[1]) for source in sources])


def _named(source: str) -> tuple[str, Path]:
    """Tell the name that an algorithm is given, "" where it is none, from its file."""
    name, found, path = source.partition("=")
    return ("", Path(source)) if not found or Path(source).exists() else (name, Path(path))


def undefined_of(text: str | None) -> Any:
    """Read what undefined values count as."""
    if text in (None, "drop", "worst"):
        return text
    try:
        return float(str(text))
    except ValueError:
        raise InputError(
            f"--undefined: expected worst, drop or a number, got {text!r:.80}"
        ) from None


def aggregate_of(text: str) -> Any:
    """Read how cases are aggregated."""
    try:
        return float(text)
    except ValueError:
        return text


def names_of(text: str) -> list[str]:
    """Split names at commas."""
    return [name for name in options.split_names(text) if name]


def show(table: ResultTable, output: Path | None) -> None:
    """Print a table, or write it and say so; notes go with either."""
    if output is None:
        print(table)
        return
    table.to_csv(output)
    for note in table.notes:
        print(note)
    print(f"Written to {output}")
