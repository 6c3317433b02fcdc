"""Six hundred damaged files through the command line: each a clear line with status 2, or the right number."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.io.damage import Damaged, bombs, misnamed, mutants, no_files, shaped_for
from tests.io.files import FILE_SUFFIXES, write

pytestmark = pytest.mark.slow

#: what a file of 18 × 15 × 12 voxels may take beyond what the process has
MOST_MEMORY = 256 << 20
MOST_SECONDS = 10

CHILD = """
import contextlib, csv, io, json, os, resource, sys, time
import numpy as np

import fastseg
from fastseg.cli.app import run
from fastseg.cli.kernel_cache import all_kernels
from tests.io.readers import read_by_other_library

reference, flat, limit = *sys.argv[1:3], int(sys.argv[3])
fastseg.set_num_threads(2)

def resident(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what)) << 10

def forget_the_peak():
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")

def evaluate(path):
    table = path + ".csv"
    said, shown = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
        against = flat if path.endswith((".png", ".bmp")) else reference
        status = run(["evaluate", against, path, "--metrics", "dice", "--output", table])
    rows = None
    if status == 0:
        with open(table) as file:
            rows = {int(row["label"]): [int(row[n]) for n in ("tp", "fp", "fn")] for row in csv.DictReader(file)}
    return status, said.getvalue(), rows

nowhere = os.open(os.devnull, os.O_WRONLY)
for kernel in all_kernels():  # whatever type a damaged header tells of
    kernel.compile()
for path in sys.argv[4:]:  # imports
    evaluate(path)
with open("/proc/self/statm") as statm:
    now = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 4 * limit, now + 4 * limit))
for line in sys.stdin:
    path = line.rstrip("\\n")
    print(json.dumps({"begins": path}), flush=True)
    forget_the_peak()
    before, started = resident("VmRSS:"), time.perf_counter()
    try:
        status, said, rows = evaluate(path)
    except BaseException as error:
        status, said, rows = "trace", repr(error), None
    seconds, memory = time.perf_counter() - started, resident("VmHWM:") - before
    other = None
    if status == 0:
        saying = os.dup(2)
        os.dup2(nowhere, 2)
        try:
            array = read_by_other_library(path)
            other = None if array is None else [array.tolist(), list(array.shape)]
        except Exception:
            other = None
        os.dup2(saying, 2)
        os.close(saying)
    print(json.dumps({"path": path, "status": status, "said": said, "rows": rows, "other": other,
                      "seconds": seconds, "memory": memory}), flush=True)
"""


def outcomes_of(
    files: list[Damaged], references: list[Path], healthy: list[Path], folder: Path, budget: float
) -> tuple[list[dict[str, Any]], str]:
    """Evaluate files one after another in a process of their own; what it said itself comes second."""
    script = folder / "child.py"
    script.write_text(CHILD, encoding="utf-8")
    root = Path(__file__).parents[2]
    child = subprocess.run(
        [sys.executable, script, *references, str(MOST_MEMORY), *healthy],
        input="".join(f"{one.path}\n" for one in files),
        capture_output=True,
        text=True,
        env=_environment(root),
        timeout=budget,
        check=False,
    )
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    assert child.returncode == 0, (child.returncode, lines[-1], child.stderr[-2000:])
    return [line for line in lines if "path" in line], child.stderr


def _environment(root: Path) -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'kernels'}"}


def counts_by_label(reference: np.ndarray, prediction: np.ndarray) -> dict[str, list[int]]:
    """Count by hand: true positives, false positives and false negatives of each label."""
    found = {}
    for label in sorted({*np.unique(reference).tolist(), *np.unique(prediction).tolist()} - {0}):
        first, second = reference == label, prediction == label
        found[str(int(label))] = [
            int((first & second).sum()),
            int((~first & second).sum()),
            int((first & ~second).sum()),
        ]
    return found


@pytest.fixture
def truth() -> np.ndarray:
    array = np.zeros((18, 15, 12), np.uint8)
    array[4:12, 3:9, 2:9] = 1
    array[6:9, 5:7, 4:6] = 2
    array[15, 2, 11] = 77
    return array


@pytest.mark.timeout(600)  # where all kernels are compiled first, beside other tests
def test_damaged_files_are_refused_in_a_line_or_read_right(
    tmp_path: Path, truth: np.ndarray
) -> None:
    references = [
        write(tmp_path / "reference.nii.gz", truth),
        write(tmp_path / "flat.npy", shaped_for(".png", truth)),
    ]
    (tmp_path / "healthy").mkdir()
    healthy = [
        write(tmp_path / "healthy" / f"a{suffix}", shaped_for(suffix, truth))
        for suffix in FILE_SUFFIXES
    ]
    files = [
        *no_files(tmp_path),
        *bombs(tmp_path, truth),
        *misnamed(tmp_path, truth),
    ]
    files += mutants(tmp_path, truth, 600 - len(files), seed=7)
    outcomes, aside = outcomes_of(files, references, healthy, tmp_path, budget=500)
    assert [outcome["path"] for outcome in outcomes] == [str(one.path) for one in files]
    wrong, accepted, compared = [aside[-500:]] if aside else [], 0, 0
    for damaged, outcome in zip(files, outcomes, strict=True):
        fault = _fault(damaged, outcome, truth)
        accepted += outcome["status"] == 0
        compared += outcome["other"] is not None
        if fault:
            wrong.append(f"{damaged.what}: {fault}: {outcome['status']} {outcome['said']:.300}")
    assert not wrong, f"{len(wrong)} of {len(files)}:\n" + "\n".join(wrong[:40])
    assert accepted > 50
    assert compared > 40


def _fault(damaged: Damaged, outcome: dict[str, Any], truth: np.ndarray) -> str:
    """Say what is wrong with what came of a damaged file; nothing if it was refused clearly or read right."""
    if outcome["seconds"] > MOST_SECONDS:
        return f"took {outcome['seconds']:.1f} s"
    if outcome["memory"] > MOST_MEMORY:
        return f"took {outcome['memory'] >> 20} MiB"
    if outcome["status"] == 2:
        lines = outcome["said"].strip().splitlines()
        if not lines or not lines[-1].startswith("fastseg: error: "):
            return "no error was said"
        if not all(line.startswith("fastseg: ") for line in lines):
            return "something else was said"
        return "a long line" if max(map(len, lines)) > 900 else ""
    if outcome["status"] != 0:
        return "a trace"
    if damaged.must_be_refused:
        return "was not refused"
    if outcome["other"] is None:
        return ""
    values, shape = outcome["other"]
    theirs = np.array(values).reshape(shape)
    truth = shaped_for(damaged.path.suffix, truth)
    if theirs.shape != truth.shape:  # laid onto the reference, or an axis dropped
        return ""
    right = counts_by_label(truth, theirs), counts_by_label(truth, truth)
    return "" if outcome["rows"] in right else "a wrong number"
