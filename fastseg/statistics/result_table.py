"""The one kind of table that statistics give: rows by name, and notes on what they are worth."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastseg.results.files import csv_text, encodable, written
from fastseg.results.frames import dataframe
from fastseg.results.table import html_table, text_table

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class ResultTable(Sequence[dict[str, Any]]):
    """Rows of a statistic, and what makes them uncertain.

    Attributes
    ----------
    rows : tuple of dict
        All with the same keys.
    columns : tuple of str
    notes : tuple of str
        What has to be known beside the numbers: too few cases, values left out.
    """

    rows: tuple[dict[str, Any], ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def to_dict(self) -> list[dict[str, Any]]:
        """Give the rows."""
        return list(self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """Give the rows as a pandas DataFrame, whose ``attrs["notes"]`` are the notes."""
        frame = dataframe(self.rows, self.columns)
        frame.attrs["notes"] = list(self.notes)
        return frame

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the rows as CSV, to a file if a path is given, whole or not at all."""
        return written(csv_text(self.columns, self.rows), path)

    def _cells(self) -> list[list[str]]:
        return [
            [f"{v:.4g}" if isinstance(v, float) else encodable(str(v)) for v in row.values()]
            for row in self.rows
        ]

    def _texts(self) -> list[str]:
        """Name the columns of texts, which stand to the left."""
        return [name for name in self.columns if self.rows and isinstance(self.rows[0][name], str)]

    def __str__(self) -> str:
        if not self.rows:
            return "nothing to tell"
        return "\n".join([text_table(self.columns, self._cells(), left=self._texts()), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{note}</p>" for note in self.notes)
        return html_table(list(self.columns), self._cells()) + notes
