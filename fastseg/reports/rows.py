"""The rows of the page's table, in columns, as JSON that is short and safe within HTML."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.statistics import ScoreTable
from fastseg.statistics.score_table import Column

#: digits of the numbers in the page
_DIGITS = 6


def page_rows(table: ScoreTable, order: NDArray[np.intp], metrics: list[str]) -> dict[str, Any]:
    """Give the rows in an order, with only the names that they have."""
    found: dict[str, Any] = {
        "case": _texts(table.case, order),
        "algorithm": _texts(table.algorithm, order),
        "task": _texts(table.task, order),
        "metrics": [
            [_number(value) for value in table.metrics[name][order].tolist()] for name in metrics
        ],
        "names": metrics,
    }
    for name in ("empty", "flags"):
        if name in table.facts:
            found[name] = _texts(table.facts[name], order)
    return found


def _texts(column: Column, order: NDArray[np.intp]) -> dict[str, Any]:
    short = Column.in_order(column.codes[order], column.names)
    many = int(short.codes.max(initial=-1)) + 1
    return {"names": list(short.names[:many]), "codes": short.codes.tolist()}


def _number(value: float) -> float | str:
    """Write a number with the digits that a page needs; what JSON has no number for is a text."""
    if math.isfinite(value):
        short = float(f"{value:.{_DIGITS}g}")
        return int(short) if short.is_integer() and abs(short) < 1e9 else short
    return str(value)


def embedded(value: Any) -> str:
    """Write JSON that may stand within a script: no character of it ends or opens one."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
