"""The order of a run: images, models, what is shared, label maps, measurements; two processes side by side.

Each step writes whole files and leaves alone what is there, so a run that was ended goes on where it was.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.study import contention, learning, machine, making, measuring, methods, peers
from benchmarks.study.folder import Folder
from benchmarks.study.learning import Record
from benchmarks.study.plan import ROLES, Plan

#: Every library computes in one thread: as many processes as there are cores do the rest.
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)

Task = tuple[Callable[..., list[Record] | None], tuple[Any, ...]]


def run(plan: Plan, folder: Folder, processes: int) -> list[str]:
    """Do all that is not done yet, and give what failed."""
    folder.settle(plan.settings)
    machine.keep(folder)
    for variable in ONE_THREAD:
        os.environ[variable] = "1"
    failures: list[str] = []
    # one pool for all stages: libraries take seconds to import
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
    try:
        for stage, tasks in stages(plan, folder):
            begin = time.perf_counter()
            for record in done(stage, tasks, pool):
                keep(folder, [record])
                if "failure" in record:
                    where = f"{record['method']}/{record['anatomy']}/{record['condition']}"
                    failures.append(f"{where}/{record['subject']}: {record['failure']}")
            keep(folder, [{"stage": "wall", "of": stage, "seconds": time.perf_counter() - begin}])
    finally:
        pool.shutdown(cancel_futures=True)
    contention.count(plan, folder)
    for stage, call in (("measure", measuring.measure), ("peers", peers.compare)):
        begin = time.perf_counter()
        keep(folder, call(plan, folder))
        keep(folder, [{"stage": "wall", "of": stage, "seconds": time.perf_counter() - begin}])
    return failures


def stages(plan: Plan, folder: Folder) -> Iterable[tuple[str, list[Task]]]:
    """Give the stages with their steps; those that take long come first, so that no core waits at the end."""
    yield (
        "make",
        [
            (making.make_subject, (plan, folder, name, subject))
            for name in plan.anatomies
            for role in reversed(ROLES)
            for subject in plan.subjects(name, role)
        ],
    )
    shared = sorted({found for m in plan.methods if (found := methods.method(m).prepare)})
    fits = [(learner, name) for name in plan.anatomies for learner in (*shared, *plan.methods)]
    fits.sort(key=lambda fit: not takes_long(fit[0]))
    yield "fit", [(learning.fit, (plan, folder, name, learner)) for learner, name in fits]
    yield (
        "prepare",
        [
            (learning.prepare, (plan, folder, name, learner, condition))
            for learner in shared
            for name in plan.anatomies
            for condition in plan.conditions(name)
        ],
    )
    yield (
        "segment",
        [
            (learning.segment, (plan, folder, name, method, condition))
            for name, method in plan.each()
            for condition in plan.conditions(name)
        ],
    )


def takes_long(learner: str) -> bool:
    """Tell networks and forests from the rest."""
    return learner in methods.names() and methods.method(learner).section >= "4.6"


def done(stage: str, tasks: list[Task], pool: ProcessPoolExecutor) -> Iterable[Record]:
    """Do the tasks of a stage, and give their records as they come."""
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        bar = progress.add_task(stage, total=len(tasks))
        for finished in as_completed([pool.submit(call, *given) for call, given in tasks]):
            progress.advance(bar)
            yield from finished.result() or ()


def keep(folder: Folder, records: Iterable[Record]) -> None:
    """Append to the times."""
    with folder.times.open("a") as file:
        file.writelines(f"{json.dumps(record)}\n" for record in records)
