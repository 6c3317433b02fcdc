"""The table of rows as Parquet, with types, and all that an evaluation holds beside its rows as metadata.

Counts are int64 and metrics float64, of which nan is nan; labels are texts, ``"1"``, ``"1+2"``, as regions have
several. What a row has not, as a structure has no confidence, is null. What has no rows follows them with the reason
in the column ``problem``. The key ``fastseg`` of the schema's metadata holds settings and failures as JSON, so that
:func:`read` gives back the same evaluation, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastseg.errors import InputError
from fastseg.flags import RaisedFlags
from fastseg.inputs.structures import Label
from fastseg.io.image import require
from fastseg.io.replacing import replacing
from fastseg.measures.joint_histogram import Counts
from fastseg.results.attributes import Attributes
from fastseg.results.evaluation import Evaluation
from fastseg.results.failures import Failure
from fastseg.results.files import encodable
from fastseg.results.instance import NUMBERS, Instance
from fastseg.results.json_table import json_text
from fastseg.results.json_table import read as read_json
from fastseg.results.problems import with_problems
from fastseg.results.rows import Row, count_columns
from fastseg.results.summary import Summary
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer

_KEY = b"fastseg"
_LABELS = ("label", "reference_label", "prediction_label")
_VOXEL = "voxel_volume"


def _arrow() -> tuple[Any, Any]:
    return require("pyarrow", "Parquet", "parquet"), require(
        "pyarrow.parquet", "Parquet", "parquet"
    )


class Content(NamedTuple):
    """What a file holds: the rows as a table of Arrow, with what has none at its end, and all beside them."""

    table: Any
    metrics: tuple[str, ...]
    settings: Mapping[str, Any]
    failures: tuple[Failure, ...]


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write rows, problems and metadata."""
    arrow, parquet = _arrow()
    table = _table(arrow, evaluation)
    with replacing(path, binary=True) as file:
        parquet.write_table(table, file)


def _table(arrow: Any, evaluation: Evaluation) -> Any:
    rows = []
    for row in evaluation.rows:
        found = row.to_dict(
            algorithm=bool(evaluation.algorithms), attributes=(), metrics=evaluation.metrics
        )
        found |= {_VOXEL: row.voxel_volume, **row.attributes}
        found |= {name: _text(getattr(row, name)) for name in _LABELS}
        rows.append(found)
    columns = [*evaluation.columns, _VOXEL]
    columns, entries = with_problems(columns, rows, evaluation.failures, evaluation.settings)
    kinds = dict.fromkeys(columns, arrow.string())
    kinds |= dict.fromkeys(count_columns(evaluation.metrics), arrow.int64())
    volumes = ("volume_reference", "volume_prediction", _VOXEL)
    kinds |= dict.fromkeys((*evaluation.metrics, *volumes, *NUMBERS), arrow.float64())
    about = json_text(
        (), evaluation.metrics, evaluation.settings, evaluation.failures, Summary({}), Summary({})
    )
    schema = arrow.schema(
        [(name, kinds[name]) for name in columns], metadata={_KEY: about.encode("utf-8")}
    )
    arrays = []
    for name in columns:
        values: list[Any] = [entry.get(name) for entry in entries]
        if kinds[name] == arrow.string():
            values = [None if value is None else encodable(str(value)) for value in values]
        arrays.append(arrow.array(values, kinds[name]))
    return arrow.Table.from_arrays(arrays, schema=schema)


def _text(label: Label | None) -> str | None:
    """Write a label; a region of one is told from its label by a ``+`` behind it."""
    if label is None or isinstance(label, int):
        return None if label is None else str(label)
    return "+".join(map(str, label)) + ("+" if len(label) == 1 else "")


def _label(text: str | None) -> Label | None:
    if text is None:
        return None
    if "+" not in text:
        return int(text)
    return tuple(int(part) for part in text.split("+") if part)


def read(path: Path) -> Evaluation:
    """Read what :func:`write` wrote.

    Raises
    ------
    InputError
        For another Parquet file, and for one that is damaged.
    OSError
        For a file that cannot be read.
    """
    table, metrics, settings, failures = read_table(path)
    try:
        rows = _rows(table.to_pydict(), table.column_names, metrics)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its columns are not those that fastseg writes") from error
    return Evaluation(rows, metrics, settings, failures)


def read_table(path: Path) -> Content:
    """Read the columns, and all that is beside them.

    Raises
    ------
    InputError
        For another Parquet file, and for one that is damaged.
    OSError
        For a file that cannot be read.
    """
    arrow, parquet = _arrow()
    with open(path, "rb") as file:  # arrow's errors of missing files have no number
        try:
            table = parquet.read_table(file)
        except (arrow.ArrowException, OSError) as error:
            raise InputError(
                f"{path}: no Parquet file, or a damaged one ({error!s:.120})"
            ) from error
    about = (table.schema.metadata or {}).get(_KEY)
    if about is None:
        raise InputError(
            f"{path}: expected what fastseg wrote; this Parquet file has no settings of an evaluation"
        )
    _, metrics, settings, failures = read_json(about.decode("utf-8"))
    return Content(table, metrics, settings, failures)


def _rows(
    table: dict[str, list[Any]], names: Sequence[str], metrics: Sequence[str]
) -> tuple[Row, ...]:
    known = names[names.index("case") + 1 : names.index("level")]
    no_names = [""] * len(table["case"])
    algorithms = table.get("algorithm", no_names)
    flags = table.get("flags", no_names)  # files of before there were any have none
    rows = []
    for i, level in enumerate(table["level"]):
        if level is None:  # no measurement
            continue
        label = _label(table["label"][i])
        if label is None:
            raise KeyError("label")
        rows.append(
            Row(
                case=table["case"][i],
                label=label,
                name=table["name"][i],
                reference_label=_label(table["reference_label"][i]),
                prediction_label=_label(table["prediction_label"][i]),
                values_by_metric={
                    name: table[name][i] for name in metrics if table[name][i] is not None
                },
                counts=Counts(*(table[name][i] for name in count_columns(metrics))),
                voxel_volume=table[_VOXEL][i],
                empty=table["empty"][i],
                empty_policy=table["empty_policy"][i],
                level=level,
                algorithm=algorithms[i],
                attributes=Attributes(
                    (name, table[name][i]) for name in known if table[name][i] is not None
                ),
                instance=_instance(table, i),
                flags=RaisedFlags.from_text(flags[i] or ""),
            )
        )
    return tuple(rows)


def _instance(table: dict[str, list[Any]], i: int) -> Instance | None:
    """Read what is known of an instance; None in the row of a structure."""
    if NUMBERS[0] not in table or table[NUMBERS[0]][i] is None:
        return None
    return Instance.from_dict({name: table[name][i] for name in Instance._fields})


WRITER = Writer(
    "parquet",
    (".parquet",),
    "the rows with types, and settings; read back whole",
    write,
    package="pyarrow",
    extra="parquet",
)
