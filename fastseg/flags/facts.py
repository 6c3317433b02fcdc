"""What a flag may look at: all structures of a case at once, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.regions import Measured
from fastseg.threads import lazy


@dataclass(frozen=True)
class CaseFacts:
    """What is known of the structures of a case once they have been evaluated.

    Attributes
    ----------
    histogram : JointHistogram
        Of the two maps, with the box of every pair of labels.
    shape, spacing : tuple (ndim,)
        Of the maps, along the array's axes.
    structures, counts, measured, tolerances, values : sequences (n,)
        Of each structure: which labels it is, its voxels, what was measured of it, its tolerance, its metrics.
    """

    histogram: JointHistogram
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    structures: Sequence[Structure]
    counts: Sequence[Counts]
    measured: Sequence[Measured]
    tolerances: Sequence[float]
    values: Sequence[Mapping[str, float]]

    @lazy
    def voxels(self) -> NDArray[np.int64]:
        """TP, FP, FN and TN of each structure, (n, 4)."""
        return np.array(self.counts, np.int64).reshape(len(self.counts), 4)

    def column(self, metric: str) -> NDArray[np.float64]:
        """Give a metric of each structure, (n,); nan where it was not evaluated."""
        return np.array([values.get(metric, np.nan) for values in self.values], np.float64)
