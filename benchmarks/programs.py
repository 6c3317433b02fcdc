"""Every call of fastseg that is timed, each written once: for asv, pytest-benchmark, `versus.py` and `against.py`.

By public functions and NumPy alone, and without the rest of this folder: `against.py` runs this file on other
checkouts of fastseg.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fastseg

SIX = ("dice", "hd", "hd95", "assd", "masd", "nsd")
FOUR = ("dice", "hd95", "assd", "nsd")
TOLERANCE = 2.0  # of nsd, in the units of the spacing; exact in float32 as well

Answer = dict[str, Any]


class Pair(NamedTuple):
    """What a case loads: two label maps, the voxel size along their axes, and the files that they come from."""

    reference: NDArray[Any]
    prediction: NDArray[Any]
    spacing: tuple[float, ...]
    files: tuple[Path, Path] | None = None


class Program(NamedTuple):
    """What one side of a comparison does, with its arrays made ready before the clock starts.

    `call` is what is timed; `describe` turns its result into named numbers and arrays.
    """

    call: Callable[[], Any]
    describe: Callable[[Any], Answer] = dict


def evaluate(
    pair: Pair,
    metrics: Sequence[str] | None = SIX,
    nearest_rank: bool = False,
    **options: Any,
) -> Program:
    """evaluate(); None is all metrics. With `nearest_rank`, hd95 is described as mikan-rs defines it."""
    reference, prediction, spacing, _ = pair

    def call() -> Any:
        return fastseg.evaluate(
            reference,
            prediction,
            spacing=spacing,
            metrics=metrics,
            tolerance=TOLERANCE,
            **options,
        )

    def describe(evaluation: Any) -> Answer:
        rows = evaluation.to_dict()
        answer: Answer = {
            f"{row['label']} {name}" if len(rows) > 1 else name: value
            for row in rows
            for name, value in row.items()
            if isinstance(value, int | float)
        }
        if nearest_rank:
            distances = fastseg.surface_distances(reference, prediction, spacing=spacing)
            directions = distances.reference_to_prediction, distances.prediction_to_reference
            answer["hd95"] = max(_nearest_rank(d) for d in directions)
        return {**answer, "rows": len(rows)}

    return Program(call, describe)


def _nearest_rank(distances: NDArray[np.float64]) -> float:
    return float(np.sort(distances)[int(0.95 * len(distances) + 0.5) - 1])


def evaluate_turned(pair: Pair, orientation: int, **options: Any) -> Program:
    """evaluate() of the same content with its axes exchanged and reversed: of 24, number 0 is as it came."""
    axes, steps = ORIENTATIONS[orientation]
    reference, prediction = (
        np.ascontiguousarray(labels.transpose(axes)[steps]) for labels in pair[:2]
    )
    spacing = tuple(pair.spacing[axis] for axis in axes)
    return evaluate(Pair(reference, prediction, spacing), **options)


def _orientations() -> list[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """The rotations of a volume: each order of its axes, and which of them are reversed."""
    return [
        (axes, tuple(slice(None, None, step) for step in steps))
        for axes in itertools.permutations(range(3))
        for steps in itertools.product((1, -1), repeat=3)
        if (steps.count(-1) + _exchanges(axes)) % 2 == 0  # the others are mirrored
    ]


def _exchanges(axes: tuple[int, ...]) -> int:
    return sum(a > b for a, b in itertools.combinations(axes, 2))


ORIENTATIONS = _orientations()


def evaluate_files(pair: Pair) -> Program:
    """evaluate() of two files, all metrics."""
    files = pair.files
    assert files is not None
    return Program(lambda: fastseg.evaluate(*files), lambda _: {})


def evaluate_per_surface_voxel(pair: Pair) -> Program:
    """evaluate() of label maps; the answer is what its time is divided by."""
    return Program(
        evaluate(pair).call,
        lambda _: {"elements": sum(surface_voxels(labels) for labels in pair[:2])},
    )


def surface_voxels(labels: NDArray[Any]) -> int:
    """How many voxels of a label have a face neighbour of another, the outside of the image included."""
    inner = np.zeros(labels.shape, bool)
    inner[(slice(1, -1),) * labels.ndim] = True
    for axis in range(labels.ndim):
        lower = [slice(None)] * labels.ndim
        upper = list(lower)
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        same = labels[tuple(lower)] == labels[tuple(upper)]
        inner[tuple(lower)] &= same
        inner[tuple(upper)] &= same
    return int(np.count_nonzero(labels)) - int(np.count_nonzero(inner & (labels != 0)))


def confusion_matrix(pair: Pair) -> Program:
    """Counts of all pairs of labels."""
    return Program(
        lambda: fastseg.confusion_matrix(pair.reference, pair.prediction),
        lambda matrix: {"counts": matrix},
    )


def surface(pair: Pair) -> Program:
    """Voxels of the reference with a face neighbour outside of it."""
    return Program(lambda: fastseg.surface(pair.reference), lambda found: {"surface": found})


def surface_distances(pair: Pair, boundary: Any = "voxel") -> Program:
    """Both directed sets of distances between surfaces."""
    reference, prediction, spacing, _ = pair

    def describe(found: Any) -> Answer:
        there, back = found.reference_to_prediction, found.prediction_to_reference
        answer = {"distances": np.r_[there, back], "prediction to reference": back}
        if found.reference_areas is not None:
            answer["areas"] = np.r_[found.reference_areas, found.prediction_areas]
        return answer

    return Program(
        lambda: fastseg.surface_distances(
            reference, prediction, spacing=spacing, boundary=boundary
        ),
        describe,
    )


def edt(pair: Pair, of: str, dtype: str, indices: bool = False) -> Program:
    """The distance transform; indices are described by the distances to the voxels that they name."""
    mask, spacing = edt_input(pair, of), pair.spacing

    def call() -> Any:
        return fastseg.distance_transform_edt(mask, spacing, return_indices=indices, dtype=dtype)

    def describe(found: Any) -> Answer:
        if not indices:
            return {"distances": found}
        distances, nearest = found
        if mask[tuple(nearest)].any() and not mask.all():
            raise ValueError("an index names a voxel that is not background")
        return {"distances": distances, "distances by index": offsets(nearest, spacing)}

    return Program(call, describe)


def edt_input(pair: Pair, of: str) -> NDArray[np.bool_]:
    """The foreground of a transform: inside or outside of the reference."""
    return pair.reference if of == "inside" else ~pair.reference


def offsets(nearest: NDArray[np.int32], spacing: Sequence[float]) -> NDArray[np.float64]:
    """√Σ(Δᵢ·sᵢ)², summed in axis order, from every voxel to the one that is named for it."""
    squares = np.zeros(nearest.shape[1:])
    own = np.ogrid[tuple(map(slice, squares.shape))]
    for there, here, step in zip(nearest, own, spacing, strict=True):
        squares += ((there - here) * step) ** 2
    return np.sqrt(squares)


def edt_of_border(pair: Pair) -> Program:
    """Distance to ITK's border: mask voxels with a background neighbour of the 26 inside the image."""

    def call() -> Any:
        border = fastseg.surface(pair.reference, connectivity=3, edge="ignore")
        return fastseg.distance_transform_edt(~border, pair.spacing, dtype=np.float32)

    return Program(call, lambda found: {"distances": found})


def connected_components(pair: Pair, connectivity: int = 26) -> Program:
    """Number the components of the reference; the answer is how many there are, and of which sizes."""
    return Program(
        lambda: fastseg.connected_components(pair.reference, connectivity, dtype=np.uint32),
        lambda found: describe_components(found[0]),
    )


def describe_components(found: NDArray[Any]) -> Answer:
    """What does not depend on how components are numbered: their sizes in order, the background first."""
    sizes = np.bincount(found.ravel())
    return {"sizes": np.r_[sizes[0], np.sort(sizes[1:])], "components": len(sizes) - 1}


PROGRAMS: dict[str, Callable[..., Program]] = {
    program.__name__: program
    for program in (
        evaluate,
        evaluate_turned,
        evaluate_files,
        evaluate_per_surface_voxel,
        confusion_matrix,
        surface,
        surface_distances,
        edt,
        edt_of_border,
        connected_components,
    )
}


@dataclass(frozen=True)
class Operation:
    """A program with its options, and the family of cases that asv and pytest time it on."""

    family: str
    program: str
    options: dict[str, Any] = field(default_factory=dict)

    def prepare(self, pair: Pair) -> Program:
        """The program of one pair."""
        return PROGRAMS[self.program](pair, **self.options)


# transforms are of what is outside the reference, where most of it is far
_OUTSIDE = {"of": "outside", "dtype": "float64"}
_FOUR = {"metrics": ("dice", "hd95", "assd", "nsd")}
OPERATIONS = {
    "confusion_matrix": Operation("labels", "confusion_matrix"),
    "surface": Operation("masks", "surface"),
    "surface_distances voxel": Operation("masks", "surface_distances", {"boundary": "voxel"}),
    "surface_distances surfel": Operation("masks", "surface_distances", {"boundary": "surfel"}),
    "edt float32": Operation("masks", "edt", {**_OUTSIDE, "dtype": "float32"}),
    "edt float64": Operation("masks", "edt", _OUTSIDE),
    "edt float64 indices": Operation("masks", "edt", {**_OUTSIDE, "indices": True}),
    "evaluate masks": Operation("masks", "evaluate"),
    "evaluate small, four metrics": Operation("small", "evaluate", _FOUR),
    "evaluate small, dice": Operation("small", "evaluate", {"metrics": ("dice",)}),
    "confusion_matrix small": Operation("small", "confusion_matrix"),
    "evaluate labels": Operation("labels", "evaluate"),
    "evaluate labels, all metrics": Operation("labels", "evaluate", {"metrics": None}),
}
