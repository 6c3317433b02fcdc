"""What a case takes, found from headers, is what it takes at most; and no more is taken than there may be."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile

from fastseg.cohort import machine, memory, processes, reading_ahead
from fastseg.cohort.memory import (
    LEAST_BUDGET,
    PROCESS_BYTES,
    Need,
    parse_size,
    size_text,
)
from fastseg.cohort.one_case import evaluate_files, open_case
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.run import evaluate_all
from fastseg.errors import InputError, InputTypeError
from fastseg.evaluation.settings import Settings
from fastseg.instances.settings import InstanceSettings
from fastseg.io import open_image
from fastseg.measures.surface_distances import BOUNDARIES
from tests.cohort.cohorts import SETTINGS, rows, saved

MIB = 1 << 20

# ----------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 << 30),
        ("4gib", 4 << 30),
        (" 1.5 GiB ", 3 << 29),
        ("500MB", 500_000_000),
        ("500M", 500_000_000),
        ("2Ki", 2048),
        ("1TiB", 1 << 40),
        ("7", 7),
        ("7 B", 7),
        (1 << 30, 1 << 30),
    ],
)
def test_sizes_as_people_write_them(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "GiB", "4 GiX", "5i", "-1", "0", "1e9", "4GiBs", "four", 0, -3]
)
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(InputError, match="max_memory: expected"):
        parse_size(text)


@pytest.mark.parametrize("value", [True, 4.0, None])
def test_what_is_no_size_by_its_type(value: Any) -> None:
    with pytest.raises(InputTypeError, match="max_memory: expected a size such as '4GiB'"):
        parse_size(value)


def test_sizes_for_people() -> None:
    assert [size_text(size) for size in (1, 5 << 29, 1 << 50)] == [
        "1 MiB",
        "2.5 GiB",
        "1.05e+06 GiB",
    ]


# ----------------------------------------------------------------------------- what is needed


def _nifti(path: Path, array: Any, scale: float | None = None, shift: float = 0.0) -> str:
    image = nibabel.Nifti1Image(array, np.diag([1, 1, 1, 1]))
    image.affine[0, 3] = shift
    image.set_sform(image.affine)
    if scale:
        image.header.set_slope_inter(scale, 0)
    image.to_filename(path)
    return str(path)


def _need(reference: str, prediction: str | None, **options: Any) -> Need:
    return open_case(Case("a", reference, prediction), Settings.checked(**options)).need


def test_what_headers_promise(tmp_path: Path) -> None:
    shape, voxels = (20, 30, 40), 24_000
    small = _nifti(tmp_path / "small.nii.gz", np.ones(shape, np.uint8))
    wide = _nifti(tmp_path / "wide.nii.gz", np.ones(shape, np.int32))
    floats = _nifti(tmp_path / "floats.nii.gz", np.ones(shape, np.float32))
    scaled = _nifti(tmp_path / "scaled.nii", np.ones(shape, np.int16), 2.0)
    part = _nifti(tmp_path / "part.nii.gz", np.ones((10, 30, 40), np.uint8), shift=5)
    plain = _need(small, small)
    assert plain.reading == 2 * voxels
    assert plain.voxels == voxels
    assert plain.most == plain.measuring > 18 * voxels
    assert _need(wide, small).reading == 5 * voxels
    assert _need(wide, small).measuring == plain.measuring + (3 + 7) * voxels
    assert _need(floats, small).reading == (4 + 4 + 1) * voxels
    assert _need(scaled, small).reading >= (2 + 8 + 24) * voxels
    assert _need(small, part).reading > plain.reading
    assert _need(small, part).measuring == plain.measuring
    assert _need(small, None).measuring == plain.measuring
    assert _need(small, small, metrics="dice").most < plain.most
    assert _need(small, small, boundary="surfel").most > plain.most
    assert _need(small, small, backend="scipy").most > 3 * plain.most - 2 * LEAST_BUDGET


def test_what_can_be_measured_in_pieces(tmp_path: Path) -> None:
    [case] = saved(tmp_path, "a")
    zipped = _nifti(tmp_path / "a.nii.gz", np.ones((6, 5, 4), np.uint8))
    picture = tmp_path / "a.tif"
    tifffile.imwrite(picture, np.ones((4, 5, 6), np.uint8), photometric="minisblack")
    mapped = open_case(case, SETTINGS).need
    assert (mapped.in_pieces, mapped.zipped) == (True, 0)
    assert open_case(case._replace(prediction=None), SETTINGS).need.in_pieces
    need = open_case(case._replace(prediction=zipped), SETTINGS).need
    assert (need.in_pieces, need.zipped > 0) == (True, True)
    assert not open_case(case._replace(prediction=str(picture)), SETTINGS).need.in_pieces


def test_what_a_case_is_given() -> None:
    whole = Need(5 << 30, 9 << 30, 1)
    assert whole.least == whole.most == 9 << 30
    assert whole.within(9 << 30) == 9 << 30
    assert whole.within((9 << 30) - 1) is None
    pieces = whole._replace(in_pieces=True, zipped=MIB)
    assert pieces.least == LEAST_BUDGET + MIB
    assert pieces.within(10 << 30) == 9 << 30
    assert pieces.within(1 << 30) == 1 << 30
    assert pieces.within(LEAST_BUDGET) is None
    assert pieces._replace(reading=5, measuring=7).least == 7


PEAK = """
import os, sys
import numpy as np, nibabel, fastseg
from fastseg.cohort.one_case import evaluate_files, open_case
from fastseg.cohort.outcomes import Case
from fastseg.evaluation.settings import Settings

n, boundary, threads, what, kind = {n}, {boundary!r}, {threads}, {what!r}, {kind!r}
fastseg.set_num_threads(threads)

def maps(n):
    g = np.ogrid[:n, :n, :n]
    if what == "far":
        a, b = np.zeros((2, n, n, n), np.uint8)
        a[:n // 4], b[-n // 4:] = 1, 1
        return a, b
    if what == "cells":
        i, k = np.arange(n) // 16, n // 16 + 1
        cells = (i[:, None, None] * k * k + i[None, :, None] * k + i[None, None, :] + 1).astype(np.uint16)
        return cells, np.roll(cells, 1, 0)
    ball = lambda c, r: (sum((a - b) ** 2 for a, b in zip(g, c)) <= r * r).astype(np.uint8)
    return ball((n / 2,) * 3, n * .45), ball((n / 2 + 2, n / 2, n / 2), n * .45)

def save(n):
    for side, map in zip("rp", maps(n)):
        if kind == "float":
            map = map.astype(np.float32)
        if kind == "mixed" and side == "p":
            map = map.astype(np.int32)
        image = nibabel.Nifti1Image(map, np.eye(4))
        if kind == "scaled":
            image = nibabel.Nifti1Image(map.astype(np.int16), np.eye(4))
            image.header.set_slope_inter(2.0, 0)
        image.to_filename(f"{{side}}{{n}}.nii.gz")
    return Case("a", f"r{{n}}.nii.gz", f"p{{n}}.nii.gz")

sizes = 40, n
if os.fork() == 0:  # what making them takes is not counted
    for n in sizes:
        save(n)
    os._exit(0)
os.wait()
settings = Settings.checked(boundary=boundary, metrics=[metric.name for metric in fastseg.list_metrics()])
first, second = (Case("a", f"r{{n}}.nii.gz", f"p{{n}}.nii.gz") for n in sizes)
assert evaluate_files(first, settings).evaluation
before = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
need = open_case(second, settings).need.most
assert evaluate_files(second, settings).evaluation
# not ru_maxrss, which begins with what the process that started this one had
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) << 10
print(before, peak, need)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("what", "boundary", "threads", "kind"),
    [
        ("near", "voxel", 1, "uint8"),
        ("near", "surfel", 2, "uint8"),
        ("far", "voxel", 2, "uint8"),
        ("far", "surfel", 2, "uint8"),
        ("cells", "voxel", 2, "uint16"),
        ("cells", "surfel", 2, "uint16"),
        ("near", "voxel", 1, "float"),
        ("near", "voxel", 2, "mixed"),
        ("near", "voxel", 2, "scaled"),
    ],
)
def test_no_case_takes_more_than_it_needs(
    what: str, boundary: str, threads: int, kind: str, run_warm: Callable[..., str]
) -> None:
    """One label that fills the volume, or many; surfaces that are near, or so far that a transform is needed."""
    script = PEAK.format(n=192, boundary=boundary, threads=threads, what=what, kind=kind)
    before, peak, need = map(int, run_warm(script).split())
    assert before < PROCESS_BYTES
    assert need / 20 < peak - before < need


def test_every_boundary_has_a_need() -> None:
    assert set(memory._WORKING) == set(memory._BY_SCIPY) == set(BOUNDARIES)


# -------------------------------------------------------------------- what there may be


@pytest.fixture
def large(tmp_path: Path) -> list[Case]:
    """Four pairs that cannot be measured in pieces, of some 90 MiB each: 64 beside the maps, with SciPy."""
    names = [f"{side}{i}.nii.gz" for side in "rp" for i in range(4)]
    half = np.zeros((110, 60, 60), np.uint8)
    half[20:60, 20:40, 20:40] = 1
    for name in names:
        _nifti(tmp_path / name, half)
    return [
        Case(str(i), str(tmp_path / f"r{i}.nii.gz"), str(tmp_path / f"p{i}.nii.gz"))
        for i in range(4)
    ]


def _refused(outcome: Outcome) -> str:
    assert outcome.failure is not None
    assert outcome.failure.kind == "MemoryError"
    assert not outcome.failure.traceback
    return outcome.failure.message


def test_what_does_not_fit_is_refused_with_what_it_needs(large: list[Case]) -> None:
    need = open_case(large[0], SETTINGS).need.most
    for outcome in evaluate_all(large, SETTINGS, max_memory=need):
        message = _refused(outcome)
        assert message.startswith(f"not enough memory: needs {size_text(need)} beside ")
        assert message.endswith(f"max_memory (--max-memory) is {size_text(need)}")
    assert _refused(evaluate_files(large[0], SETTINGS, LEAST_BUDGET)).startswith(
        f"not enough memory: needs {size_text(need)}, and max_memory (--max-memory) is 64 MiB"
    )
    whole, pieces = (evaluate_files(large[0], SETTINGS, budget) for budget in (need, need - 1))
    assert whole.evaluation is not None
    assert pieces.evaluation == whole.evaluation


def test_one_that_does_not_fit_stops_no_other(large: list[Case], tmp_path: Path) -> None:
    small = saved(tmp_path, ["a"])
    fits = PROCESS_BYTES + (40 << 20)
    resident = machine.resident_bytes() or 0
    most = max(fits, resident + (40 << 20))
    found = rows(evaluate_all([large[0], *small, large[1]], SETTINGS, max_memory=most))
    assert found["0"] == found["1"] == "MemoryError"
    assert found["a"] == rows(evaluate_all(small, SETTINGS))["a"]


def test_what_can_be_read_in_windows_is_given_what_there_is(
    large: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = saved(tmp_path, ["a"])
    budgets: list[int | None] = []

    def measure_case(read: Any, settings: Any, case: Case, budget: int | None) -> Any:
        budgets.append(budget)
        raise ValueError("only asked")

    monkeypatch.setattr(reading_ahead, "measure_case", measure_case)
    list(evaluate_all(cases, SETTINGS))
    need = open_case(cases[0], SETTINGS).need
    base = max(machine.resident_bytes() or 0, PROCESS_BYTES)
    list(evaluate_all(cases, SETTINGS, max_memory=base + 4 * need.most))
    monkeypatch.setattr(memory, "LEAST_BUDGET", 1)
    list(evaluate_all(cases, SETTINGS, max_memory=base + need.most // 2))
    assert budgets[:2] == [None, need.most]
    assert budgets[2] is not None
    assert budgets[2] <= need.most // 2


@pytest.mark.parametrize("room", [1.5, 3])
def test_the_next_case_is_read_ahead_where_it_fits(
    large: list[Case], monkeypatch: pytest.MonkeyPatch, room: float
) -> None:
    """Not beside a case that leaves no memory for it; then it is read when that one is done."""
    read: list[str] = []
    seen: list[list[str]] = []
    genuine = open_case

    def open_noting(case: Case, settings: Settings) -> Any:
        opened = genuine(case, settings)

        def noting(one: Callable[[], Any]) -> Callable[[], Any]:
            def reading() -> Any:
                read.append(case.name)
                return one()

            return reading

        # with maps as large as what is measured beside them
        need = opened.need._replace(reading=opened.need.most)
        return opened._replace(reads=[noting(one) for one in opened.reads], need=need)

    def measure(*_: Any) -> Any:
        deadline = time.monotonic() + 10
        while room > 2 and len(set(read)) < min(4, len(seen) + 2) and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(sorted(set(read)))
        raise ValueError("only asked")

    monkeypatch.setattr(reading_ahead, "open_case", open_noting)
    monkeypatch.setattr(reading_ahead, "measure_case", measure)
    need = genuine(large[0], SETTINGS).need.most
    base = max(machine.resident_bytes() or 0, PROCESS_BYTES) + MIB
    outcomes = list(evaluate_all(large, SETTINGS, max_memory=base + int(room * need)))
    assert [outcome.case.name for outcome in outcomes] == list("0123")
    assert [len(names) for names in seen] == ([1, 2, 3, 4] if room < 2 else [2, 3, 4, 4])


class _Told:
    """A worker that does nothing but note what it is given."""

    connection = reference = None

    def __init__(self, *_: Any) -> None:
        self.tasks: list[Any] = []
        self.kept = 0

    def give(self, task: Any) -> None:
        self.tasks.append(task)
        self.kept = task.kept

    def end(self) -> None:
        self.tasks.clear()


def test_cases_run_side_by_side_while_they_fit(
    large: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "Worker", _Told)
    monkeypatch.setattr(processes, "resident_bytes", lambda: 100 * MIB)
    need = open_case(large[0], SETTINGS).need.most

    def given(processes_: float, cases: float) -> list[int]:
        most = int(100 * MIB + processes_ * PROCESS_BYTES + cases * need)
        pool = processes._Pool(large, SETTINGS, 4, 1, most)
        pool._hand_out()
        assert not pool._come
        return [len(worker.tasks) for worker in pool._workers]

    assert given(4, 4) == [1, 1, 1, 1]
    assert given(2, 2.5) == [1, 1]
    assert given(1, 1) == [1]
    assert given(3.5, 3) == [1, 1, 1]


def test_a_case_that_does_not_fit_beside_idle_workers_has_all_there_is(
    large: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "Worker", _Told)
    monkeypatch.setattr(processes, "resident_bytes", lambda: 100 * MIB)
    need = open_case(large[0], SETTINGS).need
    assert need.least < need.most
    free = (need.least + need.most) // 2
    pool = processes._Pool(large, SETTINGS, 4, 1, 100 * MIB + PROCESS_BYTES + free)
    pool._workers = [_Told(), _Told(), _Told()]  # type: ignore[list-item]
    pool._hand_out()
    [worker] = pool._workers
    [task] = worker.tasks
    assert (task.budget, task.need) == (free, free)
    pool = processes._Pool(large, SETTINGS, 4, 1, 100 * MIB + PROCESS_BYTES + need.least - 1)
    pool._hand_out()
    assert not pool._workers
    assert {_refused(outcome)[:24] for outcome in pool._come} == {"not enough memory: needs"}


def test_what_an_idle_worker_keeps_counts(
    large: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference of the case before, for another algorithm."""
    monkeypatch.setattr(processes, "Worker", _Told)
    monkeypatch.setattr(processes, "resident_bytes", lambda: 100 * MIB)
    kept = []
    for algorithm in ("", "ours"):
        case = large[0]._replace(algorithm=algorithm)
        pool = processes._Pool([case], SETTINGS, 1, 1, 8 << 30)
        pool._hand_out()
        pool._workers[0].tasks.clear()
        kept.append(pool._taken() - 100 * MIB - PROCESS_BYTES)
    assert kept == [0, open_case(large[0], SETTINGS).need.reading]


PROCESS_TREE = """
import sys, threading, time
import psutil
from fastseg.cohort.run import evaluate_all
from fastseg.cohort.outcomes import Case
from fastseg.evaluation.settings import Settings

def resident():
    total = 0
    for process in (me, *me.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            pass
    return total

def watch():
    while not over:
        peaks.append(resident())
        time.sleep(0.002)

me, over, peaks = psutil.Process(), [], []
thread = threading.Thread(target=watch)
thread.start()
cases = [Case(str(i), "r.nii.gz", "p.nii.gz") for i in range(8)]
found = list(evaluate_all(cases, Settings.checked(), workers=3, threads=1, max_memory={most}))
over.append(1)
thread.join()
assert all(outcome.evaluation for outcome in found), found
print(len(found), max(peaks))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("gib", [1.0, 1.5])
def test_all_processes_together_stay_below(
    tmp_path: Path, run_python: Callable[..., str], gib: float
) -> None:
    pytest.importorskip("psutil")
    reference = np.zeros((220, 220, 220), np.uint8)
    reference[:60] = 1
    for side, array in (("r", reference), ("p", reference[::-1])):
        _nifti(tmp_path / f"{side}.nii.gz", array)
    most = int(gib * (1 << 30))
    count, peak = map(int, run_python(PROCESS_TREE.format(most=most)).split())
    assert count == 8
    assert peak < most


# ------------------------------------------------------------------------------ the machine


def _written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes up what the system says, with 64 GiB free and 16 cores."""
    monkeypatch.setattr(machine, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_free_of_process", lambda: iter(()))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    _written(tmp_path / "proc", {"meminfo": f"MemTotal: 1 kB\nMemAvailable: {64 << 20} kB\n"})

    def make(cgroup: str, **files: str) -> None:
        _written(tmp_path / "proc", {"self/cgroup": cgroup})
        _written(tmp_path / "cgroup", files)

    return make


def test_a_machine_without_limits(system: Callable[..., None]) -> None:
    assert machine.available_memory() == 64 << 30
    assert machine.cores() == 16
    system("0::/\n", **{"cpu.max": "max 100000\n", "memory.max": "max\n"})
    assert machine.available_memory() == 64 << 30
    assert machine.cores() == 16


@pytest.mark.parametrize(
    ("cgroup", "files"),
    [
        (
            "0::/job/step\n",
            {
                "job/cpu.max": "250000 100000\n",
                "job/memory.max": f"{4 << 30}\n",
                "job/memory.current": f"{2 << 30}\n",
                "job/memory.stat": f"anon 5\ninactive_file {1 << 29}\nactive_file {1 << 29}\n",
                "job/step/memory.max": "max\n",
            },
        ),
        (
            "5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n",
            {
                "memory/job/memory.limit_in_bytes": f"{3 << 30}\n",
                "memory/memory.limit_in_bytes": f"{(1 << 63) - 4096}\n",
                "cpu/job/cpu.cfs_quota_us": "200000\n",
                "cpu/job/cpu.cfs_period_us": "100000\n",
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
            },
        ),
        (  # a container that sees the path of the machine around it
            "0::/../../outside\n",
            {"memory.max": f"{3 << 30}\n", "memory.current": "0\n", "cpu.max": "200000 100000\n"},
        ),
    ],
    ids=["version 2", "version 1", "container"],
)
def test_limits_of_a_container(
    system: Callable[..., None], cgroup: str, files: dict[str, str]
) -> None:
    system(cgroup, **files)
    assert machine.available_memory() == 3 << 30
    assert machine.cores() == 2


def test_where_the_system_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PROC", tmp_path / "none")
    assert machine.resident_bytes() is None
    monkeypatch.setattr(machine, "_free_of_process", lambda: iter(()))
    assert machine.available_memory() is None


@pytest.mark.slow
def test_the_limit_of_a_process_counts(run_python: Callable[..., str]) -> None:
    out = run_python(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "from fastseg.cohort.machine import available_memory, resident_bytes\n"
        "print(available_memory(), resident_bytes())\n"
    )
    free, resident = map(int, out.split())
    assert resident < 1 << 30
    assert free < 3 << 30


def test_instances_are_found_in_whole_maps(tmp_path: Path) -> None:
    """Components may reach from end to end: no case by instances is cut, and their maps are reckoned with."""
    np.save(tmp_path / "a.npy", np.zeros((40, 40, 40), np.uint8))
    opened = open_image(tmp_path / "a.npy")
    sides = [(opened, None), (opened, None)]
    by_structure = memory.needed_bytes(sides, Settings.checked(metrics="dice"))
    by_instance = memory.needed_bytes(sides, InstanceSettings.checked(metrics="dice"))
    assert by_structure.in_pieces
    assert not by_instance.in_pieces
    assert by_instance.measuring - by_structure.measuring == 40**3 * 14
