"""Rows: answers compared first, then all sides timed in turns."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.comparison.agreement import Check, DisagreementError
from benchmarks.on_gpu.device import Clock, Device
from benchmarks.on_gpu.parts import Row, Scope
from benchmarks.programs import Answer, Program

EXACT = "equal to the bit"
SLOW = 20  # seconds: a side whose first run takes longer has no other, though it may have compiled


class AbsentError(Exception):
    """A peer that is not installed, or does not do what is asked."""


@dataclass(frozen=True)
class Side:
    """One of those that are compared.

    Attributes
    ----------
    name : str
    make : callable
        Gives the program, with its arrays in their places; raises an AbsentError if there is none.
    clock : Clock
    check : Check or None
        How its answer is compared with that of the first side; None is as `exact` finds.
    """

    name: str
    make: Callable[[], Program]
    clock: Clock
    check: Check | None = None


@dataclass(frozen=True)
class Comparison:
    """A row of sides, of which the first is measured against the others.

    `must` are seconds that the first must not exceed, `memory` bytes a voxel, and `times` says how many times as fast
    as a side it must be.
    """

    name: str
    what: str
    sides: Sequence[Side]
    must: float | None = None
    aim: float | None = None
    times: Mapping[str, float] = field(default_factory=dict)
    voxels: int = 0
    memory: float | None = None


def compare(
    row: Comparison, scope: Scope, device: Device, begin: Callable[[str], None]
) -> Iterator[Row]:
    """Check and time a row, which is given anew with each side that is added: the next may never answer.

    What a peer cannot is said in its place; what a backend of our own cannot is a failure.
    """
    found: dict[str, dict[str, Any]] = {}
    result: Row = {
        "kind": "comparison",
        "name": row.name,
        "what": row.what,
        "voxels": row.voxels,
        "must": row.must,
        "aim": row.aim,
        "memory": row.memory,
        "times": dict(row.times),
        "sides": found,
    }
    first, *others = row.sides
    begin(f"{row.name}: {first.name}")
    try:
        program = first.make()
        ours = program.describe(program.call())
        result["bytes"] = device.memory_of(program.call)
        alone = in_turns({"": program}, {"": first.clock}, scope)
    except Exception as error:
        yield {**result, "status": "failed", "said": f"{first.name}: {sentence(error)}"}
        return
    found[first.name] = {"said": "", "seconds": alone[""]}
    wrong: list[str] = []
    for side in others:
        begin(f"{row.name}: {side.name}")
        found[side.name] = _beside(side, first, program, ours, scope)
        if side.name in OURS and "seconds" not in found[side.name]:
            wrong.append(f"{side.name}: {found[side.name]['said']}")
        yield {**result, "status": "failed" if wrong else "measured", "said": "; ".join(wrong)}


OURS = ("fastseg", "fastseg from the host", "numba")


def _beside(
    side: Side, first: Side, program: Program, ours: Answer, scope: Scope
) -> dict[str, Any]:
    """What is found of a side: whether it agrees, and the seconds of both in turns."""
    try:
        other = side.make()
        started = time.perf_counter()
        theirs = other.call()
        once = time.perf_counter() - started
        said = agreement(side.check, ours, other.describe(theirs))
        del theirs
        if once > SLOW:
            return {"said": f"{said}; the first run alone", "seconds": [once]}
        clocks = {"ours": first.clock, "theirs": side.clock}
        seconds = in_turns({"ours": program, "theirs": other}, clocks, scope)
    except AbsentError as error:
        return {"said": f"absent: {error}"}
    except DisagreementError as error:
        return {"said": f"DIFFERS: {error}"}
    except Exception as error:
        return {"said": f"failed: {sentence(error)}"}
    return {"said": said, "seconds": seconds["theirs"], "ours": seconds["ours"]}


def agreement(check: Check | None, ours: Answer, theirs: Answer) -> str:
    """Say how two answers agree; raise a DisagreementError if they do not."""
    if check is not None:
        return check.run(ours, theirs)
    if ours.keys() != theirs.keys():
        raise DisagreementError(f"answers {sorted(ours)} and {sorted(theirs)}")
    for name, value in ours.items():
        if isinstance(value, str):
            if value != theirs[name]:
                raise DisagreementError(f"{name}: {_first_difference(value, str(theirs[name]))}")
        elif value is not theirs[name] and not (_is_nan(value) and _is_nan(theirs[name])):
            Check((name,)).run(ours, theirs)
    return EXACT


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _first_difference(a: str, b: str) -> str:
    at = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    low = max(0, at - 40)
    return f"…{a[low : at + 30]}… and …{b[low : at + 30]}…"


def in_turns(
    ready: Mapping[str, Program], clocks: Mapping[str, Clock], scope: Scope
) -> dict[str, list[float]]:
    """Seconds of each side, the sides in turns. All have run once; a slow one has fewer runs."""
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    waiting = list(ready)
    for _ in range(scope.repetitions):
        for name in list(waiting):
            program = ready[name]
            seconds[name].append(clocks[name].whole(program.call))
            if sum(seconds[name]) > scope.seconds:
                waiting.remove(name)
    return seconds


@dataclass(frozen=True)
class Kernel:
    """A call of launchers that is timed by itself.

    Attributes
    ----------
    name, what : str
    call : callable
    check : callable
        Given what the call gives: raises a DisagreementError if it is wrong.
    moved : float
        Bytes that must come from memory or go to it.
    operations : float
        Instructions of all threads, as docs/gpu.md counts them; 0 if it does not.
    before : callable
        Run before each call, and not timed.
    """

    name: str
    what: str
    call: Callable[[], Any]
    check: Callable[[Any], None]
    moved: float
    operations: float = 0.0
    before: Callable[[], Any] = lambda: None


def time_kernel(kernel: Kernel, scope: Scope, device: Device) -> Row:
    """Check and time a kernel by itself, and put it beside what memory and processor allow."""
    row: Row = {"kind": "kernel", "name": kernel.name, "what": kernel.what, "moved": kernel.moved}
    try:
        kernel.before()
        kernel.check(kernel.call())
        kernel.before()
        row["bytes"] = device.memory_of(kernel.call)
        seconds: list[float] = []
        started = time.perf_counter()
        while not seconds or (
            len(seconds) < 2 * scope.repetitions and time.perf_counter() - started < scope.seconds
        ):
            seconds.append(device.clock.queued(kernel.call, kernel.before))
    except Exception as error:
        return {**row, "status": "failed", "said": sentence(error)}
    row["bound"] = bound(kernel, device)
    return {**row, "status": "measured", "said": EXACT, "seconds": seconds}


def bound(kernel: Kernel, device: Device) -> dict[str, float]:
    """The seconds that memory and the processor's issue rate allow, where they are known."""
    found = {}
    if device.bandwidth:
        found["memory"] = kernel.moved / device.bandwidth
    if device.issue_rate and kernel.operations:
        found["issue"] = kernel.operations / 32 / device.issue_rate
    return found


def sentence(error: BaseException) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
