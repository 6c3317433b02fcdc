"""Tables of other tools as they come: separators and decimal commas of files, and what is no number in a column."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, MissingPackageError

if TYPE_CHECKING:
    import pandas


def read_text_table(path: Path) -> pandas.DataFrame:
    """Read a table separated by commas, tabs, or semicolons, which go with decimal commas.

    Raises
    ------
    InputError
        For what is no table.
    MissingPackageError
        Without pandas.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingPackageError(
            f'{path}: reading it needs pandas: pip install "fastseg-metrics[pandas]"'
        ) from error
    try:
        with open(path, encoding="utf-8-sig") as file:
            header = file.readline()
        separator = "\t" if path.suffix == ".tsv" or "\t" in header else ","
        if ";" in header and separator not in header:
            separator = ";"
        with warnings.catch_warnings():
            # pandas 3.1 reads exactly unless told otherwise, older ones if told so
            warnings.simplefilter("ignore")
            return pandas.read_csv(
                path,
                sep=separator,
                decimal="," if separator == ";" else ".",
                float_precision="round_trip",
            )
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table ({error!s:.120})") from error


def as_numbers(frame: pandas.DataFrame, column: str, where: str) -> NDArray[np.float64]:
    """Give a column as numbers, nan where it has none.

    Raises
    ------
    InputError
        For a text that is no number, complex numbers, and two columns of one name.
    """
    held: Any = frame[column]
    if held.ndim > 1:
        raise InputError(f"{where}: two columns are called {column!r:.80}")
    if getattr(held.dtype, "kind", "") == "c":
        raise InputError(f"{where}: {column}: expected real numbers, got complex ones")
    try:
        found: NDArray[np.float64] = held.to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        wrong = next((one for one in held.tolist() if not _is_number(one)), None)
        hint = (
            '; for decimal commas read it with decimal=","'
            if _is_number(str(wrong).replace(",", "."))
            else ""
        )
        raise InputError(f"{where}: {column}: expected numbers, got {wrong!r:.80}{hint}") from None
    return found


def is_of_groups(values: Any) -> bool:
    """Tell whether a column may name groups: texts and whole numbers, also those that are floats because some lack."""
    if getattr(values.dtype, "kind", "") != "f":
        return True
    numbers = values.to_numpy(np.float64)
    defined = numbers[~np.isnan(numbers)]
    return bool(len(defined) and (np.floor(defined) == defined).all())


def _is_number(one: Any) -> bool:
    try:
        float(one)
    except (ValueError, TypeError):
        return one is None
    return True
