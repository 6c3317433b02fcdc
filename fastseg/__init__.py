"""fastseg: every standard metric of a 3-D segmentation, exact, at the speed of reading it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastseg._version import __version__

# Imported when first used: `import fastseg` takes neither numba nor SciPy.
_HOMES = {
    "evaluate": "fastseg.evaluation.case",
    "evaluate_instances": "fastseg.instances.evaluate_instances",
    "evaluate_cohort": "fastseg.cohort.evaluate_cohort",
    "evaluate_protocol": "fastseg.protocols.framework.evaluate_protocol",
    "list_probability_scores": "fastseg.probabilities.columns",
    "list_protocols": "fastseg.protocols.framework.registry",
    "protocol_scores": "fastseg.protocols.framework.cohort_scores",
    "evaluate_probabilities": "fastseg.probabilities.evaluate_probabilities",
    "evaluate_probability_cohort": "fastseg.cohort.probabilities",
    "ProbabilityEvaluation": "fastseg.probabilities.result",
    "distance_map": "fastseg.evaluation.distance_map",
    "DistanceMap": "fastseg.results.distance_map",
    "evaluate_partition": "fastseg.evaluation.partition",
    "evaluate_raters": "fastseg.raters.evaluate_raters",
    "evaluate_rater_cohort": "fastseg.cohort.rater_cohort",
    "consensus": "fastseg.raters.consensus",
    "curvas_scores": "fastseg.raters.curvas",
    "repeatability": "fastseg.raters.repeatability",
    "RaterEvaluation": "fastseg.raters.results",
    "RaterCohort": "fastseg.raters.cohort_results",
    "Evaluation": "fastseg.results",
    "EmptyMaskError": "fastseg.errors",
    "list_metrics": "fastseg.metrics",
    "list_flags": "fastseg.flags",
    "detection_curve": "fastseg.results.detection_curve",
    "DetectionCurve": "fastseg.results.detection_curve",
    "confusion_matrix": "fastseg.primitives",
    "connected_components": "fastseg.components",
    "distance_transform_edt": "fastseg.primitives",
    "skeletonize": "fastseg.skeletons",
    "surface": "fastseg.primitives",
    "surface_distances": "fastseg.primitives",
    "voronoi_regions": "fastseg.voronoi",
    "SurfaceDistances": "fastseg.measures.surface_distances",
    "BackendFallbackWarning": "fastseg.errors",
    "BackendNotAvailableError": "fastseg.errors",
    "current_backend": "fastseg.dispatch",
    "explain": "fastseg.dispatch",
    "use_backend": "fastseg.dispatch",
    "get_num_threads": "fastseg.threads",
    "set_num_threads": "fastseg.threads",
    "GridMismatchError": "fastseg.errors",
    "InputWarning": "fastseg.errors",
    "CaseError": "fastseg.errors",
    "FastsegError": "fastseg.errors",
    "InputError": "fastseg.errors",
    "InputTypeError": "fastseg.errors",
    "MissingPackageError": "fastseg.errors",
    "stress": "fastseg.stressing.stress",
    "StressResult": "fastseg.stressing.results",
    "list_stress_errors": "fastseg.stressing",
    "accuracy": "fastseg.results.accuracy",
    "Accuracy": "fastseg.measures.accuracy",
    "robustness": "fastseg.measures.robustness",
    "Robustness": "fastseg.measures.robustness",
    "read_image": "fastseg.io",
    "report": "fastseg.reports.write_report",
    "read_results": "fastseg.cohort.read_results",
    "write_image": "fastseg.io",
}

# Packages that have names of their own: `fastseg.statistics.rank`.
_PACKAGES = frozenset(("plots", "statistics"))

if TYPE_CHECKING:
    from fastseg import plots as plots
    from fastseg import statistics as statistics
    from fastseg.cohort.evaluate_cohort import evaluate_cohort as evaluate_cohort
    from fastseg.cohort.probabilities import (
        evaluate_probability_cohort as evaluate_probability_cohort,
    )
    from fastseg.cohort.rater_cohort import evaluate_rater_cohort as evaluate_rater_cohort
    from fastseg.cohort.read_results import read_results as read_results
    from fastseg.components import connected_components as connected_components
    from fastseg.dispatch import current_backend as current_backend
    from fastseg.dispatch import explain as explain
    from fastseg.dispatch import use_backend as use_backend
    from fastseg.errors import BackendFallbackWarning as BackendFallbackWarning
    from fastseg.errors import BackendNotAvailableError as BackendNotAvailableError
    from fastseg.errors import CaseError as CaseError
    from fastseg.errors import EmptyMaskError as EmptyMaskError
    from fastseg.errors import FastsegError as FastsegError
    from fastseg.errors import GridMismatchError as GridMismatchError
    from fastseg.errors import InputError as InputError
    from fastseg.errors import InputTypeError as InputTypeError
    from fastseg.errors import InputWarning as InputWarning
    from fastseg.errors import MissingPackageError as MissingPackageError
    from fastseg.evaluation.case import evaluate as evaluate
    from fastseg.evaluation.distance_map import distance_map as distance_map
    from fastseg.evaluation.partition import evaluate_partition as evaluate_partition
    from fastseg.flags import list_flags as list_flags
    from fastseg.instances.evaluate_instances import evaluate_instances as evaluate_instances
    from fastseg.io import read_image as read_image
    from fastseg.io import write_image as write_image
    from fastseg.measures.accuracy import Accuracy as Accuracy
    from fastseg.measures.robustness import Robustness as Robustness
    from fastseg.measures.robustness import robustness as robustness
    from fastseg.measures.surface_distances import SurfaceDistances as SurfaceDistances
    from fastseg.metrics import list_metrics as list_metrics
    from fastseg.primitives import confusion_matrix as confusion_matrix
    from fastseg.primitives import distance_transform_edt as distance_transform_edt
    from fastseg.primitives import surface as surface
    from fastseg.primitives import surface_distances as surface_distances
    from fastseg.probabilities.columns import list_probability_scores as list_probability_scores
    from fastseg.probabilities.evaluate_probabilities import (
        evaluate_probabilities as evaluate_probabilities,
    )
    from fastseg.probabilities.result import ProbabilityEvaluation as ProbabilityEvaluation
    from fastseg.protocols.framework.cohort_scores import protocol_scores as protocol_scores
    from fastseg.protocols.framework.evaluate_protocol import evaluate_protocol as evaluate_protocol
    from fastseg.protocols.framework.registry import list_protocols as list_protocols
    from fastseg.raters.cohort_results import RaterCohort as RaterCohort
    from fastseg.raters.consensus import consensus as consensus
    from fastseg.raters.curvas import curvas_scores as curvas_scores
    from fastseg.raters.evaluate_raters import evaluate_raters as evaluate_raters
    from fastseg.raters.repeatability import repeatability as repeatability
    from fastseg.raters.results import RaterEvaluation as RaterEvaluation
    from fastseg.reports.write_report import report as report
    from fastseg.results import Evaluation as Evaluation
    from fastseg.results.accuracy import accuracy as accuracy
    from fastseg.results.detection_curve import DetectionCurve as DetectionCurve
    from fastseg.results.detection_curve import detection_curve as detection_curve
    from fastseg.results.distance_map import DistanceMap as DistanceMap
    from fastseg.skeletons import skeletonize as skeletonize
    from fastseg.stressing import list_stress_errors as list_stress_errors
    from fastseg.stressing.results import StressResult as StressResult
    from fastseg.stressing.stress import stress as stress
    from fastseg.threads import get_num_threads as get_num_threads
    from fastseg.threads import set_num_threads as set_num_threads
    from fastseg.voronoi import voronoi_regions as voronoi_regions

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"fastseg.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'fastseg' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES})
