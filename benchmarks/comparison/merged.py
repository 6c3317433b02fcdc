"""New rows in a page that was written before: what was measured again is replaced, the rest stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.comparison import report
from benchmarks.comparison.measure import Result


class OtherMachineError(Exception):
    """The page was made on another machine: its rows cannot stand beside new ones."""


def merged(page: str, results: Sequence[Result], versions: dict[str, dict[str, str]]) -> str:
    """The page with these rows, each in the place of the one of its name or at the end of its group."""
    lines = page.splitlines()
    _same_machine(lines)
    for library, found in versions.items():
        listed = f"* {library}: " + ", ".join(
            f"{name} {version}" for name, version in found.items()
        )
        _put(lines, f"* {library}: ", listed, after="* ")
    for result in results:
        line = report.line(result)
        start = " | ".join(line.split(" | ")[:3]) + " | "
        if not any(old.startswith(start) for old in lines):
            _open(lines, result.group)
        _put(lines, start, line, after="|", within=report.heading(result.group))
    return "\n".join(lines) + "\n"


def _same_machine(lines: list[str]) -> None:
    [there] = [line for line in lines if line.startswith("Machine: ")]
    here = f"Machine: {report.machine()}"
    # without memory, system and day
    if there.split(" cores")[0] != here.split(" cores")[0]:
        raise OtherMachineError(f"the page is of another machine:\n{there}\n{here}")


def _open(lines: list[str], group: str) -> None:
    """A group that the page lacks stands before what was written by hand, which has no table."""
    heading = report.heading(group)
    if heading not in lines:
        headings = [i for i, line in enumerate(lines) if line.startswith("## ")]
        by_hand = [i for i in headings if report.HEADER.split("\n")[0] not in lines[i : i + 6]]
        place = by_hand[0] if by_hand else len(lines)
        before = [""] if place and lines[place - 1] else []
        lines[place:place] = [*before, *report.opening(group), ""]


def _put(lines: list[str], start: str, line: str, after: str, within: str = "") -> None:
    """Replace the line that begins so; or put it behind the last of those around it."""
    for i, old in enumerate(lines):
        if old.startswith(start):
            lines[i] = line
            return
    first = lines.index(within) if within else 0
    place = next(i for i in range(first, len(lines)) if lines[i].startswith(after))
    while place < len(lines) and lines[place].startswith(after):
        place += 1
    lines.insert(place, line)
