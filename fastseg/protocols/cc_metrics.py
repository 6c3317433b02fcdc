"""CC-Metrics: metrics of MONAI in the Voronoi region of each component of the reference, averaged over components."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, Spacing
from fastseg.inputs.choices import unknown
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.regions import Region, Request
from fastseg.measures.surface_distances import SurfaceDistances
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.torch_reductions import torch_mean, torch_percentiles
from fastseg.protocols.rules.whole_map import named, whole_maps
from fastseg.results.instance import Instance
from fastseg.results.rows import Row
from fastseg.voronoi import regions_of

DICE, SURFACE_DICE = "CCDiceMetric", "CCSurfaceDiceMetric"
HD, HD95 = "CCHausdorffDistanceMetric", "CCHausdorffDistance95Metric"
SURFACE_DISTANCE = "CCSurfaceDistanceMetric"

_RATIOS = (DICE, SURFACE_DICE)
_SCORES = (
    Score(DICE, about="Dice"),
    Score(HD, False, "voxels", "Hausdorff distance"),
    Score(HD95, False, "voxels", "95th percentile of the Hausdorff distance, the larger direction"),
    Score(SURFACE_DISTANCE, False, "voxels", "mean distance from the prediction's surface"),
    Score(SURFACE_DICE, about="normalised surface Dice"),
)
_NAMES = tuple(score.name for score in _SCORES)

Values = dict[str, NDArray[Any]]


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: a row for all components, and one for each."""
    names = _chosen(options["metrics"])
    spacing = (1.0,) * pair.ndim if options.quirk("distances-in-voxels") else pair.spacing
    rows = []
    for structure, reference, prediction in whole_maps(pair, "lesion"):
        components, count = pair.backend.operations.connected_components(
            np.ascontiguousarray(reference != 0), pair.ndim, np.dtype(np.int32)
        )
        found = prediction != 0
        if not count:
            nothing = _bounds(names, options, worst=bool(found.any()))
            rows.append(pair.row(structure, nothing))
            continue
        regions = regions_of(
            pair.backend.operations,
            components,
            spacing,
            within=found,
            ties="first_voxel" if options.quirk("ties-by-the-transform") else "lowest",
        )
        rows += _rows(pair, structure, (components, regions), count, names, spacing, options)
    return rows


def _chosen(metrics: Any) -> tuple[str, ...]:
    """Take the names of some of the scores; None is all of them."""
    if metrics is None:
        return _NAMES
    wanted = [metrics] if isinstance(metrics, str) or not isinstance(metrics, Iterable) else metrics
    if not wanted:
        raise InputError("metrics: give at least one name, or None for all")
    for name in wanted:
        if name not in _NAMES:
            raise unknown("metrics", name, _NAMES, "score")
    return tuple(name for name in _NAMES if name in wanted)


def _bounds(names: Sequence[str], options: Options, *, worst: bool) -> dict[str, float]:
    """Give the best or the worst score of each metric, as float32 has it."""
    best = {name: float(name in _RATIOS) for name in names}
    if not worst:
        return best
    distance = float(np.float32(options["metric_worst_score"]))
    return {name: 0.0 if name in _RATIOS else distance for name in names}


def _rows(
    pair: LabelPair,
    structure: Structure,
    maps: tuple[Array, Array],
    count: int,
    names: Sequence[str],
    spacing: Spacing,
    options: Options,
) -> list[Row]:
    """Score a case with components, whose predicted voxels have the numbers of the regions in which they lie."""
    histogram = pair.joint_histogram(*maps)
    numbers = np.arange(1, count + 1)
    counts = np.stack(histogram.counts_of_each(numbers))
    values = _values(pair, maps, histogram, counts, names, spacing, options)
    means = {name: float(torch_mean(own)) for name, own in values.items()}
    first = histogram.sides[0]
    boxes = np.stack([ends[first.row_of_each(numbers)] for ends in first.boxes], axis=2).tolist()
    columns = [own.tolist() for own in values.values()]
    rows = [pair.row(structure, means)]
    for number, own, (tp, fp, fn), box in zip(
        numbers.tolist(), zip(*columns, strict=True), counts.T.tolist(), boxes, strict=True
    ):
        rows.append(
            pair.row(
                structure,
                dict(zip(values, own, strict=True)),
                counts=Counts(tp, fp, fn, histogram.total - tp - fp - fn),
                level="instance",
                reference_label=number,
                instance=Instance(reference_box=tuple((start, stop) for start, stop in box)),
            )
        )
    return rows


def _values(
    pair: LabelPair,
    maps: tuple[Array, Array],
    histogram: JointHistogram,
    counts: NDArray[np.int64],
    names: Sequence[str],
    spacing: Spacing,
    options: Options,
) -> Values:
    """Score each component: Dice in float64, all else in float32, and the worst score where the prediction is empty."""
    tp, fp, fn = counts
    values: Values = {}
    if DICE in names:
        values[DICE] = 2 * tp / (2 * tp + fp + fn)
    others = [name for name in names if name != DICE]
    if not others:
        return values
    worst = _bounds(others, options, worst=True)
    for name in others:
        values[name] = np.full(len(tp), worst[name], np.float32)
    found = np.flatnonzero(tp + fp)
    starts, stops = (ends.tolist() for ends in histogram.boxes_of_each(found + 1))
    regions = [
        Region((number,), (number,), tuple(map(slice, start, stop)))
        for number, start, stop in zip((found + 1).tolist(), starts, stops, strict=True)
    ]
    request = Request(frozenset(("surface_distances",)), spacing)
    measured: list[SurfaceDistances] = [
        each["surface_distances"] for each in pair.measure(*maps, regions, request)
    ]
    if not measured:
        return values
    for name in others:
        own = _FUNCTIONS[name](measured, options)
        if name not in _RATIOS and not options.quirk("worse-than-the-worst"):
            own = np.minimum(own, np.float32(worst[name]))
        values[name][found] = own
    return values


def _hausdorff(measured: Sequence[SurfaceDistances], options: Options) -> NDArray[np.float32]:
    return np.array(
        [max(side.distances[-1] for side in each.distributions) for each in measured], np.float32
    )


def _hausdorff95(measured: Sequence[SurfaceDistances], options: Options) -> NDArray[np.float32]:
    sides = [side for each in measured for side in each.distributions]
    found: NDArray[np.float32] = torch_percentiles(sides, 95).reshape(-1, 2).max(axis=1)
    return found


def _surface_distance(
    measured: Sequence[SurfaceDistances], options: Options
) -> NDArray[np.float32]:
    return np.array(
        [torch_mean(each.prediction_to_reference.astype(np.float32)) for each in measured],
        np.float32,
    )


def _surface_dice(measured: Sequence[SurfaceDistances], options: Options) -> NDArray[np.float32]:
    near = options["class_thresholds"]
    if not (math.isfinite(near) and near >= 0):
        raise InputError(f"class_thresholds: expected a finite number of at least 0, got {near}")
    shares = []
    for each in measured:
        within = total = 0
        for side in each.distributions:
            total += int(side.counts.sum())
            within += int(side.counts[side.distances.astype(np.float32) <= np.float32(near)].sum())
        shares.append(np.float32(within) / np.float32(total))
    return np.array(shares, np.float32)


_FUNCTIONS = {
    HD: _hausdorff,
    HD95: _hausdorff95,
    SURFACE_DISTANCE: _surface_distance,
    SURFACE_DICE: _surface_dice,
}


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average over patients, each the mean of its components, and over all components of all patients."""
    patients: dict[str, dict[str, list[float]]] = {}
    components: dict[tuple[str, str, str], list[float]] = {}
    cases: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.items():
            if row.level == "instance":
                components.setdefault((row.case, row.name, name), []).append(value)
            else:
                patients.setdefault(row.name, {}).setdefault(name, []).append(value)
        if row.level != "instance":
            cases.setdefault(row.name, []).append(row.case)
    scores = {}
    for structure, of_structure in patients.items():
        for name, means in of_structure.items():
            held = [components.get((case, structure, name)) for case in cases[structure]]
            # Dice is float64 but where there is nothing to score
            in_double = name == DICE and any(held)
            dtype = np.float64 if in_double else np.float32
            overall = [each or [mean] for each, mean in zip(held, means, strict=True)]
            label = named(structure, name, len(patients) == 1)
            scores[f"{label}/patient"] = float(torch_mean(np.array(means, dtype)))
            scores[f"{label}/overall"] = float(
                torch_mean(np.array([value for each in overall for value in each], dtype))
            )
    return scores


CC_METRICS = Protocol(
    name="cc-metrics",
    title="CC-Metrics, metrics per connected component",
    source="alexanderjaus/CC-Metrics, package CCMetrics 0.0.3",
    about=(
        "Cuts the image into the Voronoi regions of the reference's components, and gives each metric of MONAI in each "
        "region: a component beside all that was predicted nearer to it than to another, so that what is predicted "
        "far from any lesion costs the nearest one. A case scores the mean of its components; a cohort the mean of its "
        "cases (/patient) and of all components of all cases (/overall). All labels are foreground unless labels are "
        "asked for. metric_worst_score, for which the package has no default, is that of its examples. Percentiles are "
        "those of torch 2.14, means those of torch on x86. Before version 0.0.3 the package gave ties to the component "
        "with the lowest number, as it is here without the quirk."
    ),
    axes="xyz",
    scores=_SCORES,
    rules=Rules(
        components="of the reference's foreground",
        connectivity="26 neighbours",
        dilation="none",
        matching="Voronoi regions of the reference's components",
        penalty="none of its own: the prediction outside a component lowers the score of its region",
        empties="both empty: the best score; reference empty, or nothing in a region: the worst",
    ),
    options={"metric_worst_score": 30.0, "class_thresholds": 1.0, "metrics": None},
    quirks=(
        Quirk(
            "distances-in-voxels",
            "Voxels count as cubes of 1: regions, distances and tolerance of an anisotropic image are not in mm.",
            "A lesion that was found one slice of 5 mm too high: a Hausdorff distance of 1; without the quirk 5.",
        ),
        Quirk(
            "ties-by-the-transform",
            "A voxel as near to two components belongs to the one to which SciPy's distance transform leads, and not "
            "always to the same of the two; without the quirk to the one with the lowest number.",
            "Lesions of one voxel in the upper right and the lower left corner of a square of 3, and a false positive "
            "in its middle: Dice 1 and 2/3; without the quirk 2/3 and 1.",
        ),
        Quirk(
            "worse-than-the-worst",
            "A lesion that is missed altogether costs metric_worst_score, one that is found with a voxel farther away "
            "than that costs more.",
            "One voxel is found, and one more 40 voxels away: a Hausdorff distance of 40, and of 30 with no voxel at "
            "all; without the quirk 30 and 30.",
        ),
    ),
    evaluate=evaluate,
    aggregate=aggregate,
)

PROTOCOLS = (CC_METRICS,)
