"""gpu.py itself, without a GPU: what is run and left out, what is kept, how answers are compared and told."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.on_gpu import (
    runner,
    store,
)
from benchmarks.on_gpu.parts import FULL, PARTS, QUICK, Part, Scope

SCOPE = Scope(16, 16, repetitions=3, seconds=5.0)
CARD = "a card, driver 1"
FOUND = {"card": "a card", "driver": "1", "versions": {"numpy": "2"}}


def part(name, limit=20.0):
    return Part(name, f"what {name} does", limit, "no:where", {}, looks_at=())


def script(text):
    """A command that runs a script in place of each part; it finds its name and file in sys.argv."""
    start = "import sys, json, time, os, signal\nname, file = sys.argv[1:]\n"
    start += "def say(**entry): print(json.dumps(entry), file=open(file, 'a'))\n"

    def command(part, scope, lines):
        return [sys.executable, "-c", start + text, part.name, str(lines)]

    return command


def run(path, text, *names, limit=20.0, until=60.0, card=CARD, scope=SCOPE, again=False):
    kept = store.Store(path / "gpu.json")
    runner.Runner(kept, scope, card, time.monotonic() + until, command=script(text)).run(
        [part(name, limit) for name in names], again
    )
    return store.Store(path / "gpu.json").parts  # as it was written


# ------------------------------------------------------------------------------ without a device


def test_without_a_device_there_is_a_sentence_and_nothing_else(tmp_path, monkeypatch, capsys):
    (tmp_path / "cupy.py").write_text("raise ImportError('gone')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    output = tmp_path / "output"
    assert gpu.main(["--output", str(output), "--wheels", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().out
    assert "No GPU to run on: CuPy cannot be imported (gone). Nothing was run" in said
    assert not output.exists()


def test_a_driver_that_hangs_or_dies_is_no_device(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "DRIVER_LIMIT", 1)
    cupy = tmp_path / "cupy.py"
    cupy.write_text("import time; time.sleep(30)")
    assert "did not answer" in gpu.machine(tmp_path)["missing"]
    cupy.write_text("import os; os.abort()")
    monkeypatch.setattr(gpu, "DRIVER_LIMIT", 30)
    assert "ended with status -6" in gpu.machine(tmp_path)["missing"]


CUPY = """
import types
class runtime:
    getDeviceCount = staticmethod(lambda: COUNT)
    getDeviceProperties = staticmethod(lambda i: {
        "name": b"a card", "major": 9, "minor": 0, "multiProcessorCount": 132, "l2CacheSize": 60 << 20})
    memGetInfo = staticmethod(lambda: (1 << 30, 2 << 30))
    driverGetVersion = runtimeGetVersion = staticmethod(lambda: 13010)
cuda = types.SimpleNamespace(runtime=runtime)
zeros = lambda n: types.SimpleNamespace(get=lambda: None)
"""


def test_the_card_is_told_with_its_driver_and_versions(tmp_path):
    cupy = tmp_path / "cupy.py"
    cupy.write_text("import warnings; warnings.warn('strange')\n" + CUPY.replace("COUNT", "1"))
    found = gpu.machine(tmp_path)
    assert (found["card"], found["compute capability"], found["CUDA of CuPy"]) == (
        *("a card", "9.0"),
        "13.1",
    )
    assert found["L2 cache, MiB"] == 60
    assert found["versions"]["numpy"] == np.__version__
    cupy.write_text(CUPY.replace("COUNT", "0"))
    assert gpu.machine(tmp_path) == {"missing": "CuPy finds no CUDA device"}


# ------------------------------------------------------------------------------ parts


def test_every_part_can_be_started():
    assert len({each.name for each in PARTS}) == len(PARTS)
    for each in PARTS:
        assert callable(each.function())
        assert each.limit <= 150
    for tests in (each for each in PARTS if "paths" in each.options):
        assert all((store.ROOT / path).is_file() for path in tests.options["paths"])
    lines = Path("a", "file")
    command = runner.command_of(PARTS[0], FULL, lines)
    assert command[2:] == ["benchmarks.on_gpu", "compile", str(lines), "256", "512", "9", "1.5"]


ALL_ENDS = """
say(begin="first"); say(row={"name": "first", "kind": "note"})
if name == "raises": say(begin="second"); print("the reason"); raise SystemExit(3)
if name == "dies": os.kill(os.getpid(), signal.SIGSEGV)
if name == "is wrong": say(row={"name": "second", "kind": "note", "status": "failed"})
if name == "hangs": say(begin="second"); time.sleep(60)
if name == "has no tool": say(row={"name": "tool", "kind": "sanitizer", "status": "absent"})
"""


def test_whatever_becomes_of_a_part_the_next_has_its_turn(tmp_path):
    names = "raises", "dies", "is wrong", "hangs", "has no tool", "works"
    parts = run(tmp_path, ALL_ENDS, *names, limit=1.5)
    outcomes = {name: (entry["status"], entry["said"]) for name, entry in parts.items()}
    assert outcomes == {
        "raises": ("failed", "ended with status 3, during second"),
        "dies": ("failed", "ended with signal 11"),
        "is wrong": ("failed", "failed: second"),
        "hangs": ("timed out", "ended after 2 s, during second"),
        "has no tool": ("absent", ""),
        "works": ("done", ""),
    }
    assert all(entry["rows"][0]["name"] == "first" for entry in parts.values())
    assert "the reason" in parts["raises"]["printed"]
    assert [path.name for path in tmp_path.iterdir()] == ["gpu.json"]


def test_a_part_that_says_nothing_has_failed(tmp_path):
    assert run(tmp_path, "", "silent")["silent"]["said"] == "gave no answers"


def test_what_a_part_has_started_ends_with_it(tmp_path):
    file = tmp_path / "alive"
    text = f"""
import subprocess
child = "import time\\nwhile True: open({str(file)!r}, 'w').close(); time.sleep(.05)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(60)
"""
    run(tmp_path, text, "starts another", limit=1.5)
    assert file.exists()  # it was alive
    file.unlink()
    time.sleep(0.3)
    assert not file.exists()


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    count = "say(row={'name': str(time.time_ns()), 'kind': 'note'})"
    times = lambda **more: run(tmp_path, count, "a", **more)["a"]["rows"][0]["name"]  # noqa: E731
    seen = [times()]
    assert times() == seen[0]
    changes = ({"again": True}, {"card": "another card"}, {}, {"scope": QUICK}, {})
    seen += [times(**more) for more in changes]
    monkeypatch.setattr(store, "code_of", lambda part: "other code")
    seen += [times(), times()]
    assert seen[-1] == seen[-2]
    assert len(set(seen)) == len(seen) - 1


def test_what_failed_is_done_again(tmp_path):
    text = f"""
flag = {str(tmp_path / "flag")!r}
if not os.path.exists(flag): open(flag, "w").close(); raise SystemExit(1)
say(row={{"name": "a", "kind": "note"}})
"""
    assert run(tmp_path, text, "a")["a"]["status"] == "failed"
    assert run(tmp_path, text, "a")["a"]["status"] == "done"


def test_what_is_left_out_is_named_and_takes_nothing_away(tmp_path):
    row = "say(row={'name': 'a', 'kind': 'note'})"
    assert run(tmp_path, row, "a")["a"]["status"] == "done"
    parts = run(tmp_path, row, "a", "b", until=1.0, again=True)
    assert (parts["a"]["status"], parts["b"]["status"]) == ("done", "left out")
    assert parts["b"]["said"] == "no time was left"


def test_the_time_of_all_ends_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LEAST", 0.5)
    parts = run(tmp_path, "time.sleep(60)", "a", "b", until=1.2)
    assert parts["a"]["said"].endswith("when the time of all was up")
    assert parts["b"]["status"] == "left out"


def test_an_interrupt_ends_the_part(tmp_path):
    def raises(part, entry):
        raise KeyboardInterrupt

    kept = store.Store(tmp_path / "gpu.json")
    row = script("say(row={'name': 'a', 'kind': 'note'})")
    running = runner.Runner(kept, SCOPE, CARD, time.monotonic() + 60, ended=raises, command=row)
    with pytest.raises(KeyboardInterrupt):
        running.run([part("a"), part("b")])
    assert list(store.Store(tmp_path / "gpu.json").parts) == ["a"]  # kept as it had ended


def test_lines_are_read_up_to_where_they_break(tmp_path):
    file = tmp_path / "lines"
    lines = store.Lines(file)
    lines.begin("x")
    for n in (1, 2):
        lines.row({"name": "x", "n": n})
    lines.begin("y")
    with file.open("a") as open_file:
        open_file.write('{"row": {"na')
    assert store.read_lines(file) == ([{"name": "x", "n": 2}], "y")
    assert store.read_lines(tmp_path / "none") == ([], "")


def test_a_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "gpu.json"
    path.write_text(json.dumps({"format": 0}))
    with pytest.raises(SystemExit, match="another version"):
        store.Store(path)


def test_the_code_is_that_of_kernels_and_library(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("kernels").mkdir()
    looking = replace(part("a"), looks_at=("kernels",))
    digests = [store.code_of(looking)]
    for name, text in (("a.cu", "1"), ("a.cu", "2"), ("b.py", ""), ("c.pyc", "")):
        Path("kernels", name).write_text(text)
        digests.append(store.code_of(looking))
    assert len(set(digests)) == 4
    assert digests[-1] == digests[-2]


def test_a_run_writes_both_files_as_each_part_ends(tmp_path, capsys):
    options = gpu.parse(["--output", str(tmp_path)])
    command = script("say(row={'name': name, 'kind': 'note', 'said': f'{name} ran'})")
    two = [replace(each, looks_at=()) for each in PARTS[:2]]
    arguments = (two, FULL, options, FOUND, time.monotonic() + 60, (None, ["x.whl: broken"]))
    assert gpu.run(*arguments, command=command) == 0
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "**a card**" in text
    assert "| compile | numba's kernels, which the answers are compared with | done |" in text
    assert "tests ran" in text
    assert (
        "| memcheck | compute-sanitizer's memcheck on a small run of everything | not run |" in text
    )
    assert "x.whl: broken" in text
    assert gpu.run(*arguments, command=script("raise SystemExit(1)")) == 0  # nothing to do
    options.again = True
    assert gpu.run(*arguments, command=script("raise SystemExit(1)")) == 1
    assert "NOT DONE: compile, tests" in capsys.readouterr().err
