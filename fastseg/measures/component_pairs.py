"""The connected components of two label maps, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fastseg.inputs.arrays import Array
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.regions import Measured, Region, Request
from fastseg.threads import lazy


class ComponentPair(Protocol):
    """The components of a reference and a prediction, numbered from 1 in the order of their first voxels in C order.

    A backend need not make volumes of the numbers to tell how they overlap and what lies between them.
    """

    @property
    def counts(self) -> tuple[int, int]:
        """How many components there are of the reference, and of the prediction."""

    @property
    def labels(self) -> tuple[int | None, int | None]:
        """The bits of the one label besides 0 that either map has, where that is known; else None."""

    @property
    def histogram(self) -> JointHistogram:
        """How often each pair of numbers occurs, 0 for no component, by reference and then by prediction.

        The box of (0, 0) is that of the whole map.
        """

    def measure(self, regions: Sequence[Region], request: Request) -> list[Measured]:
        """Measure all that is requested of every region, whose labels are numbers of components."""

    def painted(self) -> tuple[Any, Any]:
        """Make both volumes of the numbers, int32."""


@dataclass(frozen=True)
class PaintedPair:
    """Components as two volumes of their numbers, in the memory of the backend that counts and measures them."""

    maps: tuple[Array, Array]
    counts: tuple[int, int]
    count_pairs: Callable[[Array, Array], JointHistogram]
    measure_regions: Callable[[Array, Array, Sequence[Region], Request], list[Measured]]

    @property
    def labels(self) -> tuple[int | None, int | None]:
        """Not known."""
        return None, None

    @lazy
    def histogram(self) -> JointHistogram:
        """How often each pair of numbers occurs, by reference and then by prediction."""
        found = self.count_pairs(*self.maps)
        order = np.lexsort((found.prediction_labels, found.reference_labels))
        starts, stops = found.starts[order], found.stops[order]
        references, predictions = found.reference_labels[order], found.prediction_labels[order]
        if len(order) and not (references[0] or predictions[0]):
            starts[0], stops[0] = 0, self.maps[0].shape
        return JointHistogram(references, predictions, found.counts[order], starts, stops)

    def measure(self, regions: Sequence[Region], request: Request) -> list[Measured]:
        """Measure regions of them."""
        return self.measure_regions(*self.maps, regions, request)

    def painted(self) -> tuple[Array, Array]:
        """Give both."""
        return self.maps
