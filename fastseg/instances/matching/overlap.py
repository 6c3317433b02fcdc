"""Overlap: every pair that reaches the threshold; one instance may be in several.

With `together`, a reference instance is found where all predictions that touch it reach the threshold as if they were
one; then all these are its pairs. There are no ties.
"""

from __future__ import annotations

from fastseg.instances.matching.options import MatchingOptions, Pairs, Scores, reaching
from fastseg.instances.scores import together
from fastseg.measures.instance_table import InstanceTable


def overlap(table: InstanceTable, scores: Scores, options: MatchingOptions) -> Pairs:
    """Accept each pair that reaches the threshold."""
    rows = table.reference_rows, table.prediction_rows
    if options.together:
        scores = together(table, *rows, options.score)[table.reference_rows]
    pairs = reaching(scores, options)
    return rows[0][pairs], rows[1][pairs]
