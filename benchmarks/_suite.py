"""What the asv suites share. asv finds benchmarks by the names of methods, in classes without an underscore."""

from __future__ import annotations

import statistics
import time

from benchmarks.cases import CASES, load, side_from_environment, suite
from benchmarks.programs import OPERATIONS

SIDE = side_from_environment(256)
_RUNS = 5


class _Primitive:
    """Time, peak memory and throughput of some operations on every case of their family."""

    operations: tuple[str, ...]
    params: tuple[tuple[str, ...], tuple[str, ...]]
    param_names = ("operation", "case")
    timeout = 600

    def __init_subclass__(cls) -> None:
        families = {OPERATIONS[name].family for name in cls.operations}
        cases = [case for family in sorted(families) for case in suite(SIDE)[family]]
        if "labels" in families:
            cases += suite(SIDE)["real"]
        cls.params = (cls.operations, tuple(cases))

    def setup(self, operation: str, case: str) -> None:
        """Make the arrays and call once, which loads the kernels."""
        self.call = OPERATIONS[operation].prepare(load(case)).call
        self.call()

    def time_call(self, operation: str, case: str) -> None:
        self.call()

    def peakmem_call(self, operation: str, case: str) -> None:
        self.call()

    def track_throughput(self, operation: str, case: str) -> float:
        """Million voxels of the volume a second, from the median of five calls."""
        seconds = []
        for _ in range(_RUNS):
            started = time.perf_counter()
            self.call()
            seconds.append(time.perf_counter() - started)
        return CASES[case].voxels / statistics.median(seconds) / 1e6

    track_throughput.unit = "Mvoxel/s"  # type: ignore[attr-defined]
