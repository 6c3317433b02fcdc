"""Two label maps as partitions of the same voxels: who shares a label with whom, as a few exact sums."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.label_sides import in_type

# The largest number whose square, and so any sum of squares of its parts, 64 bits hold.
_LARGEST = math.isqrt(2**63 - 1)


@dataclass(frozen=True)
class Partition:
    """What two partitions of the same voxels have in common.

    A pair is an ordered one, and a voxel makes one with itself: n voxels make n² pairs.

    Attributes
    ----------
    voxels : int
        That are counted.
    image_voxels : int
        Those that are ignored included.
    unsegmented : int
        Voxels that have label 0 in the prediction.
    reference, prediction, together : int
        Pairs that share the reference's label, the prediction's, both: Σ aᵢ², Σ bⱼ², Σ nᵢⱼ².
    prediction_segmented, together_segmented : int
        The last two without those of label 0 in the prediction.
    split, merge : float
        Conditional entropies in bits: of the prediction given the reference, which grows where instances of the
        reference are split, and of the reference given the prediction, which grows where they are merged. nan if no
        voxel is counted.
    """

    voxels: int
    image_voxels: int
    unsegmented: int
    reference: int
    prediction: int
    together: int
    prediction_segmented: int
    together_segmented: int
    split: float
    merge: float

    @classmethod
    def of(
        cls,
        histogram: JointHistogram,
        ignore_reference: Collection[int] = (),
        ignore_prediction: Collection[int] = (),
    ) -> Partition:
        """Sum up a joint histogram.

        Parameters
        ----------
        histogram : JointHistogram
            Its pairs may come in any order; sums do not depend on it.
        ignore_reference, ignore_prediction : collection of int
            Voxels with such a label are not counted.
        """
        pairs = counted_pairs(histogram, ignore_reference, ignore_prediction)
        n = pairs.counts
        sizes = [side.sizes[side.row] for side in pairs.sides]
        outside = pairs.prediction_labels == 0
        unsegmented = int(n[outside].sum())
        together, of_prediction = sum_of_products(n, n), sum_of_products(n, sizes[1])
        return cls(
            voxels=pairs.total,
            image_voxels=histogram.total,
            unsegmented=unsegmented,
            reference=sum_of_products(n, sizes[0]),
            prediction=of_prediction,
            together=together,
            prediction_segmented=of_prediction - unsegmented**2,
            together_segmented=together - sum_of_products(n[outside], n[outside]),
            split=conditional_entropy(n, sizes[0]),
            merge=conditional_entropy(n, sizes[1]),
        )


def counted_pairs(
    histogram: JointHistogram,
    ignore_reference: Collection[int],
    ignore_prediction: Collection[int] = (),
) -> JointHistogram:
    """Leave out the voxels with some labels of the reference or of the prediction."""
    left_out = _among(histogram.reference_labels, ignore_reference)
    left_out |= _among(histogram.prediction_labels, ignore_prediction)
    return kept_pairs(histogram, ~left_out) if left_out.any() else histogram


def kept_pairs(histogram: JointHistogram, keep: NDArray[np.bool_]) -> JointHistogram:
    """Keep some pairs of a joint histogram."""
    return JointHistogram(
        histogram.reference_labels[keep],
        histogram.prediction_labels[keep],
        histogram.counts[keep],
        histogram.starts[keep],
        histogram.stops[keep],
    )


def _among(labels: Array, wanted: Collection[int]) -> NDArray[np.bool_]:
    """Tell which labels are among those that are wanted, of which the type of `labels` may hold none."""
    numbers = labels.view(np.uint8) if labels.dtype == bool else labels
    return np.isin(numbers, in_type(list(wanted), numbers.dtype)[0])


def sum_of_products(counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> int:
    """Sum the product of each pair's voxels with those of a label that it has, to the last unit."""
    if int(counts.sum()) <= _LARGEST:  # so are all sizes
        return int(counts @ sizes)
    return sum(map(operator.mul, counts.tolist(), sizes.tolist()))


def conditional_entropy(counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> float:
    """Average over all voxels how many bits tell a pair once its label of one side is known: Σ n log₂(size / n) / N.

    Terms are summed in ascending order, so that the order of the pairs, in which threads have a say, does not show.
    """
    total = int(counts.sum())
    if not total:
        return math.nan
    told_apart = counts != sizes  # what is not split at all takes no bits
    n = counts[told_apart].astype(np.float64)
    terms = n * np.log2(sizes[told_apart] / n)
    terms.sort()
    return float(terms.sum() / total)
