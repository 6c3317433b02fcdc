"""Summaries of a metric over many rows, with what is undefined counted and not dropped in silence."""

from __future__ import annotations

import bisect
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastseg.inputs.choices import did_you_mean
from fastseg.results.files import csv_text, encodable, written
from fastseg.results.frames import dataframe
from fastseg.results.table import text_table

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class MetricSummary:
    """Statistics of the defined values of one metric; inf counts as a value, nan as undefined.

    Attributes
    ----------
    mean, sd, median, q25, q75, min, max : float
        nan where no value is defined. The mean is infinite where one value is; the median where half of them are.
        `sd` is the sample's standard deviation, with n - 1 below the line: nan for fewer than two values, and where
        one is infinite.
    n, undefined, infinite : int
        How many values are defined, how many are not, and how many of the defined ones are infinite.
    failed, missing : int
        How many cases could not be evaluated, and how many have no prediction; whether the latter are among the
        values is told by the policy under "missing_predictions" of the settings.
    floor, below : float
        A value that was asked for, and the share of the defined values that are less; nan without them.
    """

    mean: float = math.nan
    sd: float = math.nan
    median: float = math.nan
    q25: float = math.nan
    q75: float = math.nan
    min: float = math.nan
    max: float = math.nan
    n: int = 0
    undefined: int = 0
    infinite: int = 0
    failed: int = 0
    missing: int = 0
    floor: float = math.nan
    below: float = math.nan

    def to_dict(self, floors: bool = True) -> dict[str, Any]:
        """Give the statistics by name; `floors` tells whether what is below a floor is among them."""
        return {
            name: value
            for name, value in vars(self).items()
            if floors or name not in ("floor", "below")
        }


def summarise(
    values: Sequence[float], *, floor: float | None = None, failed: int = 0, missing: int = 0
) -> MetricSummary:
    """Summarise values; all statistics are nan where none is defined."""
    defined = sorted(float(value) for value in values if not math.isnan(value))
    n = len(defined)
    counts: dict[str, Any] = {"n": n, "undefined": len(values) - n}
    counts.update(failed=failed, missing=missing)
    if floor is not None:
        counts["floor"] = floor
    if not n:
        return MetricSummary(**counts)
    if floor is not None:
        counts["below"] = bisect.bisect_left(defined, floor) / n
    infinite = sum(map(math.isinf, defined))
    mean = _mean_of_ascending(defined)
    return MetricSummary(
        mean=mean,
        sd=math.nan if infinite or n == 1 else _sd(defined, mean),
        median=_quantile(defined, 0.5),
        q25=_quantile(defined, 0.25),
        q75=_quantile(defined, 0.75),
        min=defined[0],
        max=defined[-1],
        infinite=infinite,
        **counts,
    )


def mean_of(values: Iterable[float]) -> float:
    """Give the mean of the defined values, as a summary has it; nan where none is."""
    defined = sorted(value for value in values if value == value)
    return _mean_of_ascending(defined) if defined else math.nan


def _mean_of_ascending(defined: Sequence[float]) -> float:
    if len(defined) == 1:
        return defined[0]
    ends = [value for value in (defined[0], defined[-1]) if math.isinf(value)]
    return sum(ends) if ends else _mean(defined)  # infinite ones of both signs have no mean


def _sd(values: Sequence[float], mean: float) -> float:
    """Give the sample's standard deviation; deviations are scaled, as the square of a large one has no bound."""
    deviations = np.asarray(values) / 2 - mean / 2
    largest = float(np.abs(deviations).max())
    if not largest:
        return 0.0
    squares = np.add.reduce(np.square(deviations / largest))
    return 2 * largest * math.sqrt(float(squares) / (len(values) - 1))


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
    """Summaries by metric, for all rows or for each group of them.

    ``summary["dice"].median`` over all rows; ``summary["liver", "dice"].median`` where it was made by label, and
    ``summary["liver", "f", "dice"]`` by label and sex.

    Attributes
    ----------
    groups : mapping
        From the values of what rows were grouped by ("all" for all rows) and the metric to its summary.
    by : tuple of str
        What rows were grouped by.
    floors : bool
        Whether floors were given.
    """

    groups: Mapping[tuple[str, ...], MetricSummary]
    by: tuple[str, ...] = ()
    floors: bool = False

    def __getitem__(self, key: Any) -> MetricSummary:
        try:
            return self.groups[key if isinstance(key, tuple) else ("all", key)]
        except KeyError:
            known = (str(name) for name in itertools.islice(self, 1000))
            raise KeyError(f"no summary of {key!r:.80}; {did_you_mean(key, known)}") from None

    def __iter__(self) -> Iterator[Any]:
        return iter([key if self.by else key[-1] for key in self.groups])

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the table."""
        return [*(self.by or ("label",)), "metric", *MetricSummary().to_dict(self.floors)]

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a list of rows: what they were grouped by (label "all" for all), metric and its statistics."""
        names = (*(self.by or ("label",)), "metric")
        return [
            dict(zip(names, key, strict=True)) | statistics.to_dict(self.floors)
            for key, statistics in self.groups.items()
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the summary as a pandas DataFrame."""
        return dataframe(self.to_dict(), self.columns)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the summary as CSV, undefined values as ``nan``, to a file if a path is given, whole or not at all."""
        return written(csv_text(self.columns, self.to_dict()), path)

    def __str__(self) -> str:
        rows = self.to_dict()
        if not rows:
            return "nothing to summarise"
        cells = [
            [f"{v:.4g}" if isinstance(v, float) else encodable(str(v)) for v in row.values()]
            for row in rows
        ]
        return text_table(self.columns, cells, left=[*self.by, "label", "metric"])
