"""The rows of one case: each metric of what was measured, and the policy where it is not defined.

Metrics are found column by column: of thousands of structures, a column is one loop over one function.
"""

from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fastseg.evaluation.settings import Settings
from fastseg.flags import CaseFacts, flags_of
from fastseg.inputs.structures import Structure
from fastseg.measures import skeletons, trees
from fastseg.measures.joint_histogram import Counts, Empty, JointHistogram
from fastseg.measures.regions import Measured
from fastseg.metrics import EmptyPolicy, Metric, Options
from fastseg.metrics.registry import DEFAULTS
from fastseg.results import Row

# what is known of a mask beside an empty one, by the measurement and by which is empty
_BESIDE_NOTHING: Mapping[str, Mapping[str, Any]] = {
    "skeleton_overlap": skeletons.BESIDE_NOTHING,
    "tree_overlap": trees.BESIDE_NOTHING,
}
# Objects from which on the collector takes a noticeable time: it doubles that of a hundred thousand rows (benchmarks:
# many), and of all metrics of 2 500 structures (benchmarks: shapes).
_MANY_VALUES = 1 << 12


def rows_of(
    case: str,
    settings: Settings,
    structures: Sequence[Structure],
    counts: Sequence[Counts],
    measured: Sequence[Measured],
    tolerances: Sequence[float],
    diagonal: float,
    voxel_volume: float,
) -> tuple[Row, ...]:
    """Make the rows of all structures of a case.

    Parameters
    ----------
    case : str
    settings : Settings
    structures, counts, measured, tolerances : sequences
        Of each structure: what it is, how many voxels it has, what was measured of it (nothing if one of the maps lacks
        it), and its tolerance.
    diagonal, voxel_volume : float
        Of the image, and of a voxel.
    """
    options = options_of(settings, tolerances, voxel_volume)
    values_of_each = values_of(settings.metrics, counts, measured, options)
    rows = []
    for structure, count, by_name in zip(structures, counts, values_of_each, strict=True):
        empty = count.empty
        if empty:
            fill_in(by_name, settings.metrics, settings.policy, empty, diagonal, structure.name)
        name, label, of_reference, of_prediction = structure
        other = label
        if of_reference != of_prediction:
            other = of_prediction[0] if len(of_prediction) == 1 else of_prediction
        policy = settings.policy.name if empty else ""
        rows.append(
            Row(case, label, name, label, other, by_name, count, voxel_volume, empty, policy)
        )
    return tuple(rows)


def raise_flags(
    rows: Sequence[Row],
    settings: Settings,
    histogram: JointHistogram,
    shape: Sequence[int],
    spacing: Sequence[float],
    structures: Sequence[Structure],
    measured: Sequence[Measured],
    tolerances: Sequence[float],
) -> None:
    """Raise the flags of rows that were just made, and that nobody else holds yet."""
    facts = CaseFacts(
        histogram,
        tuple(shape),
        tuple(spacing),
        settings.boundary,
        not settings.within_tolerance,
        structures,
        [row.counts for row in rows],
        measured,
        tolerances,
        [row.values_by_metric for row in rows],
        settings.boundary_width is None,
    )
    for row, flags in zip(rows, flags_of(facts, settings.flags), strict=True):
        row.__dict__["flags"] = flags


def options_of(
    settings: Settings, tolerances: Sequence[float], voxel_volume: float
) -> list[Options]:
    """Give the options of metrics for structures of these tolerances."""
    beta = 1.0 if isinstance(settings.beta, tuple) else settings.beta  # several have names
    method = settings.percentile_method
    different = {one: Options(one, method, voxel_volume, beta) for one in set(tolerances)}
    return list(map(different.__getitem__, tolerances))


def values_of(
    metrics: Sequence[Metric],
    counts: Sequence[Counts],
    measured: Sequence[Measured],
    options: Sequence[Options],
) -> list[dict[str, float]]:
    """Find the metrics of what was counted and measured of each of many pairs of masks; nan where nothing was."""
    columns = []
    for metric in metrics:
        function, name = metric.function, metric.measurement
        if name == "counts":
            column = list(map(function, counts, options))
        else:
            column = [
                function(found[name], chosen) if name in found else math.nan
                for found, chosen in zip(measured, options, strict=True)
            ]
        columns.append(column)
    names = [metric.name for metric in metrics]
    values_of_each = zip(*columns, strict=True) if columns else itertools.repeat((), len(counts))
    return [dict(zip(names, values, strict=True)) for values in values_of_each]


def fill_in(
    values: dict[str, float],
    metrics: Sequence[Metric],
    policy: EmptyPolicy,
    empty: Empty,
    diagonal: float,
    name: str,
) -> None:
    """Decide on the values of a structure that one of the maps, or both, lack."""
    for metric in metrics:
        value = values[metric.name]
        if metric.measurement != "counts":
            # a distance to nothing is inf, and between nothings there is none
            value = math.nan if empty == "both" else metric.worst
            beside_nothing = _BESIDE_NOTHING.get(metric.measurement)
            if beside_nothing is not None and empty != "both":
                value = metric.function(beside_nothing[empty], DEFAULTS)
        values[metric.name] = policy.value(metric, value, empty, diagonal, name)


@contextmanager
def uncollected(n: int) -> Iterator[None]:
    """Pause the collector of cycles while so many rows, or values of some, are made, if they are many.

    Rows are in no cycles, and grow by one at a time: the collector goes through all that there are each time they are a
    quarter more. Where several threads make rows, the first that is done lets it go on.

    Parameters
    ----------
    n : int
    """
    if n < _MANY_VALUES or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
