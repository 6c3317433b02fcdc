"""A case that could not be evaluated, as a record that stands beside the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastseg.errors import one_line
from fastseg.results.attributes import NO_ATTRIBUTES, Attributes


@dataclass(frozen=True)
class Failure:
    """Why a case has no rows.

    Attributes
    ----------
    case, algorithm : str
        As in its rows, if it had any.
    kind : str
        The name of the error's class: "GridMismatchError".
    message : str
        What it said, in one line.
    traceback : str
        Where it was raised, for errors that are not about what was given; else "".
    attributes : mapping
        What else is known of the case, as in its rows.
    """

    case: str
    kind: str
    message: str
    algorithm: str = ""
    traceback: str = ""
    attributes: Mapping[str, str] = NO_ATTRIBUTES

    @classmethod
    def of(
        cls,
        error: BaseException,
        case: str,
        algorithm: str = "",
        traceback: str = "",
        attributes: Mapping[str, str] = NO_ATTRIBUTES,
    ) -> Failure:
        """Tell an error of a case in one line."""
        kind, message = type(error).__name__, one_line(error)
        return cls(case, kind, message, algorithm, traceback, Attributes(attributes))

    @property
    def reason(self) -> str:
        """The class of the error and what it said."""
        return f"{self.kind}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Give the record, as it stands in files: without what there is none of."""
        found: dict[str, Any] = {"case": self.case, "kind": self.kind, "message": self.message}
        if self.algorithm:
            found["algorithm"] = self.algorithm
        if self.traceback:
            found["traceback"] = self.traceback
        if self.attributes:
            found["attributes"] = dict(self.attributes)
        return found
