"""The one thread pool, and attributes that its threads may ask for at once.

Kernels are serial and release the interpreter's lock, so plain Python threads are enough; numba's own parallel
layers abort the process when called from several threads or after a fork.
"""

from __future__ import annotations

import itertools
import operator
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from fastseg.errors import InputError, shortened

if TYPE_CHECKING:
    from concurrent.futures import Executor, ThreadPoolExecutor

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Value = TypeVar("_Value")

_lock = threading.Lock()
_pool: _Helpers | None = None
_num_threads: int | None = None
_inside = threading.local()


# Threads that any machine may be asked for. To count its cores takes 10 µs, which a call asks for again and again.
_ALWAYS_TAKEN = 64


def most_threads() -> int:
    """Tell how many threads are used at most, whatever was asked for: four a core, and 64 on a small machine.

    More of them only cost memory and time.
    """
    return max(_ALWAYS_TAKEN, 4 * (os.cpu_count() or 1))


def get_num_threads() -> int:
    """Tell how many threads one call may use.

    As set by :func:`set_num_threads`, else by the environment variable ``FASTSEG_NUM_THREADS`` (unset if empty), else
    the cores that the process may run on. Never more than four a core, or 64 where that is more.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.get_num_threads() >= 1
    True
    """
    if _num_threads is not None:
        return _num_threads
    text = os.environ.get("FASTSEG_NUM_THREADS")
    if not text:
        has_affinity = hasattr(os, "sched_getaffinity")
        return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    if not text.isdecimal() or not text.strip("0"):
        raise InputError(
            f"FASTSEG_NUM_THREADS: expected a whole number of at least 1, got {shortened(repr(text))}"
        )
    count = int(text.lstrip("0")[:10])  # what has more digits is too many as well
    return count if count <= _ALWAYS_TAKEN else min(count, most_threads())


def chosen_num_threads() -> int | None:
    """Tell what :func:`set_num_threads` was given last: None where it was not called, or with None."""
    return _num_threads


def set_num_threads(n: int | None) -> None:
    """Set how many threads one call may use; None goes back to the default.

    Parameters
    ----------
    n : int or None
        At least 1; NumPy's integers too. More than four a core, or 64 where that is more, are taken as that many.

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
    count = None if n is None else _checked(n)
    with _lock:
        _num_threads = count
        if _pool is not None and count not in (1, _pool.size + 1):
            _pool = None  # its threads finish what they have and end


def _checked(n: Any) -> int:
    try:
        count = 0 if isinstance(n, bool) else operator.index(n)
    except TypeError:
        count = 0
    if count < 1:
        raise InputError(
            f"set_num_threads: expected a whole number of at least 1 or None, got {shortened(repr(n))}"
        )
    return min(count, most_threads())


def _after_fork() -> None:
    """Start anew in a child, which has none of its parent's threads; the lock may have been held."""
    global _pool, _lock
    _lock = threading.Lock()
    _pool = None
    _inside.__dict__.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Helpers:
    """Threads that make calls.

    A ``ThreadPoolExecutor`` takes 40 µs until a call begins, these take 15 (benchmarks: two threads beside one). They
    are daemons, so that they need not be ended at exit.
    """

    def __init__(self, size: int) -> None:
        self.size, self._started = size, 0
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()

    def submit(self, call: Callable[[], object]) -> None:
        """Have a thread make a call, which raises nothing."""
        self._calls.put(call)
        if self._started < self.size:
            self._start()

    def _start(self) -> None:
        with _lock:
            number = self._started
            if number == self.size:
                return
            thread = threading.Thread(
                target=_serve, args=(self._calls,), name=f"fastseg_{number}", daemon=True
            )
            thread.start()
            self._started += 1

    def __del__(self) -> None:
        """End the threads when they have done what there is."""
        for _ in range(self._started):
            self._calls.put(None)


def _serve(calls: SimpleQueue[Callable[[], object] | None]) -> None:
    while True:
        call = calls.get()
        if call is None:
            return
        call()
        del call  # else what it holds lives until the next one


def _the_pool(n: int) -> _Helpers:
    global _pool
    with _lock:
        if _pool is None:
            _pool = _Helpers(n)
        return _pool


#: Handing work to the pool costs as much as some ten thousand voxels. So what it costs (voxels, words: whatever takes a
#: fraction of a nanosecond to a few) must reach this.
LEAST_COST = 1 << 20


def run(
    function: Callable[[_Item], _Result], items: Iterable[_Item], cost: float = LEAST_COST
) -> list[_Result]:
    """Call the function on every item, here and on the pool, and give the results in order.

    The calling thread takes items too, so it never waits for a thread to wake, and does everything where no other
    thread can be started. Each takes the next item that is left: what comes first begins first. After an error nothing
    more begins, and of several errors that of the first item is raised.

    Runs serially for one item, for one thread, where all of it costs less than `LEAST_COST`, and inside another
    ``run``: work is split once, at the outermost level, so that a pool thread never waits for the pool.
    """
    items = list(items)
    n = get_num_threads()
    if len(items) < 2 or n < 2 or cost < LEAST_COST or getattr(_inside, "busy", False):
        return list(map(function, items))
    shared = _Shared(function, items)
    try:
        for _ in range(min(n, len(items)) - 1):
            _the_pool(n - 1).submit(shared.help)
    except RuntimeError:
        pass  # no thread can be started: memory or processes are at their limit, or the interpreter shuts down
    return shared.finished()


class _Shared(Generic[_Item, _Result]):
    """Items that several threads take one by one."""

    def __init__(self, function: Callable[[_Item], _Result], items: list[_Item]) -> None:
        self._function = function
        self._waiting = deque(enumerate(items))
        self._results: dict[int, _Result] = {}
        self._errors: dict[int, BaseException] = {}
        self._helping: list[None] = []  # an entry for each thread that has begun to help
        self._ended: SimpleQueue[None] = SimpleQueue()  # and one for each that has ended

    def _work(self) -> None:
        place = -1
        try:
            _inside.busy = True
            while self._waiting:
                try:
                    place, item = self._waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                self._results[place] = self._function(item)
        except BaseException as error:
            self._waiting.clear()
            self._errors[place] = error
            raise
        finally:
            _inside.busy = False

    def help(self) -> None:
        """Take items on a thread of the pool, which may come when nothing is left."""
        self._helping.append(None)
        try:
            self._work()
        except BaseException:
            return  # the calling thread raises it
        finally:
            self._ended.put(None)

    def finished(self) -> list[_Result]:
        """Take items on the calling thread, wait for the helpers that have begun, and give the results in order."""
        with suppress(Exception):  # raised below: the first, if there are several
            self._work()
        # No item is left: a helper that begins only now does nothing.
        for _ in self._helping:
            self._ended.get()
        if self._errors:
            try:
                raise self._errors[min(self._errors)]
            finally:
                self._errors.clear()  # else an error, by its traceback, would hold itself
        del self._function  # a helper that has not begun would keep what it holds
        return [self._results.pop(place) for place in range(len(self._results))]


def submit(
    pool: Callable[[], Executor], function: Callable[[_Item], _Result], item: _Item
) -> Future[_Result]:
    """Have a pool call the function on an item; where it cannot, the call is made here and now.

    The interpreter starts no thread while it shuts down (in a function that was registered with :mod:`atexit`, say),
    and the system none where memory or processes are at their limit.

    Parameters
    ----------
    pool : callable
        Gives the pool.
    function : callable
    item : object

    Returns
    -------
    Future
        Of the result, or of what was raised.
    """
    future: Future[_Result] = Future()
    unclaimed = [function]  # a pool that can start no thread has queued the call before it says so

    def call(here: bool = False) -> None:
        try:
            claimed = unclaimed.pop()
        except IndexError:
            return
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(claimed(item))
        except BaseException as error:
            future.set_exception(error)
            if here and not isinstance(error, Exception):
                raise

    try:
        pool().submit(call)
    except RuntimeError:
        call(here=True)
    return future


@contextmanager
def own_pool(n: int, name: str) -> Iterator[Callable[[Callable[[Any], Any], Any], Future[Any]]]:
    """Give a function that has a pool of its own call a function on an item, as `submit` does.

    For what waits for a disk beside what computes. The pool ends with the block, as soon as what it was given is done.

    Parameters
    ----------
    n : int
        How many threads.
    name : str
        What they are called, and a number.
    """
    made: list[ThreadPoolExecutor] = []

    def pool() -> ThreadPoolExecutor:
        if not made:
            from concurrent.futures import ThreadPoolExecutor

            made.append(ThreadPoolExecutor(n, thread_name_prefix=name))
        return made[0]

    try:
        yield lambda function, item: submit(pool, function, item)
    finally:
        for one in made:
            one.shutdown()


def run_from_both_ends(
    function: Callable[[_Item], _Result], items: Iterable[_Item], cost: float = LEAST_COST
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
        run(work, [waiting.popleft] + [waiting.pop] * (get_num_threads() - 1), cost)
    finally:
        waiting.clear()  # after an error no thread goes on
    return [done[place] for place in sorted(done)]


def slabs(
    size: int, cost: float = 0, least_cost: float = LEAST_COST, *, sides: int = 1
) -> Sequence[tuple[int, int]]:
    """Cut ``range(size)`` into one piece a thread, or leave it whole where the work is too small to share.

    That is where `cost` does not reach `least_cost`. Of what is done alike on several `sides`, so many pieces are one a
    thread, if these come out even.
    """
    n = get_num_threads()
    n = min(n if n % sides else n // sides, size)
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
