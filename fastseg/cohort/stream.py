"""A file to which outcomes are appended as they come (JSON lines), and which a later run goes on with.

Whatever happens to a run, all lines but the last are whole. A last line that is cut, since the process was killed or
the disk was full, is taken away before anything is appended.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from fastseg.cohort.folders import StrPath, some
from fastseg.cohort.records import Key, Record, differences
from fastseg.errors import InputError, InputWarning
from fastseg.evaluation.settings import Settings
from fastseg.io.replacing import replacing
from fastseg.results.json_values import plain

if sys.platform != "win32":
    import fcntl

#: what a stream's name ends in
SUFFIX = ".jsonl"


def is_stream(path: StrPath) -> bool:
    """Tell whether a name is that of a stream of outcomes."""
    return str(path).lower().endswith(SUFFIX)


def read_lines(path: StrPath) -> Iterator[tuple[int, bytes, int]]:
    """Yield the number and the text of every whole line that is not blank, and how many bytes reach to its end.

    Warns
    -----
    InputWarning
        For a last line that is cut.
    """
    end = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            end += len(line)
            if not line.endswith(b"\n"):
                warnings.warn(
                    f"{path}: its last line, {number}, is cut, as where a run was killed: that case is not there",
                    InputWarning,
                    stacklevel=2,
                )
            elif line.strip():
                yield number, line, end


def read_stream(path: StrPath, with_rows: bool = True) -> Iterator[Record]:
    """Yield the outcomes of a stream, in the order in which they came.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        For a line that is no outcome; it is named.
    """
    for number, line, _ in read_lines(path):
        yield Record.read(line, f"{path}: line {number}", with_rows)


class Stream:
    """A file that is open to append outcomes to, by one run at a time.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: StrPath, file: BinaryIO) -> None:
        self.path = Path(path)
        self._file = file

    @classmethod
    @contextlib.contextmanager
    def started(cls, path: StrPath) -> Iterator[Stream]:
        """Start a stream anew.

        Raises
        ------
        FileExistsError
            If it holds outcomes already, which are never overwritten.
        OSError
            If it cannot be written.
        """
        with cls._opened(path) as stream:
            if os.fstat(stream._file.fileno()).st_size:
                raise FileExistsError(
                    f"{path}: outcomes of an earlier run are in it, and are not overwritten: go on with them "
                    "(resume=True, --resume), or name another file"
                )
            yield stream

    @classmethod
    @contextlib.contextmanager
    def resumed(
        cls, path: StrPath, settings: Settings, stands: Callable[[Record], bool]
    ) -> Iterator[tuple[Stream, set[Key]]]:
        """Go on with a stream, if there is one, and tell which cases are done.

        Parameters
        ----------
        path : path-like
        settings : Settings
        stands : callable
            Tells whether a case still is what it was when the record, which is without rows, was made.

        Yields
        ------
        Stream
        set of Key
            The cases that are there and stand. What does not stand, a case that failed, an earlier outcome of the
            same case and a line that was cut are taken out of the file, so that every case is there once.

        Raises
        ------
        ValueError
            If it was made with other settings, which are named, or if a line is no outcome.
        OSError
            If it cannot be read or written, or if another run is writing to it.
        """
        with cls._opened(path) as stream:
            done = stream._tidied(settings, stands)
            yield stream, done

    @classmethod
    @contextlib.contextmanager
    def _opened(cls, path: StrPath) -> Iterator[Stream]:
        file = _locked(path)
        stream = cls(path, file)
        try:
            yield stream
        finally:
            stream._file.close()

    def append(self, record: Record) -> None:
        """Write an outcome, and pass it on to the system, so that it is there whatever happens to this process.

        Raises
        ------
        OSError
            If it cannot be written, on a full disk say; what was written of it is taken away again.
        """
        end = self._file.seek(0, os.SEEK_END)
        data = memoryview(record.line().encode("utf-8"))
        try:
            while data:
                data = data[self._file.write(data) :]
        except BaseException as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            if isinstance(error, OSError):
                error.filename, error.filename2 = str(self.path), None
            raise

    def _tidied(self, settings: Settings, stands: Callable[[Record], bool]) -> set[Key]:
        """Find out which cases are done, and take all other lines out of the file."""
        asked = plain(settings.identity)
        kept: dict[Key, int] = {}
        superfluous = False
        end = 0
        for number, line, end in read_lines(self.path):  # noqa: B007 - the last one counts
            record = Record.read(line, f"{self.path}: line {number}", with_rows=False)
            if changed := differences(record.settings, asked):
                raise InputError(
                    f"{self.path}: it was made with other settings ({some(changed, 3, '; ')}): take the same, or name "
                    "another file"
                )
            if record.failure is None and stands(record):
                superfluous |= kept.get(record.key) is not None
                kept[record.key] = number
            else:
                superfluous = True
                kept.pop(record.key, None)
        if superfluous:
            self._keep(set(kept.values()))
        elif os.fstat(self._file.fileno()).st_size > end:
            self._file.truncate(end)  # a line that was cut
        return set(kept)

    def _keep(self, numbers: set[int]) -> None:
        """Put a file with these lines in the place of this one, whole or not at all, and go on with it."""
        with open(self.path, "rb") as before, replacing(self.path, binary=True) as file:
            for number, line in enumerate(before, 1):
                if number in numbers:
                    file.write(line)
        former, self._file = self._file, _locked(self.path)
        former.close()


def _locked(path: StrPath) -> BinaryIO:
    """Open a file to append to, which no other process has open so."""
    file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by the stream
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise InputError(f"{path}: another run is writing to it") from None
        except OSError:
            pass  # a file system without locks
    return file
