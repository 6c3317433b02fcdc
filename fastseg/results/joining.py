"""Several evaluations as one: every case under a name of its own, and the settings that all have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastseg.errors import InputError
from fastseg.results.rows import Row
from fastseg.results.units import joined_units

_REMEDY = "name the cases, as in evaluate(…, case='a') or Evaluation.joined({'a': …, 'b': …})"


def renamed(rows: Sequence[Row], name: str) -> tuple[Row, ...]:
    """Give the rows of one case another case's name.

    Raises
    ------
    InputError
        If they are of several cases.
    """
    cases = dict.fromkeys(row.case for row in rows)
    if len(cases) > 1:
        raise InputError(
            f"joined: the evaluation under the name {name!r:.80} has {len(cases)} cases already, "
            f"{', '.join(map(repr, cases)):.80}: give it in a list, not under a name"
        )
    return tuple(replace(row, case=name) for row in rows)


class Joined:
    """The rows of evaluations that come one after another, each structure of each case once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._count = 0
        self._first: dict[tuple[str, ...], int] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Add the rows of the next evaluation.

        Raises
        ------
        InputError
            If an earlier one has the same structure of the same case, or if neither has a name for its case: a
            look-up would find the one or the other.
        """
        self._count += 1
        for row in rows:
            key = (row.case, row.level, row.name) if row.case else ("",)
            first = self._first.setdefault(key, self._count)
            if first != self._count:
                which = f"joined: evaluations {first} and {self._count}"
                if not row.case:
                    raise InputError(f"{which} have no name for their case: {_REMEDY}")
                raise InputError(
                    f"{which} both have the structure {row.name!r:.80} of a case {row.case!r:.80}: "
                    f"{_REMEDY}"
                )
        self.rows += rows


def common_settings(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Keep the settings that all have, and say which units there are where they differ in these."""
    common = {
        key: value
        for key, value in parts[0].items()
        if all(key in part and part[key] == value for part in parts)
    }
    units = joined_units(parts)
    if "unit" not in common:
        common["unit"] = units["unit"]
    if "spacing" not in common:
        common["axes"] = units["axes"]
    return common
