"""gpu.py itself, without a GPU: what is run and left out, what is kept, how answers are compared and told."""

import json
import sys
import time
import types
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.comparison.agreement import Check, DisagreementError
from benchmarks.on_gpu import (
    cases,
    device,
    device_tests,
    page,
    peers,
    runner,
    sanitizers,
    store,
    timing,
    wheels,
)
from benchmarks.on_gpu.device import Device, WallClock
from benchmarks.on_gpu.parts import FULL, PARTS, QUICK, Part, Scope
from benchmarks.programs import Program

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
    assert gpu.main(["--output", str(output)]) == 2
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
    first = times()
    assert times() == first
    assert times(again=True) != first
    others = [times(card="another card"), times(scope=QUICK)]
    assert len({first, *others}) == 3
    second = times()  # the first was on this card, but has been replaced
    assert times() == second
    monkeypatch.setattr(store, "code_of", lambda part: "other code")
    assert times() != second


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


# ------------------------------------------------------------------------------ rows


class Still(Device):
    """A device that is none."""

    def memory_of(self, call):
        call()
        return 8


DEVICE = Still(np, WallClock(), bandwidth=1e9, issue_rate=1e9)


def side(name, value, check=None, seconds=0.0):
    def call():
        time.sleep(seconds)
        if isinstance(value, Exception):
            raise value
        return {"a": value}

    return timing.Side(name, lambda: Program(call), WallClock(), check)


def compared(*sides, **more):
    row = timing.Comparison("row", "what", sides, voxels=16, **more)
    *_, last = timing.compare(row, SCOPE, DEVICE, lambda name: None)
    return last


def test_answers_are_compared_before_anything_is_timed():
    close = Check(("a",), relative=1e-6)
    row = compared(
        side("fastseg", 2.0, seconds=0.002),
        side("numba", 2.0),
        side("near", 2.000001, close, seconds=0.02),
        side("off", 2.1, close),
        side("broken", ValueError("why")),
        timing.Side("none", lambda: peers.module("no_such_module"), WallClock()),
    )
    said = {name: entry["said"] for name, entry in row["sides"].items()}
    assert row["status"] == "measured"
    assert said["numba"] == "equal to the bit"
    assert said["near"].startswith("a: within")
    assert said["off"].startswith("DIFFERS: a: 1 of 1 values differ")
    assert said["broken"] == "failed: ValueError: why"
    assert said["none"] == "absent: no_such_module is not installed"
    timed = [name for name, entry in row["sides"].items() if "seconds" in entry]
    assert timed == ["fastseg", "numba", "near"]
    assert len(row["sides"]["near"]["ours"]) == SCOPE.repetitions
    assert 2 < page.times(row, "near") < 40
    assert row["bytes"] == 8


def test_a_backend_of_ours_that_differs_is_a_failure():
    for other in (
        side("numba", np.nextafter(2.0, 3)),
        side("fastseg from the host", KeyError("x")),
    ):
        row = compared(side("fastseg", 2.0), other, side("peer", 2.0))
        assert row["status"] == "failed"
        assert row["said"].startswith(other.name)
    first = compared(side("fastseg", ValueError("no memory")), side("numba", 2.0))
    assert (first["status"], first["said"]) == ("failed", "fastseg: ValueError: no memory")


def test_a_row_is_given_with_each_side_that_is_added():
    sides = (side("fastseg", 1.0), side("numba", 1.0), side("peer", 1.0))
    begun = []
    row = timing.Comparison("row", "what", sides)
    seen = [
        json.loads(json.dumps(each))["sides"].keys()
        for each in timing.compare(row, SCOPE, DEVICE, begun.append)
    ]
    assert [len(names) for names in seen] == [2, 3]
    assert begun == ["row: fastseg", "row: numba", "row: peer"]


def test_a_side_that_is_slow_runs_once(monkeypatch):
    monkeypatch.setattr(timing, "SLOW", 0.01)
    row = compared(side("fastseg", 1.0), side("peer", 1.0, seconds=0.03))
    assert len(row["sides"]["peer"]["seconds"]) == 1
    assert row["sides"]["peer"]["said"].endswith("the first run alone")


def test_answers_that_are_no_numbers_are_compared_whole():
    nan = float("nan")
    assert timing.agreement(None, {"a": nan, "rows": "x"}, {"a": nan, "rows": "x"})
    for theirs in ({"a": 1.0, "rows": "x"}, {"a": nan, "rows": "y"}, {"a": nan}):
        with pytest.raises(DisagreementError):
            timing.agreement(None, {"a": nan, "rows": "x"}, theirs)


def kernel(found=1, expected=1, **more):
    def check(value):
        if value != expected:
            raise DisagreementError("another number")

    return timing.Kernel("kernel", "16³", lambda: found, check, moved=1e6, **more)


def test_a_kernel_stands_beside_its_bound():
    restored = []
    row = timing.time_kernel(
        kernel(operations=64e6, before=lambda: restored.append(1)), SCOPE, DEVICE
    )
    assert row["bound"] == {"memory": 1e-3, "issue": 2e-3}
    assert len(row["seconds"]) == 2 * SCOPE.repetitions
    assert len(restored) == 2 + len(row["seconds"])  # before each call that is looked at
    row["seconds"] = [4e-3]
    text = page.markdown(FOUND, {"kernels-large": {"status": "done", "rows": [row]}}, [])
    assert "| kernel | 16³ | 4 ms | 1 MB | 0 | 25% | 50% | 0 MB |" in text
    wrong = timing.time_kernel(kernel(found=2), SCOPE, DEVICE)
    assert (wrong["status"], wrong["said"]) == ("failed", "DisagreementError: another number")
    text = page.markdown(FOUND, {"kernels-large": {"status": "failed", "rows": [wrong]}}, [])
    assert "* kernel: DisagreementError: another number" in text


class RecordedCupy:
    """What an event clock does, in its order."""

    def __init__(self):
        done = self.done = []

        class Event:
            record = lambda self: done.append("record")  # noqa: E731
            synchronize = lambda self: done.append("wait")  # noqa: E731

        cold = types.SimpleNamespace(fill=lambda value: done.append("fill"))
        device = types.SimpleNamespace(synchronize=lambda: done.append("idle"))
        self.empty, self.float64 = (lambda n, dtype: cold), float
        self.cuda = types.SimpleNamespace(
            Event=Event, Device=lambda: device, get_elapsed_time=lambda start, stop: 2.5
        )


def test_events_enclose_the_call_alone():
    cupy = RecordedCupy()
    clock = device.EventClock(cupy)
    call = lambda: cupy.done.append("call")  # noqa: E731
    assert clock.queued(call, lambda: cupy.done.append("before")) == 2.5e-3
    assert cupy.done == ["before", "fill", "record", "call", "record", "wait"]
    cupy.done.clear()
    clock.whole(call)
    assert cupy.done == ["fill", "idle", "record", "call", "idle", "record", "wait"]


def test_requirements_are_told_as_met_or_not():
    row = {
        "kind": "comparison",
        "name": "near",
        "what": "512³",
        "status": "measured",
        "voxels": 100,
        "bytes": 50,
        "must": 3e-3,
        "aim": 1.5e-3,
        "times": {"cuCIM": 4.0, "gone": 2.0},
        "sides": {
            "fastseg": {"said": "", "seconds": [2e-3]},
            "cuCIM": {"said": "a|b", "seconds": [6e-3], "ours": [2e-3]},
        },
    }
    said = page.requirements(row)
    assert said == [
        "must ≤ 3 ms, aim 1.5 ms: yes",
        "must be ≥ 4× cuCIM: **no**",
        "must be ≥ 2× gone: not measured",
    ]
    text = page.markdown(FOUND, {"transforms-large": {"status": "done", "rows": [row]}}, [])
    assert "| near | 512³ | cuCIM | 6 ms | 3 | a\\|b |  |" in text
    assert "0.50 B |" in text
    assert page.requirements({**row, "must": 1e-3, "aim": None, "times": {}}) == [
        "must ≤ 1 ms: **no**"
    ]


def test_cases_have_the_structures_that_they_say():
    scope = Scope(48, 64)
    for size in ("small", "large"):
        for subject in cases.evaluated(scope, size):
            if subject.labels <= 21:
                reference, prediction = subject.load()[:2]
                assert reference.shape == subject.shape
                assert len(np.unique(reference)) == subject.labels + 1
                assert (reference != prediction).any()
    required = {s.name: (s.size, s.must) for s in cases.evaluated(FULL, "large") if s.must}
    assert required == {"chest": ("180×512×512", 4e-3), "organs21": ("437×512×512", 10e-3)}
    assert [s.must for s in cases.transformed(FULL, "large")] == [3e-3, None, None, None]


# ------------------------------------------------------------------------------ tools beside


CLEAN = f"{sanitizers.ENDED}\n========= ERROR SUMMARY: 0 errors\n"
RACE = (
    "========= Error: Race reported between Write access at parabolas_f32_f32+0x1b0\n"
    f"{sanitizers.ENDED}\n========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)\n"
)
BOUNDS = (
    "========= Invalid __global__ read of size 4 bytes\n"
    "=========     at select_u8+0x1b0\n=========     by thread (0,0,0) in block (1,0,0)\n"
    f"{sanitizers.ENDED}\n========= ERROR SUMMARY: 1 error\n"
)
REFUSED = "========= Error: Device not supported\n========= ERROR SUMMARY: 0 errors\n"


def test_a_sanitizer_is_clean_only_if_it_says_so():
    assert sanitizers.judged("memcheck", CLEAN)["status"] == "measured"
    found = sanitizers.judged("racecheck", RACE)
    assert (found["status"], found["said"].endswith("in parabolas_f32_f32 (1)")) == ("failed", True)
    found = sanitizers.judged("memcheck", BOUNDS)
    assert (found["status"], found["said"]) == ("failed", "1 error; in select_u8 (1)")
    refused = sanitizers.judged("memcheck", REFUSED)
    assert (refused["status"], refused["said"]) == ("failed", "the run did not end")
    assert sanitizers.judged("memcheck", sanitizers.ENDED)["said"] == "there is no summary"


def test_a_sanitizer_is_run_or_said_to_be_absent(tmp_path, monkeypatch):
    monkeypatch.setattr(sanitizers.shutil, "which", lambda name: None)
    assert sanitizers.find([str(tmp_path)]) is None
    [absent] = sanitizers.rows(SCOPE, print, "memcheck", program=lambda: None)
    assert absent["status"] == "absent"
    tool = tmp_path / "cuda-13" / sanitizers.NAME
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho $2; echo '{CLEAN}'\n")
    tool.chmod(0o755)
    assert sanitizers.find([str(tmp_path / "cuda-*")]) == str(tool)
    [found] = sanitizers.rows(SCOPE, print, "memcheck", program=lambda: str(tool))
    assert (found["status"], found["said"]) == ("measured", "0 errors")


TESTS = """
import pytest, time
def test_passes(): pass
def test_fails(): assert 1 == 2
def test_skips(): pytest.skip("no CUDA device that works (ImportError)")
"""


def commanded(tmp_path):
    """How pytest is called on the file of a test, with what the plugin needs alone."""

    def command(paths):
        start = device_tests.command(paths)[:3]
        plugin = ["-p", "benchmarks.on_gpu.device_tests", "-q", "-c", "/dev/null"]
        return [*start, *plugin, "--rootdir", str(tmp_path), str(tmp_path / "test_it.py")]

    return command


def pytest_rows(tmp_path, text):
    (tmp_path / "test_it.py").write_text(text)
    begun, command = [], commanded(tmp_path)
    found = {row["name"]: row for row in device_tests.rows(SCOPE, begun.append, (), command)}
    return sorted(found.values(), key=lambda row: row["kind"]), begun


def test_each_test_on_the_device_is_a_row_as_it_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{store.ROOT}:{store.ROOT / 'kernels'}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    rows, begun = pytest_rows(tmp_path, TESTS)
    assert [name.rpartition("::")[2] for name in begun] == [
        "test_passes",
        "test_fails",
        "test_skips",
    ]
    failed, summary = rows
    assert failed["name"].endswith("test_fails")
    assert "assert 1 == 2" in failed["said"]
    assert summary["counts"] == {"failed": 1, "passed": 1, "skipped": 1}
    assert summary["status"] == "failed"  # a test was skipped for want of a device
    rows, _ = pytest_rows(tmp_path, "def test_passes(): pass")
    assert (rows[0]["said"], "status" in rows[0]) == ("1 passed", False)
    rows, _ = pytest_rows(tmp_path, "import no_such_module")
    assert rows[-1]["status"] == "failed"


def test_tests_that_have_passed_are_counted_before_the_last_has(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{store.ROOT}:{store.ROOT / 'kernels'}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    text = "import time\ndef test_a(): pass\ndef test_b(): time.sleep(1)"
    (tmp_path / "test_it.py").write_text(text)
    said = [row["said"] for row in device_tests.rows(SCOPE, print, (), commanded(tmp_path))]
    assert (said[0], said[-1]) == ("1 passed", "2 passed")


def test_tests_are_those_of_the_device():
    command = device_tests.command(["tests/gpu/test_large.py"])
    assert command[command.index("-m", 3) + 1] == "gpu"
    assert "tests/gpu/test_large.py" in command


def test_wheels_are_installed_one_by_one(tmp_path):
    folder, site = tmp_path / "wheels", tmp_path / "site"
    folder.mkdir()
    assert wheels.install(folder, site).said == [f"no wheels in {folder}"]
    with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "found = 1")
        about = {"METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1\nRequires-Dist: gone\n"}
        about["WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        for name, text in {**about, "RECORD": ""}.items():
            wheel.writestr(f"tiny-1.dist-info/{name}", text)
    (folder / "broken-1-py3-none-any.whl").write_text("no wheel")
    installed = wheels.install(folder, site)
    assert installed.site == site
    assert (site / "tiny.py").exists()
    [said] = installed.said
    assert said.startswith("broken-1-py3-none-any.whl: ")


# ------------------------------------------------------------------------------ on the emulator


def wrong(found, at):
    """An answer of which one array is changed throughout."""
    parts = list(found) if isinstance(found, tuple) else [found]
    array = np.array(parts[at].get())
    parts[at] = ~array if array.dtype.kind in "ui" else array + 1
    return tuple(parts) if isinstance(found, tuple) else parts[0]


def test_every_kernel_is_run_and_checked(capsys):
    """Each kernel's answer is right on the emulator, and would be found wrong if it were."""
    from tests.gpu.emulator import build
    from tests.gpu.emulator.cupy_stand_in import Engine, emulated

    if not build.have_compiler():
        pytest.skip("needs g++ (version 12 or later)")
    with emulated(Engine()) as cupy:
        from benchmarks.on_gpu import kernels, small_run

        small_run.main(cupy, (9, 11, 33))
        assert sanitizers.ENDED in capsys.readouterr().out
        subject = kernels.Subject(Still(cupy, WallClock()), (9, 11, 33))
        for make in kernels.ALL:
            each = make(subject)
            each.before()
            found = each.call()
            if isinstance(found, tuple):
                looked_at = range(1) if make is kernels.near_queries else range(len(found))
                looked_at = [at for at in looked_at if found[at] is not None]
            else:
                looked_at = [0]
            for at in looked_at:
                with pytest.raises(DisagreementError):
                    each.check(wrong(found, at))
