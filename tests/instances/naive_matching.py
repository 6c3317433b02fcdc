"""Each rule of matching by its description, a pair at a time, from dictionaries of voxel counts."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from tests.instances.instance_maps import Naive

IdPair = tuple[int, int]
Accepted = dict[IdPair, float]


def score_of(name: str, both: int, reference: int, prediction: int) -> float:
    return {
        "iou": both / (reference + prediction - both),
        "dice": 2 * both / (reference + prediction),
        "recall": both / reference,
        "precision": both / prediction,
    }[name]


def own_score(naive: Naive, pair: IdPair, score: str) -> float:
    sizes = naive.reference[pair[0]], naive.prediction[pair[1]]
    return score_of(score, naive.overlaps.get(pair, 0), *sizes)


def union_score(naive: Naive, reference: int, predictions: Iterable[int], score: str) -> float:
    predictions = list(predictions)
    both = sum(naive.overlaps.get((reference, other), 0) for other in predictions)
    size = sum(naive.prediction[other] for other in predictions)
    return score_of(score, both, naive.reference[reference], size)


def best_first(naive: Naive, score: str, ties: str = "reference") -> list[IdPair]:
    def key(pair: IdPair) -> tuple[float, int, int]:
        first, second = pair if ties == "reference" else pair[::-1]
        return -own_score(naive, pair, score), first, second

    return sorted(naive.overlaps, key=key)


def reaches(value: float, threshold: float, strict: bool) -> bool:
    return value > threshold if strict else value >= threshold


def greedy(
    naive: Naive, score: str, threshold: float, strict: bool, many_to_one: bool, ties: str
) -> Accepted:
    accepted: Accepted = {}
    for pair in best_first(naive, score, ties):
        value = own_score(naive, pair, score)
        if not reaches(value, threshold, strict):
            continue
        if any(other[1] == pair[1] for other in accepted):
            continue
        if any(other[0] == pair[0] for other in accepted) and not many_to_one:
            continue
        accepted[pair] = value
    return accepted


def merge(naive: Naive, score: str, threshold: float, strict: bool, ties: str) -> Accepted:
    found: dict[int, list[int]] = {}
    for reference, prediction in best_first(naive, score, ties):
        if any(prediction in others for others in found.values()):
            continue
        if reference in found:
            more = [*found[reference], prediction]
            before = union_score(naive, reference, found[reference], score)
            if union_score(naive, reference, more, score) > before:
                found[reference] = more
        elif reaches(own_score(naive, (reference, prediction), score), threshold, strict):
            found[reference] = [prediction]
    return {
        (reference, prediction): union_score(naive, reference, predictions, score)
        for reference, predictions in found.items()
        for prediction in predictions
    }


def overlap(naive: Naive, score: str, threshold: float, strict: bool, together: bool) -> Accepted:
    accepted: Accepted = {}
    for pair in naive.overlaps:
        value = judged = own_score(naive, pair, score)
        if together:
            touching = [other for reference, other in naive.overlaps if reference == pair[0]]
            judged = union_score(naive, pair[0], touching, score)
        if reaches(judged, threshold, strict):
            accepted[pair] = value
    return accepted


def any_overlap(naive: Naive, score: str) -> Accepted:
    return {pair: own_score(naive, pair, score) for pair in naive.overlaps}


def center(naive: Naive, score: str, centers: dict[int, int], many_to_one: bool) -> Accepted:
    pairs = [(reference, prediction) for prediction, reference in centers.items() if reference]
    found = {pair: own_score(naive, pair, score) for pair in pairs}
    if many_to_one:
        return found
    best: dict[int, IdPair] = {}
    for pair in sorted(found, key=lambda pair: (-found[pair], pair[1])):
        best.setdefault(pair[0], pair)
    return {pair: found[pair] for pair in best.values()}


def best_sum(naive: Naive, score: str, threshold: float, strict: bool, bonus: float) -> float:
    """The largest sum that pairs can have, by trying every choice of each block."""
    allowed = {
        pair: own_score(naive, pair, score) + bonus
        for pair in naive.overlaps
        if reaches(own_score(naive, pair, score), threshold, strict)
    }
    return math.fsum(_best_of_block(block) for block in _blocks(allowed))


def _blocks(allowed: Accepted) -> list[Accepted]:
    blocks: list[Accepted] = []
    for pair, value in allowed.items():
        joined = {pair: value}
        for block in list(blocks):
            if any(pair[0] == other[0] or pair[1] == other[1] for other in block):
                blocks.remove(block)
                joined |= block
        blocks.append(joined)
    return blocks


def _best_of_block(block: Accepted) -> float:
    """Each reference instance gets one of the predictions that are left, or none."""
    references = sorted({reference for reference, _ in block})

    @functools.cache
    def best(place: int, taken: frozenset[int]) -> float:
        if place == len(references):
            return 0.0
        sums = [best(place + 1, taken)]
        for (reference, prediction), value in block.items():
            if reference == references[place] and prediction not in taken:
                sums.append(value + best(place + 1, taken | {prediction}))
        return max(sums)

    return best(0, frozenset())
