"""A row: skip, check, time in turns."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from typing import Literal

from benchmarks.cases import CASES
from benchmarks.comparison.agreement import DisagreementError
from benchmarks.comparison.row import Job, Row
from benchmarks.comparison.targets import Must, find
from benchmarks.comparison.vectors import variables
from benchmarks.comparison.worker import LibraryWorker, NotInstalledError, WorkerError
from benchmarks.programs import Answer

Status = Literal["measured", "skipped", "failed"]


@dataclass(frozen=True)
class Result:
    """A line of the table."""

    name: str
    group: str
    what: str
    beside: str
    threads: int
    status: Status
    said: str = ""  # what agreed, or why the row is skipped or has failed
    must: Must | None = None
    kind: Literal["at least", "at most"] = "at least"
    ours: float | None = None  # seconds
    theirs: float | None = None
    ratios: tuple[float, ...] = ()  # of the pairs of runs, or what was measured in `unit`
    unit: str = "×"

    @property
    def ratio(self) -> float:
        """The median of the ratios of the pairs."""
        return statistics.median(self.ratios)

    @property
    def verdict(self) -> str:
        """Whether what is required is met, if it is required of this very size."""
        if self.status != "measured" or self.must is None:
            return "–"
        if not self.must.is_said_of(self.what):
            return "other size"
        return "yes" if self.must.met(self.ratio) else "**no**"


class Workers:
    """One process a library, thread count and kind of vectors, started when first needed."""

    def __init__(self, python: str, peer_python: str) -> None:
        self.pythons = {True: python, False: peer_python}
        self.running: dict[tuple[str, int, str], LibraryWorker] = {}
        self.failed: dict[str, WorkerError] = {}

    def get(self, library: str, threads: int, vectors: str = "") -> LibraryWorker:
        """The worker; the error by which a library could not be had is raised again at every call.

        Peers are as they were built: the vectors are those that fastseg is compiled for.
        """
        if library in self.failed:
            raise self.failed[library]
        ours = library == "fastseg"
        key = library, threads, vectors if ours else ""
        if key not in self.running:
            try:
                self.running[key] = LibraryWorker(
                    library, self.pythons[ours], threads, variables(key[2])
                )
            except WorkerError as error:
                self.failed[library] = error
                raise
        return self.running[key]

    def versions(self) -> dict[str, dict[str, str]]:
        """Of each library that was had, with what it rests on."""
        return {library: worker.versions for (library, *_), worker in self.running.items()}

    def forget(self) -> None:
        """Let every process drop its arrays; one that does not answer is replaced when next needed."""
        for key, worker in list(self.running.items()):
            try:
                worker.ask("forget")
            except WorkerError:
                self.running.pop(key).close()

    def close(self) -> None:
        """End all processes."""
        for worker in self.running.values():
            worker.close()


@dataclass(frozen=True)
class Patience:
    """How long a row may take: pairs of runs go on until either is used up, but for one at least."""

    pairs: int
    seconds: float


def run(row: Row, threads: int, workers: Workers, patience: Patience) -> Result:
    """Measure a row at so many threads."""
    common = (row.name, row.group, row.what, row.beside, threads)
    for job in (row.ours, row.theirs):
        if job.case not in CASES:
            return Result(*common, "skipped", f"{job.case}: the files are not beside the project")
    try:
        said, ours, theirs = _measure(row, threads, workers, patience)
    except NotInstalledError as error:
        return Result(*common, "skipped", f"not installed: {error}")
    except (WorkerError, DisagreementError) as error:
        return Result(*common, "failed", str(error))
    finally:
        workers.forget()
    turned = row.kind == "at most"
    ratios = tuple((o / t if turned else t / o) for o, t in zip(ours, theirs, strict=True))
    return Result(
        *common,
        "measured",
        said,
        find(row.name, threads),
        row.kind,
        statistics.median(ours),
        statistics.median(theirs),
        ratios,
    )


def _measure(
    row: Row, threads: int, workers: Workers, patience: Patience
) -> tuple[str, list[float], list[float]]:
    """Return what the check says, and the seconds of each run of ours and of theirs."""
    sides = {"ours": row.ours, "theirs": row.theirs}
    # the peer first: if it is not there, nothing is computed in vain
    found = {
        slot: workers.get(sides[slot].library, sides[slot].threads or threads, row.vectors)
        for slot in ("theirs", "ours")
    }
    answers, said = _answers(sides, found, row)
    loops = {slot: found[slot].ask("loops", slot) for slot in sides}
    per = {slot: answers[slot]["elements"] if row.per_element else 1 for slot in sides}
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    started = time.perf_counter()
    while not seconds["ours"] or (
        len(seconds["ours"]) < patience.pairs and time.perf_counter() - started < patience.seconds
    ):
        for slot in ("theirs", "ours"):
            seconds[slot].append(found[slot].ask("seconds", slot, loops[slot]) / per[slot])
    return said, seconds["ours"], seconds["theirs"]


def _answers(
    sides: dict[str, Job], found: dict[str, LibraryWorker], row: Row
) -> tuple[dict[str, Answer], str]:
    """Make both sides ready, run each once, which warms it, and compare what they answer."""
    answers: dict[str, Answer] = {}
    with tempfile.TemporaryDirectory(prefix="fastseg-answers-") as folder:
        for slot, job in sides.items():
            found[slot].ask("prepare", slot, job.program, job.case, job.options)
            answers[slot] = found[slot].ask("answer", slot, folder)
        return answers, row.check.run(answers["ours"], answers["theirs"]) if row.check else ""
