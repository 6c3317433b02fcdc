"""What gpu.py runs beside itself: sanitizers, pytest and pip, told as rows whatever becomes of them."""

import zipfile

from benchmarks.on_gpu import (
    device_tests,
    sanitizers,
    store,
    wheels,
)
from benchmarks.on_gpu.parts import Scope

SCOPE = Scope(16, 16, repetitions=3, seconds=5.0)
FOUND = {"card": "a card", "driver": "1", "versions": {"numpy": "2"}}


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


def test_a_run_of_which_nothing_passed_has_failed():
    skipped = {"name": "a", "outcome": "skipped", "said": "needs 60 GB", "seconds": 0}
    row = device_tests.summary([skipped, skipped], 0)
    assert (row["status"], row["said"]) == ("failed", "2 skipped; skipped 2: needs 60 GB")
    assert "status" not in device_tests.summary([skipped, {**skipped, "outcome": "passed"}], 0)


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
