"""Greedy: the best pair first, then the best of what is left.

A pair is accepted where it reaches the threshold and neither of its instances has been taken by a better pair; with
`many_to_one`, where its prediction has not been. Equal scores go by ascending reference id, then prediction id, or the
other way round by `ties`.
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
from fastseg.measures.instance_table import InstanceTable, Longs

# Rounds after which, or pairs below which, a loop over what is left takes less time than a round of array operations.
_MOST_ROUNDS = 12
_FEW_PAIRS = 256


def greedy(table: InstanceTable, scores: Scores, options: MatchingOptions) -> Pairs:
    """Accept pairs from the best on."""
    order = best_first(table, scores, reaching(scores, options), options.ties)
    references, predictions = table.reference_rows[order], table.prediction_rows[order]
    if options.many_to_one:
        _, first = np.unique(predictions, return_index=True)
        return references[first], predictions[first]
    kept = first_come(references, predictions, len(table.reference), len(table.prediction))
    return references[kept], predictions[kept]


def first_come(references: Longs, predictions: Longs, n: int, m: int) -> Longs:
    """Go through pairs in order and keep each whose two instances are still free: indices of those kept.

    A pair that comes first among those of both its instances is kept whatever the others are, so that all of these are
    kept at once, and all pairs of their instances go; again and again, and one by one where few are left.
    """
    kept = []
    left = np.arange(len(references))
    first_of = np.empty(n, np.int64), np.empty(m, np.int64)
    free = np.ones(n, bool), np.ones(m, bool)
    for _ in range(_MOST_ROUNDS):
        if len(left) < _FEW_PAIRS:
            break
        own, others = references[left], predictions[left]
        # of indices given several times the last one stays
        first_of[0][own[::-1]] = left[::-1]
        first_of[1][others[::-1]] = left[::-1]
        first = left[(first_of[0][own] == left) & (first_of[1][others] == left)]
        kept.append(first)
        free[0][references[first]] = False
        free[1][predictions[first]] = False
        left = left[free[0][own] & free[1][others]]
    kept.append(np.array(_one_by_one(left, references, predictions), np.int64))
    return np.concatenate(kept)


def _one_by_one(left: Longs, references: Longs, predictions: Longs) -> list[int]:
    kept = []
    taken: tuple[set[int], set[int]] = set(), set()
    pairs = zip(left.tolist(), references[left].tolist(), predictions[left].tolist(), strict=True)
    for pair, reference, prediction in pairs:
        if reference not in taken[0] and prediction not in taken[1]:
            taken[0].add(reference)
            taken[1].add(prediction)
            kept.append(pair)
    return kept
