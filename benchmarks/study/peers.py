"""The same measurements by MONAI and by surface-distance, of some of the pairs, beside fastseg in the same process."""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks.study.anatomies import anatomy
from benchmarks.study.folder import CLEAN, Condition, Folder
from benchmarks.study.learning import Record
from benchmarks.study.plan import Plan

Masks = list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]

#: what all three measure
METRICS = ("dice", "hd95", "assd", "nsd")


def compare(plan: Plan, folder: Folder) -> list[Record]:
    """Time each library on the first test subject of each anatomy, every method, clean and under one difficulty."""
    with folder.times.open() as file:
        if any('"stage": "peers"' in line for line in file):
            return []
    records = []
    for name in plan.anatomies:
        found = anatomy(name)
        labels = found.targets[found.whole]
        pairs = [*itertools.islice(pairs_of(plan, folder, name), plan.settings.compared)]
        if not pairs:
            continue
        spacing = folder.unknown(name, CLEAN, plan.subjects(name, "test")[0]).spacing
        seconds = dict.fromkeys(LIBRARIES, 0.0)
        for number, pair in enumerate(pairs):
            masks = [
                (np.isin(pair[0], label), np.isin(pair[1], label)) for label in labels.values()
            ]
            # in turn, since the processor's pace changes
            order = list(LIBRARIES) if number % 2 else list(reversed(LIBRARIES))
            for library in order:
                begin = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # MONAI's, of empty masks
                    LIBRARIES[library](pair, labels, masks, spacing)
                if number:  # the first call loads
                    seconds[library] += time.perf_counter() - begin
        records += [
            {
                "stage": "peers",
                "anatomy": name,
                "library": library,
                "pairs": len(pairs) - 1,
                "structures": len(labels),
                "seconds": spent,
            }
            for library, spent in seconds.items()
        ]
    return records


def pairs_of(plan: Plan, folder: Folder, name: str) -> Any:
    """Read the pairs that are compared."""
    subject = plan.subjects(name, "test")[0]
    conditions = [CLEAN]
    if len(plan.conditions(name)) > 1:
        conditions.append(Condition("noise", plan.settings.levels[len(plan.settings.levels) // 2]))
    for method, condition in itertools.product(plan.methods, conditions):
        path = folder.prediction(method, name, condition, subject)
        if path.exists():
            truth = folder.truth(name, condition, subject)
            yield folder.labels(truth), folder.labels(path)


def by_fastseg(pair: Any, labels: Mapping[str, Any], masks: Masks, spacing: float) -> None:
    """Measure as users do."""
    fastseg.evaluate(*pair, spacing=(spacing,) * 3, labels=labels, metrics=METRICS, tolerance=3.0)


def by_fastseg_all(pair: Any, labels: Mapping[str, Any], masks: Masks, spacing: float) -> None:
    """Measure all default metrics."""
    fastseg.evaluate(*pair, spacing=(spacing,) * 3, labels=labels, tolerance=3.0)


def by_monai(pair: Any, labels: Mapping[str, Any], masks: Masks, spacing: float) -> None:
    """Measure by MONAI's functions, all structures in one tensor, channels first."""
    import torch
    from monai import metrics

    reference, prediction = (
        torch.from_numpy(np.stack(side)[None]) for side in zip(*masks, strict=True)
    )
    same: dict[str, Any] = {"include_background": True}
    metrics.compute_dice(prediction, reference, **same)
    metrics.compute_hausdorff_distance(
        prediction, reference, percentile=95, spacing=spacing, **same
    )
    metrics.compute_average_surface_distance(
        prediction, reference, symmetric=True, spacing=spacing, **same
    )
    metrics.compute_surface_dice(prediction, reference, [3.0] * len(masks), spacing=spacing, **same)


def by_surface_distance(pair: Any, labels: Mapping[str, Any], masks: Masks, spacing: float) -> None:
    """Measure by surface-distance, a structure at a time."""
    import surface_distance as peer

    for reference, prediction in masks:
        peer.compute_dice_coefficient(reference, prediction)
        if not (reference.any() and prediction.any()):
            continue  # it fails there with NumPy 2, whose np.Inf is gone
        found = peer.compute_surface_distances(reference, prediction, (spacing,) * 3)
        peer.compute_robust_hausdorff(found, 95)
        peer.compute_average_surface_distance(found)
        peer.compute_surface_dice_at_tolerance(found, 3.0)


LIBRARIES: dict[str, Callable[[Any, Mapping[str, Any], Masks, float], None]] = {
    "fastseg": by_fastseg,
    "fastseg, all metrics": by_fastseg_all,
    "monai": by_monai,
    "surface-distance": by_surface_distance,
}
