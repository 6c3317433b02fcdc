"""Flags of a structure over many cases: what a mean of them is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class CohortFlag(NamedTuple):
    """A flag of all cases of a structure, and the facts about it, as :class:`~fastseg.flags.registry.Flag` has them.

    `function` gives what is measured from the defined values of a metric, its best value, and in how many cases it is
    undefined.
    """

    name: str
    function: Callable[[NDArray[np.float64], float, int], float]
    threshold: float
    measures: str
    effect: str
    instead: str
    figure: str


def _few_cases(values: NDArray[np.float64], best: float, undefined: int) -> float:
    return 1 / len(values) if len(values) > 1 else np.nan


def _near_ceiling(values: NDArray[np.float64], best: float, undefined: int) -> float:
    """Tell how many values are within a hundredth of a best value of 1."""
    if best != 1 or not len(values):
        return np.nan
    return float(np.mean(values >= 0.99))


def _often_undefined(values: NDArray[np.float64], best: float, undefined: int) -> float:
    return undefined / (undefined + len(values)) if undefined + len(values) else np.nan


COHORT_FLAGS = (
    CohortFlag(
        "few_cases",
        _few_cases,
        1 / 50 + 1e-9,
        "what a single case is of the mean: 1 / cases",
        "intervals are too narrow, and one case can change a ranking",
        "more cases; fastseg.statistics.cases_needed",
        "André et al., BRIDGE at MICCAI 2025; Maier-Hein et al. 2018, doi:10.1038/s41467-018-07619-7",
    ),
    CohortFlag(
        "near_ceiling",
        _near_ceiling,
        0.5,
        "in which share of the cases the metric is 0.99 or better",
        "most cases have nothing left to gain: means differ by the few that fail",
        "the share of cases below a floor; hd95 and nsd",
        "Reinke et al. 2024, doi:10.1038/s41592-023-02150-0",
    ),
    CohortFlag(
        "often_undefined",
        _often_undefined,
        0.1,
        "in which share of the cases the metric is undefined",
        "means are over other cases than those of other structures and algorithms",
        "the empties policy in the settings; missed structures counted for themselves",
        "Reinke et al. 2024, doi:10.1038/s41592-023-02150-0, SN 2.33; lecture 3.4.6",
    ),
)
