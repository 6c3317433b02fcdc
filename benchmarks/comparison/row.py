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
    check: Check | None = None
    kind: Literal["at least", "at most"] = "at least"
    threads: tuple[int, ...] = (1,)
    per_element: bool = False  # times are divided by the answer's "elements"
    vectors: str = ""  # which fastseg is compiled for, if not for this machine's


@dataclass(frozen=True)
class Scope:
    """Sides of the volumes: of most, and of what is stated for large ones; and whether long rows are left out."""

    side: int
    large: int
    short: bool
