"""How many workers, and how many threads each: found from the machine and from the headers of some cases."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from typing import NamedTuple

from fastseg.cohort.machine import available_memory, cores, resident_bytes
from fastseg.cohort.memory import PROCESS_BYTES
from fastseg.cohort.one_case import Opened, attempt, open_case
from fastseg.cohort.outcomes import Case
from fastseg.evaluation.settings import Settings
from fastseg.threads import get_num_threads

# As many headers are looked at, of cases all over the list.
_LOOKED_AT = 8

# What a voxel of a pair takes, to unzip and to measure, in seconds; what a pair takes however small it is (two files to
# open, rows, a line of results); and what starting a worker takes.
_A_VOXEL = 5e-9
_A_CASE = 3e-3
_A_START = 1.5


class Plan(NamedTuple):
    """How many processes evaluate cases side by side, 1 being this one, and how many threads each has."""

    workers: int
    threads: int


def planned(
    cases: Sequence[Case],
    settings: Settings,
    workers: int | None,
    threads: int | None,
    max_memory: int | None = None,
) -> Plan:
    """Decide what was left open.

    With `workers` None it is as many processes as there are cores that this process may use (its affinity, its
    container's share, :func:`fastseg.set_num_threads`), cases, and cases that fit into memory beside each other, by
    the headers of some of them. It is this process alone where starting others would take longer than they would save:
    where all cases together take some seconds. With `threads` None the cores are divided by the workers.
    """
    available = min(get_num_threads(), cores())
    if workers is None:
        workers = _workers(cases, settings, available, max_memory) if available > 1 else 1
    return Plan(workers, threads or max(1, available // workers))


def _workers(
    cases: Sequence[Case], settings: Settings, available: int, max_memory: int | None
) -> int:
    if settings.backend == "cupy" or multiprocessing.current_process().daemon:
        return 1
    most = min(available, len(cases))
    if most < 2:
        return 1
    step = -(-len(cases) // _LOOKED_AT)
    tried = (attempt(open_case, case, settings) for case in cases[::step])
    opened = [one for one in tried if isinstance(one, Opened)]
    if not opened:
        return 1
    voxels = sum(one.need.voxels for one in opened) / len(opened) * len(cases)
    seconds = voxels * _A_VOXEL + len(cases) * _A_CASE
    free = available_memory()
    if max_memory is not None:
        left = max_memory - (resident_bytes() or PROCESS_BYTES)
        free = left if free is None else min(free, left)
    if free is not None:
        largest = max(one.need.most for one in opened)
        most = min(most, free // (PROCESS_BYTES + largest))
    saved = seconds * (1 - 1 / most) if most > 1 else 0
    return most if saved > 2 * _A_START else 1
