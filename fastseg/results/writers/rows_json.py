"""Rows, settings, failures and summaries as JSON, which is read back to the bit."""

from __future__ import annotations

from pathlib import Path

from fastseg.results.evaluation import Evaluation
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write all that an evaluation holds, see :meth:`Evaluation.to_json`."""
    evaluation.to_json(path)


WRITER = Writer(
    "json", (".json",), "rows, settings, failures and summaries; read back whole", write
)
