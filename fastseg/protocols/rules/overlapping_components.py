"""Components that a single voxel of the other side makes a hit: what autoPET and ISLES count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array, matched
from fastseg.measures.instance_table import InstanceTable
from fastseg.protocols.framework.label_pair import LabelPair

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """The components of one map.

    Attributes
    ----------
    sizes : int64 ndarray (n,)
        Voxels of each.
    touched : bool ndarray (n,)
        Whether any of its voxels is foreground in the other map.
    """

    sizes: Longs
    touched: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def missed(self) -> int:
        """How many lie wholly outside of the other map's foreground."""
        return len(self.sizes) - int(self.touched.sum())

    @property
    def missed_voxels(self) -> int:
        """How many voxels these have."""
        return int(self.sizes[~self.touched].sum())


def overlapping_components(
    pair: LabelPair, reference: Array, prediction: Array, connectivity: int, *, by_value: bool
) -> tuple[Side, Side]:
    """Find the components of both maps, and which of them the other touches.

    Parameters
    ----------
    connectivity : int
        Along how many axes neighbours may differ.
    by_value : bool
        Whether labels are components of their own; else all foreground is one mask.
    """
    if not by_value:
        reference, prediction = reference != 0, prediction != 0
    components = pair.backend.operations.component_pair(
        *matched(reference, prediction), min(connectivity, pair.ndim)
    )
    table = InstanceTable.of(components.histogram)
    sides = []
    for instances, rows in (
        (table.reference, table.reference_rows),
        (table.prediction, table.prediction_rows),
    ):
        touched = np.zeros(len(instances), bool)
        touched[rows] = True
        sides.append(Side(instances.sizes, touched))
    return sides[0], sides[1]
