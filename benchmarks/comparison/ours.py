"""What fastseg runs in its worker, by public functions only, and the baselines that share its arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks import cases
from benchmarks.comparison.program import (
    METRICS,
    TOLERANCE,
    Answer,
    Program,
    edt_input,
    loaded,
)


def evaluate(
    case: str,
    metrics: Sequence[str] | None = METRICS,
    boundary: Any = "voxel",
    percentile_method: Any = "max_of_directions",
    nearest_rank: bool = False,
) -> Program:
    """evaluate(); None is all metrics. With `nearest_rank`, hd95 is described as mikan-rs defines it."""
    reference, prediction, spacing = loaded(case)

    def call() -> fastseg.Evaluation:
        return fastseg.evaluate(
            reference,
            prediction,
            spacing=spacing,
            metrics=metrics,
            tolerance=TOLERANCE,
            boundary=boundary,
            percentile_method=percentile_method,
        )

    def describe(evaluation: fastseg.Evaluation) -> Answer:
        answer = {f"{row.label} {name}": row[name] for row in evaluation.rows for name in row}
        if len(evaluation.rows) == 1:
            answer = {name.partition(" ")[2]: value for name, value in answer.items()}
        if nearest_rank:
            distances = fastseg.surface_distances(reference, prediction, spacing=spacing)
            directions = distances.reference_to_prediction, distances.prediction_to_reference
            answer["hd95"] = max(_nearest_rank(d) for d in directions)
        return answer

    return Program(call, describe)


def _nearest_rank(distances: NDArray[np.float64]) -> float:
    return float(np.sort(distances)[int(0.95 * len(distances) + 0.5) - 1])


def evaluate_files(case: str) -> Program:
    """evaluate() of two files, all metrics."""
    files = cases.CASES[case].files
    assert files is not None
    return Program(lambda: fastseg.evaluate(*files), lambda _: {})


def evaluate_per_surface_voxel(case: str) -> Program:
    """evaluate() of label maps; the answer is what its time is divided by."""
    program = evaluate(case)
    pair = loaded(case)
    return Program(
        program.call,
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


def overlap(case: str) -> Program:
    """Dice and IoU alone."""
    return evaluate(case, ("dice", "iou"))


def hausdorff(case: str) -> Program:
    """The Hausdorff distance alone."""
    return evaluate(case, ("hd",))


def confusion_matrix(case: str) -> Program:
    """Counts of all pairs of labels."""
    reference, prediction, _ = loaded(case)
    return Program(
        lambda: fastseg.confusion_matrix(reference, prediction), lambda matrix: {"counts": matrix}
    )


def surface_distances(case: str) -> Program:
    """Both directed sets of distances between voxel surfaces."""
    reference, prediction, spacing = loaded(case)
    return Program(
        lambda: fastseg.surface_distances(reference, prediction, spacing=spacing),
        lambda found: {
            "distances": np.r_[found.reference_to_prediction, found.prediction_to_reference],
            "prediction to reference": found.prediction_to_reference,
        },
    )


def edt(case: str, of: str, dtype: str, indices: bool = False) -> Program:
    """The distance transform; indices are described by the distances to the voxels that they name."""
    mask, spacing = edt_input(case, of), loaded(case).spacing

    def call() -> Any:
        return fastseg.distance_transform_edt(mask, spacing, return_indices=indices, dtype=dtype)

    def describe(found: Any) -> Answer:
        if not indices:
            return {"distances": found}
        distances, nearest = found
        if mask[tuple(nearest)].any():
            raise ValueError("an index names a voxel that is not background")
        return {"distances": distances, "distances by index": offsets(nearest, spacing)}

    return Program(call, describe)


def offsets(nearest: NDArray[np.int32], spacing: Sequence[float]) -> NDArray[np.float64]:
    """√Σ(Δᵢ·sᵢ)², summed in axis order, from every voxel to the one that is named for it."""
    squares = np.zeros(nearest.shape[1:])
    own = np.ogrid[tuple(map(slice, squares.shape))]
    for there, here, step in zip(nearest, own, spacing, strict=True):
        squares += ((there - here) * step) ** 2
    return np.sqrt(squares)


def edt_of_border(case: str) -> Program:
    """Distance to ITK's border: mask voxels with a background neighbour of the 26 inside the image."""
    reference, _, spacing = loaded(case)

    def call() -> Any:
        border = fastseg.surface(reference, connectivity=3, edge="ignore")
        return fastseg.distance_transform_edt(~border, spacing, dtype=np.float32)

    return Program(call, lambda found: {"distances": found})


# ------------------------------------------------------------------------------------- baselines


def reading(case: str) -> Program:
    """Read both arrays once, eight bytes at a time."""
    words = [_words(array) for array in loaded(case)[:2]]
    return Program(lambda: [array.max() for array in words], lambda _: {})


def _words(array: NDArray[Any]) -> NDArray[np.uint64]:
    octets = array.ravel(order="K").view(np.uint8)
    return octets[: len(octets) // 8 * 8].view(np.uint64)


def bincount(case: str) -> Program:
    """The usual NumPy way to a confusion matrix of labels 0 to K - 1."""
    reference, prediction, _ = loaded(case)
    K = int(max(reference.max(), prediction.max())) + 1

    def call() -> NDArray[np.intp]:
        pairs = reference.astype(int) * K + prediction  # what bincount takes without a copy
        return np.bincount(pairs.ravel(), minlength=K * K).reshape(K, K)

    return Program(call, lambda matrix: {"counts": matrix})


def unzip(case: str) -> Program:
    """Read both files and unzip each in one shot, with the fastest decoder that fastseg could use."""
    files = cases.CASES[case].files
    assert files is not None
    try:
        from zlib_ng.zlib_ng import decompress
    except ImportError:
        from zlib import decompress

    def call() -> int:
        total = 0
        for file in files:
            zipped = file.read_bytes()
            size = int.from_bytes(zipped[-4:], "little")  # of one member below 4 GiB
            total += len(decompress(zipped, wbits=31, bufsize=size))
        return total

    return Program(call, lambda _: {})


def edt_of_box(case: str) -> Program:
    """One transform, of the box around both masks: distances to the surface of the reference."""
    reference, prediction, spacing = loaded(case)
    either = reference | prediction
    box = tuple(
        slice(int(where.min()), int(where.max()) + 1) for where in map(np.unique, either.nonzero())
    )
    boxed, other = (np.ascontiguousarray(mask[box]) for mask in (reference, prediction))
    mask = ~fastseg.surface(boxed)
    return Program(
        lambda: fastseg.distance_transform_edt(mask, spacing),
        lambda found: {"prediction to reference": found[fastseg.surface(other)]},
    )
