"""Rankings of algorithms and how stable they are, by the rules of challengeR."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_number
from fastseg.metrics import find
from fastseg.statistics.aggregates import Aggregate, aggregated, as_aggregate
from fastseg.statistics.ranking_results import Ranking, TaskRanking
from fastseg.statistics.ranks import TIES, Ties, ranks_of
from fastseg.statistics.reading import as_names, score_table
from fastseg.statistics.resampling import as_samples, as_seed, weights_of_samples
from fastseg.statistics.score_table import ScoreMatrix, ScoreTable
from fastseg.statistics.signed_ranks import holm, p_values

Method = Literal["aggregate_then_rank", "rank_then_aggregate", "test_then_rank"]
METHODS: tuple[Method, ...] = ("aggregate_then_rank", "rank_then_aggregate", "test_then_rank")

#: what undefined values count as: nothing, the metric's worst value, or a number
Undefined = Literal["drop", "worst"] | float


def rank(
    source: Any,
    metric: str | Sequence[str],
    *,
    method: Method = "aggregate_then_rank",
    aggregate: Aggregate = "mean",
    undefined: Undefined | None = None,
    ties: Ties = "min",
    alpha: float = 0.05,
    adjust: Literal["none", "holm"] = "none",
    tasks: Iterable[str] | None = None,
    bootstraps: int = 1000,
    clusters: str | None = None,
    strata: str | None = None,
    seed: int = 0,
    larger_is_better: bool | Mapping[str, bool] | None = None,
    **columns: Any,
) -> Ranking:
    """Rank algorithms for each task and metric, and say by a bootstrap over cases how stable the ranking is.

    Parameters
    ----------
    source : Evaluation, DataFrame, path, ScoreTable, or a mapping or list of these
        What :func:`~fastseg.statistics.score_table` takes; `columns` are passed on to it.
    metric : str or sequence of str
        Each is ranked by itself, for each task.
    method : {"aggregate_then_rank", "rank_then_aggregate", "test_then_rank"}
        Rank the aggregates of all cases; aggregate the ranks of each case; or rank by the share of other algorithms
        that are significantly worse, by one-sided Wilcoxon signed-rank tests.
    aggregate : {"mean", "median"} or float
        Of the cases, or the share of a quantile; not of tests.
    undefined : {"drop", "worst"} or float, optional
        What undefined values and missing cases count as: nothing, the worst value of the metric, or a number. It has
        to be said where there are any: left out, they favour who fails at hard cases. Only by ranks of cases it need
        not: there an undefined value ranks last unless something else is said.
    ties : {"min", "max", "average"}
        Which rank equal ones have.
    alpha : float
        Level of the tests.
    adjust : {"none", "holm"}
        Of the tests of all pairs.
    tasks : iterable of str, optional
        Those that are ranked. Default: all.
    bootstraps : int
        Samples of the cases of each task, drawn anew; 0 for none.
    clusters : str, optional
        An attribute, such as "patient" or "site", whose cases are drawn together.
    strata : str, optional
        An attribute of whose values each sample has as many cases as there are.
    seed : int
        The same seed gives the same samples.
    larger_is_better : bool or mapping of str to bool, optional
        Needed of metrics that fastseg does not know.

    Returns
    -------
    Ranking
        A :class:`TaskRanking` for each task and metric, and their consensus.

    Raises
    ------
    ValueError, TypeError
        For less than two algorithms, unknown names, and undefined values of which nothing was said.

    References
    ----------
    Wiesenfarth et al., Methods and open-source toolkit for analyzing and visualizing challenge results, Sci. Rep. 11,
    2369 (2021). Maier-Hein et al., Why rankings of biomedical image analysis competitions should be interpreted with
    care, Nat. Commun. 9, 5217 (2018).

    Examples
    --------
    >>> import pandas, fastseg
    >>> scores = {"case": list("aabb"), "algorithm": ["x", "y"] * 2, "dice": [0.9, 0.8, 0.7, 0.6]}
    >>> ranking = fastseg.statistics.rank(pandas.DataFrame(scores), "dice")
    >>> ranking["dice"].ranks.tolist(), ranking["dice"].winner_frequencies.tolist()
    ([1.0, 2.0], [1.0, 0.0])
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if ties not in TIES:
        raise unknown("ties", ties, TIES)
    if adjust not in ("none", "holm"):
        raise unknown("adjust", adjust, ("none", "holm"))
    if not 0 < as_number(alpha, "alpha") < 1:
        raise InputError(f"alpha: expected a level between 0 and 1, got {alpha!r:.80}")
    aggregate, bootstraps = as_aggregate(aggregate), as_samples(bootstraps)
    names, seed = as_names(metric, "rank"), as_seed(seed)
    table = score_table(source, metrics=names, larger_is_better=larger_is_better, **columns)
    if tasks is not None:
        table = table.of(task=[tasks] if isinstance(tasks, str) else list(tasks))
    if len(table.algorithms) < 2:
        raise InputError(
            f"rank: needs two algorithms or more, got {len(table.algorithms)}: name them, as in "
            'rank({"unet": one, "other": another}, …)'
        )
    ranked = []
    for place, name in itertools.product(range(len(table.tasks)), names):
        matrix = table.matrix(name, table.tasks[place])
        # ranks of cases need no word on what is undefined: it comes last
        told = undefined is not None or method != "rank_then_aggregate"
        values = without_undefined(matrix, undefined, "rank") if told else matrix.values
        find_scores = _scores_by(
            values,
            matrix.larger_is_better,
            method,
            aggregate,
            ties,
            alpha,
            adjust,
            undefined == "drop",
        )
        # a share of beaten algorithms is better the larger it is, and a mean rank the smaller
        larger = {"test_then_rank": True, "rank_then_aggregate": False}.get(
            method, matrix.larger_is_better
        )
        every = np.ones((1, len(values)))
        scores = find_scores(every)[0]
        groups = groups_of_cases(table, matrix.cases, clusters=clusters, strata=strata)
        n_samples = bootstraps if len(values) > 1 else 0
        # the metrics of a task have the same samples, and tasks have samples of their own
        blocks = weights_of_samples(
            len(values),
            n_samples,
            seed + place,
            strata=groups["strata"],
            clusters=groups["clusters"],
        )
        of_samples = [ranks_of(find_scores(weights), larger, ties) for weights in blocks]
        samples = np.concatenate([np.zeros((0, len(scores))), *of_samples])
        significance = p_values(values, every, matrix.larger_is_better)[0]
        ranked.append(
            TaskRanking(
                matrix.task,
                matrix.metric,
                matrix.algorithms,
                scores,
                ranks_of(scores, larger, ties),
                samples,
                _holm_of_all(significance),
                len(values),
                int(np.isnan(matrix.values).sum()),
            )
        )
    settings = {
        "method": method,
        "aggregate": aggregate,
        "undefined": undefined,
        "ties": ties,
        "alpha": alpha,
        "adjust": adjust,
        "bootstraps": bootstraps,
        "clusters": clusters,
        "strata": strata,
        "seed": seed,
    }
    return Ranking(tuple(ranked), settings)


def _scores_by(
    values: NDArray[np.float64],
    larger_is_better: bool,
    method: Method,
    aggregate: Aggregate,
    ties: Ties,
    alpha: float,
    adjust: str,
    drops: bool,
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Make what gives, of the weights of samples, the scores that algorithms are ranked by."""
    if method == "aggregate_then_rank":
        return functools.partial(aggregated, values, aggregate=aggregate)
    if method == "rank_then_aggregate":
        ranks = ranks_of(values, larger_is_better, ties)
        if drops:
            ranks = np.where(np.isnan(values), np.nan, ranks)
        return functools.partial(aggregated, ranks, aggregate=aggregate)

    def beaten(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        found = p_values(values, weights, larger_is_better)
        if adjust == "holm":
            found = _holm_of_all(found)
        # who has no value at all beats nobody, and is nobody to be beaten
        there = weights @ (~np.isnan(values)).astype(np.float64) > 0
        others = np.maximum(there.sum(-1, keepdims=True) - 1, 1)
        shares: NDArray[np.float64] = np.where(there, (found <= alpha).sum(-1) / others, np.nan)
        return shares

    return beaten


def _holm_of_all(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust the p-values of all pairs of a sample together."""
    adjusted = holm(found.reshape(*found.shape[:-2], -1))
    return adjusted.reshape(found.shape)


def without_undefined(
    matrix: ScoreMatrix, undefined: Undefined | None, who: str
) -> NDArray[np.float64]:
    """Give values of which nan are to be left out; all others count.

    Raises
    ------
    InputError
        Where values are undefined and nobody said what they count as.
    """
    missing = np.isnan(matrix.values)
    filled = 0.0
    if undefined not in (None, "drop", "worst"):
        filled = as_number(undefined, "undefined")
        if np.isnan(filled):
            raise InputError('undefined: expected "worst", "drop" or a number, got nan')
    if undefined == "drop" or not missing.any():
        return matrix.values
    if undefined is None:
        by_algorithm = ", ".join(
            f"{name} {many}"
            for name, many in zip(matrix.algorithms, missing.sum(0).tolist(), strict=True)
            if many
        )
        raise InputError(
            f"{who}: {matrix.metric} of {matrix.task or 'all'} is undefined or missing for some cases "
            f"({by_algorithm:.200}); "
            'say what they count as: undefined="worst", a number, or "drop"'
        )
    if undefined == "worst":
        try:
            filled = find(matrix.metric).worst
        except InputError:
            raise InputError(
                f"{who}: nobody knows the worst value of {matrix.metric}; give a number as undefined"
            ) from None
    return np.where(missing, filled, matrix.values)


def groups_of_cases(
    table: ScoreTable, cases: Sequence[str], **names: str | None
) -> dict[str, NDArray[np.intp] | None]:
    """Number the values that each case has of attributes, by what these are for."""
    return {
        what: None if name is None else _numbers_of_cases(table, cases, name)
        for what, name in names.items()
    }


def _numbers_of_cases(table: ScoreTable, cases: Sequence[str], name: str) -> NDArray[np.intp]:
    """Number the value of an attribute that each case has; one of which none is known is alone.

    Raises
    ------
    InputError
        For an unknown attribute, and for a case that has two values.
    """
    if name not in table.attributes:
        raise unknown("attribute", name, tuple(table.attributes))
    column = table.attributes[name]
    named = np.array([value != "" for value in column.names], bool)[column.codes]
    codes, of_row = column.codes[named], table.case.codes[named]
    of_case = np.full(len(table.case.names), -1, np.int64)
    of_case[of_row] = codes
    if (of_case[of_row] != codes).any():
        raise InputError(f"{name}: a case has two values of it")
    places = {case: place for place, case in enumerate(table.case.names)}
    found = of_case[[places[case] for case in cases]]
    unknown_ones = (found < 0).nonzero()[0]
    found[unknown_ones] = len(column.names) + np.arange(len(unknown_ones))
    return found.astype(np.intp)
