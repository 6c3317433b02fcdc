"""The rows of one case: each metric of what was measured, and the policy where it is not defined.

Metrics are found column by column: of thousands of structures, a column is one loop over one function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastseg.evaluation.settings import Settings
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Measured
from fastseg.metrics import Options
from fastseg.results import Row


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
    method = settings.percentile_method
    different = {one: Options(one, method, voxel_volume) for one in set(tolerances)}
    options = list(map(different.__getitem__, tolerances))
    columns = []
    for metric in settings.metrics:
        function, name = metric.function, metric.measurement
        if name == "counts":
            column = list(map(function, counts, options))
        else:
            column = [
                function(found[name], chosen) if name in found else math.nan
                for found, chosen in zip(measured, options, strict=True)
            ]
        columns.append(column)
    names, values_of_each = settings.metric_names, zip(*columns, strict=True)
    rows = []
    for structure, count, values in zip(structures, counts, values_of_each, strict=True):
        empty = count.empty
        by_name = dict(zip(names, values, strict=True))
        if empty:
            _fill_in(by_name, settings, structure, count, diagonal)
        name, label, of_reference, of_prediction = structure
        other = label
        if of_reference != of_prediction:
            other = of_prediction[0] if len(of_prediction) == 1 else of_prediction
        policy = settings.policy.name if empty else ""
        rows.append(
            Row(case, label, name, label, other, by_name, count, voxel_volume, empty, policy)
        )
    return tuple(rows)


def _fill_in(
    values: dict[str, float],
    settings: Settings,
    structure: Structure,
    counts: Counts,
    diagonal: float,
) -> None:
    """Decide on the values of a structure that one of the maps, or both, lack."""
    empty = counts.empty
    for metric in settings.metrics:
        value = values[metric.name]
        if metric.measurement != "counts":
            # a distance to nothing is inf, and between nothings there is none
            value = math.nan if empty == "both" else metric.worst
        values[metric.name] = settings.policy.value(metric, value, empty, diagonal, structure.name)
