"""What a flag may look at: all structures of a case at once, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.surfaces import Surfaces
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.regions import Measured
from fastseg.threads import lazy


class Boxes(NamedTuple):
    """A box of each structure along the array's axes, half open; 0 to 0 where there is none.

    Attributes
    ----------
    starts, stops : int64 ndarray (n, ndim)
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How long each box is."""
        found: NDArray[np.int64] = self.stops - self.starts
        return found


@dataclass(frozen=True)
class CaseFacts:
    """What is known of the structures of a case once they have been evaluated.

    Attributes
    ----------
    histogram : JointHistogram
        Of the two maps, with the box of every pair of labels.
    shape, spacing : tuple (ndim,)
        Of the maps, along the array's axes.
    boundary : {"voxel", "surfel", …}
        What surfaces are.
    all_distances : bool
        Whether distances beyond the tolerance are known too: who asks for nsd alone does not need them.
    structures, counts, measured, tolerances, values : sequences (n,)
        Of each structure: which labels it is, its voxels, what was measured of it, its tolerance, its metrics.
    band_is_tolerance : bool
        Whether the tolerance is the width of boundary_iou's band, too.
    """

    histogram: JointHistogram
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    boundary: str
    all_distances: bool
    structures: Sequence[Structure]
    counts: Sequence[Counts]
    measured: Sequence[Measured]
    tolerances: Sequence[float]
    values: Sequence[Mapping[str, float]]
    band_is_tolerance: bool = True

    @lazy
    def voxels(self) -> NDArray[np.int64]:
        """TP, FP, FN and TN of each structure, (n, 4)."""
        return np.array(self.counts, np.int64).reshape(len(self.counts), 4)

    def column(self, metric: str) -> NDArray[np.float64]:
        """Give a metric of each structure, (n,); nan where it was not evaluated."""
        return np.array([values.get(metric, np.nan) for values in self.values], np.float64)

    @property
    def reference_voxels(self) -> NDArray[np.int64]:
        """Voxels of each structure in the reference."""
        tp, _, fn, _ = self.voxels.T
        found: NDArray[np.int64] = tp + fn
        return found

    @property
    def prediction_voxels(self) -> NDArray[np.int64]:
        """Voxels of each structure in the prediction."""
        tp, fp, _, _ = self.voxels.T
        found: NDArray[np.int64] = tp + fp
        return found

    @lazy
    def present(self) -> NDArray[np.bool_]:
        """Which structures both maps have."""
        found: NDArray[np.bool_] = (self.reference_voxels > 0) & (self.prediction_voxels > 0)
        return found

    @lazy
    def reference_boxes(self) -> Boxes:
        """The box of each structure in the reference."""
        return self._boxes(0)

    @lazy
    def prediction_boxes(self) -> Boxes:
        """The box of each structure in the prediction."""
        return self._boxes(1)

    def _boxes(self, place: int) -> Boxes:
        side = self.histogram.sides[place]
        starts, stops = side.boxes
        labels = [(one.reference, one.prediction)[place] for one in self.structures]
        n, ndim = len(labels), len(self.shape)
        if not len(side.labels):
            return Boxes(np.zeros((n, ndim), np.int64), np.zeros((n, ndim), np.int64))
        rows = side.row_of_each([one[0] if len(one) == 1 else 0 for one in labels])
        found = Boxes(starts[rows], stops[rows])
        missing = rows < 0
        for row in [row for row, one in enumerate(labels) if len(one) != 1]:
            of_region = side.rows(labels[row])
            missing[row] = not of_region
            if of_region:
                found.starts[row] = starts[of_region].min(0)
                found.stops[row] = stops[of_region].max(0)
        found.starts[missing] = found.stops[missing] = 0
        return found

    @lazy
    def surfaces(self) -> Surfaces:
        """The distances between the surfaces of each structure, side by side."""
        return Surfaces.of(
            [found.get("surface_distributions") for found in self.measured], self.all_distances
        )

    @lazy
    def voxel_sides(self) -> list[float]:
        """How long a voxel is along the axes of more than one entry."""
        return [step for step, size in zip(self.spacing, self.shape, strict=True) if size > 1]
