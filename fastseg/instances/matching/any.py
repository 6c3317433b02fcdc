"""Any: every pair that shares a voxel; one instance may be in several. The threshold plays no part; no ties."""

from __future__ import annotations

from fastseg.instances.matching.options import MatchingOptions, Pairs, Scores
from fastseg.measures.instance_table import InstanceTable


def any_overlap(table: InstanceTable, scores: Scores, options: MatchingOptions) -> Pairs:
    """Accept each pair of the table."""
    return table.reference_rows, table.prediction_rows
