"""Two checkouts of fastseg beside each other: `python benchmarks/against.py OTHER_CHECKOUT`.

Each lives in a process of its own, on the same arrays, and is called by public functions only. Answers are compared
first, to the bit; then both run in turns (other, this, this, other …). Ends with 1 if an answer differs, or if a row
takes more than `--most` times as long here as there, also with a second round in fresh processes, in the median and
three quarters of its pairs say that it is slower at all; and names these rows.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if not __package__:  # run as a file: see the checkout, not this folder
    sys.path[0:1] = [str(ROOT), str(ROOT / "kernels")]

import numpy as np  # noqa: E402

from benchmarks.against_rows import START, Row, all_rows  # noqa: E402
from benchmarks.cases import load  # noqa: E402
from benchmarks.comparison.report import duration, machine  # noqa: E402
from benchmarks.comparison.worker import Worker, WorkerError, environment  # noqa: E402
from benchmarks.programs import Answer  # noqa: E402

LEAST_PAIRS, SECONDS = 4, 15  # a row ends after that long, but not before so many pairs
HEADER = (
    "| what | threads | old | new | new / old (middle half) | pairs |\n|---|---|---|---|---|---|"
)


@dataclass
class Result:
    """A line of the table: seconds of each pair of runs, or why there are none."""

    what: str
    threads: int
    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    differs: str = ""

    @property
    def ratios(self) -> list[float]:
        """Of each pair, how many times as long this checkout takes."""
        return [new / old for old, new in zip(self.old, self.new, strict=True)]

    @property
    def middle_half(self) -> tuple[float, float]:
        """The quartiles of the ratios."""
        low, high = np.quantile(self.ratios, [0.25, 0.75])
        return float(low), float(high)

    def is_slower(self, most: float) -> bool:
        return not self.differs and median(self.ratios) > most and self.middle_half[0] > 1

    def __str__(self) -> str:
        cells = [self.what, str(self.threads)]
        if self.differs:
            return "| " + " | ".join([*cells, "", "", f"**DIFFERS**: {self.differs}", ""]) + " |"
        low, high = self.middle_half
        cells += [duration(median(self.old)), duration(median(self.new))]
        cells += [f"{median(self.ratios):.3f} ({low:.3f} – {high:.3f})", str(len(self.ratios))]
        return "| " + " | ".join(cells) + " |"


class Checkouts:
    """A process of the other checkout and one of this, with a thread count."""

    def __init__(self, other: Path, threads: int) -> None:
        self.environments = {
            "old": _environment(other, threads),
            "new": _environment(ROOT, threads),
        }
        script = str(ROOT / "benchmarks" / "worker.py")
        self.workers = {
            side: Worker([sys.executable, script], variables)
            for side, variables in self.environments.items()
        }
        try:
            homes = self.ask("home")
        except WorkerError:
            self.close()
            raise
        assert homes == {"old": str(other), "new": str(ROOT)}, homes

    def ask(self, request: str, *arguments: Any) -> dict[str, Any]:
        """Both answers."""
        return {side: worker.ask(request, *arguments) for side, worker in self.workers.items()}

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def _environment(checkout: Path, threads: int) -> dict[str, str]:
    """With a cache of machine code that no other checkout uses."""
    name = hashlib.sha256(str(checkout).encode()).hexdigest()[:12]
    cache = Path(tempfile.gettempdir()) / "fastseg-against" / name
    return {**environment(threads, checkout), "NUMBA_CACHE_DIR": str(cache)}


def measure(
    rows: Iterable[Row], other: Path, threads: int, pairs: int, clock: str = "wall"
) -> Iterator[tuple[Row, Result]]:
    """Rows of one case after another, in two fresh processes."""
    checkouts = Checkouts(other, threads)
    try:
        for case, of_case in groupby(rows, lambda row: row.case):
            with tempfile.TemporaryDirectory(prefix="fastseg-against-") as folder:
                if case:
                    _load(checkouts, case, folder)
                for row in of_case:
                    result = Result(row.what, threads)
                    try:
                        _measure(row, checkouts, folder, (pairs, clock), result)
                    except WorkerError as error:
                        result.differs = str(error).replace("\n", " ")
                    yield row, result
            if case:
                checkouts.ask("forget")
    finally:
        checkouts.close()


def _load(checkouts: Checkouts, case: str, folder: str) -> None:
    pair = load(case)
    files = [f"{folder}/{name}.npy" for name in ("reference", "prediction")]
    for file, array in zip(files, pair[:2], strict=True):
        np.save(file, array)
    checkouts.ask("load", *files, pair.spacing)


def _measure(
    row: Row, checkouts: Checkouts, folder: str, how: tuple[int, str], result: Result
) -> None:
    pairs, clock = how
    if row.case:
        checkouts.ask("prepare", "program", row.program, row.options)
        answers = {}
        for side, worker in checkouts.workers.items():
            Path(folder, side).mkdir(exist_ok=True)
            answers[side] = worker.ask("answer", "program", f"{folder}/{side}")
        result.differs = difference(answers["old"], answers["new"])
        if result.differs:
            return
        loops = max(checkouts.ask("loops", "program").values())
        run: dict[str, Callable[[], float]] = {
            side: partial(worker.ask, "seconds", "program", loops, clock)
            for side, worker in checkouts.workers.items()
        }
    else:
        run = {
            side: partial(_process, START[row.program], variables, clock)
            for side, variables in checkouts.environments.items()
        }
        for start in run.values():
            start()
    in_turns(run, pairs, result)


def in_turns(run: Mapping[str, Callable[[], float]], pairs: int, result: Result) -> None:
    """Time pairs of runs, fewer if they are long; who begins changes from pair to pair."""
    started = time.perf_counter()
    for pair in range(pairs):
        if pair >= LEAST_PAIRS and time.perf_counter() - started > SECONDS:
            break
        for side in ("old", "new") if pair % 2 == 0 else ("new", "old"):
            getattr(result, side).append(run[side]())


def _process(arguments: list[str], variables: dict[str, str], clock: str) -> float:
    """Seconds of a whole process, which finds no checkout in the folder that it runs in."""
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, *arguments],
        env=variables,
        cwd=tempfile.gettempdir(),
        capture_output=True,
        check=False,
    )
    seconds, after = time.perf_counter() - started, os.times()
    if clock == "cpu":
        seconds = sum(after[2:4]) - sum(before[2:4])  # of ended children, user and system
    if done.returncode:
        raise WorkerError(done.stderr.decode(errors="replace").strip()[-500:])
    return seconds


def difference(old: Answer, new: Answer) -> str:
    """What differs between two answers in what they both have; empty if nothing does."""
    common = old.keys() & new.keys()
    if not common:
        return "nothing that both answer"
    found = []
    for name in sorted(common):
        a, b = (
            np.load(v) if isinstance(v, Path) else np.asarray(v) for v in (old[name], new[name])
        )
        if a.shape != b.shape:
            found.append(f"{name}: shapes {a.shape} and {b.shape}")
        elif differ := np.count_nonzero((a != b) & ~((a != a) & (b != b))):
            example = f", {a} and {b}" if a.ndim == 0 else ""
            found.append(f"{name}: {differ} of {a.size} values{example}")
    return "; ".join(found[:3])


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("other", type=Path, metavar="OTHER_CHECKOUT", help="a folder, the old one")
    parser.add_argument("--quick", action="store_true", help="without 256³, six pairs")
    parser.add_argument("--side", type=int, help="of all volumes, 16 to see that everything runs")
    parser.add_argument("--only", nargs="+", metavar="TEXT", default=[], help="in a row's name")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--pairs", type=int, help="of runs in a round; default: 10, quick 6")
    parser.add_argument("--most", type=float, default=1.03, help="times as long; default: 1.03")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: processor time of all threads, for a machine that others use",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.md")
    return parser.parse_args(arguments)


def commit(checkout: Path) -> str:
    """What is checked out, for the page."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "a folder"
    return done.stdout.strip() or "a folder"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write, and return 1 if a row is slower or differs."""
    options = parse(arguments)
    if not (options.other / "fastseg" / "__init__.py").is_file():
        sys.exit(f"{options.other}: no checkout of fastseg")
    other, pairs = options.other.resolve(), options.pairs or (6 if options.quick else 10)
    rows = [
        row
        for row in all_rows(options.quick, options.side)
        if not options.only or any(text in row.what for text in options.only)
    ]
    head = (
        f"Old: {commit(other)}. New: {commit(ROOT)}. {machine()}; load {os.getloadavg()[0]:.1f}. "
        f"{options.clock.capitalize()} time, medians of {pairs} pairs of runs in turns; of twice as many more, in "
        f"fresh processes, where new / old was above {options.most:g}."
    )
    print(f"{head}\n\n{HEADER}", flush=True)
    results: list[Result] = []
    for threads in options.threads:
        slower: list[tuple[Row, Result]] = []
        # what starts a process says nothing about threads
        asked = [row for row in rows if row.case or threads == options.threads[0]]
        for row, result in measure(asked, other, threads, pairs, options.clock):
            results.append(result)
            print(result, flush=True)
            if result.is_slower(options.most):
                slower.append((row, result))
        rows_again = [row for row, _ in slower]
        again = measure(rows_again, other, threads, 2 * pairs, options.clock) if slower else ()
        for (_, first), (_, second) in zip(slower, again, strict=True):
            first.differs = second.differs
            first.old += second.old
            first.new += second.new
            print(f"again: {first}", flush=True)
    if options.output:
        page = "\n".join([head, "", HEADER, *map(str, results)]) + "\n"
        options.output.write_text(page, encoding="utf-8")
    return _verdict(results, options.most)


def _verdict(results: Sequence[Result], most: float) -> int:
    differ = [result for result in results if result.differs]
    slower = [result for result in results if result.is_slower(most)]
    print(f"\n{len(results)} rows")
    for title, found in (("DIFFERS", differ), (f"SLOWER than {most:g}", slower)):
        for result in sorted(found, key=lambda r: -median(r.ratios or [0])):
            why = result.differs or f"{median(result.ratios):.3f}"
            print(f"{title}: {result.what}, {result.threads} threads: {why}")
    return int(bool(differ or slower))


if __name__ == "__main__":
    sys.exit(main())
