"""The one thread pool, and attributes that its threads may ask for at once.

Kernels are serial and release the interpreter's lock, so plain Python threads are enough; numba's own parallel
layers abort the process when called from several threads or after a fork.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar, overload

from fastseg.errors import InputError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Value = TypeVar("_Value")

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_num_threads: int | None = None
_inside = threading.local()


def get_num_threads() -> int:
    """Tell how many threads one call may use.

    As set by :func:`set_num_threads`, else by the environment variable ``FASTSEG_NUM_THREADS``, else the cores
    that the process may run on.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.get_num_threads() >= 1
    True
    """
    if _num_threads is not None:
        return _num_threads
    text = os.environ.get("FASTSEG_NUM_THREADS")
    if text is None:
        has_affinity = hasattr(os, "sched_getaffinity")
        return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise InputError(
            f"FASTSEG_NUM_THREADS: expected a whole number of at least 1, got {text!r}"
        )
    return int(text)


def set_num_threads(n: int | None) -> None:
    """Set how many threads one call may use; None goes back to the default.

    Parameters
    ----------
    n : int or None
        At least 1.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.set_num_threads(1)
    >>> fastseg.get_num_threads()
    1
    >>> fastseg.set_num_threads(None)
    """
    global _num_threads, _pool
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise InputError(
            f"set_num_threads: expected a whole number of at least 1 or None, got {n!r}"
        )
    with _lock:
        _num_threads = n
        _pool = None  # threads of the old pool finish what they have and end


def _after_fork() -> None:
    """Start anew in a child, which has none of its parent's threads; the lock may have been held."""
    global _pool, _lock
    _lock = threading.Lock()
    _pool = None
    _inside.__dict__.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _the_pool(n: int) -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=n, thread_name_prefix="fastseg")
        return _pool


#: Handing work to the pool costs as much as some ten thousand voxels. So what it costs (voxels, words: whatever takes a
#: fraction of a nanosecond to a few) must reach this.
LEAST_COST = 1 << 20


def run(
    function: Callable[[_Item], _Result], items: Iterable[_Item], cost: int = LEAST_COST
) -> list[_Result]:
    """Call the function on every item, on the pool, and give the results in order.

    Runs serially for one item, for one thread, where all of it costs less than `LEAST_COST`, and inside another
    ``run``: work is split once, at the outermost level, so that a pool thread never waits for the pool.
    """
    items = list(items)
    n = get_num_threads()
    if len(items) < 2 or n < 2 or cost < LEAST_COST or getattr(_inside, "busy", False):
        return list(map(function, items))

    def task(item: _Item) -> _Result:
        _inside.busy = True
        try:
            return function(item)
        finally:
            _inside.busy = False

    futures = [_the_pool(n).submit(task, item) for item in items]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


def run_from_both_ends(
    function: Callable[[_Item], _Result], items: Iterable[_Item]
) -> list[_Result]:
    """Call the function on every item, as `run` does: one thread from the first item on, the others from the last.

    For items in order of size: the largest never come together, so that memory hardly grows with the threads, and the
    threads end with what is in between.
    """
    waiting = deque(enumerate(items))
    if len(waiting) < 2:
        return [function(item) for _, item in waiting]
    done: dict[int, _Result] = {}

    def work(take: Callable[[], tuple[int, _Item]]) -> None:
        while True:
            try:
                place, item = take()
            except IndexError:
                return
            done[place] = function(item)

    try:
        run(work, [waiting.popleft] + [waiting.pop] * (get_num_threads() - 1))
    finally:
        waiting.clear()  # after an error no thread goes on
    return [done[place] for place in sorted(done)]


def slabs(size: int, cost: int = 0, least_cost: int = LEAST_COST) -> Sequence[tuple[int, int]]:
    """Cut ``range(size)`` into one piece a thread, or leave it whole where the work is too small to share.

    That is where `cost` does not reach `least_cost`.
    """
    n = min(get_num_threads(), size)
    if n < 2 or cost < least_cost or getattr(_inside, "busy", False):
        return [(0, size)]
    edges = [size * i // n for i in range(n + 1)]
    return list(itertools.pairwise(edges))


class lazy(Generic[_Value]):  # noqa: N801 - a decorator, as property is
    """A property whose first value is kept.

    ``functools.cached_property`` holds one lock for all instances of a class while it computes, up to Python 3.11:
    threads that evaluate different labels would wait for each other, and a child forked meanwhile for ever.
    """

    def __init__(self, function: Callable[[Any], _Value]) -> None:
        self._function = function
        self._name = function.__name__
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[_Value]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> _Value: ...
    def __get__(self, instance: object | None, owner: type) -> lazy[_Value] | _Value:
        if instance is None:
            return self
        value = self._function(instance)
        instance.__dict__[self._name] = value  # found before this descriptor from now on
        return value
