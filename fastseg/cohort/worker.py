"""A worker process, on either side of its connection: what it does, and how it is started, asked and ended."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import threading
import types
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from fastseg.errors import shortened

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from fastseg.cohort.folders import StrPath
    from fastseg.cohort.outcomes import Case, Outcome
    from fastseg.evaluation.settings import Settings

# How long a process that is dead, or was killed, may take to say so.
_PATIENCE = 10.0


class Task(NamedTuple):
    """A case on its way to a worker.

    `need` is what it takes of memory at most, `budget` what it may take, None for any, `least` what it can be measured
    within, and `kept` what its worker keeps of it for the next case.
    """

    case: Case
    need: int = 0
    budget: int | None = None
    least: int = 0
    kept: int = 0


class NotStarted(Exception):  # noqa: N818 - it says what happened, and is never shown as it is
    """A worker that ended before it was ready; the text says what is known of why."""


class Worker:
    """A process of its own that evaluates the cases that it is given, in that order.

    Attributes
    ----------
    connection : Connection
        Has something to receive when the worker is ready, when an outcome has come, and when the worker has ended.
    ready : bool
        Whether it has said that it can work.
    tasks : deque of Task
        What it was given and has not answered; it works on the first of them.
    reference : path or None
        That of the case which it was given last.
    kept : int
        How many bytes it keeps of it when it is idle.
    """

    def __init__(self, settings: Settings, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.ready = False
        self.tasks: deque[Task] = deque()
        self.reference: StrPath | None = None
        self.kept = 0
        # In bytes: to unpickle settings imports what may fail, which `serve` tells.
        arguments = (theirs, os.getcwd(), pickle.dumps(settings), threads)
        self._process = context.Process(
            target=serve, args=arguments, name="fastseg-worker", daemon=True
        )
        try:
            with _without_main(), _interrupts_blocked():
                self._process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()  # so that the other end of ours is closed when the process ends

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def give(self, task: Task) -> None:
        """Give it a case; one that has died is noticed when its answer is received."""
        self.tasks.append(task)
        self.reference, self.kept = task.case.reference, task.kept
        with suppress(OSError):
            self.connection.send((task.case, task.budget))

    def receive(self) -> Outcome | None:
        """Receive what has come: an outcome of the first task, or None for the news that it is ready.

        Raises
        ------
        EOFError
            If it has ended.
        NotStarted
            If it could not begin.
        """
        try:
            what, value = self.connection.recv()
        except (EOFError, OSError) as error:
            if not self.ready:
                raise NotStarted(self.how_it_ended()) from error
            raise EOFError from error
        if what == "failed":
            raise NotStarted(value)
        if what == "ready":
            self.ready = True
            return None
        outcome: Outcome = value
        return outcome

    def how_it_ended(self) -> str:
        """Say how a process that is gone has ended."""
        self._process.join(_PATIENCE)
        return exit_in_words(self._process.exitcode)

    def end(self) -> None:
        """End it at once, whatever it is doing, and wait until it is gone."""
        self._process.kill()
        self._process.join(_PATIENCE)
        self.connection.close()
        if self._process.exitcode is not None:
            self._process.close()


def exit_in_words(status: int | None) -> str:
    """Say what the exit status of a process means.

    Examples
    --------
    >>> exit_in_words(-9)
    'killed by signal 9, as the system does when memory runs out'
    >>> exit_in_words(3)
    'ended by itself, with status 3'
    """
    if status is None:
        return "it no longer answers"
    if status >= 0:
        return f"ended by itself, with status {status}"
    if status == -getattr(signal, "SIGKILL", 9):
        return f"killed by signal {-status}, as the system does when memory runs out"
    what = signal.strsignal(-status) if -status in signal.valid_signals() else None
    return f"ended by signal {-status}" + (f" ({what.lower()})" if what else "")


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep a spawned process from running the caller's script again.

    Nothing that it needs is defined there. A script then needs no ``if __name__ == "__main__"``, and what it imports
    takes neither time nor memory in the workers.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start a process that never hears an interrupt, which is for the one that waits: it ends its workers."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ------------------------------------------------------------------------------ in the worker


def serve(connection: Connection, folder: str, pickled: bytes, threads: int) -> None:
    """Evaluate cases as they come, until the connection is closed: all that a worker does.

    This file imports nothing of fastseg's but what tells an error, so that whatever keeps a process from working is
    told through the connection.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    try:
        os.chdir(folder)  # a spawned process begins where its parent began
        from fastseg.cohort.last_reference import LastReference
        from fastseg.cohort.one_case import evaluate_files
        from fastseg.threads import set_num_threads

        settings: Settings = pickle.loads(pickled)
        set_num_threads(threads)
    except BaseException as error:
        connection.send(("failed", shortened(f"{type(error).__name__}: {error}")))
        return
    last = LastReference()
    _send(connection, "ready", None)
    while True:
        try:
            case, budget = connection.recv()
        except (EOFError, OSError):  # nobody waits for more
            return
        _send(connection, "outcome", evaluate_files(case, settings, budget, last))


def _send(connection: Connection, what: str, value: Any) -> None:
    try:
        connection.send((what, value))
    except OSError:  # who has asked is gone
        os._exit(1)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, in whatever way."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="fastseg-watch", daemon=True).start()
