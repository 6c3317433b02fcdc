"""The registry: what a flag is, and how it is chosen.

A flag is one small function of the facts of a case, which gives a measured quantity of each structure; it is raised
where that lies beyond its threshold. It never changes a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, InputTypeError
from fastseg.flags.cohort import COHORT_FLAGS, CohortFlag
from fastseg.flags.facts import CaseFacts
from fastseg.flags.raters import RATER_FLAGS, RaterFlag
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import shown

Function = Callable[[CaseFacts], NDArray[np.float64]]

#: what ``flags=`` takes
FlagsArgument = bool | str | Iterable[str] | Mapping[str, float | bool]

#: names and thresholds, in the order of the registry
Chosen = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Flag:
    """A flag's function and the facts about it.

    Attributes
    ----------
    name : str
        As in the tables.
    function : callable
        From :class:`~fastseg.flags.facts.CaseFacts` to what is measured of each structure, (n,); nan where it does not
        apply.
    threshold : float
        Above which it is raised.
    measures : str
        What is measured, in words.
    effect : str
        What it does to which metrics.
    instead : str
        What to look at instead.
    figure : str
        The figure, or the section, that shows it.
    """

    name: str
    function: Function
    threshold: float
    measures: str
    effect: str
    instead: str
    figure: str


_flags: dict[str, Flag] = {}


def flag(
    *, threshold: float, measures: str, effect: str, instead: str, figure: str
) -> Callable[[Function], Function]:
    """Register a function as the flag of its name."""

    def register(function: Function) -> Function:
        name = function.__name__
        _flags[name] = Flag(name, function, threshold, measures, effect, instead, figure)
        return function

    return register


@overload
def list_flags(of: Literal["rows"] = "rows") -> tuple[Flag, ...]: ...
@overload
def list_flags(of: Literal["cohorts"]) -> tuple[CohortFlag, ...]: ...
@overload
def list_flags(of: Literal["raters"]) -> tuple[RaterFlag, ...]: ...
def list_flags(of: str = "rows") -> tuple[Any, ...]:
    """List all flags, with what each measures, its threshold, its effect and what to look at instead.

    Parameters
    ----------
    of : {"rows", "cohorts", "raters"}
        Of rows of structures, which ``flags=`` chooses; of a structure over its cases, as ``evaluation.flags`` has
        them; of a prediction beside several raters, as :func:`evaluate_raters` has them.

    Returns
    -------
    tuple of Flag
        Each with its name, function, threshold, measures, effect, instead and figure.

    Raises
    ------
    InputError
        For another kind.

    Examples
    --------
    >>> import fastseg
    >>> [flag.threshold for flag in fastseg.list_flags() if flag.name == "small_structure"]
    [0.02]
    """
    kinds: dict[str, tuple[Any, ...]] = {"cohorts": COHORT_FLAGS, "raters": RATER_FLAGS}
    if of == "rows":
        return tuple(_flags.values())
    if not isinstance(of, str) or of not in kinds:
        raise unknown("of", of, ("rows", *kinds))
    return kinds[of]


def find(name: str) -> Flag:
    """Give the flag of a name."""
    return _flags[name]


def as_flags(flags: Any) -> Chosen:
    """Check ``flags=``: which are looked for, and beyond which threshold.

    Parameters
    ----------
    flags : bool, str, iterable of str, or mapping of str to float or bool
        All, none, some by name; a mapping changes thresholds, or switches single ones off, and leaves the others.

    Raises
    ------
    InputError, InputTypeError
        For a name that is no flag, and for what is no threshold.
    """
    if isinstance(flags, (bool, np.bool_)):
        return tuple((one.name, one.threshold) for one in _flags.values()) if flags else ()
    if isinstance(flags, Mapping):
        thresholds: dict[str, float] = {}
        for name, one in _known(flags).items():
            value = flags.get(name, True)
            if isinstance(value, (bool, np.bool_)):
                thresholds |= {name: one.threshold} if value else {}
            elif isinstance(value, (int, float, np.number)) and math.isfinite(value):
                thresholds[name] = float(value)
            else:
                raise InputError(f"flags: expected a threshold of {name!r}, got {shown(value)}")
        return tuple(thresholds.items())
    names = [flags] if isinstance(flags, str) else flags
    if not isinstance(names, Iterable):
        raise InputTypeError(
            f"flags: expected True, False, names, or thresholds by name, got {shown(flags)}"
        )
    names = list(names)
    return tuple((name, one.threshold) for name, one in _known(names).items() if name in names)


def _known(names: Iterable[Any]) -> Mapping[str, Flag]:
    """Give the flags, after all names have been found to be of some."""
    for name in names:
        if name not in _flags:
            raise unknown("flags", name, tuple(_flags))
    return _flags
