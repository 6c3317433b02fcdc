"""Instances without a matching: each of the reference beside all that was predicted in its Voronoi region.

Predicted voxels get the id of the nearest reference instance, and then both sides of an instance are one label of two
maps: every metric of :func:`fastseg.evaluate` is had of all of them in one call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.protocol import Operations
from fastseg.evaluation.case import furthest_of, widths_of
from fastseg.evaluation.rows import fill_in, values_of
from fastseg.inputs.arrays import Array, Spacing
from fastseg.instances.components import SideInstances
from fastseg.instances.instance_rows import of_instances
from fastseg.instances.matched_case import CaseFacts
from fastseg.instances.rows import (
    means_of,
    partition_values,
    structure_row,
)
from fastseg.instances.structure_instances import StructureInstances
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import ManyRegions, Measured, Request
from fastseg.metrics import Options
from fastseg.results import Row
from fastseg.results.instance import Box, Instance
from fastseg.voronoi import regions_of

Longs = NDArray[np.int64]


def two_sided(
    operations: Operations, instances: Array, prediction: NDArray[np.bool_], spacing: Spacing
) -> tuple[Array, Array]:
    """Make one label of both sides of each reference instance.

    Parameters
    ----------
    operations : Operations
    instances : integer ndarray
        Numbers of at least 0 of the reference's instances, 0 for background.
    prediction : bool ndarray
        All that was predicted.
    spacing : tuple of float

    Returns
    -------
    pair of ndarray
        The instances, and the number of the nearest one at each predicted voxel; of equally near ones the lowest.
    """
    if not instances.any():
        return instances, np.zeros_like(instances)
    return instances, regions_of(operations, instances, spacing, within=prediction)


def rows_of_regions(
    structures: Sequence[StructureInstances],
    facts: CaseFacts,
    spacing: Spacing,
    of_wholes: Sequence[Measured],
) -> list[Row]:
    """Make all rows of a case: of each structure, and of each of its reference instances."""
    settings, options = facts.settings, facts.options()
    widths = widths_of(facts.bands, settings.measurements)
    counts = [one.counts._replace(tn=one.counts.tn - facts.n_ignored) for one in structures]
    values = values_of(settings.structure_metrics, counts, of_wholes, options)
    rows: list[Row] = []
    for one, count, of_whole, chosen, width in zip(
        structures, counts, values, options, widths, strict=True
    ):
        if count.empty:
            metrics, policy = settings.structure_metrics, settings.policy
            fill_in(of_whole, metrics, policy, count.empty, facts.diagonal, one.structure.name)
        members = _instance_rows(one, facts, spacing, chosen, width)
        means = members or [_row(one, facts, count, _without_instances(one, facts, count, chosen))]
        of_whole |= partition_values(one, facts, chosen)
        rows.append(
            structure_row(one.structure, count, facts, of_whole | means_of(settings, means))
        )
        rows += members
    return rows


def _instance_rows(
    one: StructureInstances,
    facts: CaseFacts,
    spacing: Spacing,
    options: Options,
    width: float,
) -> list[Row]:
    """Measure the instances of a structure in its box, which holds all that was predicted, too."""
    ids = one.sides[0].ids
    if not len(ids):
        return []
    settings, operations = facts.settings, one.case.operations
    reference, prediction = (_in_box(one, side) for side in (0, 1))
    numbers = np.where(reference != 0, np.searchsorted(ids, reference) + 1, 0).astype(np.int32)
    maps = two_sided(operations, numbers, prediction != 0, spacing)
    histogram = operations.joint_histogram(*maps)
    labels = np.arange(1, len(ids) + 1)
    tp, fp, fn = histogram.counts_of_each(labels)
    voxels = one.counts.tp + one.counts.fp + one.counts.fn + one.counts.tn - facts.n_ignored
    counts = list(map(Counts, *(column.tolist() for column in (tp, fp, fn, voxels - tp - fp - fn))))
    measured: list[Measured] = [{}] * len(ids)
    found = np.flatnonzero(tp + fp).tolist()
    if settings.measurements and found:
        starts, stops = histogram.boxes_of_each(labels)
        sides = [(place + 1,) for place in found]
        regions = ManyRegions(sides, sides, starts[found], stops[found], [width] * len(found))
        furthest = furthest_of(facts.tolerances) if settings.within_tolerance else math.inf
        request = Request(settings.measurements, spacing, settings.boundary, furthest=furthest)
        for place, answer in zip(found, operations.measure(*maps, regions, request), strict=True):
            measured[place] = answer
    values = values_of(settings.metrics, counts, measured, [options] * len(ids))
    start = np.array([part.start for part in one.box])
    places = [_boxes_of_side(side, labels, start, facts) for side in histogram.sides]
    rows = []
    for own, count, by_name, first, second in zip(
        ids.tolist(), counts, values, *places, strict=True
    ):
        if count.empty:
            policy = of_instances(settings.policy)
            fill_in(
                by_name, settings.metrics, policy, count.empty, facts.diagonal, one.structure.name
            )
        instance = Instance(reference_box=first, prediction_box=second)
        rows.append(_row(one, facts, count, by_name, own, instance))
    return rows


def _in_box(one: StructureInstances, side: int) -> Array:
    """Give the ids of the instances of a side at the voxels of the structure's box, 0 elsewhere."""
    own: SideInstances = one.sides[side]
    if own.components is not None and own.is_painted:
        return own.relabelled(own.components.painted(np.dtype(np.int32)))
    return own.relabelled(one.case.maps[side][one.box])


def _boxes_of_side(side: Any, labels: Longs, start: Longs, facts: CaseFacts) -> list[Box | None]:
    """Give boxes along the axes of the maps as they were given; None where a side is empty."""
    rows = side.row_of_each(labels)
    ends = np.zeros((len(labels), len(facts.shape), 2), np.int64)
    ends[:, :, 1] = 1
    for end, of_side in enumerate(side.boxes):
        ends[:, facts.axes, end] = of_side[rows] + start
    return [
        tuple((first, stop) for first, stop in box) if row >= 0 else None
        for row, box in zip(rows.tolist(), ends.tolist(), strict=True)
    ]


def _without_instances(
    one: StructureInstances, facts: CaseFacts, counts: Counts, options: Options
) -> dict[str, float]:
    """Score what has no instance in the reference, so that there is no region: as one, which it lacks."""
    settings = facts.settings
    there = int((_in_box(one, 1) != 0).sum()) if len(one.sides[1].ids) else 0
    counts = Counts(0, there, 0, sum(counts) - there)
    [values] = values_of(settings.metrics, [counts], [{}], [options])
    policy = of_instances(settings.policy)
    fill_in(values, settings.metrics, policy, counts.empty, facts.diagonal, one.structure.name)
    return values


def _row(
    one: StructureInstances,
    facts: CaseFacts,
    counts: Counts,
    values: dict[str, float],
    number: int | None = None,
    instance: Instance | None = None,
) -> Row:
    return Row(
        facts.case,
        one.structure.label,
        one.structure.name,
        number,
        number if counts.prediction else None,
        values,
        counts,
        facts.voxel_volume,
        counts.empty,
        facts.settings.policy.name if counts.empty else "",
        "instance",
        instance=instance,
    )
