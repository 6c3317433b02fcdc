"""Optimal: the pairs that reach the threshold, each instance in one at most, whose scores have the largest sum.

`pair_bonus` is added to the score of each pair: with inf as many pairs as possible come first, and the sum of their
scores second. Of several such choices it is the one of :func:`best_assignment`. With `many_to_one` only predictions
are in one pair at most: each goes to its best reference, which is what the greedy rule does then, too.
"""

from __future__ import annotations

import math

from fastseg.instances.matching.assignment import best_assignment
from fastseg.instances.matching.greedy import greedy
from fastseg.instances.matching.options import MatchingOptions, Pairs, Scores, reaching
from fastseg.measures.instance_table import InstanceTable


def optimal(table: InstanceTable, scores: Scores, options: MatchingOptions) -> Pairs:
    """Accept the pairs of the best assignment."""
    if options.many_to_one:
        return greedy(table, scores, options)
    pairs = reaching(scores, options)
    references, predictions = table.reference_rows[pairs], table.prediction_rows[pairs]
    bonus = options.pair_bonus
    if math.isinf(bonus):
        bonus = 1.0 + min(
            len(table.reference), len(table.prediction)
        )  # what all scores are at most
    chosen = best_assignment(references, predictions, scores[pairs] + bonus)
    return references[chosen], predictions[chosen]
