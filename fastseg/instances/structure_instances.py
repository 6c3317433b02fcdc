"""The instances of a structure in both maps: found side by side, brought into one pair of maps, and made a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastseg.backends.protocol import Operations
from fastseg.evaluation.structures import counts_of
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
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.label_sides import LabelBoxes
from fastseg.measures.regions import LabelRegion
from fastseg.threads import lazy

Maps = tuple[Array, Array]

# Voxels of the box of a structure that backends measure by itself, not among many small ones.
_LARGE_BOX = 1 << 18
# How much of a slice is so much that it may be all of it (benchmarks: instances/panoptica).
_MOST_OF_A_SLICE = 0.75


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
            of_side = self.histogram.sides[side]
            starts, stops = of_side.boxes
            kept = (of_side.labels != 0).nonzero()[0]
            boxes = LabelBoxes(of_side.labels[kept], starts[kept], stops[kept])
            self._sums[side] = self.operations.position_sums(self.maps[side], boxes)
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
    counts : Counts
        Of all its voxels.
    sides : pair of SideInstances
        Of reference and prediction.
    box : tuple of slice
        That of the structure in both maps.
    in_box : bool
        Whether components are beside each other in this box; else instances are labels of the case's own maps.
    """

    structure: Structure
    case: CaseMaps
    counts: Counts
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
        first, second = self.sides
        if not len(first.ids) or not len(second.ids) or (first.is_whole and second.is_whole):
            return self._without_pairs_counted()
        histogram = self.case.histogram
        if self.in_box:
            histogram = self.pair.histogram.shifted(self.start.tolist())
        labels = (
            first.relabelled(histogram.reference_labels),
            second.relabelled(histogram.prediction_labels),
        )
        if labels[0] is histogram.reference_labels and labels[1] is histogram.prediction_labels:
            return InstanceTable.of(histogram)
        return InstanceTable.of(histogram.relabelled(*labels))

    def _without_pairs_counted(self) -> InstanceTable:
        """Make the table where one side has no instance, or each side is one: their overlap is known."""
        start = np.array([part.start for part in self.box], np.int64)
        sides = zip(self.sides, self.case.histogram.sides, strict=True)
        of_sides = [own.table_of(start, of_map) for own, of_map in sides]
        rows = np.zeros(int(self.counts.tp > 0 and all(map(len, of_sides))), np.int64)
        return InstanceTable(of_sides[0], of_sides[1], rows, rows, rows + self.counts.tp)

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


def _in_whole_slices(box: Box | None, labels: Array) -> Box | None:
    """Take whole slices where a box has most of them: rows that follow each other are packed in half of the time."""
    if box is None or labels.ndim < 2:
        return box
    is_reversed = labels.flags.f_contiguous and not labels.flags.c_contiguous
    own, shape = (box[:-1], labels.shape[:-1]) if is_reversed else (box[1:], labels.shape[1:])
    if voxels_of(own) < _MOST_OF_A_SLICE * math.prod(shape):
        return box
    whole = tuple(slice(0, size) for size in shape)
    return (*whole, box[-1]) if is_reversed else (box[0], *whole)


def voxels_of(box: Box) -> int:
    """Count the voxels of a box."""
    return math.prod(part.stop - part.start for part in box)


def structure_instances(
    case: CaseMaps, structures: Sequence[Structure], rules: tuple[SideRules, SideRules]
) -> list[StructureInstances]:
    """Find the instances of all structures of a case, side by side."""
    counts = counts_of(case.histogram, structures)
    boxes = [
        _in_whole_slices(case.histogram.box(one.reference, one.prediction), case.maps[0])
        for one in structures
    ]
    work = []
    for structure, box in zip(structures, boxes, strict=True):
        work.append((0, structure.reference, box))
        work.append((1, structure.prediction, box))
    found = _sides(case, work, rules)
    instances = []
    nowhere = (slice(0, 0),) * case.ndim
    for place, (structure, count, box) in enumerate(zip(structures, counts, boxes, strict=True)):
        sides = found[2 * place], found[2 * place + 1]
        in_box = any(side.is_painted and len(side.ids) for side in sides)
        if all(
            side.is_whole for side in sides
        ):  # masks that are packed already are not packed again
            in_box = box is not None and voxels_of(box) >= _LARGE_BOX
        if in_box:
            sides = sides[0].as_painted(), sides[1].as_painted()
        instances.append(StructureInstances(structure, case, count, sides, box or nowhere, in_box))
    return instances


def _sides(
    case: CaseMaps,
    work: Sequence[tuple[int, tuple[int, ...], Box | None]],
    rules: tuple[SideRules, SideRules],
) -> list[SideInstances]:
    """Find the instances of many sides of structures, components of all in one call."""
    nothing = no_instances(case.ndim)
    found = [nothing] * len(work)
    regions, places = [], []
    for place, (side, wanted, box) in enumerate(work):
        of_side, rule = case.histogram.sides[side], rules[side]
        if rule.components == "given":
            of_each = of_side.labels, of_side.sizes, wanted, rule.minimum_size
            found[place] = given_instances(*of_each)
        elif box is not None and of_side.rows(wanted):
            regions.append(LabelRegion(case.maps[side], wanted, box))
            places.append(place)
    if not regions:
        return found
    components = case.operations.region_components(regions, rules[0].connectivity)
    for place, region, own in zip(places, regions, components, strict=True):
        found[place] = connected_instances(case.operations, own, region, rules[work[place][0]])
    return found
