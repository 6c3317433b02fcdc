"""Summaries of a metric over many rows, with what is undefined counted and not dropped in silence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastseg.results.table import text_table

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class MetricSummary:
    """Statistics of the defined values of one metric; inf counts as a value, nan as undefined."""

    mean: float
    median: float
    q25: float
    q75: float
    min: float
    max: float
    n: int
    undefined: int


def summarise(values: Sequence[float]) -> MetricSummary:
    """Summarise values; all statistics are nan where none is defined."""
    defined = np.sort([value for value in values if not math.isnan(value)])
    n = len(defined)
    if not n:
        nan = math.nan
        return MetricSummary(nan, nan, nan, nan, nan, nan, 0, len(values))
    median, q25, q75 = (_quantile(defined, share) for share in (0.5, 0.25, 0.75))
    mean = math.inf if np.isinf(defined[-1]) else float(np.mean(defined))
    return MetricSummary(
        mean, median, q25, q75, float(defined[0]), float(defined[-1]), n, len(values) - n
    )


def _quantile(ascending: np.ndarray[Any, np.dtype[np.float64]], share: float) -> float:
    """Linear interpolation that knows inf: between a number and inf lies inf."""
    place = share * (len(ascending) - 1)
    low, high = ascending[math.floor(place)], ascending[math.ceil(place)]
    return float(low) if low == high else float(low + (high - low) * (place % 1))


@dataclass(frozen=True)
class Summary(Mapping[str, MetricSummary]):
    """Summaries by metric, for all rows or for each label.

    ``summary["dice"].median`` over all rows; ``summary["liver", "dice"].median`` where it was made by label.
    """

    groups: Mapping[tuple[str, str], MetricSummary]

    def __getitem__(self, key: Any) -> MetricSummary:
        return self.groups[key if isinstance(key, tuple) else ("all", key)]

    def __iter__(self) -> Iterator[Any]:
        single = {group for group, _ in self.groups} == {"all"}
        return iter([metric if single else (group, metric) for group, metric in self.groups])

    def __len__(self) -> int:
        return len(self.groups)

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a list of rows: label ("all" for all rows), metric and its statistics."""
        return [
            {"label": group, "metric": metric, **asdict(statistics)}
            for (group, metric), statistics in self.groups.items()
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the summary as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.to_dict())

    def __str__(self) -> str:
        rows = self.to_dict()
        if not rows:
            return "nothing to summarise"
        header = list(rows[0])
        cells = [
            [f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows
        ]
        return text_table(header, cells, left=header[:2])
