"""numba's cache of machine code: where it is, whether it is cold, and what would fill it."""

from __future__ import annotations

import concurrent.futures
import importlib
import multiprocessing
import os
import pkgutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fastseg import dispatch, threads

_MOST_PROCESSES = 8  # the longest kernel takes a seventh of all time


def cache_folders(backend: str | None = None) -> set[Path]:
    """Find the folders of numba's cache, one for each folder of kernels; none where no machine code is made.

    That is where another backend runs, and under ``NUMBA_DISABLE_JIT=1``.
    """
    if dispatch.choose("surface_distances", 3, backend).name != "numba":
        return set()
    from fastseg_kernels._jit import KERNELS  # which the backend has imported

    dispatchers = [getattr(kernel, "dispatcher", None) for kernel in KERNELS]
    return {Path(entry.stats.cache_path) for entry in dispatchers if entry is not None}


def numba_cache(backend: str | None = None) -> Path | None:
    """Find the folder that holds those of numba's cache; None where no machine code is made."""
    folders = cache_folders(backend)
    return Path(os.path.commonpath(folders)) if folders else None


def is_cold(backend: str | None = None) -> bool:
    """Tell whether a run would have to compile all its kernels first."""
    folders = cache_folders(backend)
    return bool(folders) and not any(path for folder in folders for path in folder.glob("*.nbi"))


def all_kernels() -> list[Any]:
    """Import every file of kernels, which enters them into a list, and give the list."""
    kernels = importlib.import_module("fastseg_kernels.cpu")
    for module in pkgutil.walk_packages(kernels.__path__, f"{kernels.__name__}."):
        importlib.import_module(module.name)
    from fastseg_kernels._jit import KERNELS

    return list(KERNELS)


def compile_all(advance: Callable[[], None]) -> tuple[int, int]:
    """Make every kernel ready in the cache, on all cores; how many there are, and how many were not there before.

    numba compiles in one thread of a process whatever there is, so each core has a process: 1.8× on two.
    """
    n = len(all_kernels())
    workers = min(threads.get_num_threads(), _MOST_PROCESSES)
    if workers < 2:
        return n, _count(map(_compile, range(n)), advance)
    # fresh ones: a fork would take over locks that other threads of this process may hold
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, fresh) as pool:
        tasks = [pool.submit(_compile, i) for i in range(n)]
        try:
            ready = concurrent.futures.as_completed(tasks)
            return n, _count((task.result() for task in ready), advance)
        finally:
            pool.shutdown(cancel_futures=True)


def _count(compiled: Iterable[bool], advance: Callable[[], None]) -> int:
    count = 0
    for was in compiled:
        count += was
        advance()
    return count


def _compile(i: int) -> bool:
    kernel = all_kernels()[i]
    kernel.compile()
    return was_compiled(kernel)


def was_compiled(kernel: Any) -> bool:
    """Tell whether a kernel that is ready was compiled in this process, and not loaded from the cache."""
    return bool(sum(kernel.dispatcher.stats.cache_misses.values()))
