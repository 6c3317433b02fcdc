"""The handle on the process that one library or one checkout lives in, and what a library's process is made of.

Arrays do not travel: a library's process makes those of a case itself, and leaves large answers in a folder.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import cases
from benchmarks.worker import Session, serve

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 900  # seconds that a request may take
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


def environment(threads: int, checkout: Path = ROOT) -> dict[str, str]:
    """For a process that measures a checkout, this one if none is named, with so many threads."""
    paths = [str(checkout), str(checkout / "kernels"), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **dict.fromkeys(THREADS_VARIABLES, str(threads)),
        "OMP_WAIT_POLICY": "PASSIVE",  # or the idle worker's threads would spin beside the busy one
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


class Worker:
    """The handle: starts the process and asks it."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
        )

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


class LibraryWorker(Worker):
    """The process of one library, with the versions of what runs there."""

    def __init__(
        self, library: str, python: str, threads: int, variables: dict[str, str] | None = None
    ) -> None:
        command = [python, "-m", __name__, library]
        super().__init__(command, {**environment(threads), **(variables or {})})
        try:
            self.versions: dict[str, str] = self.ask("versions")
        except WorkerError:
            self.close()
            raise


# ---------------------------------------------------------------------------- inside the process


class LibrarySession(Session):
    """Of one library, which makes the arrays of a case itself."""

    def __init__(self, library: str) -> None:
        super().__init__()
        self.programs, self.distributions = _programs(library)
        self.loaded = functools.lru_cache(maxsize=2)(cases.load)

    def versions(self) -> dict[str, str]:
        """Of the library, of what it rests on and of Python."""
        found = {name: _version(name) for name in self.distributions}
        return {**found, "numpy": np.__version__, "Python": platform.python_version()}

    def prepare(self, slot: str, program: str, case: str, options: dict[str, Any]) -> None:
        """Make the arrays and all that is not timed."""
        self.ready[slot] = self.programs[program](self.loaded(case), **options)

    def forget(self) -> None:
        super().forget()
        self.loaded.cache_clear()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        # a checkout that was not installed knows its version itself
        return getattr(sys.modules.get(distribution), "__version__", "not installed")


def _programs(library: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    if library == "fastseg":
        from benchmarks.comparison.baselines import BASELINES
        from benchmarks.programs import PROGRAMS

        return {**PROGRAMS, **BASELINES}, ("fastseg", "scipy", "numba", "llvmlite", "zlib-ng")
    from benchmarks.comparison.peers import PEERS

    peer = PEERS[library]
    warnings.simplefilter("ignore")  # a peer's deprecations are not ours to report
    peer.before_import()
    importlib.import_module(peer.module)
    peer.after_import()
    return peer.programs, peer.distributions


if __name__ == "__main__":
    serve(lambda: LibrarySession(sys.argv[1]))
