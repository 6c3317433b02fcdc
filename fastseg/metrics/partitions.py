"""Metrics of two partitions of the same voxels: Rand scores, variation of information, CREMI's score.

Each gives nan where no voxel is counted, and where its formula divides by 0. Sums of pairs are whole numbers, so each
ratio of two of them is rounded once.
"""

from __future__ import annotations

import math

from fastseg.measures.partitions import Partition
from fastseg.metrics.registry import DEFAULTS, Options, metric

ARGANDA_CARRERAS = "Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142"
HUBERT = "Hubert & Arabie 1985, doi:10.1007/BF01908075"
MEILA = "Meilă 2007, doi:10.1016/j.jmva.2006.11.013"
CREMI = "cremi_python, evaluation/rand.py and evaluation/voi.py"


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else math.nan


@metric(
    "partition",
    larger_is_better=False,
    best=0.0,
    worst=1.0,
    formula="1 − 2 (Σ nᵢⱼ² − N) / (Σ aᵢ² + Σ bⱼ² − 2 N)",
    source=ARGANDA_CARRERAS,
)
def adapted_rand_error(partition: Partition, options: Options = DEFAULTS) -> float:
    """Adapted Rand error of SNEMI3D: 1 less the F-score of the two that follow."""
    n = partition.voxels
    pairs = partition.reference + partition.prediction - 2 * n
    return 1 - _ratio(2 * (partition.together - n), pairs)


@metric("partition", formula="(Σ nᵢⱼ² − N) / (Σ bⱼ² − N)", source=ARGANDA_CARRERAS)
def adapted_rand_precision(partition: Partition, options: Options = DEFAULTS) -> float:
    """Share of the pairs of voxels that the prediction joins which are one in the reference: low where it merges."""
    n = partition.voxels
    return _ratio(partition.together - n, partition.prediction - n)


@metric("partition", formula="(Σ nᵢⱼ² − N) / (Σ aᵢ² − N)", source=ARGANDA_CARRERAS)
def adapted_rand_recall(partition: Partition, options: Options = DEFAULTS) -> float:
    """Share of the pairs of voxels that are one in the reference which the prediction joins: low where it splits."""
    n = partition.voxels
    return _ratio(partition.together - n, partition.reference - n)


@metric(
    "partition",
    formula="1 + (2 Σ nᵢⱼ² − Σ aᵢ² − Σ bⱼ²) / (N (N − 1))",
    source=f"Rand 1971; {HUBERT}",
)
def rand_index(partition: Partition, options: Options = DEFAULTS) -> float:
    """Share of all pairs of voxels on which both agree, whether they join them or keep them apart."""
    n = partition.voxels
    apart = partition.reference + partition.prediction - 2 * partition.together
    return _ratio(n * (n - 1) - apart, n * (n - 1))


@metric(
    "partition",
    formula="(s − e) / ((t + u) / 2 − e): s, t, u the pairs that both, reference, prediction join, e = t u / all pairs",
    source=HUBERT,
)
def adjusted_rand_index(partition: Partition, options: Options = DEFAULTS) -> float:
    """Rand index less what chance gives: 1 for equal partitions, 0 for unrelated ones; below 0 it is worse."""
    n = partition.voxels
    if not n:
        return math.nan
    both = partition.together - n
    only_reference, only_prediction = (
        side - partition.together for side in (partition.reference, partition.prediction)
    )
    if not only_reference and not only_prediction:
        return 1.0
    neither = n * (n - 1) - both - only_reference - only_prediction
    return _ratio(
        2 * (both * neither - only_reference * only_prediction),
        (both + only_reference) * (only_reference + neither)
        + (both + only_prediction) * (only_prediction + neither),
    )


@metric(
    "partition",
    unit="bits",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="−Σ nᵢⱼ/N (log₂(nᵢⱼ/aᵢ) + log₂(nᵢⱼ/bⱼ))",
    source=MEILA,
)
def variation_of_information(partition: Partition, options: Options = DEFAULTS) -> float:
    """Variation of information: the sum of its two parts."""
    return partition.split + partition.merge


@metric(
    "partition",
    unit="bits",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="−Σ nᵢⱼ/N log₂(nᵢⱼ/aᵢ)",
    source=MEILA,
)
def variation_of_information_split(partition: Partition, options: Options = DEFAULTS) -> float:
    """Entropy of the prediction given the reference: how much instances of the reference are split."""
    return partition.split


@metric(
    "partition",
    unit="bits",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="−Σ nᵢⱼ/N log₂(nᵢⱼ/bⱼ)",
    source=MEILA,
)
def variation_of_information_merge(partition: Partition, options: Options = DEFAULTS) -> float:
    """Entropy of the reference given the prediction: how much instances of the reference are merged."""
    return partition.merge


@metric(
    "partition",
    larger_is_better=False,
    best=0.0,
    worst=1.0,
    formula="1 − 2 p r / (p + r), p = s / (Σⱼ≠₀ bⱼ² + c), r = s / Σ aᵢ², s = Σⱼ≠₀ nᵢⱼ² + c, "
    "c = b₀ / voxels of the image",
    source=CREMI,
)
def cremi_rand_error(partition: Partition, options: Options = DEFAULTS) -> float:
    """Adapted Rand error as CREMI has it: pairs of a voxel with itself count, those of the prediction's 0 do not."""
    if not partition.voxels:
        return math.nan
    # in floats, as there: equal to the last digit while sums stay below 2^53
    alone = partition.unsegmented / partition.image_voxels
    together = partition.together_segmented + alone
    if not together:
        return math.nan
    precision = together / (partition.prediction_segmented + alone)
    recall = together / float(partition.reference)
    return 1.0 - 2.0 * precision * recall / (precision + recall)


@metric(
    "partition",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="√(variation_of_information · cremi_rand_error)",
    source=f"cremi.org, leaderboard; {CREMI}",
)
def cremi_score(partition: Partition, options: Options = DEFAULTS) -> float:
    """CREMI's score: the geometric mean of the variation of information and its adapted Rand error."""
    return math.sqrt(variation_of_information(partition) * max(cremi_rand_error(partition), 0.0))
