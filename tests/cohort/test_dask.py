"""A cluster of Dask's gives the same rows, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastseg.cohort import dask
from fastseg.cohort.executors import CASES_A_WORKER
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.run import evaluate_all
from fastseg.errors import InputError, InputTypeError, MissingPackageError, WorkersError
from tests.cohort.cohorts import SETTINGS, deadly, rows, saved

__all__ = ["deadly"]  # a fixture


@pytest.fixture
def distributed() -> Any:
    """Imported only when a test needs it."""
    return pytest.importorskip("distributed")


pytestmark = [
    pytest.mark.slow,
    # what Dask's own threads and sockets leave behind
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def client(distributed: Any) -> Iterator[Any]:
    """Of two workers, each a process with one thread; started after what a test has set in the environment."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as one,
    ):
        yield one
        one.wait_for_workers(
            2, timeout=30
        )  # a cluster that is closed while it starts one anew hangs


def test_a_cluster_gives_the_same_rows(client: Any, tmp_path: Path) -> None:
    names = ["bad", *map(str, range(40)), "bad too"]
    cases = saved(tmp_path, names)
    found = rows(evaluate_all(cases, SETTINGS, executor=client))
    assert found == rows(evaluate_all(cases, SETTINGS))
    assert client.submit(int).result() == 0  # it is left open


def test_a_worker_that_is_killed_loses_no_case(client: Any, tmp_path: Path) -> None:
    cases = saved(tmp_path, map(str, range(300)))
    pids = list(client.run(os.getpid).values())
    outcomes: list[Outcome] = []
    for outcome in evaluate_all(cases, SETTINGS, executor=client):
        outcomes.append(outcome)
        if len(outcomes) == 40:
            os.kill(pids[0], signal.SIGKILL)
    assert rows(outcomes) == rows(evaluate_all(cases, SETTINGS))
    assert len(outcomes) == 300
    assert pids[0] not in client.run(os.getpid).values()


@pytest.mark.usefixtures("deadly")
def test_a_case_that_kills_every_worker_is_one_failure(tmp_path: Path, request: Any) -> None:
    cases = saved(tmp_path, [*map(str, range(60)), "kill", *map(str, range(60, 80))])
    with pytest.importorskip("dask").config.set({"distributed.scheduler.allowed-failures": 1}):
        client = request.getfixturevalue("client")
        outcomes = {o.case.name: o for o in evaluate_all(cases, SETTINGS, executor=client)}
    failed = outcomes.pop("kill").failure
    assert failed is not None
    assert failed.kind == "WorkerDied"
    assert failed.message == "2 workers died of it, one after the other"
    good = [case for case in cases if case.name != "kill"]
    assert rows(outcomes.values()) == rows(evaluate_all(good, SETTINGS))


def test_a_cluster_has_few_cases_at_a_time(client: Any, tmp_path: Path) -> None:
    given = []

    def cases() -> Iterator[Case]:
        for case in saved(tmp_path, "a") * 5000:
            given.append(case)
            yield case

    outcomes = evaluate_all(cases(), SETTINGS, executor=client)  # type: ignore[arg-type]
    for done in range(1, 100):
        next(outcomes)
        assert len(given) <= done + 2 * (CASES_A_WORKER + 1) * dask._MOST_IN_A_BATCH
    outcomes.close()  # type: ignore[attr-defined]
    for _ in range(100):
        if not client.scheduler_info()["workers"] or not any(client.processing().values()):
            break
    assert client.submit(int).result() == 0


def test_another_version_is_refused(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "__version__", "9.9")
    with pytest.raises(WorkersError, match=r"has fastseg .*, and this is fastseg 9\.9"):
        list(evaluate_all(saved(tmp_path, "a"), SETTINGS, executor=client))


def test_a_cluster_that_goes_away_is_told(distributed: Any, tmp_path: Path) -> None:
    cases = saved(tmp_path, "a") * 3000
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(WorkersError, match="the cluster takes no more cases"),
    ):
        for number, _ in enumerate(evaluate_all(cases, SETTINGS, executor=client)):
            if number == 20:
                cluster.close()


def test_a_client_by_its_address(client: Any, tmp_path: Path) -> None:
    cases = saved(tmp_path, "abc")
    with dask.client(client.scheduler.address) as one:
        assert dask.is_client(one)
        assert rows(evaluate_all(cases, SETTINGS, executor=one)) == rows(
            evaluate_all(cases, SETTINGS)
        )
    address = client.scheduler.address
    assert rows(evaluate_all(cases, SETTINGS, executor=address)) == rows(
        evaluate_all(cases, SETTINGS)
    )


@pytest.mark.usefixtures("distributed")
def test_an_address_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_PATIENCE", 0.5)
    with pytest.raises(OSError, match="tcp://127.0.0.1:1: no scheduler of Dask's answers"):
        dask.client("tcp://127.0.0.1:1")
    with pytest.raises(InputError, match="nowhere://at all: expected the address of a scheduler"):
        dask.client("nowhere://at all")


def test_an_asynchronous_client_is_refused(distributed: Any, tmp_path: Path) -> None:
    class Client(distributed.Client):  # type: ignore[misc]
        asynchronous = True

        def __init__(self) -> None:
            pass

        def __del__(self) -> None:
            pass

    with pytest.raises(InputTypeError, match="asynchronous=False"):
        list(evaluate_all(saved(tmp_path, "a"), SETTINGS, executor=Client()))


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingPackageError, match=r"fastseg-metrics\[dask\]"):
        dask.client("tcp://here:8786")
