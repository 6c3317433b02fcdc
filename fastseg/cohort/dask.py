"""Cases on a cluster of Dask's."""

from __future__ import annotations

import functools
import itertools
import os
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NamedTuple

from fastseg._version import __version__
from fastseg.cohort.executors import CASES_A_WORKER, evaluate_elsewhere, with_full_paths
from fastseg.cohort.one_case import died, outcome_of
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.errors import InputError, InputTypeError, WorkersError, shortened
from fastseg.evaluation.settings import Settings
from fastseg.io.image import require

# How long to wait for a scheduler, and how often to ask how many workers there are, in seconds.
_PATIENCE = 10
_ASK_AGAIN = 5.0

# Cases are given in batches of so many seconds, of so many cases at most: to give one takes some milliseconds.
_A_BATCH = 0.06
_MOST_IN_A_BATCH = 64


def client(address: str) -> Any:
    """Connect to a scheduler of Dask's.

    Parameters
    ----------
    address : str
        As ``dask scheduler`` tells it: ``tcp://node7:8786``.

    Returns
    -------
    distributed.Client
        To be closed by the caller; it is a context of its own.

    Raises
    ------
    OSError
        If there is none.
    ValueError
        For what is no address.
    MissingPackageError
        If Dask's ``distributed`` is not installed.
    """
    distributed = require("distributed", "a cluster of Dask's", "dask")
    try:
        return distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except OSError as error:
        raise OSError(f"{address}: no scheduler of Dask's answers: {shortened(error)}") from error
    except ValueError as error:
        raise InputError(
            f"{address}: expected the address of a scheduler, as in tcp://node7:8786: {shortened(error)}"
        ) from error


def is_client(value: Any) -> bool:
    """Tell whether this is a client of Dask's, without importing it."""
    return any(
        kind.__module__.startswith("distributed.") and kind.__name__ == "Client"
        for kind in type(value).__mro__
    )


def evaluate_on_cluster(
    cases: Iterable[Case],
    settings: Settings,
    cluster: Any,
    threads: int | None = None,
    max_memory: int | None = None,
) -> Iterator[Outcome]:
    """Evaluate cases on a cluster of Dask's, which has only a few for each worker at a time.

    Parameters
    ----------
    cases : iterable of Case
        Their files must be where the workers find them, by the same paths.
    settings : Settings
    cluster : distributed.Client
        It is left open.
    threads : int, optional
        How many threads a case may use, 1 by default: a worker of Dask's evaluates as many cases at once as it has
        threads.
    max_memory : int, optional
        How many bytes one case may take.

    Yields
    ------
    Outcome
        In the order in which they come. A case whose worker is lost is given to another by Dask, as often as its
        setting ``distributed.scheduler.allowed-failures`` says, and at last once more while nothing else runs.
        Only then it is a failure, "WorkerDied".

    Raises
    ------
    WorkersError
        If the cluster is gone, or its workers have another version of fastseg.
    """
    distributed = require("distributed", "a cluster of Dask's", "dask")
    if getattr(cluster, "asynchronous", False):
        raise InputTypeError("executor: expected a Client with asynchronous=False")
    with _cluster_is_there():
        versions = cluster.run(_version, on_error="return")
    _check(versions)
    work = functools.partial(
        _evaluate_several,
        settings=settings,
        threads=threads or 1,
        budget=max_memory,
        here=os.getpid(),
    )
    batches = _Batches(cases)
    under_way: dict[Any, _Batch] = {}
    ready = distributed.as_completed(with_results=True, raise_errors=False, loop=cluster.loop)
    run, numbers = uuid.uuid4().hex[:8], itertools.count()

    def send(batch: _Batch) -> Any:
        sent = list(map(with_full_paths, batch.cases))
        with _cluster_is_there():
            future = cluster.submit(work, sent, key=f"fastseg-{run}-{next(numbers)}", pure=False)
            ready.add(future)
        return future

    limit, asked = 0, -_ASK_AGAIN
    try:
        while True:
            if time.monotonic() - asked > _ASK_AGAIN:
                with _cluster_is_there():
                    limit, asked = _window(cluster), time.monotonic()
            while len(under_way) < limit and (batch := batches.next(not under_way)):
                under_way[send(batch)] = batch
            if not under_way:
                return
            future, found = next(ready)
            batch = under_way.pop(future)
            if isinstance(found, list):
                batches.learn(found)
                for outcome, case in zip(found, batch.cases, strict=True):
                    yield replace(outcome, case=case)
            elif batch.by_itself or (len(batch.cases) == 1 and not _is_killed(found)):
                yield _failed(future, found, batch.cases[0])
            else:
                _check_is_kept(future, batch.cases[0])
                batches.again(batch)
    finally:
        if under_way:
            _cancel(cluster, list(under_way))


def _evaluate_several(cases: list[Case], **how: Any) -> list[Outcome]:
    """Evaluate some cases on a worker, one after the other."""
    return [evaluate_elsewhere(case, **how) for case in cases]


class _Batch(NamedTuple):
    """Cases that are given to a worker together, and whether the cluster has nothing beside them."""

    cases: list[Case]
    by_itself: bool = False


class _Batches:
    """Cases as they are given to a cluster: several at once where they are so short that sending them takes as long.

    Dask holds whatever a worker had responsible for its death. So of a batch that was lost each case is given again,
    and one that was lost then too a last time when the cluster has nothing else: only that case can be the reason.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = iter(cases)
        self._lost: deque[Case] = deque()
        self._suspects: deque[Case] = deque()
        self._size = 1

    def next(self, idle: bool) -> _Batch | None:
        """Give the next cases, if there are any to give while the cluster is idle, or is not."""
        if self._lost:
            return _Batch([self._lost.popleft()])
        if cases := list(itertools.islice(self._cases, self._size)):
            return _Batch(cases)
        return _Batch([self._suspects.popleft()], True) if idle and self._suspects else None

    def learn(self, outcomes: list[Outcome]) -> None:
        """Decide by those that were evaluated how many are given at once, the slowest of them counting."""
        slowest = max(outcome.seconds for outcome in outcomes)
        fitting = int(_A_BATCH / max(slowest, 1e-3))
        self._size = max(1, min(fitting, 2 * self._size, _MOST_IN_A_BATCH))

    def again(self, batch: _Batch) -> None:
        """Take back what was lost."""
        (self._lost if len(batch.cases) > 1 else self._suspects).extend(batch.cases)


def _is_killed(found: Any) -> bool:
    """Tell whether Dask says that workers died of it."""
    return isinstance(found, tuple) and type(found[1]).__name__ == "KilledWorker"


def _check_is_kept(future: Any, case: Case) -> None:
    """Raise if the cluster has let go of a case, for good."""
    if future.status in ("cancelled", "lost"):
        raise WorkersError(
            f"the cluster takes no more cases, and has let go of {case.name}: its scheduler is gone, or somebody "
            "has cancelled it"
        )


def _failed(future: Any, found: Any, case: Case) -> Outcome:
    """Make a failure of what Dask says of a case instead of its outcome."""
    _check_is_kept(future, case)
    error = found[1] if isinstance(found, tuple) else found
    if _is_killed(found):
        return died(case, f"{error.allowed_failures + 1} workers died of it, one after the other")
    return outcome_of(case, error)


@contextmanager
def _cluster_is_there() -> Iterator[None]:
    """Say in one line if a cluster takes no more."""
    try:
        yield
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise WorkersError(f"the cluster takes no more cases: {shortened(text)}") from error


def _window(cluster: Any) -> int:
    """Tell how many cases the cluster may have: some for each thread of its workers, of which more may come."""
    count: int = sum(cluster.nthreads().values())
    return CASES_A_WORKER * max(1, count)


def _check(versions: Mapping[str, Any]) -> None:
    """Raise unless all workers that there are have this version of fastseg."""
    for worker, version in versions.items():
        if version != __version__:
            has = f"fastseg {version}" if isinstance(version, str) else f"no fastseg: {version}"
            raise WorkersError(
                f"the worker {worker} has {shortened(has)}, and this is fastseg {__version__}; install the same "
                "version on all workers"
            )


def _version() -> str:
    return __version__


def _cancel(cluster: Any, futures: list[Any]) -> None:
    """Take back what is not begun; a cluster that is gone has nothing any more."""
    with suppress(Exception):
        cluster.cancel(futures, force=True)
