"""One label map of several: by majority, by STAPLE, by SIMPLE; decided by pattern of votes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.vote_patterns import BinaryVotes, VotePatterns

# Fewer than so many raters have no majority that could be better than each of them.
_FEWEST_KEPT = 3


def majority(patterns: VotePatterns, undecided: int) -> NDArray[np.int64]:
    """Find the label that most raters give, by pattern; `undecided` where two labels have as many."""
    labels, votes = _votes(patterns, np.ones(patterns.raters))
    return _winner(labels, votes, undecided)


@dataclass(frozen=True)
class Simple:
    """What SIMPLE finds.

    Attributes
    ----------
    consensus : int64 ndarray (n,)
        The label of each pattern.
    weights : float64 ndarray (raters,)
        Each rater's mean Dice with the last consensus; 0 for those that were left out.
    iterations : int
    """

    consensus: NDArray[np.int64]
    weights: NDArray[np.float64]
    iterations: int


def simple(patterns: VotePatterns, undecided: int, alpha: float = 1.0) -> Simple:
    """Fuse label maps while the worst are left out, again and again.

    From the majority vote on: each rater's performance is its mean Dice with the consensus over all labels but 0; who
    lies more than `alpha` standard deviations below the mean is left out for good, and those that are left vote again,
    weighted by their performance. It ends when nobody is left out any more, and never keeps fewer than three (Langerak
    et al., IEEE Transactions on Medical Imaging 29 (2010); the bound is ours).
    """
    raters = patterns.raters
    kept = np.ones(raters, bool)
    weights = np.ones(raters)
    consensus = majority(patterns, undecided)
    iterations = 0
    while True:
        iterations += 1
        scores = _performance(patterns, consensus)
        threshold = scores[kept].mean() - alpha * scores[kept].std()
        left = kept & (scores >= threshold - 1e-12)  # all alike: a rounding leaves nobody out
        if left.sum() < min(_FEWEST_KEPT, raters):
            left = kept
        weights = np.where(left, scores, 0.0)
        labels, votes = _votes(patterns, weights if weights.any() else left.astype(float))
        consensus = _winner(labels, votes, undecided)
        if (left == kept).all():
            return Simple(consensus, weights, iterations)
        kept = left


def _performance(patterns: VotePatterns, consensus: NDArray[np.int64]) -> NDArray[np.float64]:
    """Work out each rater's mean Dice with a consensus, over the labels but 0 that either has."""
    scores = []
    for label in [one for one in patterns.found if one]:
        truth = consensus == label
        held = patterns.labels == label
        both = (held & truth[:, None]).astype(np.int64).T @ patterns.counts
        sizes = held.astype(np.int64).T @ patterns.counts + int(patterns.counts[truth].sum())
        scores.append(np.where(sizes > 0, 2 * both / np.maximum(sizes, 1), np.nan))
    if not scores:
        return np.ones(patterns.raters)
    table = np.array(scores)
    known = ~np.isnan(table)
    return np.where(
        known.any(axis=0),
        np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1),
        1.0,
    )


def _votes(
    patterns: VotePatterns, weights: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Add up the weights of the raters that give each label, (n, labels)."""
    labels = patterns.found
    votes = [(patterns.labels == label) @ weights for label in labels]
    return np.array(labels, np.int64), np.stack(votes, axis=1)


def _winner(
    labels: NDArray[np.int64], votes: NDArray[np.float64], undecided: int
) -> NDArray[np.int64]:
    highest = votes.max(axis=1, keepdims=True)
    tied = (votes == highest).sum(axis=1) > 1
    return np.where(tied, undecided, labels[votes.argmax(axis=1)])


def majority_of(votes: BinaryVotes) -> NDArray[np.bool_]:
    """Tell by pattern whether more than half of the raters find a structure."""
    more: NDArray[np.bool_] = 2 * votes.votes.sum(axis=1) > votes.raters
    return more
