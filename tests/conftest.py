"""What all tests share: both backends, a fresh state for every test, Python in a process of its own."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from numba.core import config

import fastseg
from fastseg import dispatch, threads
from tests import processes

# What every test of an answer runs on; tests/gpu is for the backend of a GPU.
BACKENDS = tuple(backend.name for backend in dispatch.BACKENDS if backend.memory == "cpu")

# A first call compiles, so that a deadline would measure numba. `backend` sets one thing for all
# examples, so that a function's fixture may serve many. `pytest --hypothesis-profile=explore` looks
# for what the fixed examples do not show.
settings.register_profile(
    "fastseg",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile(
    "explore", settings.get_profile("fastseg"), derandomize=False, max_examples=2000
)
settings.load_profile("fastseg")


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the backend, the threads or the warnings of another, or of whoever runs it."""
    for name in ("FASTSEG_BACKEND", "FASTSEG_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dispatch, "_forced", None)
    monkeypatch.setattr(dispatch, "_said", set())
    yield
    if threads._num_threads is not None:
        threads.set_num_threads(None)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each backend in turn, for all calls of the test."""
    name: str = request.param
    with fastseg.use_backend(name):
        yield name


@pytest.fixture
def compiled() -> None:
    """For tests of compilation itself."""
    if config.DISABLE_JIT:
        pytest.skip("kernels are plain Python under NUMBA_DISABLE_JIT=1")


@pytest.fixture
def medium() -> int:
    """The side of a volume on which the backends are compared: small where kernels are Python."""
    return 20 if config.DISABLE_JIT else 80


@pytest.fixture
def many_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the work into one slab a thread, however small it is."""
    cut = threads.slabs
    monkeypatch.setattr(threads, "slabs", lambda size, *_, **__: cut(size, 1, 0))
    monkeypatch.setattr(threads, "LEAST_COST", 0)


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., str]:
    """A function that runs a script in a new process and gives what it prints."""

    def run(script: str, *, first_on_path: Sequence[Path] = (), **environment: str) -> str:
        with _start(script, tmp_path, first_on_path, environment) as process:
            return _output(process)

    return run


@pytest.fixture
def run_warm(run_python: Callable[..., str]) -> Callable[..., str]:
    """The same, for what a process takes: one that had to compile took more, and the script runs again."""

    def run(script: str, **environment: str) -> str:
        count = (
            "\nfrom fastseg.cli.kernel_cache import all_kernels, was_compiled\n"
            "print(sum(was_compiled(kernel) for kernel in all_kernels()))\n"
        )
        for _ in range(2):
            *out, compiled = run_python(script + count, **environment).splitlines()
            if compiled == "0":
                break
        return "\n".join(out)

    return run


@pytest.fixture
def run_at_once(tmp_path: Path) -> Callable[..., list[str]]:
    """The same for several processes of one script that run at the same time."""

    def run(script: str, n: int, **environment: str) -> list[str]:
        started = [_start(script, tmp_path, (), environment) for _ in range(n)]
        try:
            return [_output(process) for process in started]
        finally:
            for process in started:
                process.kill()
                process.communicate()

    return run


@pytest.fixture(params=["heard", "ignored"])
def sigint(request: pytest.FixtureRequest) -> Iterator[None]:
    """For tests that interrupt a child: with SIGINT ignored here too, as under ``nohup pytest &``."""
    ignored = request.param == "ignored"
    here = signal.SIG_IGN if ignored else signal.default_int_handler
    before = signal.signal(signal.SIGINT, here)
    yield
    assert signal.signal(signal.SIGINT, before) is here


def _start(
    script: str, folder: Path, first_on_path: Sequence[Path], environment: dict[str, str]
) -> subprocess.Popen[str]:
    path = folder / "script.py"  # a file: spawned children import it
    path.write_text(script, encoding="utf-8")
    environment = {"PYTHONWARNINGS": "default", **environment}
    return processes.start(path, folder=folder, first_on_path=first_on_path, **environment)


def _output(process: subprocess.Popen[str]) -> str:
    status, out, error = processes.finish(process)
    assert status == 0, f"status {status}\n{out}\n{error}"
    return out
