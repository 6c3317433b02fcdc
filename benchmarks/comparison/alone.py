"""What needs a fresh process: memory above the inputs, import, first call, compilation."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.cases import CASES, THIN, thin_case
from benchmarks.comparison.measure import Result
from benchmarks.comparison.row import Scope
from benchmarks.comparison.rows import HEAD_AND_NECK
from benchmarks.comparison.targets import Must, find
from benchmarks.comparison.worker import LIMIT, environment

IMPORT = """
import time, numpy
started = time.perf_counter()
import fastseg
print(time.perf_counter() - started)
"""
FIRST_CALL = """
import time
started = time.perf_counter()
import numpy, fastseg
reference = numpy.zeros((64, 64, 64), bool)
reference[16:48, 16:48, 16:48] = True
fastseg.evaluate(reference, numpy.roll(reference, 1, 0))
print(time.perf_counter() - started)
"""
FIRST_COMPILES = """
import time, numpy, fastseg
reference = numpy.zeros((64, 64, 64), numpy.uint8)
reference[10:40, 10:40, 10:40] = 1
prediction = numpy.roll(reference, 1)
started = time.perf_counter()
fastseg.evaluate(reference, prediction, metrics={metrics!r})
print(time.perf_counter() - started)
"""


class ProcessError(Exception):
    """A fresh process did not do what it was started for."""


@dataclass(frozen=True)
class Solitary:
    """A row without another side: `values` measures it a few times."""

    name: str
    group: str
    what: str
    beside: str
    values: Callable[[], tuple[float, ...]]
    threads: int = 1
    case: str = ""

    @property
    def must(self) -> Must:
        """What it must reach, which says in what unit."""
        must = find(self.name, self.threads)
        assert must is not None, self.name
        return must

    def run(self) -> Result:
        """Measure it."""
        common = (self.name, self.group, self.what, self.beside, self.threads)
        if self.case and self.case not in CASES:
            return Result(*common, "skipped", f"{self.case}: the files are not beside the project")
        try:
            values = self.values()
        except ProcessError as error:
            return Result(*common, "failed", str(error))
        return Result(
            *common,
            "measured",
            must=self.must,
            kind="at most",
            ours=statistics.median(values) if self.must.unit == " s" else None,
            ratios=values,
            unit=self.must.unit,
        )


def all_solitary(scope: Scope) -> list[Solitary]:
    """Every such row of a scope."""
    return [*_memory(scope), *_start(scope)]


def _memory(scope: Scope) -> Iterator[Solitary]:
    side = max(scope.large, 256)  # smaller ones fit what the process has freed before
    near = f"near-{side}"
    evaluated = [near] if scope.short else [near, HEAD_AND_NECK]
    for case, threads in itertools.product(evaluated, (1, 2)):
        size = f"{CASES[case].size}: {CASES[case].about}" if case in CASES else ""
        yield Solitary(
            f"memory/evaluate/{case}",
            "memory",
            f"evaluate, {size}",
            "voxels of the largest box",
            partial(_bytes_per, "evaluate", case, threads),
            threads,
            case,
        )
    for dtype in ("float32", "float64"):
        yield Solitary(
            f"memory/edt/{dtype}-{side}",
            "memory",
            f"distance_transform_edt {dtype}, {CASES[near].size}, outside a blob",
            "bytes of its output",
            partial(_bytes_per, f"edt-{dtype}", near, 2),
            2,
        )
    for case in map(thin_case, THIN):
        yield Solitary(
            f"memory/edt/float64-{case}",
            "memory",
            f"distance_transform_edt float64, {CASES[case].size}, {CASES[case].about}",
            "bytes of its output",
            partial(_bytes_per, "edt-float64", case, 2),
            2,
        )


def _start(scope: Scope) -> Iterator[Solitary]:
    yield Solitary(
        "start/import",
        "start",
        "import fastseg",
        "beyond importing numpy",
        lambda: tuple(float(_python(["-c", IMPORT])) for _ in range(5)),
    )
    yield Solitary(
        "start/first-call",
        "start",
        "first evaluate in a new process, all metrics, 64³, kernels in the cache",
        "with importing numpy and fastseg",
        _first_calls,
    )
    if not scope.short:
        for name, said, metrics in (
            ("first-compile", "default metrics", None),
            ("first-compile-dice", "dice", "dice"),
        ):
            yield Solitary(
                f"start/{name}",
                "start",
                f"first evaluate of uint8 maps, {said}, 64³, with an empty cache",
                "after importing numpy and fastseg",
                partial(_first_compiles, metrics),
            )
        yield Solitary(
            "start/compile",
            "start",
            "compiling every kernel from nothing",
            "`fastseg warm`, the whole process",
            _compilation,
            threads=2,
        )


def _python(arguments: list[str], threads: int = 1, **variables: str) -> str:
    """Run a fresh Python on this checkout and give what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**environment(threads), **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    if done.returncode:
        raise ProcessError(f"status {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _bytes_per(call: str, case: str, threads: int) -> tuple[float, ...]:
    found = json.loads(_python(["-m", "benchmarks.comparison.memory", call, case], threads))
    return (found["bytes"] / found["per"],)


def _first_calls() -> tuple[float, ...]:
    _python(["-c", FIRST_CALL])  # fills the cache
    return tuple(float(_python(["-c", FIRST_CALL])) for _ in range(5))


def _first_compiles(metrics: str | None) -> tuple[float, ...]:
    code = FIRST_COMPILES.format(metrics=metrics)
    found = []
    for _ in range(3):
        with tempfile.TemporaryDirectory(prefix="fastseg-numba-") as folder:
            found.append(float(_python(["-c", code], **_cache(folder))))
    return tuple(found)


def _cache(folder: str) -> dict[str, str]:
    return {"NUMBA_CACHE_DIR": folder, "FASTSEG_CACHE_DIR": folder}


def _compilation() -> tuple[float, ...]:
    with tempfile.TemporaryDirectory(prefix="fastseg-numba-") as folder:
        started = time.perf_counter()
        _python(["-m", "fastseg", "warm"], threads=2, **_cache(folder))
        return (time.perf_counter() - started,)
