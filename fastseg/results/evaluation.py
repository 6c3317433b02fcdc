"""What ``evaluate()`` returns: one row per case and structure, and the ways to look at them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastseg.errors import InputError, MissingPackageError
from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.structures import Label, label_text
from fastseg.metrics import resolve
from fastseg.results.files import csv_text, json_text, written
from fastseg.results.rows import Row, columns
from fastseg.results.summary import Summary, summarise
from fastseg.results.table import html_table, text_table
from fastseg.threads import lazy

if TYPE_CHECKING:
    import pandas

#: shown for people where there are more metrics than a terminal takes
BEST_KNOWN = (
    "dice",
    "iou",
    "precision",
    "recall",
    "volume_similarity",
    "hd",
    "hd95",
    "assd",
    "nsd",
)


@dataclass(frozen=True)
class Evaluation:
    """The metrics of every structure of one case, or of several cases.

    ``evaluation["liver"]["dice"]`` and ``evaluation[1]["hd95"]`` are single values, ``evaluation["case_07", "liver"]``
    is a row of several cases, ``evaluation.case("case_07")`` all rows of one.

    Attributes
    ----------
    rows : tuple of Row
        In the order of cases and labels.
    metrics : tuple of str
        Names of the metrics evaluated.
    settings : dict
        What the numbers depend on: spacing, tolerance, boundary, percentile method, empties policy, versions.
    """

    rows: tuple[Row, ...]
    metrics: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def joined(cls, evaluations: Iterable[Evaluation]) -> Evaluation:
        """Join the cases of several evaluations, which must have the same metrics.

        Raises
        ------
        ValueError
            If there is none, or if their metrics differ.
        """
        parts = list(evaluations)
        if not parts:
            raise InputError("joined: expected at least one evaluation")
        if len({part.metrics for part in parts}) > 1:
            raise InputError("joined: the evaluations have different metrics")
        common = {
            key: value
            for key, value in parts[0].settings.items()
            if all(part.settings.get(key) == value for part in parts)
        }
        return cls(tuple(row for part in parts for row in part.rows), parts[0].metrics, common)

    # ------------------------------------------------------------------------------ looking up

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases, each once."""
        return tuple(self._by_case)

    @lazy
    def _by_case(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.case, []).append(row)
        return found

    @lazy
    def _by_structure(self) -> dict[Label | str, list[Row]]:
        """The rows of the level "structure" by their name, and by their label."""
        found: dict[Label | str, list[Row]] = {}
        for row in self.rows:
            if row.level == "structure":
                for key in (row.name, row.label):
                    found.setdefault(key, []).append(row)
        return found

    @lazy
    def _by_case_and_structure(self) -> dict[tuple[str, Label | str], Row]:
        found: dict[tuple[str, Label | str], Row] = {}
        for key, rows in self._by_structure.items():
            for row in rows:
                found.setdefault((row.case, key), row)
        return found

    def case(self, name: str) -> Evaluation:
        """Give all rows of one case.

        Raises
        ------
        KeyError
            If there is none of this name; it names the nearest.
        """
        if name not in self._by_case:
            raise KeyError(f"no case {name!r}; {did_you_mean(name, self._by_case)}")
        return Evaluation(tuple(self._by_case[name]), self.metrics, self.settings)

    def row(self, structure: Label | str, case: str | None = None) -> Row:
        """Give the row of a structure, of the only case that has it or of the one that is named.

        Parameters
        ----------
        structure : str, int or tuple of int
            Its name, its label, or the labels of a region.
        case : str, optional
            Needed where several cases have this structure.

        Raises
        ------
        KeyError
            If there is none; it names the nearest. Also if there are several.
        """
        if isinstance(structure, bool) or structure not in self._by_structure:
            raise KeyError(
                f"label {structure!r} was not evaluated; {did_you_mean(structure, self._by_structure)}"
            )
        if case is not None:
            found = self._by_case_and_structure.get((case, structure))
            if found is None:
                raise KeyError(
                    f"case {case!r} has no label {structure!r}; {did_you_mean(case, self._by_case)}"
                )
            return found
        rows = self._by_structure[structure]
        cases = list(dict.fromkeys(row.case for row in rows))
        if len(cases) > 1:
            raise KeyError(
                f"{len(cases)} cases have the label {structure!r}: name one, as in "
                f"evaluation[{cases[0]!r}, {structure!r}]"
            )
        return rows[0]

    def __getitem__(self, key: Any) -> Any:
        """Look up ``[structure]``, ``[case, structure]`` or ``[case]``, whatever the number of cases.

        One key is a structure's name or label, or else a case's name; what is both is an error.
        """
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], str):
            return self.row(key[1], key[0])
        is_case = isinstance(key, str) and key in self._by_case
        if is_case and key in self._by_structure:
            raise KeyError(
                f"{key!r} names a case and a structure: ask for .case({key!r}) or .row({key!r})"
            )
        if not is_case and isinstance(key, str) and key not in self._by_structure:
            known = [*self._by_structure, *self._by_case]
            raise KeyError(f"label {key!r} was not evaluated; {did_you_mean(key, known)}")
        return self.case(key) if is_case else self.row(key)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    # -------------------------------------------------------------------------------- as tables

    def summary(self, by_label: bool = False) -> Summary:
        """Summarise each metric: mean, median, quantiles and the number of undefined rows.

        Parameters
        ----------
        by_label : bool
            One summary for each label over the cases, instead of one over all rows.
        """
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.name if by_label else "all", []).append(row)
        return Summary(
            {
                (group, metric): summarise([row[metric] for row in rows])
                for group, rows in groups.items()
                for metric in self.metrics
            }
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """Give the table as a list of rows."""
        return [row.to_dict() for row in self.rows]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the table as a pandas DataFrame."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPackageError(
                'to_pandas needs pandas: pip install "fastseg-metrics[pandas]"'
            ) from error
        return pandas.DataFrame(self.to_dict(), columns=columns(self.metrics))

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the table as CSV, undefined values as ``nan``, to a file if a path is given.

        The file is written whole or not at all.
        """
        return written(csv_text(columns(self.metrics), self.to_dict()), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write rows, settings and summary as JSON, to a file if a path is given.

        JSON has no numbers for them, so undefined values are ``null`` and infinite ones the text ``"inf"``. The file
        is written whole or not at all.
        """
        content = {
            "settings": dict(self.settings),
            "rows": self.to_dict(),
            "summary": self.summary().to_dict(),
        }
        return written(json_text(content), path)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Header and cells for a person, with the best-known metrics where there are too many."""
        shown = [name for name in BEST_KNOWN if name in self.metrics]
        if len(self.metrics) <= len(BEST_KNOWN) + 1 or not shown:
            shown = list(self.metrics)
        several = len(self.cases) > 1
        header = [*(["case"] if several else []), "label", "name", *shown, "empty"]
        units = {entry.name: entry.unit for entry in resolve(self.metrics)} if self.metrics else {}
        header = [f"{name} [{units[name]}]" if units.get(name) else name for name in header]
        cells = [
            [
                *([row.case] if several else []),
                _shortened(label_text(row.label)),
                _shortened(row.name),
                *(f"{row[name]:.4g}" for name in shown),
                row.empty,
            ]
            for row in self.rows
        ]
        keep = [
            i
            for i, name in enumerate(header)
            if name != "empty" or any(row.empty for row in self.rows)
        ]
        return [header[i] for i in keep], [[row[i] for i in keep] for row in cells]

    def __str__(self) -> str:
        if not self.rows:
            return "nothing to evaluate: neither map has a label but the background"
        header, cells = self._table()
        lines = [text_table(header, cells, left=("case", "name", "empty"))]
        more = len(self.metrics) - sum(name.split(" [")[0] in self.metrics for name in header)
        if more:
            lines.append(f"({more} more metrics: to_dict(), to_pandas(), to_csv(), to_json())")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_table(*self._table())


def _shortened(text: str, width: int = 32) -> str:
    """Shorten a name for the tables that a person reads: a region of many labels would fill the line."""
    return text if len(text) <= width else text[: width - 1] + "…"
