"""What raters are measured by, written again from the definitions, voxel by voxel or pair by pair."""

from __future__ import annotations

import itertools
import math

import numpy as np


def fleiss(maps: list[np.ndarray]) -> float:
    data = np.stack([one.ravel() for one in maps], axis=1)
    labels = np.unique(data)
    if len(labels) < 2:
        return math.nan
    given = np.stack([(data == label).sum(axis=1) for label in labels], axis=1).astype(float)
    raters = data.shape[1]
    of_voxel = ((given**2).sum(axis=1) - raters) / (raters * (raters - 1))
    shares = given.sum(axis=0) / given.sum()
    chance = (shares**2).sum()
    return float((of_voxel.mean() - chance) / (1 - chance))


def cohen(first: np.ndarray, second: np.ndarray) -> float:
    labels = np.unique(np.concatenate([first.ravel(), second.ravel()]))
    if len(labels) < 2:
        return math.nan
    observed = float((first == second).mean())
    chance = sum(float((first == one).mean() * (second == one).mean()) for one in labels)
    return (observed - chance) / (1 - chance)


def alpha(maps: list[np.ndarray], level: str) -> float:
    """Krippendorff's, by the pairs of votes within voxels and over all of them."""
    data = np.stack([one.ravel() for one in maps], axis=1).astype(int)
    values, counts = np.unique(data, return_counts=True)
    if len(values) < 2:
        return math.nan
    number_of = dict(zip(values.tolist(), counts.tolist(), strict=True))

    def apart(one: int, other: int) -> float:
        if level == "nominal":
            return float(one != other)
        if level == "interval":
            return float((one - other) ** 2)
        low, high = min(one, other), max(one, other)
        between: int = sum(n for value, n in number_of.items() if low <= value <= high)
        ranks: float = float(between) - (number_of[one] + number_of[other]) / 2
        return ranks * ranks

    raters, total = data.shape[1], data.size
    observed = 0.0
    for row in data.tolist():
        observed += sum(apart(a, b) for a, b in itertools.permutations(row, 2)) / (raters - 1)
    expected = sum(
        number_of[a] * number_of[b] * apart(a, b) for a in number_of for b in number_of if a != b
    )
    return 1 - float(observed / total) / float(expected / (total * (total - 1)))


def iou(first: np.ndarray, second: np.ndarray) -> float:
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


def dice(first: np.ndarray, second: np.ndarray) -> float:
    sizes = first.sum() + second.sum()
    return float(2 * (first & second).sum() / sizes) if sizes else math.nan


def energy(raters: list[np.ndarray], samples: list[np.ndarray], labels: list[int]) -> float:
    def apart(first: np.ndarray, second: np.ndarray) -> float:
        return 1 - sum(iou(first == one, second == one) for one in labels) / len(labels)

    def mean(one: list[np.ndarray], other: list[np.ndarray]) -> float:
        return sum(apart(a, b) for a in one for b in other) / (len(one) * len(other))

    return 2 * mean(raters, samples) - mean(raters, raters) - mean(samples, samples)


def staple(
    masks: list[np.ndarray], weight: float, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Binary STAPLE over voxels."""
    votes = np.stack([one.ravel() for one in masks]).astype(bool)
    belief = votes.mean(axis=0)
    prior = belief.mean() * weight
    last = np.full((2, len(votes)), -10.0)
    sensitivity = specificity = np.empty(0)
    for step in range(most):
        sensitivity = (votes * belief).sum(axis=1) / belief.sum()
        specificity = (~votes * (1 - belief)).sum(axis=1) / (1 - belief).sum()
        yes, no = np.full(votes.shape[1], prior), np.full(votes.shape[1], 1 - prior)
        for vote, p, q in zip(votes, sensitivity, specificity, strict=True):
            yes *= np.where(vote, p, 1 - p)
            no *= np.where(vote, 1 - q, q)
        belief = yes / (yes + no)
        now = np.stack([sensitivity, specificity])
        if step and ((now - last) ** 2 <= 1e-14).all():
            break
        last = now
    else:
        step = most
    return belief.reshape(masks[0].shape), sensitivity, specificity, step


def multi_label_staple(maps: list[np.ndarray], undecided: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the labels, 0 to k - 1, and the confusion matrices over voxels."""
    data = np.stack([one.ravel() for one in maps])
    many = int(data.max()) + 1
    given = np.stack([(data == label).sum(axis=0) for label in range(many)])
    tied = (given == given.max(axis=0)).sum(axis=0) > 1
    winner = given.argmax(axis=0)
    prior = given.sum(axis=1) / given.sum()
    confusion = np.zeros((len(data), many, many))
    for rater, row in enumerate(data):
        for label, true in zip(row[~tied], winner[~tied], strict=True):
            confusion[rater, label, true] += 1
        for label in range(many):
            confusion[rater, label] /= confusion[rater, label].sum() or 1

    def believed() -> np.ndarray:
        belief = np.repeat(prior[:, None], data.shape[1], axis=1)
        for rater, row in enumerate(data):
            belief *= confusion[rater][row].T
        return belief

    while True:
        belief = believed()
        sums = belief.sum(axis=0)
        belief /= np.where(sums > 0, sums, 1)
        updated = np.zeros_like(confusion)
        for rater, row in enumerate(data):
            for label in range(many):
                updated[rater, label] = belief[:, row == label].sum(axis=1)
            sums = updated[rater].sum(axis=0)
            updated[rater] /= np.where(sums > 0, sums, 1)
        change = np.abs(updated - confusion).max()
        confusion = updated
        if change < 1e-5:
            break
    belief = believed()
    unclear = (np.isclose(belief, belief.max(axis=0), rtol=1e-9, atol=0)).sum(axis=0) > 1
    return np.where(unclear, undecided, belief.argmax(axis=0)).reshape(maps[0].shape), confusion


def noisy(
    rng: np.random.Generator, shape: tuple[int, ...], raters: int, labels: int
) -> list[np.ndarray]:
    """Make raters who err in some voxels of one truth."""
    truth = rng.integers(0, labels, shape)
    return [
        np.where(rng.random(shape) < rng.uniform(0.05, 0.3), rng.integers(0, labels, shape), truth)
        .astype(np.uint8)
        for _ in range(raters)
    ]  # fmt: skip
