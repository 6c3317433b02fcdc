"""Finding the rows of a case and of a structure, in constant time, and never one of several in silence."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.structures import Label
from fastseg.results.failures import Failure
from fastseg.results.rows import Row
from fastseg.threads import lazy

#: A wrong key is compared with this many known ones at most: a loop that asks for thousands of labels that are not
#: there, among thousands, would take hours.
_COMPARED = 1000


class Index:
    """The rows of an evaluation by case, and those of the level "structure" by name and by label.

    Attributes
    ----------
    by_case : dict
        From a case's name to all its rows.
    """

    def __init__(self, rows: Iterable[Row], failures: Iterable[Failure] = ()) -> None:
        self._failures = failures
        self.by_case: dict[str, list[Row]] = {}
        # Most often one row has a key, so that no list is made of it: twenty thousand labels are indexed in 10 ms.
        self._first: dict[Label | str, Row] = {}
        self._several: dict[Label | str, list[Row]] = {}
        for row in rows:
            self.by_case.setdefault(row.case, []).append(row)
            if row.level == "structure":
                for key in (row.name, row.label):
                    first = self._first.setdefault(key, row)
                    if first is not row:
                        self._several.setdefault(key, [first]).append(row)

    def is_case(self, key: object) -> bool:
        """Tell whether a key is the name of a case."""
        return isinstance(key, str) and key in self.by_case

    def is_structure(self, key: object) -> bool:
        """Tell whether a key is the name or the label of a structure: not True, which equals 1."""
        try:
            return not isinstance(key, (bool, np.bool_)) and key in self._first
        except TypeError:  # what cannot be hashed
            return False

    def row(self, structure: Any, where: str = "") -> Row:
        """Find the one row of a structure; `where` is for the error.

        Raises
        ------
        KeyError
            If there is none, or if there are several.
        """
        if not self.is_structure(structure):
            raise self.no_structure(structure, where)
        if structure in self._several:
            raise KeyError(_too_many(structure, self._several[structure]))
        return self._first[structure]

    @lazy
    def _structure_names(self) -> list[str]:
        """All names and labels as text, each once: most often a label's name is its id."""
        return list(dict.fromkeys(map(str, self._first)))

    def no_structure(self, key: object, where: str = "", *, or_case: bool = False) -> KeyError:
        """Make the error for a key that is no structure (and no case)."""
        known: Iterable[str] = self._structure_names
        if or_case:
            if any(failure.case == key for failure in self._failures):
                return self.no_case(key)
            known = dict.fromkeys((*self._structure_names, *self.by_case))
        return KeyError(f"label {key!r:.80} was not evaluated{where}; {_hint(key, known)}")

    def no_case(self, key: object) -> KeyError:
        """Make the error for a key that is no case, or one that failed."""
        for failure in self._failures:
            if failure.case == key:
                return KeyError(
                    f"the case {key!r:.80} could not be evaluated: {failure.reason:.300}"
                )
        return KeyError(f"no case {key!r:.80}; {_hint(key, self.by_case)}")


def _too_many(structure: Any, rows: Sequence[Row]) -> str:
    """Say why a structure has several rows, and how to ask for one of them."""
    algorithms = list(dict.fromkeys(row.algorithm for row in rows))
    cases = list(dict.fromkeys(row.case for row in rows))
    if len(algorithms) > 1:
        key = f"{cases[0]!r:.80}, {structure!r:.80}"
        return (
            f"{len(algorithms)} algorithms have the label {structure!r:.80}: choose one, as in "
            f"evaluation.algorithm({algorithms[0]!r:.80})[{key}]"
        )
    if len(cases) > 1:
        return (
            f"{len(cases)} cases have the label {structure!r:.80}: name one, as in "
            f"evaluation[{cases[0]!r:.80}, {structure!r:.80}]"
        )
    names = list(dict.fromkeys(row.name for row in rows))
    if len(names) > 1:
        return (
            f"{len(names)} structures have the label {structure!r:.80}: ask by name, "
            f"{' or '.join(map(repr, names)):.160}"
        )
    return (
        f"{len(rows)} rows are of the structure {structure!r:.80} of the case {cases[0]!r:.80}: "
        "give the cases names of their own"
    )


def _hint(wrong: object, known: Iterable[str]) -> str:
    return did_you_mean(wrong, filter(None, itertools.islice(known, _COMPARED)))
