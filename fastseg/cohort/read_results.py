"""Results of earlier runs, read back from whatever file they were written to."""

from __future__ import annotations

import os
from pathlib import Path

from fastseg.cohort.folders import StrPath
from fastseg.cohort.merging import evaluation_of, merged
from fastseg.cohort.stream import is_stream
from fastseg.errors import InputError, InputTypeError
from fastseg.results import Evaluation, read


def read_results(path: StrPath) -> Evaluation:
    """Read an evaluation back from a file that fastseg wrote: the same rows, to the bit.

    Parameters
    ----------
    path : str or path-like
        A stream of outcomes (.jsonl), or a table (.json, .parquet). A .csv file lacks settings and voxel sizes.

    Returns
    -------
    Evaluation
        With its metrics, settings and failures. Several are joined by :meth:`Evaluation.joined`.

    Raises
    ------
    ValueError
        For a file of another kind, one that is damaged, and a stream without outcomes.
    OSError
        If it cannot be read.
    ImportError
        For a .parquet file without pyarrow.

    Warns
    -----
    InputWarning
        For a stream whose last line is cut.

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np, fastseg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for rater in ("senior", "junior"):
    ...         pathlib.Path(folder, rater).mkdir()
    ...         np.save(f"{folder}/{rater}/a.npy", np.ones((3, 3, 3), np.uint8))
    ...     stream = f"{folder}/run.jsonl"
    ...     evaluation = fastseg.evaluate_cohort(f"{folder}/senior", f"{folder}/junior", output=stream)
    ...     fastseg.read_results(stream) == evaluation
    True
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputTypeError(f"read_results: expected a path, got {type(path).__name__}")
    if not is_stream(path):
        return read(path)
    records = merged([Path(path)])
    if not records:
        raise InputError(f"{path}: there is no outcome in it")
    return evaluation_of(records)
