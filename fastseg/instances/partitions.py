"""The instances of a structure as partitions of its reference's voxels."""

from __future__ import annotations

import numpy as np

from fastseg.measures.instance_table import BACKGROUND, InstanceTable
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.partitions import Partition


def partition_of(table: InstanceTable, image_voxels: int) -> Partition:
    """Compare the instances of both sides over the voxels of the reference's, predicted background as one more label.

    Parameters
    ----------
    table : InstanceTable
    image_voxels : int
        All voxels, of which CREMI's Rand error is a function.
    """
    missed = table.reference.sizes.copy()
    np.subtract.at(missed, table.reference_rows, table.overlaps)
    rows = np.arange(1, len(missed) + 1)
    outside = max(0, image_voxels - int(table.reference.sizes.sum()))
    references = np.concatenate([table.reference_rows + 1, rows, [BACKGROUND]])
    predictions = np.concatenate([table.prediction_rows + 1, np.zeros_like(rows), [BACKGROUND]])
    counts = np.concatenate([table.overlaps, missed, [outside]]).astype(np.int64)
    kept = counts > 0
    nowhere = np.zeros((int(kept.sum()), 1), np.int64)
    pairs = JointHistogram(references[kept], predictions[kept], counts[kept], nowhere, nowhere)
    return Partition.of(pairs, ignore_reference=(BACKGROUND,))
