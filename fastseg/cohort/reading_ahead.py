"""Cases one after another in this process: the next is read while one is measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from fastseg import io
from fastseg.cohort.one_case import Opened, attempt, measure_case, open_case, outcome_of
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.evaluation.settings import Settings
from fastseg.threads import get_num_threads, own_pool

_Reading = list[Future[io.ReadMap]]


def evaluate_cases(cases: Iterable[Case], settings: Settings) -> Iterator[Outcome]:
    """Evaluate pairs of files one after another, reading the next while one is computed.

    Parameters
    ----------
    cases : iterable of Case
        The name of a case and its image files; one without a prediction is compared with an empty one.
    settings : Settings

    Yields
    ------
    Outcome
        In the order of the cases. After one that failed the next one follows. At most one case beside the current one
        is in memory.
    """
    cases = list(cases)
    # A thread for each of the two files: unzipping one is serial, and takes about as long as measuring.
    count = min(2, get_num_threads())
    with own_pool(count, "fastseg-read") as submit:

        def start(index: int) -> tuple[Opened, _Reading] | Exception | None:
            if index == len(cases):
                return None
            opened = attempt(open_case, cases[index], settings)
            if isinstance(opened, Exception):
                return opened
            return opened, [submit(lambda read: read(), read) for read in opened.reads]

        following = start(0)
        for index, case in enumerate(cases):
            started = time.perf_counter()
            current = following
            notes: tuple[str, ...] = ()
            read: list[io.ReadMap] | Exception
            if isinstance(current, tuple):
                opened, reading = current
                notes = opened.notes
                read = attempt(_results, reading)
                del opened, reading
            else:
                assert current is not None
                read = current
            del current
            following = start(index + 1)
            if isinstance(read, Exception):
                yield outcome_of(case, read, notes)
                continue
            notes += tuple(note for one in read for note in one.notes)
            found = attempt(measure_case, read, settings, case)
            del read
            yield outcome_of(case, found, notes, time.perf_counter() - started)


def _results(reading: _Reading) -> list[io.ReadMap]:
    return [future.result() for future in reading]
