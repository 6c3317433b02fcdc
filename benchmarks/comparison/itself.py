"""Rows of fastseg beside itself: two threads and one, code for AVX2, all orientations; and what many labels cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from benchmarks.cases import CASES
from benchmarks.comparison.agreement import Check
from benchmarks.comparison.row import Job, Row, Scope
from benchmarks.comparison.sole import Timed, Turned
from benchmarks.comparison.vectors import AVX2
from benchmarks.programs import FOUR
from benchmarks.volumes import STRUCTURES

FOUR_SAID = ", ".join(FOUR)
# kind of mask, kind of labels: every one is evaluated on two threads and on one
THREADED = (
    "near", "near-middle", "near-last", "near-anisotropic", "near-fortran",
    "shift", "noise", "tiny", "far", "checkerboard", "sparse",
    "organs21", "cells2500", "dense2500",
)  # fmt: skip
TURNED = ("near", "near-anisotropic", "shift", "noise", "tiny", "far")
# names of rows that are measured once more with code for AVX2
NARROW = (
    "edt/float32/edt/*-{side}",
    "counts/reading/{large}",
    "evaluate/surface-distance/{side}",
    "evaluate/MONAI/{side}",
    "evaluate/mikan-rs/{side}",
    "real/surface-distance",
)


def threads(scope: Scope) -> Iterator[Row]:
    """What two threads bring: the functions of large masks, and evaluate() of every case."""
    edt: dict[str, Any] = {"of": "outside", "dtype": "float32"}
    functions = {
        "distance_transform_edt": ("edt", edt),
        "surface_distances": ("surface_distances", {}),
    }
    for function, (program, options) in functions.items():
        case = f"near-{scope.large}"
        what = f"{function}, {CASES[case].size}, 2 threads"
        yield _threads(f"{function}-{scope.large}", what, program, case, options, ("distances",))
    for side in sorted({scope.side, scope.large}):
        case = f"near-{side}"
        what = f"reading both arrays, {CASES[case].size}, 2 threads: what memory allows"
        yield _threads(f"reading-{side}", what, "reading_on_threads", case, {}, ())
        for kind in THREADED:
            case = f"{kind}-{side}"
            what = f"{FOUR_SAID}, {CASES[case].size}: {CASES[case].about}, 2 threads"
            yield _threads(f"evaluate/{case}", what, "evaluate", case, {"metrics": FOUR}, FOUR)


def _threads(
    name: str, what: str, program: str, case: str, options: dict[str, Any], names: tuple[str, ...]
) -> Row:
    jobs = [Job("fastseg", program, case, options, threads=number) for number in (2, 1)]
    check = Check(names) if names else None
    return Row(f"threads/{name}", "threads", what, "itself at 1 thread", *jobs, check, threads=(2,))


def scaling(side: int) -> Iterator[Row]:
    """What a surface voxel costs where there are many labels."""
    many, few = f"dense2500-{side}", f"dense100-{side}"
    yield Row(
        f"scaling/2500-{side}",
        "labels",
        f"dice, hd, hd95, assd, masd, nsd of 2500 labels, {CASES[many].size}, per surface voxel",
        "the same of 100 labels",
        Job("fastseg", "evaluate_per_surface_voxel", many),
        Job("fastseg", "evaluate_per_surface_voxel", few),
        kind="at most",
        per_element=True,
    )


def narrow(rows: Iterable[Row], scope: Scope) -> Iterator[Row]:
    """Some of the rows once more, fastseg's code for AVX2."""
    names = [name.format(side=scope.side, large=scope.large) for name in NARROW]
    for row in rows:
        if any(fnmatchcase(row.name, name) for name in names):
            what = f"{row.what}, {AVX2}"
            yield replace(row, name=f"avx2/{row.name}", group=AVX2, what=what, vectors=AVX2)


def sole(scope: Scope) -> Iterator[Timed | Turned]:
    """What many labels cost in seconds, and one content in all its orientations."""
    everything: dict[str, Any] = {"metrics": None}
    for side, said, options in (
        (scope.side, FOUR_SAID, {"metrics": FOUR}),
        (scope.large, "all metrics", everything),
    ):
        case = f"dense2500-{side}"
        for number in (1, 2):
            yield Timed(
                f"labels/dense2500-{side}",
                "labels",
                f"{said} of {CASES[case].about}, {CASES[case].size}",
                "–",
                Job("fastseg", "evaluate", case, options, threads=number),
            )
    case = f"structures-{scope.large}"
    for number in (1, 2):
        job = Job("fastseg", "evaluate", case, everything, threads=number)
        yield Timed(
            f"labels/structures-{scope.large}",
            "labels",
            f"all metrics of {STRUCTURES} {CASES[case].about}, {CASES[case].size}, a structure",
            "beyond counting, which is dice alone",
            job,
            less=replace(job, options={"metrics": ("dice",)}),
            per_row=True,
        )
    for kind in TURNED:
        case = f"{kind}-{scope.side}"
        yield Turned(
            f"orientations/{case}",
            f"{FOUR_SAID}, {CASES[case].size}: {CASES[case].about}, the slowest of 24 orientations",
            case,
            {"metrics": FOUR},
        )
