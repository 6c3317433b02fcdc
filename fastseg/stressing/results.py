"""What :func:`fastseg.stress` returns: the values of all metrics for every error, and what they amount to."""

from __future__ import annotations

import importlib.util
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastseg.errors import InputError, MissingPackageError
from fastseg.inputs.choices import did_you_mean, unknown
from fastseg.inputs.structures import label_text
from fastseg.metrics.registry import find as find_metric
from fastseg.results.files import csv_text, encodable, written
from fastseg.results.frames import dataframe
from fastseg.results.table import html_table, text_table
from fastseg.stressing.rows import Stressed, StressRow
from fastseg.stressing.sensitivity import SEEN, cell_text, is_seen, sensitivity_of
from fastseg.stressing.sentences import reasons, sentence, shown_metrics
from fastseg.threads import lazy

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class StressResult:
    """Which metric sees which error, on structures of one's own.

    Attributes
    ----------
    rows : tuple of StressRow
        By structure, error and severity.
    structures : tuple of Stressed
    metrics : tuple of str
    errors : tuple of str
    settings : dict
    """

    rows: tuple[StressRow, ...]
    structures: tuple[Stressed, ...]
    metrics: tuple[str, ...]
    errors: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------------------ sensitivities

    @lazy
    def _hardest(self) -> dict[tuple[str, str], StressRow]:
        """The row of the largest severity that could be made, by structure and error."""
        return {(row.name, row.error): row for row in self.rows if not row.left_out}

    @lazy
    def _structure_named(self) -> dict[str, Stressed]:
        return {one.name: one for one in self.structures}

    def _named(self, structure: str | int) -> Stressed:
        for one in self.structures:
            if structure in (one.name, one.label):
                return one
        raise KeyError(
            f"no structure {structure!r:.80}; {did_you_mean(structure, self._structure_named)}"
        )

    def row_sensitivities(self, row: StressRow) -> dict[str, float]:
        """Give what one error in one severity costs each metric, as a share of the scale."""
        one = self._structure_named[row.name]
        return {
            name: sensitivity_of(find_metric(name), value, one.perfect[name], one.scales[name])
            for name, value in row.values.items()
        }

    @lazy
    def _sensitivities(self) -> dict[str, dict[str, dict[str, float]]]:
        nothing = dict.fromkeys(self.metrics, float("nan"))
        found: dict[str, dict[str, dict[str, float]]] = {}
        for one in self.structures:
            found[one.name] = {}
            for error in self.errors:
                row = self._hardest.get((one.name, error))
                found[one.name][error] = nothing if row is None else self.row_sensitivities(row)
        return found

    def sensitivities(self, structure: str | int | None = None) -> dict[str, dict[str, float]]:
        """Give what each error in its largest severity costs each metric.

        Parameters
        ----------
        structure : str or int, optional
            Its name or label. Default: the median over the structures for which the error could be made.

        Returns
        -------
        dict
            Error to metric to sensitivity: the loss as a share of the scale, −1 to 1, 0 where the metric does not see
            the error; inf for an infinite value, nan where the metric is not defined or the error was left out.

        Raises
        ------
        KeyError
            For a structure that is not there.
        """
        if structure is not None:
            return self._sensitivities[self._named(structure).name]
        each = self._sensitivities.values()
        return {
            error: {name: _median([one[error][name] for one in each]) for name in self.metrics}
            for error in self.errors
        }

    def blind_spots(self, below: float = SEEN) -> dict[str, dict[str, tuple[str, ...]]]:
        """Give the errors that each metric does not see even in the largest severity, by structure.

        Parameters
        ----------
        below : float
            The sensitivity below which an error counts as not seen.

        Returns
        -------
        dict
            Structure to metric to names of errors; what is not defined counts as not seen, what was left out does not.
        """
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for one in self.structures:
            made = self._made(one.name)
            table = self._sensitivities[one.name]
            found[one.name] = {
                name: tuple(error for error in made if not is_seen(table[error][name], below))
                for name in self.metrics
            }
        return found

    def left_out(self, structure: str | int) -> dict[str, str]:
        """Give the errors that could not be made of a structure in any severity, and why."""
        name = self._named(structure).name
        return {
            row.error: row.left_out
            for row in self.rows
            if row.name == name and row.left_out and (name, row.error) not in self._hardest
        }

    def sentences(self, below: float = SEEN) -> tuple[str, ...]:
        """Say of each structure in a sentence what well-known metrics do not see, and which few metrics see most."""
        spots = self.blind_spots(below)
        return tuple(
            sentence(one, self.metrics, self._made(one.name), spots[one.name])
            for one in self.structures
        )

    def reasons(self) -> tuple[str, ...]:
        """Say in a sentence an error what could not be made of which structures in any severity, and why."""
        return reasons({one.name: self.left_out(one.name) for one in self.structures}, self.errors)

    def _made(self, structure: str) -> list[str]:
        """List the errors that could be made of a structure."""
        return [error for error in self.errors if (structure, error) in self._hardest]

    # ------------------------------------------------------------------------------ tables

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the table."""
        first = ("name", "label", "error", "severity", "amount", "unit", "changed_voxels")
        return [*first, *self.metrics, "left_out"]

    @lazy
    def _records(self) -> list[dict[str, Any]]:
        return [
            {
                "name": row.name,
                "label": row.label if isinstance(row.label, int) else label_text(row.label),
                "error": row.error,
                "severity": row.severity,
                "amount": row.amount,
                "unit": row.unit,
                "changed_voxels": row.changed,
                **row.values,
                "left_out": row.left_out,
            }
            for row in self.rows
        ]

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a record for each structure, error and severity, without metrics where the error was left out."""
        return [dict(one) for one in self._records]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the same as a pandas DataFrame."""
        return dataframe(self._records, self.columns)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the same as CSV, to a file if a path is given, whole or not at all."""
        return written(csv_text(self.columns, self._records), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write rows with their sensitivities, structures with their scales, blind spots and settings as strict JSON.

        Where a number is not finite there stands ``null``, and ``"not_finite"`` beside it says what it is.
        """
        return written(_module("json_text").json_text(self), path)

    # ------------------------------------------------------------------------------ pictures

    def plot(
        self,
        structure: str | int | None = None,
        *,
        metrics: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw which metric sees which error, as a heat map.

        Parameters
        ----------
        structure : str or int, optional
            Its name or label. Default: the median over the structures.
        metrics : sequence of str, optional
            Which of the metrics to show. Default: all.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        KeyError
            For a structure that is not there.
        ValueError
            For a metric that was not measured.
        ImportError
            Without matplotlib.
        """
        for name in metrics or ():
            if name not in self.metrics:
                raise unknown("metrics", name, self.metrics)
        found: Axes = _module("picture").draw(self, structure, metrics or self.metrics, ax)
        return found

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write one page that needs no network: pictures, sentences and reasons, to a file if a path is given."""
        return written(_module("picture").page(self), path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file of the kind that its name says, whole or not at all: .csv, .json, .html, .png or .svg.

        Raises
        ------
        ValueError
            For another ending.
        ImportError
            For a picture without matplotlib.
        OSError
            If it cannot be written.
        """
        kind = check_ending(path)
        if kind in (".png", ".svg"):
            _module("picture").save_picture(self, Path(path), kind[1:])
        else:
            {".csv": self.to_csv, ".json": self.to_json, ".html": self.to_html}[kind](path)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        table, shown = self.sensitivities(), shown_metrics(self.metrics)
        lines = [
            [error, *(cell_text(table[error][name]) for name in shown)] for error in self.errors
        ]
        return ["error", *shown], lines

    def __str__(self) -> str:
        if not self.structures:
            return "nothing to stress: the map has no label but the background"
        header, lines = self._cells()
        more = len(self.metrics) + 1 - len(header)
        others = f" ({more} more metrics: to_dict(), to_csv(), to_json())" if more else ""
        note = (
            "Sensitivity at the largest severity, 0 not seen to 1 all that can be lost; – not defined, or left out"
            + (f"; median of {len(self.structures)} structures" if len(self.structures) > 1 else "")
            + f".{others}"
        )
        return "\n".join(
            [
                text_table(header, lines, left=("error",)),
                *(note, *map(encodable, self.sentences()), *map(encodable, self.reasons())),
            ]
        )

    def _repr_html_(self) -> str:
        import html

        told = "".join(
            f"<p>{html.escape(encodable(one))}</p>" for one in (*self.sentences(), *self.reasons())
        )
        return html_table(*self._cells()) + told


#: what a result can be written to
ENDINGS = (".csv", ".json", ".html", ".png", ".svg")


def check_ending(path: str | os.PathLike[str]) -> str:
    """Give the ending of a file's name, in lower case.

    Raises
    ------
    InputError
        For one that no result can be written to.
    MissingPackageError
        For a picture, or a page with one, without matplotlib.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{os.fspath(path)}: expected a name that ends in {', '.join(ENDINGS)}")
    if ending not in (".csv", ".json") and not _is_installed("matplotlib"):
        raise MissingPackageError(
            f'{os.fspath(path)}: figures need matplotlib: pip install "fastseg-metrics[plots]"',
            name="matplotlib",
        )
    return ending


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module without a specification
        return False


def _module(name: str) -> Any:
    """Import what writes or draws results, and looks at them itself."""
    return importlib.import_module(f"fastseg.stressing.{name}")


def _median(values: Sequence[float]) -> float:
    """Give the median of what is defined; of two middle ones the larger where it is infinite."""
    defined = sorted(value for value in values if value == value)
    return statistics.median(defined) if defined else float("nan")
