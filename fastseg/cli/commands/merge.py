"""``fastseg merge``: outcomes of several runs as one, and tables of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastseg.cli import options
from fastseg.errors import InputError


def merge(
    streams: Annotated[
        list[Path], typer.Argument(help="Files of outcomes (.jsonl) that fastseg evaluate wrote.")
    ],
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="[FORMAT:]FILE",
            help="Where to: .jsonl for the outcomes, .csv, .json, … for a table; may be given several times.",
        ),
    ] = None,
) -> None:
    """Join what several runs wrote, of the shards of a cohort say, and write tables of it.

    Every case is there once, in whatever order the files come. Of a case that failed in one and was evaluated in
    another the evaluation counts; two evaluations that differ are an error.
    """
    from fastseg.cli import evaluating
    from fastseg.cohort import merging
    from fastseg.results.files import written
    from fastseg.results.writers.writer import WriteOptions

    for path in streams:
        options.check_there(path)
    kept = options.parse_outputs(outputs or [], list(map(str, streams)), False, False)
    if kept.stream is None and not kept.outputs:
        raise InputError("--output: expected at least one file to write to")
    records = merging.merged(streams)
    if not records:
        raise InputError("there is no outcome in these files")
    if kept.stream is not None:
        written(merging.write_merged(records), kept.stream)
        print(f"Written to {kept.stream}")
    evaluation = merging.evaluation_of(records)
    for output in kept.outputs:
        output.check(evaluation.algorithms)
    for output in kept.outputs:
        evaluating.write(evaluation, output, WriteOptions(merging.files_of(records)))
    count, failed = len(records), len(evaluation.failures)
    print(
        f"{count} case{'s' * (count != 1)} of {len(streams)} files, {failed} failed, {len(evaluation.rows)} rows"
    )
    if failed:
        raise typer.Exit(1)
