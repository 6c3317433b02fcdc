"""``fastseg warm``: compile beforehand."""

from __future__ import annotations

import time

from fastseg.errors import InputError


def warm() -> None:
    """Compile all numba kernels into the cache, so that the first evaluation starts fast."""
    from fastseg.cli import kernel_cache
    from fastseg.cli.progress import progress

    if (before := kernel_cache.kept("numba")) is None:
        raise InputError("NUMBA_DISABLE_JIT is set, so there is nothing to compile")
    kernel_cache.check_can_be_filled(before)
    started = time.perf_counter()
    with progress(before.total, "kernels") as advance:
        n, compiled = kernel_cache.compile_all(advance)
    after = kernel_cache.kept("numba")
    kernel_cache.check_is_full(after)
    print(
        f"{n} kernels ready in {time.perf_counter() - started:.1f} s: {compiled} compiled, "
        f"{n - compiled} were in the cache\n{kernel_cache.described(after)}"
    )
