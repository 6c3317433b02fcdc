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
from fastseg.measures.component_pairs import ComponentPair, PaintedPair
from fastseg.measures.instance_table import Instances, InstanceTable
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.threads import lazy

Maps = tuple[Array, Array]

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
    maps: Maps
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
    box : tuple of slice
        That of the structure in both maps.
    in_box : bool
        Whether components are looked at beside each other in this box; else instances are labels of the case's own maps.
    """

    structure: Structure
    case: CaseMaps
    sides: tuple[SideInstances, SideInstances]
    box: Box
    in_box: bool

    @lazy
    def pair(self) -> ComponentPair:
        """The two sides within the box, in which the labels of instances are found and measured."""
        operations = self.case.operations
        first, second = (side.components for side in self.sides)
        if first is not None and second is not None:
            return operations.components_beside(first, second)
        parts = []
        for components, whole in zip((first, second), self.case.maps, strict=True):
            if components is None:
                parts.append(whole[self.box])
            else:
                parts.append(components.painted(np.dtype(np.int32)))
        counts = len(self.sides[0].ids), len(self.sides[1].ids)
        return PaintedPair(matched(*parts), counts, operations.joint_histogram, operations.measure)

    @lazy
    def start(self) -> Longs:
        """Where the box begins in the volume."""
        if not self.in_box:
            return np.zeros(self.case.ndim, np.int64)
        return np.array([part.start for part in self.box], np.int64)

    @lazy
    def table(self) -> InstanceTable:
        """The instances of both sides, with boxes in the volume, and how many voxels each pair shares."""
        if not self.in_box:
            histogram = self.case.histogram
        elif all(len(side.ids) for side in self.sides):
            histogram = self.pair.histogram.shifted(self.start.tolist())
        else:
            return _one_sided(self.sides, self.start)
        first, second = self.sides
        labels = (
            first.relabelled(histogram.reference_labels),
            second.relabelled(histogram.prediction_labels),
        )
        if labels[0] is histogram.reference_labels and labels[1] is histogram.prediction_labels:
            return InstanceTable.of(histogram)
        return InstanceTable.of(histogram.relabelled(*labels))

    def sums(self, side: int) -> Longs:
        """Give the positions of the voxels of each instance of a side, added up."""
        known = self.sides[side].sums
        return self.case.sums_of(side, self.sides[side].ids) if known is None else known

    @lazy
    def centers(self) -> Longs:
        """The reference instance at the centroid of each prediction, the voxel that holds it; 0 where there is none."""
        n = len(self.table.prediction)
        if not n or not len(self.table.reference):
            return np.zeros(n, np.int64)
        sizes = self.table.prediction.sizes[:, None]
        places = (2 * self.sums(1) + sizes) // (2 * sizes) - self.start
        reference = self.case.maps[0] if not self.in_box else self.pair.painted()[0]
        found = self.sides[0].relabelled(reference[tuple(places.T)])
        return found.astype(np.int64)

    @lazy
    def prediction_numbers(self) -> Array:
        """The ids of predicted instances at the voxels of the box, 0 elsewhere."""
        side = self.sides[1]
        if side.components is not None and side.is_painted:
            return side.relabelled(side.components.painted(np.dtype(np.int32)))
        return side.relabelled(self.case.maps[1][self.box])


def _one_sided(sides: tuple[SideInstances, SideInstances], start: Longs) -> InstanceTable:
    """Make the table of a structure of which one side has no instance."""
    ndim, none = len(start), np.empty(0, np.int64)
    of_sides = []
    for side in sides:
        if side.components is None or not len(side.ids):
            of_sides.append(Instances(none, none, none.reshape(0, ndim), none.reshape(0, ndim)))
            continue
        members = np.array([number for own in side.labels for number in own]) - 1
        first = np.cumsum([0, *map(len, side.labels)])[:-1]
        starts, stops = side.components.boxes
        of_sides.append(
            Instances(
                side.ids,
                np.add.reduceat(side.components.sizes[members], first),
                np.minimum.reduceat(starts[members], first) + start,
                np.maximum.reduceat(stops[members], first) + start,
            )
        )
    return InstanceTable(of_sides[0], of_sides[1], none, none, none)


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
    nowhere = (slice(0, 0),) * case.ndim
    for place, (structure, box) in enumerate(zip(structures, boxes, strict=True)):
        sides = found[2 * place], found[2 * place + 1]
        in_box = any(side.is_painted and len(side.ids) for side in sides)
        if in_box:
            sides = sides[0].as_painted(), sides[1].as_painted()
        instances.append(StructureInstances(structure, case, sides, box or nowhere, in_box))
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
