"""The device, as the parts see it: where arrays go, and the clock. Tests give them one that is no GPU."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.comparison import report
from fastseg._version import __version__

Call = Callable[[], Any]

#: CUDA's numbers of attributes of a device
CLOCK_RATE, MULTIPROCESSORS = 13, 16
SCHEDULERS = 4  # of a multiprocessor, on every card since Volta

#: what is asked for its version
DISTRIBUTIONS = (
    *("numpy", "scipy", "numba", "torch", "triton"),
    *("cupy-cuda13x", "cupy-cuda12x", "cucim-cu13", "cucim-cu12", "monai", "exacta"),
)


class Clock(Protocol):
    """Seconds of a call."""

    def queued(self, call: Call, before: Call = ...) -> float:
        """Of what a call puts into the queue of the device, which is filled so that nothing waits for the CPU."""

    def whole(self, call: Call) -> float:
        """From an idle device to an idle device: what a caller waits for."""


def nothing() -> None:
    """Do nothing before a call."""


@dataclass
class EventClock:
    """By CUDA events; before each call memory is written that is larger than the caches."""

    cupy: Any
    cold_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        self.cold = self.cupy.empty(self.cold_bytes // 8, self.cupy.float64)
        self.start, self.stop = self.cupy.cuda.Event(), self.cupy.cuda.Event()

    def queued(self, call: Call, before: Call = nothing) -> float:
        before()
        self.cold.fill(0)  # takes longer than it takes Python to enqueue a kernel
        self.start.record()
        call()
        return self._elapsed()

    def whole(self, call: Call) -> float:
        self.cold.fill(0)
        self.cupy.cuda.Device().synchronize()
        self.start.record()
        call()
        self.cupy.cuda.Device().synchronize()  # also what other libraries have put into other streams
        return self._elapsed()

    def _elapsed(self) -> float:
        self.stop.record()
        self.stop.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(self.start, self.stop)) / 1e3


class WallClock:
    """By the clock of the CPU: for what runs there."""

    def queued(self, call: Call, before: Call = nothing) -> float:
        before()
        return self.whole(call)

    def whole(self, call: Call) -> float:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started


@dataclass
class Device:
    """Where the parts run.

    Attributes
    ----------
    cupy : module
        CuPy, or what stands in for it.
    clock : Clock
    bandwidth : float
        Bytes a second of a copy, read and written ones counted; 0 if it is not known.
    issue_rate : float
        Warp instructions a second, likewise.
    """

    cupy: Any
    clock: Clock
    bandwidth: float = 0.0
    issue_rate: float = 0.0

    def memory_of(self, call: Call) -> int:
        """How many bytes CuPy's pool takes for a call, at most at a time."""
        pool = self.cupy.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        found = call()
        taken = pool.total_bytes() - before
        del found
        return int(taken)


def import_cupy() -> Any:
    """CuPy; what it warns of is said elsewhere, and is no error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("cupy")


def open_device() -> Device:
    """The GPU, with what a copy on it reaches."""
    cupy = import_cupy()
    free, _ = cupy.cuda.runtime.memGetInfo()
    clock = EventClock(cupy, min(1 << 30, free // 8))
    device = Device(cupy, clock)
    device.bandwidth = _copy_rate(cupy, clock, min(2 << 30, free // 8))
    multiprocessors, kilohertz = (
        cupy.cuda.runtime.deviceGetAttribute(attribute, cupy.cuda.Device().id)
        for attribute in (MULTIPROCESSORS, CLOCK_RATE)
    )
    device.issue_rate = 1e3 * kilohertz * multiprocessors * SCHEDULERS
    return device


def _copy_rate(cupy: Any, clock: Clock, size: int) -> float:
    """The best of some copies of so many bytes."""
    source, target = (cupy.ones(size // 8, cupy.float64) for _ in range(2))
    seconds = min(clock.queued(lambda: cupy.copyto(target, source)) for _ in range(8))
    return 2 * size / seconds


def facts() -> dict[str, Any]:
    """Card, driver and versions. Raises what is missing, in a sentence."""
    try:
        cupy = import_cupy()
    except ImportError as error:
        raise NoDeviceError(f"CuPy cannot be imported ({error})") from error
    try:
        runtime = cupy.cuda.runtime
        if not runtime.getDeviceCount():
            raise NoDeviceError("CuPy finds no CUDA device")
        cupy.zeros(1).get()
        properties = runtime.getDeviceProperties(0)
    except NoDeviceError:
        raise
    except Exception as error:  # whatever of driver and card does not work
        raise NoDeviceError(f"the CUDA device does not work ({error})") from error
    free, total = runtime.memGetInfo()
    return {
        "card": properties["name"].decode(),
        "compute capability": f"{properties['major']}.{properties['minor']}",
        "multiprocessors": properties.get("multiProcessorCount"),
        "L2 cache, MiB": properties.get("l2CacheSize", 0) >> 20,
        "memory, GiB": round(total / 2**30, 1),
        "memory free, GiB": round(free / 2**30, 1),
        "driver": _driver(),
        "CUDA of the driver": _version(runtime.driverGetVersion()),
        "CUDA of CuPy": _version(runtime.runtimeGetVersion()),
        "host": report.machine(),
        "fastseg": __version__,
        "Python": platform.python_version(),
        "versions": versions(),
    }


class NoDeviceError(Exception):
    """There is no GPU to run on."""


def versions() -> dict[str, str]:
    """Of all that is installed of what is compared."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "not told by nvidia-smi"
    return found.stdout.splitlines()[0].strip() if found.stdout.strip() else "unknown"


def main(file: str) -> int:
    """Write the facts as a JSON, in a process of its own: a driver may hang."""
    import json
    from pathlib import Path

    try:
        found = facts()
    except NoDeviceError as error:
        found = {"missing": str(error)}
    Path(file).write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
