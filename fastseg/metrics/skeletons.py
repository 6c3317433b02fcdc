"""Metrics of skeletons. Each gives nan where its formula divides by 0."""

from __future__ import annotations

import math

from fastseg.measures.skeletons import SkeletonOverlap
from fastseg.metrics.registry import DEFAULTS, Options, metric

SHIT = "Shit et al. 2021, arXiv:2003.07311"


@metric("skeleton_overlap", formula="2 Tp Ts / (Tp + Ts)", source=SHIT)
def cl_dice(overlap: SkeletonOverlap, options: Options = DEFAULTS) -> float:
    """Centreline Dice: the harmonic mean of topology precision Tp and topology sensitivity Ts, 0 where both are 0."""
    precision, sensitivity = topology_precision(overlap), topology_sensitivity(overlap)
    total = precision + sensitivity
    return 2 * precision * sensitivity / total if total else total


@metric("skeleton_overlap", formula="|S(P) ∩ R| / |S(P)|", source=SHIT)
def topology_precision(overlap: SkeletonOverlap, options: Options = DEFAULTS) -> float:
    """Share of the prediction's skeleton that lies in the reference."""
    return overlap.prediction_inside / overlap.prediction if overlap.prediction else math.nan


@metric("skeleton_overlap", formula="|S(R) ∩ P| / |S(R)|", source=SHIT)
def topology_sensitivity(overlap: SkeletonOverlap, options: Options = DEFAULTS) -> float:
    """Share of the reference's skeleton that lies in the prediction."""
    return overlap.reference_inside / overlap.reference if overlap.reference else math.nan


@metric(
    "skeleton_overlap",
    formula="|U(R) ∩ P| / |U(R)|",
    source="Kirchhoff et al. 2024, arXiv:2404.03010",
)
def skeleton_recall(overlap: SkeletonOverlap, options: Options = DEFAULTS) -> float:
    """Share of the tube around the reference's skeleton that lies in the prediction, MIC-DKFZ's skeleton recall."""
    return overlap.tube_inside / overlap.tube if overlap.tube else math.nan
