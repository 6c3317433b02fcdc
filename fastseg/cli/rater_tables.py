"""What ``fastseg raters`` shows: a line a measure of all together, and a line a rater."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fastseg.cli.evaluation_table import Column, Columns
from fastseg.cli.terminal import print_columns
from fastseg.inputs.structures import Label
from fastseg.metrics import resolve
from fastseg.raters.cohort_results import RaterCohort
from fastseg.raters.results import ALL, CONSENSUS, PREDICTION, RESERVED, SAMPLES, RaterEvaluation
from fastseg.results.files import encodable

#: what the columns of the first table are of
_OF = {
    "raters": (ALL, ALL),
    "prediction": (PREDICTION, ALL),
    "samples": (SAMPLES, ALL),
    "prediction and\nconsensus": (PREDICTION, CONSENSUS),
}
_RELATIVE = "relative_"


class _Number(NamedTuple):
    """A number and its interval; of one case, or a mean, which so many cases make infinite."""

    value: float
    low: float = math.nan
    high: float = math.nan
    infinite: int = 0


# By structure, measure, and of whom.
_Table = Mapping[tuple[str, str, str, str], _Number]


def show_one(evaluation: RaterEvaluation) -> None:
    """Print what is said of one case."""
    table = {
        (one.name, one.measure, one.first, one.second): _Number(one.value, one.low, one.high)
        for one in evaluation
    }
    labels = {one.name: one.label for one in evaluation}
    _show(table, labels, evaluation.settings["raters"], evaluation.settings["metrics"])


def show_cohort(cohort: RaterCohort) -> None:
    """Print means over cases."""
    means = cohort.means()
    table = {
        (one.name, one.measure, one.first, one.second): _Number(
            one.mean, one.low, one.high, one.infinite
        )
        for one in means
    }
    labels = {one.name: one.label for one in means}
    _show(table, labels, cohort.settings["raters"], cohort.settings["metrics"])


def _show(
    table: _Table,
    labels: Mapping[str, Label | None],
    raters: Sequence[str],
    metrics: Sequence[str],
) -> None:
    if not table:
        print("No label but the background in any map: there is nothing to measure.")
        return
    print_columns(_of_all(table, labels))
    print("\nEach rater beside the consensus, which all of them are part of")
    print_columns(_of_each(table, labels, raters, metrics))
    if any(math.isnan(one.value) for one in table.values()):
        print("–: undefined (no value)")
    if any(one.infinite for one in table.values()):
        print("inf (n): n cases are infinite, and so is the mean; --output has the medians (.json)")


def _of_all(table: _Table, labels: Mapping[str, Label | None]) -> Columns:
    """Make a line of each measure, with what it is of all raters, of the prediction and of the consensus."""
    found = [
        (name, measure)
        for name, measure in dict.fromkeys(
            (name, measure) for name, measure, *of in table if {*of} <= {*RESERVED}
        )
        if not measure.startswith(_RELATIVE)
    ]
    values = []
    for header, of in _OF.items():
        cells = [_cell(table, name, measure, of) for name, measure in found]
        if any(cells):
            values.append(Column(header, cells))
    relative = [table.get((name, _RELATIVE + measure, PREDICTION, ALL)) for name, measure in found]
    if any(one is not None for one in relative):
        cells = ["" if one is None else _text(one.value, "") for one in relative]
        values.append(Column("prediction\n/ raters", cells))
        values.append(Column("95 %", [_interval(one) for one in relative]))
    named = [Column("name", _once([encodable(name) for name, _ in found]), left=True)]
    return Columns(
        [*named, Column("measure", [measure for _, measure in found], left=True)],
        values,
        _ends([name for name, _ in found]),
    )


def _of_each(
    table: _Table,
    labels: Mapping[str, Label | None],
    raters: Sequence[str],
    metrics: Sequence[str],
) -> Columns:
    """Make a line of each rater and the prediction, with what is between them and the consensus."""
    structures = [name for name, label in labels.items() if label is not None]
    found = [(name, who) for name in structures for who in (*raters, PREDICTION)]
    found = [(name, who) for name, who in found if (name, metrics[0], who, CONSENSUS) in table]
    values = [
        Column(metric, [_cell(table, name, metric, (who, CONSENSUS)) for name, who in found])
        for metric in metrics
    ]
    for header, measure in (
        ("STAPLE\nsensitivity", "staple_sensitivity"),
        ("STAPLE\nspecificity", "staple_specificity"),
        ("volume", "volume"),
    ):
        values.append(
            Column(header, [_cell(table, name, measure, (who, "")) for name, who in found])
        )
    return Columns(
        [
            Column("name", _once([encodable(name) for name, _ in found]), left=True),
            Column("rater", [encodable(who) for _, who in found], left=True),
        ],
        values,
        _ends([name for name, _ in found]),
    )


def _cell(table: _Table, name: str, measure: str, of: tuple[str, str]) -> str:
    one = table.get((name, measure, *of))
    if one is None:
        return ""
    return _text(one.value, measure) + (f" ({one.infinite})" if one.infinite else "")


def _interval(one: _Number | None) -> str:
    if one is None or math.isnan(one.low):
        return ""
    return f"{_text(one.low, '')} to {_text(one.high, '')}"


def _text(value: float, measure: str) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if measure == "volume":
        return f"{value:.1f}"
    return f"{value:.{3 if _is_length(measure) else 4}f}"


def _is_length(measure: str) -> bool:
    try:
        [metric] = resolve([measure])
    except ValueError:
        return False
    return metric.unit == "mm"


def _once(names: Sequence[str]) -> list[str]:
    """Leave out a name that stands in the line above."""
    return [name if i == 0 or names[i - 1] != name else "" for i, name in enumerate(names)]


def _ends(names: Sequence[str]) -> set[int]:
    """Find the lines below which something else begins."""
    return {i for i in range(len(names) - 1) if names[i] != names[i + 1]}
