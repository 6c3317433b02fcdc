"""FROC curves as scripts make them of scikit-learn's ``roc_curve``, by scaling its shares to lesions and images."""

from __future__ import annotations

import math

import numpy as np

from fastseg.measures.detection_curves import Curve, OperatingPoints, roc


def scaled_roc(
    points: OperatingPoints, *, lesions: int, images: int, no_hit_is_nan: bool = True
) -> Curve:
    """Scale the ROC curve of all detections.

    Parameters
    ----------
    points : OperatingPoints
    lesions, images : int
        Of the whole reference.
    no_hit_is_nan : bool
        Whether the sensitivity is undefined where nothing was hit, as in ``roc_curve``; else it is 0.

    Returns
    -------
    Curve
        Sensitivity (y) against false positives per image (x), from (0, 0) on, without points on straight lines.
    """
    curve = roc(points.corners)
    hits = int(points.hits[-1]) if len(points) else 0
    misses = int(points.misses[-1]) if len(points) else 0
    x, y = curve.x * misses / images, curve.y * hits
    if not misses:
        x = np.zeros(len(curve.x))
    if not hits and not (no_hit_is_nan and len(points)):
        y = np.zeros(len(curve.y))
    return Curve(curve.thresholds, x, y / lesions if lesions else np.full(len(y), math.nan))
