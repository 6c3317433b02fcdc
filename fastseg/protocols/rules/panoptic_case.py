"""A structure scored as panoptica scores a group of labels: components, matches, metrics, edge cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fastseg.inputs.arrays import Spacing, in_order
from fastseg.inputs.structures import Structure
from fastseg.measures.component_pairs import ComponentPair
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.rules.panoptic import (
    COUNT_METRICS,
    Matches,
    matched_by,
    of_counts,
    reduce_distances,
    scored,
)
from fastseg.threads import lazy

#: what metrics are where nothing is matched: with no instance at all, and with some
EDGE_CASES = {
    "DSC": (math.nan, 0.0),
    "IOU": (math.nan, 0.0),
    "NSD": (math.nan, 0.0),
    "ASSD": (math.nan, math.inf),
    "HD": (math.nan, math.inf),
    "HD95": (math.nan, math.inf),
    "RVD": (math.nan, math.nan),
    "RVAE": (math.nan, math.nan),
}


@dataclass(frozen=True, eq=False)
class PanopticCase:
    """The instances of a structure on both sides, matched and measured.

    Attributes
    ----------
    maps : LabelPair
    structure : Structure
    pair : ComponentPair
    table : InstanceTable
    matches : Matches
    values : mapping of str to list
        Each metric of each match.
    spacing : tuple of float
        That metrics of instances are measured with.
    """

    maps: LabelPair
    structure: Structure
    pair: ComponentPair
    table: InstanceTable
    matches: Matches
    values: Mapping[str, list[float]]
    spacing: Spacing

    @classmethod
    def of(
        cls,
        maps: LabelPair,
        structure: Structure | None,
        metrics: Sequence[str],
        spacing: Spacing,
        *,
        connectivity: int,
        by_label: bool,
        rule: str,
        score: str,
        threshold: float,
        many_to_one: bool = False,
    ) -> PanopticCase:
        """Find the components of a structure, match and measure them.

        The labels of a structure are one mask. Without a structure it is all labels that there are, under the name of
        "ungrouped", and `by_label` tells whether each has components of its own.
        """
        if not maps.reference.flags.c_contiguous:  # numbers and sums follow the order of the axes
            first, second = in_order(maps.reference, "C"), in_order(maps.prediction, "C")
            maps = replace(maps, reference=first, prediction=second)
        sides = maps.reference, maps.prediction
        operations = maps.backend.operations
        if structure is None and by_label:
            pair = operations.component_pair(*sides, connectivity)
            structure = _of_all_labels(maps, pair)
        else:
            structure = _of_all_labels(maps) if structure is None else structure
            pair = operations.component_pair(
                *sides, connectivity, Region(structure.reference, structure.prediction)
            )
        table = InstanceTable.of(pair.histogram)
        if len(table.reference) and len(table.prediction):
            matches = matched_by(
                table, rule, score=score, threshold=threshold, many_to_one=many_to_one
            )
        else:
            nothing = np.zeros(0, np.int64)
            matches = Matches.of(table, nothing, nothing)
        values = scored(pair, matches, metrics, spacing)
        return cls(maps, structure, pair, table, matches, values, spacing)

    @property
    def n_reference(self) -> int:
        """How many instances the reference has."""
        return len(self.table.reference)

    @property
    def n_prediction(self) -> int:
        """How many there are of the prediction, those merged for one reference being one."""
        return self.matches.remaining_predictions

    @property
    def tp(self) -> int:
        """How many are matched."""
        return len(self.matches)

    @property
    def fp(self) -> int:
        """Predictions without a match."""
        return self.n_prediction - self.tp

    @property
    def fn(self) -> int:
        """Reference instances without a match."""
        return self.n_reference - self.tp

    @property
    def precision(self) -> float:
        """Share of the predictions that are matched; nan if there is none."""
        return self.tp / self.n_prediction if self.n_prediction else math.nan

    @property
    def recall(self) -> float:
        """Share of the reference instances that are matched; nan if there is none."""
        return self.tp / self.n_reference if self.n_reference else math.nan

    @property
    def rq(self) -> float:
        """Recognition quality, or F1: 0 where nothing is matched, nan where there is nothing."""
        if self.tp:
            return self.tp / (self.tp + 0.5 * self.fp + 0.5 * self.fn)
        return 0.0 if self.n_prediction + self.n_reference else math.nan

    def edge_case(self, metric: str) -> float:
        """Tell what a metric is where nothing is matched."""
        return EDGE_CASES[metric][bool(self.n_prediction + self.n_reference)]

    def mean(self, metric: str) -> float:
        """The mean of a metric over the matches."""
        values = self.values[metric]
        return float(np.average(values)) if values else self.edge_case(metric)

    def deviation(self, metric: str) -> float:
        """The standard deviation of a metric over the matches; nan without any."""
        values = self.values[metric]
        return float(np.std(values)) if values else math.nan

    @lazy
    def counts(self) -> Counts:
        """Voxels of the structure as a whole."""
        reference, prediction = self.table.reference.sizes, self.table.prediction.sizes
        tp = int(self.table.overlaps.sum())
        fp, fn = int(prediction.sum()) - tp, int(reference.sum()) - tp
        return Counts(tp, fp, fn, self.maps.reference.size - tp - fp - fn)

    def of_all(self, metric: str, spacing: Spacing | None) -> float:
        """A metric of the structure as a whole; in voxels, and within half of one, without a spacing."""
        counts = self.counts
        if not counts.tp:
            return self.edge_case(metric)
        if metric in COUNT_METRICS:
            voxels = (
                np.array([n], np.int64) for n in (counts.tp, counts.reference, counts.prediction)
            )
            return float(of_counts(metric, *voxels)[0])
        region = Region(self.structure.reference, self.structure.prediction)
        steps = (1.0,) * self.maps.ndim if spacing is None else spacing
        found = self.maps.backend.operations.surface_distances(
            self.maps.reference, self.maps.prediction, region, steps, "voxel"
        )
        both = found.reference_to_prediction, found.prediction_to_reference
        return float(reduce_distances(metric, *both, 0.5 if spacing is None else min(spacing)))


def _of_all_labels(maps: LabelPair, pair: ComponentPair | None = None) -> Structure:
    """Make a structure of all labels that there are, which the components of single ones tell."""
    known = (None,) if pair is None or maps.reference.dtype.kind != "u" else pair.labels
    labels = tuple(sorted({label for label in known if label is not None}))
    if None in known:
        labels = tuple(label for label in maps.histogram.labels if label)
    return Structure("ungrouped", labels, labels, labels)
