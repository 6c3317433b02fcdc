"""Flags of a prediction beside several raters: what can be said of it at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.raised import NO_FLAGS, RaisedFlag, RaisedFlags


class RaterFlag(NamedTuple):
    """A flag of a metric of a prediction with several raters, with facts as :class:`~fastseg.flags.registry.Flag` has.

    `function` gives what is measured from the metric of the prediction with each rater, (raters,), that of every two
    raters, (raters, raters), and whether larger is better.
    """

    name: str
    function: Callable[[NDArray[np.float64], NDArray[np.float64], bool], float]
    threshold: float
    measures: str
    effect: str
    instead: str
    figure: str


def _within_rater_spread(
    own: NDArray[np.float64], between: NDArray[np.float64], larger_is_better: bool
) -> float:
    """Give the share of the raters who agree with the others no better than the prediction agrees with all."""
    others = between.copy()
    np.fill_diagonal(others, np.nan)
    known = ~np.isnan(others).all(1)
    if np.isnan(own).all() or not known.any():
        return math.nan
    mean = np.nanmean(own)
    of_raters = np.nanmean(others[known], axis=1)
    beaten = of_raters <= mean if larger_is_better else of_raters >= mean
    return float(beaten.mean())


RATER_FLAGS = (
    RaterFlag(
        "within_rater_spread",
        _within_rater_spread,
        0,
        "the share of the raters who agree with the other raters no better than the prediction agrees with all",
        "the prediction is as good as a rater: differences of predictions of which this is so are the raters'",
        "relative_ metrics with their intervals; nsd with the raters' disagreement as its tolerance; more raters",
        "lecture 3.2 and 3.4.5; Nikolov et al. 2021, doi:10.2196/26151",
    ),
)


def rater_flags(
    own: NDArray[np.float64], between: NDArray[np.float64], larger_is_better: bool | None
) -> RaisedFlags:
    """Raise the flags of a metric; none of one that has no better side."""
    if larger_is_better is None:
        return NO_FLAGS
    raised = []
    for flag in RATER_FLAGS:
        measured = flag.function(own, between, larger_is_better)
        if measured > flag.threshold:
            raised.append(RaisedFlag.of(flag.name, measured))
    return RaisedFlags(raised) if raised else NO_FLAGS
