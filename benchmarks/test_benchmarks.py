"""`pytest benchmarks`: the cases and operations of the asv suites, through pytest-benchmark.

Small by default, without the cases of 2500 labels but for their counts; FASTSEG_BENCH_SIDE=256 gives the sizes of the
tables, and all cases.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import fastseg
from benchmarks.cases import CASES, load, side_from_environment, suite
from benchmarks.programs import OPERATIONS, Answer, Pair

ASKED = "FASTSEG_BENCH_SIDE" in os.environ
SIDE = side_from_environment(32)


def pytest_generate_tests(metafunc: Any) -> None:
    """Parametrise without importing pytest, which asv's environments need not have."""
    pairs = [
        (name, case)
        for name, operation in OPERATIONS.items()
        for case in suite(SIDE)[operation.family]
        if ASKED or "2500" not in case or operation.program == "confusion_matrix"
    ]
    metafunc.parametrize(("operation", "case"), pairs)


def test_operation(benchmark: Any, operation: str, case: str) -> None:
    pair, chosen = load(case), OPERATIONS[operation]
    program = chosen.prepare(pair)
    benchmark.group = operation
    result = benchmark.pedantic(program.call, rounds=5, warmup_rounds=1)
    if benchmark.stats:  # not under --benchmark-disable
        benchmark.extra_info["Mvoxel/s"] = CASES[case].voxels / benchmark.stats.stats.median / 1e6
    assert HOLDS[chosen.program](pair, program.describe(result))


# ------------------------------------------------------------------ what must hold of every answer


def _is_transform(pair: Pair, answer: Answer) -> bool:
    """Zero just on the reference, which is the background, and the same by index."""
    distances = answer["distances"]
    by_index = answer.get("distances by index", distances)
    there = bool(pair.reference.any())  # of no background at all, the distances are SciPy's choice
    return not there or bool(
        ((distances == 0) == pair.reference).all() and np.allclose(by_index, distances, 1e-12)
    )


def _counts_surfaces(pair: Pair, answer: Answer) -> bool:
    """A distance for every surface element of both masks, with an area each if they have one."""
    if "areas" in answer:
        return answer["areas"].shape == answer["distances"].shape
    there, back = (np.count_nonzero(fastseg.surface(mask)) for mask in pair[:2])
    return (len(answer["distances"]), len(answer["prediction to reference"])) == (
        there + back,
        back,
    )


def _has_every_label(pair: Pair, answer: Answer) -> bool:
    if pair.reference.dtype == bool:
        return answer["rows"] == 1
    found = np.union1d(np.unique(pair.reference), np.unique(pair.prediction))
    return answer["rows"] == np.count_nonzero(found)


HOLDS: dict[str, Callable[[Pair, Answer], bool]] = {
    "confusion_matrix": lambda pair, answer: answer["counts"].sum() == pair.reference.size,
    "surface": lambda pair, answer: not (answer["surface"] & ~pair.reference).any(),
    "surface_distances": _counts_surfaces,
    "edt": _is_transform,
    "evaluate": _has_every_label,
}
