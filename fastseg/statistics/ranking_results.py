"""What a ranking tells: ranks, how often each algorithm has which rank, and what several tasks say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.figures import draw
from fastseg.statistics.ranks import kendall_taus, ranks_of
from fastseg.statistics.result_table import ResultTable
from fastseg.threads import lazy

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

#: below which intervals and rankings by few cases are told to be uncertain (André et al., BRIDGE at MICCAI 2025)
FEW_CASES = 50


@dataclass(frozen=True, eq=False)
class TaskRanking:
    """The ranking of one task by one metric.

    Attributes
    ----------
    task, metric : str
    algorithms : tuple of str (n,)
    scores : float64 ndarray (n,)
        What they are ranked by: an aggregate, a mean rank, or the share of algorithms that are significantly worse.
    ranks : float64 ndarray (n,)
        1 is best.
    samples : float64 ndarray (n_samples, n)
        The ranks in each bootstrap sample.
    p_values : float64 ndarray (n, n)
        Of the row's algorithm being better than the column's: one-sided Wilcoxon signed-rank tests, by Holm's method
        for all pairs together; nan where there is no difference.
    n_cases, n_undefined : int
        Cases of the task, and values that are undefined or missing among them.
    """

    task: str
    metric: str
    algorithms: tuple[str, ...]
    scores: NDArray[np.float64]
    ranks: NDArray[np.float64]
    samples: NDArray[np.float64]
    p_values: NDArray[np.float64]
    n_cases: int
    n_undefined: int

    def rank_intervals(self, confidence: float = 0.95) -> NDArray[np.float64]:
        """Give the lowest and highest rank of each algorithm, (n, 2), within the middle share of all samples."""
        if not len(self.samples):
            return np.full((len(self.algorithms), 2), np.nan)
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        return np.quantile(self.samples, tails, axis=0).T

    @lazy
    def winner_frequencies(self) -> NDArray[np.float64]:
        """The share of the samples in which each algorithm is first, (n,); ties count for all of them."""
        if not len(self.samples):
            return np.full(len(self.algorithms), np.nan)
        found: NDArray[np.float64] = (self.samples == self.samples.min(1, keepdims=True)).mean(0)
        return found

    @lazy
    def taus(self) -> NDArray[np.float64]:
        """Kendall's τ-b between this ranking and that of each sample, (n_samples,)."""
        return kendall_taus(self.ranks, self.samples)

    @property
    def order(self) -> NDArray[np.intp]:
        """The places of the algorithms, best first."""
        return np.argsort(self.ranks, kind="stable")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the ranking uncertain."""
        found = []
        if self.n_cases < FEW_CASES:
            found.append(f"{self.n_cases} cases: below {FEW_CASES}, a single case can change it")
        if self.n_undefined:
            found.append(f"{self.n_undefined} values are undefined or missing")
        if len(np.unique(self.ranks)) < len(self.ranks):
            found.append("algorithms are tied")
        if len(self.samples) and np.nanmedian(self.taus) < 0.8:
            found.append(
                f"unstable: half of the samples have τ below {np.nanmedian(self.taus):.2f}"
            )
        return tuple(found)

    def plot(self, kind: str = "stability", **options: Any) -> Axes:
        """Draw a figure with matplotlib, which the extra ``plots`` installs.

        Parameters
        ----------
        kind : {"stability", "significance"}
            A function of :mod:`fastseg.plots`, which says what is drawn.
        **options
            Its own, as ``confidence=0.9`` and ``ax=…``.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError, TypeError
            For another kind, and for options that it does not have.
        ImportError
            Without matplotlib.
        """
        return draw(self, "TaskRanking", kind, options)

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a row for each algorithm, best first."""
        intervals = self.rank_intervals()
        return [
            {
                "task": self.task,
                "metric": self.metric,
                "algorithm": self.algorithms[place],
                "rank": float(self.ranks[place]),
                "score": float(self.scores[place]),
                "rank_low": float(intervals[place, 0]),
                "rank_high": float(intervals[place, 1]),
                "winner_frequency": float(self.winner_frequencies[place]),
            }
            for place in self.order.tolist()
        ]


COLUMNS = (
    *("task", "metric", "algorithm", "rank", "score"),
    *("rank_low", "rank_high", "winner_frequency"),
)


@dataclass(frozen=True, eq=False)
class Ranking(Mapping[str, TaskRanking]):
    """The rankings of all tasks and metrics.

    ``ranking["liver", "dice"]`` is one of them; ``ranking["dice"]`` or ``ranking["liver"]`` where this names one alone.

    Attributes
    ----------
    tasks : tuple of TaskRanking
    settings : mapping
        What it was made with.
    """

    tasks: tuple[TaskRanking, ...]
    settings: Mapping[str, Any]

    def __getitem__(self, key: Any) -> TaskRanking:
        names = key if isinstance(key, tuple) else (key,)
        found = [one for one in self.tasks if set(names) <= {one.task, one.metric}]
        if len(found) == 1:
            return found[0]
        known = [f"{one.task}, {one.metric}" for one in self.tasks]
        if found:
            raise KeyError(f"{key!r:.80} is in several rankings: {'; '.join(known):.200}")
        raise KeyError(f"no ranking {key!r:.80}; {did_you_mean(str(key), known)}")

    def __iter__(self) -> Iterator[Any]:
        return iter([(one.task, one.metric) for one in self.tasks])

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Names of the algorithms."""
        return self.tasks[0].algorithms

    def consensus(self, weights: Mapping[Any, float] | None = None) -> TaskRanking:
        """Rank by the mean of the ranks of all tasks and metrics: the consensus of least squared distance.

        Parameters
        ----------
        weights : mapping of str to float, optional
            Of tasks, or metrics, or pairs of them; 1 for what is not named.
        """
        told = dict(weights or {})
        heavy = np.array(
            [
                told.get((one.task, one.metric), told.get(one.task, told.get(one.metric, 1.0)))
                for one in self.tasks
            ]
        )

        def together(ranks: list[NDArray[np.float64]]) -> NDArray[np.float64]:
            found: NDArray[np.float64] = np.tensordot(heavy, np.stack(ranks), 1) / heavy.sum()
            return found

        scores = together([one.ranks for one in self.tasks])
        samples = together([one.samples for one in self.tasks])
        n = len(self.algorithms)
        return TaskRanking(
            "consensus",
            "mean rank",
            self.algorithms,
            scores,
            ranks_of(scores, larger_is_better=False),
            ranks_of(samples, larger_is_better=False),
            np.full((n, n), np.nan),
            min(one.n_cases for one in self.tasks),
            sum(one.n_undefined for one in self.tasks),
        )

    def plot(self, kind: str = "rank_lines", **options: Any) -> Axes:
        """Draw a figure with matplotlib, which the extra ``plots`` installs.

        Parameters
        ----------
        kind : {"rank_lines", "stability", "significance"}
            A function of :mod:`fastseg.plots`, which says what is drawn.
        **options
            Its own, as ``task="liver"``, ``metric="dice"`` and ``ax=…``.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError, TypeError
            For another kind, and for options that it does not have.
        ImportError
            Without matplotlib.
        """
        return draw(self, "Ranking", kind, options)

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a row for each task, metric and algorithm, best first; the consensus of several follows."""
        rows = [row for one in self.tasks for row in one.to_dict()]
        return rows + (self.consensus().to_dict() if len(self.tasks) > 1 else [])

    @property
    def table(self) -> ResultTable:
        """The rows, and what makes rankings uncertain, as one table."""
        notes = tuple(
            f"{one.task}, {one.metric}: {note}" if one.task else f"{one.metric}: {note}"
            for one in self.tasks
            for note in one.warnings
        )
        return ResultTable(tuple(self.to_dict()), COLUMNS, notes)

    def to_pandas(self) -> pandas.DataFrame:
        """Give the rows as a pandas DataFrame."""
        return self.table.to_pandas()

    def __str__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
