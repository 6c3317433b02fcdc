"""The C library's allocator: told to keep the pages that are freed, where it is glibc's."""

from __future__ import annotations

import os

import numpy as np

#: the largest block that glibc heeds
_LARGEST_BLOCK = 31 << 20


def keep_freed_pages() -> None:
    """Have glibc keep freed memory for the next call, unless the environment has ``FASTSEG_KEEP_PAGES=0``.

    glibc gives memory back to the system where more of it lies free than twice the largest block that was ever freed,
    and taking each page again costs more than filling it: a third of the time of a 256³ pair (benchmarks:
    evaluate masks). So a block of the largest size that counts is freed here, without ever being touched. It holds for
    the whole process: at most twice that size, 62 MB, stays with it. With another allocator this does nothing.
    """
    if os.environ.get("FASTSEG_KEEP_PAGES") != "0":
        np.empty(_LARGEST_BLOCK, np.uint8)
