"""compute-sanitizer on a small run of everything: bounds, races in shared memory, memory that nobody wrote."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.on_gpu.parts import Row, Scope
from benchmarks.on_gpu.store import ROOT

NAME = "compute-sanitizer"
#: where it lies if it is not on the path
PLACES = (
    "/usr/local/cuda/bin",
    "/usr/local/cuda/compute-sanitizer",
    "/usr/local/cuda-*/bin",
    "/usr/local/cuda-*/compute-sanitizer",
    "/opt/cuda/bin",
    "/opt/nvidia/cuda*/bin",
)
ENDED = "the small run has ended"  # which the run says last
SUMMARY = re.compile(r"^=+ (?:ERROR|RACECHECK) SUMMARY: (.*)$", re.MULTILINE)
AT = re.compile(r"\bat (?:0x[0-9a-f]+ in )?([A-Za-z_]\w*)(?=[+(<])")
KEPT = 4000  # characters of what it said that are kept


def find(places: Iterable[str] = PLACES) -> str | None:
    """Where the program lies, if anywhere."""
    found = shutil.which(NAME)
    if found:
        return found
    for place in places:
        folder = Path(place)
        for candidate in sorted(Path(folder.anchor).glob(f"{place.lstrip('/')}/{NAME}")):
            return str(candidate)
    return None


def rows(
    scope: Scope,
    begin: Callable[[str], None],
    tool: str,
    program: Callable[[], str | None] = find,
) -> Iterator[Row]:
    """One row: what the tool has found."""
    path = program()
    if path is None:
        row: Row = {"kind": "sanitizer", "name": tool, "status": "absent"}
        yield {**row, "said": f"{NAME} was not found on the path, nor in {', '.join(PLACES)}"}
        return
    begin(tool)
    command = [path, "--tool", tool, "--print-limit", "50", "--target-processes", "all"]
    command += [sys.executable, "-m", "benchmarks.on_gpu.small_run"]
    found = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(found.stdout[-KEPT:])
    yield judged(tool, found.stdout)


def judged(tool: str, printed: str) -> Row:
    """Read what was printed: clean only if the run ended and its summary counts nothing."""
    summaries = SUMMARY.findall(printed)
    row: Row = {"kind": "sanitizer", "name": tool}
    if ENDED not in printed or not summaries:
        why = "the run did not end" if ENDED not in printed else "there is no summary"
        return {**row, "status": "failed", "said": why, "printed": printed[-KEPT:]}
    said = summaries[-1]
    numbers = [int(number) for number in re.findall(r"\d+", said)]
    if any(numbers):
        kernels = Counter(AT.findall(printed)).most_common(8)
        where = ", ".join(f"{name} ({n})" for name, n in kernels)
        said += f"; in {where}" if where else ""
        return {**row, "status": "failed", "said": said, "printed": printed[:KEPT]}
    return {**row, "status": "measured", "said": said}
