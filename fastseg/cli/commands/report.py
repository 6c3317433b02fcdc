"""``fastseg report``: results as one page that can be mailed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastseg.cli import tables
from fastseg.errors import InputError


def report(
    sources: tables.Sources,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PAGE.html", help="Written whole or not at all."),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAMES",
            help="Those that get intervals, ranks and figures, separated by commas; the first decides what is "
            "worst. Default: up to four that are usual.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Of the page.")] = "Segmentation report",
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst rows are drawn.")] = 12,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Read images to draw the worst rows.")
    ] = True,
    rows: Annotated[
        int, typer.Option(min=0, help="The table of the page has at most so many, the worst.")
    ] = 5000,
    undefined: Annotated[
        str | None,
        typer.Option(
            help="What undefined and missing values count as in rankings: worst, drop, or a number. "
            "Default: last in each case."
        ),
    ] = None,
    smaller_is_better: tables.Smaller = False,
    larger_is_better: tables.Larger = False,
    case: tables.Case = None,
    algorithm: tables.Algorithm = None,
    task: tables.Task = None,
) -> None:
    """Write results as one page (HTML) that asks no network for anything.

    The worst cases with their contours, intervals, distributions, rankings, subgroups, flags, failures, and a table to
    sort, filter and search. A browser prints it to PDF.
    """
    from fastseg.reports.write_report import report as write

    if not output.absolute().parent.is_dir():
        raise InputError(f"{output}: there is no folder {output.absolute().parent}")
    tables.check_output(output, sources)
    table = tables.read_table(
        sources,
        None,
        case=case,
        algorithm=algorithm,
        task=task,
        larger_is_better=tables.direction(smaller_is_better, larger_is_better),
    )
    write(
        table,
        output,
        metrics=None if metric is None else tables.names_of(metric),
        title=title,
        worst=worst,
        images=images,
        rows=rows,
        undefined=tables.undefined_of(undefined),
    )
    print(f"Written to {output}: {len(table)} rows of {len(table.case.names)} cases")
