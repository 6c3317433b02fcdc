"""Instances matched and measured as panoptica does it, to the bit: what its protocol, BraTS' and the drop-in share."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing
from fastseg.instances.matching import match
from fastseg.instances.matching.options import MatchingOptions, reaching
from fastseg.instances.scores import overlaps_of, scores_of
from fastseg.measures.component_pairs import ComponentPair
from fastseg.measures.instance_table import InstanceTable, Longs
from fastseg.measures.regions import ManyRegions, Request
from fastseg.threads import lazy

Floats = NDArray[np.float64]

#: metrics that distances between surfaces are reduced to
SURFACE_METRICS = ("ASSD", "HD", "HD95", "NSD")
#: metrics that follow from numbers of voxels
COUNT_METRICS = ("DSC", "IOU", "RVD", "RVAE")

# Scores closer than this might be equal to an assignment, which adds and subtracts them.
_CLEARLY = 1e-9

WARNING_OF_A_THRESHOLD = (
    "The threshold is set to 0.5, which is the default value, "
    "which may not be appropriate for your data."
)


@dataclass(frozen=True, eq=False)
class Matches:
    """Reference instances, each with the predictions that were matched to it, ascending.

    Attributes
    ----------
    table : InstanceTable
    references : int64 ndarray (k,)
        Rows of the reference instances, ascending.
    predictions : list of tuple of int
        Rows of the predictions of each.
    """

    table: InstanceTable
    references: Longs
    predictions: list[tuple[int, ...]]

    @classmethod
    def of(cls, table: InstanceTable, reference_rows: Longs, prediction_rows: Longs) -> Matches:
        """Gather pairs, which may come in any order."""
        order = np.lexsort((prediction_rows, reference_rows))
        references, predictions = reference_rows[order], prediction_rows[order]
        found, first = np.unique(references, return_index=True)
        if len(found) == len(references):
            return cls(table, found, [(row,) for row in predictions.tolist()])
        edges = [*first.tolist(), len(references)]
        rows = predictions.tolist()
        of_each = [tuple(rows[a:b]) for a, b in itertools.pairwise(edges)]
        return cls(table, found, of_each)

    @classmethod
    def by_id(cls, table: InstanceTable) -> Matches:
        """Match what has one id on both sides, whether it overlaps or not."""
        _, rows, columns = np.intersect1d(
            table.reference.ids, table.prediction.ids, assume_unique=True, return_indices=True
        )
        return cls.of(table, rows, columns)

    def __len__(self) -> int:
        return len(self.references)

    @lazy
    def _flat(self) -> tuple[Longs, Longs]:
        """For each pair, the place of its reference in `references`, and the row of its prediction."""
        lengths = [len(rows) for rows in self.predictions]
        places = np.repeat(np.arange(len(lengths)), lengths)
        return places, np.array([row for rows in self.predictions for row in rows], np.int64)

    @lazy
    def missed(self) -> Longs:
        """Rows of the references that have no match."""
        free = np.ones(len(self.table.reference), bool)
        free[self.references] = False
        return free.nonzero()[0]

    @lazy
    def remaining_predictions(self) -> int:
        """How many predictions there are once those of one reference are merged."""
        return len(self.table.prediction) - len(self._flat[1]) + len(self)

    @lazy
    def voxels(self) -> tuple[Longs, Longs, Longs]:
        """Voxels that each match shares, and those of its reference and of its predictions."""
        places, columns = self._flat
        both, predicted = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        np.add.at(both, places, overlaps_of(self.table, self.references[places], columns))
        np.add.at(predicted, places, self.table.prediction.sizes[columns])
        return both, self.table.reference.sizes[self.references], predicted

    @lazy
    def boxes(self) -> tuple[Longs, Longs]:
        """Where the box of each match starts and stops."""
        first, second = self.table.reference, self.table.prediction
        starts, stops = first.starts[self.references], first.stops[self.references]
        places, columns = self._flat
        np.minimum.at(starts, places, second.starts[columns])
        np.maximum.at(stops, places, second.stops[columns])
        return starts, stops

    @lazy
    def regions(self) -> ManyRegions:
        """What is measured."""
        own, others = self.table.reference.ids, self.table.prediction.ids.tolist()
        return ManyRegions(
            [(label,) for label in own[self.references].tolist()],
            [tuple(others[row] for row in rows) for rows in self.predictions],
            *self.boxes,
            [0.0] * len(self),
        )


def matched_by(
    table: InstanceTable,
    rule: str,
    *,
    score: str,
    threshold: float,
    strict: bool = False,
    many_to_one: bool = False,
) -> Matches:
    """Match as panoptica's matchers do.

    Parameters
    ----------
    table : InstanceTable
    rule : {"greedy", "optimal", "merge"}
        NaiveThresholdMatching, MaxBipartiteMatching, MaximizeMergeMatching.
    score : {"iou", "dice"}
    threshold, strict, many_to_one
        As :func:`fastseg.instances.matching.match` has them.
    """
    if rule == "optimal":
        return Matches.of(table, *_assigned(table, score, threshold, strict))
    found = match(
        table,
        matching=rule,
        score=score,
        threshold=threshold,
        strict=strict,
        many_to_one=many_to_one,
        ties="prediction",
    )
    return Matches.of(table, found.reference_rows, found.prediction_rows)


def _assigned(
    table: InstanceTable, score: str, threshold: float, strict: bool
) -> tuple[Longs, Longs]:
    """Solve the whole assignment as panoptica hands it to SciPy, where more than one choice may be the best.

    It costs 1 - score where a pair reaches the threshold and a millionth more than 1 elsewhere, and pairs of 1 or more
    are no matches. Where all that competes is one instance of one side for several of the other, and the best of these
    is clearly better, there is one best assignment, whatever else the matrix holds.
    """
    scores = scores_of(table, score)
    pairs = reaching(scores, MatchingOptions(score, threshold, strict))
    costs = 1.0 - scores[pairs]
    rows, columns = table.reference_rows[pairs], table.prediction_rows[pairs]
    degrees = [np.bincount(side, minlength=1)[side] for side in (rows, columns)]
    if (np.minimum(*degrees) == 1).all() if len(pairs) else True:
        by_cost = np.argsort(costs, kind="stable")
        center = np.where(degrees[0] > 1, rows, -1 - columns)[by_cost]
        ordered = np.lexsort((costs[by_cost], center))
        center, sorted_costs = center[ordered], costs[by_cost][ordered]
        first = np.ones(len(center), bool)
        first[1:] = center[1:] != center[:-1]
        rises = np.diff(sorted_costs, append=np.inf) > _CLEARLY
        alone = np.append(first[1:], True)
        if (rises | alone)[first].all():
            chosen = by_cost[ordered[first]]
            chosen = chosen[costs[chosen] < 1.0]
            return rows[chosen], columns[chosen]
    from scipy.optimize import linear_sum_assignment

    matrix = np.ones((len(table.reference), len(table.prediction))) * (1.0 + 1e-6)
    matrix[rows, columns] = costs
    found = linear_sum_assignment(matrix)
    good = matrix[found] < 1.0
    return found[0][good], found[1][good]


def scored(
    pair: ComponentPair,
    matches: Matches,
    metrics: Sequence[str],
    spacing: Spacing,
    *,
    given_spacing: Sequence[float] | None = None,
    other: Callable[[str, int], float] | None = None,
) -> dict[str, list[float]]:
    """Measure each match by each metric.

    Parameters
    ----------
    pair : ComponentPair
        What the table was made of.
    matches : Matches
    metrics : sequence of str
        panoptica's names, in its order.
    spacing : tuple of float
    given_spacing : sequence of float, optional
        The same as the caller has given it, perhaps of float32, for the threshold of the surface Dice: the least of it.
    other : callable, optional
        Gives what is neither of counts nor of surfaces, of one match, by its metric and place.

    Returns
    -------
    dict of str to list
    """
    found: dict[str, list[float]] = {}
    surfaces = _Surfaces.of(pair, matches, spacing, metrics)
    threshold = min(spacing if given_spacing is None else given_spacing)
    for name in metrics:
        if name in COUNT_METRICS:
            found[name] = list(of_counts(name, *matches.voxels))
        elif name in SURFACE_METRICS:
            if name == "NSD" and threshold == 0.5 and len(matches):
                warnings.warn(WARNING_OF_A_THRESHOLD, stacklevel=2)
            found[name] = list(surfaces.reduced(name, threshold))
        else:
            assert other is not None
            found[name] = [other(name, place) for place in range(len(matches))]
    return found


def of_counts(
    name: str, both: Longs, reference: Longs, prediction: Longs
) -> Sequence[float] | Floats:
    """Reduce numbers of voxels, none of whose references is empty."""
    if name == "DSC":
        return np.asarray(2 * both / (reference + prediction))
    if name == "IOU":
        return np.asarray(both / (reference + prediction - both))
    difference = (prediction - reference) / reference
    found: list[float] = (difference if name == "RVD" else np.abs(difference)).tolist()
    return found


@dataclass(frozen=True, eq=False)
class _Surfaces:
    """The distances of all matches: of each in the order of the array, from the reference, then from the prediction.

    Attributes
    ----------
    lists : list of float64 ndarray
        None of them empty.
    """

    lists: list[Floats]

    @classmethod
    def of(
        cls, pair: ComponentPair, matches: Matches, spacing: Spacing, metrics: Sequence[str]
    ) -> _Surfaces:
        """Measure matches, if a metric needs it."""
        lists: list[Floats] = []
        if len(matches) and any(name in SURFACE_METRICS for name in metrics):
            request = Request(frozenset(("surface_distances",)), spacing, "voxel")
            for one in pair.measure(matches.regions, request):
                both = one["surface_distances"]
                lists += (both.reference_to_prediction, both.prediction_to_reference)
        return cls(lists)

    @classmethod
    def between(cls, there: Floats, back: Floats) -> _Surfaces:
        """Take those of one match."""
        return cls([there, back])

    @lazy
    def _flat(self) -> tuple[Floats, Longs, Longs]:
        """All distances, where each list starts, and how long it is."""
        lengths = np.array(list(map(len, self.lists)), np.int64)
        return np.concatenate(self.lists), np.cumsum(lengths) - lengths, lengths

    def reduced(self, name: str, threshold: float) -> Sequence[float] | Floats:
        """Reduce the distances of each match, with the bits of NumPy's reductions of its own lists."""
        if not self.lists:
            return []
        distances, starts, lengths = self._flat
        if name == "ASSD":
            # a sum depends on the order in which it is made: so one by one
            means = np.array([np.add.reduce(one) for one in self.lists]) / lengths
            found: list[float] = ((means[::2] + means[1::2]) / 2).tolist()
            return found
        if name == "HD":
            furthest = np.maximum.reduceat(distances, starts)
            return np.asarray(np.maximum(furthest[::2], furthest[1::2]))
        if name == "NSD":
            inside = np.add.reduceat((distances <= threshold).astype(np.int64), starts)
            shares, others = inside / lengths, (lengths - inside) / lengths
            within = shares[::2] + shares[1::2]
            beyond = within + others[::2] + others[1::2] + sys.float_info.min
            return np.asarray(within / beyond)
        return self._hd95()

    def _hd95(self) -> Floats:
        """The 95th percentile of both directions together, which interpolates linearly."""
        distances, starts, lengths = self._flat
        distances, first = distances.copy(), starts[::2]
        totals = lengths[::2] + lengths[1::2]
        places = (totals - 1) * 0.95
        indices = places.astype(np.int64)
        following = np.minimum(indices + 1, totals - 1)
        for start, total, *wanted in zip(
            *(column.tolist() for column in (first, totals, indices, following)), strict=True
        ):
            distances[start : start + total].partition(wanted)
        below, above = distances[first + indices], distances[first + following]
        steps, fractions = above - below, places - indices
        nearer = below + steps * fractions
        return np.asarray(np.where(fractions < 0.5, nearer, above - steps * (1 - fractions)))


def reduce_distances(name: str, there: Floats, back: Floats, threshold: float) -> float:
    """Reduce the distances between two surfaces, neither of which is empty, to one of the surface metrics."""
    return _Surfaces.between(there, back).reduced(name, threshold)[0]
