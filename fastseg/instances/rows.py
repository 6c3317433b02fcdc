"""The rows of one structure: one for each of its instances, matched or not, and one for the structure as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fastseg.evaluation.rows import fill_in, values_of
from fastseg.inputs.structures import Label
from fastseg.instances.partners import Floats, Partners
from fastseg.instances.settings import LESIONWISE, MATCHED, InstanceSettings
from fastseg.instances.structure_instances import StructureInstances
from fastseg.measures.instance_table import Instances
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.measures.matching import Matching
from fastseg.measures.regions import Measured
from fastseg.metrics import EmptyPolicy, Options
from fastseg.results import Row
from fastseg.results.instance import Box, Centroid, Instance
from fastseg.results.summary import mean_of


class CaseFacts(NamedTuple):
    """What all rows of a case need.

    Attributes
    ----------
    case : str
    settings : InstanceSettings
    voxels : int
        Of the image, without those that are ignored.
    diagonal, voxel_volume : float
        Of the image, and of a voxel.
    shape : tuple of int
        Of the maps as they were given; `axes` are those that they were measured along.
    """

    case: str
    settings: InstanceSettings
    voxels: int
    diagonal: float
    voxel_volume: float
    shape: tuple[int, ...]
    axes: tuple[int, ...]

    def options(self, tolerance: float) -> Options:
        """Give the options of metrics."""
        return Options(tolerance, self.settings.percentile_method, self.voxel_volume)


@dataclass(frozen=True, eq=False)
class MatchedStructure:
    """The instances of a structure once they are matched.

    Attributes
    ----------
    instances : StructureInstances
    matching : Matching
    partners : Partners
    confidences : float64 ndarray
        Of each predicted instance.
    tolerance : float
    """

    instances: StructureInstances
    matching: Matching
    partners: Partners
    confidences: Floats
    tolerance: float


def instance_rows(
    found: MatchedStructure, facts: CaseFacts, measured: Sequence[Measured]
) -> list[Row]:
    """Make a row for each reference instance with its partners, and for each prediction without one.

    `measured` is of the rows that have both sides.
    """
    structure, settings = found.instances.structure, facts.settings
    counts = _counts(found.partners, facts.voxels)
    of_pairs = iter(measured)
    measured_of_each: list[Measured] = [
        next(of_pairs) if is_pair and settings.measurements else {}
        for is_pair in found.partners.is_pair.tolist()
    ]
    options = [facts.options(found.tolerance)] * len(counts)
    values = values_of(settings.metrics, counts, measured_of_each, options)
    policy = _of_instances(settings.policy)
    rows = []
    for count, by_name, (reference, prediction), instance in zip(
        counts, values, _ids(found), _instances(found, facts), strict=True
    ):
        empty = count.empty if reference is None or prediction is None else ""
        if empty:
            fill_in(by_name, settings.metrics, policy, empty, facts.diagonal, structure.name)
        rows.append(
            Row(
                facts.case,
                structure.label,
                structure.name,
                reference,
                prediction,
                by_name,
                count,
                facts.voxel_volume,
                empty,
                settings.policy.name if empty else "",
                "instance",
                instance=instance,
            )
        )
    return rows


def _counts(partners: Partners, voxels: int) -> list[Counts]:
    """Count the voxels of the two sides of each row."""
    (reference, prediction), tp = partners.sides, partners.shared
    fp, fn = prediction.sizes - tp, reference.sizes - tp
    columns = (tp, fp, fn, voxels - tp - fp - fn)
    return list(map(Counts, *(column.tolist() for column in columns)))


def _of_instances(policy: EmptyPolicy) -> EmptyPolicy:
    """Give the policy for instances without a partner: an error is for structures that a map lacks."""

    def rule(value: object) -> object:
        if isinstance(value, Mapping):
            return {side: rule(own) for side, own in value.items()}
        return "nan" if value == "raise" else value

    exceptions = {name: rule(value) for name, value in policy.exceptions.items()}
    return replace(policy, default=rule(policy.default), exceptions=exceptions)  # type: ignore[arg-type]


def _ids(found: MatchedStructure) -> Iterable[tuple[Label | None, Label | None]]:
    """Give the ids of both sides of each row, several as a tuple."""
    table, partners = found.matching.table, found.partners
    references: list[int | None] = [*table.reference.ids.tolist()]
    references += [None] * len(partners.false_rows)
    known = table.prediction.ids.tolist()
    for reference, rows in zip(references, partners.predictions, strict=True):
        if len(rows) == 1:
            yield reference, known[rows[0]]
        else:
            yield reference, tuple(known[row] for row in rows) or None


def _instances(found: MatchedStructure, facts: CaseFacts) -> Iterable[Instance]:
    """Tell where each row's two sides lie, and how they were matched."""
    partners = found.partners
    n_false = len(partners.false_rows)
    scores = [*found.matching.reference_scores.tolist(), *[math.nan] * n_false]
    sides = []
    for side, centroids in zip(partners.sides, partners.centroids, strict=True):
        there = (side.sizes > 0).tolist()
        boxes, places = _boxes(side, facts), _centroids(centroids, facts)
        sides.append(
            (
                [box if is_there else None for box, is_there in zip(boxes, there, strict=True)],
                [at if is_there else None for at, is_there in zip(places, there, strict=True)],
            )
        )
    (first, first_at), (second, second_at) = sides
    confidences = _confidences(found)
    return map(Instance, scores, confidences, first, second, first_at, second_at)


def _confidences(found: MatchedStructure) -> list[float]:
    """Give the highest confidence among the predictions of each row."""
    if np.isnan(found.confidences).all():
        return [math.nan] * len(found.partners.predictions)
    known = found.confidences.tolist()
    return [
        max((known[row] for row in rows), default=math.nan) for rows in found.partners.predictions
    ]


def _boxes(side: Instances, facts: CaseFacts) -> list[Box]:
    """Give boxes along the axes of the maps as they were given."""
    n, ndim = len(side.sizes), len(facts.shape)
    ends = np.zeros((n, ndim, 2), np.int64)
    ends[:, :, 1] = 1
    ends[:, facts.axes, 0], ends[:, facts.axes, 1] = side.starts, side.stops
    return [tuple((start, stop) for start, stop in box) for box in ends.tolist()]


def _centroids(places: Floats, facts: CaseFacts) -> list[Centroid]:
    """Give positions along the axes of the maps as they were given."""
    found = np.zeros((len(places), len(facts.shape)))
    found[:, facts.axes] = places
    return list(map(tuple, found.tolist()))


def structure_row(
    found: MatchedStructure,
    facts: CaseFacts,
    counts: Counts,
    measured: Measured,
    rows: Sequence[Row],
) -> Row:
    """Make the row of the structure as a whole.

    Parameters
    ----------
    found : MatchedStructure
    facts : CaseFacts
    counts : Counts
        Of all its voxels, whatever became of them as instances.
    measured : mapping
        What was measured of all of it.
    rows : sequence of Row
        Of its instances.
    """
    settings, structure = facts.settings, found.instances.structure
    options = facts.options(found.tolerance)
    [values] = values_of(settings.structure_metrics, [counts], [measured], [options])
    empty = counts.empty
    if empty:
        fill_in(
            values,
            settings.structure_metrics,
            settings.policy,
            empty,
            facts.diagonal,
            structure.name,
        )
    values |= _detection(found, facts, options)
    values |= _means(settings.metric_names, rows)
    label: Label | None = structure.label
    sides = structure.reference, structure.prediction
    of_sides = [label, label]
    if settings.components == ("connected", "connected") and sides[0] != sides[1]:
        of_sides[1] = sides[1][0] if len(sides[1]) == 1 else sides[1]
    return Row(
        facts.case,
        structure.label,
        structure.name,
        of_sides[0],
        of_sides[1],
        values,
        counts,
        facts.voxel_volume,
        empty,
        settings.policy.name if empty else "",
    )


def _detection(found: MatchedStructure, facts: CaseFacts, options: Options) -> dict[str, float]:
    """Find the metrics of how instances were matched."""
    table = found.matching.table
    lacking = [name for name in ("reference", "prediction") if not len(getattr(table, name))]
    empty: Empty = "both" if len(lacking) == 2 else lacking[0] if lacking else ""  # type: ignore[assignment]
    values = {}
    for metric in facts.settings.detection:
        value = metric.function(found.matching, options)
        if empty:
            name = found.instances.structure.name
            value = facts.settings.policy.value(metric, value, empty, facts.diagonal, name)
        values[metric.name] = value
    return values


def _means(names: Sequence[str], rows: Sequence[Row]) -> dict[str, float]:
    """Give the means over matched instances and over all, of defined values."""
    values: dict[str, float] = {}
    matched = [row for row in rows if not row.empty]
    for prefix, members in ((MATCHED, matched), (LESIONWISE, rows)):
        for name in names:
            values[prefix + name] = mean_of([row.values_by_metric[name] for row in members])
    return values
