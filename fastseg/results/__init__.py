"""What an evaluation gives: rows, the tables made of them, and files."""

from fastseg.results.evaluation import Evaluation
from fastseg.results.failures import Failure
from fastseg.results.reading import read
from fastseg.results.rows import Level, Row
from fastseg.results.summary import MetricSummary, Summary
from fastseg.results.with_case import with_case

__all__ = ["Evaluation", "Failure", "Level", "MetricSummary", "Row", "Summary", "read", "with_case"]
