"""The rows of `against.py`: which programs are timed on which cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cases import CASES, suite
from benchmarks.programs import OPERATIONS


@dataclass(frozen=True)
class Row:
    """A program on a case; without a case, one of the processes of `START`."""

    what: str
    case: str
    program: str
    options: dict[str, Any] = field(default_factory=dict)


FIRST_CALL = """
import numpy, fastseg
reference = numpy.zeros((64, 64, 64), bool)
reference[16:48, 16:48, 16:48] = True
fastseg.evaluate(reference, numpy.roll(reference, 1, 0))
"""
START = {
    "import fastseg": ["-c", "import fastseg"],
    "fastseg --help": ["-m", "fastseg", "--help"],
    "first evaluate, 64³": ["-c", FIRST_CALL],
}
SURFEL: dict[str, Any] = {"boundary": "surfel"}
OVERLAP: dict[str, Any] = {"metrics": ("dice", "iou")}
ALL: dict[str, Any] = {"metrics": None}
# case without its side: what is evaluated of it
EVALUATED: dict[str, tuple[dict[str, Any], ...]] = {
    "near": ({}, SURFEL, OVERLAP, ALL),
    "near-anisotropic": ({}, SURFEL),
    "near-fortran": ({}, SURFEL),
    "shift": ({},),
    "noise": ({},),
    "tiny": ({},),
    "checkerboard": ({},),
    "organs21": ({}, OVERLAP, ALL),
    "organs": ({}, OVERLAP),
    "dense2500": ({}, OVERLAP),
    "cells2500": ({}, OVERLAP, ALL),
}
HEAVY = ("dense2500", "cells2500")  # not at 256³
DISTANCES = ("near", "shift", "noise", "tiny", "far", "checkerboard")
TRANSFORMS = ("near", "near-anisotropic", "noise", "sparse")
SMALL = ("near-2d-64", "near-32", "organs21-32")
SMALL_METRICS: tuple[tuple[str, ...] | None, ...] = (("dice",), ("hd95",), None)


def all_rows(quick: bool, side: int | None = None) -> list[Row]:
    """Every row, those of one case together; all of one side if one is given."""
    rows = [*_table(side or 64), *_small()]
    for each in [side] if side else (128,) if quick else (128, 256):
        rows += _versus(each)
    rows += [row for row in _evaluated(side or 64) if row not in rows]
    unique = {(row.case, row.program, str(row.options)): row for row in reversed(rows)}
    order = list(CASES)
    found = sorted(unique.values(), key=lambda row: order.index(row.case))
    return [*(Row(name, "", name) for name in START), *found]


def _named(case: str, program: str, options: dict[str, Any]) -> Row:
    said = [
        "all metrics" if value is None else " ".join(value) if isinstance(value, tuple) else value
        for value in options.values()
        if value is not True
    ]
    said += [name for name, value in options.items() if value is True]
    if program == "evaluate" and "metrics" not in options:
        said.insert(0, "six metrics")
    return Row(f"{program} {' '.join([*said, case])}", case, program, options)


def _table(side: int) -> Iterator[Row]:
    """What pytest-benchmark goes through."""
    for operation in OPERATIONS.values():
        for case in suite(side)[operation.family]:
            yield _named(case, operation.program, operation.options)


def _small() -> Iterator[Row]:
    for case in SMALL:
        for metrics in SMALL_METRICS:
            yield _named(case, "evaluate", {"metrics": metrics})


def _evaluated(side: int) -> Iterator[Row]:
    for kind, each in EVALUATED.items():
        if side < 256 or kind not in HEAVY:
            for options in each:
                yield _named(f"{kind}-{side}", "evaluate", options)


def _versus(side: int) -> Iterator[Row]:
    yield from _evaluated(side)
    for kind in DISTANCES:
        for options in ({"boundary": "voxel"}, SURFEL):
            yield _named(f"{kind}-{side}", "surface_distances", options)
    for kind in TRANSFORMS:
        of = {"of": "inside" if kind == "noise" else "outside"}
        for dtype in ("float32", "float64"):
            yield _named(f"{kind}-{side}", "edt", {**of, "dtype": dtype})
        yield _named(f"{kind}-{side}", "edt", {**of, "dtype": "float64", "indices": True})
    for kind in ("organs", "dense100"):
        yield _named(f"{kind}-{side}", "confusion_matrix", {})
    yield _named(f"near-{side}", "surface", {})
