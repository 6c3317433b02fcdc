"""What rows must reach: `targets.toml`, read."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).resolve().parents[1] / "targets.toml"


@dataclass(frozen=True)
class Must:
    """What the ratio of a row must reach, and the threads and the sizes that this is said of."""

    kind: Literal["at least", "at most"]
    bound: float
    aim: float | None = None
    threads: int = 1
    sizes: tuple[str, ...] = ()
    unit: str = "×"

    def __str__(self) -> str:
        sign = "≥" if self.kind == "at least" else "≤"
        return f"{sign} {self.bound:g}{self.unit}"

    def met(self, ratio: float) -> bool:
        """Whether a ratio reaches it."""
        return ratio >= self.bound if self.kind == "at least" else ratio <= self.bound

    def is_said_of(self, what: str) -> bool:
        """Whether it is required of a row whose words name its size."""
        return not self.sizes or any(size in what for size in self.sizes)


@functools.cache
def table() -> tuple[tuple[str, Must], ...]:
    """Pattern of names, and what rows of such a name must reach."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))["target"]
    return tuple((entry["rows"], _must(**entry)) for entry in found)


def _must(
    rows: str,
    least: float | None = None,
    most: float | None = None,
    sizes: tuple[str, ...] = (),
    **more: Any,
) -> Must:
    if (least is None) == (most is None):
        raise ValueError(f"{FILE.name}: {rows}: expected either least or most")
    kind: Literal["at least", "at most"] = "at most" if least is None else "at least"
    return Must(kind, most if least is None else least, sizes=tuple(sizes), **more)  # type: ignore[arg-type]


def find(name: str, threads: int) -> Must | None:
    """What a row must reach at so many threads, None if nothing is said of it."""
    matching = [
        must for rows, must in table() if must.threads == threads and fnmatchcase(name, rows)
    ]
    return matching[-1] if matching else None
