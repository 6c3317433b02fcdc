"""What is known of several raters, as a table: one number a row, with what it is of."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from fastseg.inputs.structures import Label, label_text
from fastseg.results.files import csv_text, written
from fastseg.results.frames import dataframe
from fastseg.results.table import text_table

if TYPE_CHECKING:
    import pandas

#: whom a number of all raters together is about
ALL = "raters"


class RaterScore(NamedTuple):
    """One number.

    Attributes
    ----------
    label : int, tuple of int or None
        The structure; None for all labels together.
    name : str
        What it is called, "all labels" for all.
    measure : str
    first, second : str
        Of whom, beside whom: names of raters, "raters" for all of them, "prediction", "consensus"; "" for nobody.
    value : float
    low, high : float
        A 95 % interval, nan where there is none.
    """

    label: Label | None
    name: str
    measure: str
    first: str
    second: str
    value: float
    low: float = math.nan
    high: float = math.nan


COLUMNS = RaterScore._fields


@dataclass(frozen=True)
class RaterEvaluation:
    """The agreement of several raters, and a prediction beside them.

    ``evaluation.value("liver", "dice")`` is the mean of all pairs of raters, ``evaluation.value("liver", "dice",
    "prediction", "consensus")`` what is said of these two.

    Attributes
    ----------
    scores : tuple of RaterScore
    settings : dict
        What the numbers depend on.
    """

    scores: tuple[RaterScore, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[RaterScore]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def score(
        self, structure: str | Label | None, measure: str, first: str = ALL, second: str = ALL
    ) -> RaterScore:
        """Find one number, with its interval.

        Parameters
        ----------
        structure : str, int, tuple of int or None
            By name or label; None is all labels together.
        measure : str
        first, second : str
            In either order.
        """
        for one in self.scores:
            same = one.name == structure or (
                one.label == structure and not isinstance(structure, str)
            )
            if same and one.measure == measure and {one.first, one.second} == {first, second}:
                return one
        raise KeyError(
            f"no {measure!r} of {structure!r} between {first!r} and {second!r}; there is "
            + ", ".join(dict.fromkeys(f"{one.measure!r}" for one in self.scores))
        )

    def value(
        self, structure: str | Label | None, measure: str, first: str = ALL, second: str = ALL
    ) -> float:
        """Find the value of one number; see :meth:`score`."""
        return self.score(structure, measure, first, second).value

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a dictionary for each row; regions are text."""
        return [
            {
                **one._asdict(),
                "label": label_text(one.label) if isinstance(one.label, tuple) else one.label,
            }
            for one in self.scores
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the table as a pandas DataFrame."""
        return dataframe(self.to_dict(), COLUMNS)

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, delimiter: str = ",") -> str:
        """Write the table as CSV, undefined values as ``nan``, to a file if a path is given."""
        return written(csv_text(list(COLUMNS), self.to_dict(), delimiter), path)

    def __str__(self) -> str:
        """Show what is said of all raters, of the prediction and of the consensus; single pairs are left out."""
        everybody = {ALL, "prediction", "consensus", ""}
        shown = [one for one in self.scores if {one.first, one.second} <= everybody]
        cells = [
            [
                one.name,
                one.measure,
                _whom(one),
                f"{one.value:.4f}",
                "" if math.isnan(one.low) else f"{one.low:.4f} to {one.high:.4f}",
            ]
            for one in shown
        ]
        text = text_table(
            ("name", "measure", "of", "value", "95 %"), cells, left=("name", "measure", "of")
        )
        more = len(self.scores) - len(shown)
        return text + (
            f"\n({more} more of single raters: to_dict(), to_pandas(), to_csv())" if more else ""
        )


def _whom(score: RaterScore) -> str:
    return " and ".join(dict.fromkeys(one for one in (score.first, score.second) if one))
