"""Launches: how the emulated device runs a kernel, and what it checks of the arguments."""

from __future__ import annotations

import ctypes
import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import fastseg_kernels
from tests.gpu.emulator import build, ptx
from tests.gpu.emulator.device_array import ndarray
from tests.gpu.emulator.signatures import Parameter, Signature

SCHEDULES = ("forward", "reversed", "shuffled")


class LaunchError(Exception):
    """What went wrong in a kernel or in its launch: kernel, variable, thread and line."""


@dataclass(frozen=True)
class Engine:
    """What runs: the source itself or its PTX for an architecture, in which order, and whether it is checked."""

    architecture: int | None = None
    schedule: str = "forward"
    checked: bool = False
    seed: int = 1
    most_accesses: int = 2_000_000_000

    def __str__(self) -> str:
        what = "source" if self.architecture is None else f"ptx{self.architecture}"
        return f"{what}-{self.schedule}{'-checked' * self.checked}"

    def module(self, text: str, options: tuple[str, ...]) -> Path:
        if self.architecture is not None:
            return ptx.module(text, options, self.architecture)
        return build.source_module(text, options, "checked" if self.checked else "fast")


class _Region(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("start", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
        ("initialised", ctypes.c_void_p),
        ("read_only", ctypes.c_int),
    )


@functools.cache
def load(path: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(path))


@functools.cache
def runtime() -> ctypes.CDLL:
    library = ctypes.CDLL(str(build.runtime()))
    library.emu_launch.restype = ctypes.c_char_p
    return library


@functools.cache
def file_of(text: str) -> str:
    """The name of the kernel file with this text."""
    for path in (Path(fastseg_kernels.__file__).parent / "gpu").glob("*.cu"):
        if path.read_text(encoding="utf-8") in text:
            return path.name
    return "kernel.cu"


@dataclass
class Kernel:
    """One kernel of a source: called as CuPy's, with a grid, a block and arguments."""

    text: str
    options: tuple[str, ...]
    name: str
    device: Any  # its `engine` runs the kernel, its `launches` remembers it

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *, shared_mem: int = 0
    ) -> None:
        signature = build.signatures(self.text, self.options)[self.name]
        launch = Launch(self, signature, args)
        launch.run(_three(grid), _three(block), int(shared_mem), self.device.engine)
        self.device.launches.append((self.name, _three(grid), _three(block), int(shared_mem)))


def _three(sizes: Sequence[int]) -> tuple[int, int, int]:
    numbers = [int(size) for size in sizes]
    if not 1 <= len(numbers) <= 3 or any(not 0 <= n < 2**32 for n in numbers):
        raise ValueError(f"expected one to three sizes that fit in 32 bits, got {sizes!r}")
    x, y, z = (*numbers, 1, 1)[:3]
    return x, y, z


@dataclass
class Launch:
    """The checked arguments of one launch."""

    kernel: Kernel
    signature: Signature
    args: Sequence[Any]
    arrays: list[tuple[Parameter, ndarray]] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        parameters = self.signature.parameters
        if len(self.args) != len(parameters):
            raise LaunchError(
                f"{self.kernel.name} takes {len(parameters)} arguments, got {len(self.args)}"
            )
        for parameter, value in zip(parameters, self.args, strict=True):
            problem = self._take(parameter, value)
            if problem:
                raise LaunchError(f"{self.kernel.name}, argument {parameter.name!r}: {problem}")

    def _take(self, parameter: Parameter, value: Any) -> str | None:
        """Note an argument, or say what is wrong with it."""
        if parameter.pointer:
            if not isinstance(value, ndarray):
                return f"expected a device array, got a {type(value).__name__}"
            if not value.flags.c_contiguous:
                return "the array is not contiguous in C order"
            if value.size == 0:
                return "an empty array, whose pointer is null"
            stored = "uint8" if value.dtype == bool else value.dtype
            if stored != (np.uint8 if parameter.type == "bool" else parameter.dtype):
                return f"expected {parameter.dtype}, got an array of {value.dtype}"
            address = value.raw.__array_interface__["data"][0]
            self.arrays.append((parameter, value))
            self.values.append(ctypes.c_void_p(address))
            return None
        # CuPy passes Python numbers as 64 bits, whatever the kernel takes
        passed = {bool: np.bool_, int: np.int64, float: np.float64}.get(type(value), type(value))
        if not (isinstance(passed, type) and issubclass(passed, np.generic)):
            return f"expected a scalar {parameter.dtype}, got a {type(value).__name__}"
        scalar = passed(value)
        if scalar.dtype != parameter.dtype:
            return f"expected {parameter.dtype}, got {scalar.dtype} from a {type(value).__name__}"
        self.values.append(np.array([scalar]))
        return None

    def run(
        self, grid: Sequence[int], block: Sequence[int], shared_bytes: int, engine: Engine
    ) -> None:
        if math.prod(block) > self.signature.most_threads:
            raise LaunchError(
                f"{self.kernel.name}: a block of {tuple(block)} threads, more than its launch bounds allow, "
                f"{self.signature.most_threads}"
            )
        path = engine.module(self.kernel.text, self.kernel.options)
        regions = self._regions()
        pointers = (ctypes.c_void_p * len(self.values))(
            *(
                v.ctypes.data if isinstance(v, np.ndarray) else ctypes.addressof(v)
                for v in self.values
            )
        )
        told = runtime().emu_launch(
            getattr(load(path), f"emu_call_{self.kernel.name}"),
            pointers,
            (ctypes.c_uint * 6)(*grid, *block),
            ctypes.c_size_t(shared_bytes),
            (_Region * len(regions))(*regions),
            len(regions),
            int(engine.checked),
            SCHEDULES.index(engine.schedule),
            ctypes.c_uint64(engine.seed),
            ctypes.c_uint64(engine.most_accesses),
        )
        if told is not None:
            raise LaunchError(f"{self.kernel.name}: {self._explained(told.decode(), path, engine)}")
        for parameter, array in self.arrays:
            side = array.allocation.damaged()
            if side:
                raise LaunchError(
                    f"{self.kernel.name}: out-of-bounds write {side} {parameter.name!r}"
                )
            if not parameter.const and not engine.checked:
                array.mark()  # only the checker knows what was written

    def _regions(self) -> list[_Region]:
        """The memory that the launch may use: its arrays, those that overlap as one."""
        spans = []
        for parameter, array in self.arrays:
            start = array.raw.__array_interface__["data"][0]
            spans.append([start, start + array.nbytes, [parameter.name], parameter.const, array])
        spans.sort(key=lambda span: span[0])
        merged: list[list[Any]] = []
        for span in spans:
            if merged and span[0] < merged[-1][1]:
                last = merged[-1]
                last[1] = max(last[1], span[1])
                last[2] += span[2]
                last[3] = last[3] and span[3]
            else:
                merged.append(span)
        regions = []
        for start, stop, names, const, array in merged:
            flags = array.allocation.initialised.ctypes.data + start - array.allocation.address
            regions.append(
                _Region("/".join(names).encode(), start, stop - start, flags, int(const))
            )
        return regions

    def _explained(self, told: str, path: Path, engine: Engine) -> str:
        """The report with lines of the source in place of code addresses."""
        lines = self.kernel.text.splitlines()

        def source(number: int) -> str:
            text = lines[number - 1].strip() if 0 < number <= len(lines) else "?"
            return f"{file_of(self.kernel.text)}:{number} `{text}`"

        def code(match: re.Match[str]) -> str:
            return source(build.source_line(path, int(match[1], 16)))

        told = re.sub(r"\{code (\w+)\}", code, told)
        if engine.architecture is not None:
            listing = ptx.listing(self.kernel.text, self.kernel.options, engine.architecture)
            return re.sub(
                r"(?:\{ptx |line )(\d+)\}?", lambda m: f"`{listing[int(m[1]) - 1].strip()}`", told
            )
        return re.sub(r"\bline (\d+)", lambda m: source(int(m[1])), told)
