"""Several raters of one image: how far they agree, and whether a prediction is as good as they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg._version import __version__
from fastseg.errors import InputError
from fastseg.evaluation.case import evaluate
from fastseg.inputs.arrays import Array
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_tolerance, as_whole_number
from fastseg.inputs.structures import Labels, Structure, as_structures
from fastseg.measures.vote_patterns import BinaryVotes, VotePatterns, painted, vote_patterns
from fastseg.metrics import resolve
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
from fastseg.raters.maps import Maps, as_maps
from fastseg.raters.relative import mean_of, mean_of_pairs, relative_score
from fastseg.raters.results import ALL, RaterEvaluation, RaterScore
from fastseg.raters.staple import Staple, staple

CONSENSUS = ("majority", "staple", "simple")
DEFAULT = ("dice", "iou", "hd95", "assd", "nsd")
# Those that patterns of votes tell; for all others pairs are measured.
_FROM_PATTERNS = {"dice": dice_of_pairs, "iou": iou_of_pairs}
# QUBIQ's thresholds, and those of CURVAS 2025
_QUBIQ = tuple(i / 10 for i in range(1, 10))
_CURVAS = tuple(float(one) for one in np.linspace(0.1, 0.8, 6))


def evaluate_raters(
    maps: Any,
    prediction: Any = None,
    *,
    labels: Labels | None = None,
    spacing: float | Sequence[float] | None = None,
    metrics: str | Iterable[str] = DEFAULT,
    tolerance: float = 1.0,
    consensus: str = "majority",
    seed: int = 0,
) -> RaterEvaluation:
    """Tell how far several raters of one image agree, and where a prediction stands among them.

    Parameters
    ----------
    maps : list of label maps, or mapping of raters' names to label maps
        At least two of one shape, as :func:`evaluate` takes them, in the memory of the CPU.
    prediction : array_like, path or image, optional
    labels : iterable of int, or mapping of names to labels or regions, optional
        Default: every label but 0 that any map has.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the first image's own, and 1 for plain arrays.
    metrics : str or iterable of str
        What two maps are compared by: names of :func:`list_metrics`. "dice" and "iou" are free; all others measure
        every pair. Where it matters, the consensus is the reference, then a rater, of two raters the first.
    tolerance : float
        Of ``nsd``, in the units of the spacing.
    consensus : {"majority", "staple", "simple"}
        Of each structure by itself, as a mask: found by more than half of the raters, more probable than 0.5, or by
        SIMPLE.
    seed : int
        Of the bootstrap over raters.

    Returns
    -------
    RaterEvaluation
        A row for each number. Of each structure: ``fleiss_kappa``, ``krippendorff_alpha``, ``cohen_kappa`` of each pair
        and their mean; each metric of each pair, their mean, and of each rater with the consensus; STAPLE's
        ``staple_sensitivity`` and ``staple_specificity`` of each rater; ``volume`` of each rater. With a prediction:
        each metric with each rater, their mean, and with the consensus; ``relative_<metric>``, which is the mean with
        the raters over the mean of the raters' pairs, with a 95 % interval; ``energy_distance``, ``qubiq_dice``,
        ``curvas_consensus_dice``, ``curvas_thresholded_dice``. Of all labels together: kappas, alpha and the energy
        distance, where there are two labels or more. nan where a formula is undefined; means are over what is defined.

    Raises
    ------
    TypeError, ValueError
        For fewer than two maps, shapes or grids that differ, arrays on a GPU, unknown names.

    Notes
    -----
    All but the metrics of pairs follow from one histogram of patterns of votes, so that the maps are read once. The
    consensus holds the raters that are compared with it; that flatters them beside a prediction, of which ``relative_``
    is free. ``relative_dice`` of 1 or more is as good as a human; of distances 1 or less.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> first = np.zeros((20, 20), np.uint8); first[5:15, 5:15] = 1
    >>> maps = [first, np.roll(first, 1, axis=0), np.roll(first, 1, axis=1)]
    >>> found = fastseg.evaluate_raters(maps, prediction=first, metrics=["dice"])
    >>> round(found.value(1, "fleiss_kappa"), 3), round(found.value(1, "dice"), 3)
    (0.827, 0.87)
    """
    if consensus not in CONSENSUS:
        raise unknown("consensus", consensus, CONSENSUS)
    names = [metric.name for metric in resolve(metrics)]
    width = as_tolerance(tolerance)
    start = as_whole_number(seed, "seed")
    if start < 0:
        raise InputError(f"seed: expected 0 or more, got {start}")
    wanted = None if labels is None else as_structures(labels, None)
    given = as_maps(maps, spacing, prediction)
    if len(set(given.names)) < len(given.names) or {ALL, "consensus"} & set(given.names):
        raise InputError(
            f"maps: each rater needs a name of its own, none of {ALL!r}, 'prediction' and 'consensus'"
        )
    patterns = vote_patterns(given.arrays)
    if wanted is None:
        wanted = tuple(Structure.of(str(one), one) for one in patterns.found if one)
    case = _Case(given, patterns, prediction is not None, names, width, consensus, start)
    scores = [*case.all_labels(wanted)]
    for structure in wanted:
        scores.extend(case.structure(structure))
    settings = {
        "raters": case.raters,
        "spacing": given.spacing,
        "metrics": tuple(names),
        "tolerance": width,
        "consensus": consensus,
        "seed": start,
        "version": __version__,
    }
    return RaterEvaluation(tuple(scores), settings)


@dataclass(frozen=True)
class _Case:
    """What is measured of one image."""

    maps: Maps
    patterns: VotePatterns
    predicted: bool
    metrics: list[str]
    tolerance: float
    consensus: str
    seed: int

    @property
    def many(self) -> int:
        """How many raters there are."""
        return len(self.maps.arrays) - self.predicted

    @property
    def raters(self) -> list[str]:
        """What the raters are called."""
        return self.maps.names[: self.many]

    def votes(self, structure: Structure) -> BinaryVotes:
        """Tell who finds a structure: the raters, and the prediction after them."""
        held = self.patterns.holds(structure.reference)
        if self.predicted and structure.prediction != structure.reference:
            held[:, -1] = self.patterns.holds(structure.prediction)[:, -1]
        return self.patterns.votes_of(held)

    def all_labels(self, wanted: Sequence[Structure]) -> Iterator[RaterScore]:
        """Tell how far the raters agree on all labels together."""
        patterns = self.patterns.of(range(self.many))
        if len([one for one in patterns.found if one]) < 2 or len(wanted) < 2:
            return
        yield from self._agreement(None, "all labels", patterns)
        if self.predicted:
            pairs = [self.votes(structure).intersections for structure in wanted]
            value = energy_distance(pairs, range(self.many), [self.many])
            yield RaterScore(None, "all labels", "energy_distance", "prediction", ALL, value)

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
        together = self.votes(structure)
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
        if self.consensus == "majority":
            return majority_of(own)
        if self.consensus == "staple":
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
            name: _FROM_PATTERNS[name](pairs) for name in self.metrics if name in _FROM_PATTERNS
        }
        others = [name for name in self.metrics if name not in _FROM_PATTERNS]
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
                tolerance=self.tolerance,
            )[1]
            for name in others:
                tables[name][i, j] = tables[name][j, i] = row[name]
        return {name: tables[name] for name in self.metrics}

    def _masks(
        self, structure: Structure, truth: NDArray[np.bool_], own: BinaryVotes
    ) -> list[NDArray[np.bool_]]:
        sides = [structure.reference] * self.many + [structure.prediction] * self.predicted
        masks = [_mask(one, side) for one, side in zip(self.maps.arrays, sides, strict=True)]
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
            yield RaterScore(label, name, metric, rater, "consensus", float(table[i, -1]))
        if not self.predicted:
            return
        own = table[many, :many]
        yield RaterScore(label, name, metric, "prediction", ALL, mean_of(own))
        for i, rater in enumerate(self.raters):
            yield RaterScore(label, name, metric, "prediction", rater, float(own[i]))
        yield RaterScore(label, name, metric, "prediction", "consensus", float(table[many, -1]))
        ratio = relative_score(own, between, self.seed)
        yield RaterScore(label, name, f"relative_{metric}", "prediction", ALL, *ratio)

    def _prediction(self, label: Any, name: str, together: BinaryVotes) -> Iterator[RaterScore]:
        """Tell what challenges of several raters make of the prediction."""
        votes = BinaryVotes(together.votes[:, : self.many], together.counts)
        predicted = together.votes[:, -1]
        pairs = [together.intersections]
        values = {
            "energy_distance": energy_distance(pairs, range(self.many), [self.many]),
            "qubiq_dice": thresholded_dice(votes, predicted, _QUBIQ, above=False),
            "curvas_consensus_dice": agreed_dice(votes, predicted),
            "curvas_thresholded_dice": thresholded_dice(votes, predicted, _CURVAS, above=True),
        }
        for measure, value in values.items():
            yield RaterScore(label, name, measure, "prediction", ALL, value)


def _mask(array: Array, labels: Sequence[int]) -> NDArray[np.bool_]:
    mask = array == labels[0]
    for label in labels[1:]:
        mask |= array == label
    return np.asarray(mask)
