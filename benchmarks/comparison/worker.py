"""The process that one library lives in, and the handle that `versus.py` has on it.

Requests and replies are pickles on the process's standard input and output. Arrays do not travel:
the worker makes those of a case itself, and leaves large answers in a folder.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import math
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison.program import Answer, Program, loaded

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 900  # seconds that a request may take
LEAST = 0.05  # seconds that a run should last: shorter calls are repeated and averaged
THREADS_VARIABLES = (
    "FASTSEG_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


class WorkerError(Exception):
    """What was asked of a worker failed there, or ended it."""


class NotInstalledError(WorkerError):
    """The library that was asked for is not installed."""


def environment(threads: int) -> dict[str, str]:
    """For a process that measures this checkout with so many threads."""
    paths = [str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **dict.fromkeys(THREADS_VARIABLES, str(threads)),
        "OMP_WAIT_POLICY": "PASSIVE",  # or the idle worker's threads would spin beside the busy one
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


class Worker:
    """The handle: starts the process and asks it."""

    def __init__(self, library: str, python: str, threads: int) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            [python, "-m", __name__, library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment(threads),
        )
        try:
            self.versions: dict[str, str] = self.ask("versions")
        except WorkerError:
            self.close()
            raise

    def ask(self, request: str, *arguments: Any) -> Any:
        """Call a method of the session in the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        clock = threading.Timer(LIMIT, self.process.kill)
        clock.start()
        try:
            pickle.dump((request, arguments), self.process.stdin)
            self.process.stdin.flush()
            status, reply = pickle.load(self.process.stdout)
        except (EOFError, OSError) as error:
            late = not clock.is_alive()
            why = f"took more than {LIMIT} s" if late else f"ended: {self._last_words()}"
            raise WorkerError(f"{request}: the process {why}") from error
        finally:
            clock.cancel()
        if status == "ok":
            return reply
        raise {"absent": NotInstalledError}.get(status, WorkerError)(reply)

    def _last_words(self) -> str:
        self.log.seek(0)
        return self.log.read().decode(errors="replace").strip()[-500:]

    def close(self) -> None:
        """End the process."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()
        self.log.close()


# ---------------------------------------------------------------------------- inside the process


class Session:
    """What the process does when asked; `slot` names a program that was made ready."""

    def __init__(self, library: str) -> None:
        self.programs, self.distributions = _programs(library)
        self.ready: dict[str, Program] = {}
        self.loops: dict[str, int] = {}

    def versions(self) -> dict[str, str]:
        """Of the library, of what it rests on and of Python."""
        found = {name: _version(name) for name in self.distributions}
        return {**found, "numpy": np.__version__, "Python": platform.python_version()}

    def prepare(self, slot: str, program: str, case: str, options: dict[str, Any]) -> None:
        """Make the arrays and all that is not timed."""
        self.ready[slot] = self.programs[program](case, **options)

    def answer(self, slot: str, folder: str) -> Answer:
        """Run once; arrays go to files in the folder, and the answer has their paths."""
        program = self.ready[slot]
        answer = program.describe(program.call())
        for name, value in answer.items():
            if isinstance(value, np.ndarray):
                path = Path(folder, f"{slot}-{name}.npy")
                np.save(path, value)
                answer[name] = path
        return answer

    def seconds(self, slot: str) -> float:
        """Run, and give the seconds of a call; calls too short for the clock are repeated."""
        if slot not in self.loops:
            once = self._run(slot, 1)
            self.loops[slot] = max(1, math.ceil(LEAST / once))
        return self._run(slot, self.loops[slot])

    def _run(self, slot: str, loops: int) -> float:
        call = self.ready[slot].call
        started = time.perf_counter()
        for _ in range(loops):
            call()
        return (time.perf_counter() - started) / loops

    def forget(self) -> None:
        """Let go of all arrays."""
        self.ready.clear()
        self.loops.clear()
        loaded.cache_clear()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        # a checkout that was not installed knows its version itself
        return getattr(sys.modules.get(distribution), "__version__", "not installed")


def _programs(library: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    if library == "fastseg":
        from benchmarks.comparison import ours

        functions = dict(inspect.getmembers(ours, inspect.isfunction))
        return functions, ("fastseg", "scipy", "numba", "llvmlite", "zlib-ng")
    from benchmarks.comparison.theirs import PEERS

    peer = PEERS[library]
    warnings.simplefilter("ignore")  # a peer's deprecations are not ours to report
    peer.before_import()
    importlib.import_module(peer.module)
    peer.after_import()
    return peer.programs, peer.distributions


def _reply(action: Any) -> tuple[str, Any]:
    try:
        return "ok", action()
    except ImportError as error:
        return "absent", str(error)
    except BaseException as error:  # a panic of Rust's is no Exception
        return "error", f"{type(error).__name__}: {error}"


def main() -> None:
    """Answer requests until the pipe closes."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get among the replies
    session: Session | None = None
    while True:
        try:
            request, arguments = pickle.load(requests)
        except EOFError:
            return

        def act(request: str = request, arguments: Any = arguments) -> Any:
            nonlocal session
            session = session or Session(sys.argv[1])
            return getattr(session, request)(*arguments)

        pickle.dump(_reply(act), replies)
        replies.flush()


if __name__ == "__main__":
    main()
