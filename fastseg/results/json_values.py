"""Values as strict JSON, and the ones that JSON lacks beside them.

JSON has no number for what is undefined or infinite: there stands ``null``, and ``"not_finite"`` of the same record
says what it is, ``"nan"``, ``"inf"`` or ``"-inf"``. It has no tuples either, and no keys but text: settings that have
some are written twice, once to be read and once, tagged, to be restored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from fastseg.results.files import encodable

NOT_FINITE = "not_finite"


def record(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make a record of plain values, with the reason for each ``null`` that stands for a number."""
    plainly = {key: plain(value) for key, value in values.items()}
    reasons = {
        key: str(float(values[key]))
        for key, value in plainly.items()
        if value is None and values[key] is not None
    }
    return plainly | {NOT_FINITE: reasons} if reasons else plainly


def plain(value: Any) -> Any:
    """Turn any value into what JSON can say of it: ``null`` for a number only that is not finite."""
    if value is None or type(value) in (bool, int):  # most values, by the hundred thousand
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return encodable(value)
    value = _pythons(value)
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, part in value.items():
            text = encodable(str(key))
            found[text if text not in found else repr(key)] = plain(part)  # 1 and "1" are two
        return found
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return plain(value) if isinstance(value, (bool, int, float)) else encodable(str(value))


def survives(value: Any) -> bool:
    """Tell whether a value is the same again after :func:`plain` and JSON."""
    value = _pythons(value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and survives(part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return not isinstance(value, tuple) and all(map(survives, value))
    return True


def tagged(value: Any) -> Any:
    """Write a value for :func:`untagged`: an object of JSON is a tag and what it holds."""
    value = _pythons(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, Mapping):
        return {"mapping": [[tagged(key), tagged(part)] for key, part in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [tagged(part) for part in value]}
    if isinstance(value, list):
        return [tagged(part) for part in value]
    return plain(value)


def untagged(value: Any) -> Any:
    """Restore what :func:`tagged` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is something else.
    """
    if isinstance(value, list):
        return [untagged(part) for part in value]
    if not isinstance(value, dict):
        return value
    ((tag, held),) = value.items()
    if tag == "mapping":
        return {untagged(key): untagged(part) for key, part in held}
    if tag == "tuple":
        return tuple(map(untagged, held))
    if tag == "float":
        return float(held)
    raise KeyError(tag)


def _pythons(value: Any) -> Any:
    """Turn NumPy's numbers and arrays, and sets, into Python's own numbers and lists."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, AbstractSet):
        return sorted(value, key=repr)
    return value


def lines(parts: Iterable[str]) -> str:
    """Write a list of JSON with one part a line."""
    text = ",\n  ".join(parts)
    return f"[\n  {text}\n ]" if text else "[]"
