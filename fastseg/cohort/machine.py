"""What the machine has to give: cores, and memory, as limits of the process or of its container leave them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")

# Where no limit is set, cgroups of version 1 name a number near the largest.
_NO_LIMIT = 1 << 60


def cores() -> int:
    """Tell on how many cores this process may run at once: its affinity, and its container's share of time."""
    has_affinity = hasattr(os, "sched_getaffinity")
    count = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    for folder in _groups("cpu"):
        share = _share(folder)
        if share is not None:
            count = min(count, max(1, round(share)))
    return count


def available_memory() -> int | None:
    """Tell how many bytes may still be taken: by the machine, by the container, by the limits of the process.

    None where nothing tells.
    """
    found = [*_free_of_machine(), *_free_of_groups(), *_free_of_process()]
    return max(0, min(found)) if found else None


def resident_bytes(pid: int | str = "self") -> int | None:
    """Tell how much memory a process holds; None where the system does not say."""
    return _in_statm(pid, 1)


def _in_statm(pid: int | str, field: int) -> int | None:
    try:
        pages = int((_PROC / str(pid) / "statm").read_text("ascii").split()[field])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _free_of_machine() -> Iterator[int]:
    try:
        lines = (_PROC / "meminfo").read_text("ascii").splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) << 10


def _free_of_groups() -> Iterator[int]:
    """Give what each group that this process is in, and those around it, have left."""
    for folder in _groups("memory"):
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            most, now = _number(folder / limit), _number(folder / used)
            if most is not None and most < _NO_LIMIT:
                # The cache of files counts as used, and is given back when memory is needed.
                yield most - (now or 0) + _file_cache(folder)


def _file_cache(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text("ascii").splitlines()
    except OSError:
        return 0
    sizes = dict(line.split() for line in lines if len(line.split()) == 2)
    return sum(int(sizes.get(key, 0)) for key in ("inactive_file", "active_file"))


def _free_of_process() -> Iterator[int]:
    try:
        import resource
    except ImportError:
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    now = _in_statm("self", 0)
    if most != resource.RLIM_INFINITY and now is not None:
        yield most - now


def _groups(controller: str) -> Iterator[Path]:
    """Give the folders of the control groups around this process, of version 2 and of version 1."""
    try:
        lines = (_PROC / "self" / "cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if names and controller not in names.split(","):
            continue
        root = _CGROUPS / controller if names else _CGROUPS
        inner = root / path.lstrip("/")
        # Within a container the path may be that of the machine around it, which is not there.
        yield from (one for one in (inner, *inner.parents) if one.is_relative_to(root))


def _share(folder: Path) -> float | None:
    """Tell how many cores' time a group may take."""
    try:
        quota, period = (folder / "cpu.max").read_text("ascii").split()
    except (OSError, ValueError):
        of_group, length = (
            _number(folder / "cpu.cfs_quota_us"),
            _number(folder / "cpu.cfs_period_us"),
        )
        return of_group / length if of_group and length and of_group > 0 else None
    return None if quota == "max" else int(quota) / int(period)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):  # "max"
        return None
