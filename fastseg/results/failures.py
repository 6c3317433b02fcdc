"""A case that could not be evaluated, as a record that stands beside the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fastseg.errors import one_line


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
    """

    case: str
    kind: str
    message: str
    algorithm: str = ""
    traceback: str = ""

    @classmethod
    def of(
        cls, error: BaseException, case: str, algorithm: str = "", traceback: str = ""
    ) -> Failure:
        """Tell an error of a case in one line."""
        return cls(case, type(error).__name__, one_line(error), algorithm, traceback)

    def to_dict(self) -> dict[str, Any]:
        """Give the record, as it stands in files."""
        return asdict(self)
