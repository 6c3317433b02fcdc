"""Tables as pandas DataFrames: the one place that asks for pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastseg.errors import MissingPackageError

if TYPE_CHECKING:
    import pandas


def dataframe(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pandas.DataFrame:
    """Make a DataFrame of rows.

    Raises
    ------
    MissingPackageError
        Without pandas.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingPackageError(
            'to_pandas needs pandas: pip install "fastseg-metrics[pandas]"'
        ) from error
    return pandas.DataFrame(rows, columns=list(columns))
