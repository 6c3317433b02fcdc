"""An evaluation as a notebook shows it: flags that say what they mean, a small box of each metric, the rows."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastseg.results.display import shortened, shown_metrics
from fastseg.results.files import encodable
from fastseg.results.rows import Row
from fastseg.results.summary import MetricSummary, summarise
from fastseg.results.units import units_of

if TYPE_CHECKING:
    from fastseg.results.flag_table import FlagTable

#: fewer values have no quartiles worth a box
LEAST_VALUES = 3

#: more structures and algorithms would hide the rows
MOST_GROUPS = 30

_WIDTH, _HEIGHT, _END, _INFINITE = 96, 16, 84, 92


def flags_html(flags: FlagTable) -> str:
    """Write how often each flag was raised, which opens to what it means; "" where none was."""
    from fastseg.results.flag_table import facts_of_flags

    if not flags:
        return ""
    about = facts_of_flags()
    parts = []
    for name, many in flags.counts.items():
        known = about.get(name)
        told = html.escape(f"{known.effect}; look at {known.instead}") if known else ""
        parts.append(f'<abbr title="{told}">{html.escape(encodable(name))}</abbr> {many}')
    summary = f"<summary>flags: {', '.join(parts)}</summary>"
    return f"<details>{summary}{flags._repr_html_()}</details>"


def boxes_html(rows: Sequence[Row], metrics: Sequence[str], settings: Mapping[str, Any]) -> str:
    """Draw a small box of each metric for each structure and algorithm, on one scale a metric.

    Nothing, "", where no structure has three rows.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.algorithm, row.name), []).append(row)
    if max(map(len, groups.values()), default=0) < LEAST_VALUES:
        return ""
    shown = list(groups.items())[:MOST_GROUPS]
    head, columns = [], []
    for metric, unit in units_of(shown_metrics(metrics), settings).items():
        summaries = [
            summarise([row.values_by_metric.get(metric, math.nan) for row in members])
            for _, members in shown
        ]
        low, high = _range(
            row.values_by_metric.get(metric, math.nan) for _, members in shown for row in members
        )
        label = f"{metric} [{unit}]" if unit else metric
        ends = f"{low:.3g} to {high:.3g}" if low <= high else "undefined"
        head.append(f"<th>{html.escape(label)}<br><small>{ends}</small></th>")
        columns.append([_box(one, low, high) for one in summaries])
    several = len({algorithm for algorithm, _ in groups}) > 1
    body = []
    for place, ((algorithm, name), members) in enumerate(shown):
        told = [algorithm] * several + [name]
        names = "".join(f"<td>{html.escape(encodable(shortened(one)))}</td>" for one in told)
        cells = "".join(f"<td>{column[place]}</td>" for column in columns)
        body.append(f"<tr>{names}<td>{len(members)}</td>{cells}</tr>")
    first = "<th>algorithm</th>" * several + "<th>name</th><th>n</th>"
    table = f"<table><thead><tr>{first}{''.join(head)}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    more = len(groups) - len(shown)
    return table + (f"<p>and {more} more: .plot(), .summary()</p>" if more else "")


def _range(values: Iterable[float]) -> tuple[float, float]:
    """Give the least and the largest finite value; the least is larger where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    return min(finite, default=math.inf), max(finite, default=-math.inf)


def _box(summary: MetricSummary, low: float, high: float) -> str:
    """Draw whiskers from the smallest to the largest value, the box of the quartiles, and the median."""
    told = f"median {summary.median:.4g}, quartiles {summary.q25:.4g} to {summary.q75:.4g}"
    told += f", {summary.min:.4g} to {summary.max:.4g}, n = {summary.n}"
    told += f", {summary.infinite} infinite" * bool(summary.infinite)
    told += f", {summary.undefined} undefined" * bool(summary.undefined)
    if not summary.n:
        return f'<span title="{told}">undefined</span>'

    def place(value: float) -> float:
        if math.isinf(value):
            return _INFINITE if value > 0 else 0
        share = 0.5 if high == low else (value - low) / (high - low)
        return round(2 + (_END - 2) * share, 1)

    left, right = place(summary.min), place(summary.max)
    q25, q75, median = place(summary.q25), place(summary.q75), place(summary.median)
    return (
        f'<svg role="img" aria-label="{told}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" style="stroke:currentColor"><title>{told}</title>'
        f'<path d="M{left} 8H{right}"/>'
        f'<rect x="{q25}" y="3" width="{max(q75 - q25, 0.5):.1f}" height="10" fill="#0072b2" fill-opacity="0.6"/>'
        f'<path d="M{median} 2V14" stroke-width="2"/></svg>'
    )
