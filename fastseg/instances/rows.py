"""The rows of a case: of each structure as a whole, and of each of its instances, matched or not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from fastseg.evaluation.rows import fill_in, values_of
from fastseg.inputs.structures import Label, Structure
from fastseg.instances.case_instances import CaseInstances
from fastseg.instances.components import Longs
from fastseg.instances.partitions import partition_of
from fastseg.instances.partners import Floats, Partners
from fastseg.instances.settings import InstanceSettings
from fastseg.instances.structure_instances import StructureInstances
from fastseg.measures.instance_table import Instances
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.measures.matching import Matching
from fastseg.measures.regions import Measured
from fastseg.metrics import EmptyPolicy, Options
from fastseg.results import Row
from fastseg.results.instance import Box, Centroid, Instance
from fastseg.results.summary import mean_of

Ids = tuple[Label | None, Label | None]
_Value = TypeVar("_Value")


class CaseFacts(NamedTuple):
    """What all rows of a case need.

    Attributes
    ----------
    case : str
    settings : InstanceSettings
    n_ignored : int
        Voxels that are ignored.
    diagonal, voxel_volume : float
        Of the image, and of a voxel.
    shape : tuple of int
        Of the maps as they were given; `axes` are those that they were measured along.
    tolerances : sequence of float
        Of each structure.
    """

    case: str
    settings: InstanceSettings
    n_ignored: int
    diagonal: float
    voxel_volume: float
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    tolerances: Sequence[float]

    def options(self) -> list[Options]:
        """Give the options of metrics for each structure."""
        method = self.settings.percentile_method
        return [Options(one, method, self.voxel_volume) for one in self.tolerances]


@dataclass(frozen=True, eq=False)
class MatchedCase:
    """The instances of a case once they are matched.

    Attributes
    ----------
    instances : CaseInstances
    matching : Matching
        Of all structures.
    partners : Partners
        Of all structures.
    confidences : float64 ndarray
        Of each predicted instance.
    """

    instances: CaseInstances
    matching: Matching
    partners: Partners
    confidences: Floats

    def places(self) -> Iterator[tuple[range, range]]:
        """Tell which rows of the partners are of each structure: those with a reference instance, and false ones."""
        first, second = self.instances.edges
        n = self.partners.n_references
        ends = (n + np.searchsorted(self.partners.false_rows, second)).tolist()
        for own, others in zip(itertools.pairwise(first), itertools.pairwise(ends), strict=True):
            yield range(*own), range(*others)


def rows_of_case(
    found: MatchedCase,
    facts: CaseFacts,
    of_pairs: Sequence[Measured],
    of_wholes: Sequence[Measured],
) -> list[Row]:
    """Make all rows of a case.

    Parameters
    ----------
    found : MatchedCase
    facts : CaseFacts
    of_pairs : sequence of mapping
        What was measured of the rows of partners that have both sides, in their order; empty if nothing was wanted.
    of_wholes : sequence of mapping
        What was measured of each structure as a whole.
    """
    structures, options = found.instances.structures, facts.options()
    instance_rows = _instance_rows(found, facts, of_pairs, options)
    counts = [one.counts._replace(tn=one.counts.tn - facts.n_ignored) for one in structures]
    values = values_of(facts.settings.structure_metrics, counts, of_wholes, options)
    matchings = found.instances.parted(found.matching)
    rows: list[Row] = []
    for place, (own, false) in enumerate(found.places()):
        members = [instance_rows[row] for row in (*own, *false)]
        structure, of_whole = structures[place].structure, values[place]
        empty = counts[place].empty
        if empty:
            metrics, policy = facts.settings.structure_metrics, facts.settings.policy
            fill_in(of_whole, metrics, policy, empty, facts.diagonal, structure.name)
        of_whole |= _detection(structure.name, matchings[place], facts, options[place])
        of_whole |= partition_values(structures[place], facts, options[place])
        of_whole |= means_of(facts.settings, members)
        rows.append(structure_row(structure, counts[place], facts, of_whole))
        rows += members
    return rows


# ------------------------------------------------------------------------------ of instances


def _instance_rows(
    found: MatchedCase,
    facts: CaseFacts,
    of_pairs: Sequence[Measured],
    options: Sequence[Options],
) -> list[Row]:
    """Make a row for each reference instance with its partners, and for each prediction without one."""
    settings, policy = facts.settings, of_instances(facts.settings.policy)
    structures = _structures_of_each(found)
    counts = _counts(found, facts)
    pairs = iter(of_pairs)
    measured: list[Measured] = [
        next(pairs) if is_pair and of_pairs else {} for is_pair in found.partners.is_pair.tolist()
    ]
    values = values_of(settings.metrics, counts, measured, [options[i] for i in structures])
    rows = []
    for place, count, by_name, (reference, prediction), instance in zip(
        structures, counts, values, _ids(found), _instances(found, facts), strict=True
    ):
        structure = found.instances.structures[place].structure
        empty: Empty = ""
        if reference is None or prediction is None:
            empty = count.empty
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


def _structures_of_each(found: MatchedCase) -> list[int]:
    """Tell which structure each row of the partners is of."""
    places = [0] * len(found.partners.is_pair)
    for structure, (own, false) in enumerate(found.places()):
        for place in (*own, *false):
            places[place] = structure
    return places


def _counts(found: MatchedCase, facts: CaseFacts) -> list[Counts]:
    """Count the voxels of the two sides of each row."""
    if not found.instances.structures:
        return []
    (reference, prediction), tp = found.partners.sides, found.partners.shared
    voxels = found.instances.structures[0].case.histogram.total - facts.n_ignored
    fp, fn = prediction.sizes - tp, reference.sizes - tp
    columns = (tp, fp, fn, voxels - tp - fp - fn)
    return list(map(Counts, *(column.tolist() for column in columns)))


def of_instances(policy: EmptyPolicy) -> EmptyPolicy:
    """Give the policy for instances without a partner: an error is for structures that a map lacks."""

    def rule(value: object) -> object:
        if isinstance(value, Mapping):
            return {side: rule(own) for side, own in value.items()}
        return "nan" if value == "raise" else value

    exceptions = {name: rule(value) for name, value in policy.exceptions.items()}
    return replace(policy, default=rule(policy.default), exceptions=exceptions)  # type: ignore[arg-type]


def _ids(found: MatchedCase) -> Iterator[Ids]:
    """Give the ids of both sides of each row, several as a tuple."""
    references: list[int | None] = []
    known: list[int] = []
    for one in found.instances.structures:
        references += one.sides[0].ids.tolist()
        known += one.sides[1].ids.tolist()
    references += [None] * len(found.partners.false_rows)
    for reference, rows in zip(references, found.partners.predictions, strict=True):
        if len(rows) == 1:
            yield reference, known[rows[0]]
        else:
            yield reference, tuple(known[row] for row in rows) or None


def _instances(found: MatchedCase, facts: CaseFacts) -> Iterator[Instance]:
    """Tell where each row's two sides lie, and how they were matched."""
    partners = found.partners
    scores = [
        *found.matching.reference_scores.tolist(),
        *[math.nan] * len(partners.false_rows),
    ]
    boxes = [_boxes(side, facts) for side in partners.sides]
    centroids = [
        _centroids(places, side.sizes, facts)
        for places, side in zip(partners.centroids, partners.sides, strict=True)
    ]
    return map(Instance, scores, _confidences(found), *boxes, *centroids)


def _confidences(found: MatchedCase) -> list[float]:
    """Give the highest confidence among the predictions of each row."""
    if np.isnan(found.confidences).all():
        return [math.nan] * len(found.partners.predictions)
    known = found.confidences.tolist()
    return [
        max((known[row] for row in rows), default=math.nan) for rows in found.partners.predictions
    ]


def _boxes(side: Instances, facts: CaseFacts) -> list[Box | None]:
    """Give boxes along the axes of the maps as they were given; None where there is no such side."""
    n = len(side.sizes)
    along = [[(0, 1)] * n for _ in facts.shape]
    for place, axis in enumerate(
        facts.axes
    ):  # no lists of lists, which the collector of garbage goes through
        ends = side.starts[:, place].tolist(), side.stops[:, place].tolist()
        along[axis] = list(zip(*ends, strict=True))
    return _there(zip(*along, strict=True), side.sizes)


def _centroids(places: Floats, sizes: Longs, facts: CaseFacts) -> list[Centroid | None]:
    """Give positions along the axes of the maps as they were given."""
    along = [[0.0] * len(places) for _ in facts.shape]
    for place, axis in enumerate(facts.axes):
        along[axis] = places[:, place].tolist()
    return _there(zip(*along, strict=True), sizes)


def _there(values: Iterable[_Value], sizes: Longs) -> list[_Value | None]:
    """Give None in place of what is of no voxels."""
    found = zip(values, sizes.tolist(), strict=True)
    return [value if size else None for value, size in found]


# ----------------------------------------------------------------------------- of structures


def structure_row(
    structure: Structure, counts: Counts, facts: CaseFacts, values: dict[str, float]
) -> Row:
    """Make the row of a structure as a whole."""
    settings = facts.settings
    other: Label = structure.label
    sides = structure.reference, structure.prediction
    if "given" not in settings.components and sides[0] != sides[1]:
        other = sides[1][0] if len(sides[1]) == 1 else sides[1]
    empty = counts.empty
    return Row(
        facts.case,
        structure.label,
        structure.name,
        structure.label,
        other,
        values,
        counts,
        facts.voxel_volume,
        empty,
        settings.policy.name if empty else "",
    )


def _detection(
    name: str, matching: Matching, facts: CaseFacts, options: Options
) -> dict[str, float]:
    """Find the metrics of how instances were matched."""
    policy, table = facts.settings.policy, matching.table
    there = bool(len(table.reference)), bool(len(table.prediction))
    empties: dict[tuple[bool, bool], Empty] = {
        (True, True): "",
        (False, True): "reference",
        (True, False): "prediction",
        (False, False): "both",
    }
    empty = empties[there]
    values = {}
    for metric in facts.settings.detection:
        value = metric.function(matching, options)
        if empty:
            value = policy.value(metric, value, empty, facts.diagonal, name)
        values[metric.name] = value
    return values


def partition_values(
    one: StructureInstances, facts: CaseFacts, options: Options
) -> dict[str, float]:
    """Find the metrics of the instances of both sides as partitions; nan without any in the reference."""
    metrics = facts.settings.of_partitions
    if not metrics:
        return {}
    partition = partition_of(one.table, sum(one.counts) - facts.n_ignored)
    return {metric.name: metric.function(partition, options) for metric in metrics}


def means_of(settings: InstanceSettings, rows: Sequence[Row]) -> dict[str, float]:
    """Give the means over matched instances and over all, of defined values."""
    values: dict[str, float] = {}
    matched = [row for row in rows if not row.empty]
    for names, members in zip(settings.names_of_means, (matched, rows), strict=True):
        of_each = [row.values_by_metric for row in members]
        if len(of_each) == 1:  # most organs
            values.update(zip(names, of_each[0].values(), strict=True))
            continue
        for name, metric in zip(names, settings.metric_names, strict=True):
            values[name] = mean_of([own[metric] for own in of_each])
    return values
