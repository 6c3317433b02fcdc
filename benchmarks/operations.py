"""Every primitive and evaluate() as one call of a pair: what asv and pytest time, on the table of cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastseg
from benchmarks.cases import Pair

SIX = ("dice", "hd", "hd95", "assd", "masd", "nsd")


@dataclass(frozen=True)
class Operation:
    """One call, the family of cases that it is timed on, and what must hold of its result."""

    family: str
    run: Callable[[Pair], Any]
    holds: Callable[[Pair, Any], bool]


def _edt(dtype: str, indices: bool = False) -> Callable[[Pair], Any]:
    """The transform of what is outside the reference, where most of it is far."""

    def run(pair: Pair) -> Any:
        return fastseg.distance_transform_edt(
            ~pair.reference, pair.spacing, return_indices=indices, dtype=dtype
        )

    return run


def _surface_distances(boundary: Any) -> Callable[[Pair], Any]:
    def run(pair: Pair) -> Any:
        return fastseg.surface_distances(*pair[:2], spacing=pair.spacing, boundary=boundary)

    return run


def _evaluate(metrics: tuple[str, ...] | None) -> Callable[[Pair], Any]:
    def run(pair: Pair) -> Any:
        return fastseg.evaluate(*pair[:2], spacing=pair.spacing, metrics=metrics)

    return run


def _is_transform(pair: Pair, distances: Any) -> bool:
    """Zero just on the reference, which is the background."""
    return bool(((distances == 0) == pair.reference).all())


def _counts_surfaces(pair: Pair, found: Any) -> bool:
    """A distance for every voxel of both surfaces."""
    sets = found.reference_to_prediction, found.prediction_to_reference
    return [len(distances) for distances in sets] == [
        np.count_nonzero(fastseg.surface(mask)) for mask in pair[:2]
    ]


def _has_every_label(pair: Pair, evaluation: Any) -> bool:
    if pair.reference.dtype == bool:
        return len(evaluation.rows) == 1
    found = np.union1d(np.unique(pair.reference), np.unique(pair.prediction))
    return len(evaluation.rows) == np.count_nonzero(found)


OPERATIONS = {
    "confusion_matrix": Operation(
        "labels",
        lambda pair: fastseg.confusion_matrix(*pair[:2]),
        lambda pair, matrix: matrix.sum() == pair.reference.size,
    ),
    "surface": Operation(
        "masks",
        lambda pair: fastseg.surface(pair.reference),
        lambda pair, found: not (found & ~pair.reference).any(),
    ),
    "surface_distances voxel": Operation("masks", _surface_distances("voxel"), _counts_surfaces),
    "surface_distances surfel": Operation(
        "masks",
        _surface_distances("surfel"),
        lambda _, found: len(found.reference_areas) == len(found.reference_to_prediction),
    ),
    "edt float32": Operation("masks", _edt("float32"), _is_transform),
    "edt float64": Operation("masks", _edt("float64"), _is_transform),
    "edt float64 indices": Operation(
        "masks",
        _edt("float64", indices=True),
        lambda pair, found: (
            _is_transform(pair, found[0])
            and bool(pair.reference[tuple(found[1])].all() or not pair.reference.any())
        ),
    ),
    "evaluate masks": Operation("masks", _evaluate(SIX), _has_every_label),
    "evaluate labels": Operation("labels", _evaluate(SIX), _has_every_label),
    "evaluate labels, all metrics": Operation("labels", _evaluate(None), _has_every_label),
}
