"""Components of two label maps beside each other, for the numba backend: no volume of their numbers is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.batches import measure_in_loops
from fastseg.backends.numba.components import Components
from fastseg.backends.numba.histogram import power_of_two
from fastseg.backends.numba.loops import LOOPS
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.regions import measured
from fastseg.backends.shared.offsets import Words
from fastseg.inputs.arrays import Array, Box
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.regions import Measured, Region, Request
from fastseg.threads import lazy
from fastseg_kernels.cpu.components import pairs as kernels

Integers = NDArray[np.int64]

# Voxels that are worth the work of all threads.
_LEAST_COST = 1 << 24
_FEWEST_PAIRS = 1 << 10


@dataclass(frozen=True)
class RunPair:
    """The components of two maps of one shape and memory order, whose runs lie in bundles of one size."""

    reference: Components
    prediction: Components

    @property
    def counts(self) -> tuple[int, int]:
        """How many components there are of either side."""
        return self.reference.count, self.prediction.count

    @property
    def labels(self) -> tuple[int | None, int | None]:
        """The one label of either side, where it is known."""
        return self.reference.label, self.prediction.label

    @lazy
    def histogram(self) -> JointHistogram:
        """How often each pair of numbers occurs."""
        first = self.reference
        nz, ny, nx = first.shape
        slabs = threads.slabs(len(first.bundles), nz * ny * nx, _LEAST_COST)
        parts = threads.run(lambda slab: self._met(*slab), slabs)
        joined = JointHistogram.merged(parts)
        references, predictions = joined.reference_labels, joined.prediction_labels
        counts, starts, stops = joined.counts, joined.starts, joined.stops
        outside = nz * ny * nx - int(counts.sum())
        if outside:
            nothing = np.zeros(1, np.int32)
            references = np.concatenate([nothing, references])
            predictions = np.concatenate([nothing, predictions])
            counts = np.concatenate([[outside], counts])
            starts = np.concatenate([np.zeros((1, 3), np.int64), starts])
            stops = np.concatenate([[first.shape], stops])
        axes = slice(3 - first.volume.ndim, 3)
        starts, stops = starts[:, axes], stops[:, axes]
        if first.volume.reverse:
            starts, stops = starts[:, ::-1], stops[:, ::-1]
        return JointHistogram(references, predictions, counts, starts, stops)

    def _met(self, bundle: int, stop: int) -> JointHistogram:
        """Count the pairs of some bundles, along z, y, x, with as much room as they need."""
        first, second = self.reference, self.prediction
        room, known = _FEWEST_PAIRS, -1
        while True:
            keys, found = np.empty(room, np.uint64), np.empty((room, kernels.COLUMNS), np.int64)
            found[...] = kernels.NOTHING
            known = kernels.meet_runs(
                first.words,
                second.words,
                *first.bundle,
                bundle,
                stop,
                *(first.bundles, first.starts, first.before, first.numbers),
                *(second.bundles, second.starts, second.before, second.numbers),
                np.full(power_of_two(2 * room), -1, np.int32),
                keys,
                found,
            )
            if known >= 0:
                break
            room *= 8
        order = np.argsort(keys[:known])
        keys, found = keys[order], found[order]
        ends = found[:, kernels.Z_START :].reshape(-1, 3, 2)
        return JointHistogram(
            (keys >> np.uint64(32)).astype(np.int32),
            (keys & np.uint64(0xFFFFFFFF)).astype(np.int32),
            found[:, kernels.SIZE].copy(),
            ends[..., 0],
            ends[..., 1],
        )

    def measure(self, regions: Sequence[Region], request: Request) -> list[Measured]:
        """Measure small regions in compiled loops, the others one by one."""
        if any(region.box is None for region in regions):
            regions = [
                region if region.box is not None else region._replace(box=self._whole)
                for region in regions
            ]
        sides = self.reference, self.prediction
        return measure_in_loops(
            LOOPS,
            sides,
            regions,
            request,
            lambda others, wanted: [self._one(region, wanted) for region in others],
        )

    @property
    def _whole(self) -> Box:
        """The box that both were found in, which may be less than the volume."""
        volume = self.reference.volume
        sizes = self.reference.shape[3 - volume.ndim :]
        return tuple(slice(0, size) for size in (sizes[::-1] if volume.reverse else sizes))

    def _one(self, region: Region, request: Request) -> Measured:
        def masks() -> tuple[Mask, Mask]:
            return (
                _ComponentMask.taken(self.reference, region.reference, region),
                _ComponentMask.taken(self.prediction, region.prediction, region),
            )

        return measured(masks, region.tolerance, request)

    def painted(self) -> tuple[Array, Array]:
        """Make both volumes of the numbers."""
        return self.reference.painted(np.int32), self.prediction.painted(np.int32)


@dataclass(frozen=True)
class _ComponentMask(Mask):
    """The voxels of a box that lie in one of some components."""

    components: Components | None = None

    @classmethod
    def taken(
        cls, components: Components, numbers: tuple[int, ...], region: Region
    ) -> _ComponentMask:
        """Take some components out of a region's box."""
        volume = components.volume
        corner, shape = volume.part(region.box)
        values = np.array(numbers, np.uint64)
        mask = cls(volume, values, corner, shape, None, region.box is None, components)
        if shape == components.shape and len(numbers) == components.count:
            mask.__dict__["words"] = components.words  # all of them: packed already
        return mask

    def _pack(self, first: int, stop: int, out: Words) -> None:
        assert self.components is not None
        z, y, x = self.corner
        _, ny, nx = self.shape
        boxes = np.array([[z + first, y, x, stop - first, ny, nx]], np.int64)
        row_bits = 64 * self.row_words
        layout = np.array([[row_bits, ny * row_bits, 0]], np.int64)
        words = np.zeros(out.size + 1, np.uint64)
        starts = np.array([0, len(self.labels)], np.int64)
        self.components.take(self.labels, starts, boxes, layout, words)
        out[...] = words[:-1].reshape(out.shape)
