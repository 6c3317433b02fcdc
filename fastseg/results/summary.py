"""Summaries of a metric over many rows, with what is undefined counted and not dropped in silence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastseg.inputs.choices import did_you_mean
from fastseg.results.table import text_table

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class MetricSummary:
    """Statistics of the defined values of one metric; inf counts as a value, nan as undefined.

    Attributes
    ----------
    mean, median, q25, q75, min, max : float
        nan where no value is defined. The mean is infinite where one value is; the median where half of them are.
    n, undefined, infinite : int
        How many values are defined, how many are not, and how many of the defined ones are infinite.
    """

    mean: float
    median: float
    q25: float
    q75: float
    min: float
    max: float
    n: int
    undefined: int
    infinite: int = 0


def summarise(values: Sequence[float]) -> MetricSummary:
    """Summarise values; all statistics are nan where none is defined."""
    defined = sorted(float(value) for value in values if not math.isnan(value))
    n = len(defined)
    undefined = len(values) - n
    if not n:
        nan = math.nan
        return MetricSummary(nan, nan, nan, nan, nan, nan, 0, undefined)
    infinite = sum(map(math.isinf, defined))
    if n == 1:
        (only,) = defined
        return MetricSummary(only, only, only, only, only, only, 1, undefined, infinite)
    # infinite ones of both signs have no mean
    ends = [value for value in (defined[0], defined[-1]) if math.isinf(value)]
    mean = sum(ends) if infinite else _mean(defined)
    median, q25, q75 = (_quantile(defined, share) for share in (0.5, 0.25, 0.75))
    return MetricSummary(mean, median, q25, q75, defined[0], defined[-1], n, undefined, infinite)


def _mean(values: Sequence[float]) -> float:
    """Add up and divide as np.mean does, which takes its time for a few values; a sum without bound is none."""
    with np.errstate(over="ignore"):
        total = float(np.add.reduce(values))
    n = len(values)
    return total / n if math.isfinite(total) else math.fsum(value / n for value in values)


def _quantile(ascending: Sequence[float], share: float) -> float:
    """Interpolate linearly; between a number and an infinite one lies the infinite one, and nothing between two."""
    place = share * (len(ascending) - 1)
    low, high = ascending[math.floor(place)], ascending[math.ceil(place)]
    if low == high:
        return low
    if math.isinf(low):
        return low + high
    return low + (high - low) * (place % 1)


@dataclass(frozen=True)
class Summary(Mapping[str, MetricSummary]):
    """Summaries by metric, for all rows or for each label.

    ``summary["dice"].median`` over all rows; ``summary["liver", "dice"].median`` where it was made by label.
    """

    groups: Mapping[tuple[str, str], MetricSummary]

    def __getitem__(self, key: Any) -> MetricSummary:
        try:
            return self.groups[key if isinstance(key, tuple) else ("all", key)]
        except KeyError:
            known = (str(name) for name in itertools.islice(self, 1000))
            raise KeyError(f"no summary of {key!r:.80}; {did_you_mean(key, known)}") from None

    def __iter__(self) -> Iterator[Any]:
        single = all(group == "all" for group, _ in self.groups)
        return iter([metric if single else (group, metric) for group, metric in self.groups])

    def __len__(self) -> int:
        return len(self.groups)

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a list of rows: label ("all" for all rows), metric and its statistics."""
        return [
            {"label": group, "metric": metric, **vars(statistics)}
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
