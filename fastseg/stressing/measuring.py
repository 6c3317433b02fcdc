"""A damaged mask beside the mask: every metric, as :func:`fastseg.evaluate` finds it of the whole image.

Only a window with both masks is looked at: outside it there is background on both sides, which counts as true negative
and is no part of any other measurement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastseg.backends.protocol import Backend
from fastseg.evaluation.rows import rows_of
from fastseg.evaluation.settings import Settings
from fastseg.inputs.arrays import Box, Spacing
from fastseg.inputs.source import ArraySource
from fastseg.inputs.structures import Structure
from fastseg.instances.evaluate_instances import evaluate_instances_case
from fastseg.instances.settings import InstanceSettings
from fastseg.measures import regions
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.tolerances import width_of_band
from fastseg.stressing.structure import Damage, Mask, StressedStructure

_BOTH = (1,)


@dataclass(frozen=True)
class Measured:
    """What was measured of a damaged mask.

    Attributes
    ----------
    values : dict
        By metric.
    changed : int
        How many voxels differ.
    """

    values: dict[str, float]
    changed: int


@dataclass(frozen=True, eq=False)
class Measurer:
    """What masks are measured with.

    Attributes
    ----------
    settings : Settings
    instances : InstanceSettings or None
    backend : Backend
    shape : tuple of int
        Of the image.
    spacing : tuple of float
    voxel_volume : float
    ignored : bool ndarray or None
        Voxels of the image that count nowhere.
    """

    settings: Settings
    instances: InstanceSettings | None
    backend: Backend
    shape: tuple[int, ...]
    spacing: Spacing
    voxel_volume: float
    ignored: Mask | None

    def measure(self, structure: StressedStructure, damage: Damage, tolerance: float) -> Measured:
        """Measure a damaged mask beside the mask."""
        reference, prediction, place = _aligned(structure, damage)
        total = math.prod(self.shape)
        if self.ignored is not None:
            prediction = prediction & ~self.ignored[place]
            total -= int(np.count_nonzero(self.ignored))
        both = int(np.count_nonzero(reference & prediction))
        more = int(np.count_nonzero(prediction)) - both
        less = structure.voxels - both
        counts = Counts(both, more, less, total - both - more - less)
        one = Structure(structure.name, structure.label, _BOTH, _BOTH)
        found: regions.Measured = {}
        if self.settings.measurements and not counts.empty:
            width = (
                width_of_band(tolerance) if "band_overlap" in self.settings.measurements else 0.0
            )
            region = regions.Region(
                _BOTH, _BOTH, tuple(slice(0, n) for n in reference.shape), width
            )
            request = regions.Request(
                self.settings.measurements, self.spacing, self.settings.boundary
            )
            first, second = self.backend.placed(reference, prediction)
            [found] = self.backend.operations.measure(first, second, [region], request)
        [row] = rows_of(
            "",
            self.settings,
            [one],
            [counts],
            [found],
            [tolerance],
            math.hypot(*np.multiply(self.shape, self.spacing)),
            self.voxel_volume,
        )
        values = dict(row.values_by_metric)
        if self.instances is not None:
            values |= self._of_instances(reference, prediction, self.instances)
        return Measured(values, more + less)

    def _of_instances(
        self, reference: Mask, prediction: Mask, settings: InstanceSettings
    ) -> dict[str, float]:
        """Measure how the connected components of both masks match."""
        evaluation = evaluate_instances_case(
            ArraySource(reference, self.spacing, name="reference"),
            ArraySource(prediction, self.spacing, name="prediction"),
            settings,
        )
        [row] = (row for row in evaluation.rows if row.level == "structure")
        return {name: row[name] for name in settings.detection_names}


def _aligned(structure: StressedStructure, damage: Damage) -> tuple[Mask, Mask, Box]:
    """Give both masks in the smallest window that holds them, and where it lies in the image."""
    low, high = list(structure.start), list(structure.stop)
    part, start = _trimmed(damage)
    if part.size:
        low = np.minimum(low, start).tolist()
        high = np.maximum(high, np.add(start, part.shape)).tolist()
    masks = []
    for each, at in ((structure.mask, structure.start), (part, start)):
        if each.shape == tuple(np.subtract(high, low)):
            masks.append(np.ascontiguousarray(each))
            continue
        whole = np.zeros(np.subtract(high, low), np.bool_)
        if each.size:
            whole[
                tuple(slice(a - b, a - b + n) for a, b, n in zip(at, low, each.shape, strict=True))
            ] = each
        masks.append(whole)
    return masks[0], masks[1], tuple(map(slice, low, high))


def _trimmed(damage: Damage) -> tuple[Mask, Sequence[int]]:
    """Leave out the empty rim of a damaged mask."""
    mask, start = damage
    box, first = [], []
    for axis, at in enumerate(start):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        places = np.flatnonzero(mask.any(axis=others))
        if not len(places):
            return mask[(slice(0, 0),) * mask.ndim], start
        box.append(slice(int(places[0]), int(places[-1]) + 1))
        first.append(at + int(places[0]))
    return mask[tuple(box)], first
