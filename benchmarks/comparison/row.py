"""What a row consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.comparison.agreement import Check


@dataclass(frozen=True)
class Job:
    """A program of a library, on a case."""

    library: str
    program: str
    case: str
    options: dict[str, Any] = field(default_factory=dict)
    threads: int | None = None  # None: those of the row


@dataclass(frozen=True)
class Must:
    """What the ratio of a row must reach, and the threads and the size that this is said of."""

    kind: Literal["at least", "at most"]
    bound: float
    aim: float | None = None
    threads: int = 1
    size: str = ""
    unit: str = "×"

    def __str__(self) -> str:
        sign = "≥" if self.kind == "at least" else "≤"
        return f"{sign} {self.bound:g}{self.unit}"

    def met(self, ratio: float) -> bool:
        """Whether a ratio reaches it."""
        return ratio >= self.bound if self.kind == "at least" else ratio <= self.bound


@dataclass(frozen=True)
class Row:
    """One comparison.

    The ratio is theirs / ours where the peer should be slower ("at least"), and ours / theirs where
    the other side is a bound on what fastseg may cost ("at most").
    """

    name: str
    group: str
    what: str
    beside: str
    ours: Job
    theirs: Job
    must: tuple[Must, ...] = ()
    check: Check | None = None
    kind: Literal["at least", "at most"] = "at least"
    threads: tuple[int, ...] = (1,)
    per_element: bool = False  # times are divided by the answer's "elements"

    def must_at(self, threads: int) -> Must | None:
        """What is required at so many threads."""
        return next((must for must in self.must if must.threads == threads), None)


@dataclass(frozen=True)
class Scope:
    """Sides of the volumes: of most, and of what is stated for large ones; and whether long rows are left out."""

    side: int
    large: int
    short: bool
