"""The registry: what an error of a mask is, and how it is chosen.

An error is one small function of a structure and an amount, which gives the damaged mask; where it makes no sense for
the structure it says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_number, as_whole_number, is_scalar, shown
from fastseg.stressing.structure import Damage, StressedStructure

Function = Callable[[StressedStructure, float], Damage]
Unit = Literal["mm", "%", "slices"]

#: what ``errors=`` takes
ErrorsArgument = str | Iterable[str] | Mapping[str, Any]

#: how many severities there are
SEVERITIES = 5

#: lengths in the units of the spacing, shares of a volume, shares of all there are, and numbers of slices
LENGTHS = (1.0, 2.0, 3.0, 5.0, 8.0)
SMALL_SHARES = (0.5, 1.0, 2.0, 4.0, 8.0)
SHARES = (20.0, 40.0, 60.0, 80.0, 100.0)
NUMBERS = (1.0, 2.0, 3.0, 5.0, 8.0)


@dataclass(frozen=True)
class StressError:
    """An error's function and the facts about it.

    Attributes
    ----------
    name : str
        As in the tables.
    function : callable
        From a structure and an amount to the damaged mask.
    amounts : tuple of float
        What the severities are, from the least to the largest.
    unit : {"mm", "%", "slices"}
        Of the amounts; "mm" is the unit of the spacing.
    what : str
        What is done to the mask, in words.
    of : str
        What the amount is of.
    """

    name: str
    function: Function
    amounts: tuple[float, ...]
    unit: Unit
    what: str
    of: str


class Level(NamedTuple):
    """One severity of an error: its number, from 1, and its amount."""

    severity: int
    amount: float


#: errors and their severities, in the order of the registry
Chosen = tuple[tuple[StressError, tuple[Level, ...]], ...]

_errors: dict[str, StressError] = {}


def error(
    *, amounts: tuple[float, ...], unit: Unit, what: str, of: str
) -> Callable[[Function], Function]:
    """Register a function as the error of its name."""

    def register(function: Function) -> Function:
        name = function.__name__
        _errors[name] = StressError(name, function, amounts, unit, what, of)
        return function

    return register


def list_stress_errors() -> tuple[StressError, ...]:
    """List the errors that :func:`fastseg.stress` makes, with what each does and what its severities are.

    Returns
    -------
    tuple of StressError

    Examples
    --------
    >>> import fastseg
    >>> [error.amounts for error in fastseg.list_stress_errors() if error.name == "erosion"]
    [(1.0, 2.0, 3.0, 5.0, 8.0)]
    """
    return tuple(_errors.values())


def find(name: str) -> StressError:
    """Give the error of a name."""
    return _errors[name]


def as_errors(errors: ErrorsArgument | None, severities: Any) -> Chosen:
    """Check ``errors=`` and ``severities=``.

    Raises
    ------
    InputError, InputTypeError
        For a name that is no error, amounts that do not rise or cannot be, and what are no severities.
    """
    levels = _as_severities(severities)
    if errors is None:
        return tuple((one, _at(one, levels)) for one in _errors.values())
    names = [errors] if isinstance(errors, str) else errors
    if not isinstance(names, Iterable):
        raise InputTypeError(
            f"errors: expected names, or amounts by name, got {shown(errors)}; list_stress_errors() has them"
        )
    names = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names)
    for name in names:
        if name not in _errors:
            raise unknown("errors", name, _errors)
    if not names:
        raise InputError("errors: give at least one name, or None for all")
    return tuple(
        (one, _at(one, levels) if names[name] is None else _as_amounts(one, names[name]))
        for name, one in _errors.items()
        if name in names
    )


def _as_severities(severities: Any) -> tuple[int, ...]:
    """Read how many severities, spread evenly up to the largest, or which."""
    expected = f"severities: expected how many, 1 to {SEVERITIES}, or which of them, got"
    if not is_scalar(severities):
        if isinstance(severities, str) or not isinstance(severities, Iterable):
            raise InputTypeError(f"{expected} {shown(severities)}")
        which = sorted({as_whole_number(one, "severities") for one in severities})
        if not which or which[0] < 1 or which[-1] > SEVERITIES:
            raise InputError(f"{expected} {shown(severities)}")
        return tuple(which)
    many = as_whole_number(severities, "severities")
    if not 1 <= many <= SEVERITIES:
        raise InputError(f"{expected} {shown(severities)}")
    step = (SEVERITIES - 1) / max(many - 1, 1)
    return tuple(SEVERITIES - round(step * back) for back in reversed(range(many)))


def _at(one: StressError, levels: Iterable[int]) -> tuple[Level, ...]:
    """Give the amounts at some severities; an error with one amount has the largest severity alone."""
    first = SEVERITIES - len(one.amounts) + 1
    found = [Level(level, one.amounts[level - first]) for level in levels if level >= first]
    return tuple(found) or (Level(SEVERITIES, one.amounts[-1]),)


def _as_amounts(one: StressError, amounts: Any) -> tuple[Level, ...]:
    """Read amounts of the caller's own."""
    name = f"errors[{one.name!r}]"
    given = [amounts] if is_scalar(amounts) else amounts
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputTypeError(f"{name}: expected amounts in {one.unit}, got {shown(amounts)}")
    expected = f"an amount in {one.unit}"
    found = [as_number(amount, name, expected) for amount in given]
    most = 100.0 if one.unit == "%" else math.inf
    possible = all(0 < amount <= most and math.isfinite(amount) for amount in found)
    if not found or found != sorted(set(found)) or not possible:
        raise InputError(f"{name}: expected rising amounts in {one.unit}, got {shown(amounts)}")
    if one.unit == "slices" and any(amount % 1 for amount in found):
        raise InputError(f"{name}: expected whole numbers of slices, got {shown(amounts)}")
    return tuple(Level(place, amount) for place, amount in enumerate(found, start=1))
