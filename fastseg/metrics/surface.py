"""Metrics of surface distances: reductions of the two directed distance sets, in the units of the spacing.

The definitions stand in :class:`~fastseg.measures.distributions.SurfaceReductions`; here they get their names.
"""

from __future__ import annotations

import math
from typing import TypedDict

from fastseg.measures.distributions import SurfaceReductions
from fastseg.measures.overlap import Overlap
from fastseg.metrics.registry import DEFAULTS, Function, Options, family, metric


class _Distance(TypedDict):
    unit: str
    larger_is_better: bool
    best: float
    worst: float


DISTANCE = _Distance(unit="mm", larger_is_better=False, best=0.0, worst=math.inf)
YEGHIAZARYAN = "Yeghiazaryan & Voiculescu 2018, doi:10.1117/1.JMI.5.1.015006"
MAIER_HEIN = "Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z"


@metric(
    "surface_distributions",
    **DISTANCE,
    formula="max(max d(R→P), max d(P→R))",
    source="Huttenlocher et al. 1993, doi:10.1109/34.232073",
)
def hd(distances: SurfaceReductions, options: Options = DEFAULTS) -> float:
    """Hausdorff distance: the farthest that any point of either surface lies from the other."""
    return distances.hausdorff()


@metric(
    "surface_distributions",
    **DISTANCE,
    formula="max(95th percentile of d(R→P), 95th percentile of d(P→R))",
    source=MAIER_HEIN,
    uses=("percentile_method",),
)
def hd95(distances: SurfaceReductions, options: Options = DEFAULTS) -> float:
    """95th percentile of the Hausdorff distance."""
    return distances.hausdorff(95, options.percentile_method)


@family(
    r"hd(\d{1,2}(?:[._]\d+)?|100)",
    "hd99",
    "hd95",
    "max(pth percentile of d(R→P), pth percentile of d(P→R))",
)
def hd_percentile(percentile: float) -> Function:
    """Any percentile of the Hausdorff distance."""
    return lambda distances, options: distances.hausdorff(percentile, options.percentile_method)


@metric(
    "surface_distributions",
    **DISTANCE,
    formula="(Σ d(R→P) + Σ d(P→R)) / (|R| + |P|)",
    source=YEGHIAZARYAN,
)
def assd(distances: SurfaceReductions, options: Options = DEFAULTS) -> float:
    """Average symmetric surface distance: the mean over both surfaces pooled."""
    return distances.assd()


@metric(
    "surface_distributions",
    **DISTANCE,
    formula="(mean d(R→P) + mean d(P→R)) / 2",
    source=MAIER_HEIN,
)
def masd(distances: SurfaceReductions, options: Options = DEFAULTS) -> float:
    """Mean average surface distance: the mean of the two directions' means."""
    return distances.masd()


@metric("surface_distributions", **DISTANCE, formula="mean d(R→P)", source=YEGHIAZARYAN)
def asd_reference_to_prediction(distances: SurfaceReductions, options: Options = DEFAULTS) -> float:
    """Average distance from the reference's surface to the prediction's."""
    return distances.average("reference_to_prediction")


@metric("surface_distributions", **DISTANCE, formula="mean d(P→R)", source=YEGHIAZARYAN)
def asd_prediction_to_reference(distances: SurfaceReductions, options: Options = DEFAULTS) -> float:
    """Average distance from the prediction's surface to the reference's."""
    return distances.average("prediction_to_reference")


@metric(
    "surface_distributions",
    formula="(|d(R→P) ≤ τ(1 + 10⁻⁶)| + |d(P→R) ≤ τ(1 + 10⁻⁶)|) / (|R| + |P|)",
    source="Nikolov et al. 2021, doi:10.2196/26151",
    uses=("tolerance",),
    within_tolerance=True,
)
def nsd(distances: SurfaceReductions, options: Options = DEFAULTS) -> float:
    """Normalised surface Dice: the share of both surfaces within the tolerance τ of the other."""
    return distances.nsd(options.tolerance)


@metric(
    "band_overlap",
    formula="|Rτ ∩ Pτ| / |Rτ ∪ Pτ|, Mτ = voxels of M nearer than τ(1 − 10⁻⁶) to M's surface",
    source="Cheng et al. 2021, arXiv:2103.16562",
    uses=("tolerance", "boundary_width"),
)
def boundary_iou(band: Overlap, options: Options = DEFAULTS) -> float:
    """Intersection over union of the inner boundary bands of width τ, the tolerance unless told otherwise."""
    union = band.reference + band.prediction - band.both
    return band.both / union if union else math.nan
