"""Several evaluations as one: every case under a name of its own, and the settings that all have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from fastseg.errors import InputError
from fastseg.inputs.structures import SIDES
from fastseg.results.failures import Failure
from fastseg.results.missing import missing_predictions, with_missing
from fastseg.results.problems import UNLISTED
from fastseg.results.rows import Row
from fastseg.results.units import joined_units

_REMEDY = "name the cases, as in evaluate(…, case='a') or Evaluation.joined({'a': …, 'b': …})"


class Part(NamedTuple):
    """What an evaluation is joined from, beside its metrics."""

    rows: tuple[Row, ...]
    settings: Mapping[str, Any]
    failures: tuple[Failure, ...]


def renamed(part: Part, name: str) -> Part:
    """Give the one case of an evaluation another name.

    Raises
    ------
    InputError
        If it has several cases.
    """
    missing = missing_predictions(part.settings)
    names = [row.case for row in part.rows] + [failure.case for failure in part.failures]
    cases = dict.fromkeys([*names, *(one.case for one in missing)])
    if len(cases) > 1:
        raise InputError(
            f"joined: the evaluation under the name {name!r:.80} has {len(cases)} cases already, "
            f"{', '.join(map(repr, cases)):.80}: give it in a list, not under a name"
        )
    settings = part.settings
    if missing:
        settings = with_missing(settings, [one._replace(case=name) for one in missing])
    return Part(
        tuple(replace(row, case=name) for row in part.rows),
        settings,
        tuple(replace(failure, case=name) for failure in part.failures),
    )


class Joined:
    """The rows of evaluations that come one after another, each structure of each case and algorithm once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._count = 0
        self._first: dict[tuple[str, ...], int] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Add the rows of the next evaluation.

        Raises
        ------
        InputError
            If an earlier one has the same structure of the same case by the same algorithm, or if neither has a name
            for its case: a look-up would find the one or the other.
        """
        self._count += 1
        for row in rows:
            key = (row.algorithm, row.case, row.level, row.name) if row.case else (row.algorithm,)
            first = self._first.setdefault(key, self._count)
            if first != self._count:
                which = f"joined: evaluations {first} and {self._count}"
                by = f" by the algorithm {row.algorithm!r:.80}" if row.algorithm else ""
                if not row.case:
                    raise InputError(f"{which} have no name for their case: {_REMEDY}")
                raise InputError(
                    f"{which} both have the structure {row.name!r:.80} of a case {row.case!r:.80}"
                    f"{by}: {_REMEDY}"
                )
        self.rows += rows


def common_settings(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Keep the settings that all have, say which units there are where they differ in these, and what all miss.

    Voxels of labels that were not asked for are added up.
    """
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
    if any(UNLISTED in part for part in parts):
        common[UNLISTED] = _all_unlisted(parts)
    return with_missing(common, [one for part in parts for one in missing_predictions(part)])


def _all_unlisted(parts: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, int]]:
    total: dict[str, Counter[int]] = {side: Counter() for side in SIDES}
    for part in parts:
        for side, sizes in part.get(UNLISTED, {}).items():
            total[side].update(sizes)
    return {side: dict(sorted(sizes.items())) for side, sizes in total.items() if sizes}
