"""The labels of one of panoptica's groups in a pair of maps: their instances, and what can be measured of them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastseg.backends.protocol import Operations
from fastseg.compat._support.masks import operations_for
from fastseg.compat._support.panoptica_values import other_value, value_of_counts, value_of_surfaces
from fastseg.compat._support.patching import NotCovered
from fastseg.inputs.arrays import Array, Box, Spacing, as_spacing, in_order, matched
from fastseg.measures.component_pairs import ComponentPair, PaintedPair
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.regions import Region, Request
from fastseg.protocols.rules import panoptic
from fastseg.protocols.rules.panoptic import COUNT_METRICS, SURFACE_METRICS, Matches
from fastseg.threads import lazy

# Voxels around what there is that the host keeps when it crops.
_MARGIN = 2
_SUMS = "labels whose sum the host takes for background"


@dataclass(frozen=True, eq=False)
class MapPair:
    """Two maps of one shape and dtype, in C order."""

    maps: tuple[Array, Array]
    operations: Operations

    @classmethod
    def of(cls, reference: Array, prediction: Array) -> MapPair:
        """Take two maps; the host sees copies in C order, so that numbers and sums follow that."""
        maps = matched(in_order(reference, "C"), in_order(prediction, "C"))
        found = cls(maps, operations_for("component_pair", maps[0].ndim))
        if maps[0].dtype.kind != "u" and min(found.histogram.labels) < 0:
            raise NotCovered("negative labels")
        return found

    @lazy
    def histogram(self) -> JointHistogram:
        """How often each pair of labels occurs, which need not be known of all that there is."""
        return self.operations.joint_histogram(*self.maps)

    @lazy
    def labels(self) -> tuple[list[int], list[int]]:
        """The labels of the reference and of the prediction, ascending, without 0."""
        of_sides = (side.labels.tolist() for side in self.histogram.sides)
        first, second = ([label for label in labels if label] for labels in of_sides)
        return first, second

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return int(self.maps[0].ndim)

    @lazy
    def bits(self) -> int:
        """Bits of the unsigned numbers in which the host keeps both maps."""
        return bits_for(max(map(max, filter(None, self.labels)), default=0))


def bits_for(largest: int) -> int:
    """Tell in how many bits the host keeps labels up to one."""
    return 8 if largest < 1 << 8 else 16 if largest < 1 << 16 else 32 if largest < 2**32 - 1 else 64


@dataclass(frozen=True, eq=False)
class Group:
    """Some labels of a pair of maps, or all.

    Attributes
    ----------
    maps : MapPair
    wanted : frozenset of int, or None
        The labels of the group; None for all.
    merged : bool
        Whether they are one label to the host.
    matched : bool
        Whether equal labels are matched instances.
    connectivity : int
        Of components; 0 where labels are instances.
    by_label : bool
        Whether each label has components of its own.
    cropped : bool
        Whether the host crops before all else.
    """

    maps: MapPair
    wanted: frozenset[int] | None
    merged: bool
    matched: bool
    connectivity: int
    by_label: bool
    cropped: bool
    known: dict[tuple[int, tuple[int, ...]], tuple[float, ...]] = field(default_factory=dict)

    @property
    def semantic(self) -> bool:
        """Whether instances are components."""
        return self.connectivity > 0

    @property
    def ndim(self) -> int:
        """How many axes the maps have."""
        return self.maps.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        shape: tuple[int, ...] = self.maps.maps[0].shape
        return shape

    @lazy
    def labels(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Those that occur on either side."""
        known = (
            tuple(side if self.wanted is None else filter(self.wanted.__contains__, side))
            for side in self.maps.labels
        )
        first, second = known
        return first, second

    @property
    def by_all_labels(self) -> bool:
        """Whether components are of each label that there is, so that none needs to be known."""
        return self.semantic and self.by_label and self.wanted is None

    def spacing(self, given: Any) -> Spacing:
        """Read the voxel size."""
        try:
            return as_spacing([float(step) for step in given], self.ndim)
        except (TypeError, ValueError) as error:
            raise NotCovered(f"a voxel spacing of {given!r}") from error

    @lazy
    def histogram(self) -> JointHistogram:
        """The histogram of both maps, in which what is not of the group is 0."""
        whole = self.maps.histogram
        sides = [whole.reference_labels, whole.prediction_labels]
        if self.labels == tuple(map(tuple, self.maps.labels)):
            return whole
        for side, labels in enumerate(self.labels):
            keep = np.isin(sides[side], np.array(labels, sides[side].dtype))
            sides[side] = np.where(keep, sides[side], 0)
        return replace(whole, reference_labels=sides[0], prediction_labels=sides[1])

    @lazy
    def volumes(self) -> tuple[int, int]:
        """Voxels of either side."""
        return int(self.table.reference.sizes.sum()), int(self.table.prediction.sizes.sum())

    @lazy
    def overlap(self) -> int:
        """Voxels that both sides have."""
        return int(self.table.overlaps.sum())

    def check_labels(self) -> None:
        """Refuse labels with which the host's numbers overflow, in which it keeps them."""
        if self.by_all_labels and None not in self.pair.labels:
            known = [label for label in self.pair.labels if label is not None]
            if sum(known) % (1 << bits_for(max(known))) == 0:
                raise NotCovered(_SUMS)
        else:
            self.check_sums(
                self.histogram, bits_for(max(map(max, filter(None, self.labels)), default=0))
            )
        if not self.semantic:
            self.check_largest(self.maps.bits)
        elif self.connectivity > 1:
            self.check_largest(16)

    def check_sums(self, histogram: JointHistogram, bits: int) -> None:
        """Refuse labels whose sum is 0 in the host's numbers: it crops by the sums, and loses such voxels."""
        if not self.cropped or self.merged:
            return
        both = (histogram.reference_labels != 0) & (histogram.prediction_labels != 0)
        sums = [
            side[both].tolist()
            for side in (histogram.reference_labels, histogram.prediction_labels)
        ]
        if any((first + second) % (1 << bits) == 0 for first, second in zip(*sums, strict=True)):
            raise NotCovered(_SUMS)

    def check_largest(self, bits: int) -> None:
        """Refuse a largest reference label after which the host's numbers begin anew."""
        ids = self.table.reference.ids
        if not self.matched and len(ids) and int(ids[-1]) == (1 << bits) - 1:
            raise NotCovered("a label that is the largest of its type")

    @lazy
    def pair(self) -> ComponentPair:
        """The instances of both sides."""
        maps, operations = self.maps.maps, self.maps.operations
        if self.by_all_labels:
            return operations.component_pair(*maps, self.connectivity)
        if self.semantic:
            if self.by_label and max(map(len, self.labels)) > 1:
                return operations.component_pair(*self._own_maps, self.connectivity)
            return operations.component_pair(*maps, self.connectivity, Region(*self.labels))
        if self.merged:
            return self._painted(self._own_maps, operations.joint_histogram(*self._own_maps))
        return self._painted(maps, self.histogram)

    def _painted(self, maps: tuple[Array, Array], histogram: JointHistogram) -> ComponentPair:
        counts = len(self.labels[0]), len(self.labels[1])
        operations = self.maps.operations
        return PaintedPair(maps, counts, lambda *_: histogram, operations.measure)

    @lazy
    def _own_maps(self) -> tuple[Array, Array]:
        """Both maps as the host sees those of a group: other labels are 0, and all of them 1 where they are merged."""
        if not self.merged and self.labels == tuple(map(tuple, self.maps.labels)):
            return self.maps.maps
        own = []
        for labels, values in zip(self.labels, self.maps.maps, strict=True):
            inside = np.isin(values, np.array(labels, values.dtype))
            own.append(inside.view(np.uint8) if self.merged else np.where(inside, values, 0))
        first, second = matched(*own)
        return first, second

    @lazy
    def _masks(self) -> tuple[Array, Array]:
        """Both maps as bool arrays."""
        first, second = (values != 0 for values in self._own_maps)
        return first, second

    @lazy
    def table(self) -> InstanceTable:
        """Which instances there are, and how they overlap."""
        return InstanceTable.of(self.pair.histogram)

    @lazy
    def counts(self) -> tuple[int, int]:
        """How many instances there are of either side."""
        return len(self.table.reference), len(self.table.prediction)

    @lazy
    def crop(self) -> tuple[list[int], list[int]]:
        """Where what the host keeps starts and stops."""
        sides = self.table.reference, self.table.prediction
        if not self.cropped or not any(map(len, sides)):
            return [0] * self.ndim, list(self.shape)
        starts = np.concatenate([side.starts for side in sides]).min(axis=0) - _MARGIN
        stops = np.concatenate([side.stops for side in sides]).max(axis=0) + _MARGIN
        return (
            np.maximum(starts, 0).tolist(),
            np.minimum(stops, self.shape).tolist(),
        )

    @property
    def _crop_box(self) -> Box:
        return tuple(map(slice, *self.crop))

    def masks_of(self, matches: Matches, place: int) -> tuple[Array, Array]:
        """Cut out the masks of a match as the host does."""
        starts, stops = (end[place] for end in matches.boxes)
        starts = np.maximum(starts - _MARGIN, self.crop[0])
        stops = np.minimum(stops + _MARGIN, self.crop[1])
        box = tuple(map(slice, starts.tolist(), stops.tolist()))
        first, second = (values[box] for values in self.pair.painted())
        own, others = self.table.reference.ids, self.table.prediction.ids
        rows = list(matches.predictions[place])
        return first == own[matches.references[place]], np.isin(second, others[rows])

    def scores(
        self,
        matches: Matches,
        metrics: Sequence[Any],
        spacing: Spacing,
        given: Any,
        *,
        again: bool = False,
    ) -> dict[str, list[float]]:
        """Measure each match by each of the host's metrics, once where the same will be asked for again."""
        by_name = {metric.name: metric for metric in metrics}

        def measured(some: Matches) -> dict[str, list[float]]:
            def other(name: str, place: int) -> Any:
                masks = self.masks_of(some, place)
                return other_value(by_name[name], *masks, voxelspacing=given)

            return panoptic.scored(
                self.pair, some, list(by_name), spacing, given_spacing=given, other=other
            )

        if not again:
            return measured(matches)
        keys = list(zip(matches.references.tolist(), matches.predictions, strict=True))
        new = [place for place, key in enumerate(keys) if key not in self.known]
        if new:
            predictions = [matches.predictions[place] for place in new]
            found = measured(Matches(matches.table, matches.references[new], predictions))
            for place, values in zip(new, zip(*found.values(), strict=True), strict=True):
                self.known[keys[place]] = values
        of_each = [self.known[key] for key in keys]
        return {name: [one[i] for one in of_each] for i, name in enumerate(by_name)}

    def global_value(self, metric: Any) -> Any:
        """Give one of the host's metrics of all instances together, which overlap, in voxels."""
        if metric.name in COUNT_METRICS:
            return value_of_counts(metric.name, self.overlap, *self.volumes)
        if metric.name in SURFACE_METRICS:
            maps, region = self._masks, Region()
            if self.semantic or max(map(len, self.labels)) == 1:
                maps, region = self.maps.maps, Region(*self.labels)
            measure = self.maps.operations.surface_distances
            found = measure(*maps, region, (1.0,) * self.ndim, "voxel")
            return value_of_surfaces(
                metric.name, found.reference_to_prediction, found.prediction_to_reference
            )
        first, second = (mask[self._crop_box].astype(np.uint8) for mask in self._masks)
        return other_value(metric, first, second)

    def regions(self) -> Regions:
        """Give each voxel to the nearest reference instance."""
        painted = self.pair.painted() if self.semantic else self._own_maps
        reference, prediction = (np.ascontiguousarray(one[self._crop_box]) for one in painted)
        operations = self.maps.operations
        _, nearest = operations.distance_transform_edt(
            reference == 0, (1.0,) * self.ndim, True, np.float64
        )
        assert nearest is not None
        region_of = reference[tuple(nearest)]
        inside = np.where(prediction != 0, region_of, 0)
        maps = matched(reference, inside)
        return Regions(maps, operations.joint_histogram(*maps), operations)


@dataclass(frozen=True, eq=False)
class Regions:
    """Reference instances, and what of the prediction lies nearest to each, under its label."""

    maps: tuple[Array, Array]
    histogram: JointHistogram
    operations: Operations

    def counts(self, label: int) -> Counts:
        """Count the voxels of a region."""
        return self.histogram.pair_counts((label,))

    def value(self, metric: Any, label: int) -> Any:
        """Give one of the host's metrics of a region, where both sides overlap, in voxels."""
        if metric.name in COUNT_METRICS:
            counts = self.counts(label)
            return value_of_counts(metric.name, counts.tp, counts.reference, counts.prediction)
        if metric.name in SURFACE_METRICS:
            region = Region((label,), (label,), self.histogram.box((label,)))
            request = Request(frozenset(("surface_distances",)), (1.0,) * self.maps[0].ndim)
            [found] = self.operations.measure(*self.maps, [region], request)
            both = found["surface_distances"]
            return value_of_surfaces(
                metric.name, both.reference_to_prediction, both.prediction_to_reference
            )
        first, second = ((one == label).astype(np.uint8) for one in self.maps)
        return other_value(metric, first, second)


def group_of(maps: MapPair, label_group: Any, plan: Any) -> Group:
    """Take the labels of one of the host's groups."""
    module = importlib.import_module("panoptica.utils.label_group")
    kind = type(label_group)
    if kind not in (module.LabelGroup, module.LabelMergeGroup, module._LabelGroupAny):
        raise NotCovered(f"a {kind.__name__}")
    wanted = None if kind is module._LabelGroupAny else frozenset(label_group.value_labels)
    is_matched = plan.input == "MATCHED_INSTANCE" or bool(label_group.single_instance)
    connectivity, by_label = 0, False
    if plan.input == "SEMANTIC" and not is_matched:
        by_label = plan.neighbours(maps.ndim)
        connectivity = maps.ndim if by_label else 1
    merged = kind is module.LabelMergeGroup
    group = Group(
        maps, wanted, merged, is_matched, connectivity, by_label and not merged, plan.cropped
    )
    group.check_labels()
    return group
