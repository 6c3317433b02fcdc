"""Whoever runs the cases: the same rows, each case once, whatever happens to a worker."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fastseg
from fastseg import dispatch
from fastseg.cohort import executors, one_case, planning
from fastseg.cohort.caught import caught_warnings
from fastseg.cohort.memory import PROCESS_BYTES
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.run import evaluate_all
from fastseg.cohort.worker import exit_in_words
from fastseg.errors import InputError, InputTypeError, WorkersError
from fastseg.evaluation.settings import Settings
from tests import processes
from tests.cohort.cohorts import SETTINGS, deadly, rows, saved

__all__ = ["deadly"]  # a fixture

NAMES = ["a", "bad", "b", "c", "d", "e"]


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    return saved(tmp_path, NAMES)


def expected(cases: Sequence[Case]) -> dict[str, Any]:
    return rows(evaluate_all(cases, SETTINGS))


def no_children() -> bool:
    """Whether all workers are gone; those that have just been killed are waited for."""
    return not multiprocessing.active_children()


class Counted(Sequence[Case]):
    """Cases that tell how many of them were asked for."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases, self.given = cases, 0

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: Any) -> Any:
        return self.cases[index]

    def __iter__(self) -> Iterator[Case]:
        for case in self.cases:
            self.given += 1
            yield case


# ------------------------------------------------------------------------- in this process


def test_one_worker_gives_cases_in_their_order(cases: list[Case]) -> None:
    outcomes = list(evaluate_all(cases, SETTINGS, threads=1))
    assert [outcome.case.name for outcome in outcomes] == NAMES
    assert [outcome.failure is not None for outcome in outcomes] == [n == "bad" for n in NAMES]
    assert all(outcome.case is case for outcome, case in zip(outcomes, cases, strict=True))


def test_threads_are_as_before_when_it_ends(cases: list[Case]) -> None:
    fastseg.set_num_threads(2)
    running = evaluate_all(cases, SETTINGS, threads=1)
    next(running)
    assert fastseg.get_num_threads() == 1
    running.close()  # type: ignore[attr-defined]
    assert fastseg.get_num_threads() == 2


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"workers": 0}, InputError),
        ({"workers": True}, InputError),
        ({"threads": 1.5}, InputTypeError),
        ({"max_memory": -1}, InputError),
        ({"max_memory": "4 elephants"}, InputError),
        ({"executor": 4}, InputTypeError),
    ],
)
def test_options_are_checked_before_anything_is_read(
    options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=next(iter(options))):
        evaluate_all([], SETTINGS, **options)


def test_an_outcome_is_cheap_to_send(tmp_path: Path) -> None:
    """Five labels, all metrics: no more than some kilobytes, which take far less than a millisecond."""
    [case] = saved(tmp_path, "a")
    metrics = [metric.name for metric in fastseg.list_metrics()]
    outcome = one_case.evaluate_files(case, Settings.checked(metrics=metrics, labels=range(1, 6)))
    assert outcome.evaluation is not None
    assert len(outcome.evaluation.rows) == 5
    sent = pickle.dumps(outcome)
    assert len(sent) < 8000
    assert repr(pickle.loads(sent)) == repr(outcome)


def test_no_memory_is_one_line(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate_case(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(one_case, "evaluate_case", evaluate_case)
    for outcome in (
        next(evaluate_all(cases, SETTINGS)),
        one_case.evaluate_files(cases[0], SETTINGS),
    ):
        assert outcome.failure is not None
        assert outcome.failure.kind == "MemoryError"
        assert outcome.failure.message == "not enough memory"
        assert not outcome.failure.traceback


# ---------------------------------------------------------------------------- executors


def test_a_pool_of_threads_gives_the_same(cases: list[Case]) -> None:
    with ThreadPoolExecutor(3) as executor:
        assert rows(evaluate_all(cases, SETTINGS, executor=executor)) == expected(cases)
        assert executor.submit(int).result() == 0  # it is left open


@pytest.mark.slow
def test_a_pool_of_processes_gives_the_same(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        executor.submit(int).result()
        found = rows(evaluate_all(_relative(cases), SETTINGS, executor=executor))
    assert found == expected(cases)


def _relative(cases: Sequence[Case]) -> list[Case]:
    return [
        case._replace(
            reference=os.path.basename(case.reference),
            prediction=os.path.basename(str(case.prediction)),
        )
        for case in cases
    ]


def test_an_executor_has_few_cases_at_a_time(tmp_path: Path) -> None:
    cases = Counted(saved(tmp_path, "a") * 500)
    with ThreadPoolExecutor(2) as executor:
        outcomes = evaluate_all(cases, SETTINGS, executor=executor)
        for done in range(1, 20):
            next(outcomes)
            assert cases.given <= done + 2 * executors.CASES_A_WORKER
        outcomes.close()  # type: ignore[attr-defined]


def test_an_executor_that_was_shut_down_is_told(cases: list[Case]) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(WorkersError, match="takes no more cases: cannot schedule new futures"):
        list(evaluate_all(cases, SETTINGS, executor=executor))


@pytest.mark.slow
@pytest.mark.usefixtures("deadly")
def test_what_a_broken_executor_had_is_failed_cases(tmp_path: Path) -> None:
    cases = saved(tmp_path, ["a", "b", "kill", *map(str, range(20))])
    outcomes: list[Outcome] = []
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor,
        pytest.raises(WorkersError, match="the executor takes no more cases"),
    ):
        for outcome in evaluate_all(cases, SETTINGS, executor=executor):
            outcomes.append(outcome)  # noqa: PERF402 - those before the error are wanted
    kinds = rows(outcomes)
    assert kinds["kill"] == "WorkerDied"
    assert kinds["a"] == expected(cases[:1])["a"]
    assert len(kinds) <= 5


def test_what_cannot_be_sent_back_is_a_failure(cases: list[Case]) -> None:
    class Refusing(Executor):
        def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
            future = ThreadPoolExecutor(1).submit(function, *arguments, **named)
            future.result()
            future._result = None
            future._exception = TypeError("cannot pickle")
            return future

    outcomes = list(evaluate_all(cases[:1], SETTINGS, executor=Refusing()))
    assert outcomes[0].failure is not None
    assert (outcomes[0].failure.kind, outcomes[0].failure.message) == ("TypeError", "cannot pickle")


def test_warnings_of_threads_are_each_s_own() -> None:
    """Python's own way of catching them is not for several threads at once."""
    together = threading.Barrier(4)

    def collect(name: int) -> list[str]:
        told = []
        for i in range(50):
            together.wait(10)
            with caught_warnings() as caught:
                warnings.warn(f"{name} {i}", stacklevel=1)
                with caught_warnings() as inner:
                    warnings.warn("inner", stacklevel=1)
                warnings.warn(f"{name} {i}", stacklevel=1)
            assert inner == ["inner"]
            told += caught
        return told

    before = warnings.showwarning, list(warnings.filters)
    with ThreadPoolExecutor(4) as executor:
        for name, told in enumerate(executor.map(collect, range(4))):
            assert told == [f"{name} {i}" for i in range(50) for _ in range(2)]
    assert (warnings.showwarning, list(warnings.filters)) == before
    with (
        pytest.warns(UserWarning, match="elsewhere"),
        caught_warnings() as caught,
        ThreadPoolExecutor(1) as executor,
    ):
        executor.submit(warnings.warn, "elsewhere").result()
    assert not caught


# ------------------------------------------------------------------- processes of our own


@pytest.mark.slow
def test_workers_give_the_same(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever folder this process is by now, with the backend that it has chosen."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.checked(metrics=["dice", "hd95", "nsd"])
    with fastseg.use_backend("scipy"):
        found = rows(evaluate_all(_relative(cases), settings, workers=2))
    assert found == expected(cases)
    assert no_children()


@pytest.mark.slow
@pytest.mark.usefixtures("deadly")
def test_a_worker_that_dies_is_one_failed_case(tmp_path: Path) -> None:
    names = ["a", "kill", "b", "crash", "c", "exit", "kill too", *"defghijkl"]
    cases = saved(tmp_path, names)
    outcomes = {o.case.name: o for o in evaluate_all(cases, SETTINGS, workers=2)}
    assert len(outcomes) == len(cases)
    died = {name: o.failure for name, o in outcomes.items() if o.failure is not None}
    assert {name: failure.kind for name, failure in died.items()} == dict.fromkeys(
        ("kill", "kill too", "crash", "exit"), "WorkerDied"
    )
    assert died["kill"].message.endswith(
        "killed by signal 9, as the system does when memory runs out"
    )
    assert "signal 11 (segmentation fault)" in died["crash"].message
    assert "with status 3" in died["exit"].message
    good = [case for case in cases if case.name not in died]
    assert rows(o for name, o in outcomes.items() if name not in died) == expected(good)
    assert no_children()


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    cases = Counted(saved(tmp_path, "a") * 300)
    outcomes = evaluate_all(cases, SETTINGS, workers=2)
    failures = []
    for number, outcome in enumerate(outcomes, 1):
        if outcome.failure:
            failures.append(outcome.failure)
        if number in (50, 100, 150):
            assert cases.given <= number + 8  # never many at once
            child, *_ = multiprocessing.active_children()
            assert child.pid
            os.kill(child.pid, signal.SIGKILL)
    assert number == 300
    # one that is idle at this moment costs no case
    assert len(failures) <= 3
    assert {failure.kind for failure in failures} <= {"WorkerDied"}
    assert no_children()


@pytest.mark.slow
def test_closing_ends_the_workers_at_once(tmp_path: Path, deadly: None) -> None:
    cases = saved(tmp_path, ["a", "b", "sleep 1", "sleep 2", "c"])
    outcomes = evaluate_all(cases, SETTINGS, workers=2)
    next(outcomes)
    started = time.monotonic()
    outcomes.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 5
    assert no_children()


@pytest.mark.slow
def test_workers_that_cannot_start_are_one_clear_error(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text("import sys; sys.modules['numpy'] = None")
    monkeypatch.setenv("PYTHONPATH", str(place))
    with pytest.raises(WorkersError, match="cannot be started: ModuleNotFoundError: .*numpy"):
        list(evaluate_all(cases, SETTINGS, workers=2))
    assert no_children()
    (place / "sitecustomize.py").write_text("import os; os._exit(7)")
    with pytest.raises(WorkersError, match="cannot be started: ended by itself, with status 7"):
        list(evaluate_all(cases, SETTINGS, workers=2))
    assert no_children()


SCRIPT = """
import sys, time
from fastseg.cohort.run import evaluate_all
from fastseg.cohort.memory import PROCESS_BYTES
from fastseg.cohort.outcomes import Case
from tests.cohort.cohorts import SETTINGS
print("script", flush=True)
names = sys.argv[2:]
cases = [Case(name, f"{sys.argv[1]}/{name}_r.npy", f"{sys.argv[1]}/{name}_p.npy") for name in names]
for outcome in evaluate_all(cases, SETTINGS, workers=2):
    print(outcome.case.name, outcome.failure, flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Any]:
    """A function that starts a script, without any guard, which evaluates cases."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")

    def start(names: Sequence[str]) -> Any:
        saved(tmp_path, names)
        environment: dict[str, Any] = {}
        if "PYTHONPATH" in os.environ:  # what is deadly goes with it
            environment["PYTHONPATH"] = os.pathsep.join(
                [os.environ["PYTHONPATH"], str(processes.ROOT), str(processes.ROOT / "kernels")]
            )
        return processes.start(path, tmp_path, *names, folder=tmp_path, **environment)

    return start


@pytest.mark.slow
def test_a_script_needs_no_guard(script: Callable[..., Any]) -> None:
    with script(["a", "b", "c"]) as process:
        status, out, error = processes.finish(process)
    assert (status, error) == (0, "")
    assert sorted(out.splitlines()) == ["a None", "b None", "c None", "script"]


@pytest.mark.slow
@pytest.mark.usefixtures("deadly")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_parent_leaves_no_worker(
    script: Callable[..., Any], tmp_path: Path, number: signal.Signals
) -> None:
    """An interrupt is heard by the parent alone, and whatever ends it ends its workers."""
    names = ["a", "sleep 1", "sleep 2", "b"]
    with script(names) as process:
        for name in names[1:3]:
            began = tmp_path / f"{name}_r.npy.began"
            for _ in range(600):
                if began.exists():
                    break
                time.sleep(0.05)
        children = _children(process.pid)
        assert len(children) >= 2
        for pid in (process.pid, *children) if number == signal.SIGINT else (process.pid,):
            os.kill(pid, number)  # a terminal interrupts all of them
        started = time.monotonic()
        _, _, error = processes.finish(process)
    assert time.monotonic() - started < 10
    if number == signal.SIGINT:
        assert error.count("Traceback") == 1
        assert error.strip().endswith("KeyboardInterrupt")
    for _ in range(100):
        if not any(map(_lives, children)):
            break
        time.sleep(0.05)
    else:
        pytest.fail("a worker outlived its parent")


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(folder.name))
    return found


def _lives(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
def test_workers_may_compile_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_python: Callable[..., str]
) -> None:
    """With an empty cache of machine code, both fill it, and neither stumbles over the other."""
    saved(tmp_path, "abcd")
    out = run_python(
        "from fastseg.cohort.run import evaluate_all\n"
        "from fastseg.cohort.outcomes import Case\n"
        "from fastseg.evaluation.settings import Settings\n"
        "settings = Settings.checked(metrics=['hd95'], backend='numba')\n"
        "cases = [Case(name, f'{name}_r.npy', f'{name}_p.npy') for name in 'abcd']\n"
        "for outcome in evaluate_all(cases, settings, workers=2):\n"
        "    assert outcome.evaluation, outcome.failure\n"
        "    print(outcome.evaluation[1]['hd95'])\n",
        NUMBA_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert len(out.split()) == 4


def test_a_daemon_has_no_workers(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    with pytest.raises(WorkersError, match="workers=1 evaluates in it"):
        list(evaluate_all(cases, SETTINGS, workers=2))
    assert rows(evaluate_all(cases, SETTINGS, workers=None)) == expected(cases)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (None, "no longer answers"),
        (0, "with status 0"),
        (-6, "ended by signal 6 (aborted)"),
        (-signal.SIGTERM, "ended by signal 15 (terminated)"),
        (-200, "ended by signal 200"),
    ],
)
def test_the_exit_of_a_process_in_words(status: int | None, text: str) -> None:
    assert text in exit_in_words(status)


# ------------------------------------------------------------------------------ a plan


@pytest.fixture
def big_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "cores", lambda: 8)
    monkeypatch.setattr(planning, "get_num_threads", lambda: 8)
    monkeypatch.setattr(planning, "available_memory", lambda: 64 << 30)
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {})


@pytest.mark.usefixtures("big_machine")
def test_few_or_tiny_cases_stay_here(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    assert planning.planned(cases, SETTINGS, None, None) == (1, 8)
    assert planning.planned(cases[:1], SETTINGS, None, None) == (1, 8)
    monkeypatch.setattr(planning, "_A_VOXEL", 0.1)  # now the same voxels are many
    assert planning.planned(cases, SETTINGS, None, None) == (6, 1)
    assert planning.planned(cases * 10, SETTINGS, None, None) == (8, 1)
    assert planning.planned(cases * 10, SETTINGS, None, 3) == (8, 3)
    assert planning.planned(cases * 10, SETTINGS, 4, None) == (4, 2)
    assert planning.planned(cases[1:2] * 10, SETTINGS, None, None) == (1, 8)  # all damaged


@pytest.mark.usefixtures("big_machine")
def test_thousands_of_tiny_cases_are_shared_out(cases: list[Case]) -> None:
    # a pair takes milliseconds however small it is: three thousand of them are worth a worker's start
    assert planning.planned(cases * 50, SETTINGS, None, None) == (1, 8)
    assert planning.planned(cases * 500, SETTINGS, None, None) == (8, 1)


@pytest.mark.usefixtures("big_machine")
def test_memory_limits_the_workers(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_A_VOXEL", 0.1)
    one = PROCESS_BYTES + (32 << 20)
    monkeypatch.setattr(planning, "available_memory", lambda: int(3.5 * one))
    assert planning.planned(cases, SETTINGS, None, None) == (3, 2)
    monkeypatch.setattr(planning, "resident_bytes", lambda: 1)
    assert planning.planned(cases, SETTINGS, None, None, int(2.5 * one)) == (2, 4)
    assert planning.planned(cases, SETTINGS, None, None, 1) == (1, 8)
    monkeypatch.setattr(planning, "available_memory", lambda: None)
    assert planning.planned(cases, SETTINGS, None, None) == (6, 1)


def test_a_plan_reads_eight_headers_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = itertools.count()
    genuine = one_case.open_case

    def open_case(case: Case, settings: Settings) -> Any:
        next(looked)
        return genuine(case, settings)

    monkeypatch.setattr(planning, "open_case", open_case)
    monkeypatch.setattr(planning, "cores", lambda: 8)
    monkeypatch.setattr(planning, "get_num_threads", lambda: 8)
    planning.planned(saved(tmp_path, "a") * 1000, SETTINGS, None, None)
    assert next(looked) == 8


def test_the_chosen_backend_is_told() -> None:
    assert dispatch.forced_backend() is None
    with fastseg.use_backend("scipy"):
        assert dispatch.forced_backend() == "scipy"
