"""The table of rows as CSV, or separated by tabs in a file that ends in .tsv."""

from __future__ import annotations

from pathlib import Path

from fastseg.results.evaluation import Evaluation
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write the rows, and what has none of its own, see :meth:`Evaluation.to_csv`."""
    evaluation.to_csv(path, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")


WRITER = Writer("csv", (".csv", ".tsv"), "the rows, for spreadsheets, pandas and R", write)
