"""The rows of a case: of each structure as a whole, and of each of its instances, matched or not."""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

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
    with _uncollected():
        return _rows_of_case(found, facts, of_pairs, of_wholes)


def _rows_of_case(
    found: MatchedCase,
    facts: CaseFacts,
    of_pairs: Sequence[Measured],
    of_wholes: Sequence[Measured],
) -> list[Row]:
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


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let no garbage be collected: all objects of a hundred thousand rows live, and are enough to look for it often."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# ------------------------------------------------------------------------------ of instances


def _instance_rows(
    found: MatchedCase,
    facts: CaseFacts,
    of_pairs: Sequence[Measured],
    options: Sequence[Options],
) -> list[Row]:
    """Make a row for each reference instance with its partners, and for each prediction without one."""
    counts, places = _counts(found, facts), _structures_of_each(found)
    values = _values(found, facts, counts, of_pairs, [options[place] for place in places])
    # of a frozen class each field is set by a call, which of many rows takes longer than their metrics
    common = [_common(one.structure, facts) for one in found.instances.structures]
    policy, n_references = facts.settings.policy.name, found.partners.n_references
    rows = []
    for number, (place, is_pair, reference, prediction, by_name, count, instance) in enumerate(
        zip(
            places,
            found.partners.is_pair.tolist(),
            *_ids(found),
            values,
            counts,
            _instances(found, facts),
            strict=True,
        )
    ):
        row = Row.__new__(Row)
        own = row.__dict__
        own.update(common[place])
        own["reference_label"] = reference
        own["prediction_label"] = prediction
        own["values_by_metric"] = by_name
        own["counts"] = count
        own["instance"] = instance
        if not is_pair:
            own["empty"] = "prediction" if number < n_references else "reference"
            own["empty_policy"] = policy
        rows.append(row)
    return rows


def _common(structure: Structure, facts: CaseFacts) -> dict[str, Any]:
    """Give the fields that rows of a structure's instances have in common, and the others as they mostly are."""
    row = Row(
        facts.case,
        structure.label,
        structure.name,
        None,
        None,
        {},
        Counts(0, 0, 0, 0),
        facts.voxel_volume,
        "",
        "",
        "instance",
    )
    return vars(row)


def _values(
    found: MatchedCase,
    facts: CaseFacts,
    counts: Sequence[Counts],
    of_pairs: Sequence[Measured],
    options: Sequence[Options],
) -> list[dict[str, float]]:
    """Find the metrics of each row; those without a partner by the policy, which tells all of them alike."""
    settings, policy = facts.settings, of_instances(facts.settings.policy)
    is_pair = found.partners.is_pair
    alone = (~is_pair).nonzero()[0].tolist()
    columns: list[list[float]] = []
    for metric in settings.metrics:
        if metric.measurement == "counts":
            column = list(map(metric.function, counts, options))
            values = [column[row] for row in alone]
        else:
            # a distance to nothing is inf
            column, values = [metric.worst] * len(counts), [metric.worst] * len(alone)
            name = metric.measurement
            for row, measured in zip(is_pair.nonzero()[0].tolist(), of_pairs, strict=False):
                known = name in measured
                column[row] = metric.function(measured[name], options[row]) if known else math.nan
        filled = policy.values(metric, values, "prediction", facts.diagonal, "")
        if filled is not values or metric.measurement != "counts":
            for row, value in zip(alone, filled, strict=True):
                column[row] = value
        columns.append(column)
    names = [metric.name for metric in settings.metrics]
    if len(names) == 1:
        return [{names[0]: value} for value in columns[0]]
    if not names:
        return [{} for _ in counts]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _structures_of_each(found: MatchedCase) -> list[int]:
    """Tell which structure each row of the partners is of."""
    places = [0] * len(found.partners.is_pair)
    if len(found.instances.structures) > 1:
        for structure, parts in enumerate(found.places()):
            for part in parts:
                places[part.start : part.stop] = [structure] * len(part)
    return places


def _counts(found: MatchedCase, facts: CaseFacts) -> list[Counts]:
    """Count the voxels of the two sides of each row."""
    if not found.instances.structures:
        return []
    (reference, prediction), tp = found.partners.sides, found.partners.shared
    voxels = found.instances.structures[0].case.histogram.total - facts.n_ignored
    fp, fn = prediction.sizes - tp, reference.sizes - tp
    columns = (tp, fp, fn, voxels - tp - fp - fn)
    return list(map(Counts._make, zip(*map(_as_list, columns), strict=True)))


def of_instances(policy: EmptyPolicy) -> EmptyPolicy:
    """Give the policy for instances without a partner: an error is for structures that a map lacks."""

    def rule(value: object) -> object:
        if isinstance(value, Mapping):
            return {side: rule(own) for side, own in value.items()}
        return "nan" if value == "raise" else value

    exceptions = {name: rule(value) for name, value in policy.exceptions.items()}
    return replace(policy, default=rule(policy.default), exceptions=exceptions)  # type: ignore[arg-type]


def _ids(found: MatchedCase) -> tuple[Sequence[Label | None], Sequence[Label | None]]:
    """Give the ids of both sides of each row, several as a tuple."""
    partners = found.partners
    references: list[Label | None] = []
    known: list[int] = []
    for one in found.instances.structures:
        references += one.sides[0].ids.tolist()
        known += one.sides[1].ids.tolist()
    predictions: list[Label | None] = [None] * partners.n_references
    for row in partners.n_partners.nonzero()[0].tolist():
        own = partners.predictions[row]
        predictions[row] = known[own[0]] if len(own) == 1 else tuple(known[one] for one in own)
    false = partners.false_rows.tolist()
    references += [None] * len(false)
    predictions += [known[row] for row in false]
    return references, predictions


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
    columns = scores, _confidences(found), *boxes, *centroids
    return map(Instance._make, zip(*columns, strict=True))


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
    there = side.sizes > 0
    starts, stops = side.starts[there], side.stops[there]
    along = [[(0, 1)] * len(starts) for _ in facts.shape]
    for place, axis in enumerate(
        facts.axes
    ):  # no lists of lists, which the collector of garbage goes through
        ends = starts[:, place].tolist(), stops[:, place].tolist()
        along[axis] = list(zip(*ends, strict=True))
    return _spread(zip(*along, strict=True), there)


def _centroids(places: Floats, sizes: Longs, facts: CaseFacts) -> list[Centroid | None]:
    """Give positions along the axes of the maps as they were given."""
    there = sizes > 0
    places = places[there]
    along = [[0.0] * len(places) for _ in facts.shape]
    for place, axis in enumerate(facts.axes):
        along[axis] = places[:, place].tolist()
    return _spread(zip(*along, strict=True), there)


def _spread(values: Iterable[_Value], there: NDArray[np.bool_]) -> list[_Value | None]:
    """Put values, one after the other, where they belong, and None elsewhere."""
    if there.all():
        return list(values)
    own = iter(values)
    return [next(own) if is_there else None for is_there in there.tolist()]


def _as_list(column: Longs) -> list[int]:
    found: list[int] = column.tolist()
    return found


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
