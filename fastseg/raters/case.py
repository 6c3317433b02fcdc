"""What is measured of several raters of one image, from their patterns of votes and, for distances, from pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg._version import __version__
from fastseg.evaluation.case import evaluate
from fastseg.inputs.arrays import Array
from fastseg.inputs.structures import Structure
from fastseg.measures.vote_patterns import BinaryVotes, VotePatterns, painted, vote_patterns
from fastseg.raters.agreement import (
    agreed_dice,
    cohen_kappa,
    dice_of_pairs,
    energy_distance,
    fleiss_kappa,
    iou_of_pairs,
    krippendorff_alpha,
    thresholded_dice,
)
from fastseg.raters.fusion import majority_of, simple
from fastseg.raters.maps import Maps
from fastseg.raters.relative import mean_of, mean_of_pairs, relative_score
from fastseg.raters.results import ALL, CONSENSUS, PREDICTION, SAMPLES, RaterEvaluation, RaterScore
from fastseg.raters.settings import RaterSettings
from fastseg.raters.staple import Staple, staple

# Those that patterns of votes tell; for all others pairs are measured.
_FROM_PATTERNS = {"dice": dice_of_pairs, "iou": iou_of_pairs}
#: QUBIQ's thresholds
QUBIQ = tuple(i / 10 for i in range(1, 10))
#: CURVAS 2025's
CURVAS = tuple(float(one) for one in np.linspace(0.1, 0.8, 6))


def evaluate_maps(
    maps: Maps,
    settings: RaterSettings,
    patterns: VotePatterns | None = None,
    *,
    predicted: bool,
    samples: int = 0,
) -> RaterEvaluation:
    """Measure maps that were read: the raters', then the prediction's if there is one, then so many samples."""
    if patterns is None:
        patterns = vote_patterns(maps.arrays)
    wanted = settings.structures
    if wanted is None:
        wanted = tuple(Structure.of(str(one), one) for one in patterns.found if one)
    case = _Case(maps, patterns, predicted, samples, settings)
    scores = [*case.all_labels(wanted)]
    for structure in wanted:
        scores.extend(case.structure(structure))
    about = {
        "raters": case.raters,
        "spacing": maps.spacing,
        "metrics": settings.metrics,
        "tolerance": settings.tolerance,
        "consensus": settings.consensus,
        "levels": settings.levels,
        "samples": samples,
        "seed": settings.seed,
        "version": __version__,
    }
    return RaterEvaluation(tuple(scores), about)


@dataclass(frozen=True)
class _Case:
    """What is measured of one image."""

    maps: Maps
    patterns: VotePatterns
    predicted: bool
    samples: int
    settings: RaterSettings

    @property
    def many(self) -> int:
        """How many raters there are."""
        return len(self.maps.arrays) - self.predicted - self.samples

    @property
    def sampled(self) -> range:
        """Which of the maps are samples."""
        return range(self.many + self.predicted, len(self.maps.arrays))

    @property
    def raters(self) -> list[str]:
        """What the raters are called."""
        return self.maps.names[: self.many]

    def votes(self, structure: Structure) -> BinaryVotes:
        """Tell who finds a structure: the raters, the prediction after them, and then the samples."""
        held = self.patterns.holds(structure.reference)
        if structure.prediction != structure.reference:
            held[:, self.many :] = self.patterns.holds(structure.prediction)[:, self.many :]
        return self.patterns.votes_of(held)

    def all_labels(self, wanted: Sequence[Structure]) -> Iterator[RaterScore]:
        """Tell how far the raters agree on all labels together."""
        patterns = self.patterns.of(range(self.many))
        if len([one for one in patterns.found if one]) < 2 or len(wanted) < 2:
            return
        yield from self._agreement(None, "all labels", patterns)
        for level in self.settings.levels:
            if level != "nominal":  # of one structure all levels are alike
                value = krippendorff_alpha(patterns, level)
                yield RaterScore(None, "all labels", f"krippendorff_alpha_{level}", ALL, ALL, value)
        if self.predicted or self.samples:
            pairs = [self.votes(structure).intersections for structure in wanted]
            yield from self._energy(None, "all labels", pairs)

    def _energy(
        self, label: Any, name: str, pairs: Sequence[NDArray[np.int64]]
    ) -> Iterator[RaterScore]:
        """Tell how far the prediction, and its samples, are from the raters as a distribution."""
        raters = range(self.many)
        if self.predicted:
            value = energy_distance(pairs, raters, [self.many])
            yield RaterScore(label, name, "energy_distance", PREDICTION, ALL, value)
        if self.samples:
            value = energy_distance(pairs, raters, self.sampled)
            yield RaterScore(label, name, "energy_distance", SAMPLES, ALL, value)

    def _agreement(self, label: Any, name: str, patterns: VotePatterns) -> Iterator[RaterScore]:
        yield RaterScore(label, name, "fleiss_kappa", ALL, ALL, fleiss_kappa(patterns))
        yield RaterScore(label, name, "krippendorff_alpha", ALL, ALL, krippendorff_alpha(patterns))
        kappas = np.full((self.many, self.many), math.nan)
        for i, j in zip(*np.triu_indices(self.many, 1), strict=True):
            kappas[i, j] = cohen_kappa(patterns, int(i), int(j))
        yield from self._pairs(label, name, "cohen_kappa", kappas)

    def _pairs(
        self, label: Any, name: str, measure: str, values: NDArray[np.float64]
    ) -> Iterator[RaterScore]:
        yield RaterScore(label, name, measure, ALL, ALL, mean_of_pairs(values))
        for i, j in zip(*np.triu_indices(self.many, 1), strict=True):
            yield RaterScore(
                label, name, measure, self.raters[i], self.raters[j], float(values[i, j])
            )

    def structure(self, structure: Structure) -> Iterator[RaterScore]:
        """Tell all of one structure."""
        label, name = structure.label, structure.name
        everybody = self.votes(structure)
        together = everybody
        if self.samples:
            together = everybody.of(range(self.many + self.predicted))
        own = together.of(range(self.many))
        yield from self._agreement(label, name, VotePatterns(own.votes, own.counts))
        estimate = staple(own)
        yield from self._of_each(label, name, own, estimate)
        truth = self._truth(own, estimate)
        place = VotePatterns(own.votes, own.counts).rows_of(together.votes[:, : self.many])
        held = np.concatenate([together.votes, truth[place][:, None]], axis=1)
        votes = BinaryVotes(held, together.counts)
        tables = self._tables(structure, votes, truth, own)
        for metric, table in tables.items():
            yield from self._metric(label, name, metric, table)
        yield from self._energy(label, name, [everybody.intersections])
        if self.predicted:
            yield from self._prediction(label, name, together)

    def _of_each(
        self, label: Any, name: str, own: BinaryVotes, estimate: Staple
    ) -> Iterator[RaterScore]:
        volume = math.prod(self.maps.spacing)
        for i, rater in enumerate(self.raters):
            found = int(own.counts[own.votes[:, i]].sum())
            yield RaterScore(label, name, "volume", rater, "", found * volume)
            for measure in ("sensitivity", "specificity"):
                value = float(getattr(estimate, measure)[i])
                yield RaterScore(label, name, f"staple_{measure}", rater, "", value)

    def _truth(self, own: BinaryVotes, estimate: Staple) -> NDArray[np.bool_]:
        """Find by pattern whether the consensus holds it."""
        if self.settings.consensus == "majority":
            return majority_of(own)
        if self.settings.consensus == "staple":
            probable: NDArray[np.bool_] = estimate.probabilities > 0.5
            return probable
        fused: NDArray[np.bool_] = simple(VotePatterns(own.votes, own.counts), 0).consensus == 1
        return fused

    def _tables(
        self,
        structure: Structure,
        votes: BinaryVotes,
        truth: NDArray[np.bool_],
        own: BinaryVotes,
    ) -> dict[str, NDArray[np.float64]]:
        """Compare every two of raters, prediction and consensus, in this order."""
        pairs = votes.intersections
        tables = {
            name: _FROM_PATTERNS[name](pairs)
            for name in self.settings.metrics
            if name in _FROM_PATTERNS
        }
        others = [name for name in self.settings.metrics if name not in _FROM_PATTERNS]
        if not others:
            return tables
        masks = self._masks(structure, truth, own)
        for name in others:
            tables[name] = np.full((len(masks), len(masks)), math.nan)
        for i, j in zip(*np.triu_indices(len(masks), 1), strict=True):
            sides = (masks[j], masks[i]) if j == len(masks) - 1 else (masks[i], masks[j])
            row = evaluate(
                *sides,
                labels=[1],
                metrics=others,
                spacing=self.maps.spacing,
                tolerance=self.settings.tolerance,
            )[1]
            for name in others:
                tables[name][i, j] = tables[name][j, i] = row[name]
        return {name: tables[name] for name in self.settings.metrics}

    def _masks(
        self, structure: Structure, truth: NDArray[np.bool_], own: BinaryVotes
    ) -> list[NDArray[np.bool_]]:
        sides = [structure.reference] * self.many + [structure.prediction] * self.predicted
        arrays = self.maps.arrays[: len(sides)]
        masks = [_mask(one, side) for one, side in zip(arrays, sides, strict=True)]
        patterns = VotePatterns(own.votes, own.counts)
        mask = painted(
            masks[: self.many],
            lambda rows: truth[patterns.rows_of(rows.view(bool))],
            np.dtype(bool),
        )
        return [*masks, mask]

    def _metric(
        self, label: Any, name: str, metric: str, table: NDArray[np.float64]
    ) -> Iterator[RaterScore]:
        """Tell one metric of raters, prediction and consensus."""
        many = self.many
        between = table[:many, :many]
        yield from self._pairs(label, name, metric, between)
        for i, rater in enumerate(self.raters):
            yield RaterScore(label, name, metric, rater, CONSENSUS, float(table[i, -1]))
        if not self.predicted:
            return
        own = table[many, :many]
        yield RaterScore(label, name, metric, PREDICTION, ALL, mean_of(own))
        for i, rater in enumerate(self.raters):
            yield RaterScore(label, name, metric, PREDICTION, rater, float(own[i]))
        yield RaterScore(label, name, metric, PREDICTION, CONSENSUS, float(table[many, -1]))
        ratio = relative_score(own, between, self.settings.seed)
        yield RaterScore(label, name, f"relative_{metric}", PREDICTION, ALL, *ratio)

    def _prediction(self, label: Any, name: str, together: BinaryVotes) -> Iterator[RaterScore]:
        """Tell what challenges of several raters make of the prediction."""
        votes = BinaryVotes(together.votes[:, : self.many], together.counts)
        predicted = together.votes[:, -1]
        values = {
            "qubiq_dice": thresholded_dice(votes, predicted, QUBIQ, above=False),
            "curvas_consensus_dice": agreed_dice(votes, predicted),
            "curvas_thresholded_dice": thresholded_dice(votes, predicted, CURVAS, above=True),
        }
        for measure, value in values.items():
            yield RaterScore(label, name, measure, PREDICTION, ALL, value)


def _mask(array: Array, labels: Sequence[int]) -> NDArray[np.bool_]:
    mask = array == labels[0]
    for label in labels[1:]:
        mask |= array == label
    return np.asarray(mask)
