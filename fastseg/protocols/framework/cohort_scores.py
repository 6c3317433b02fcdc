"""What an organiser makes of many cases: from rows alone, so that it can be had of results read from a file, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastseg.errors import InputError, InputTypeError
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.registry import find_protocol
from fastseg.protocols.framework.settings import PROTOCOL
from fastseg.results import Evaluation
from fastseg.results.summary import mean_of

#: the key under which the settings of an evaluation of several cases hold them
COHORT = "cohort_scores"


def protocol_scores(evaluation: Evaluation) -> dict[str, float]:
    """Give the scores of a cohort as the protocol's organiser makes them.

    Parameters
    ----------
    evaluation : Evaluation
        Of one algorithm, made by :func:`evaluate_protocol` or by a cohort with ``protocol=``, or read from a file that
        holds such a one.

    Returns
    -------
    dict of str to float
        By the organiser's names. Where it has no rule of its own, the means over cases, as a summary has them:
        ``"liver/Dice"`` of each structure and score.

    Raises
    ------
    TypeError, ValueError
        If it is no evaluation, if no protocol made it, or if it holds several algorithms: ask
        ``evaluation.algorithm(name)``.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> small, large = np.zeros((2, 9, 9, 9), np.uint8)
    >>> small[2:4, 2:4, 2:4] = large[2:8, 2:8, 2:8] = 1
    >>> missed = fastseg.evaluate_protocol("hecktor", small, 0 * small, case="a")
    >>> found = fastseg.evaluate_protocol("hecktor", large, large, case="b")
    >>> round(fastseg.protocol_scores(fastseg.Evaluation.joined([missed, found]))["AggregatedDsc/GTVp"], 3)
    0.982
    """
    if not isinstance(evaluation, Evaluation):
        raise InputTypeError(
            f"protocol_scores: expected an evaluation, got {type(evaluation).__name__}"
        )
    about = evaluation.settings.get(PROTOCOL)
    if not isinstance(about, Mapping) or "name" not in about:
        raise InputError(
            "protocol_scores: no protocol made this evaluation; evaluate with evaluate_protocol(name, …)"
        )
    if len(evaluation.algorithms) > 1:
        raise InputError(
            f"protocol_scores: {len(evaluation.algorithms)} algorithms; choose one, as in "
            f"evaluation.algorithm({evaluation.algorithms[0]!r})"
        )
    protocol = find_protocol(about["name"])
    if protocol.cohort is not None:
        chosen = Options(about["options"], about["quirks"])
        return dict(protocol.cohort(evaluation.rows, chosen))
    if protocol.aggregate is not None:
        return dict(protocol.aggregate(evaluation.rows))
    values: dict[str, list[float]] = {}
    for row in evaluation.structures:
        for score, value in row.values_by_metric.items():
            values.setdefault(f"{row.name}/{score}", []).append(value)
    return {name: mean_of(held) for name, held in values.items()}


def with_cohort_scores(evaluation: Evaluation) -> Evaluation:
    """Put the scores of a cohort that a protocol made into its settings, of each algorithm where these have names."""
    if PROTOCOL not in evaluation.settings or not evaluation.rows:
        return evaluation
    scores: dict[str, Any]
    if evaluation.algorithms:
        scores = {
            name: protocol_scores(evaluation.algorithm(name)) for name in evaluation.algorithms
        }
    else:
        scores = protocol_scores(evaluation)
    return replace(evaluation, settings={**evaluation.settings, COHORT: scores})
