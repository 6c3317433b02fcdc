"""A table of pairs: a CSV or TSV file whose rows name a case, its reference and its prediction."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from fastseg.cohort.folders import StrPath, nfc, printable, some, without_ending
from fastseg.errors import InputError
from fastseg.io import file_of

TABLE_SUFFIXES = (".csv", ".tsv")

COLUMNS = ("case", "reference", "prediction")
_FORM = "expected the columns reference, prediction and, if the cases have names, case"


def is_table(path: StrPath) -> bool:
    """Tell whether a path names a table of pairs."""
    return os.fsdecode(path).lower().endswith(TABLE_SUFFIXES)


def read_pairs(path: StrPath) -> dict[str, tuple[Path, Path | None]]:
    """Read a table of pairs.

    Parameters
    ----------
    path : str or path-like
        A text file in UTF-8 that ends in .csv (separated by commas, semicolons or tabs) or .tsv (by tabs). Its first
        row names the columns: reference and prediction, paths from the folder of the table, and case, which may be
        missing. Other columns are not looked at, nor rows that are blank.

    Returns
    -------
    dict
        Reference and prediction, by the name of the case and in the order of the table; the prediction is None where
        its cell is empty. Without a column for it a case is named by the path of its reference below the folder that
        all references share, without the ending.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a text in UTF-8, lacks a column or has it twice, if a reference is missing, or if two rows have
        one name.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    rows = list(_rows(path))
    if not rows:
        raise InputError(f"{path}: it names no pair")
    references = [_path(cells["reference"], path) for _, cells in rows]
    names = _names(references)
    found: dict[str, tuple[Path, Path | None]] = {}
    lines: dict[str, int] = {}
    for (line, cells), reference, own_name in zip(rows, references, names, strict=True):
        name = nfc(cells.get("case", "")) or own_name
        if name in found:
            raise InputError(
                f"{path}: the rows of lines {lines[name]} and {line} both name the case '{printable(name):.200}'; "
                "give each its own in the column case"
            )
        prediction = _path(cells["prediction"], path) if cells["prediction"] else None
        found[name], lines[name] = (reference, prediction), line
    return found


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line and the cells of every row that is not blank."""
    content = path.read_bytes()
    # Names of files may hold bytes that are not UTF-8, and they stay what they are.
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    if "\0" in text:
        raise InputError(f"{path}: not a text file in UTF-8; save the table as CSV in UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path, text))
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        for column in COLUMNS:
            if header.count(column) > 1:
                raise InputError(f"{path}: the column {column} is there twice")
            if column not in header and column != "case":
                raise InputError(
                    f"{path}: it has no column {column}, but {some(header, 5)!r:.200}; {_FORM}"
                )
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
            row = dict(zip(header, [*values, *[""] * len(header)], strict=False))
            if not row["reference"]:
                raise InputError(f"{path}: line {reader.line_num} has no reference")
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is not CSV: {error}") from error


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
