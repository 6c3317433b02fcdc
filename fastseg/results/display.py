"""The rows as a person reads them, in Python and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastseg.inputs.structures import label_text
from fastseg.results.failures import Failure
from fastseg.results.files import encodable
from fastseg.results.rows import Row
from fastseg.results.table import html_table, text_table
from fastseg.results.units import units_of

NOTHING = "nothing to evaluate: neither map has a label but the background"

#: shown where there are more metrics than a terminal takes
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

#: shown in their place where instances were matched
OF_INSTANCES = (
    "dice",
    "instances_reference",
    "instances_prediction",
    "instance_tp",
    "instance_fp",
    "instance_fn",
    "recognition_quality",
    "segmentation_quality",
    "panoptic_quality",
)


def text_of(rows: Sequence[Row], metrics: Sequence[str], settings: Mapping[str, Any]) -> str:
    """Write rows as a table of text, and how many metrics it leaves out."""
    shown = shown_metrics(metrics)
    header, cells = _table(rows, shown, settings)
    text = text_table(header, cells, left=("algorithm", "case", "name", "empty"))
    more = len(metrics) - len(shown)
    if more:
        text += f"\n({more} more metrics: to_dict(), to_pandas(), to_csv(), to_json())"
    return text


def html_of(rows: Sequence[Row], metrics: Sequence[str], settings: Mapping[str, Any]) -> str:
    """Write the same table as HTML."""
    return html_table(*_table(rows, shown_metrics(metrics), settings))


def failed_text(failures: Sequence[Failure]) -> str:
    """Say which cases failed, and of the first one why; "" if none did."""
    if not failures:
        return ""
    first, more = failures[0], len(failures) - 1
    told = f"{encodable(first.case):.80}: {encodable(first.reason):.200}"
    others = f", and {more} more" if more else ""
    return f"{len(failures)} case{'s' * (more > 0)} failed: {told}{others}"


def flags_text(counts: Mapping[str, int]) -> str:
    """Name the flags that were raised, and how often each was; "" if none was."""
    told = ", ".join(f"{encodable(name)} {many}" for name, many in counts.items())
    return f"flags: {told}: .flags tells what they mean" if told else ""


def shown_metrics(metrics: Sequence[str]) -> list[str]:
    """Choose the best-known metrics where there are too many."""
    known = OF_INSTANCES if "panoptic_quality" in metrics else BEST_KNOWN
    best = [name for name in known if name in metrics]
    return best if best and len(metrics) > len(BEST_KNOWN) + 1 else list(metrics)


def _table(
    rows: Sequence[Row], shown: Sequence[str], settings: Mapping[str, Any]
) -> tuple[list[str], list[list[str]]]:
    """Make header and cells, without the columns of algorithms, cases and empty masks where these tell nothing."""
    columns: dict[str, list[str]] = {}
    if len({row.algorithm for row in rows}) > 1:
        columns["algorithm"] = [shortened(row.algorithm) for row in rows]
    if len({row.case for row in rows}) > 1:
        columns["case"] = [row.case for row in rows]
    columns["label"] = [shortened(label_text(row.label)) for row in rows]
    columns["name"] = [shortened(row.name) for row in rows]
    for name, unit in units_of(shown, settings).items():
        columns[f"{name} [{unit}]" if unit else name] = [_cell(row, name) for row in rows]
    if any(row.empty for row in rows):
        columns["empty"] = [row.empty for row in rows]
    cells = zip(*columns.values(), strict=True)
    return list(columns), [[encodable(cell) for cell in row] for row in cells]


def _cell(row: Row, name: str) -> str:
    """Write a value; nothing where the row has none of this name."""
    return f"{row[name]:.4g}" if name in row.values_by_metric else ""


def shortened(text: str, width: int = 32) -> str:
    """Shorten a name: a region of many labels would fill the line."""
    return text if len(text) <= width else text[: width - 1] + "…"
