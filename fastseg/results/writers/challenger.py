"""challengeR's long CSV: a line for each task, case and algorithm.

A task is a structure and a metric, "liver/dice". challengeR ranks in one direction at a time (``smallBetter``), so
that columns of structure, metric and direction stand beside it to choose tasks by::

    data <- subset(read.csv("long.csv"), metric == "hd95")
    as.challenge(data, by = "task", algorithm = "algorithm", case = "case", value = "value", smallBetter = TRUE)

Every algorithm has a line for every case of every task, as challengeR asks: ``NA`` where it has no value.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from fastseg.results.evaluation import Evaluation
from fastseg.results.files import encodable, written
from fastseg.results.missing import missing_predictions
from fastseg.results.score_facts import ScoreFacts, facts_of
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer

COLUMNS = ("task", "case", "algorithm", "value", "structure", "metric", "smallBetter")

#: an algorithm without a name
UNNAMED = "prediction"


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write the long table of all algorithms."""
    written(table_of(evaluation), path)


def table_of(evaluation: Evaluation) -> str:
    """Make the table."""
    missing = missing_predictions(evaluation.settings)
    rows = [row for row in evaluation.rows if row.level == "structure"]
    others = [(one.algorithm, one.case) for one in evaluation.failures]
    others += [(one.algorithm, one.case) for one in missing]
    pairs = [*((row.algorithm, row.case) for row in rows), *others]
    algorithms, cases = dict.fromkeys(a for a, _ in pairs), dict.fromkeys(c for _, c in pairs)
    found = {(row.algorithm, row.case, row.name): row for row in rows}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name in dict.fromkeys(row.name for row in rows):
        for metric in evaluation.metrics:
            about = (name, metric, _small_is_better(facts_of(metric, evaluation.settings)))
            for case in cases:
                for algorithm in algorithms:
                    row = found.get((algorithm, case, name))
                    value = math.nan if row is None else row.values_by_metric.get(metric, math.nan)
                    writer.writerow(
                        (f"{name}/{metric}", case, algorithm or UNNAMED, _cell(value), *about)
                    )
    return encodable(text.getvalue())


def _small_is_better(facts: ScoreFacts) -> str:
    """Say in R whether a metric is the better the smaller; NA of a signed difference, and of what is not known."""
    larger = facts.larger_is_better
    return "NA" if larger is None else str(not larger).upper()


def _cell(value: float) -> float | str:
    """Write a number as R reads it."""
    if math.isnan(value):
        return "NA"
    return value if math.isfinite(value) else ("Inf" if value > 0 else "-Inf")


WRITER = Writer("challenger", (), "challengeR's long CSV of all algorithms, for rankings", write)
