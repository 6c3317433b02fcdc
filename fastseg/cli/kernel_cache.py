"""The cache of machine code: where it is, whether it can be written, whether it is cold, and what would fill it."""

from __future__ import annotations

import concurrent.futures
import gc
import importlib
import multiprocessing
import os
import pkgutil
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from fastseg import dispatch, threads
from fastseg.cli.messages import say
from fastseg.errors import InputError

_MOST_PROCESSES = 8  # the longest kernel takes a seventh of all time


class Kept(NamedTuple):
    """What the cache of machine code is like, for this machine and these versions.

    Attributes
    ----------
    folder : Path or None
        What holds the folders of the kernels; None where none of them can be read or written.
    refusal : str
        Why new machine code cannot be kept, or not where it was asked to be; empty if it can.
    ready, total : int
        How many kernels are in the cache, of how many.
    """

    folder: Path | None
    refusal: str
    ready: int
    total: int


def kept(backend: str | None = None) -> Kept | None:
    """Look at the cache of machine code; None where no machine code is made.

    That is where another backend runs, and under ``NUMBA_DISABLE_JIT=1``.
    """
    if not _compiles(backend):
        return None
    from fastseg_kernels import _cache

    kernels = all_kernels()
    ready = [Path(folder) for kernel in kernels if (folder := kernel.kept_in())]
    writable = [kernel.cache.writable_folder() for kernel in kernels]
    refusal = ""
    if None in writable:
        refusal = _cache.reasons(_cache.places(kernels[0].cache.function))
    elif _cache.named_folder():
        asked = [_cache.places(kernel.cache.function)[0] for kernel in kernels]
        if asked != writable:
            refusal = _cache.reasons(asked[:1])
    folders = ready or [Path(folder) for folder in writable if folder]
    folder = Path(os.path.commonpath(folders)) if folders else None
    return Kept(folder, refusal, len(ready), len(kernels))


def described(cache: Kept | None) -> str:
    """Say where machine code is kept, whether it can be, and how much of it is there."""
    if cache is None:
        return "not in use"
    if cache.folder is None:
        return f"kept nowhere: {cache.refusal}"
    writing = "cannot be written" if cache.refusal else "can be written"
    return f"{cache.folder} ({cache.ready} of {cache.total} kernels; {writing})"


def check_can_be_filled(cache: Kept) -> None:
    """Raise unless every kernel is in the cache already or can be put there, where it was asked to be."""
    from fastseg_kernels import _cache

    named = _cache.named_folder()
    astray = named and cache.folder and not cache.folder.is_relative_to(named)
    if cache.refusal and (cache.ready < cache.total or astray):
        raise InputError(
            f"machine code cannot be kept: {cache.refusal}; "
            f"set {_cache.VARIABLE} to a folder that can be written"
        )


def check_is_full(cache: Kept | None) -> None:
    """Raise unless every kernel is in the cache: the disk may be full."""
    if cache is not None and cache.ready < cache.total:
        raise InputError(
            f"{cache.total - cache.ready} of {cache.total} kernels could not be kept in "
            f"{cache.folder}: is the disk full?"
        )


def is_cold(backend: str | None = None) -> bool:
    """Tell whether a run would have to compile all its kernels first, and later ones would not."""
    if not _compiles(backend):
        return False
    from fastseg_kernels._jit import KERNELS  # which the backend has imported

    return KERNELS[0].cache.writable_folder() is not None and not any(
        kernel.kept_in() for kernel in KERNELS
    )


def _compiles(backend: str | None) -> bool:
    if dispatch.choose("surface_distances", 3, backend).name != "numba":
        return False
    from fastseg_kernels._jit import KERNELS

    return hasattr(KERNELS[0], "kept_in")  # plain functions have no cache


def all_kernels() -> list[Any]:
    """Import every file of kernels, which enters them into a list, and give them in an order of their names.

    That of the list is the order of imports, which another process may have done in another one.
    """
    kernels = importlib.import_module("fastseg_kernels.cpu")
    for module in pkgutil.walk_packages(kernels.__path__, f"{kernels.__name__}."):
        importlib.import_module(module.name)
    from fastseg_kernels._jit import KERNELS

    return sorted(KERNELS, key=lambda kernel: (kernel.__module__, kernel.__qualname__))


def compile_all(advance: Callable[[], None]) -> tuple[int, int]:
    """Make every kernel ready in the cache, on all cores; how many there are, and how many were not there before.

    numba compiles in one thread of a process whatever there is, so each further core has a process: 1.8× on two. This
    one takes kernels that no other has begun; it has imported numba already, which the others do meanwhile.
    """
    kernels = all_kernels()
    n = len(kernels)
    workers = min(threads.get_num_threads(), _MOST_PROCESSES)
    if workers < 2:
        return n, _count(map(_compiled, kernels), advance)
    # fresh ones: a fork would take over locks that other threads of this process may hold
    fresh = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with concurrent.futures.ProcessPoolExecutor(workers - 1, fresh, _start) as pool:
        tasks = [pool.submit(_compile, i) for i in range(n)]
        try:
            return n, _count(_done(tasks, kernels), advance)
        except BaseException:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()  # a kernel may take ten seconds more; files are written whole or not at all
            pool.shutdown(cancel_futures=True)
            raise


def _done(tasks: list[concurrent.futures.Future[bool]], kernels: list[Any]) -> Iterator[bool]:
    """Compile what no other process has begun, and give for all that is done, here or there, if it was compiled.

    A thread compiles here, as an interrupt is heard in the main thread: in the middle of numba and LLVM it would be
    lost, or leave them in pieces. It ends with the process.
    """
    found: SimpleQueue[concurrent.futures.Future[bool]] = SimpleQueue()

    def compile_here() -> None:
        for task, kernel in zip(tasks, kernels, strict=True):
            # what is ready here is perhaps not in the cache
            if kernel.is_ready or not task.cancel():
                continue
            here: concurrent.futures.Future[bool] = concurrent.futures.Future()
            try:
                here.set_result(_compiled(kernel))
            except BaseException as error:
                here.set_exception(error)
            found.put(here)

    for task in tasks:
        task.add_done_callback(lambda done: None if done.cancelled() else found.put(done))
    threading.Thread(target=compile_here, name="fastseg-compile", daemon=True).start()
    for _ in tasks:
        yield found.get().result()


def _count(compiled: Iterable[bool], advance: Callable[[], None]) -> int:
    count = 0
    for was in compiled:
        count += was
        advance()
    return count


def _start() -> None:
    """Leave an interrupt to the process that waits: it ends the others, and says so once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _compile(i: int) -> bool:
    return _compiled(all_kernels()[i])


def _compiled(kernel: Any) -> bool:
    """Make a kernel ready, and tell whether it had to be compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what was not kept is seen in the end
        kernel.compile()
    # What numba made lives as long as this process, so no collection need look at it: that at the end takes a second.
    gc.freeze()
    return was_compiled(kernel)


def was_compiled(kernel: Any) -> bool:
    """Tell whether a kernel that is ready was compiled in this process, and not loaded from the cache."""
    return bool(sum(kernel.dispatcher.stats.cache_misses.values()))


def announce_compilation(backend: str | None = None) -> None:
    """Say that the first run takes longer, where it does."""
    if is_cold(backend):
        say("compiling for this machine, which the first run does, up to half a minute", "note")
