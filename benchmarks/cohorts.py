"""Whole cohorts, as users run them: the command in a process of its own, from files to tables.

    python benchmarks/cohorts.py small FOLDER           # 1 000 cases of 128×128×64, 5 labels, .nii.gz: cases a second
    python benchmarks/cohorts.py resume FOLDER          # 20 000 cases of which 19 990 are done: until the first new one
    python benchmarks/cohorts.py unzip FOLDER REFERENCES PREDICTIONS   # a folder of one's own beside unzipping it

What is made in FOLDER stays there for the next time. Times are of the wall, medians of three runs in turns, with the
interpreter's start; "steady" is the number of cases by the time between the first and the last of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
SIDES = ("references", "predictions")
RUNS = 3

# Tells when cases come: the command has no clock for others.
STEADY = """
import sys, time
from fastseg import evaluate_cohort
if __name__ == "__main__":
    times = []
    references, predictions, workers = sys.argv[1:]
    note = lambda _: times.append(time.perf_counter())
    evaluate_cohort(references, predictions, workers=int(workers), on_outcome=note)
    print((len(times) - 1) / (times[-1] - times[0]))
"""

FIRST = """
import sys, time
started = time.perf_counter()
from fastseg import evaluate_cohort
found = []
evaluate_cohort(*sys.argv[1:3], output=sys.argv[3], resume=True,
                on_outcome=lambda _: found.append(time.perf_counter() - started))
print(found[0], len(found))
"""

UNZIP = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from fastseg.io import read_image
def read(path):
    read_image(path)
if __name__ == "__main__":
    workers, *paths = sys.argv[1:]
    with ProcessPoolExecutor(int(workers), get_context("spawn")) as pool:
        list(pool.map(read, paths[:4]))
        started = time.perf_counter()
        list(pool.map(read, paths))
        print(time.perf_counter() - started)
"""


def main() -> None:
    """Make what is asked for, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["small", "resume", "unzip"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("paths", nargs="*")
    asked = parser.parse_args()
    asked.folder.mkdir(exist_ok=True)
    {"small": small, "resume": resume, "unzip": unzip}[asked.what](asked.folder, *asked.paths)


def small(folder: Path, count: str = "1000") -> None:
    """Evaluate many small cases with one worker, two, and as many as are chosen."""
    if not (folder / SIDES[1]).exists():
        for side in SIDES:
            (folder / side).mkdir(exist_ok=True)
        with ProcessPoolExecutor() as pool:
            list(pool.map(_make_small, [folder] * int(count), range(int(count)), chunksize=20))
    folders = [str(folder / side) for side in SIDES]
    walls: dict[str, list[float]] = {"1": [], "2": [], "auto": []}
    for _ in range(RUNS):
        for workers, times in walls.items():
            (folder / "out.jsonl").unlink(missing_ok=True)
            more = ["--workers", workers, "--quiet", "--output", str(folder / "out.jsonl")]
            times.append(_wall("-m", "fastseg", "evaluate", *folders, *more))
    for workers, times in walls.items():
        print(f"--workers {workers}: {statistics.median(times):.2f} s")
    for workers in ("1", "2"):
        rates = [float(_output("-c", STEADY, *folders, workers)) for _ in range(RUNS)]
        print(f"steady, {workers} workers: {statistics.median(rates):.0f} cases/s")


def resume(folder: Path, count: str = "20000") -> None:
    """Go on with a stream in which all but ten cases are done."""
    n = int(count)
    done = folder / "done.jsonl"
    for i, side in enumerate(SIDES):
        if not (folder / side).exists():
            (folder / side).mkdir()
            labels = np.random.default_rng(i).integers(0, 6, (8, 8, 8), np.uint8)
            np.save(folder / "one.npy", labels)
            content = (folder / "one.npy").read_bytes()
            for case in range(n):
                (folder / side / f"case_{case:05d}.npy").write_bytes(content)
    folders = [str(folder / side) for side in SIDES]
    if not done.exists():
        _output("-m", "fastseg", "evaluate", *folders, "--quiet", "--output", str(done))
    lines = done.read_bytes().splitlines(keepends=True)
    times = []
    for _ in range(RUNS):
        (folder / "run.jsonl").write_bytes(b"".join(lines[: n - 10]))
        seconds, new = _output("-c", FIRST, *folders, str(folder / "run.jsonl")).split()
        assert int(new) == 10
        times.append(float(seconds))
    size = sum(map(len, lines)) / 2**20
    print(f"{n} cases, {size:.0f} MiB: the first new one after {statistics.median(times):.2f} s")


def unzip(folder: Path, references: str, predictions: str) -> None:
    """Compare evaluating a folder, to Parquet, with unzipping it on as many workers."""
    paths = [
        str(path) for side in (references, predictions) for path in sorted(Path(side).glob("*.gz"))
    ]
    (folder / "unzip.py").write_text(UNZIP)
    for workers in ("1", "2"):
        reading, walls, steady = [], [], []
        for _ in range(RUNS):
            reading.append(float(_output(str(folder / "unzip.py"), workers, *paths)))
            more = ["--workers", workers, "--quiet", "--output", str(folder / "out.parquet")]
            walls.append(_wall("-m", "fastseg", "evaluate", references, predictions, *more))
            rate = float(_output("-c", STEADY, references, predictions, workers))
            steady.append(len(paths) / 2 / rate)
        read, wall, run = map(statistics.median, (reading, walls, steady))
        print(
            f"{workers} workers: {len(paths)} files unzipped in {read:.2f} s; evaluated at a steady rate in "
            f"{run:.2f} s ({run / read:.2f}×), with start and tables in {wall:.2f} s"
        )


def _make_small(folder: Path, seed: int) -> None:
    """Write a pair of five ellipsoids each."""
    rng = np.random.default_rng(seed)
    grid = np.ogrid[:128, :128, :64]
    for side, spread in zip(SIDES, (0.0, 1.0), strict=True):
        labels: NDArray[np.uint8] = np.zeros((128, 128, 64), np.uint8)
        for label in range(1, 6):
            centre = np.array([20 + 17 * label, 64 + 10 * np.sin(label + seed), 32])
            centre += spread * rng.normal(size=3)
            radius = 8 + 3 * (label % 3) + 0.3 * spread * rng.normal()
            squares: Any = sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True))
            labels[squares < radius**2] = label
        image = nibabel.Nifti1Image(labels, np.diag([1, 1, 2.5, 1]))
        image.to_filename(folder / side / f"case_{seed:04d}.nii.gz")


def _output(*arguments: str) -> str:
    places = os.pathsep.join((str(ROOT), str(ROOT / "kernels")))
    finished = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": places},
        check=True,
        capture_output=True,
        text=True,
    )
    return finished.stdout


def _wall(*arguments: str) -> float:
    started = time.perf_counter()
    _output(*arguments)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
