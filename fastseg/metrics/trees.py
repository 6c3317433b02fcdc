"""Metrics of trees of tubes, airways or vessels. Each gives nan where its formula divides by 0."""

from __future__ import annotations

import math

from fastseg.measures.trees import TreeOverlap
from fastseg.metrics.registry import DEFAULTS, Options, metric

ATM = "ATM'22, Zhang et al. 2023, doi:10.1016/j.media.2023.102957"


@metric("tree_overlap", formula="|S(R) ∩ L(P)| / |S(R)|", source=ATM)
def tree_length_detected(overlap: TreeOverlap, options: Options = DEFAULTS) -> float:
    """Share of the length of the reference's tree that the prediction's largest component holds."""
    return overlap.skeleton_inside / overlap.skeleton if overlap.skeleton else math.nan


@metric("tree_overlap", formula="#{b: |b ∩ L(P)| ≥ 0.8 |b|} / #{b}", source=ATM)
def branches_detected(overlap: TreeOverlap, options: Options = DEFAULTS) -> float:
    """Share of the branches b of the reference's tree that the prediction's largest component holds, 0.8 of each."""
    return overlap.branches_found / overlap.branches if overlap.branches else math.nan
