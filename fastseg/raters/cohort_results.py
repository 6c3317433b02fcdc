"""What is known of several raters of many images: a table a case, and means over the cases with intervals."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastseg.inputs.structures import Label
from fastseg.raters.relative import mean_intervals
from fastseg.raters.results import (
    ALL,
    RESERVED,
    RaterEvaluation,
    RaterScore,
    json_of,
    label_field,
    no_score,
    same_structure,
    whom,
)
from fastseg.results.failures import Failure
from fastseg.results.files import csv_text, written
from fastseg.results.frames import dataframe
from fastseg.results.table import text_table

if TYPE_CHECKING:
    import pandas


class RaterMean(NamedTuple):
    """One number over all cases.

    Attributes
    ----------
    label, name, measure, first, second
        As in :class:`RaterScore`.
    mean, median : float
        Of the cases where it is defined; nan where it is in none.
    low, high : float
        A 95 % interval of the mean, by bootstrap over the cases; nan for fewer than three.
    n, undefined, infinite : int
        In how many cases it is defined, in how many it is not, and in how many of the former it is infinite.
    """

    label: Label | None
    name: str
    measure: str
    first: str
    second: str
    mean: float
    low: float
    high: float
    median: float
    n: int
    undefined: int
    infinite: int


# What a number is of: label, name, measure, first, second.
_Key = tuple[Label | None, str, str, str, str]

COLUMNS = ("case", *RaterScore._fields)


@dataclass(frozen=True)
class RaterCohort:
    """The agreement of several raters in many cases, and predictions beside them.

    ``cohort.mean("liver", "dice")`` is over all cases, ``cohort.case("case_07")`` the table of one of them.

    Attributes
    ----------
    evaluations : mapping of str to RaterEvaluation
        By case.
    failures : tuple of Failure
        Cases that could not be evaluated, or whose consensus could not be written.
    settings : dict
        What the numbers depend on.
    """

    evaluations: Mapping[str, RaterEvaluation]
    failures: tuple[Failure, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cases(self) -> list[str]:
        """What the cases are called."""
        return list(self.evaluations)

    def __len__(self) -> int:
        return len(self.evaluations)

    def __iter__(self) -> Iterator[RaterMean]:
        return iter(self.means())

    def case(self, name: str) -> RaterEvaluation:
        """Give the table of one case."""
        try:
            return self.evaluations[name]
        except KeyError:
            raise KeyError(f"no case {name!r}; there are {', '.join(self.cases[:10])}") from None

    def means(self) -> list[RaterMean]:
        """Give means over cases of every number, in the order in which the cases have them."""
        values: dict[_Key, list[float]] = {}
        for evaluation in self.evaluations.values():
            for one in evaluation:
                key = (one.label, one.name, one.measure, one.first, one.second)
                values.setdefault(key, []).append(one.value)
        by_number: dict[int, list[_Key]] = {}
        for key, found in values.items():
            by_number.setdefault(len(found), []).append(key)
        intervals: dict[_Key, tuple[float, float]] = {}
        seed = int(self.settings.get("seed", 0))
        for keys in by_number.values():  # those of as many cases are drawn together
            table = np.array([values[key] for key in keys]).T
            intervals.update(zip(keys, mean_intervals(table, seed), strict=True))
        means = []
        for key, found in values.items():
            there = [value for value in found if not math.isnan(value)]
            mean = median = math.nan
            if there:
                mean, median = math.fsum(there) / len(there), float(np.median(there))
            n = len(there)
            low, high = intervals[key]
            counts = n, len(found) - n, sum(map(math.isinf, there))
            means.append(RaterMean(*key, mean, low, high, median, *counts))
        return means

    def mean(
        self, structure: str | Label | None, measure: str, first: str = ALL, second: str = ALL
    ) -> RaterMean:
        """Find one number over all cases, with its interval; as :meth:`RaterEvaluation.score` does."""
        means = self.means()
        for one in means:
            same = same_structure(one, structure) and one.measure == measure
            if same and {one.first, one.second} == {first, second}:
                return one
        raise no_score(structure, measure, first, second, [one.measure for one in means])

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a dictionary for each number of each case; regions are text."""
        return [
            {"case": case, **row}
            for case, evaluation in self.evaluations.items()
            for row in evaluation.to_dict()
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the table of all cases as a pandas DataFrame."""
        return dataframe(self.to_dict(), COLUMNS)

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, delimiter: str = ",") -> str:
        """Write the table of all cases as CSV, undefined values as ``nan``, to a file if a path is given."""
        return written(csv_text(list(COLUMNS), self.to_dict(), delimiter), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write settings, all rows, the means over cases and the failures as strict JSON, to a file if a path is given.

        Where a number is undefined or infinite stands ``null``, and ``not_finite`` of its record says which.
        """
        return written(
            json_of(
                self.settings,
                self.to_dict(),
                means=[{**one._asdict(), "label": label_field(one.label)} for one in self.means()],
                failures=[one.to_dict() for one in self.failures],
            ),
            path,
        )

    def __str__(self) -> str:
        """Show the means of what is said of all raters, of the prediction and of the consensus."""
        everybody = {*RESERVED, ""}
        cells = [
            [
                one.name,
                one.measure,
                whom(one.first, one.second),
                f"{one.mean:.4f}",
                "" if math.isnan(one.low) else f"{one.low:.4f} to {one.high:.4f}",
                str(one.n),
            ]
            for one in self.means()
            if {one.first, one.second} <= everybody
        ]
        return text_table(
            ("name", "measure", "of", "mean", "95 %", "cases"),
            cells,
            left=("name", "measure", "of"),
        )
