"""STAPLE: the truth that explains best what the raters drew, and how good each of them is.

What the method believes of a voxel depends only on who found it, so one step goes over the patterns of votes (at most
2^raters of them) and not over the voxels. Warfield et al., IEEE Transactions on Medical Imaging 23 (2004); start, prior
and stop rule are those of ITK's filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.vote_patterns import BinaryVotes, VotePatterns

# ITK's: squares of the changes of all sensitivities and specificities.
_CONVERGED = 1e-14
#: ITK's: what an entry of a confusion matrix may still change in the last step
TERMINATION_UPDATE = 1e-5


@dataclass(frozen=True)
class Staple:
    """What STAPLE finds of one structure.

    Attributes
    ----------
    probabilities : float64 ndarray (n,)
        That a voxel with each pattern of votes belongs to the structure.
    sensitivity, specificity : float64 ndarray (raters,)
        Of each rater; nan where no voxel can tell, as nobody or everybody finds every voxel.
    iterations : int
        ITK's ElapsedIterations: steps after the first.
    undefined : bool
        Whether a quotient had nothing below its line, so that something was kept as it was; ITK goes on with nan there.
    """

    probabilities: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    iterations: int
    undefined: bool = False


def staple(
    votes: BinaryVotes, confidence_weight: float = 1.0, max_iterations: int | None = None
) -> Staple:
    """Estimate one structure and the sensitivity and specificity of each rater by expectation maximisation.

    The prior is the mean share of voxels that a rater finds, times `confidence_weight`; it begins with the mean vote.
    """
    found = votes.votes
    counts = votes.counts.astype(np.float64)
    belief = found.mean(axis=1)
    prior = float((belief * counts).sum() / counts.sum()) * confidence_weight
    sensitivity = specificity = np.ones(votes.raters)
    inside = outside = 0.0
    last = np.full((2, votes.raters), -10.0)
    step = 0
    undefined = False
    while max_iterations is None or step < max_iterations:
        weight, rest = belief * counts, (1.0 - belief) * counts
        inside, outside = float(weight.sum()), float(rest.sum())
        if inside > 0:
            sensitivity = np.where(found, weight[:, None], 0.0).sum(axis=0) / inside
        if outside > 0:
            specificity = np.where(found, 0.0, rest[:, None]).sum(axis=0) / outside
        yes = prior * np.where(found, sensitivity, 1.0 - sensitivity).prod(axis=1)
        no = (1.0 - prior) * np.where(found, 1.0 - specificity, specificity).prod(axis=1)
        known = yes + no > 0
        undefined |= not (known.all() and inside > 0 and outside > 0)
        belief = np.where(known, yes / np.where(known, yes + no, 1.0), belief)
        now = np.stack([sensitivity, specificity])
        if step and ((now - last) ** 2 <= _CONVERGED).all():
            break
        last = now
        step += 1
    unknown = np.full(votes.raters, np.nan)
    return Staple(
        belief,
        sensitivity if inside > 0 else unknown,
        specificity if outside > 0 else unknown,
        step,
        undefined,
    )


@dataclass(frozen=True)
class MultiLabelStaple:
    """What STAPLE finds of all labels at once.

    Attributes
    ----------
    labels : int64 ndarray (k,)
        Every label that a rater gives, the background too, ascending.
    consensus : int64 ndarray (n,)
        The most probable label of each pattern; `undecided` where two are equally so.
    confusion : float64 ndarray (raters, k, k)
        How probably a rater gives a label (row), given the true one (column). As ITK has it there is a further row.
    iterations : int
    """

    labels: NDArray[np.int64]
    consensus: NDArray[np.int64]
    confusion: NDArray[np.float64]
    iterations: int


def multi_label_staple(
    patterns: VotePatterns,
    undecided: int,
    max_iterations: int | None = None,
    *,
    as_itk: bool = False,
    termination_update: float = TERMINATION_UPDATE,
    prior: NDArray[np.float64] | None = None,
) -> MultiLabelStaple:
    """Estimate a label map and the confusion matrix of each rater by expectation maximisation.

    It begins with the majority's votes, of which ties are left out; the prior is how often each label is given. Sums
    are made in float64 from counts that are exact: the float32 counters that ITK has had stop at 2^24 voxels.

    `as_itk` is for a drop-in: every label up to the largest has its place, and ties are counted where ITK 5.4 writes
    them, beyond the end of a row, which is in the first column of the next.
    """
    if as_itk:
        labels = np.arange(int(patterns.labels.max()) + 1)
        rows = patterns.labels.astype(np.intp)
    else:
        labels, places = np.unique(patterns.labels, return_inverse=True)
        rows = places.reshape(patterns.labels.shape)
    many, raters = len(labels), patterns.raters
    counts = patterns.counts.astype(np.float64)
    given = np.zeros((len(rows), many), np.int64)
    for rater in range(raters):
        np.add.at(given, (np.arange(len(rows)), rows[:, rater]), 1)
    if prior is None:
        prior = (given * counts[:, None]).sum(axis=0)
        prior /= prior.sum()
    winner, tied = _best(given)
    confusion = np.zeros((raters, many + as_itk, many))
    for rater in range(raters):
        np.add.at(confusion[rater], (rows[~tied, rater], winner[~tied]), counts[~tied])
        if as_itk:
            np.add.at(confusion[rater], (rows[tied, rater] + 1, 0), counts[tied])
    sums = confusion.sum(axis=2, keepdims=True)
    confusion /= np.where(sums > 0, sums, 1.0)
    iterations = 0
    while max_iterations is None or iterations < max_iterations:
        belief = _belief(prior, confusion, rows)
        sums = belief.sum(axis=1, keepdims=True)
        belief /= np.where(sums > 0, sums, 1.0)
        weight = belief * counts[:, None]
        updated = np.zeros_like(confusion)
        for rater in range(raters):
            np.add.at(updated[rater], rows[:, rater], weight)
        sums = updated.sum(axis=1, keepdims=True)
        updated /= np.where(sums > 0, sums, 1.0)
        change = float(np.abs(updated - confusion).max())
        confusion = updated
        iterations += 1
        if change < termination_update:
            break
    belief = _belief(prior, confusion, rows)
    best, tied = _best(belief)
    nothing = tied | (belief.max(axis=1) <= 0)
    consensus = np.where(nothing, undecided, labels.astype(np.int64)[best])
    return MultiLabelStaple(labels.astype(np.int64), consensus, confusion, iterations)


def _belief(
    prior: NDArray[np.float64], confusion: NDArray[np.float64], rows: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Multiply what each rater's vote says of each label, (n, k)."""
    belief = np.broadcast_to(prior, (len(rows), len(prior))).copy()
    for rater, matrix in enumerate(confusion):
        belief *= matrix[rows[:, rater]]
    return belief


def _best(values: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Find the largest of each row, and whether another one is as large."""
    best = values.argmax(axis=1)
    highest = values[np.arange(len(values)), best]
    return best, (values == highest[:, None]).sum(axis=1) > 1
