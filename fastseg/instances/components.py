"""The instances of one side of a structure: its connected components, or what the map gives by their labels.

An instance has the labels that it has in some label map: the number of its component, or of several that dilation made
one, in a map that is painted within the structure's box; its own label where it is given; and the structure's labels
where all of it is one component. Most organs are, and nothing is painted for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.protocol import Operations
from fastseg.inputs.arrays import Array, Box
from fastseg.instances.dilation import dilated
from fastseg.measures.components import RegionComponents
from fastseg.measures.instance_table import Instances
from fastseg.measures.label_sides import Side, distinct, in_type
from fastseg.measures.regions import LabelRegion

Longs = NDArray[np.int64]

Components = Literal["connected", "given"]

#: where instances come from
COMPONENTS: tuple[Components, ...] = ("connected", "given")


class SideRules(NamedTuple):
    """What an instance is on one side.

    Attributes
    ----------
    components : {"connected", "given"}
        Whether instances are connected components, or labels.
    connectivity : int
        Along how many axes connected neighbours may differ.
    dilation : int
        Components are one instance if they are connected once the mask was dilated so many times.
    dilation_connectivity : int
        Which neighbours a dilation adds.
    minimum_size : int
        Voxels that an instance has at least; what is smaller is left out.
    """

    components: Components = "connected"
    connectivity: int = 3
    dilation: int = 0
    dilation_connectivity: int = 3
    minimum_size: int = 0


@dataclass(frozen=True, eq=False)
class SideInstances:
    """The instances of one side of a structure.

    Attributes
    ----------
    ids : ndarray (n,)
        Ascending; the number of the component that has its first voxel, or the given label.
    labels : sequence of tuple of int
        Of each, in the map that it is measured in.
    sums : int64 ndarray (n, ndim), or None
        The positions of each one's voxels in the volume, added up; None where labels are given.
    components : RegionComponents or None
        What can paint a map of the structure's box; None where labels are given.
    is_painted : bool
        Whether `labels` are the numbers of components in such a map, and not labels of the map as it is.
    are_all : bool
        Whether every label of that map but 0 is the id of an instance.
    """

    ids: Array
    labels: Sequence[tuple[int, ...]]
    sums: Longs | None = None
    components: RegionComponents | None = None
    is_painted: bool = False
    are_all: bool = False

    def as_painted(self) -> SideInstances:
        """Give the same instances in a map that is painted: of components that were found there is one at most."""
        if self.components is None or self.is_painted:
            return self
        labels = [(1,)] * len(self.ids)
        return replace(self, labels=labels, is_painted=True, are_all=bool(labels))

    @property
    def is_whole(self) -> bool:
        """Whether all voxels of the structure are one component, and that is an instance."""
        return self.components is not None and self.components.count == len(self.ids) == 1

    def table_of(self, start: Longs, of_map: Side) -> Instances:
        """Tell sizes and boxes of the instances; components were found in a box that starts there."""
        found = self.components
        if found is None:
            rows = of_map.row_of_each(self.ids)
            starts, stops = of_map.boxes
            return Instances(self.ids, of_map.sizes[rows], starts[rows], stops[rows])
        (starts, stops), sizes = found.boxes, found.sizes
        if len(self.ids) < found.count:
            numbers = self.labels if self.is_painted else [(1,)] * len(self.ids)
            members = np.array([number for own in numbers for number in own], np.int64) - 1
            first = np.cumsum([0, *map(len, numbers)])[:-1]
            if not len(first):
                nothing = np.empty(0, np.int64)
                return Instances(nothing, nothing, starts[:0], stops[:0])
            sizes = np.add.reduceat(sizes[members], first)
            starts = np.minimum.reduceat(starts[members], first)
            stops = np.maximum.reduceat(stops[members], first)
        return Instances(self.ids, sizes, starts + start, stops + start)

    def relabelled(self, labels: Array) -> Array:
        """Give the id of the instance to each label of its map, 0 to those that no instance has."""
        if self.are_all:
            return labels
        if not len(self.ids):
            return np.zeros(labels.shape, np.int64)
        if self.components is not None and self.is_painted:
            table = np.zeros(self.components.count + 1, np.int64)
            many = list(map(len, self.labels))
            table[[number for own in self.labels for number in own]] = np.repeat(self.ids, many)
            found: Array = table[labels]
            return found
        numbers = labels.view(np.uint8) if labels.dtype == bool else labels
        wanted = (
            self.ids if self.components is None else [one for own in self.labels for one in own]
        )
        own, _ = in_type(wanted, numbers.dtype)
        return np.where(np.isin(numbers, own), numbers if self.components is None else 1, 0)


def no_instances(ndim: int) -> SideInstances:
    """Give a side that lacks the structure."""
    return SideInstances(np.empty(0, np.int64), (), np.empty((0, ndim), np.int64))


def connected_instances(
    operations: Operations,
    found: RegionComponents,
    region: LabelRegion,
    rules: SideRules,
) -> SideInstances:
    """Make instances of the components of a region: one of those that dilation joins."""
    box = region.box
    start = np.array([part.start for part in box], np.int64)
    sizes, sums = found.sizes, found.sums + found.sizes[:, None] * start
    if found.count == 1:
        if sizes[0] < rules.minimum_size:
            return no_instances(len(box))
        return SideInstances(np.ones(1, np.int64), (region.wanted,), sums, found)  # number 1
    if rules.dilation and found.count:
        return _joined(operations, found, region.labels.shape, box, rules, sizes, sums)
    kept = (sizes >= rules.minimum_size).nonzero()[0]
    ids = kept + 1
    labels = list(zip(ids.tolist(), strict=True))
    return SideInstances(ids, labels, sums[kept], found, True, len(ids) == found.count)


def _joined(
    operations: Operations,
    found: RegionComponents,
    shape: tuple[int, ...],
    box: Box,
    rules: SideRules,
    sizes: Longs,
    sums: Longs,
) -> SideInstances:
    """Make one instance of the components that are connected in the dilated mask."""
    groups = _groups(operations, found, shape, box, rules)
    order = np.argsort(groups, kind="stable")
    _, first = distinct(groups[order])
    sizes, sums = (np.add.reduceat(of_each[order], first) for of_each in (sizes, sums))
    ids = order[first] + 1  # components are in the order of their first voxels
    members = np.split(order + 1, first[1:])
    rows = np.argsort(ids)
    rows = rows[sizes[rows] >= rules.minimum_size]
    labels = [tuple(members[row].tolist()) for row in rows]
    return SideInstances(ids[rows].astype(np.int64), labels, sums[rows], found, True)


def _groups(
    operations: Operations,
    found: RegionComponents,
    shape: tuple[int, ...],
    box: Box,
    rules: SideRules,
) -> Longs:
    """Tell which component of the dilated mask each component is in."""
    mask = found.painted(np.dtype(np.int32)) != 0
    margin = rules.dilation
    before = [min(margin, part.start) for part in box]
    after = [min(margin, size - part.stop) for part, size in zip(box, shape, strict=True)]
    wide = np.zeros(
        [sum(sizes) for sizes in zip(before, mask.shape, after, strict=True)],
        bool,
        order="F" if mask.flags.f_contiguous and not mask.flags.c_contiguous else "C",
    )
    wide[tuple(slice(b, b + size) for b, size in zip(before, mask.shape, strict=True))] = mask
    wide = dilated(wide, rules.dilation_connectivity, rules.dilation)
    numbers, _ = operations.connected_components(wide, rules.connectivity, np.dtype(np.int32))
    firsts = np.unravel_index(found.firsts, mask.shape)
    groups: Longs = numbers[tuple(at + b for at, b in zip(firsts, before, strict=True))]
    return groups


def given_instances(
    labels: Array, sizes: Longs, wanted: tuple[int, ...] | None, minimum_size: int
) -> SideInstances:
    """Take labels as instances: all but 0, or those that are wanted.

    Parameters
    ----------
    labels, sizes : ndarray (n,)
        All that a map has, ascending, and how many voxels each has.
    wanted : tuple of int or None
    minimum_size : int
    """
    numbers = labels.view(np.uint8) if labels.dtype == bool else labels
    kept = (numbers != 0) & (sizes >= minimum_size)
    if wanted is not None:
        kept &= np.isin(numbers, in_type(wanted, numbers.dtype)[0])
    ids = numbers[kept]
    are_all = len(ids) == np.count_nonzero(numbers)
    return SideInstances(ids, list(zip(ids.tolist(), strict=True)), are_all=are_all)
