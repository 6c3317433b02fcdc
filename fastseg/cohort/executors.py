"""Cases on somebody else's workers: any executor of the kind of :mod:`concurrent.futures`."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import replace
from typing import Any

from fastseg import threads as pool
from fastseg.cohort.machine import cores
from fastseg.cohort.one_case import died, evaluate_files, outcome_of
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.errors import WorkersError, shortened
from fastseg.evaluation.settings import Settings

# Cases that a worker of an executor has before it: one that it works on, and one that waits.
CASES_A_WORKER = 2


def evaluate_with_executor(
    cases: Iterable[Case],
    settings: Settings,
    executor: Any,
    workers: int | None = None,
    threads: int | None = None,
    max_memory: int | None = None,
) -> Iterator[Outcome]:
    """Evaluate cases on an executor, of which it has only a few at a time.

    Parameters
    ----------
    cases : iterable of Case
    settings : Settings
    executor : concurrent.futures.Executor
        It is left as it is, and not shut down.
    workers : int, optional
        How many workers it has, where it does not tell.
    threads : int, optional
        How many threads a case may use, where it is evaluated in another process. By default the cores, divided by the
        workers.
    max_memory : int, optional
        How many bytes one case may take.

    Yields
    ------
    Outcome
        In the order in which they come. What a broken executor had is failed cases.

    Raises
    ------
    WorkersError
        If it takes no more cases.
    """
    count = workers or getattr(executor, "_max_workers", None) or cores()
    work = functools.partial(
        evaluate_elsewhere,
        settings=settings,
        threads=threads or max(1, cores() // count),
        budget=max_memory,
        here=os.getpid(),
    )
    waiting = iter(cases)
    under_way: dict[Future[Outcome], Case] = {}
    broken: Exception | None = None
    try:
        while True:
            while broken is None and len(under_way) < CASES_A_WORKER * count:
                case = next(waiting, None)
                if case is None:
                    break
                try:
                    under_way[executor.submit(work, with_full_paths(case))] = case
                except RuntimeError as error:  # it is broken, or was shut down
                    broken = error
            if not under_way:
                break
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                case = under_way.pop(future)
                yield outcome_from(future, case)
        if broken is not None:
            raise WorkersError(
                f"the executor takes no more cases: {shortened(broken) or type(broken).__name__}"
            ) from broken
    finally:
        for future in under_way:
            future.cancel()


def outcome_from(future: Any, case: Case) -> Outcome:
    """Take what a worker has sent, or make a failure of whatever came instead."""
    try:
        outcome: Outcome = future.result()
    except (BrokenExecutor, CancelledError) as error:
        text = shortened(error) or type(error).__name__
        return died(case, f"its worker is gone: {text}")
    except Exception as error:  # what cannot be sent, say; evaluating raises nothing
        return outcome_of(case, error)
    return replace(outcome, case=case)


def with_full_paths(case: Case) -> Case:
    """Name the files of a case by their whole paths: a worker may be in another folder."""
    prediction = None if case.prediction is None else os.path.abspath(case.prediction)
    return case._replace(reference=os.path.abspath(case.reference), prediction=prediction)


def evaluate_elsewhere(
    case: Case, *, settings: Settings, threads: int, budget: int | None, here: int
) -> Outcome:
    """Evaluate a case on the worker of an executor, with so many threads if it is a process of its own."""
    if os.getpid() != here and pool.get_num_threads() != threads:
        pool.set_num_threads(threads)
    return evaluate_files(case, settings, budget)
