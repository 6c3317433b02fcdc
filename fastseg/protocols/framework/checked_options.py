"""What overrides a protocol's options: of the same kind as the organiser's value, and within limits."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_flag, as_number, as_whole_number, shown
from fastseg.protocols.framework.protocol import Protocol

# What a number may be unless a protocol says otherwise: distances, volumes and counts are not negative.
_LIMITS = 0.0, math.inf


def checked_options(protocol: Protocol, given: Mapping[str, Any]) -> dict[str, Any]:
    """Take the organiser's values, and what overrides them.

    Parameters
    ----------
    protocol : Protocol
    given : mapping
        Truth values, numbers, text, or several of one kind, as the organiser's value is; where that is None, anything.

    Raises
    ------
    InputError, InputTypeError
        For an unknown option, a value of another kind, nan, infinity, and what lies beyond the limits.
    """
    values = dict(protocol.options)
    for name, value in given.items():
        if name not in values:
            raise unknown(f"protocol {protocol.name}", name, values, "option")
        limits = protocol.limits.get(name, _LIMITS)
        own = values[name]
        several = isinstance(own, tuple)
        if own is None:
            values[name] = value
        elif not several:
            values[name] = _checked(name, value, own, limits)
        elif isinstance(value, (list, tuple)):
            values[name] = tuple(_checked(name, one, own[0], limits) for one in value)
        elif isinstance(own[0], float) and isinstance(value, (int, float)):
            values[name] = (_checked(name, value, own[0], limits),)
        else:
            what = "numbers" if isinstance(own[0], float) else "names"
            raise InputTypeError(
                f"{name}: expected several {what}, such as {own!r}, got {shown(value)}"
            )
    return values


def _checked(name: str, value: Any, own: Any, limits: tuple[float, float]) -> Any:
    """Take one value of the kind that the organiser's is."""
    if isinstance(own, bool):
        return as_flag(value, name)
    if isinstance(own, str):
        if not isinstance(value, (str, os.PathLike)):
            raise InputTypeError(f"{name}: expected text, got {shown(value)}")
        return os.fspath(value)
    if isinstance(own, int):
        number: float = as_whole_number(
            value, name, f"expected a whole number such as {own or max(1, int(limits[0]))}"
        )
    else:
        number = as_number(value, name, f"a number such as {own!r}")
    least, most = limits
    if not (least <= number <= most and math.isfinite(number)):
        wanted = (
            f"from {least:.12g} to {most:.12g}" if math.isfinite(most) else "that is not negative"
        )
        if least > 0 and not math.isfinite(most):
            wanted = f"of at least {least:.12g}"
        what = "whole number" if isinstance(own, int) else "finite number"
        raise InputError(f"{name}: expected a {what} {wanted}, got {shown(value)}")
    return number
