"""What a page of results says: the rows of `results/versus.md`, read back for the plot and for the README."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results" / "versus.md"
_CELLS = re.compile(r"(?<!\\)\|")
_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Stored:
    """A row as it was written; `ratio` is what the page calls so, whichever side it is over."""

    what: str
    beside: str
    threads: int
    ours: str
    theirs: str
    ratio: float

    @property
    def times_as_fast(self) -> float:
        """How many times as long the other takes.

        The median over the pairs, as the page has it: turned where the page says how many times as long fastseg
        takes.
        """
        turned = (seconds(self.theirs) < seconds(self.ours)) != (self.ratio < 1)
        return 1 / self.ratio if turned else self.ratio


@dataclass(frozen=True)
class Page:
    """All rows of a page, the machine that it was made on, and the version of each peer."""

    machine: str
    versions: dict[str, str]
    rows: tuple[Stored, ...]

    @property
    def processor(self) -> str:
        """What the machine's line begins with, up to its cores."""
        found = re.match(r".*?\d+ cores", self.machine)
        return found[0] if found else self.machine

    def find(self, what: str, beside: str, threads: int = 1) -> Stored:
        """The row of a job, beside what begins with a word; a KeyError if there is none or more than one."""
        found = [
            row
            for row in self.rows
            if row.what == what and row.beside.startswith(beside) and row.threads == threads
        ]
        if len(found) != 1:
            raise KeyError(f"{len(found)} rows are called {what!r} beside {beside!r}, {threads}")
        return found[0]


def read(path: Path = RESULTS) -> Page:
    """Parse a page; rows that were skipped or failed, and those without two times, are left out."""
    machine, versions, rows = "", {}, []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("Machine: "):
            machine = line.removeprefix("Machine: ").rstrip(".")
        elif found := re.fullmatch(r"\* ([^:]+): \S+ ([^,\s]+),.*", line):
            versions[found[1]] = found[2]
        elif line.startswith("| ") and not line.startswith("| what "):
            cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)[1:-1]]
            ratio = re.match(r"[\d.]+(?=×)", cells[5])
            if ratio and cells[3] and cells[4]:
                what, beside, threads, ours, theirs = cells[:5]
                rows.append(Stored(what, beside, int(threads), ours, theirs, float(ratio[0])))
    return Page(machine, versions, tuple(rows))


def seconds(text: str) -> float:
    """``6.74 ms`` in seconds."""
    value, _, unit = text.partition(" ")
    return float(value) * _UNITS[unit]


def rounded(ratio: float) -> str:
    """Whole from 10 on, with one digit after the point below."""
    return f"{math.floor(ratio + 0.5)}" if ratio >= 9.95 else f"{ratio:.1f}"
