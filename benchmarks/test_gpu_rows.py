"""The rows of gpu.py, without a GPU: how answers are compared, timed and told, and that each kernel's is checked."""

import json
import time
import types

import numpy as np
import pytest

from benchmarks.comparison.agreement import Check, DisagreementError
from benchmarks.on_gpu import (
    cases,
    device,
    page,
    peers,
    sanitizers,
    timing,
)
from benchmarks.on_gpu.device import Device, WallClock
from benchmarks.on_gpu.parts import FULL, Scope
from benchmarks.programs import Program

SCOPE = Scope(16, 16, repetitions=3, seconds=5.0)
FOUND = {"card": "a card", "driver": "1", "versions": {"numpy": "2"}}


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
    assert "| kernel | 16³ | 4 ms | 1 MB | 0 | **25%** | 50% | 0 MB |" in text
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


def test_the_memory_of_a_call_is_what_the_pool_has_to_take():
    pool = types.SimpleNamespace(used=40, kept=60)
    pool.free_all_blocks = lambda: setattr(pool, "kept", 0)
    pool.total_bytes = lambda: pool.used + pool.kept
    cupy = types.SimpleNamespace(get_default_memory_pool=lambda: pool)
    call = lambda: setattr(pool, "kept", max(7, pool.kept))  # noqa: E731
    assert Device(cupy, WallClock()).memory_of(call) == 7


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
    more = {**row, "must": None, "times": {}, "memory": 0.4}
    assert page.requirements(more) == ["must take ≤ 0.4 B a voxel: **no**"]
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


# ------------------------------------------------------------------------------ on the emulator


def wrong(found, at):
    """Answers of which one array is changed: wherever it is not 0, and in volumes there in the last column alone."""
    parts = list(found) if isinstance(found, tuple) else [found]
    right = parts[at].get()
    for place in (..., (..., slice(-1, None)))[: right.ndim]:
        array = np.array(right)
        array[place] += array.dtype.type(1) if array.dtype.kind == "f" else array[place] != 0
        if not array.any():
            array = ~array
        if not np.array_equal(array, right):
            parts[at] = array
            yield tuple(parts) if isinstance(found, tuple) else array


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
            arrays = found if isinstance(found, tuple) else (found,)
            # of the search for near ones, what is left open may be anything
            looked_at = arrays[:1] if make is kernels.near_queries else arrays
            for at in (at for at, array in enumerate(looked_at) if array is not None):
                for changed in wrong(found, at):
                    with pytest.raises(DisagreementError):
                        each.check(changed)
