"""What an evaluation gives: rows, the tables made of them, and files."""

from fastseg.results.evaluation import Evaluation
from fastseg.results.rows import Level, Row
from fastseg.results.summary import MetricSummary, Summary

__all__ = ["Evaluation", "Level", "MetricSummary", "Row", "Summary"]
