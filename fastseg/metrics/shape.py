"""Metrics of shape: how far centres of mass lie apart, and how much larger the surface of the prediction is."""

from __future__ import annotations

import math

from fastseg.measures.shape import Shapes
from fastseg.metrics.registry import DEFAULTS, Options, metric

TAHA = "Taha & Hanbury 2015, doi:10.1186/s12880-015-0068-x"


@metric(
    "shape",
    unit="mm",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="‖μ(P) − μ(R)‖",
    source="Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z",
)
def center_distance(shapes: Shapes, options: Options = DEFAULTS) -> float:
    """Distance between the centres of mass."""
    return shapes.center_distance


@metric(
    "shape",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="√((μ(P) − μ(R))ᵀ S⁻¹ (μ(P) − μ(R))), S = (|R| S(R) + |P| S(P)) / (|R| + |P|)",
    source=TAHA,
)
def mahalanobis(shapes: Shapes, options: Options = DEFAULTS) -> float:
    """Mahalanobis distance of the centres of mass: in units of how far the voxels spread that way."""
    return shapes.mahalanobis


@metric(
    "shape",
    unit="mm²",
    larger_is_better=None,
    best=0.0,
    worst=math.inf,
    formula="A(P) − A(R), A by marching cubes, vertices halfway along the edges",
    source="Lorensen & Cline 1987, doi:10.1145/37402.37422",
)
def surface_area_difference(shapes: Shapes, options: Options = DEFAULTS) -> float:
    """Area of the prediction's surface minus that of the reference's: positive is too large, or too rough."""
    reference, prediction = shapes.areas
    return prediction - reference


@metric(
    "shape",
    unit="mm²",
    larger_is_better=None,
    best=0.0,
    worst=math.inf,
    formula="A(P) − A(R), A by Crofton's formula over 13 directions, in a plane 4",
    source="Legland, Kiêu & Devaux 2007, doi:10.5566/ias.v26.p83-92",
)
def surface_area_difference_crofton(shapes: Shapes, options: Options = DEFAULTS) -> float:
    """The same by Crofton's formula, which is nearer to the area of a smooth surface."""
    reference, prediction = shapes.crofton_areas
    return prediction - reference
