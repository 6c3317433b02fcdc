"""Scores of many cases in columns: what all statistics, figures and reports are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.metrics import canonical

#: what is known of the rows of an evaluation beside their scores, by the names of its table's columns
FACTS = ("label", "reference_label", "prediction_label", "empty", "empty_policy", "flags")


class Column(NamedTuple):
    """Texts, each of which occurs many times.

    Attributes
    ----------
    codes : int32 ndarray (n,)
        Which of the names each row has.
    names : tuple of str
        In the order in which they occur first.
    """

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], also: Iterable[str] = ()) -> Column:
        """Number texts in the order in which they occur first; `also` are names that no row needs to have."""
        numbers: dict[str, int] = {}
        codes = [numbers.setdefault(text, len(numbers)) for text in texts]
        for name in also:
            numbers.setdefault(name, len(numbers))
        return cls(np.array(codes, np.int32), tuple(numbers))

    @classmethod
    def in_order(cls, codes: NDArray[np.integer], names: Sequence[str]) -> Column:
        """Number names anew, in the order in which rows have them first; names that no row has follow."""
        there, first = np.unique(codes, return_index=True)
        rest = np.setdiff1d(np.arange(len(names)), there)
        order = np.concatenate([there[np.argsort(first)], rest]).astype(np.intp)
        places = np.empty(len(names), np.int32)
        places[order] = np.arange(len(names), dtype=np.int32)
        return cls(places[codes], tuple(names[place] for place in order.tolist()))

    def of_rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Column:
        """Give the column of some of the rows, with all its names."""
        return Column(self.codes[chosen], self.names)

    def is_one_of(self, names: Iterable[str], what: str) -> NDArray[np.bool_]:
        """Tell which rows have one of the names.

        Raises
        ------
        InputError
            For a name that no row can have; it names the nearest.
        """
        places = {name: place for place, name in enumerate(self.names)}
        wanted = list(names)
        for name in wanted:
            if name not in places:
                raise unknown(what, name, self.names)
        found: NDArray[np.bool_] = np.isin(self.codes, [places[name] for name in wanted])
        return found


class Origin(NamedTuple):
    """Where some rows of a table come from.

    Attributes
    ----------
    name : str
        The file, as it was given; "" for what was in memory.
    settings : mapping
        What its numbers depend on, as far as all of its cases have it in common.
    files : mapping of (algorithm, case) to (str, str or None)
        The images of the reference and of the prediction; None where that is missing. Empty where nobody knows.
    """

    name: str
    settings: Mapping[str, Any] = {}
    files: Mapping[tuple[str, str], tuple[str, str | None]] = {}


class ScoreMatrix(NamedTuple):
    """One metric of one task: a case a row, an algorithm a column.

    Attributes
    ----------
    values : float64 ndarray (n_cases, n_algorithms)
        nan where an algorithm has no value for a case: undefined, failed, or not there.
    cases, algorithms : tuple of str
    metric, task : str
    larger_is_better : bool
    """

    values: NDArray[np.float64]
    cases: tuple[str, ...]
    algorithms: tuple[str, ...]
    metric: str
    task: str
    larger_is_better: bool


@dataclass(frozen=True)
class ScoreTable:
    """The scores of many cases by one algorithm or several, in columns.

    Attributes
    ----------
    algorithm, case, task : Column (n,)
        Of each row. A task is what is ranked by itself: a structure, or what a table calls so. Names of cases and
        algorithms that have no row, as they failed or are missing, are among the names too.
    metrics : mapping of str to float64 ndarray (n,)
        nan where undefined.
    attributes : mapping of str to Column
        What else is known of the cases, such as site and sex.
    larger_is_better : mapping of str to bool
        Of the metrics of which it is known.
    absent : tuple of (algorithm, case, reason)
        What has no rows, or has rows that nobody predicted.
    facts : mapping of str to Column
        What else is known of each row, as text: `FACTS`, where the source has them.
    origins : tuple of Origin
        Settings and images behind the rows, of the sources that know them.
    """

    algorithm: Column
    case: Column
    task: Column
    metrics: Mapping[str, NDArray[np.float64]]
    attributes: Mapping[str, Column] = field(default_factory=dict)
    larger_is_better: Mapping[str, bool] = field(default_factory=dict)
    absent: tuple[tuple[str, str, str], ...] = ()
    facts: Mapping[str, Column] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()

    def __len__(self) -> int:
        return len(self.case.codes)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Names of the algorithms; one, "", where none has a name."""
        return self.algorithm.names

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return self.task.names

    def metric(self, name: str) -> str:
        """Find a metric of the table by its name or by another name for it.

        Raises
        ------
        InputError
            If the table has none of this name; it names the nearest.
        """
        one = name if name in self.metrics else canonical(name) if isinstance(name, str) else name
        if one not in self.metrics:
            raise unknown("metric", name, tuple(self.metrics))
        return one

    def direction(self, metric: str, larger_is_better: bool | None = None) -> bool:
        """Tell whether larger is better.

        Raises
        ------
        InputError
            If it is not known and was not said.
        """
        if larger_is_better is not None:
            return larger_is_better
        if metric not in self.larger_is_better:
            raise InputError(
                f"{metric}: nobody knows whether larger is better; say it, as in larger_is_better=True"
            )
        return self.larger_is_better[metric]

    def of(
        self,
        *,
        algorithm: str | Sequence[str] | None = None,
        task: str | Sequence[str] | None = None,
        **attributes: str | Sequence[str],
    ) -> ScoreTable:
        """Give the rows of some algorithms, tasks, or values of attributes.

        Raises
        ------
        InputError
            For a name that there is not; it names the nearest.
        """
        chosen = np.ones(len(self), bool)
        absent = self.absent
        kept = {"algorithm": self.algorithm, "task": self.task}
        for what, names in (("algorithm", algorithm), ("task", task)):
            if names is None:
                continue
            wanted = [names] if isinstance(names, str) else list(names)
            chosen &= kept[what].is_one_of(wanted, what)
            if what == "algorithm":
                absent = tuple(one for one in absent if one[0] in wanted)
        for what, names in attributes.items():
            if what not in self.attributes:
                raise unknown("attribute", what, tuple(self.attributes))
            wanted = [names] if isinstance(names, str) else list(names)
            chosen &= self.attributes[what].is_one_of(wanted, what)
        return self.rows(chosen, absent)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp], absent: Any = None) -> ScoreTable:
        """Give some of the rows, a mask or places; algorithms and tasks that have none left are named no more."""
        return replace(
            self,
            algorithm=_named_again(self.algorithm.of_rows(chosen)),
            case=self.case.of_rows(chosen),
            task=_named_again(self.task.of_rows(chosen)),
            metrics={name: values[chosen] for name, values in self.metrics.items()},
            attributes={name: held.of_rows(chosen) for name, held in self.attributes.items()},
            facts={name: held.of_rows(chosen) for name, held in self.facts.items()},
            absent=self.absent if absent is None else absent,
        )

    def matrix(
        self, metric: str, task: str | None = None, larger_is_better: bool | None = None
    ) -> ScoreMatrix:
        """Arrange a metric of one task by cases and algorithms.

        Parameters
        ----------
        metric : str
        task : str, optional
            Needed where there are several.
        larger_is_better : bool, optional
            Needed for a metric that fastseg does not know.

        Raises
        ------
        InputError
            For an unknown metric or task, for several tasks, and for two values of one case.
        """
        name = self.metric(metric)
        if task is None and len(self.tasks) > 1:
            raise InputError(
                f"matrix: there are several tasks ({', '.join(self.tasks):.100}): name one"
            )
        values = self.metrics[name]
        chosen = np.ones(len(self), bool) if task is None else self.task.is_one_of([task], "task")
        cases, algorithms = self.case.codes[chosen], self.algorithm.codes[chosen]
        place = cases.astype(np.int64) * len(self.algorithms) + algorithms
        if len(np.unique(place)) != len(place):
            seen, often = np.unique(place, return_counts=True)
            twice = self.case.names[int(seen[often > 1][0]) // len(self.algorithms)]
            raise InputError(
                f"matrix: the case {twice!r:.80} is there twice for one algorithm and one task"
            )
        found = np.full((len(self.case.names), len(self.algorithms)), np.nan)
        found.ravel()[place] = values[chosen]
        occurs = np.zeros(len(self.case.names), bool)
        occurs[cases] = True
        # a case that failed for all is still a case, of every task
        lost = {case for _, case, _ in self.absent}
        occurs[[place for place, case in enumerate(self.case.names) if case in lost]] = True
        return ScoreMatrix(
            found[occurs],
            tuple(
                case for case, there in zip(self.case.names, occurs.tolist(), strict=True) if there
            ),
            self.algorithms,
            name,
            task if task is not None else self.tasks[0] if self.tasks else "",
            self.direction(name, larger_is_better),
        )


def _named_again(column: Column) -> Column:
    """Leave out names that no row has."""
    there = np.zeros(len(column.names), bool)
    there[column.codes] = True
    if there.all():
        return column
    codes = (np.cumsum(there) - 1).astype(np.int32)[column.codes]
    names = tuple(name for name, one in zip(column.names, there.tolist(), strict=True) if one)
    return Column(codes, names)
