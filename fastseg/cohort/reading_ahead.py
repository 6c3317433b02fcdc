"""Cases one after another in this process: the next is read while one is measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from fastseg import io
from fastseg.cohort.last_reference import LastReference
from fastseg.cohort.machine import resident_bytes
from fastseg.cohort.memory import PROCESS_BYTES, too_large
from fastseg.cohort.one_case import (
    Opened,
    attempt,
    measure_case,
    open_case,
    outcome_of,
    reads_within,
)
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.evaluation.settings import Settings
from fastseg.threads import get_num_threads, own_pool

_Reading = list[Future[io.ReadMap]]


@dataclass
class _Begun:
    """A case whose headers were read, or what was raised instead; what it may take; the reading of its voxels."""

    case: Case
    opened: Opened | Exception
    budget: int | None = None
    reading: _Reading | None = None

    @property
    def reading_bytes(self) -> int:
        """What reading it takes."""
        assert isinstance(self.opened, Opened)
        most = self.opened.need.reading
        return most if self.budget is None else min(most, self.budget)


def evaluate_cases(
    cases: Iterable[Case], settings: Settings, max_memory: int | None = None
) -> Iterator[Outcome]:
    """Evaluate pairs of files one after another, reading the next while one is computed.

    Parameters
    ----------
    cases : iterable of Case
        The name of a case and its image files; one without a prediction is compared with an empty one.
    settings : Settings
    max_memory : int, optional
        How many bytes this process may take. The next case is read ahead only where it fits beside the current one,
        and a case that does not fit alone fails, unless it can be measured in pieces.

    Yields
    ------
    Outcome
        In the order of the cases. After one that failed the next one follows. At most one case beside the current one
        is in memory.
    """
    waiting = iter(cases)
    last = LastReference()
    # What a case may take: what is left beside this process, which grows when it first measures.
    free = None
    if max_memory is not None:
        free = max_memory - max(resident_bytes() or 0, PROCESS_BYTES)
    # A thread for each of the two files: unzipping one is serial, and takes about as long as measuring.
    count = min(2, get_num_threads())
    with own_pool(count, "fastseg-read") as submit:

        def begin() -> _Begun | None:
            case = next(waiting, None)
            if case is None:
                return None
            opened = attempt(open_case, case, settings)
            if isinstance(opened, Exception) or free is None:
                return _Begun(case, opened)
            budget = opened.need.within(free)
            if budget is None:
                assert max_memory is not None
                opened = too_large(opened.need.most, max_memory, max_memory - free)
            return _Begun(case, opened, budget)

        def read(begun: _Begun, beside: int = 0) -> None:
            """Begin to read a case, if it fits beside so much."""
            if isinstance(begun.opened, Exception) or begun.reading is not None:
                return
            if free is None or begun.reading_bytes + beside <= free or not beside:
                reads = reads_within(begun.opened, begun.budget, last)
                begun.reading = [submit(lambda one: one(), one) for one in reads]

        following = begin()
        while following is not None:
            started = time.perf_counter()
            current = following
            notes: tuple[str, ...] = ()
            budget = None
            read(current)
            found: list[io.ReadMap] | Exception
            if isinstance(current.opened, Exception):
                found = current.opened
            else:
                assert current.reading is not None
                notes = current.opened.notes
                budget = current.opened.left_of(current.budget)
                found = attempt(_results, current.reading)
            current.reading = None
            following = begin()
            if following is not None:
                read(following, current.budget or 0)
            if isinstance(found, Exception):
                yield outcome_of(current.case, found, notes)
                continue
            notes += tuple(note for one in found for note in one.notes)
            result = attempt(measure_case, found, settings, current.case, budget)
            del found
            yield outcome_of(current.case, result, notes, time.perf_counter() - started)


def _results(reading: _Reading) -> list[io.ReadMap]:
    return [future.result() for future in reading]
