"""All flags of an evaluation: which rows raised them, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastseg.errors import InputError
from fastseg.flags import Flag, list_flags
from fastseg.flags.cohort import COHORT_FLAGS, CohortFlag
from fastseg.flags.raised import rounded
from fastseg.flags.raters import RATER_FLAGS, RaterFlag
from fastseg.metrics import find
from fastseg.results.files import encodable
from fastseg.results.frames import dataframe
from fastseg.results.rows import Row
from fastseg.results.table import html_table, text_table

if TYPE_CHECKING:
    import pandas

COLUMNS = ("flag", "algorithm", "case", "name", "metric", "measured", "threshold")


class FlagRow(NamedTuple):
    """A flag that was raised: of a row, or of all cases of a structure, whose case is ""."""

    flag: str
    algorithm: str
    case: str
    name: str
    metric: str
    measured: float
    threshold: float


class FlagTable(Sequence[FlagRow]):
    """The flags of an evaluation.

    ``str`` says how often each was raised, what it means and what to look at instead; :meth:`to_dict` has each of them.
    """

    def __init__(self, rows: Sequence[FlagRow], of: int) -> None:
        self.rows, self._of = tuple(rows), of

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[FlagRow]:
        return iter(self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """How often each flag was raised, most often first."""
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.flag] = found.get(row.flag, 0) + 1
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a row for each flag that was raised."""
        return [row._asdict() for row in self.rows]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the rows as a pandas DataFrame."""
        return dataframe(self.to_dict(), COLUMNS)

    def _cells(self) -> list[list[str]]:
        about = facts_of_flags()
        cells = []
        for name, many in self.counts.items():
            known = about.get(name)
            row = next(row for row in self.rows if row.flag == name)
            told = (known.effect, known.instead) if known else ("", "")
            first = f"{row.case or 'all cases'}, {row.name}: {row.measured:g}"
            cells.append([encodable(text) for text in (name, str(many), first, *told)])
        return cells

    _HEADER = ("flag", "raised", "first", "what it does", "look at instead")

    def __str__(self) -> str:
        if not self.rows:
            return f"no flags in {self._of} rows"
        table = text_table(
            self._HEADER[:3], [row[:3] for row in self._cells()], left=("flag", "first")
        )
        told = [f"{row[0]}: {row[3]}; look at {row[4]}" for row in self._cells()]
        return "\n".join([table, *told])

    def _repr_html_(self) -> str:
        return html_table(list(self._HEADER), self._cells()) if self.rows else f"<p>{self}</p>"


def facts_of_flags() -> dict[str, Flag | CohortFlag | RaterFlag]:
    """Give what is known of every flag by its name."""
    known: tuple[Flag | CohortFlag | RaterFlag, ...] = (*list_flags(), *COHORT_FLAGS, *RATER_FLAGS)
    return {flag.name: flag for flag in known}


def flag_table(
    rows: Sequence[Row], metrics: Sequence[str], settings: Mapping[str, Any]
) -> FlagTable:
    """List the flags of all rows, and of each structure over its cases where there are several."""
    thresholds = settings.get("flags")
    chosen = thresholds if isinstance(thresholds, Mapping) else {}
    defaults = {flag.name: flag.threshold for flag in list_flags()}
    found = [
        FlagRow(
            flag.name,
            row.algorithm,
            row.case,
            row.name,
            "",
            flag.measured,
            float(chosen.get(flag.name, defaults.get(flag.name, np.nan))),
        )
        for row in rows
        for flag in row.flags
    ]
    if chosen or found:
        found += _of_cohort([row for row in rows if row.level == "structure"], metrics)
    return FlagTable(found, len(rows))


def _of_cohort(rows: Sequence[Row], metrics: Sequence[str]) -> list[FlagRow]:
    """Find the flags of each structure of each algorithm over its cases."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.algorithm, row.name), []).append(row)
    best = {metric: _best_of(metric) for metric in metrics}
    found: dict[tuple[str, str, str], FlagRow] = {}
    for (algorithm, name), members in groups.items():
        if len(members) < 2:
            continue
        for metric in metrics:
            values = np.array([row.values_by_metric.get(metric, np.nan) for row in members])
            defined = values[~np.isnan(values)]
            for flag in COHORT_FLAGS:
                measured = flag.function(defined, best[metric], len(values) - len(defined))
                if measured > flag.threshold:
                    key = (flag.name, algorithm, name)
                    told = FlagRow(
                        flag.name, algorithm, "", name, metric, rounded(measured), flag.threshold
                    )
                    found.setdefault(key, told)
    return list(found.values())


def _best_of(metric: str) -> float:
    try:
        return find(metric).best
    except InputError:
        return float("nan")
