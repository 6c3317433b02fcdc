"""What a writer is, and what it may be told beside the evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastseg.errors import InputError
from fastseg.inputs.structures import Label
from fastseg.results.evaluation import Evaluation

#: (algorithm, case) to the paths of its reference and of its prediction, which may be missing
Files = Mapping[tuple[str, str], tuple[str, str | None]]


@dataclass(frozen=True)
class WriteOptions:
    """What some formats tell beside the rows.

    Attributes
    ----------
    files : mapping
        From (algorithm, case) to the paths of reference and prediction, the latter None where it is missing.
    by : tuple of str
        What summaries group by; a format's own choice if empty.
    floors : mapping of str to float
        As in :meth:`Evaluation.summary`.
    """

    files: Files = field(default_factory=dict)
    by: tuple[str, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)


DEFAULTS = WriteOptions()


class Write(Protocol):
    """Writes an evaluation to a file, the whole of it or nothing."""

    def __call__(
        self, evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS, /
    ) -> None:
        """Write; see the module of each format."""


@dataclass(frozen=True)
class Writer:
    """A format of files.

    Attributes
    ----------
    name : str
        As in ``nnunet:summary.json``.
    suffixes : tuple of str
        The endings by which it is chosen where no name is given.
    description : str
        What it writes, in one line, for help texts.
    write : callable
        ``write(evaluation, path, options)``: the whole file or nothing of it.
    check_labels : callable or None
        Refuses labels, as the settings have them by the names of structures, that the format cannot tell apart.
    one_algorithm : bool
        Whether the format has no place for the names of several algorithms.
    package, extra : str
        A package that has to be installed, and the extra that brings it; "" if none has to.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    write: Write
    one_algorithm: bool = False
    check_labels: Callable[[Mapping[str, Label]], None] | None = None
    package: str = ""
    extra: str = ""


def only_algorithm(evaluation: Evaluation, format_name: str) -> str:
    """Give the name of the one algorithm, "" where it has none.

    Raises
    ------
    InputError
        If there are several.
    """
    names = evaluation.algorithms
    if len(names) > 1:
        shown = ", ".join(map(repr, names))
        raise InputError(
            f"{format_name}: a file of this format is about one algorithm, and there are {len(names)} ({shown:.200}): "
            "write a file for each, with {algorithm} in its path"
        )
    return names[0] if names else ""
