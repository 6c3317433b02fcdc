"""The metrics: a registry of small functions of counts and of surface distances."""

from fastseg.errors import EmptyMaskError
from fastseg.joint import Counts, Empty
from fastseg.metrics import counts, distances
from fastseg.metrics.empties import POLICIES, EmptyPolicy, as_policy
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
