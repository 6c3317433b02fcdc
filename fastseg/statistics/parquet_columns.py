"""Tables of rows as Parquet in columns, without an object for each of a million rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.io.image import require
from fastseg.results.missing import missing_predictions
from fastseg.results.rows import Level
from fastseg.results.score_facts import directions_of
from fastseg.results.writers import parquet
from fastseg.statistics.score_table import FACTS, Column, Origin, ScoreTable


def columns_of_parquet(path: Path, level: Level) -> ScoreTable:
    """Read what fastseg wrote, as :func:`fastseg.results.read` would.

    Raises
    ------
    InputError
        For another Parquet file, and for one that is damaged.
    OSError
        If it cannot be read.
    ImportError
        Without pyarrow.
    """
    table, metrics, settings, failures = parquet.read_table(path)
    names = table.column_names
    expected = {"case", "level", "name", *metrics, *FACTS} - {"flags"}  # of before there were any
    if not expected <= {*names}:
        raise InputError(f"{path}: its columns are not those that fastseg writes")
    attributes = names[names.index("case") + 1 : names.index("level")]
    compute = require("pyarrow.compute", "Parquet", "parquet")
    table = table.filter(compute.equal(table["level"], level))
    absent = [(one.algorithm, one.case, one.reason) for one in failures]
    absent += [(one.algorithm, one.case, "no prediction") for one in missing_predictions(settings)]
    algorithm = _texts(table, "algorithm")
    algorithms = dict.fromkeys((*algorithm.names, *(one.algorithm for one in failures)))
    values = {name: table[name].to_numpy().astype(np.float64, copy=False) for name in metrics}
    if level == "instance" and len(table):
        values = {name: held for name, held in values.items() if table[name].null_count < len(held)}
    return ScoreTable(
        Column(algorithm.codes, tuple(algorithms) if any(algorithms) else algorithm.names),
        _texts(table, "case", [case for _, case, _ in absent]),
        _texts(table, "name"),
        values,
        {name: _texts(table, name) for name in attributes if any(_texts(table, name).names)},
        directions_of(values, settings),
        tuple(dict.fromkeys(absent)),
        {name: _texts(table, name) for name in FACTS},
        (Origin(str(path), settings),),
    )


def _texts(table: Any, name: str, also: Sequence[str] = ()) -> Column:
    """Take a column of texts; what is not known is empty, and the labels of a region of one are the label."""
    if name not in table.column_names:
        return Column(np.zeros(len(table), np.int32), ("",) if len(table) else ())
    encoded = table[name].fill_null("").combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy().astype(np.int32)
    strip = name.endswith("label")
    texts = [text.removesuffix("+") if strip else text for text in encoded.dictionary.to_pylist()]
    numbers: dict[str, int] = {}
    renumbered = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int32)
    found = renumbered[codes] if len(texts) else codes
    return Column(found, tuple(dict.fromkeys((*numbers, *also))))
