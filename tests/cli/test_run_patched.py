"""`fastseg run`: a script runs as under python, but for what is patched."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastseg.__main__ import main
from fastseg.cli import run_patched as running
from tests import processes

pytestmark = pytest.mark.slow

RUN = ("-m", "fastseg", "run", "--patch", "scipy_ndimage")

TELLS = """\
import sys, scipy.ndimage
from scipy.ndimage import distance_transform_edt
print(distance_transform_edt.__module__.startswith("fastseg"), __name__, sys.argv, sys.path[0])
print(__file__, __package__, __spec__ and __spec__.name, sys.modules["__main__"].__dict__ is globals())
"""


def start(folder: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    return processes.start(*arguments, folder=folder, NUMBA_DISABLE_JIT="1")


def both(folder: Path, *arguments: str | Path) -> list[processes.Finished]:
    """What python does with a script, and what `fastseg run` does."""
    started = start(folder, *arguments), start(folder, *RUN, *arguments)
    return [processes.finish(process) for process in started]


def patched(folder: Path, *arguments: str | Path) -> processes.Finished:
    return processes.finish(start(folder, *RUN, *arguments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "tells.py").write_text(TELLS)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("from scipy import ndimage\n")
    for name in ("__main__", "tells"):
        (tmp_path / "package" / f"{name}.py").write_text(TELLS)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("sub/tells.py", "a", "--patch", "-m", "--", "--help"),
        ("-m", "package", "--flag", "3", "-m"),
        ("-m", "package.tells", "x"),
    ],
    ids=["script", "package", "module"],
)
def test_a_script_sees_what_it_sees_under_python(folder: Path, arguments: Any) -> None:
    (status, out, error), (our_status, ours, our_error) = both(folder, *arguments)
    assert (status, error, our_status, our_error) == (0, "", 0, "")
    assert out.startswith("False __main__")
    assert ours == out.replace("False", "True", 1)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('no')", 1),
        ("raise SystemExit", 0),
        ("def f():\n    1 / 0\nf()", 1),
        ("try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('é') from e", 1),
        ("import fastseg\nfastseg.surface([])", 1),
        ("1 +", 1),
        ("import warnings\nwarnings.warn('old', DeprecationWarning)\nx: int = 1\nprint(x)", 0),
        ("import sys\nsys.excepthook = lambda k, e, t: print('hook', k, t.tb_lineno)\n1 / 0", 1),
        ("import atexit, pickle\nclass C: pass\natexit.register(lambda: print(pickle.dumps(C())))", 0),
        ("print(sorted(set(globals()) - {'__annotations__'}), __builtins__)", 0),
        ("from __future__ import annotations\nprint(__doc__)", 0),
        ("def f(x: undefined_name): pass", 1),
    ],
)  # fmt: skip
def test_status_output_and_traceback_are_pythons(tmp_path: Path, script: str, status: int) -> None:
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    theirs, ours = both(tmp_path, "script.py")
    assert theirs[0] == status
    assert ours == theirs


@pytest.mark.usefixtures("sigint")
def test_an_interrupted_script_dies_of_the_interrupt(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import time\nprint('on', flush=True)\ntime.sleep(60)\n")
    process = start(tmp_path, *RUN, "script.py")
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    status, _, error = processes.finish(process)
    assert status == -signal.SIGINT
    assert error.splitlines()[1:2] == [f'  File "{tmp_path}/script.py", line 3, in <module>']


CHILDREN = """\
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from scipy.ndimage import distance_transform_edt
import beside

def where(_):
    from scipy import ndimage
    return distance_transform_edt.__module__, ndimage.distance_transform_edt.__module__, beside.x

def deeper(_):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(where, [0])[0]

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        print(*next(pool.map(deeper if "deeper" in sys.argv else where, [0])))
"""


@pytest.mark.parametrize("how", [("spawn",), ("fork",), ("forkserver",), ("spawn", "deeper")])
def test_spawned_children_are_patched_too(tmp_path: Path, how: tuple[str, ...]) -> None:
    (tmp_path / "script.py").write_text(CHILDREN)
    (tmp_path / "beside.py").write_text("x = 5")
    status, out, error = patched(tmp_path, "script.py", *how)
    assert (status, error) == (0, "")
    assert out.split() == ["fastseg.compat.scipy_ndimage"] * 2 + ["5"]


def test_children_of_a_script_that_unpatches_are_not_patched(tmp_path: Path) -> None:
    script = CHILDREN.replace(
        "    context =", "    import fastseg.compat; fastseg.compat.unpatch()\n    context ="
    )
    (tmp_path / "script.py").write_text(script)
    (tmp_path / "beside.py").write_text("x = 5")
    status, out, _ = patched(tmp_path, "script.py", "spawn")
    assert (status, out.split()[0]) == (0, "scipy.ndimage._morphology")


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Call:
    """Run a command line that ends before any script does, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    Path("script.py").write_text("raise AssertionError('it ran')")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["run", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["script.py"], 2, "expected --patch and a host"),
        (["--patch", "edt"], 2, "expected a script, or -m and a module"),
        (["--patch"], 2, "option --patch requires argument"),
        (["--no-such", "script.py"], 2, "option --no-such not recognized"),
        (["--patch", "monay", "script.py"], 2, "did you mean 'monai'?"),
        (["--patch", "scipy_ndimage", "no.py"], 2, "no.py: no such script"),
        (["--patch", "scipy_ndimage", "."], 2, ".: no such script"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    call: Call, arguments: Any, status: int, told: str
) -> None:
    found, out, err = call(*arguments)
    assert (found, out, err.count("\n")) == (status, "", 1)
    assert told in err
    assert err.startswith("fastseg: error: ")


@pytest.mark.parametrize("name", ["no_such", "no_such.sub", "package", "package.no_such", "zlib"])
def test_a_module_that_cannot_be_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    status, _, err = patched(tmp_path, "-m", name)
    assert (status, err.count("\n")) == (1, 1)
    assert f"no module named {name}" in err


def test_a_package_that_fails_to_import_shows_why(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("import no_such_thing")
    status, _, err = patched(tmp_path, "-m", "package.tells")
    assert status == 1
    assert err.endswith("ModuleNotFoundError: No module named 'no_such_thing'\n")


def test_help(call: Call) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        status, out, err = call(*arguments)
        assert (status, err) == (0, "")
        assert out.startswith("usage: fastseg run --patch")
        assert "scipy_ndimage" in out


def test_the_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Run a Python script" in capsys.readouterr().out
    assert running.USAGE.count("\n") < 20


def test_it_needs_nothing_of_the_command_line_extra(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys\nprint(*sys.modules)")
    status, out, _ = patched(tmp_path, "script.py")
    assert status == 0
    assert not {"typer", "rich", "click"} & set(out.split())
