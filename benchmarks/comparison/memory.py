"""One call in a fresh process: how far its memory rises above the inputs. Prints JSON.

``python -m benchmarks.comparison.memory evaluate near-256``
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import cases
from benchmarks.programs import Pair, Program, edt, evaluate
from fastseg import threads
from fastseg.cli import kernel_cache

CALLS: dict[str, Callable[[Pair], Program]] = {
    "evaluate": evaluate,
    "edt-float32": partial(edt, of="inside", dtype="float32"),
    "edt-float64": partial(edt, of="inside", dtype="float64"),
}


def resident() -> tuple[int, int]:
    """Bytes of memory that this process holds, and the most that it ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with what the parent process held
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        now, most = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
        return now, most
    import psutil

    found = psutil.Process().memory_info()
    return found.rss, getattr(found, "peak_wset", found.rss)


def forget_the_most() -> None:
    """Count the most memory from here on: reading a case holds more than the case."""
    with contextlib.suppress(OSError):  # not Linux: the figure is an upper bound
        Path("/proc/self/clear_refs").write_text("5")


def voxels_of_largest_box(pair: Pair) -> int:
    """Of the boxes around each label in both maps."""
    largest = 0
    for label in np.union1d(np.unique(pair.reference), np.unique(pair.prediction)):
        if label:
            either = (pair.reference == label) | (pair.prediction == label)
            axes = range(either.ndim)
            sides = [np.flatnonzero(either.any(axis=tuple(set(axes) - {axis}))) for axis in axes]
            largest = max(largest, int(np.prod([side[-1] - side[0] + 1 for side in sides])))
    return largest


def main(call: str, case: str) -> None:
    """Measure one call, after all code is loaded, threads are started and a small case has run."""
    for kernel in kernel_cache.all_kernels():
        kernel.compile()
    threads.run(str, range(threads.get_num_threads()))
    CALLS[call](cases.load("near-32")).call()
    pair = cases.load(case)
    if call.startswith("edt"):
        pair = Pair(~pair.reference, pair.reference[:0], pair.spacing)
    program = CALLS[call](pair)
    forget_the_most()
    before, _ = resident()
    result = program.call()
    _, most = resident()
    least = result.nbytes if isinstance(result, np.ndarray) else voxels_of_largest_box(pair)
    print(json.dumps({"bytes": most - before, "per": least}))


if __name__ == "__main__":
    main(*sys.argv[1:])
