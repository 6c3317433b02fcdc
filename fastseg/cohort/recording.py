"""What is kept of each outcome as it comes: in memory, or in a stream that a later run goes on with."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Protocol

from fastseg.cohort.fingerprints import Fingerprint
from fastseg.cohort.folders import StrPath, some
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.records import Key, Record
from fastseg.cohort.stream import Stream, read_stream
from fastseg.errors import InputWarning
from fastseg.evaluation.settings import Settings
from fastseg.results.files import encodable

#: of the reference, the prediction, and what else the settings say that a case is evaluated with
_Files = tuple[Fingerprint | None, ...]


class Recording(Protocol):
    """Where outcomes go."""

    @property
    def remaining(self) -> Sequence[Case]:
        """The cases that are not done yet."""

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome."""

    def outcomes(self) -> Iterator[Outcome]:
        """Give the outcomes of all cases that were asked for, as far as they are done, in the order of the cases."""


class InMemory:
    """Outcomes that are kept until the end, and lost with the process."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.remaining = cases
        self._found: dict[Key, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        self._found[_key(outcome.case)] = outcome

    def outcomes(self) -> Iterator[Outcome]:
        """Give them in the order of the cases."""
        return (self._found[key] for key in map(_key, self.remaining) if key in self._found)


class OnDisk:
    """Outcomes that are appended to a stream, and read from it again at the end.

    A case's files are looked at before it is read, so that what changes later is seen to have changed.
    """

    def __init__(
        self,
        stream: Stream,
        cases: Sequence[Case],
        done: set[Key],
        settings: Settings,
        hashed: bool,
    ) -> None:
        self._stream, self._cases, self._settings, self._hashed = stream, cases, settings, hashed
        self.remaining: Sequence[Case] = [case for case in cases if _key(case) not in done]
        self._files = {_key(case): _fingerprints(case, settings) for case in self.remaining}

    def add(self, outcome: Outcome) -> None:
        """Append an outcome to the stream."""
        files = self._files[_key(outcome.case)]
        if self._hashed:
            now = _fingerprints(outcome.case, self._settings, hashed=True)
            # what changed while it was read keeps its former time, so that it is done again
            files = now if _all_unchanged(files, now) else files
        self._stream.append(Record.of(outcome, self._settings, *files))

    def outcomes(self) -> Iterator[Outcome]:
        """Read them from the stream, which is all that a table is made of."""
        cases = {_key(case): case for case in self._cases}
        found: dict[Key, Outcome] = {}
        others: list[str] = []
        for record in read_stream(self._stream.path):
            case = cases.get(record.key)
            if case is None:
                others.append(record.key.case)
            else:
                found[record.key] = record.outcome(case)
        if others:
            warnings.warn(
                f"{self._stream.path}: {len(others)} of its cases are not among those that were asked for now, and are "
                f"in no table: {some(others)}",
                InputWarning,
                stacklevel=3,
            )
        return (found[key] for key in cases if key in found)


@contextlib.contextmanager
def recording(
    cases: Sequence[Case],
    settings: Settings,
    path: StrPath | None = None,
    resume: bool = False,
    hashed: bool = False,
) -> Iterator[Recording]:
    """Open what outcomes are kept in.

    Parameters
    ----------
    cases : sequence of Case
    settings : Settings
    path : path-like, optional
        A stream; without it, outcomes are kept in memory.
    resume : bool
        Go on with the stream if it is there; see :meth:`fastseg.cohort.stream.Stream.resumed`.
    hashed : bool
        Keep a hash of the files, by which a later run knows them whatever their time of change.
    """
    if path is None:
        yield InMemory(cases)
    elif resume:
        by_key = {_key(case): case for case in cases}

        def stands(record: Record) -> bool:
            case = by_key.get(record.key)
            if case is None:
                return True  # one that was not asked for now stays in the file
            kept = (record.reference, record.prediction, *record.further)
            wants_hash = any(file is not None and file.sha256 for file in kept)
            now = _fingerprints(case, settings, wants_hash)
            return now[0] is not None and _all_unchanged(kept, now)

        with Stream.resumed(path, settings, stands) as (stream, done):
            yield OnDisk(stream, cases, done, settings, hashed)
    else:
        with Stream.started(path) as stream:
            yield OnDisk(stream, cases, set(), settings, hashed)


def _key(case: Case) -> Key:
    return Key(encodable(case.algorithm), encodable(case.name))


def _fingerprints(case: Case, settings: Settings, hashed: bool = False) -> _Files:
    """Look at the files of a case; what cannot be looked at fails when it is read."""
    paths = (case.reference, case.prediction, *settings.further_files(case.name))
    return tuple(_fingerprint(path, hashed) for path in paths)


def _fingerprint(path: StrPath | None, hashed: bool) -> Fingerprint | None:
    if path is None:
        return None
    try:
        return Fingerprint.of(path, hashed)
    except OSError:
        return None


def _all_unchanged(some_files: _Files, others: _Files) -> bool:
    """Tell whether all files are what they were; as many as there were."""
    same = len(some_files) == len(others)
    return same and all(map(_unchanged, some_files, others))


def _unchanged(one: Fingerprint | None, other: Fingerprint | None) -> bool:
    """Tell whether a file is what it was; one that was missing and still is has not changed."""
    if one is None or other is None:
        return one is other
    return one.is_same(other)
