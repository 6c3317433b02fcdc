"""The rows of instances, column by column: each reference instance with its partners, each prediction without one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.structures import Label, Structure
from fastseg.instances.components import Longs
from fastseg.instances.matched_case import CaseFacts, MatchedCase
from fastseg.instances.partners import Floats
from fastseg.measures.instance_table import Instances
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Measured
from fastseg.metrics import EmptyPolicy, Options
from fastseg.results import Row
from fastseg.results.instance import Box, Centroid, Instance

_Value = TypeVar("_Value")


def instance_rows(
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
