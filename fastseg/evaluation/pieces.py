"""A pair of label maps that are read in pieces: the histogram by slabs, and structures as the slabs come by.

The maps are read twice, slab by slab, each slab while the one before is worked on: first for the joint histogram, which
tells where each structure lies, then to measure. A structure within one slab is measured there. What goes across slabs
is gathered as bits, an eighth of labels of 8 bits, and measured when all of it is there. What is too large for that is
kept compressed, as far as there is room, and measured block by block.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.protocol import Backend
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.volume import is_reversed
from fastseg.errors import InputError
from fastseg.evaluation.bits import Bounds, Frame, Gathered, Kept, Pack, shape_of
from fastseg.evaluation.blockwise import Blockwise
from fastseg.evaluation.budget import Budget
from fastseg.inputs.arrays import Array, Box, in_order, matched
from fastseg.inputs.chunk_grid import slabs_of_pair
from fastseg.inputs.source import RoundedSource, Source
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.regions import Measured, Region, Request

# Bytes that measuring a structure may take for each voxel of its box, where a transform answers.
_BYTES_PER_VOXEL = 10
# Voxels of a box that is worth the work of all threads.
_LARGE_BOX = 1 << 24
# Slabs that are read while one is worked on.
_AHEAD = 2

Windows = tuple[Array, Array]
Present = tuple[NDArray[np.uint64], NDArray[np.uint64]]  # the labels of a slab, as bits


class _Placed(NamedTuple):
    """A region, which of all it is, and where in the volume its box lies."""

    place: int
    region: Region
    bounds: Bounds


class PiecewisePair:
    """Two label maps of which no more than a budget is in memory at once.

    Results are those of whole arrays: histograms of slabs are shifted to where the slabs lie and merged, nothing
    outside a structure's box plays a part in what is measured of it, and where boxes are cut, distances are as exact.

    Parameters
    ----------
    backend : Backend
    reference, prediction : Source
    budget : Budget, optional
    """

    def __init__(
        self,
        backend: Backend,
        reference: Source,
        prediction: Source,
        budget: Budget | None = None,
    ) -> None:
        self.backend, self.shape = backend, reference.shape
        self._reference, self._prediction = reference, prediction
        self._budget = Budget.of() if budget is None else budget
        self._frame: Frame | None = None
        self._present: list[Present] = []  # of each slab

    def _window(self, box: Box) -> Windows:
        """Read both maps within a box, always in the memory order of the first window."""
        return self._together(self._reference.window(box), self._prediction.window(box))

    def _together(self, reference: Array, prediction: Array) -> Windows:
        windows = matched(reference, prediction)
        if self._frame is None:
            self._frame = Frame(len(self.shape), is_reversed(windows[0]))
        elif is_reversed(windows[0]) != self._frame.reverse:
            order: Literal["C", "F"] = "F" if self._frame.reverse else "C"
            windows = in_order(windows[0], order), in_order(windows[1], order)
        first, second = self.backend.placed(*windows)
        return first, second

    def _slabs(self) -> list[Box]:
        return slabs_of_pair(self._reference, self._prediction, self._budget.slab)

    def _read(self, boxes: Sequence[Box]) -> Iterator[Windows]:
        """Read window after window, of both maps side by side, while the one before is worked on.

        Each map has a thread of its own: what unzips a stream is not made for two.
        """
        with (
            threads.own_pool(1, "fastseg-reference") as first,
            threads.own_pool(1, "fastseg-prediction") as second,
        ):
            sides = (first, self._reference), (second, self._prediction)
            ahead = deque(
                [submit(side.window, box) for submit, side in sides] for box in boxes[:_AHEAD]
            )
            for following in [*boxes[_AHEAD:], *[None] * _AHEAD]:
                if not ahead:
                    return
                windows = [one.result() for one in ahead.popleft()]
                if following is not None:
                    ahead.append([submit(side.window, following) for submit, side in sides])
                yield self._together(*windows)
                del windows

    def histogram(self) -> JointHistogram:
        """Count their pairs of labels, slab by slab."""
        parts = []
        self._present = []
        boxes = self._slabs()
        for box, windows in zip(boxes, self._read(boxes), strict=True):
            part = self.backend.operations.joint_histogram(*windows)
            del windows
            sides = part.reference_labels, part.prediction_labels
            self._present.append((_as_bits(sides[0]), _as_bits(sides[1])))
            parts.append(part.shifted([along.start for along in box]))
        merged = JointHistogram.merged(_in_one_type(parts))
        for source, labels in (
            (self._reference, merged.reference_labels),
            (self._prediction, merged.prediction_labels),
        ):
            if isinstance(source, RoundedSource) and not labels.any():
                source.check_background()
        return merged

    def measure(self, regions: Sequence[Region], request: Request) -> list[Measured]:
        """Measure all regions as slabs come by, in more than one round where too many would be gathered at once."""
        if self.backend.packed is None:
            return [self._measured(region, request) for region in regions]
        if self._frame is None:
            self._window(tuple(slice(0, 1) for _ in self.shape))
        assert self._frame is not None
        waiting = []
        for place, region in enumerate(regions):
            assert region.box is not None
            waiting.append(_Placed(place, region, self._frame.bounds(region.box)))
        found: dict[int, Measured] = {}
        boxes = self._slabs()
        while waiting:
            one = _Round(self, boxes, self._frame, request)
            waiting = one.measure(waiting, found)
        return [found[place] for place in range(len(regions))]

    def _measured(self, region: Region, request: Request) -> Measured:
        """Measure a region within a window of its own, which must fit."""
        assert region.box is not None
        size = [along.stop - along.start for along in region.box]
        inside = region._replace(box=tuple(slice(0, length) for length in size))
        window = self._window(region.box)
        [measured] = self.backend.operations.measure(*window, [inside], request)
        return measured


class _Round:
    """One reading of all slabs that hold something that is still to be measured."""

    def __init__(
        self, pair: PiecewisePair, boxes: Sequence[Box], frame: Frame, request: Request
    ) -> None:
        self._pair, self._boxes, self._frame, self._request = pair, boxes, frame, request
        self._backend, self._budget = pair.backend, pair._budget
        assert self._backend.packed is not None
        self._packed = self._backend.packed
        self._slabs = [frame.bounds(box) for box in boxes]
        self._inside: dict[int, list[_Placed]] = {}
        self._gathered: dict[int, list[Gathered]] = {}
        self._kept: list[Kept] = []
        self._later: list[_Placed] = []

    def measure(self, placed: Sequence[_Placed], found: dict[int, Measured]) -> list[_Placed]:
        """Measure as many as there is room for, and give back the others."""
        self._plan(placed)
        needed = sorted({*self._inside, *self._gathered, *self._slabs_of_kept()})
        windows = self._pair._read([self._boxes[slab] for slab in needed])
        for slab, pair in zip(needed, windows, strict=True):
            self._measure_inside(slab, pair, found)
            pack = partial(self._pack, pair, self._slabs[slab])
            self._keep(slab, pack)
            self._gather(slab, pack, found)
            del pair, pack
        for one in self._kept:
            found[one.place] = self._blockwise(one)
            one.forget()
        return self._later

    # ------------------------------------------------------------------------ plan

    def _plan(self, placed: Sequence[_Placed]) -> None:
        """Decide which are measured within a slab, which are gathered, which are kept and which come later."""
        edges = np.array([one.bounds for one in placed])
        slabs_of: list[list[int]] = [[] for _ in placed]
        labels_of = _LabelsOfEach.of([one.region for one in placed])
        for slab, (bounds, present) in enumerate(
            zip(np.array(self._slabs), self._pair._present, strict=True)
        ):
            meets = (edges[:, :, 0] < bounds[:, 1]) & (edges[:, :, 1] > bounds[:, 0])
            for which in labels_of.present(meets.all(axis=1), present):
                slabs_of[which].append(slab)
        most = self._budget.working // _BYTES_PER_VOXEL
        active: list[tuple[int, int]] = []  # the last slab of what is being gathered, and its bytes
        by_first = sorted(range(len(placed)), key=lambda which: slabs_of[which][0])
        for which in by_first:
            one, slabs = placed[which], slabs_of[which]
            nz, ny, nx = shape_of(one.bounds)
            size = 2 * nz * ny * 8 * -(-nx // 64)
            if nz * ny * nx > most or size > self._budget.gathered:
                bounds = (
                    one.bounds[0],
                    one.bounds[1],
                    (one.bounds[2][0] // 64 * 64, one.bounds[2][1]),
                )
                parts = [(slab, self._slabs[slab]) for slab in slabs]
                self._kept.append(Kept(one.place, one.region, bounds, parts))
                continue
            if len(slabs) == 1:
                self._inside.setdefault(slabs[0], []).append(one)
                continue
            active = [(last, room) for last, room in active if last >= slabs[0]]
            if sum(room for _, room in active) + size > self._budget.gathered and active:
                self._later.append(one)
                continue
            active.append((slabs[-1], size))
            gathered = Gathered(*one, slabs)
            for slab in slabs:
                self._gathered.setdefault(slab, []).append(gathered)

    def _slabs_of_kept(self) -> set[int]:
        return {slab for one in self._kept for slab in one.numbers}

    # ------------------------------------------------------------------------ a slab

    def _pack(
        self, windows: Windows, slab: Bounds, region: Region, part: Bounds
    ) -> tuple[Words, Words]:
        """Pack both masks of a region within a part of a slab."""
        z, y, x = (
            (start - own[0], stop - own[0]) for (start, stop), own in zip(part, slab, strict=True)
        )
        box = self._frame.box((z, y, x))
        pack, reverse = self._packed.pack, self._frame.reverse
        reference = pack(windows[0], region.reference, box, reverse)
        prediction = pack(windows[1], region.prediction, box, reverse)
        if self._request.ignored:
            counted = ~pack(windows[0], self._request.ignored, box, reverse)
            reference &= counted
            prediction &= counted
        return reference, prediction

    def _measure_inside(self, slab: int, windows: Windows, found: dict[int, Measured]) -> None:
        """Measure the structures that lie within one slab."""
        inside = self._inside.pop(slab, None)
        if inside is None:
            return
        box = self._boxes[slab]
        regions = []
        for one in inside:
            assert one.region.box is not None
            parts = zip(one.region.box, box, strict=True)
            moved = tuple(
                slice(part.start - own.start, part.stop - own.start) for part, own in parts
            )
            regions.append(one.region._replace(box=moved))
        measured = self._backend.operations.measure(*windows, regions, self._request)
        for one, of_one in zip(inside, measured, strict=True):
            found[one.place] = of_one

    def _gather(self, slab: int, pack: Pack, found: dict[int, Measured]) -> None:
        """Take what lies in a slab of structures that go across slabs, and measure those that are complete."""
        parts = self._gathered.pop(slab, [])
        bounds = self._slabs[slab]
        _all_or_side_by_side(parts, lambda one: one.add(bounds, pack))
        done = [one for one in parts if not one.waiting]

        def measure(one: Gathered) -> None:
            pair = one.taken(self._frame)
            found[one.place] = self._packed.measure(pair, one.region.tolerance, self._request)

        _all_or_side_by_side(done, measure)

    def _keep(self, slab: int, pack: Pack) -> None:
        """Keep what lies in a slab of large structures; one that is short of room comes later, if there are several."""
        for one in list(self._kept):
            if slab not in one.numbers or one not in self._kept:
                continue
            room = self._budget.kept - sum(other.nbytes for other in self._kept)
            if one.add(slab, self._slabs[slab], pack, room) or len(self._kept) == 1:
                continue
            largest = max(self._kept, key=lambda other: other.nbytes)
            self._kept.remove(largest)
            largest.forget()
            self._later.append(_Placed(largest.place, largest.region, largest.bounds))
            if largest is not one:
                room = self._budget.kept - sum(other.nbytes for other in self._kept)
                one.add(slab, self._slabs[slab], pack, room)

    # ------------------------------------------------------------------------ large ones

    def _blockwise(self, one: Kept) -> Measured:
        """Measure a large structure block by block, from what is kept and what is read again."""

        def pack(region: Region, part: Bounds) -> tuple[Words, Words]:
            return self._pack(self._pair._window(self._frame.box(part)), part, region, part)

        return Blockwise(
            self._backend,
            self._request,
            self._frame,
            one.bounds,
            lambda z, y: one.window(z, y, pack),
            self._budget,
        ).measured(one.region.tolerance)


class _LabelsOfEach(NamedTuple):
    """The labels of many regions, as bits, and whose they are; on either side."""

    sides: list[tuple[NDArray[np.uint64], NDArray[np.int64]]]

    @classmethod
    def of(cls, regions: Sequence[Region]) -> _LabelsOfEach:
        """List them."""
        sides = []
        of_sides = (
            [region.reference for region in regions],
            [region.prediction for region in regions],
        )
        for labels in of_sides:
            bits = [label % (1 << 64) for one in labels for label in one]
            owners = np.repeat(np.arange(len(labels)), list(map(len, labels)))
            sides.append((np.array(bits, np.uint64), owners))
        return cls(sides)

    def present(self, among: NDArray[np.bool_], present: Present) -> list[int]:
        """Tell which of some regions may have a voxel where these labels are."""
        found = np.zeros(len(among), bool)
        for (labels, owners), there in zip(self.sides, present, strict=True):
            asked = among[owners]
            found[owners[asked][np.isin(labels[asked], there)]] = True
        which: list[int] = np.flatnonzero(found).tolist()
        return which


def _as_bits(labels: Array) -> NDArray[np.uint64]:
    """Give each label once, as the bits that it has as a number of 64."""
    different = np.unique(labels)
    if different.dtype.kind != "u":
        different = different.astype(np.int64)
    return different.astype(np.uint64)


def _all_or_side_by_side(structures: Sequence[Gathered], work: Callable[[Gathered], None]) -> None:
    """Work on large structures one by one, each on all threads, then on the others side by side."""
    sizes = [int(np.prod(shape_of(one.bounds))) for one in structures]
    for one, size in zip(structures, sizes, strict=True):
        if size >= _LARGE_BOX:
            work(one)
    small = [one for one, size in zip(structures, sizes, strict=True) if size < _LARGE_BOX]
    threads.run(work, small, sum(size for size in sizes if size < _LARGE_BOX))


def _in_one_type(parts: Sequence[JointHistogram]) -> list[JointHistogram]:
    """Give the labels of all slabs one type: windows of floats come in the narrowest that holds them."""
    sides = [side for part in parts for side in (part.reference_labels, part.prediction_labels)]
    if all(side.dtype == bool for side in sides):
        return list(parts)
    high, low = max(int(side.max()) for side in sides), min(int(side.min()) for side in sides)
    if high >= 1 << 63 and low < 0:
        raise InputError("labels above 2^63 beside negative ones go beyond 64 bits; renumber them")
    dtype = np.uint64 if high >= 1 << 63 else np.int64
    return [
        replace(
            part,
            reference_labels=part.reference_labels.astype(dtype),
            prediction_labels=part.prediction_labels.astype(dtype),
        )
        for part in parts
    ]
