"""What is known of a case beside its maps: whose prediction it is, and further columns of a table of pairs."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from fastseg.errors import InputError
from fastseg.results.attributes import NO_ATTRIBUTES, Attributes
from fastseg.results.evaluation import Evaluation
from fastseg.results.missing import missing_predictions, with_missing
from fastseg.results.problems import PROBLEM
from fastseg.results.rows import columns
from fastseg.results.summary import MetricSummary


def with_case(
    evaluation: Evaluation, algorithm: str = "", attributes: Mapping[str, str] = NO_ATTRIBUTES
) -> Evaluation:
    """Say of all rows of a case whose prediction it is, and what else is known of it.

    Parameters
    ----------
    evaluation : Evaluation
    algorithm : str
        "" where there is one for all.
    attributes : mapping
        Names, as :func:`check_attributes` allows them, and texts.

    Raises
    ------
    InputError
        If the results have columns of these names already.
    """
    if not algorithm and not attributes:
        return evaluation
    _check(tuple(attributes), evaluation.metrics)
    kept = Attributes(attributes)
    missing = [
        one._replace(algorithm=algorithm) for one in missing_predictions(evaluation.settings)
    ]
    settings = with_missing(evaluation.settings, missing)
    rows = tuple(replace(row, algorithm=algorithm, attributes=kept) for row in evaluation.rows)
    failures = tuple(
        replace(failure, algorithm=algorithm, attributes=kept) for failure in evaluation.failures
    )
    return replace(evaluation, rows=rows, settings=settings, failures=failures)


@functools.lru_cache(maxsize=8)
def _check(names: tuple[str, ...], metrics: tuple[str, ...]) -> None:
    check_attributes(names, metrics, "attributes")


def check_attributes(names: Iterable[str], metrics: Iterable[str] = (), where: str = "") -> None:
    """Refuse names of further columns that tables of results have already.

    Parameters
    ----------
    names : iterable of str
    metrics : iterable of str
        That are evaluated.
    where : str
        What the names stand in, for the error.

    Raises
    ------
    InputError
        If one is a column of the results or of their summary, has no name, or is there twice.

    Examples
    --------
    >>> check_attributes(["site", "sex"], ["dice"])
    >>> check_attributes(["dice"], ["dice"], "pairs.csv")
    Traceback (most recent call last):
        ...
    fastseg.errors.InputError: pairs.csv: the results have a column 'dice' of their own; give this one another name
    """
    ours = {*columns(tuple(metrics), algorithm=True), "voxel_volume", PROBLEM, "metric"}
    ours.update(field.name for field in fields(MetricSummary))
    before, seen = f"{where}: " if where else "", set[str]()
    for name in names:
        if not name:
            raise InputError(f"{before}a further column has no name")
        if name in ours:
            raise InputError(
                f"{before}the results have a column {name!r:.80} of their own; give this one another name"
            )
        if name in seen:
            raise InputError(f"{before}the column {name!r:.80} is there twice")
        seen.add(name)
