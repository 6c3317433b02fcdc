"""The figures of a column of numbers as pandas makes them, in which nan stands for what a case lacks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_QUARTERS = (25, 50, 75)


def mean_of_defined(values: Sequence[float]) -> float:
    """Average the defined values: all are added up, with 0 for those that are not; nan if none is."""
    column, defined = _column(values)
    n = int(defined.sum())
    return float(column.sum() / n) if n else math.nan


def described(values: Sequence[float]) -> dict[str, float]:
    """Give count, mean, standard deviation (by n − 1), least, quarters and largest of the defined values."""
    column, defined = _column(values)
    n, mean = int(defined.sum()), mean_of_defined(values)
    squares = np.where(defined, (mean - column) ** 2, 0.0)
    kept = column[defined]
    return {
        "count": n,
        "mean": mean,
        "std": float(np.sqrt(squares.sum() / (n - 1))) if n > 1 else math.nan,
        "min": float(kept.min()) if n else math.nan,
        **{f"{q}%": float(np.percentile(kept, q)) if n else math.nan for q in _QUARTERS},
        "max": float(kept.max()) if n else math.nan,
    }


def _column(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    column = np.array(values, np.float64)
    defined = ~np.isnan(column)
    return np.where(defined, column, 0.0), defined
