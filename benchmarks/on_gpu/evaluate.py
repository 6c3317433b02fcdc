"""`evaluate` of arrays on the device and from the host, beside the numba backend, MONAI and exacta."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import fastseg
from benchmarks.comparison.agreement import Check
from benchmarks.on_gpu import peers
from benchmarks.on_gpu.cases import Subject, evaluated
from benchmarks.on_gpu.device import Device, WallClock, open_device
from benchmarks.on_gpu.parts import Row, Scope
from benchmarks.on_gpu.timing import Comparison, Side, compare
from benchmarks.on_gpu.warm import cores
from benchmarks.programs import TOLERANCE, Answer, Pair, Program

NAMES = ("dice", "hd", "hd95", "assd", "nsd")
RELATIVE = {"MONAI": 1e-5, "exacta": 1e-12}  # MONAI computes in float32, its means as well


def rows(
    scope: Scope, begin: Callable[[str], None], size: str, device: Device | None = None
) -> Iterator[Row]:
    """Each case."""
    fastseg.set_num_threads(cores())
    device = device or open_device()
    for subject in evaluated(scope, size):
        begin(f"making {subject.name}")
        pair = subject.load()
        yield from compare(comparison(subject, pair, device), scope, device, begin)


def comparison(subject: Subject, pair: Pair, device: Device) -> Comparison:
    """The row of a case."""
    given = Pair(*map(device.cupy.asarray, pair[:2]), pair.spacing)
    program = functools.partial(ours, subject)
    sides = [
        Side("fastseg", functools.partial(program, given), device.clock),
        Side("numba", functools.partial(program, pair), WallClock()),
        Side(
            "fastseg from the host", functools.partial(program, pair, backend="cupy"), device.clock
        ),
    ]
    for peer, make in peers.EVALUATIONS.items():
        check = Check(NAMES, relative=RELATIVE[peer])
        sides.append(Side(peer, functools.partial(make, subject, pair), device.clock, check))
    what = f"{subject.size}: {subject.about}"
    return Comparison(
        subject.name,
        what,
        sides,
        must=subject.must,
        aim=subject.aim,
        voxels=pair.reference.size,
        memory=subject.memory,
    )


def ours(subject: Subject, pair: Pair, backend: str | None = None) -> Program:
    """Of label maps, wherever they are."""

    def call() -> Any:
        return fastseg.evaluate(
            pair.reference,
            pair.prediction,
            spacing=pair.spacing,
            metrics=subject.metrics,
            tolerance=TOLERANCE,
            backend=backend,
        )

    def describe(evaluation: Any) -> Answer:
        found = evaluation.to_dict()
        answer: Answer = {
            f"{row['label']} {name}" if len(found) > 1 else name: value
            for row in found
            for name, value in row.items()
            if isinstance(value, int | float)
        }
        return {**answer, "rows": repr(found)}  # to the bit, with all that is no number

    return Program(call, describe)
