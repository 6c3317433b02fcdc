"""A pair of label maps that are read in pieces: the histogram by slabs, each structure within its window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastseg.backends.protocol import Backend
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, Box, matched
from fastseg.inputs.chunk_grid import slabs_of_pair
from fastseg.inputs.source import RoundedSource, Source
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.regions import Measured, Region, Request

# Bytes of a slab of either map: large enough for all threads, small beside any memory.
SLAB_BYTES = 1 << 26


class PiecewisePair:
    """Two label maps of which no more than a slab, or the box of one structure, is in memory at once.

    Results are those of whole arrays: histograms of slabs are shifted to where the slabs lie and merged, and nothing
    outside a structure's box plays a part in what is measured of it.
    """

    def __init__(self, backend: Backend, reference: Source, prediction: Source) -> None:
        self.backend, self.shape = backend, reference.shape
        self._reference, self._prediction = reference, prediction

    def _window(self, box: Box) -> tuple[Array, Array]:
        windows = matched(self._reference.window(box), self._prediction.window(box))
        first, second = self.backend.placed(*windows)
        return first, second

    def histogram(self) -> JointHistogram:
        """Count their pairs of labels, slab by slab."""
        parts = []
        for box in slabs_of_pair(self._reference, self._prediction, SLAB_BYTES):
            part = self.backend.operations.joint_histogram(*self._window(box))
            parts.append(part.shifted([along.start for along in box]))
        merged = JointHistogram.merged(_in_one_type(parts))
        sides = (
            (self._reference, merged.reference_labels),
            (self._prediction, merged.prediction_labels),
        )
        for source, labels in sides:
            if isinstance(source, RoundedSource) and not labels.any():
                source.check_background()
        return merged

    def measure(self, regions: Sequence[Region], request: Request) -> list[Measured]:
        """Measure region by region, each within a window of its own."""
        measured: list[Measured] = []
        for region in regions:
            assert region.box is not None
            size = [along.stop - along.start for along in region.box]
            inside = region._replace(box=tuple(slice(0, length) for length in size))
            window = self._window(region.box)
            measured += self.backend.operations.measure(*window, [inside], request)
        return measured


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
