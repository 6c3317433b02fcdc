"""Who evaluates the cases: this process, processes of its own, an executor, a cluster."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from fastseg import dispatch
from fastseg import threads as pool
from fastseg.cohort.memory import parse_size
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.errors import InputError, InputTypeError
from fastseg.evaluation.settings import Settings
from fastseg.inputs.scalars import shown


def evaluate_all(
    cases: Sequence[Case],
    settings: Settings,
    *,
    workers: int | None = 1,
    threads: int | None = None,
    max_memory: int | str | None = None,
    executor: Any = None,
) -> Iterator[Outcome]:
    """Evaluate cases, and give what comes of each as it comes.

    Parameters
    ----------
    cases : sequence of Case
    settings : Settings
    workers : int, optional
        How many processes evaluate cases side by side. 1 is this process, which reads the next case while it measures
        one. More are spawned, and each has one case at a time; the caller's script is not run again in them. None
        chooses: as many as there are cores (of the affinity, of the container's share, of
        :func:`fastseg.set_num_threads`), cases, and cases beside each other that memory has room for (free memory,
        the container's limit, ``ulimit -v``, `max_memory`), by the headers of eight cases; but 1 where those headers
        promise so few voxels that starting processes, a second or two, would take longer than they save.
    threads : int, optional
        How many threads each has; by default the cores, divided by the workers. All in this process, and 1 on a
        cluster.
    max_memory : int or str, optional
        How many bytes, or "4GiB": what this process and all workers may take together. What a case takes is known
        from its headers (:func:`fastseg.cohort.memory.needed_bytes`), and cases run side by side only while all fit.
        One that does not fit alone is measured in pieces if its files can be read in windows, and fails otherwise.
        With an executor it is what one case may take.
    executor : concurrent.futures.Executor, distributed.Client or str, optional
        Evaluates the cases instead, and is left open; `workers` then tells how many workers it has, if it does not
        tell itself. A text is the address of a scheduler of Dask's: ``tcp://node7:8786``.

    Yields
    ------
    Outcome
        Of each case once, in any order (with one worker in theirs). Only a few are asked for beyond those that were
        given. To close the generator, or an interrupt, ends the workers at once.

    Raises
    ------
    WorkersError
        If workers cannot be started at all, or the executor takes no more cases.
    ValueError, TypeError
        For options that make no sense, before anything is read.
    """
    workers = _checked(workers, "workers")
    threads = _checked(threads, "threads")
    most = None if max_memory is None else parse_size(max_memory)
    settings = _with_backend(settings)
    if executor is None:
        return _here(cases, settings, workers, threads, most)
    from fastseg.cohort import dask, executors

    if dask.is_client(executor):
        return dask.evaluate_on_cluster(cases, settings, executor, threads, most)
    if isinstance(executor, str):
        return _at(executor, cases, settings, threads, most)
    if not callable(getattr(executor, "submit", None)):
        raise InputTypeError(
            f"executor: expected one of concurrent.futures, or a client of Dask's, got {shown(executor)}"
        )
    return executors.evaluate_with_executor(cases, settings, executor, workers, threads, most)


def _at(
    address: str,
    cases: Sequence[Case],
    settings: Settings,
    threads: int | None,
    max_memory: int | None,
) -> Iterator[Outcome]:
    """Evaluate cases on the cluster whose scheduler has an address."""
    from fastseg.cohort import dask

    with dask.client(address) as cluster:
        yield from dask.evaluate_on_cluster(cases, settings, cluster, threads, max_memory)


def _here(
    cases: Sequence[Case],
    settings: Settings,
    workers: int | None,
    threads: int | None,
    max_memory: int | None,
) -> Iterator[Outcome]:
    """Evaluate cases on this machine."""
    if workers == 1:
        from fastseg.cohort.reading_ahead import evaluate_cases

        with _threads(threads):
            yield from evaluate_cases(cases, settings, max_memory)
        return
    from fastseg.cohort.planning import planned
    from fastseg.cohort.processes import evaluate_in_processes

    plan = planned(cases, settings, workers, threads, max_memory)
    if plan.workers == 1:
        yield from _here(cases, settings, 1, threads, max_memory)
    else:
        yield from evaluate_in_processes(cases, settings, *plan, max_memory)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Use so many threads in this process, within the block."""
    if count is None:
        yield
        return
    before = pool.chosen_num_threads()
    pool.set_num_threads(count)
    try:
        yield
    finally:
        pool.set_num_threads(before)


def _with_backend(settings: Settings) -> Settings:
    """Have other processes use the backend that :func:`fastseg.use_backend` has chosen in this one."""
    chosen = dispatch.forced_backend()
    return settings if settings.backend or not chosen else replace(settings, backend=chosen)


def _checked(value: Any, name: str) -> int | None:
    """Take a whole number of at least 1, or None."""
    if value is None:
        return None
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        raise InputTypeError(
            f"{name}: expected a whole number of at least 1 or None, got {shown(value)}"
        ) from None
    if number < 1:
        raise InputError(
            f"{name}: expected a whole number of at least 1 or None, got {shown(value)}"
        )
    return number
