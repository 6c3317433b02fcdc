"""An evaluation as strict JSON, one row a line, and back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from fastseg._version import __version__
from fastseg.errors import InputError, InputTypeError
from fastseg.flags import NO_FLAGS, RaisedFlags
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.results.attributes import Attributes
from fastseg.results.failures import Failure
from fastseg.results.files import encodable
from fastseg.results.instance import COLUMNS as INSTANCE_COLUMNS
from fastseg.results.instance import NUMBERS, Instance
from fastseg.results.json_fields import Fields
from fastseg.results.json_values import lines, plain, record, survives, tagged, untagged
from fastseg.results.rows import Level, Row, count_columns
from fastseg.results.summary import Summary
from fastseg.results.units import VOLUMES, unit_text, units_of

#: of the file; a later one may be read by later versions only. What has no algorithm is written in format 1: who
#: knows no other would take the rows of several algorithms for several rows of one case. What has no rows of instances
#: is written in format 2 at most.
FORMAT = 3

#: the settings that plain JSON cannot hold, as they were
_RESTORED = "settings_restored"

# the C encoder takes no indent, and writes twenty thousand rows in a tenth of the time
_encode = json.JSONEncoder(allow_nan=False).encode


def json_text(
    rows: Sequence[Row],
    metrics: Sequence[str],
    settings: Mapping[str, Any],
    failures: Sequence[Failure],
    summary: Summary,
    by_label: Summary,
) -> str:
    """Write rows, settings, failures and summaries."""
    has_algorithms = any(row.algorithm for row in rows) or any(one.algorithm for one in failures)
    differ = rows_differ(rows, metrics)
    lost = {key: tagged(value) for key, value in settings.items() if not survives(value)}
    volumes = dict.fromkeys(VOLUMES, unit_text("mm³", settings))
    units = {name: unit for name, unit in units_of(metrics, settings).items() if unit} | volumes
    content = {
        "format": _encode(FORMAT if differ else 2 if has_algorithms else 1),
        "settings": _encode(plain(settings)),
        **({_RESTORED: _encode(lost)} if lost else {}),
        "metrics": _encode(list(metrics)),
        "units": _encode(units),
        "rows": lines(_encode(row_record(row, metrics)) for row in rows),
        **(
            {"failures": lines(_encode(plain(failure_record(each))) for each in failures)}
            if failures
            else {}
        ),
        "summary": lines(_encode(record(entry)) for entry in summary.to_dict()),
        "summary_by_label": lines(_encode(record(entry)) for entry in by_label.to_dict()),
    }
    return "{\n" + ",\n".join(f' "{key}": {text}' for key, text in content.items()) + "\n}\n"


def rows_differ(rows: Sequence[Row], metrics: Sequence[str]) -> bool:
    """Tell whether there are rows of instances, or some without a metric that others have."""
    return any(row.instance is not None or len(row) != len(metrics) for row in rows)


def failure_record(failure: Failure) -> dict[str, Any]:
    """Write a failure as a record of JSON."""
    return record(failure.to_dict())


def read(
    source: Any,
) -> tuple[tuple[Row, ...], tuple[str, ...], dict[str, Any], tuple[Failure, ...]]:
    """Read rows, metrics, settings and failures from a file, or from the text itself.

    Raises
    ------
    InputError, InputTypeError
        For what :func:`json_text` did not write.
    OSError
        For a file that cannot be read.
    """
    text, where = _text_of(source)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error!s:.120})") from error
    if not isinstance(content, dict) or "format" not in content:
        raise InputError(
            f"{where}: expected what Evaluation.to_json wrote, an object with a 'format'; got "
            f"{_what(content)}"
        )
    top = Fields(content, where)
    found = top.whole("format")
    if found > FORMAT:
        raise InputError(
            f"{where}: written by a newer fastseg, in format {found}; this is fastseg {__version__}, "
            f"which reads up to format {FORMAT}: install a newer one"
        )
    metrics = top.list_of(str, "metrics")
    rows = [
        read_row(Fields(entry, f"{where}: row {i}"), metrics, differ=found >= FORMAT)
        for i, entry in enumerate(top.list_of(dict, "rows"), 1)
    ]
    failures = [
        read_failure(Fields(entry, f"{where}: failure {i}"))
        for i, entry in enumerate(top.list_of(dict, "failures", []), 1)
    ]
    return tuple(rows), tuple(metrics), _settings(top), tuple(failures)


def _what(content: Any) -> str:
    """Say in a few words what was found instead of a table."""
    if not isinstance(content, dict):
        return f"{content!r:.80}"
    return f"an object with the keys {', '.join(map(repr, content)):.80}" if content else "{}"


def _text_of(source: Any) -> tuple[str, str]:
    """Give the text of a file, or what is text already, and what to call it in an error."""
    if isinstance(source, str):
        text = source.removeprefix("\ufeff")
        if not text.strip() or text.lstrip()[0] in "{[":
            return text, "from_json"
    elif not isinstance(source, os.PathLike):
        raise InputTypeError(
            f"from_json: expected a path, or the text that to_json gave, got {type(source).__name__}"
        )
    path = Path(source)
    where = f"{encodable(str(path)):.200}"
    try:
        return path.read_text(encoding="utf-8-sig"), where
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not JSON, as it is no text in UTF-8") from error


def _settings(top: Fields) -> dict[str, Any]:
    settings, lost = top.object("settings"), top.object(_RESTORED, {})
    try:
        return settings | {key: untagged(value) for key, value in lost.items()}
    except (KeyError, TypeError, ValueError):
        top.wrong(_RESTORED, "what to_json wrote", lost)


def row_record(row: Row, metrics: Sequence[str]) -> dict[str, Any]:
    """Write a row of a table with these metrics as a record of JSON, from which :func:`read_row` makes the same row."""
    # attributes by themselves: their names may be any
    found = row.to_dict(attributes=(), metrics=metrics) | {"voxel_volume": row.voxel_volume}
    if not row.flags:
        del found["flags"]
    return record(found | {"attributes": dict(row.attributes)} if row.attributes else found)


def read_row(fields: Fields, metrics: Sequence[str], differ: bool = False) -> Row:
    """Read a row from its record; `differ` tells whether rows may have some of the metrics alone."""
    label = fields.label("label")
    if label is None:
        fields.wrong("label", "a label", label)
    return Row(
        case=fields.text("case"),
        label=label,
        name=fields.text("name"),
        reference_label=fields.label("reference_label"),
        prediction_label=fields.label("prediction_label"),
        values_by_metric={
            name: fields.number(name) for name in metrics if name in fields or not differ
        },
        counts=Counts(*map(fields.whole, count_columns(metrics))),
        voxel_volume=fields.number("voxel_volume"),
        empty=fields.one_of(get_args(Empty), "empty"),
        empty_policy=fields.text("empty_policy"),
        level=fields.one_of(get_args(Level), "level"),
        algorithm=fields.text("algorithm", ""),
        attributes=Attributes(fields.texts("attributes")),
        instance=_read_instance(fields) if "match_score" in fields else None,
        flags=_read_flags(fields),
    )


def _read_flags(fields: Fields) -> RaisedFlags:
    """Read the flags of a row; files of before there were any have none."""
    text = fields.text("flags", "")
    try:
        return RaisedFlags.from_text(text) if text else NO_FLAGS
    except ValueError:
        fields.wrong("flags", "flags as to_json wrote them", text)


def _read_instance(fields: Fields) -> Instance:
    """Read what is known of an instance from the record of its row."""
    columns: dict[str, Any] = {name: fields.number(name) for name in NUMBERS}
    for name in INSTANCE_COLUMNS[len(NUMBERS) :]:
        columns[name] = fields.text(name) if fields.has(name) else None
    try:
        return Instance.from_dict(columns)
    except ValueError:
        fields.wrong("reference_box", "boxes and centroids as to_json wrote them", columns)


def read_failure(fields: Fields) -> Failure:
    """Read a failure from its record."""
    return Failure(
        fields.text("case"),
        fields.text("kind"),
        fields.text("message"),
        fields.text("algorithm", ""),
        fields.text("traceback", ""),
        Attributes(fields.texts("attributes")),
    )
