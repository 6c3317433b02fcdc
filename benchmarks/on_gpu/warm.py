"""Compiles numba's kernels on all cores, which a machine that has never run fastseg has yet to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import fastseg
from benchmarks.on_gpu.parts import Row, Scope
from fastseg.cli import kernel_cache


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def rows(scope: Scope, begin: Callable[[str], None]) -> Iterator[Row]:
    """One row: how many kernels, and how long it took."""
    begin("compiling")
    fastseg.set_num_threads(cores())
    started = time.perf_counter()
    total, compiled = kernel_cache.compile_all(lambda: None)
    said = f"{compiled} of {total} kernels compiled in {time.perf_counter() - started:.0f} s"
    yield {"kind": "note", "name": "numba", "said": f"{said} on {cores()} cores"}
