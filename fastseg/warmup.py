"""numba's cache of machine code: where it is, whether it is cold, and what would fill it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from fastseg import dispatch


def numba_cache(backend: str | None = None) -> Path | None:
    """The folder of numba's cache; None where no machine code is made.

    That is where another backend runs, and under ``NUMBA_DISABLE_JIT=1``.
    """
    if dispatch.name_of(dispatch.choose("surface_distances", 3, backend)) != "numba":
        return None
    from fastseg_kernels._jit import KERNELS

    dispatcher = getattr(KERNELS[0], "dispatcher", None)
    return Path(dispatcher.stats.cache_path) if dispatcher else None


def is_cold(backend: str | None = None) -> bool:
    """Whether a run would have to compile all its kernels first."""
    folder = numba_cache(backend)
    return folder is not None and not any(folder.glob("*.nbi"))


def all_kernels() -> list[Any]:
    """Every numba kernel of every file, which importing them enters into the list."""
    kernels = importlib.import_module("fastseg_kernels.cpu")
    for module in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}."):
        importlib.import_module(module.name)
    from fastseg_kernels._jit import KERNELS

    return list(KERNELS)


def was_compiled(kernel: Any) -> bool:
    """Whether a kernel that is ready was compiled in this process, and not loaded from the cache."""
    return bool(sum(kernel.dispatcher.stats.cache_misses.values()))
