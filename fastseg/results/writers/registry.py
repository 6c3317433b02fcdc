"""All formats that results are written in, and which of them an output is asked for in."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fastseg.errors import InputError, shortened
from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.structures import Label
from fastseg.io.image import require
from fastseg.results.evaluation import Evaluation
from fastseg.results.writers import (
    challenger,
    flat_json,
    grand_challenge,
    nnunet,
    panoptica_tsv,
    parquet,
    rows_csv,
    rows_json,
    summary_csv,
)
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer

_MODULES = (
    rows_csv,
    rows_json,
    parquet,
    summary_csv,
    nnunet,
    grand_challenge,
    panoptica_tsv,
    challenger,
    flat_json,
)

#: from the name of a format to its writer
WRITERS: dict[str, Writer] = {module.WRITER.name: module.WRITER for module in _MODULES}

#: from the endings of files to the writer that they choose
SUFFIXES: dict[str, Writer] = {
    suffix: writer for writer in WRITERS.values() for suffix in writer.suffixes
}

#: in a path: a file for each algorithm
PLACE = "{algorithm}"

# One letter is a drive.
_NAMED = re.compile(r"([A-Za-z][\w-]+):(.*)", re.DOTALL)


class Output(NamedTuple):
    """A file to be written, and in which format.

    Attributes
    ----------
    writer : Writer
    path : Path
        It may hold ``{algorithm}``: a file for each of them then.
    """

    writer: Writer
    path: Path

    def check(
        self, algorithms: Sequence[str] = (), labels: Mapping[str, Label] | None = None
    ) -> None:
        """Refuse, before there is any work, what could not be written in the end.

        Parameters
        ----------
        algorithms : sequence of str
            The names of those that will be evaluated, if they have names.
        labels : mapping, optional
            From the names of structures to their labels, as in the settings, if they are given.

        Raises
        ------
        MissingPackageError
            If the format needs a package that is not installed.
        InputError
            If the format has room for one algorithm, and there are several; if it cannot tell labels apart.
        OSError
            If a folder is missing or cannot be written to, or if the path is a folder.
        """
        if self.writer.package:
            require(self.writer.package, f"writing {self.writer.name}", self.writer.extra)
        if self.writer.one_algorithm and len(algorithms) > 1 and PLACE not in str(self.path):
            raise InputError(
                f"{self.path}: a file of the format {self.writer.name} is about one algorithm, and there are "
                f"{len(algorithms)}: put {PLACE} into its path, as in {self._example()}"
            )
        if self.writer.check_labels and labels is not None:
            self.writer.check_labels(labels)
        for path in self.paths(algorithms).values():
            check_writable(path)

    def paths(self, algorithms: Sequence[str]) -> dict[str, Path]:
        """Give the path for each algorithm; the one for all of them under ``""``."""
        if PLACE not in str(self.path):
            return {"": self.path}
        for name in algorithms:
            if not name or name in (".", "..") or "/" in name or os.sep in name:
                raise InputError(
                    f"{self.path}: the algorithm {name!r:.80} can be no part of a file's name"
                )
        if not algorithms:
            raise InputError(f"{self.path}: no algorithm has a name to stand for {PLACE}")
        return {name: Path(str(self.path).replace(PLACE, name)) for name in algorithms}

    def write(self, evaluation: Evaluation, options: WriteOptions = DEFAULTS) -> list[Path]:
        """Write an evaluation, each file whole or not at all.

        Returns
        -------
        list of Path
            The files that were written.

        Raises
        ------
        OSError
            If one cannot be written; what stood there before is as it was.
        """
        paths = self.paths(evaluation.algorithms)
        for name, path in paths.items():
            self.writer.write(evaluation.algorithm(name) if name else evaluation, path, options)
        return list(paths.values())

    def _example(self) -> str:
        return f"{self.writer.name}:{self.path.with_name(f'{PLACE}_{self.path.name}')}"


def parse_output(text: str) -> Output:
    """Understand where to write and in which format: ``table.csv``, ``nnunet:summary.json``.

    Parameters
    ----------
    text : str
        A path, whose ending chooses the format, or the name of a format, a colon and a path.

    Raises
    ------
    InputError
        If there is no such format, if the ending is that of none, or if there is no path.

    Examples
    --------
    >>> parse_output("nnunet:out/summary.json").writer.name, parse_output("table.tsv").writer.name
    ('nnunet', 'csv')
    >>> parse_output("nnunnet:summary.json")
    Traceback (most recent call last):
        ...
    fastseg.errors.InputError: nnunnet:summary.json: unknown format 'nnunnet'; did you mean 'nnunet'?
    """
    shown = shortened(text)
    named = _NAMED.fullmatch(text)
    if named:
        name, path = named.groups()
        if name not in WRITERS:
            raise InputError(f"{shown}: unknown format {name!r:.80}; {did_you_mean(name, WRITERS)}")
        if not path:
            raise InputError(f"{shown}: expected a path behind the format, as in {name}:FILE")
        return Output(WRITERS[name], Path(path))
    suffix = Path(text).suffix
    writer = SUFFIXES.get(suffix.lower())
    if writer is None:
        raise InputError(
            f"{shown}: expected an output that ends in {', '.join(SUFFIXES)}, or with its format before it, as in "
            f"nnunet:summary.json ({', '.join(WRITERS)})"
        )
    return Output(writer, Path(text))


def check_writable(path: Path) -> None:
    """Refuse a file that could not be written, before there is any work."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a file to write to, but this is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder, so {path} cannot be written")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OSError(f"{path.parent}: no file can be written here ({error.strerror})") from error
