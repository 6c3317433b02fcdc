"""What is known of several raters, as a table: one number a row, with what it is of."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from fastseg.inputs.structures import Label, label_text
from fastseg.results.files import csv_text, written
from fastseg.results.frames import dataframe
from fastseg.results.json_values import lines, plain, record
from fastseg.results.table import text_table

if TYPE_CHECKING:
    import pandas

#: whom a number of all raters together is about
ALL = "raters"
PREDICTION, SAMPLES, CONSENSUS = "prediction", "samples", "consensus"
#: what no rater can be called
RESERVED = (ALL, PREDICTION, SAMPLES, CONSENSUS)


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
        Of whom, beside whom: names of raters, "raters" for all of them, "prediction", "samples", "consensus"; "" for
        nobody.
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
            same = same_structure(one, structure) and one.measure == measure
            if same and {one.first, one.second} == {first, second}:
                return one
        raise no_score(structure, measure, first, second, [one.measure for one in self.scores])

    def value(
        self, structure: str | Label | None, measure: str, first: str = ALL, second: str = ALL
    ) -> float:
        """Find the value of one number; see :meth:`score`."""
        return self.score(structure, measure, first, second).value

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a dictionary for each row; regions are text."""
        return [{**one._asdict(), "label": label_field(one.label)} for one in self.scores]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the table as a pandas DataFrame."""
        return dataframe(self.to_dict(), COLUMNS)

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, delimiter: str = ",") -> str:
        """Write the table as CSV, undefined values as ``nan``, to a file if a path is given."""
        return written(csv_text(list(COLUMNS), self.to_dict(), delimiter), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write settings and rows as strict JSON, to a file if a path is given.

        Where a number is undefined or infinite stands ``null``, and ``not_finite`` of its record says which.
        """
        return written(json_of(self.settings, self.to_dict()), path)

    def __str__(self) -> str:
        """Show what is said of all raters, of the prediction and of the consensus; single pairs are left out."""
        everybody = {*RESERVED, ""}
        shown = [one for one in self.scores if {one.first, one.second} <= everybody]
        cells = [
            [
                one.name,
                one.measure,
                whom(one.first, one.second),
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


def whom(first: str, second: str) -> str:
    """Say of whom a number is."""
    return " and ".join(dict.fromkeys(one for one in (first, second) if one))


def label_field(label: Label | None) -> int | str | None:
    """Write a label for a table; a region is text."""
    return label_text(label) if isinstance(label, tuple) else label


def same_structure(one: Any, structure: str | Label | None) -> bool:
    """Tell whether a number is of a structure, which is given by name or label."""
    if isinstance(structure, str):
        return bool(one.name == structure)
    return bool(one.label == structure)


def no_score(
    structure: str | Label | None, measure: str, first: str, second: str, measures: Iterable[str]
) -> KeyError:
    """Say that there is no such number, and which there are."""
    return KeyError(
        f"no {measure!r} of {structure!r} between {first!r} and {second!r}; there is "
        + ", ".join(dict.fromkeys(map(repr, measures)))
    )


def json_of(
    settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], **more: Sequence[Any]
) -> str:
    """Write settings and rows, one a line, and further lists of records where there are any."""
    parts = {"format": "1", "settings": json.dumps(plain(settings), allow_nan=False)}
    for key, records in {"rows": rows, **more}.items():
        if records or key == "rows":
            parts[key] = lines(json.dumps(record(one), allow_nan=False) for one in records)
    return "{\n" + ",\n".join(f'"{key}": {text}' for key, text in parts.items()) + "\n}\n"
