"""The process of one part: `python -m benchmarks.on_gpu PART FILE SMALL LARGE REPETITIONS SECONDS`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.on_gpu.parts import PARTS, Scope
from benchmarks.on_gpu.store import Lines


def main(name: str, file: str, *sizes: str) -> None:
    """Run a part, and write its rows as they come."""
    small, large, repetitions, seconds = sizes
    scope = Scope(int(small), int(large), int(repetitions), float(seconds))
    part = next(part for part in PARTS if part.name == name)
    lines = Lines(Path(file))
    for row in part.function()(scope, lines.begin, **part.options):
        lines.row(row)


if __name__ == "__main__":
    main(*sys.argv[1:])
