"""The metrics: a registry of small functions of counts and of surface distances."""

from fastseg.errors import EmptyMaskError
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.metrics import overlap as counts
from fastseg.metrics import surface as distances
from fastseg.metrics.empty_masks import POLICIES, EmptyPolicy, as_policy
from fastseg.metrics.registry import (
    FROM_HISTOGRAM,
    MEASUREMENTS,
    Metric,
    Options,
    list_metrics,
    resolve,
)

__all__ = [
    "FROM_HISTOGRAM",
    "MEASUREMENTS",
    "POLICIES",
    "Counts",
    "Empty",
    "EmptyMaskError",
    "EmptyPolicy",
    "Metric",
    "Options",
    "as_policy",
    "counts",
    "distances",
    "list_metrics",
    "resolve",
]
