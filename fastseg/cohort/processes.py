"""Cases on processes of this machine, side by side as far as memory goes; one that dies costs the case it had."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from multiprocessing.connection import wait
from typing import NoReturn

from fastseg.cohort.machine import resident_bytes
from fastseg.cohort.memory import PROCESS_BYTES, too_large
from fastseg.cohort.one_case import attempt, died, open_case, outcome_of
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.worker import NotStarted, Task, Worker
from fastseg.errors import WorkersError
from fastseg.evaluation.settings import Settings

# Where cases take less than this many seconds, a worker is given the next one before it asks.
_SHORT = 0.5

# As many cases of one reference wait for the worker that has it.
_MOST_WAITING = 4

# As many workers one after the other that end before they are ready mean that none ever will be.
_MOST_NOT_STARTED = 3


def evaluate_in_processes(
    cases: Iterable[Case],
    settings: Settings,
    workers: int,
    threads: int,
    max_memory: int | None = None,
) -> Iterator[Outcome]:
    """Evaluate cases in processes of their own, each of which has one case at a time.

    Parameters
    ----------
    cases : iterable of Case
    settings : Settings
    workers : int
        How many processes at most; they are started when there is work for them.
    threads : int
        How many threads each has.
    max_memory : int, optional
        How many bytes this process and all of its workers may take.

    Yields
    ------
    Outcome
        In the order in which they come. A worker that dies, of lack of memory or of a fault in a library, is the
        failure "WorkerDied" of the case it had, and another takes its place.

    Raises
    ------
    WorkersError
        If no worker can be started.
    """
    if multiprocessing.current_process().daemon:
        raise WorkersError(
            "this process is a worker itself, of a kind that may start no others (it is daemonic): workers=1 "
            "evaluates in it"
        )
    pool = _Pool(cases, settings, workers, threads, max_memory)
    try:
        yield from pool.outcomes()
    finally:
        pool.end()


class _Pool:
    """The workers, the cases that wait for them, and the memory that all of them may take."""

    def __init__(
        self,
        cases: Iterable[Case],
        settings: Settings,
        limit: int,
        threads: int,
        max_memory: int | None,
    ) -> None:
        self._cases = iter(cases)
        self._settings, self._limit, self._threads = settings, limit, threads
        self._max_memory = max_memory
        self._workers: list[Worker] = []
        self._next: deque[Task] = deque()  # asked for, and not given to a worker yet
        self._come: deque[Outcome] = deque()
        self._short = False
        self._not_started = 0

    def outcomes(self) -> Iterator[Outcome]:
        """Give cases to workers, and what comes of them to the caller, until there are no more."""
        while True:
            self._hand_out()
            if self._come:
                yield self._come.popleft()
                continue
            busy = {worker.connection: worker for worker in self._workers if worker.tasks}
            if not busy:
                return
            for connection in wait(list(busy)):
                self._receive(busy[connection])  # type: ignore[index]

    def end(self) -> None:
        """End all workers at once, whatever they are doing."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    # ------------------------------------------------------------------------- to the workers

    def _hand_out(self) -> None:
        """Give cases to all workers that can take one."""
        while len(self._come) <= self._limit and (task := self._upcoming()) is not None:
            worker = self._taker(task)
            if worker is None:
                return
            worker.give(self._next.popleft())

    def _upcoming(self) -> Task | None:
        """Look at the next case that can be evaluated; headers that cannot be read make an outcome at once."""
        while not self._next and len(self._come) <= self._limit:
            case = next(self._cases, None)
            if case is None:
                return None
            if self._max_memory is None:
                self._next.append(Task(case))
                break
            opened = attempt(open_case, case, self._settings)
            if isinstance(opened, Exception):
                self._come.append(outcome_of(case, opened))
                continue
            need, kept = opened.need, 0 if opened.key is None else opened.need.reading
            self._next.append(Task(case, need.most, need.most, need.least, kept))
        return self._next[0] if self._next else None

    def _taker(self, task: Task) -> Worker | None:
        """Find a worker for a case: an idle one, a new one, or one that is about to be idle."""
        if (worker := self._with_reference(task)) is not None:
            return worker
        idle = [worker for worker in self._workers if not worker.tasks]
        if idle and self._fits(task.need):
            return idle[0]
        if len(self._workers) < self._limit and self._fits(task.need + PROCESS_BYTES):
            return self._start()
        if not idle and self._short:
            for worker in self._workers:
                if len(worker.tasks) == 1 and self._fits(task.need - worker.tasks[0].need):
                    return worker
        if len(idle) == len(self._workers) and self._max_memory is not None:
            return self._alone(task, self._max_memory)
        return None

    def _with_reference(self, task: Task) -> Worker | None:
        """Find the worker that reads the case's reference for another algorithm, if it is not too far behind."""
        if not task.case.algorithm:
            return None
        for worker in self._workers:
            waiting = len(worker.tasks)
            is_same = worker.reference == task.case.reference and waiting < _MOST_WAITING
            held = max((one.need for one in worker.tasks), default=0)
            if is_same and self._fits(max(0, task.need - held)):
                return worker
        return None

    def _alone(self, task: Task, most: int) -> Worker | None:
        """Give a case that does not fit beside idle workers all there is, or refuse it."""
        for worker in self._workers[1:]:
            worker.end()
        del self._workers[1:]
        free = most - self._taken() - (0 if self._workers else PROCESS_BYTES)
        if task.least <= free < task.need:
            self._next[0] = task._replace(need=free, budget=free)
        elif task.need > free:
            self._next.popleft()
            self._come.append(outcome_of(task.case, too_large(task.need, most, most - free)))
            return None
        return self._workers[0] if self._workers else self._start()

    def _fits(self, more: int) -> bool:
        return self._max_memory is None or self._taken() + more <= self._max_memory

    def _taken(self) -> int:
        """Tell how much this process, its workers and their cases take at most."""
        own = resident_bytes() or PROCESS_BYTES
        for worker in self._workers:
            own += PROCESS_BYTES + max((task.need for task in worker.tasks), default=worker.kept)
        return own

    def _start(self) -> Worker:
        try:
            worker = Worker(self._settings, self._threads)
        except OSError as error:
            raise WorkersError(f"no worker process can be started: {error}") from error
        self._workers.append(worker)
        return worker

    # ----------------------------------------------------------------------- from the workers

    def _receive(self, worker: Worker) -> None:
        try:
            outcome = worker.receive()
        except NotStarted as error:
            self._give_back(worker)
            self._not_started += 1
            if self._not_started == _MOST_NOT_STARTED:
                _cannot_start(str(error))
            return
        except EOFError:
            task = worker.tasks.popleft()
            message = f"its worker process died: {worker.how_it_ended()}"
            self._come.append(died(task.case, message))
            self._give_back(worker)
            return
        if outcome is None:
            self._not_started = 0
            return
        task = worker.tasks.popleft()
        self._short = outcome.seconds < _SHORT
        self._come.append(replace(outcome, case=task.case))

    def _give_back(self, worker: Worker) -> None:
        """Take the cases that a worker has not begun to somebody else, and let it go."""
        self._next.extendleft(reversed(worker.tasks))
        self._workers.remove(worker)
        worker.end()


def _cannot_start(reason: str) -> NoReturn:
    raise WorkersError(
        f"worker processes cannot be started: {reason}; workers=1 (--workers 1) evaluates in this process"
    )
