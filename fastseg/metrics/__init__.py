"""The metrics: a registry of small functions of counts and of surface distances."""

from fastseg.errors import EmptyMaskError
from fastseg.metrics import counts, distances
from fastseg.metrics.empties import POLICIES, Empty, EmptyPolicy, as_policy
from fastseg.metrics.registry import Counts, Metric, Options, list_metrics, resolve

__all__ = [
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
