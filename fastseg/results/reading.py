"""Results that were written before, read back from their files."""

from __future__ import annotations

import os
from pathlib import Path

from fastseg.errors import InputError, InputTypeError
from fastseg.results.evaluation import Evaluation

#: what can be read back, by its ending
READABLE = (".json", ".parquet")


def read(path: str | os.PathLike[str]) -> Evaluation:
    """Read an evaluation from a file that fastseg wrote, .json or .parquet: the same rows, to the bit.

    Parameters
    ----------
    path : path-like or str

    Returns
    -------
    Evaluation
        Also its metrics, settings and failures.

    Raises
    ------
    ValueError
        For a file of another kind. A .csv file is one: it lacks settings and voxel sizes.
    OSError
        If it cannot be read.
    ImportError
        For a .parquet file without pyarrow.

    Examples
    --------
    >>> import tempfile, numpy as np, fastseg
    >>> from fastseg.results import read
    >>> mask = np.ones((3, 3, 3), bool)
    >>> evaluation = fastseg.evaluate(mask, mask, metrics="dice", case="a")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = evaluation.to_json(f"{folder}/results.json")
    ...     read(f"{folder}/results.json") == evaluation
    True
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputTypeError(f"read: expected a path, got {type(path).__name__}")
    found = Path(path)
    suffix = found.suffix.lower()
    if suffix == ".json":
        return Evaluation.from_json(found)
    if suffix == ".parquet":
        from fastseg.results.writers import parquet

        return parquet.read(found)
    lacks = " lacks settings and voxel sizes, so it is not read back;" if suffix == ".csv" else ""
    raise InputError(f"{found}:{lacks} expected a file that ends in {' or '.join(READABLE)}")
