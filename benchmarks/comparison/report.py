"""The Markdown table of a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date

from benchmarks.comparison import vectors
from benchmarks.comparison.measure import Result

HEADER = (
    "| what | beside | threads | fastseg | the other | ratio (least – most) | pairs | must | met | answers compared |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
METHOD = """\
Every library runs in a process of its own that makes the same arrays. Before a row is timed both sides
answer once, which warms them, and the answers are compared, each to the peer's own definition: fastseg
computes surface-distance's surface elements, MedPy's pooled percentiles, the larger of both directions
for MONAI; for mikan-rs hd95 is taken from fastseg's distances at mikan-rs's nearest rank, and as its
surfaces leave out the image's edge, the masks keep away from it. An answer that differs fails the row.
Then the two sides run in turns; times are medians, the ratio is the median of the ratios pair by pair.
A run of less than {least:g} s is repeated and averaged. A row ends after {pairs} pairs or {seconds:g} s, so that
slow peers have fewer runs. "N times as fast" stands under *must* with ≥, "N times the time" with ≤. fastseg
computes all that is named under *what*; a peer what is named after it.
"""
NOTES = {
    vectors.AVX2: f"""\
As on a machine with AVX2 alone: fastseg's kernels are compiled for it (NUMBA_CPU_NAME={vectors.PROCESSOR}, with AVX-512
off in NUMBA_CPU_FEATURES), while the peers and NumPy run as they were built, with whatever this machine has.""",
    "labels": "Where a row says so, what is required is not a ratio: seconds, or microseconds a structure.",
    "orientations": """\
The same content with its axes exchanged and reversed, all 24 rotations on one thread, in turns: the slowest beside the
fastest.""",
}
MARK = {"skipped": "skipped", "failed": "**FAILED**"}


def machine() -> str:
    """Processor with its vectors, cores, memory, system, and the day."""
    model = vectors.model() or platform.processor() or platform.machine()
    kind = ", ".join(filter(None, (vectors.processor(), vectors.widest())))
    model += f" ({kind})" if kind else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    system = f"{platform.system()} {platform.machine()}"
    return f"{model}, {cores} cores{memory}, {system}, {date.today()}"


def duration(seconds: float | None) -> str:
    """Three digits and a unit."""
    if seconds is None:
        return ""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def number(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def line(result: Result) -> str:
    """A row of the table."""
    cells = [result.what, result.beside, str(result.threads)]
    if result.status == "measured":
        spread = f" ({number(min(result.ratios))} – {number(max(result.ratios))})"
        ratio = number(result.ratio) + result.unit
        must = "–" if result.must is None else _must(result)
        cells += [
            duration(result.ours),
            duration(result.theirs),
            ratio + (spread if len(result.ratios) > 1 else ""),
            str(len(result.ratios)),
            must,
            result.verdict,
            result.said or "–",
        ]
    else:
        cells += ["", "", MARK[result.status], "", "", "", result.said.replace("\n", " ")]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _must(result: Result) -> str:
    assert result.must is not None
    aim = "" if result.must.aim is None else f", aim {result.must.aim:g}"
    at = f" at {' or '.join(result.must.sizes)}" if result.verdict == "other size" else ""
    return f"{result.must}{aim}{at}"


def markdown(
    results: Sequence[Result],
    versions: dict[str, dict[str, str]],
    command: str,
    limits: dict[str, float],
) -> str:
    """The whole page."""
    parts = ["# fastseg beside its peers", "", f"`{command}`", "", f"Machine: {machine()}.", ""]
    for library, found in versions.items():
        listed = ", ".join(f"{name} {version}" for name, version in found.items())
        parts.append(f"* {library}: {listed}")
    if "surface-distance" in versions:
        parts.append(
            "* surface-distance 0.1 needs the names np.Inf and np.NaN, which were given to it."
        )
    parts += ["", METHOD.format(**limits)]
    for group in dict.fromkeys(result.group for result in results):
        lines = [line(result) for result in results if result.group == group]
        parts += [*opening(group), *lines, ""]
    return "\n".join(parts).rstrip() + "\n"


def heading(group: str) -> str:
    """What stands above the rows of a group."""
    return f"## {group[0].upper()}{group[1:]}"


def opening(group: str) -> list[str]:
    """Its heading, what has to be said of all its rows, and the head of its table."""
    said = [NOTES[group], ""] if group in NOTES else []
    return [heading(group), "", *said, *HEADER.splitlines()]
