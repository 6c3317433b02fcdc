"""Processes that tests start: they run this checkout, and an interrupt reaches them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Finished(NamedTuple):
    """What is left of a process."""

    status: int
    out: str
    error: str


def start(
    *arguments: str | Path, folder: Path, first_on_path: Sequence[Path] = (), **environment: str
) -> subprocess.Popen[str]:
    """Start Python in a folder, with the fastseg of this checkout."""
    places = [*first_on_path, ROOT, ROOT / "kernels"]
    with interruptible():
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, places)),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def finish(process: subprocess.Popen[str]) -> Finished:
    """Wait for a process to end."""
    try:
        out, error = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        process.kill()
        out, error = process.communicate()
        pytest.fail(f"the process hung\n{out}\n{error}")
    return Finished(process.returncode, out, error)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Start no process that ignores SIGINT.

    Where this process ignores it, as under ``nohup pytest &``, a child would inherit that. What has
    a handler here has its default action in a child instead.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
