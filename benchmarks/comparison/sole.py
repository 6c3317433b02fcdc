"""Rows without another side, measured in a worker of fastseg's: seconds of a job, and one content turned about."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.comparison.agreement import Check, DisagreementError
from benchmarks.comparison.measure import Patience, Result, Workers
from benchmarks.comparison.row import Job
from benchmarks.comparison.targets import find
from benchmarks.comparison.worker import LibraryWorker, WorkerError
from benchmarks.programs import FOUR, ORIENTATIONS

_ROUNDS = 5  # of all orientations, a second or more each
# of a unit, a second has
_SCALE = {" s": 1.0, " ms": 1e3, " µs": 1e6}
_CLOSE = Check(FOUR, relative=1e-12)  # sums in the order of other axes may round otherwise


@dataclass(frozen=True)
class Timed:
    """What a job takes, or what it takes beyond another; per row of its answer if that is wanted."""

    name: str
    group: str
    what: str
    beside: str
    job: Job
    less: Job | None = None
    per_row: bool = False

    @property
    def threads(self) -> int:
        """Those of the job, one if it says none."""
        return self.job.threads or 1

    def run(self, workers: Workers, patience: Patience) -> Result:
        """Measure it; runs of both jobs are in turns."""
        threads = self.threads
        common = (self.name, self.group, self.what, self.beside, threads)
        must = find(self.name, threads)
        said = must or find(self.name, 1)  # of the unit, if nothing is required at so many threads
        unit = said.unit if said else " s"
        try:
            seconds, rows = self._seconds(workers.get("fastseg", threads), patience)
        except WorkerError as error:
            return Result(*common, "failed", str(error))
        finally:
            workers.forget()
        beyond = [ours - sum(rest) for ours, *rest in zip(*seconds.values(), strict=True)]
        return Result(
            *common,
            "measured",
            must=must,
            kind="at most",
            ours=statistics.median(seconds["ours"]),
            theirs=statistics.median(seconds["less"]) if self.less else None,
            ratios=tuple(each * _SCALE[unit] / (rows if self.per_row else 1) for each in beyond),
            unit=unit,
        )

    def _seconds(
        self, worker: LibraryWorker, patience: Patience
    ) -> tuple[dict[str, list[float]], int]:
        jobs = {"ours": self.job, **({"less": self.less} if self.less else {})}
        with tempfile.TemporaryDirectory(prefix="fastseg-answers-") as folder:
            for slot, job in jobs.items():
                worker.ask("prepare", slot, job.program, job.case, job.options)
            rows = {slot: worker.ask("answer", slot, folder)["rows"] for slot in jobs}["ours"]
        loops = {slot: worker.ask("loops", slot) for slot in jobs}
        seconds: dict[str, list[float]] = {slot: [] for slot in jobs}
        for _ in _rounds(patience):
            for slot in jobs:
                seconds[slot].append(worker.ask("seconds", slot, loops[slot]))
        return seconds, rows


@dataclass(frozen=True)
class Turned:
    """The slowest orientation of a volume beside the fastest, on one thread."""

    name: str
    what: str
    case: str
    options: dict[str, Any]
    threads: int = 1

    def run(self, workers: Workers, patience: Patience) -> Result:
        """Measure all of them in turns, after their answers were compared with those of the first."""
        common = (self.name, "orientations", self.what, "the fastest", self.threads)
        try:
            said, seconds = self._seconds(workers.get("fastseg", self.threads), patience)
        except (WorkerError, DisagreementError) as error:
            return Result(*common, "failed", str(error))
        finally:
            workers.forget()
        slowest, fastest = (by(seconds, key=statistics.median) for by in (max, min))
        return Result(
            *common,
            "measured",
            said,
            find(self.name, self.threads),
            "at most",
            statistics.median(slowest),
            statistics.median(fastest),
            tuple(s / f for s, f in zip(slowest, fastest, strict=True)),
        )

    def _seconds(self, worker: LibraryWorker, patience: Patience) -> tuple[str, list[list[float]]]:
        slots = [str(number) for number in range(len(ORIENTATIONS))]
        answers = []
        with tempfile.TemporaryDirectory(prefix="fastseg-answers-") as folder:
            for number, slot in enumerate(slots):
                options = {"orientation": number, **self.options}
                worker.ask("prepare", slot, "evaluate_turned", self.case, options)
                answers.append(worker.ask("answer", slot, folder))
        said = [_CLOSE.run(answer, answers[0]) for answer in answers[1:]]
        loops = max(worker.ask("loops", slot) for slot in slots)
        seconds: list[list[float]] = [[] for _ in slots]
        for _ in _rounds(replace(patience, pairs=min(patience.pairs, _ROUNDS))):
            for found, slot in zip(seconds, slots, strict=True):
                found.append(worker.ask("seconds", slot, loops))
        return max(said, key=len), seconds


def _rounds(patience: Patience) -> Iterator[int]:
    """Go on until the runs or the time are used up, but once at least."""
    started = time.perf_counter()
    for number in range(max(1, patience.pairs)):
        if number and time.perf_counter() - started >= patience.seconds:
            return
        yield number
