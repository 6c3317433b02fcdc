"""The thread pool: same answers for any number, from any thread and any child process."""

from __future__ import annotations

import functools
import gc
import importlib
import os
import pkgutil
import platform
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fastseg
from fastseg import threads
from fastseg.backends import numba as numba_backend
from fastseg.measures.regions import Region, Request
from tests.oracle import hard_cases as volumes
from tests.oracle import naive

Mask = NDArray[np.bool_]


def everything(reference: Mask, prediction: Mask) -> list[Any]:
    """All that the numba backend computes of a pair, in C and Fortran order."""
    found: list[Any] = []
    ndim = reference.ndim
    spacing = (3.0, 0.7, 1.1)[-ndim:]
    for order in ("C", "F"):
        pair = [np.asarray(mask, order=order) for mask in (reference, prediction)]
        labels = [mask.astype(np.uint16) * 5 for mask in pair]
        found.append(fastseg.confusion_matrix(*labels))
        found.append(fastseg.surface(pair[0], connectivity=ndim))
        found.append(fastseg.distance_transform_edt(pair[0], spacing))
        found += fastseg.distance_transform_edt(~pair[0], spacing, return_indices=True)
        for boundary in ("voxel", "surfel"):
            distances = fastseg.surface_distances(*pair, spacing=spacing, boundary=boundary)
            found += [distances.reference_to_prediction, distances.prediction_to_reference]
            if distances.reference_areas is not None:
                found += [distances.reference_areas, distances.prediction_areas]
        request = Request(frozenset({"band_overlap"}), spacing)
        [measured] = numba_backend.measure(pair[0], pair[1], [Region(tolerance=2.0)], request)
        found.append(np.array(measured["band_overlap"]))
    return found


def assert_same(found: list[Any], expected: list[Any], what: str = "") -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other, err_msg=what)


# ---------------------------------------------------------------------------- numbers of threads


@pytest.mark.parametrize("n", [2, 5, 64])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_any_number_gives_the_same(ndim: int, n: int, many_slabs: None) -> None:
    """Also more threads than slices, rows or tiles."""
    for number, (name, *pair) in enumerate(volumes.hard_pairs(ndim)):
        if number % 3 != n % 3:
            continue
        fastseg.set_num_threads(1)
        expected = everything(*pair)
        fastseg.set_num_threads(n)
        assert_same(everything(*pair), expected, name)


@pytest.mark.parametrize("n", [2, 5])
def test_slabs_see_what_lies_beyond_them(n: int, many_slabs: None) -> None:
    """Against the definition: neighbours, targets and minima are in other slabs."""
    fastseg.set_num_threads(n)
    reference, prediction = volumes.blob_pair((11, 12, 13), 1)
    found = fastseg.surface_distances(reference, prediction, spacing=(0.7, 1, 2))
    expected = naive.surface_distances(reference, prediction, (0.7, 1, 2))
    assert_array_equal(found.reference_to_prediction, expected[0])
    assert_array_equal(found.prediction_to_reference, expected[1])
    transform = fastseg.distance_transform_edt(reference, (0.7, 1, 2))
    assert_array_equal(transform, naive.distance_transform_edt(reference, (0.7, 1, 2)))
    assert_array_equal(fastseg.surface(reference), naive.surface(reference))


def test_a_volume_large_enough_to_be_shared(compiled: None) -> None:
    """Without forcing: 2.2 million voxels are shared by themselves."""
    pair = volumes.blob_pair(130, 8)
    used: set[str] = set()
    run = threads.run

    def spy(function: Callable[[Any], Any], *rest: Any) -> list[Any]:
        def listen(item: Any) -> Any:
            used.add(threading.current_thread().name)
            return function(item)

        return run(listen, *rest)

    results = []
    for n in (1, 3):
        fastseg.set_num_threads(n)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threads, "run", spy)
            used.clear()
            distances = fastseg.surface_distances(*pair, spacing=(3, 1, 1))
            results.append(
                [
                    fastseg.confusion_matrix(*pair),
                    fastseg.distance_transform_edt(pair[0]),
                    distances.reference_to_prediction,
                    distances.prediction_to_reference,
                ]
            )
            assert any(name.startswith("fastseg") for name in used) == (n > 1)
    assert_same(results[1], results[0])


def test_small_volumes_are_not_shared() -> None:
    fastseg.set_num_threads(8)
    assert threads.slabs(100, cost=1000) == [(0, 100)]
    assert len(threads.slabs(100, cost=1 << 30)) == 8
    here = threading.get_ident()
    assert set(threads.run(lambda _: threading.get_ident(), range(9), 1000)) == {here}
    meeting = threading.Barrier(8, timeout=30)

    def meet(i: int) -> int:
        if i < 8:
            meeting.wait()
        return threading.get_ident()

    assert len(set(threads.run(meet, range(9), 1 << 30))) == 8


@pytest.mark.parametrize(("size", "n"), [(10, 3), (3, 10), (1, 4), (7, 7), (0, 3), (1000, 8)])
def test_slabs_cover_everything_once(size: int, n: int) -> None:
    fastseg.set_num_threads(n)
    edges = threads.slabs(size, cost=1 << 40)
    assert [i for first, stop in edges for i in range(first, stop)] == list(range(size))
    assert len(edges) == max(1, min(size, n))
    sizes = [stop - first for first, stop in edges]
    assert max(sizes) - min(sizes) <= 1


# ---------------------------------------------------------------------------- run


def test_results_come_in_order() -> None:
    fastseg.set_num_threads(4)

    def slow_first(i: int) -> int:
        time.sleep(0.02 if i == 0 else 0)
        return i * i

    assert threads.run(slow_first, range(20)) == [i * i for i in range(20)]
    assert threads.run(slow_first, iter([3])) == [9]
    assert threads.run(slow_first, []) == []


def test_work_is_done_at_the_same_time() -> None:
    fastseg.set_num_threads(3)
    meeting = threading.Barrier(3, timeout=30)
    names = threads.run(lambda _: (meeting.wait(), threading.current_thread().name)[1], range(3))
    assert len(set(names)) == 3
    assert threading.current_thread().name in names  # which does not only wait
    assert sum(name.startswith("fastseg") for name in names) == 2


def test_no_thread_is_waited_for_that_has_not_begun() -> None:
    """Another caller keeps the only helper busy; then this one does everything itself."""
    fastseg.set_num_threads(2)
    busy, release = threading.Barrier(3, timeout=30), threading.Event()

    def occupy(_: int) -> None:
        busy.wait()
        release.wait(30)

    other = threading.Thread(target=threads.run, args=(occupy, range(2)))
    other.start()
    busy.wait()
    try:
        here = threading.get_ident()
        assert threads.run(lambda _: threading.get_ident(), range(5)) == [here] * 5
    finally:
        release.set()
        other.join()


def test_of_several_errors_that_of_the_first_item_is_raised() -> None:
    fastseg.set_num_threads(3)
    meeting = threading.Barrier(3, timeout=30)

    def task(i: int) -> None:
        meeting.wait()
        time.sleep(0.03 * (2 - i))  # the first comes last
        raise ValueError(str(i))

    for _ in range(3):
        with pytest.raises(ValueError, match="0"):
            threads.run(task, range(3))


def test_what_was_shared_is_let_go() -> None:
    """Also where a helper is still to come."""
    fastseg.set_num_threads(2)

    def hold() -> weakref.ref[Any]:
        held = np.zeros(1)
        assert threads.run(lambda i: (held, i)[1], range(5)) == list(range(5))
        return weakref.ref(held)

    alive = hold()
    assert wait_until_gone(alive)


def test_an_error_holds_nothing_for_longer_than_it_is_handled() -> None:
    """No cycle that waits for the garbage collector with arrays in it."""
    fastseg.set_num_threads(2)

    def fail() -> weakref.ref[Any]:
        held = np.zeros(1)

        def task(i: int) -> None:
            raise ValueError(held, i)

        with pytest.raises(ValueError):
            threads.run(task, range(5))
        return weakref.ref(held)

    gc.disable()
    try:
        assert wait_until_gone(fail())
    finally:
        gc.enable()


def wait_until_gone(alive: weakref.ref[Any]) -> bool:
    for _ in range(100):
        if alive() is None:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("n", [1, 2, 3, 50])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 30])
def test_from_both_ends_every_item_is_taken_once(n: int, size: int) -> None:
    fastseg.set_num_threads(n)
    taken = []

    def task(i: int) -> int:
        taken.append(i)
        return i * i

    assert threads.run_from_both_ends(task, iter(range(size))) == [i * i for i in range(size)]
    assert sorted(taken) == list(range(size))


def test_one_thread_begins_with_the_first_item_and_the_others_with_the_last() -> None:
    fastseg.set_num_threads(3)
    meeting = threading.Barrier(3, timeout=30)
    together: list[int] = []

    def task(i: int) -> None:
        if len(together) < 3:
            together.append(i)
            meeting.wait()

    threads.run_from_both_ends(task, range(100))
    assert sorted(together) == [0, 98, 99]


def test_after_an_error_no_thread_goes_on_with_what_is_left() -> None:
    fastseg.set_num_threads(2)
    done = []

    def task(i: int) -> None:
        if i == 0:
            raise ValueError("zero")
        time.sleep(0.005)
        done.append(i)

    with pytest.raises(ValueError, match="zero"):
        threads.run_from_both_ends(task, range(200))
    time.sleep(0.05)
    assert len(done) < 100


@pytest.mark.parametrize("n", [1, 2])
def test_a_run_within_a_run_is_serial(n: int) -> None:
    """So that no pool thread waits for a pool that is full of waiting threads."""
    fastseg.set_num_threads(n)

    def outer(_: int) -> list[int]:
        inner = threads.run(lambda _: threading.get_ident(), range(5))
        if n > 1:
            assert set(inner) == {threading.get_ident()}
            assert threads.slabs(100, cost=1 << 40) == [(0, 100)]
        return threads.run(lambda _: threads.run(lambda _: 1, range(2))[0], range(2))

    assert threads.run(outer, range(8)) == [[1, 1]] * 8
    assert len(threads.slabs(100, cost=1 << 40)) == n  # and outside again not


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    "error", [ValueError, KeyError, MemoryError, KeyboardInterrupt, SystemExit]
)
def test_an_exception_in_a_task_propagates(n: int, error: type[BaseException]) -> None:
    fastseg.set_num_threads(n)

    def task(i: int) -> int:
        if i == 2:
            raise error("two")
        return i

    with pytest.raises(error, match="two"):
        threads.run(task, range(5))
    assert threads.run(lambda i: i, range(5)) == list(range(5))  # the pool is still good
    assert len(threads.slabs(100, cost=1 << 40)) == n


def test_an_exception_drops_what_has_not_begun() -> None:
    fastseg.set_num_threads(2)
    done = []

    def task(i: int) -> None:
        if i == 0:
            raise ValueError
        time.sleep(0.005)
        done.append(i)

    with pytest.raises(ValueError):
        threads.run(task, range(200))
    time.sleep(0.05)
    assert len(done) < 100


class Refusing(ThreadPoolExecutor):
    """A pool that takes so many calls and refuses the others, which it may have queued before."""

    size = 1

    def __init__(self, takes: int, queues: bool) -> None:
        super().__init__(2, thread_name_prefix="fastseg")
        self.takes, self.queues = takes, queues

    def submit(self, *call: Any, **options: Any) -> Any:
        self.takes -= 1
        if self.takes < 0 and not self.queues:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = super().submit(*call, **options)
        if self.takes < 0:
            raise RuntimeError("can't start new thread")
        return future


@pytest.mark.parametrize("queues", [False, True])
@pytest.mark.parametrize("takes", [0, 1, 5])
def test_what_the_pool_refuses_is_done_here_and_once(
    takes: int, queues: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fastseg.set_num_threads(2)
    done: list[int] = []

    def task(i: int) -> int:
        done.append(i)
        return i * i

    with Refusing(takes, queues) as pool:
        monkeypatch.setattr(threads, "_pool", pool)
        assert threads.run(task, range(20)) == [i * i for i in range(20)]
        assert sorted(done) == list(range(20))
        assert threads.run_from_both_ends(task, range(20)) == [i * i for i in range(20)]
    assert sorted(done) == sorted([*range(20), *range(20)])
    assert len(threads.slabs(100, cost=1 << 40)) == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_of_what_the_pool_refuses_stops_the_rest(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    fastseg.set_num_threads(2)
    monkeypatch.setattr(threads, "_pool", Refusing(0, False))
    done: list[int] = []

    def task(i: int) -> None:
        if i == 2:
            raise error("two")
        done.append(i)

    with pytest.raises(error, match="two"):
        threads.run(task, range(20))
    assert done == [0, 1]


def test_a_pool_of_its_own() -> None:
    meeting = threading.Barrier(3, timeout=30)

    def name(_: int) -> str:
        meeting.wait()
        return threading.current_thread().name

    with threads.own_pool(2, "reader") as submit:
        futures = [submit(name, i) for i in range(2)]
        meeting.wait()
        assert sorted(future.result() for future in futures) == ["reader_0", "reader_1"]
        failing = submit(lambda i: 1 // i, 0)
        with pytest.raises(ZeroDivisionError):
            failing.result()
        last = submit(time.sleep, 0.05)
    assert last.done()
    assert not [thread for thread in threading.enumerate() if "reader" in thread.name]


def test_a_pool_of_its_own_while_the_interpreter_shuts_down(run_python: Callable[..., str]) -> None:
    out = run_python(
        "import atexit\n"
        "from fastseg import threads\n"
        "def read():\n"
        "    with threads.own_pool(2, 'reader') as submit:\n"
        "        print([submit(abs, -i).result() for i in range(3)])\n"
        "atexit.register(read)\n"
    )
    assert out == "[0, 1, 2]\n"


SHUTDOWN = """
import atexit, threading
import numpy as np, fastseg
reference = np.zeros((200, 200, 200), np.uint8)
reference[50:150, 60:160, 70:170] = 1
prediction = np.roll(reference, 3, 1)
fastseg.set_num_threads(2)
def save():
    evaluation = fastseg.evaluate(reference, prediction, metrics=["hd", "dice"])
    print("hd", evaluation[1]["hd"], flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "save()\natexit.register(save)\n",
        "atexit.register(save)\n",  # which imports the pool, and compiles or loads, only then
        "import time\n"
        "def late():\n    threading.main_thread().join()\n    save()\n"
        "threading.Thread(target=late).start()\n",
    ],
    ids=["used before", "first use", "a thread that outlives the main one"],
)
@pytest.mark.parametrize("backend", ["numba", "scipy"])
def test_work_while_the_interpreter_shuts_down(
    compiled: None, run_python: Callable[..., str], script: str, backend: str
) -> None:
    out = run_python(SHUTDOWN + script, FASTSEG_BACKEND=backend)
    assert set(out.splitlines()) == {"hd 3.0"}


@pytest.mark.usefixtures("sigint")
def test_a_keyboard_interrupt_while_waiting(run_python: Callable[..., str]) -> None:
    """Ctrl-C reaches the main thread while it waits for the pool."""
    out = run_python(
        "import os, signal, threading, time\n"
        "from fastseg import threads\n"
        "threads.set_num_threads(2)\n"
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    threads.run(lambda i: time.sleep(1), range(2))\n"
        "    print('swallowed')\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
        "print(threads.run(lambda i: i, range(3)))\n"
    )
    assert out.split("\n")[:2] == ["interrupted", "[0, 1, 2]"]


# ---------------------------------------------------------------------------- the setting


@pytest.mark.parametrize("n", [0, -1, 1.0, "2", True, False, [2]])
def test_what_is_no_number_of_threads(n: Any) -> None:
    fastseg.set_num_threads(3)
    with pytest.raises(ValueError, match=r"^set_num_threads: .* at least 1 or None, got "):
        fastseg.set_num_threads(n)
    assert fastseg.get_num_threads() == 3


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    default = fastseg.get_num_threads()
    assert default == (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    monkeypatch.setenv("FASTSEG_NUM_THREADS", "7")
    assert fastseg.get_num_threads() == 7
    fastseg.set_num_threads(2)
    assert fastseg.get_num_threads() == 2
    fastseg.set_num_threads(None)
    assert fastseg.get_num_threads() == 7


@pytest.mark.parametrize("n", [np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_of_other_libraries(n: Any) -> None:
    fastseg.set_num_threads(n)
    assert type(fastseg.get_num_threads()) is int
    assert fastseg.get_num_threads() == 3


@pytest.mark.parametrize("n", [np.bool_(True), np.float64(2), np.array([1, 2]), 10**30 * -1])
def test_what_is_no_whole_number_of_other_libraries(n: Any) -> None:
    with pytest.raises(ValueError, match="^set_num_threads: "):
        fastseg.set_num_threads(n)


@pytest.mark.parametrize("n", [100_000, 10**30])
def test_more_threads_than_are_of_use_are_not_made(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    fastseg.set_num_threads(64)
    assert fastseg.get_num_threads() == 64
    fastseg.set_num_threads(n)
    assert fastseg.get_num_threads() == 64
    fastseg.set_num_threads(None)
    for text in (str(n), f"000{n}", "9" * 10_000):
        monkeypatch.setenv("FASTSEG_NUM_THREADS", text)
        assert fastseg.get_num_threads() == 64
    monkeypatch.setattr("os.cpu_count", lambda: 100)
    assert fastseg.get_num_threads() == 400


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    default = fastseg.get_num_threads()
    monkeypatch.setenv("FASTSEG_NUM_THREADS", "")
    assert fastseg.get_num_threads() == default


@pytest.mark.parametrize("text", ["0", "000", "-1", "two", "1.5", "²", " "])
def test_what_is_no_number_in_the_environment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSEG_NUM_THREADS", text)
    with pytest.raises(ValueError, match=r"^FASTSEG_NUM_THREADS: expected a whole number .* got "):
        fastseg.get_num_threads()


def test_cores_where_the_system_does_not_tell_of_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert fastseg.get_num_threads() == 6
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert fastseg.get_num_threads() == 1


# ---------------------------------------------------------------------------- many callers


def test_eight_python_threads_at_once(many_slabs: None) -> None:
    fastseg.set_num_threads(3)
    pairs = [volumes.blob_pair((14 + i, 15, 66), i) for i in range(8)]
    expected = [everything(*pair) for pair in pairs]
    start = threading.Barrier(8, timeout=60)

    def call(pair: tuple[Mask, Mask]) -> list[list[Any]]:
        start.wait()
        return [everything(*pair) for _ in range(3)]

    with ThreadPoolExecutor(8) as callers:
        for found, right in zip(callers.map(call, pairs), expected, strict=True):
            for result in found:
                assert_same(result, right)


def test_helpers_stay_for_as_long_as_their_number_does() -> None:
    """One thread needs none, but the next call may; of another number they end."""
    fastseg.set_num_threads(3)
    meeting = threading.Barrier(3, timeout=30)

    def meet(_: int) -> threading.Thread:
        meeting.wait()
        return threading.current_thread()

    first = set(threads.run(meet, range(3)))
    for n in (1, 3):
        fastseg.set_num_threads(n)
    assert set(threads.run(meet, range(3))) == first
    fastseg.set_num_threads(2)
    helpers = first - {threading.current_thread()}
    for helper in helpers:
        helper.join(30)
        assert not helper.is_alive()
    assert len(helpers) == 2


def test_changing_the_number_while_others_compute(many_slabs: None) -> None:
    pair = volumes.blob_pair((20, 21, 66), 3)
    expected = everything(*pair)
    stop = threading.Event()

    def change() -> None:
        n = 0
        while not stop.is_set():
            n = n % 5 + 1
            fastseg.set_num_threads(n)
            stop.wait(0.001)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(10):
            assert_same(everything(*pair), expected)
    finally:
        stop.set()
        changer.join()


CHILDREN = """
import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import fastseg
from fastseg import threads

cut = threads.slabs
threads.slabs = lambda size, *_, **__: cut(size, 1, 0)
fastseg.set_num_threads(3)


def measure(seed):
    rng = np.random.default_rng(seed)
    reference, prediction = rng.random((2, 12, 13, 70)) < 0.3
    evaluation = fastseg.evaluate(reference, prediction, spacing=(3, 1, 0.7))
    row = evaluation[1]
    transform = fastseg.distance_transform_edt(reference).sum()
    return row["dice"], row["hd"], row["hd95"], row["assd"], row["nsd"], transform


def in_threads(seeds):
    with ThreadPoolExecutor(4) as callers:
        return list(callers.map(measure, seeds))


if __name__ == "__main__":
    seeds = list(range(6))
    expected = [measure(seed) for seed in seeds]
    assert in_threads(seeds) == expected
    for name in sys.argv[1:] or ["METHOD"]:
        context = multiprocessing.get_context(name)
        busy = threading.Event()

        def keep_busy():
            while not busy.is_set():
                measure(99)

        other = threading.Thread(target=keep_busy)  # the pool is in use while children are made
        other.start()
        try:
            with context.Pool(2) as children:
                found = children.map(in_threads, [seeds, seeds[::-1]], chunksize=1)
        finally:
            busy.set()
            other.join()
        assert found == [expected, expected[::-1]], (name, found)
    assert in_threads(seeds) == expected
    print("right")
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_that_use_threads(method: str, run_python: Callable[..., str]) -> None:
    """Of a parent whose own threads are in the middle of it."""
    out = run_python(
        CHILDREN.replace("METHOD", method), PYTHONWARNINGS="ignore::DeprecationWarning"
    )
    assert out == "right\n"


def test_no_lock_that_a_fork_could_leave_held() -> None:
    """Up to Python 3.11, functools.cached_property holds one lock for all instances while it
    computes: threads wait for each other, and a child forked meanwhile waits for ever."""
    seen = 0
    for info in pkgutil.walk_packages(fastseg.__path__, "fastseg."):
        if info.name == "fastseg.__main__":
            continue
        try:
            module = importlib.import_module(info.name)
        except ImportError:  # a GPU backend without a GPU, a drop-in without its host
            continue
        for cls in [value for value in vars(module).values() if isinstance(value, type)]:
            for name, value in vars(cls).items():
                seen += 1
                locked = isinstance(value, functools.cached_property) and hasattr(value, "lock")
                assert not locked, f"{info.name}: {cls.__name__}.{name}"
    assert seen > 100


@pytest.mark.slow
def test_a_fork_while_another_thread_compiles(
    compiled: None, run_python: Callable[..., str], tmp_path: Path
) -> None:
    """The child must not wait for a thread that it does not have."""
    out = run_python(
        "import os, signal, threading, time\n"
        "import numpy as np\n"
        "from fastseg_kernels import _jit\n"
        "from fastseg_kernels.cpu import masks as bits\n"
        "words = np.full(5, 7, np.uint64)\n"
        "other = threading.Thread(target=bits.unpack.compile)\n"
        "other.start()\n"
        "while not _jit._compiling.locked():\n"
        "    time.sleep(0.001)\n"
        "time.sleep(0.05)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.alarm(20)\n"
        "    os._exit(0 if bits.count(words) == 15 else 1)\n"
        "other.join()\n"
        "status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "print('hung' if status == -signal.SIGALRM else status)\n",
        NUMBA_CACHE_DIR=str(tmp_path / "empty"),
        PYTHONWARNINGS="ignore::DeprecationWarning",
    )
    assert out == "0\n"


def test_a_fork_while_the_lock_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child gets a lock of its own, no pool, and is not inside a run."""
    monkeypatch.setattr(threads, "_lock", threading.Lock())
    monkeypatch.setattr(threads, "_pool", object())
    threads._lock.acquire()
    threads._inside.busy = True
    threads._after_fork()
    assert threads._pool is None
    assert not threads._lock.locked()
    assert not hasattr(threads._inside, "busy")


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc keeps freed memory")
def test_calls_use_the_memory_of_the_call_before(
    compiled: None, run_warm: Callable[..., str]
) -> None:
    """Taking pages from the system anew was a third of the time of a pair of this size."""
    out = run_warm(
        "import resource\n"
        "import numpy as np, fastseg\n"
        "reference = np.zeros((200, 200, 200), bool)\n"
        "reference[20:-20, 20:-20, 20:-20] = True\n"
        "prediction = np.roll(reference, 1, 0)\n"
        "def pages():\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(2):\n"
        "    fastseg.evaluate(reference, prediction, boundary='surfel')\n"
        "before = pages()\n"
        "for _ in range(5):\n"
        "    fastseg.evaluate(reference, prediction, boundary='surfel')\n"
        "print((pages() - before) / 5)\n",
        FASTSEG_NUM_THREADS="1",
    )
    assert float(out) < 100  # 2000 otherwise
