"""The Markdown page of a run: what ran, on which card, and its tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.comparison.report import duration, number
from benchmarks.on_gpu.parts import PARTS, Row

METHOD = """\
Every part ran in a process of its own. Answers were compared before anything was timed: fastseg's with those of the
numba backend to the bit, a peer's to the precision that it computes in. A side whose answer differs has no time. Times
are medians. *Kernels* are timed by CUDA events around what one call puts into the queue, behind a write of 1 GiB, so
that nothing waits for Python and the caches are cold. *Comparisons* take turns and are timed by CUDA events from an
idle device to an idle device, with all that happens on the CPU in between; the numba backend by the CPU's clock on all
cores. *Memory* is what CuPy's pool took above the inputs. *Share* is the time that the bound of docs/gpu.md allows at
what this card can copy and issue, over the time taken; in bold where it is less than half.
"""
FIRST = "fastseg"
LEAST = 0.5  # of the bandwidth, which kernels must reach


def markdown(
    machine: dict[str, Any], parts: dict[str, dict[str, Any]], wheels: Sequence[str]
) -> str:
    """The whole page."""
    lines = ["# fastseg on a GPU", "", f"**{machine.get('card', 'unknown card')}**", ""]
    for name, value in machine.items():
        if name not in ("card", "versions"):
            lines.append(f"* {name}: {value}")
    versions = ", ".join(f"{name} {v}" for name, v in machine.get("versions", {}).items())
    lines += [f"* versions: {versions}", *(f"* wheel not installed: {said}" for said in wheels)]
    lines += ["", METHOD, "## Parts", "", "| part | what | came of it | seconds | said |"]
    lines += ["|---|---|---|---|---|", *(_part(part, parts.get(part.name)) for part in PARTS), ""]
    rows = [row for part in PARTS for row in parts.get(part.name, {}).get("rows", ())]
    lines += _kernels([row for row in rows if row["kind"] == "kernel"])
    lines += _comparisons([row for row in rows if row["kind"] == "comparison"])
    lines += _failures(rows)
    return "\n".join(lines).rstrip() + "\n"


def _part(part: Any, entry: dict[str, Any] | None) -> str:
    entry = entry or {"status": "not run"}
    told = ("note", "tests", "sanitizer", "bandwidth")
    said = [row["said"] for row in entry.get("rows", ()) if row["kind"] in told and row.get("said")]
    said = [entry.get("said", ""), *said]
    status = entry["status"] if entry["status"] in ("done", "not run") else f"**{entry['status']}**"
    cells = [
        part.name,
        part.about,
        status,
        str(entry.get("seconds", "")),
        "; ".join(filter(None, said)),
    ]
    return _line(cells)


def _kernels(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    lines = [
        "## Kernels",
        "",
        "| kernel | volume | time | moved | GB/s | share of bandwidth | share of bound | memory |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        if row["status"] != "measured":
            lines.append(_line([row["name"], row["what"], "**FAILED**", *[""] * 5]))
            continue
        seconds, bound = statistics.median(row["seconds"]), row["bound"]
        share = _share(bound["memory"] / seconds) if "memory" in bound else ""
        most = f"{max(bound.values()) / seconds:.0%}" if bound else ""
        moved = row["moved"]
        cells = [row["name"], row["what"], duration(seconds), f"{moved / 1e6:.0f} MB"]
        cells += [f"{moved / seconds / 1e9:.0f}", share, most, f"{row['bytes'] / 1e6:.0f} MB"]
        lines.append(_line(cells))
    return [*lines, ""]


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= LEAST else f"**{share:.0%}**"


def _comparisons(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["## Comparisons", ""]
    lines += ["| what | volume | side | time | times as fast | answers | memory a voxel |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        for name, side in (row["sides"] or {FIRST: {"said": "FAILED"}}).items():
            seconds, ratio = median(row, name), times(row, name)
            faster = number(ratio) if ratio else ""
            cells = [row["name"], row["what"], name, duration(seconds), faster, side["said"], ""]
            if name == FIRST and row.get("status") != "measured":
                cells[3] = "**FAILED**"
            if name == FIRST and row["voxels"] and "bytes" in row:
                cells[6] = f"{row['bytes'] / row['voxels']:.2f} B"
            if name == FIRST:
                cells[5] = "; ".join(requirements(row))
            lines.append(_line(cells))
    return [*lines, ""]


def median(row: Row, side: str) -> float | None:
    """Seconds of a side, if it was timed."""
    seconds = row["sides"].get(side, {}).get("seconds")
    return statistics.median(seconds) if seconds else None


def times(row: Row, side: str) -> float | None:
    """How many times as fast as a side the first is, by the runs that took turns."""
    entry = row["sides"].get(side, {})
    ours = entry.get("ours") or row["sides"].get(FIRST, {}).get("seconds")
    if side == FIRST or not entry.get("seconds") or not ours:
        return None
    return statistics.median(entry["seconds"]) / statistics.median(ours)


def requirements(row: Row) -> list[str]:
    """What the row must reach, and whether it does."""
    ours, said = median(row, FIRST), []
    if ours is None:
        return []
    if row["must"]:
        aim = f", aim {duration(row['aim'])}" if row["aim"] else ""
        said.append(f"must ≤ {duration(row['must'])}{aim}: {_met(ours <= row['must'])}")
    if row.get("memory") and row["voxels"]:
        met = _met(row["bytes"] / row["voxels"] <= row["memory"])
        said.append(f"must take ≤ {row['memory']:g} B a voxel: {met}")
    for peer, least in row["times"].items():
        ratio = times(row, peer)
        met = "not measured" if ratio is None else _met(ratio >= least)
        said.append(f"must be ≥ {least:g}× {peer}: {met}")
    return said


def _met(met: bool) -> str:
    return "yes" if met else "**no**"


def _failures(rows: Iterable[Row]) -> list[str]:
    failed = [row for row in rows if row.get("status") == "failed"]
    if not failed:
        return []
    lines = ["## What failed", ""]
    for row in failed:
        said = (row.get("said") or "").strip().splitlines() or [""]
        lines.append(f"* {row['name']}: {said[-1] if row['kind'] == 'test' else ' '.join(said)}")
    return [*lines, ""]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
