"""Distance transforms beside the peers', of the same arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fastseg
from benchmarks.comparison.agreement import Check
from benchmarks.on_gpu import peers
from benchmarks.on_gpu.cases import Subject, transformed
from benchmarks.on_gpu.device import Device, WallClock, open_device
from benchmarks.on_gpu.parts import Row, Scope
from benchmarks.on_gpu.timing import Comparison, Side, compare
from benchmarks.on_gpu.warm import cores
from benchmarks.programs import Answer, Program

FLOAT32 = Check(("distances",), relative=1e-6)
CUCIM = {"cuCIM": 4.0}  # times as fast on the large volume


def rows(
    scope: Scope, begin: Callable[[str], None], size: str, device: Device | None = None
) -> Iterator[Row]:
    """Each case in float32, with and without indices, and in float64 where sums round."""
    fastseg.set_num_threads(cores())
    device = device or open_device()
    for subject in transformed(scope, size):
        begin(f"making {subject.name}")
        foreground = ~subject.load().reference
        kinds: list[tuple[Any, bool]] = [(np.float32, False)]
        if subject.name == "near":
            kinds += [(np.float32, True), (np.float64, False)]
        for dtype, indices in kinds:
            row = comparison(subject, foreground, dtype, indices, device)
            yield from compare(row, scope, device, begin)


def comparison(
    subject: Subject, foreground: Any, dtype: Any, indices: bool, device: Device
) -> Comparison:
    """The row of a case."""
    name = f"{subject.name}, {np.dtype(dtype)}{', with indices' * indices}"
    given = device.cupy.asarray(foreground)
    sides = [
        Side(
            "fastseg", functools.partial(ours, given, subject, dtype, indices, device), device.clock
        ),
        # float32 ones are the float64 ones, rounded, of which the numba backend has those as well
        Side("numba", functools.partial(numba, foreground, subject, dtype, indices), WallClock()),
        Side(
            "fastseg from the host",
            functools.partial(from_the_host, foreground, subject, dtype, indices),
            device.clock,
        ),
    ]
    programs = peers.TRANSFORMS_WITH_INDICES if indices else peers.TRANSFORMS
    for peer, make in programs.items():
        ready = functools.partial(make, device, given, subject.spacing, dtype)
        sides.append(Side(peer, ready, device.clock, FLOAT32))
    must = {"must": subject.must, "aim": subject.aim} if dtype == np.float32 else {}
    if indices and subject.must:
        must = {"must": 6e-3, "aim": None}
    times = CUCIM if subject.must and dtype == np.float32 else {}
    what = f"{subject.size}: {subject.about}"
    return Comparison(name, what, sides, times=times, voxels=foreground.size, **must)


def _described(found: Any, indices: bool, cupy: Any, dtype: Any) -> Answer:
    parts = found if indices else (found,)
    arrays = [part if isinstance(part, np.ndarray) else cupy.asnumpy(part) for part in parts]
    answer: Answer = {"distances": arrays[0].astype(dtype, copy=False)}
    return {**answer, "indices": arrays[1]} if indices else answer


def ours(given: Any, subject: Subject, dtype: Any, indices: bool, device: Device) -> Program:
    """Of an array of the device."""

    def call() -> Any:
        return fastseg.distance_transform_edt(
            given, subject.spacing, return_indices=indices, dtype=dtype
        )

    return Program(call, lambda found: _described(found, indices, device.cupy, dtype))


def numba(foreground: Any, subject: Subject, dtype: Any, indices: bool) -> Program:
    """On the CPU; compared are its float64 distances, rounded to what is asked for."""

    def call(dtype: Any = dtype) -> Any:
        return fastseg.distance_transform_edt(
            foreground, subject.spacing, return_indices=indices, dtype=dtype
        )

    def describe(_: Any) -> Answer:
        return _described(call(np.float64), indices, np, dtype)

    return Program(call, describe)


def from_the_host(foreground: Any, subject: Subject, dtype: Any, indices: bool) -> Program:
    """An array of the CPU, taken to the GPU, and the answer back."""

    def call() -> Any:
        with fastseg.use_backend("cupy"):
            return fastseg.distance_transform_edt(
                foreground, subject.spacing, return_indices=indices, dtype=dtype
            )

    return Program(call, lambda found: _described(found, indices, np, dtype))
