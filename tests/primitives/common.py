"""Pairs of masks, and what is compared of distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg

Array = NDArray[Any]


def noise(shape: tuple[int, ...], dtype: Any = bool, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [(rng.random(shape) < 0.3).astype(dtype) for _ in range(2)]


def reduced(distances: fastseg.SurfaceDistances) -> list[Array | None]:
    return [
        distances.reference_to_prediction,
        distances.prediction_to_reference,
        distances.reference_areas,
        distances.prediction_areas,
    ]
