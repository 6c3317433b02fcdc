"""A case, and what came of it: the two values that every way of running cases takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fastseg.cohort.folders import StrPath
from fastseg.results import Evaluation
from fastseg.results.failures import Failure


class Case(NamedTuple):
    """A pair of image files under a name; a prediction that is missing is None.

    `algorithm` is whose prediction it is, "" where there is one for all; `attributes` are what a table of pairs says
    of the case beside its files: site, sex. It can be pickled, and is all that a worker elsewhere needs beside the
    settings.
    """

    name: str
    reference: StrPath
    prediction: StrPath | None
    algorithm: str = ""
    attributes: Mapping[str, str] = {}


def title_of(algorithm: str, case: str) -> str:
    """Name a case, and whose prediction it is where there are several."""
    return f"{algorithm}: {case}" if algorithm else case


@dataclass(frozen=True)
class Outcome:
    """What came of a case: its evaluation, or the failure that kept it from being evaluated. It can be pickled.

    Attributes
    ----------
    case : Case
    evaluation : Evaluation or None
    failure : Failure or None
        One of the two is None.
    notes : tuple of str
        What was assumed in reading and measuring it.
    seconds : float
        How long reading and measuring took, 0 if it was not measured.
    error : Exception or None
        What was raised, if that was in this process.
    """

    case: Case
    evaluation: Evaluation | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    error: Exception | None = field(default=None, compare=False, repr=False)
