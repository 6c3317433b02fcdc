"""`pytest benchmarks`: the cases and operations of the asv suites, through pytest-benchmark.

Small by default; FASTSEG_BENCH_SIDE=256 gives the sizes of the tables.
"""

from typing import Any

from benchmarks.cases import CASES, load, side_from_environment, suite
from benchmarks.operations import OPERATIONS

SIDE = side_from_environment(64)


def pytest_generate_tests(metafunc: Any) -> None:
    """Parametrise without importing pytest, which asv's environments need not have."""
    pairs = [(name, case) for name in OPERATIONS for case in suite(SIDE)[OPERATIONS[name].family]]
    metafunc.parametrize(("operation", "case"), pairs)


def test_operation(benchmark: Any, operation: str, case: str) -> None:
    chosen, pair = OPERATIONS[operation], load(case)
    benchmark.group = operation
    result = benchmark.pedantic(chosen.run, (pair,), rounds=5, warmup_rounds=1)
    benchmark.extra_info["Mvoxel/s"] = CASES[case].voxels / benchmark.stats.stats.median / 1e6
    assert chosen.holds(pair, result)
