"""The fields of an object of JSON, checked as they are taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

from fastseg.errors import InputError
from fastseg.inputs.structures import Label
from fastseg.results.json_values import NOT_FINITE

_ABSENT: Any = object()
_REASONS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Fields:
    """An object of JSON; what is missing or not as it was written is an InputError that says where."""

    def __init__(self, content: dict[str, Any], where: str) -> None:
        self._content, self._where = content, where

    def wrong(self, key: str, expected: str, got: Any) -> NoReturn:
        """Raise the error for a field."""
        told = "nothing" if got is _ABSENT else repr(got)
        raise InputError(f"{self._where}: expected {expected} as {key!r:.80}, got {told:.80}")

    def value(self, key: str, kind: type, expected: str, default: Any = _ABSENT) -> Any:
        """Take a value of one type; true is no number."""
        value = self._content.get(key, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            self.wrong(key, expected, value)
        return value

    def __contains__(self, key: str) -> bool:
        """Tell whether a field is there, be it null."""
        return key in self._content

    def has(self, key: str) -> bool:
        """Tell whether a field is there and not null."""
        return self._content.get(key) is not None

    def text(self, key: str, default: Any = _ABSENT) -> str:
        """Take a text."""
        return str(self.value(key, str, "text", default))

    def texts(self, key: str) -> dict[str, str]:
        """Take an object of texts; none is empty."""
        found = self.object(key, {})
        for part in found.values():
            if not isinstance(part, str):
                self.wrong(key, "an object of texts", part)
        return found

    def one_of(self, known: Sequence[Any], key: str) -> Any:
        """Take one of a few texts."""
        value = self.text(key)
        if value not in known:
            self.wrong(key, f"one of {', '.join(map(repr, known))}", value)
        return value

    def list_of(self, kind: type, key: str, default: Any = _ABSENT) -> list[Any]:
        """Take a list of values of one type."""
        found: list[Any] = self.value(key, list, "a list", default)
        for part in found:
            if not isinstance(part, kind):
                self.wrong(key, "a list of texts" if kind is str else "a list of objects", part)
        return found

    def object(self, key: str, default: Any = _ABSENT) -> dict[str, Any]:
        """Take an object within this one."""
        found: dict[str, Any] = self.value(key, dict, "an object", default)
        return found

    def whole(self, key: str) -> int:
        """Take a whole number that is not negative."""
        value: int = self.value(key, int, "a whole number")
        if value < 0:
            self.wrong(key, "a whole number that is not negative", value)
        return value

    def number(self, key: str) -> float:
        """Take a number; or null, with the reason beside it, and undefined where none is given."""
        value = self._content.get(key, _ABSENT)
        if value is None:
            reason = self.object(NOT_FINITE, {}).get(key, "nan")
            if reason not in _REASONS:
                self.wrong(NOT_FINITE, "'nan', 'inf' or '-inf'", reason)
            return _REASONS[reason]
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 1 << 1000:
            value = float(value)
        if not isinstance(value, float) or not math.isfinite(value):
            self.wrong(key, "a number or null", value)
        return value

    def label(self, key: str) -> Label | None:
        """Take a label: a whole number, the labels of a region joined by ``+``, or null for none."""
        value = self._content.get(key, _ABSENT)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        try:
            return tuple(int(part) for part in value.split("+"))
        except (AttributeError, ValueError):
            self.wrong(key, "a label", value)
