"""The instances of a structure in both maps: found side by side, brought into one pair of maps, and made a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastseg import threads
from fastseg.backends.protocol import Operations
from fastseg.inputs.arrays import Array, Box, matched
from fastseg.inputs.structures import Structure
from fastseg.instances.components import (
    Longs,
    SideInstances,
    SideRules,
    connected_instances,
    given_instances,
    no_instances,
)
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.threads import lazy

Pair = tuple[Array, Array]

# What a voxel of a box costs that is looked for components, on the scale of `threads.LEAST_COST`.
_COST_OF_A_VOXEL = 2


@dataclass(frozen=True, eq=False)
class CaseMaps:
    """Two label maps of one dtype and memory order, and what was counted of them.

    Attributes
    ----------
    operations : Operations
    maps : pair of ndarray
        Reference and prediction.
    histogram : JointHistogram
        Of both.
    """

    operations: Operations
    maps: Pair
    histogram: JointHistogram
    _sums: dict[int, tuple[Array, Longs]] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        """How many axes the maps have."""
        return self.maps[0].ndim

    def sums_of(self, side: int, ids: Array) -> Longs:
        """Give the sums of the positions of some labels of one side, which occur there."""
        if side not in self._sums:
            self._sums[side] = self.operations.position_sums(self.maps[side])
        labels, sums = self._sums[side]
        found: Longs = sums[np.searchsorted(labels, ids)]
        return found


@dataclass(frozen=True, eq=False)
class StructureInstances:
    """The instances of one structure.

    Attributes
    ----------
    structure : Structure
    case : CaseMaps
    sides : pair of SideInstances
        Of reference and prediction.
    box : tuple of slice, or None
        That of the painted maps; None where instances are labels of the case's own maps.
    """

    structure: Structure
    case: CaseMaps
    sides: tuple[SideInstances, SideInstances]
    box: Box | None

    @lazy
    def maps(self) -> Pair:
        """The maps that hold the labels of the instances."""
        if self.box is None:
            return self.case.maps
        parts = []
        for side, whole in zip(self.sides, self.case.maps, strict=True):
            if side.components is None or not side.is_painted:
                parts.append(whole[self.box])
            else:
                parts.append(side.components.painted(np.dtype(np.int32)))
        return matched(parts[0], parts[1])

    @lazy
    def start(self) -> Longs:
        """Where these maps begin in the volume."""
        if self.box is None:
            return np.zeros(self.case.ndim, np.int64)
        return np.array([part.start for part in self.box], np.int64)

    @lazy
    def table(self) -> InstanceTable:
        """The instances of both sides, with boxes in the volume, and how many voxels each pair shares."""
        histogram = self.case.histogram
        if self.box is not None:
            histogram = self.case.operations.joint_histogram(*self.maps).shifted(
                self.start.tolist()
            )
        first, second = self.sides
        return InstanceTable.of(
            histogram.relabelled(
                first.relabelled(histogram.reference_labels),
                second.relabelled(histogram.prediction_labels),
            )
        )

    def sums(self, side: int) -> Longs:
        """Give the positions of the voxels of each instance of a side, added up."""
        known = self.sides[side].sums
        return self.case.sums_of(side, self.sides[side].ids) if known is None else known

    @lazy
    def centers(self) -> Longs:
        """The reference instance at the centroid of each prediction, the voxel that holds it; 0 where there is none."""
        sizes = self.table.prediction.sizes[:, None]
        places = (2 * self.sums(1) + sizes) // (2 * sizes) - self.start
        inside = tuple(places.T)  # a centroid lies in the instance's own box
        labels: Array = self.maps[0][inside]
        return self.sides[0].relabelled(labels).astype(np.int64)


def structure_instances(
    case: CaseMaps, structures: Sequence[Structure], rules: tuple[SideRules, SideRules]
) -> list[StructureInstances]:
    """Find the instances of all structures of a case, side by side."""
    boxes = [case.histogram.box(one.reference, one.prediction) for one in structures]
    work = []
    for structure, box in zip(structures, boxes, strict=True):
        work.append((0, structure.reference, box))
        work.append((1, structure.prediction, box))
    cost = sum(
        _COST_OF_A_VOXEL * math.prod(part.stop - part.start for part in box)
        for _, _, box in work
        if box is not None
    )
    found = threads.run(lambda one: _side_instances(case, *one, rules[one[0]]), work, cost)
    instances = []
    for place, (structure, box) in enumerate(zip(structures, boxes, strict=True)):
        sides = found[2 * place], found[2 * place + 1]
        if any(side.is_painted for side in sides):
            sides = sides[0].as_painted(), sides[1].as_painted()
        else:
            box = None
        instances.append(StructureInstances(structure, case, sides, box))
    return instances


def _side_instances(
    case: CaseMaps, side: int, wanted: tuple[int, ...], box: Box | None, rules: SideRules
) -> SideInstances:
    """Find the instances of one side of a structure."""
    of_side = case.histogram.sides[side]
    if rules.components == "given":
        return given_instances(of_side.labels, of_side.sizes, wanted, rules.minimum_size)
    if box is None or not of_side.rows(wanted):
        return no_instances(case.ndim)
    return connected_instances(case.operations, case.maps[side], wanted, box, rules)
