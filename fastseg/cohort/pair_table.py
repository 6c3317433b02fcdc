"""A table of pairs: a CSV, TSV or Parquet file whose rows name a case, its reference and its prediction."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fastseg.cohort.folders import StrPath, nfc, printable, some, without_ending
from fastseg.cohort.outcomes import Case
from fastseg.errors import InputError
from fastseg.io import file_of
from fastseg.io.image import require
from fastseg.metrics import list_metrics
from fastseg.results.with_case import check_attributes

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")

COLUMNS = ("case", "reference", "prediction", "algorithm")
_NEEDED = ("reference", "prediction")
_FORM = "expected the columns reference, prediction and, if the cases have names, case"

_Line = tuple[int, dict[str, str], dict[str, str]]


def is_table(path: StrPath) -> bool:
    """Tell whether a path names a table of pairs."""
    return os.fsdecode(path).lower().endswith(TABLE_SUFFIXES)


def read_pairs(path: StrPath) -> list[Case]:
    """Read a table of pairs.

    Parameters
    ----------
    path : str or path-like
        A text file in UTF-8 that ends in .csv (separated by commas, semicolons or tabs) or .tsv (by tabs), or a
        .parquet file. Its first row names the columns: reference and prediction, paths from the folder of the table;
        case, which may be missing; algorithm, whose prediction it is, where there are several. All others, site or
        sex say, are kept as attributes of the case. Rows that are blank are not looked at.

    Returns
    -------
    list of Case
        In the order of the table; the prediction is None where its cell is empty. Without a column for it a case is
        named by the path of its reference below the folder that all references share, without the ending.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a text in UTF-8, lacks a column or has it twice, if a reference is missing, if two rows have one
        name, or if a further column is called like one of the results.
    ImportError
        For a .parquet file where pyarrow is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    is_parquet = path.suffix.lower() == ".parquet"
    rows = list(_parquet_rows(path) if is_parquet else _text_rows(path))
    if not rows:
        raise InputError(f"{path}: it names no pair")
    references = [_path(cells["reference"], path) for _, cells, _ in rows]
    names = _names(references)
    found: list[Case] = []
    lines: dict[tuple[str, str], int] = {}
    for (line, cells, attributes), reference, own_name in zip(rows, references, names, strict=True):
        name = printable(nfc(cells.get("case", "")) or own_name)
        algorithm = printable(nfc(cells.get("algorithm", "")))
        if (algorithm, name) in lines:
            raise InputError(
                f"{path}: the rows of lines {lines[algorithm, name]} and {line} both name the case '{name:.200}'; "
                "give each its own in the column case"
            )
        lines[algorithm, name] = line
        prediction = _path(cells["prediction"], path) if cells["prediction"] else None
        found.append(Case(name, reference, prediction, algorithm, attributes))
    return found


def _text_rows(path: Path) -> Iterator[_Line]:
    """Yield the line, the cells and the attributes of every row that is not blank."""
    content = path.read_bytes()
    # Names of files may hold bytes that are not UTF-8, and they stay what they are.
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    if "\0" in text:
        raise InputError(f"{path}: not a text file in UTF-8; save the table as CSV in UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path, text))
    try:
        header = _header(path, next(reader, []))
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values):
                continue
            if any(values[len(header) :]):
                raise InputError(
                    f"{path}: line {reader.line_num} has {len(cells)} cells for {len(header)} columns; put paths that "
                    "hold the separator in quotes"
                )
            # what is not there at the end of a row is empty
            yield _row(path, reader.line_num, header, [*values, *[""] * len(header)])
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is not CSV: {error}") from error


def _parquet_rows(path: Path) -> Iterator[_Line]:
    """Yield the same of a Parquet file, whose lines are counted from 1 without a header."""
    parquet = require("pyarrow.parquet", "reading a table of pairs from Parquet", "parquet")
    try:
        table = parquet.read_table(path)
        header = _header(path, table.column_names)
        lines: list[dict[str, Any]] = table.to_pylist()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a readable Parquet file: {error!s:.200}") from error
    for number, line in enumerate(lines, 1):
        values = ["" if cell is None else str(cell).strip() for cell in line.values()]
        if any(values):
            yield _row(path, number, header, values)


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    """Check the names of the columns; those that have a meaning are understood in any case of letters."""
    header = [
        cell.strip().lower() if cell.strip().lower() in COLUMNS else cell.strip() for cell in cells
    ]
    for column in _NEEDED:
        if column not in header:
            raise InputError(
                f"{path}: it has no column {column}, but {some(header, 5)!r:.200}; {_FORM}"
            )
    for column in COLUMNS:
        if header.count(column) > 1:
            raise InputError(f"{path}: the column {column} is there twice")
    further = [column for column in header if column and column not in COLUMNS]
    check_attributes(further, [metric.name for metric in list_metrics()], str(path))
    return header


def _row(path: Path, line: int, header: Sequence[str], values: Sequence[str]) -> _Line:
    cells = dict(zip(header, values, strict=False))
    if not cells["reference"]:
        raise InputError(f"{path}: line {line} has no reference")
    attributes = {name: cells[name] for name in header if name and name not in COLUMNS}
    return line, cells, attributes


def _delimiter(path: Path, text: str) -> str:
    """Find what separates the cells: spreadsheets of many countries write semicolons."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    header = next(iter(text.splitlines()), "")
    return max(",;\t", key=header.count)


def _path(cell: str, table: Path) -> Path:
    return table.parent / os.fsdecode(cell.encode("utf-8", "surrogateescape"))


def _names(references: list[Path]) -> list[str]:
    """Name cases by their references: the paths below the folder that they share, without the endings."""
    absolute = [os.path.abspath(file_of(path)) for path in references]
    shared = os.path.commonpath([os.path.dirname(path) for path in absolute])
    names = [os.path.relpath(path, shared).replace(os.sep, "/") for path in absolute]
    texts = [os.fsencode(name).decode("utf-8", "surrogateescape") for name in names]
    return [nfc(without_ending(text)) for text in texts]
