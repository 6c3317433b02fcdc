"""Tables of points: CSV files, data frames and arrays, of one scan or of many."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import shown

Floats = NDArray[np.float64]

#: the column that names the scan
SCAN = "seriesuid"


@dataclass(frozen=True, eq=False)
class PointTable:
    """Rows of numbers, and the scan that each belongs to.

    Attributes
    ----------
    values : float64 ndarray (n, columns)
    scans : list of str, or None
        None where the table does not name them: all rows belong to one.
    """

    values: Floats
    scans: list[str] | None

    @classmethod
    def empty(cls, columns: Sequence[str]) -> PointTable:
        """Give a table without rows, of any scan."""
        return cls(np.empty((0, len(columns))), None)

    def with_rows_of(self, other: PointTable) -> PointTable:
        """Append the rows of another table; columns that it lacks are 0."""
        more = np.zeros((len(other.values), self.values.shape[1]))
        more[:, : other.values.shape[1]] = other.values
        scans = None if self.scans is None else [*self.scans, *(other.scans or ())]
        return PointTable(np.concatenate([self.values, more]), scans)

    def by_scan(self, scans: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """Give the rows of each scan, in their order; rows without a name belong to the only one."""
        if self.scans is None:
            if len(self.values) and len(scans) != 1:
                raise InputError(
                    f"a table does not name its scans, of which there are {len(scans)}: it needs a column {SCAN!r}"
                )
            return {scan: np.arange(len(self.values)) for scan in scans}
        found: dict[str, list[int]] = {}
        for place, scan in enumerate(self.scans):
            found.setdefault(scan, []).append(place)
        return {scan: np.array(places, np.int64) for scan, places in found.items()}


def read_points(
    given: Any, columns: Sequence[str], argument: str, optional: Sequence[str] = ()
) -> PointTable:
    """Take a table of points.

    Parameters
    ----------
    given : path, data frame or array_like
        A file of CSV or a data frame with these columns, and :data:`SCAN` where it is of several scans; or an array
        with one row a point and these columns in their order.
    columns, optional : sequence of str
        Names of those that must and of those that may be there.
    argument : str
        What messages call it.

    Raises
    ------
    InputError, InputTypeError, OSError
        For columns that are missing, and for what are no finite numbers.
    """
    if isinstance(given, (str, os.PathLike)):
        lines = _lines(given)
        header, body = (lines[0], lines[1:]) if lines else ([], [])
        return _from_columns(header, list(zip(*body, strict=False)), columns, optional, argument)
    if hasattr(given, "columns") and hasattr(given, "to_dict"):
        held = given.to_dict("list")
        header = [str(name) for name in held]
        return _from_columns(header, list(held.values()), columns, optional, argument)
    check_in_cpu_memory(given, argument, "points")
    try:
        array = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(
            f"{argument}: expected a file of CSV, a data frame or an array of numbers, got {type(given).__name__}"
        ) from error
    if given is None or array.ndim == 0:
        raise InputTypeError(
            f"{argument}: expected a file of CSV, a data frame or an array of numbers, got {shown(given)}"
        )
    if array.size == 0:
        array = array.reshape(0, len(columns))
    most = len(columns) + len(optional)
    if array.ndim != 2 or not len(columns) <= array.shape[1] <= most:
        raise InputError(
            f"{argument}: expected one row a point with {', '.join([*columns, *optional])}, got shape {array.shape}"
        )
    return PointTable(_finite(array, argument), None)


def _lines(path: str | os.PathLike[str]) -> list[list[str]]:
    name = os.fsdecode(path)
    try:
        with open(name, newline="", encoding="utf-8-sig") as file:
            return [line for line in csv.reader(file) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name}: expected a table of CSV ({error})") from error


def _from_columns(
    header: Sequence[str],
    held: Sequence[Sequence[Any]],
    columns: Sequence[str],
    optional: Sequence[str],
    argument: str,
) -> PointTable:
    names = [name.strip() for name in header]
    wanted = [*columns, *(name for name in optional if name in names)]
    for name in wanted:
        if name not in names:
            raise InputError(f"{argument}: no column {name!r}; {did_you_mean(name, names)}")
    if not held:
        held = [()] * len(names)
    if len(held) != len(names):
        raise InputError(f"{argument}: a line has fewer cells than the header's {len(names)}")
    numbers = [_numbers(held[names.index(name)], name, argument) for name in wanted]
    scans = [str(one) for one in held[names.index(SCAN)]] if SCAN in names else None
    return PointTable(_finite(np.stack(numbers, axis=1), argument), scans)


def _numbers(cells: Sequence[Any], name: str, argument: str) -> Floats:
    try:
        return np.array([float(cell) for cell in cells], np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{argument}: column {name!r}: {error}") from error


def _finite(array: Floats, argument: str) -> Floats:
    if not np.isfinite(array).all():
        raise InputError(f"{argument}: {int((~np.isfinite(array)).sum())} cells are not finite")
    return array


def read_names(path: str | os.PathLike[str], argument: str) -> list[str]:
    """Read the names in the first column of a file of CSV without a header, each once."""
    names = [line[0] for line in _lines(path)]
    if len(set(names)) != len(names):
        raise InputError(f"{argument}: {os.fsdecode(path)} names a scan twice")
    return [name for name in names if name != SCAN]
