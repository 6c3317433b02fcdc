"""Merge: greedy, and where a reference instance is found, further predictions are merged for it while that is better.

Pairs are gone through from the best on, as the greedy rule does. A prediction that is free opens a match with a
reference instance that is free where the pair reaches the threshold, and joins one that is found where the score of all
its predictions together rises by it, whatever the pair's own score is.
"""

from __future__ import annotations

import numpy as np

from fastseg.instances.matching.options import (
    MatchingOptions,
    Pairs,
    Scores,
    best_first,
    reaching,
)
from fastseg.instances.scores import score_named
from fastseg.measures.instance_table import InstanceTable


def merge(table: InstanceTable, scores: Scores, options: MatchingOptions) -> Pairs:
    """Accept pairs from the best on, and those that make one better."""
    score = score_named(options.score).of
    # only what has a pair that reaches the threshold can be found at all
    reached = np.zeros(len(scores), bool)
    reached[reaching(scores, options)] = True
    may_be_found = np.zeros(len(table.reference), bool)
    may_be_found[table.reference_rows[reached]] = True
    pairs = may_be_found[table.reference_rows].nonzero()[0]
    order = best_first(table, scores, pairs, options.ties)
    columns = (
        table.reference_rows,
        table.prediction_rows,
        table.overlaps,
        table.reference_sizes,
        table.prediction_sizes,
        scores,
        reached,
    )
    taken: set[int] = set()
    found: dict[int, tuple[int, int, float]] = {}  # voxels shared and predicted, and the score
    accepted: tuple[list[int], list[int]] = [], []
    for reference, prediction, both, size, predicted, own, reaches in zip(
        *(column[order].tolist() for column in columns), strict=True
    ):
        if prediction in taken:
            continue
        if reference in found:
            both_before, predicted_before, before = found[reference]
            both += both_before
            predicted += predicted_before
            own = score(both, size, predicted)
            if not own > before:
                continue
        elif not reaches:
            continue
        found[reference] = both, predicted, own
        taken.add(prediction)
        accepted[0].append(reference)
        accepted[1].append(prediction)
    return np.array(accepted[0], np.int64), np.array(accepted[1], np.int64)
