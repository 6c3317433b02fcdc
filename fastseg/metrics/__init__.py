"""The metrics: a registry of small functions of what was measured. Each file of this folder enters its own."""

import importlib
import pkgutil

from fastseg.errors import EmptyMaskError
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.metrics.empty_masks import POLICIES, EmptyPolicy, as_policy
from fastseg.metrics.measurements import FROM_HISTOGRAM, MEASUREMENTS
from fastseg.metrics.registry import (
    Metric,
    Options,
    canonical,
    find,
    list_metrics,
    resolve,
)

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")

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
    "canonical",
    "find",
    "list_metrics",
    "resolve",
]
