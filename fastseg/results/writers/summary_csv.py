"""The summary of each metric by label as CSV, or by what was asked for."""

from __future__ import annotations

from pathlib import Path

from fastseg.results.evaluation import Evaluation
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write mean, standard deviation, quantiles and counts, a line for each group and metric."""
    own = ("algorithm", "label") if evaluation.algorithms else ("label",)
    evaluation.summary(by=options.by or own, floors=options.floors).to_csv(path)


WRITER = Writer(
    "summary", (), "mean, sd, quantiles and counts of each label and metric, as CSV", write
)
