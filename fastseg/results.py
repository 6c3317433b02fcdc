"""What ``evaluate()`` returns: one row per case and label, and the ways to look at them."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastseg.choices import did_you_mean
from fastseg.errors import InputError, MissingPackageError
from fastseg.metrics import Counts, Empty, resolve
from fastseg.summary import Summary, summarise

if TYPE_CHECKING:
    import pandas

Label = int | tuple[int, ...]

# Shown by str() where there are more metrics than fit a terminal.
_SHOWN = ("dice", "iou", "precision", "recall", "volume_similarity", "hd", "hd95", "assd", "nsd")


def label_text(label: Label) -> str:
    """A label id, or the ids of a region joined by ``+``."""
    return "+".join(str(part) for part in label) if isinstance(label, tuple) else str(label)


@dataclass(frozen=True)
class LabelResult(Mapping[str, float]):
    """One structure of one case: a mapping from metric names to values.

    Attributes
    ----------
    case, name : str
        Names of the case and of the structure.
    label : int or tuple of int
        The label, or the labels of a region.
    values_by_metric : dict
        Metric name to float.
    counts : Counts
        TP, FP, FN, TN and the volume of a voxel.
    empty : {"", "reference", "prediction", "both"}
        Which of the masks is empty.
    empty_policy : str
        The policy that decided on undefined values, "" if neither mask is empty.
    """

    case: str
    label: Label
    name: str
    values_by_metric: Mapping[str, float]
    counts: Counts
    empty: Empty
    empty_policy: str

    def __getitem__(self, metric: str) -> float:
        try:
            return self.values_by_metric[metric]
        except KeyError:
            raise KeyError(
                f"{metric!r} was not evaluated; {did_you_mean(metric, self.values_by_metric)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_metric)

    def __len__(self) -> int:
        return len(self.values_by_metric)

    def to_dict(self) -> dict[str, Any]:
        """The row of the table: case, label, name, metrics, volumes, counts, what is empty and what was applied."""
        counts = self.counts
        return {
            "case": self.case,
            "label": self.label if isinstance(self.label, int) else label_text(self.label),
            "name": self.name,
            **self.values_by_metric,
            "volume_reference": counts.reference * counts.voxel_volume,
            "volume_prediction": counts.prediction * counts.voxel_volume,
            "tp": counts.tp,
            "fp": counts.fp,
            "fn": counts.fn,
            "tn": counts.tn,
            "empty": self.empty,
            "empty_policy": self.empty_policy,
        }


@dataclass(frozen=True)
class Evaluation:
    """The metrics of every label of one case, or of several cases.

    ``evaluation[1]["hd95"]`` and ``evaluation["liver"]["dice"]`` are single values; with several cases,
    ``evaluation["case_07"]["liver"]["dice"]``.

    Attributes
    ----------
    rows : tuple of LabelResult
        In the order of cases and labels.
    metrics : tuple of str
        Names of the metrics evaluated.
    settings : dict
        What the numbers depend on: spacing, tolerance, boundary, percentile method, empties policy, versions.
    """

    rows: tuple[LabelResult, ...]
    metrics: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def joined(cls, evaluations: Iterable[Evaluation]) -> Evaluation:
        """One evaluation of all the cases of several, which must have the same metrics.

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

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases, each once."""
        return tuple(dict.fromkeys(row.case for row in self.rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LabelResult]:
        return iter(self.rows)

    def __getitem__(self, key: Label | str) -> Any:
        if len(self.cases) > 1:
            if key not in self.cases:
                raise KeyError(f"no case {key!r}; {did_you_mean(key, self.cases)}")
            rows = tuple(row for row in self.rows if row.case == key)
            return Evaluation(rows, self.metrics, self.settings)
        for row in self.rows:
            if key in (row.label, row.name) and not isinstance(key, bool):
                return row
        known = dict.fromkeys(text for row in self.rows for text in (row.name, row.label))
        raise KeyError(f"label {key!r} was not evaluated; {did_you_mean(key, known)}")

    def summary(self, by_label: bool = False) -> Summary:
        """Mean, median, quantiles and the number of undefined rows of each metric.

        Parameters
        ----------
        by_label : bool
            One summary for each label over the cases, instead of one over all rows.
        """
        groups: dict[str, list[LabelResult]] = {}
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
        """The table as a list of rows."""
        return [row.to_dict() for row in self.rows]

    def to_pandas(self) -> pandas.DataFrame:
        """The table as a pandas DataFrame."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPackageError(
                'to_pandas needs pandas: pip install "fastseg-metrics[pandas]"'
            ) from error
        return pandas.DataFrame(self.to_dict())

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The table as CSV, undefined values as ``nan``, written to a file if a path is given.

        The file is written whole or not at all.
        """
        text = io.StringIO()
        nothing = LabelResult(
            "", 0, "", dict.fromkeys(self.metrics, 0.0), Counts(0, 0, 0, 0), "", ""
        )
        writer = csv.DictWriter(text, list(nothing.to_dict()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.to_dict())
        return _written(text.getvalue(), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Rows, settings and summary as JSON, written to a file if a path is given.

        JSON has no numbers for them, so undefined values are ``null`` and infinite ones the text ``"inf"``. The file
        is written whole or not at all.
        """
        content = {
            "settings": dict(self.settings),
            "rows": self.to_dict(),
            "summary": self.summary().to_dict(),
        }
        return _written(json.dumps(_plain(content), indent=1, allow_nan=False) + "\n", path)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Header and cells for a person, with the best-known metrics where there are too many."""
        shown = [name for name in _SHOWN if name in self.metrics]
        if len(self.metrics) <= len(_SHOWN) + 1 or not shown:
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
        widths = [max(len(row[i]) for row in [header, *cells]) for i in range(len(header))]
        left = {i for i, name in enumerate(header) if name in ("case", "name", "empty")}
        lines = [
            "  ".join(
                cell.ljust(width) if i in left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [header, *cells]
        ]
        more = len(self.metrics) - sum(name.split(" [")[0] in self.metrics for name in header)
        if more:
            lines.append(f"({more} more metrics: to_dict(), to_pandas(), to_csv(), to_json())")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        import html

        header, cells = self._table()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in cells
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shortened(text: str, width: int = 32) -> str:
    """A name for the tables that a person reads: a region of many labels would fill the line."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _plain(value: Any) -> Any:
    """Replace the floats that JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    """Write the text to a file beside its target and then move it there, so that no half of it is ever seen."""
    if path is None:
        return text
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    return text
