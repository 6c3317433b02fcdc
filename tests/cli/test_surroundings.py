"""What commands meet outside of themselves: closed pipes, signals, little memory, caches that cannot be written."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg import errors
from fastseg.__main__ import main
from fastseg.cli import kernel_cache, surroundings
from fastseg.cohort import one_case
from fastseg.errors import InputError
from tests import processes

pytestmark = pytest.mark.slow

SCIPY = ("--backend", "scipy")

needs_pipes = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of Unix")


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.chdir(tmp_path)
    labels = np.random.default_rng(3).integers(0, 40, (8, 9, 10), np.uint8)
    np.save("a.npy", labels)
    np.save("b.npy", labels[::-1])
    return "a.npy", "b.npy"


# ---------------------------------------------------------------------------- pipes


def _through(shell: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command in a shell line, as $F: its own status, not that of what reads it."""
    path = os.pathsep.join([str(processes.ROOT), str(processes.ROOT / "kernels")])
    script = f'F() {{ "$0" -m fastseg "$@"; }}; {shell}; exit ${{PIPESTATUS[0]}}'
    found = subprocess.run(
        ["bash", "-c", script, sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return found.returncode, found.stdout, found.stderr


@needs_pipes
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_trouble(
    pair: tuple[str, str], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is done to its end, the file that was asked for included."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    given = ("evaluate", *pair, "--output", "o.csv", *SCIPY)
    status, out, err = _through('F "$@" | head -1', *given)
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    assert len(Path("o.csv").read_text().splitlines()) == 40
    for shell in ('F "$@" | true', 'F "$@" 2>&1 | true', 'F "$@" >&-', 'F "$@" 2>&-'):
        Path("o.csv").unlink()
        assert _through(shell, *given)[::2] == (0, ""), shell
        assert Path("o.csv").exists()
    assert _through('F "$@" | true', "--help")[::2] == (0, "")
    assert _through('F "$@" 2>&1 | true', "evaluate", "no.npy", "no.npy") == (2, "", "")


@needs_pipes
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_cannot_be_written_is_one_line(pair: tuple[str, str]) -> None:
    status, _, err = _through('F "$@" > /dev/full', "evaluate", *pair, *SCIPY)
    assert status == 2
    assert err == "fastseg: error: standard output: No space left on device\n"


def test_characters_that_the_terminal_lacks_are_escaped() -> None:
    written = io.BytesIO()
    stream = surroundings.LastingStream(io.TextIOWrapper(written, "ascii"), "standard output")
    assert stream.encoding == "ascii"
    assert stream.write("Läsion \udcff\n") == 17
    stream.flush()
    assert written.getvalue() == b"L\\xe4sion \\udcff\n"


# ---------------------------------------------------------------------------- signals

SLOW = """
import sys, time
from fastseg import __main__
from fastseg.cohort import one_case
def slow(*args, **options):
    print('started', flush=True)
    for _ in range(600):
        time.sleep(0.1)
one_case.evaluate_case = slow
sys.exit(__main__.main(['evaluate', 'a.npy', 'b.npy', '--output', 'o.csv', '--backend', 'scipy']))
"""


@needs_pipes
def test_a_request_to_end_is_met_like_an_interrupt(pair: tuple[str, str]) -> None:
    with processes.start("-c", SLOW, folder=Path.cwd()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        status, _, err = processes.finish(process)
    assert (status, err) == (143, "fastseg: stopped: terminated\n")
    assert sorted(os.listdir()) == ["a.npy", "b.npy"]


@needs_pipes
def test_whoever_listens_already_goes_on_listening(pair: tuple[str, str]) -> None:
    def mine(*_: object) -> None:
        pass

    before = signal.signal(signal.SIGTERM, mine)
    try:
        assert main(["evaluate", *pair, *SCIPY]) == 0
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
    assert main(["evaluate", *pair, *SCIPY]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


@needs_pipes
@pytest.mark.usefixtures("sigint")
def test_an_interrupt_while_libraries_are_imported(tmp_path: Path) -> None:
    """Before anything of the command line is there."""
    for module in ("rich", "typer", "fastseg.cli.app"):
        script = (
            "import builtins, os, signal, sys\n"
            "from fastseg.__main__ import main\n"
            "known = builtins.__import__\n"
            "def slow(name, *rest):\n"
            f"    if name == {module!r}:\n"
            "        os.kill(os.getpid(), signal.SIGINT)\n"
            "    return known(name, *rest)\n"
            "builtins.__import__ = slow\n"
            "sys.exit(main(['info']))\n"
        )
        with processes.start("-c", script, folder=tmp_path) as process:
            found = processes.finish(process)
        assert found == (130, "", "fastseg: stopped: interrupted\n"), module


def test_the_end_of_a_file_is_no_interrupt(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(*args: Any, **options: Any) -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr(one_case, "evaluate_case", ended)
    with pytest.raises(EOFError, match="Ran out of input"):
        main(["evaluate", *pair, *SCIPY])
    assert "interrupted" not in capsys.readouterr().err


# ---------------------------------------------------------------------------- memory


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "not enough memory"),
        (MemoryError("Allocation failed"), "not enough memory: Allocation failed"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory: [Errno 12] Cannot"),
    ],
)
def test_too_little_memory_is_one_line(
    pair: tuple[str, str],
    error: Exception,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(one_case, "evaluate_case", fail)
    assert main(["evaluate", *pair, *SCIPY]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"fastseg: error: {line}")
    assert err.count("\n") == 1


def test_what_numpy_cannot_allocate_is_told() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty((1 << 20, 1 << 20, 1 << 15), np.uint8)
    assert errors.is_bad_input(caught.value)
    line = errors.one_line(caught.value)
    assert line.startswith("not enough memory: needs 32.0 PiB for an array of shape (1048576,")
    assert line.endswith("uint8")
    named = MemoryError("a.nii: Unable to allocate 6.00 GiB for an array with shape (3,) and …")
    assert errors.one_line(named).startswith("a.nii: not enough memory: needs 6.00 GiB for")


def test_a_case_for_which_memory_does_not_suffice_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("r", "p"):
        os.mkdir(folder)
        for name in ("large", "small"):
            np.save(f"{folder}/{name}.npy", np.ones((3, 4, 5), np.uint8))
    evaluate_case = vars(one_case)["evaluate_case"]

    def one_fails(reference: Any, prediction: Any, settings: Any, case: str) -> Any:
        if case == "large":
            np.empty((1 << 20, 1 << 20, 1 << 15), np.uint8)
        return evaluate_case(reference, prediction, settings, case)

    monkeypatch.setattr(one_case, "evaluate_case", one_fails)
    assert main(["evaluate", "r", "p", *SCIPY]) == 1
    err = capsys.readouterr().err
    assert "case large: not enough memory: needs 32.0 PiB" in err
    assert "Traceback" not in err


# ---------------------------------------------------------------------------- long messages


def test_a_message_of_any_length_is_one_line_with_both_its_ends() -> None:
    line = errors.one_line(InputError("a.npy: " + "spam \x1b[2J\n" * 9000 + "the reason"))
    assert len(line) < 1050
    assert line.isprintable()
    assert line.startswith("a.npy: spam")
    assert line.endswith("the reason")
    assert " […] " in line


# ---------------------------------------------------------------------------- options


@pytest.mark.parametrize("n", ["0", "-3"])
def test_a_wrong_number_of_threads_is_called_by_the_options_name(
    pair: tuple[str, str], n: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *pair, "--threads", n]) == 2
    err = capsys.readouterr().err
    assert "--threads" in err
    assert "set_num_threads" not in err


def test_empty_variables_are_unset(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("FASTSEG_NUM_THREADS", "FASTSEG_BACKEND", "FASTSEG_CACHE_DIR", "NUMBA_CACHE_DIR")
    for name in names:
        monkeypatch.setenv(name, "")
    assert main(["evaluate", *pair, *SCIPY]) == 0
    assert main(["info"]) == 0
    assert capsys.readouterr().err == ""


def test_many_threads_are_as_many_as_are_of_use(pair: tuple[str, str]) -> None:
    started = time.perf_counter()
    assert main(["evaluate", *pair, *SCIPY, "--threads", "100000"]) == 0
    assert time.perf_counter() - started < 60


# ---------------------------------------------------------------------------- the cache


@pytest.fixture
def nowhere(compiled: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """A function that takes away all places in which machine code could be kept or found."""
    from fastseg_kernels import _cache

    def take_away() -> None:
        place = str(tmp_path / "taken")
        monkeypatch.setattr(_cache, "places", lambda function: [place])
        monkeypatch.setattr(_cache, "refusal", lambda folder: "Read-only file system")

    return take_away


def test_warm_fails_where_nothing_can_be_kept(
    nowhere: Callable[[], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nowhere()
    assert main(["warm"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"fastseg: error: machine code cannot be kept: {tmp_path}/taken: Read-only file system; "
        "set FASTSEG_CACHE_DIR to a folder that can be written\n"
    )
    assert main(["info"]) == 0
    assert f"kept nowhere: {tmp_path}/taken: Read-only" in capsys.readouterr().out
    assert not kernel_cache.is_cold()  # nothing is announced that "the first run does"


def test_a_warm_cache_need_not_be_written(
    compiled: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = kernel_cache.Kept(Path("/image"), "/image: Read-only file system", 32, 32)
    kernel_cache.check_can_be_filled(cache)
    assert kernel_cache.described(cache) == "/image (32 of 32 kernels; cannot be written)"
    with pytest.raises(InputError, match="Read-only"):
        kernel_cache.check_can_be_filled(cache._replace(ready=31))
    monkeypatch.setenv("FASTSEG_CACHE_DIR", "/asked")  # full, but not where it was asked to be
    with pytest.raises(InputError, match="cannot be kept"):
        kernel_cache.check_can_be_filled(cache)


@needs_pipes
@pytest.mark.usefixtures("sigint")
def test_an_interrupt_ends_what_compiles(compiled: None, tmp_path: Path) -> None:
    """In one line, and without waiting for kernels that are half done; no half of a file is left."""
    cold = str(tmp_path / "cold")
    with processes.start(
        "-m", "fastseg", "warm", folder=tmp_path, FASTSEG_CACHE_DIR=cold, FASTSEG_NUM_THREADS="2"
    ) as process:
        time.sleep(5)
        process.send_signal(signal.SIGINT)
        assert processes.finish(process) == (130, "", "fastseg: stopped: interrupted\n")
    assert not list(tmp_path.rglob("*.tmp*"))


def test_warm_says_when_the_disk_was_full() -> None:
    cache = kernel_cache.Kept(Path("/small"), "", 30, 32)
    with pytest.raises(InputError, match=r"2 of 32 kernels could not be kept in /small: is the"):
        kernel_cache.check_is_full(cache)
    kernel_cache.check_is_full(cache._replace(ready=32))
