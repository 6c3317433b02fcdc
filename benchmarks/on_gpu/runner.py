"""Runs the parts one after the other, each in processes of its own that are ended when its time is up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.on_gpu import store
from benchmarks.on_gpu.parts import Part, Scope
from benchmarks.on_gpu.store import ROOT, Store

LEAST = 8.0  # seconds: a part that has less left is not begun
GRACE = 3.0  # seconds between asking a process to end and ending it
TAIL = 3000  # characters of what a part has printed that are kept if it failed

Command = Callable[[Part, Scope, Path], Sequence[str]]


def command_of(part: Part, scope: Scope, lines: Path) -> list[str]:
    """How a part is started."""
    sizes = [str(value) for value in scope.as_dict().values()]
    return [sys.executable, "-m", "benchmarks.on_gpu", part.name, str(lines), *sizes]


@dataclass
class Runner:
    """Where parts run, and until when.

    Attributes
    ----------
    kept : Store
    scope : Scope
    card : str
        Which card it is: what was done on another one is done again.
    until : float
        The `time.monotonic` at which the last part must have ended.
    site : Path or None
        A folder with packages, which come before those that are installed.
    ended : callable
        Called as each part has ended.
    command : callable
        How a part is started; tests start something else.
    """

    kept: Store
    scope: Scope
    card: str
    until: float
    site: Path | None = None
    ended: Callable[[Part, dict[str, Any]], None] = field(default=lambda part, entry: None)
    command: Command = field(default=command_of)

    def run(self, parts: Sequence[Part], again: bool = False) -> None:
        """Run what is not done yet; whatever becomes of a part, the next has its turn."""
        for part in parts:
            if not again and self.kept.is_done(part, self.scope, self.card):
                continue
            left = self.until - time.monotonic()
            if left < LEAST:
                entry: dict[str, Any] = {"status": "left out", "said": "no time was left"}
            else:
                entry = self._run_one(part, min(part.limit, left))
            self.kept.put(part, self.scope, self.card, entry)
            self.ended(part, entry)

    def _run_one(self, part: Part, limit: float) -> dict[str, Any]:
        lines = self.kept.path.with_suffix(".lines")
        log = self.kept.path.with_suffix(".log")
        lines.unlink(missing_ok=True)
        started = time.monotonic()
        try:
            with log.open("w+b") as file:
                status = self._finish(self.command(part, self.scope, lines), limit, file)
                printed = _tail(file)
            seconds = time.monotonic() - started
            return _outcome(part, status, limit, seconds, store.read_lines(lines), printed)
        finally:
            lines.unlink(missing_ok=True)
            log.unlink(missing_ok=True)

    def _finish(self, command: Sequence[str], limit: float, log: IO[bytes]) -> int | None:
        """Wait for a process; its exit status, or None if its time was up."""
        paths = [*([self.site] if self.site else []), ROOT, ROOT / "kernels"]
        before = os.environ.get("PYTHONPATH", "")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [*map(str, paths), before])),
            "PYTHONUNBUFFERED": "1",
        }
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # so that all that it starts ends with it
        )
        with _ended_with_us(process):
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                return None


@contextmanager
def _ended_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process and those that it started, however this block is left."""
    try:
        yield
    finally:
        for signal_, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 2 * GRACE)):
            try:
                os.killpg(process.pid, signal_)
            except ProcessLookupError:
                break
            try:
                process.wait(patience)  # one that hangs in the driver may not even be killed
            except subprocess.TimeoutExpired:
                continue


def _tail(file: IO[bytes]) -> str:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - 4 * TAIL))
    return file.read().decode("utf-8", "replace")[-TAIL:]


def _outcome(
    part: Part, status: int | None, limit: float, seconds: float, read: store.Read, printed: str
) -> dict[str, Any]:
    """What is kept of a part."""
    failed = store.failures(read.rows)
    during = f", during {read.unfinished}" if read.unfinished else ""
    if status is None:
        outcome = "timed out"
        why = "" if limit >= part.limit else ", when the time of all was up"
        said = f"ended after {limit:.0f} s{why}{during}"
    elif status:
        outcome = "failed"
        how = f"signal {-status}" if status < 0 else f"status {status}"
        said = f"ended with {how}{during}"
    elif failed or not read.rows:
        outcome = "failed"
        said = f"failed: {', '.join(failed[:5])}" if failed else "gave no answers"
        said += f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    elif any(row.get("status") == "absent" for row in read.rows):
        outcome, said = "absent", ""  # a tool: it may be there the next time
    else:
        outcome, said = "done", ""
    entry: dict[str, Any] = {
        "status": outcome,
        "said": said,
        "seconds": round(seconds, 1),
        "rows": read.rows,
    }
    if outcome != "done":
        entry["printed"] = printed
    return entry
