"""A host's own call beside its drop-in: `python benchmarks/compat.py`, after `pip install -e ".[compat-test]"`.

On one pair of 256³ masks (a blob, the same blob a voxel or two off, a false positive in a far corner), in memory. A
call is written once and made on both modules, the host's and `fastseg.compat`'s; answers are compared before anything
is timed, then both run in turns. A host that is not installed is skipped by name. Writes `results/compat.md`. To add a
host, write a function of the pair that yields its calls into `compat_calls.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import statistics
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if not __package__:  # run as a file: see the checkout, not this folder
    sys.path[0:1] = [str(ROOT), str(ROOT / "kernels")]

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import fastseg  # noqa: E402
from benchmarks import volumes  # noqa: E402
from benchmarks.comparison.report import duration, machine  # noqa: E402
from benchmarks.compat_calls import HOSTS, Call  # noqa: E402

PAIRS = 7


@dataclass(frozen=True)
class Row:
    """A line of the table; `theirs` and `ours` in seconds."""

    host: str
    call: str
    agreement: str
    theirs: float
    ours: float

    def __str__(self) -> str:
        ratio = f"{self.theirs / self.ours:.3g}"
        times = f"{duration(self.theirs)} | {duration(self.ours)} | {ratio}"
        return f"| {self.host} | `{self.call}` | {times} | {self.agreement} |"


HEADER = "| host | call | the host | fastseg.compat | times as fast | answers |\n|---|---|---|---|---|---|"


def flat(answer: Any) -> Iterator[NDArray[Any]]:
    """All arrays and numbers in an answer."""
    if isinstance(answer, Mapping):
        for key in sorted(answer, key=str):
            yield from flat(answer[key])
    elif isinstance(answer, (tuple, list)):
        for part in answer:
            yield from flat(part)
    else:
        yield np.asarray(answer)


def agreement(call: Call, theirs: Any, ours: Any) -> str:
    """Say how well two answers agree, or raise an AssertionError."""
    pairs = list(zip(flat(theirs), flat(ours), strict=True))
    assert pairs, f"{call.text}: there is no answer"
    if all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs):
        return "equal to the bit"
    for a, b in pairs:
        np.testing.assert_allclose(b, a, call.relative, call.absolute, err_msg=call.text)
    bounds = (f"{bound:.0e}" for bound in (call.relative, call.absolute) if bound)
    return f"within {' or '.join(bounds)}"


def timed(call: Call, module: Any) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    call.make(module)
    return time.perf_counter() - started


def measure(host: str, call: Call, seconds: float) -> Row:
    """Compare, then time in turns; the medians."""
    modules = (
        importlib.import_module(call.module),
        importlib.import_module(f"fastseg.compat.{host}"),
    )
    agreed = agreement(call, *(call.make(module) for module in modules))
    runs: list[list[float]] = []
    started = time.perf_counter()
    while len(runs) < PAIRS and (not runs or time.perf_counter() - started < seconds):
        runs.append([timed(call, module) for module in modules])
    theirs, ours = (statistics.median(column) for column in zip(*runs, strict=True))
    return Row(host, call.text, agreed, theirs, ours)


def rows(hosts: Sequence[str], side: int, seconds: float) -> Iterator[Row | str]:
    """Measure every call of the hosts; a text for a host that is not installed."""
    masks = volumes.near((side,) * 3)
    for host in hosts:
        try:
            for call in HOSTS[host](*masks):
                yield measure(host, call, seconds)
        except ModuleNotFoundError as error:
            yield f"{host} is skipped: {error}"


def versions(hosts: Sequence[str]) -> str:
    """Of the hosts that are installed."""
    found = []
    for host in hosts:
        with contextlib.suppress(ImportError):
            patches = importlib.import_module(f"fastseg.compat.{host}").PATCHES
            if version := patches.version():
                found.append(f"{patches.distribution} {version}")
    return ", ".join(found)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=HOSTS, default=list(HOSTS), metavar="HOST")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1, help="of fastseg")
    parser.add_argument("--seconds", type=float, default=20, help="at most, for a call")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args(arguments)
    fastseg.set_num_threads(options.threads)
    warnings.simplefilter("ignore")  # hosts have many
    lines = []
    print(HEADER)
    for row in rows(options.only, options.side, options.seconds):
        lines.append(row)
        print(row, flush=True)
    table = "\n".join([HEADER, *(str(row) for row in lines if isinstance(row, Row))])
    skipped = "".join(f"\n{line}\n" for line in lines if isinstance(line, str))
    page = (
        f"# Drop-ins beside their hosts\n\n{options.side}³ masks of a blob in near agreement, fastseg on "
        f"{options.threads} thread{'s' * (options.threads > 1)}, hosts as they come, medians of runs in turns. Made by "
        f"`python benchmarks/compat.py` on {machine()}, NumPy {np.__version__}, "
        f"{versions(options.only)}.\n\n{table}\n{skipped}"
    )
    whole = options.only == list(HOSTS) and options.side == 256
    path = options.output / f"compat{'' if whole else '-part'}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
