"""Instances and protocols beside the tools and the loops that they stand for.

    python benchmarks/instances.py [--only PART] [--threads N] [--repeats N]

Each line compares the answers, then times both in turns in one process, on one thread unless told otherwise, and prints
medians and their ratio. Peers that are not installed are left out: panoptica, ccmetrics, stardist's matching and
picai_eval. The BraTS script is stood in for by `naive_brats`, which dilates the whole volume once a lesion as that
does.
"""

from __future__ import annotations

import argparse
import functools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
import fastseg.compat

Labels = NDArray[Any]


@dataclass(frozen=True)
class Line:
    """What is timed: ours, theirs if there is any, and what must hold."""

    name: str
    ours: Callable[[], Any]
    peer: str = ""
    theirs: Callable[[], Any] | None = None
    same: Callable[[Any, Any], bool] | None = None
    must: str = ""
    repeats: int = 5
    once: bool = False  # theirs takes minutes


def balls(n: int, shape: tuple[int, ...], seed: int, radii: tuple[int, int] = (2, 5)) -> Labels:
    """Put balls at random places; those that touch are one lesion."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    for place in rng.integers(radii[1] + 1, np.array(shape) - radii[1] - 1, (n, len(shape))):
        radius = int(rng.integers(*radii))
        offsets = np.indices((2 * radius + 1,) * len(shape)) - radius
        inside = (offsets**2).sum(axis=0) <= radius**2
        box = tuple(slice(at - radius, at + radius + 1) for at in place.tolist())
        mask[box] |= inside
    return mask


def lesion_pair(
    n: int, n_false: int, shape: tuple[int, ...], seed: int = 1
) -> tuple[Labels, Labels]:
    """Make a reference of lesions, and a prediction that is shifted, lacks some and has others."""
    reference = balls(n, shape, seed)
    prediction = np.roll(reference, 1, axis=0)
    prediction[: shape[0] // 5] = 0
    return reference, prediction | balls(n_false, shape, seed + 1)


def tumour_pair(shape: tuple[int, int, int], n: int, n_false: int) -> tuple[Labels, Labels]:
    """Make brain lesions of three tissues, one within the other: 2 around 1 around 3."""
    maps = []
    for number, seed, shift in ((n, 3, 0), (n + n_false, 3, 1)):
        labels = np.zeros(shape, np.uint8)
        for label, radii in ((2, (6, 11)), (1, (4, 6)), (3, (2, 4))):
            found = np.roll(balls(number, shape, seed, radii), shift, axis=0).astype(bool)
            labels[found] = label
        maps.append(labels)
    return maps[0], maps[1]


# ------------------------------------------------------------------------------ loops as scripts have them


def naive_brats(reference: Labels, prediction: Labels) -> dict[str, tuple[float, float]]:
    """Score lesions as BraTS 2023 does, with SciPy, a dilation and two transforms of the whole volume each."""
    structure = ndimage.generate_binary_structure(3, 2)
    corners = np.ones((3, 3, 3))
    scores = {}
    for name, tissues in (("WT", (1, 2, 3)), ("TC", (1, 3)), ("ET", (3,))):
        one, other = np.isin(reference, tissues), np.isin(prediction, tissues)
        parts = ndimage.label(one, corners)[0]
        merged = ndimage.label(ndimage.binary_dilation(one, structure, iterations=3), corners)[0]
        found, n_found = ndimage.label(other, corners)
        lesions = np.where(parts > 0, merged, 0)
        dices, distances, touched = [], [], set()
        for lesion in range(1, int(merged.max()) + 1):
            mask = lesions == lesion
            if not mask.any():
                continue
            around = ndimage.binary_dilation(mask, structure, iterations=3)
            hits = set(np.unique(found[around])) - {0}
            touched |= hits
            if mask.sum() <= 50:
                continue
            there = np.isin(found, list(hits))
            both = (mask & there).sum()
            dices.append(2 * both / (mask.sum() + there.sum()))
            distances.append(_farthest_but_five_percent(mask, there) if hits else 374.0)
        n_false = n_found - len(touched)
        total = len(dices) + n_false
        scores[name] = (
            sum(dices) / total if total else 1.0,
            (sum(distances) + 374 * n_false) / total if total else 0.0,
        )
    return scores


def _farthest_but_five_percent(one: Labels, other: Labels) -> float:
    """Give a 95th percentile of distances between voxel surfaces: as long to find as that of the script."""
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
    away = [ndimage.distance_transform_edt(~surface) for surface in surfaces]
    return max(
        float(np.percentile(away[1][surfaces[0]], 95)),
        float(np.percentile(away[0][surfaces[1]], 95)),
    )


def _same_dice(ours: Any, theirs: dict[str, tuple[float, float]]) -> bool:
    return all(
        math.isclose(ours[name]["LesionWise_Score_Dice"], dice, rel_tol=1e-9)
        for name, (dice, _) in theirs.items()
    )


# ------------------------------------------------------------------------------ the lines


def brats() -> Iterator[Line]:
    """BraTS 2023, three regions."""
    pair = tumour_pair((240, 240, 155), 20, 5)
    yield Line(
        "BraTS 2023 lesion-wise, 240×240×155, 3 regions, 20 and 25 lesions",
        lambda: fastseg.evaluate_protocol("brats2023", *pair),
        "the same in loops with SciPy",
        lambda: naive_brats(*pair),
        _same_dice,
        "≥ 100×, ≤ 60 ms",
        once=True,
    )


def panoptica() -> Iterator[Line]:
    """Panoptica's evaluator, itself and with the drop-in."""
    pair = lesion_pair(300, 20, (256, 256, 256))
    metrics = ["dice", "iou", "hd95"]
    ours = functools.partial(
        fastseg.evaluate_instances, *pair, labels={"lesion": 1}, metrics=metrics
    )
    try:
        from panoptica import (
            ConnectedComponentsInstanceApproximator,
            InputType,
            NaiveThresholdMatching,
            Panoptica_Evaluator,
        )
        from panoptica.metrics import Metric
    except ImportError:
        yield Line("300 lesions in 256³, dice, iou, hd95 of each", ours, must="≥ 50×")
        return
    settings = {
        "expected_input": InputType.SEMANTIC,
        "instance_approximator": ConnectedComponentsInstanceApproximator(),
        "instance_matcher": NaiveThresholdMatching(),
        "instance_metrics": [Metric.DSC, Metric.IOU, Metric.HD95],
        "global_metrics": [],
    }
    evaluator = Panoptica_Evaluator(**settings)

    def host() -> Any:
        found = evaluator.evaluate(pair[1], pair[0], verbose=False)["ungrouped"]
        return found.tp, found.fp, found.fn, found.sq_dsc

    def same(mine: Any, theirs: Any) -> bool:
        row = mine["lesion"] if isinstance(mine, fastseg.Evaluation) else None
        found = (
            (row["instance_tp"], row["instance_fp"], row["instance_fn"], row["matched_dice"])
            if row
            else mine
        )
        return all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(found, theirs, strict=True))

    from fastseg.compat import panoptica as drop_ins

    drop_in = drop_ins.Panoptica_Evaluator(**settings)

    def replaced() -> Any:
        found = drop_in.evaluate(pair[1], pair[0])["ungrouped"]
        return found.tp, found.fp, found.fn, found.sq_dsc

    def protocol() -> Any:
        options = {"metrics": ("DSC", "IOU", "HD95"), "global_metrics": ()}
        row = fastseg.evaluate_protocol("panoptica", *pair, **options)["ungrouped"]
        return row["tp"], row["fp"], row["fn"], row["sq_dsc"]

    name = "300 lesions in 256³, dice, iou, hd95 of each"
    yield Line(f"{name}: evaluate_instances", ours, "panoptica", host, same, "≥ 50×", 3)
    yield Line(f"{name}: the drop-in", replaced, "panoptica", host, same, "≥ 50×", 3)
    yield Line(f"{name}: the protocol", protocol, "panoptica", host, same, "≥ 50×", 3)


def cc_metrics() -> Iterator[Line]:
    """CC-Metrics: Dice in the Voronoi region of each component."""
    pair = lesion_pair(50, 5, (256, 256, 256), 7)
    ours = functools.partial(fastseg.evaluate_protocol, "cc-metrics", *pair)
    name = "CC-Metrics, 50 components in 256³, Dice"
    try:
        import torch
        from CCMetrics import CCDiceMetric
    except ImportError:
        yield Line(name, ours, must="≥ 50×")
        return
    one_hot = [
        torch.from_numpy(np.stack([labels == 0, labels == 1]).astype(np.float32)[None])
        for labels in pair
    ]

    def host() -> Any:
        metric = CCDiceMetric(cc_reduction="patient", use_caching=False)
        metric(y_pred=one_hot[1], y=one_hot[0])
        return float(metric.cc_aggregate().mean())

    yield Line(name, ours, "ccmetrics", host, must="≥ 50×", once=True)


def many() -> Iterator[Line]:
    """A hundred thousand instances a side: no distances."""
    shape = (1024, 1024, 256)
    grid = np.indices((64, 50, 34)).reshape(3, -1).T[:110_000] * (16, 20, 7)
    rng = np.random.default_rng(0)
    maps = [np.zeros(shape, np.uint32) for _ in range(2)]
    for side, labels in enumerate(maps):
        for number, place in enumerate(grid[: (100_000, 110_000)[side]].tolist(), 1):
            start = [at + int(step) for at, step in zip(place, rng.integers(0, 3, 3), strict=True)]
            labels[tuple(slice(at, at + 5) for at in start)] = number
    for matching in ("greedy", "optimal"):
        yield Line(
            f"100 000 instances against 110 000 in 1024×1024×256, {matching}, counts alone",
            functools.partial(
                fastseg.evaluate_instances,
                *maps,
                components="given",
                matching=matching,
                metrics=["dice"],
            ),
            must="≤ 4 s",
            repeats=3,
        )


def partitions() -> Iterator[Line]:
    """Variation of information and Rand beside counting alone."""
    shape = (512, 512, 512)
    maps = []
    for cells in ((14, 14, 13), (15, 15, 14)):
        edges = [np.arange(size) * n // size for size, n in zip(shape, cells, strict=True)]
        z, y, x = np.ix_(*edges)
        maps.append(((z * cells[1] + y) * cells[2] + x).astype(np.uint16))
    yield Line(
        "variation of information and Rand of 2 548 against 3 150 labels in 512³",
        lambda: fastseg.evaluate_partition(*maps),
        "confusion_matrix (counting)",
        lambda: fastseg.confusion_matrix(*maps, labels=[0, 1]),
        must="≤ 1.2×",
    )


def cells() -> Iterator[Line]:
    """Matching of cells, beside stardist's."""
    rng = np.random.default_rng(3)
    grid = np.indices((45, 45)).reshape(2, -1).T[:2000] * 45
    maps = [np.zeros((2048, 2048), np.int32) for _ in range(2)]
    for labels in maps:
        for number, place in enumerate(grid.tolist(), 1):
            start = [at + int(step) for at, step in zip(place, rng.integers(0, 6, 2), strict=True)]
            labels[tuple(slice(at, at + 36) for at in start)] = number
    from fastseg.compat import stardist as drop_in

    ours = functools.partial(drop_in.matching, *maps, thresh=0.5)
    name = "stardist.matching of 2 000 × 2 000 cells in 2048²"
    try:
        from stardist.matching import matching
    except ImportError:
        yield Line(name, ours, must="≥ 20×")
        return
    host = functools.partial(matching, *maps, thresh=0.5)
    yield Line(name, ours, "stardist", host, lambda a, b: tuple(a) == tuple(b), "≥ 20×")


def detections() -> Iterator[Line]:
    """Detection maps of prostates as PI-CAI has them, matched and scored as a cohort, beside picai_eval."""
    rng = np.random.default_rng(5)
    shape, pairs = (24, 640, 640), []
    for _ in range(10):
        reference, prediction = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
        for k in range(3):
            box = tuple(
                slice(at, at + size)
                for at, size in zip(
                    (3 + 6 * k, *rng.integers(220, 380, 2).tolist()), (4, 30, 30), strict=True
                )
            )
            reference[box] = k < 2
            prediction[box] = rng.random() * (rng.random() < 0.7)
        pairs.append((reference, prediction))

    def ours() -> float:
        cases = [
            fastseg.evaluate_protocol("picai", *pair, case=str(i)) for i, pair in enumerate(pairs)
        ]
        return fastseg.protocol_scores(fastseg.Evaluation.joined(cases))["AP"]

    name = "PI-CAI, 10 detection maps of 24×640×640"
    try:
        import picai_eval
    except ImportError:
        yield Line(name, ours, must="≥ 20×")
        return

    def host() -> float:
        found = picai_eval.evaluate(
            [detected for _, detected in pairs],
            [labels for labels, _ in pairs],
            num_parallel_calls=1,
        )
        return float(found.AP)

    yield Line(name, ours, "picai_eval", host, lambda a, b: a == b, "≥ 20×", 3)


PARTS: dict[str, Callable[[], Iterator[Line]]] = {
    "brats": brats,
    "panoptica": panoptica,
    "cc-metrics": cc_metrics,
    "many": many,
    "partitions": partitions,
    "cells": cells,
    "detections": detections,
}


def timed(line: Line, repeats: int | None) -> str:
    """Compare, time in turns, and write a line of the table."""
    mine = line.ours()
    started = time.perf_counter()
    theirs = line.theirs() if line.theirs is not None else None
    first = time.perf_counter() - started
    answers = "–"
    if line.same is not None and line.theirs is not None:
        answers = "equal" if line.same(mine, theirs) else "**differ**"
    del mine, theirs
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats or line.repeats):
        for place, call in enumerate((line.ours, line.theirs)):
            if place and line.once:
                times[1].append(first)
            elif call is not None:
                started = time.perf_counter()
                call()
                times[place].append(time.perf_counter() - started)
    own = statistics.median(times[0])
    cells_ = [line.name, line.peer or "–", f"{own * 1e3:.3g} ms"]
    if times[1]:
        other = statistics.median(times[1])
        cells_ += [f"{other * 1e3:.4g} ms", f"{other / own:.3g}"]
    else:
        cells_ += ["–", "–"]
    return "| " + " | ".join([*cells_, answers, line.must]) + " |"


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int)
    arguments = parser.parse_args()
    fastseg.set_num_threads(arguments.threads)
    print("| what | beside | fastseg | the other | times as fast | answers | must |")
    print("|---|---|---:|---:|---:|---|---|", flush=True)
    for name, part in PARTS.items():
        if not arguments.only or name in arguments.only:
            for line in part():
                print(timed(line, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
