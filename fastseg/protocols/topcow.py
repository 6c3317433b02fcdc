"""TopCoW 2024: vessels of the circle of Willis by overlap, distance, components, detection, graph and topology."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array
from fastseg.inputs.c_order import c_ordered
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules import itk
from fastseg.protocols.rules.circle_of_willis import (
    EDGES,
    NAMES,
    OPTIONAL,
    REGIONS,
    VESSELS,
    edges,
    flipped,
    touching,
)
from fastseg.protocols.rules.nearest import Bools, box_of, nearest_distances
from fastseg.protocols.rules.topcow_cohort import aggregate
from fastseg.protocols.rules.whole_map import Maps, cropped
from fastseg.results.rows import Row

_DETECTIONS = ("TP", "TN", "FP", "FN")
_MERGED = "MergedBin"


@dataclass(frozen=True)
class _Topology:
    """What is known of one map.

    Attributes
    ----------
    present : set of int
        Labels that occur.
    touch : mapping
        Of each label, those that touch it.
    components : mapping of int to int
        How many of each label, by 26 neighbours; of all vessels together under 0.
    graphs : mapping of str to list of int
        Which edges of either half there are.
    """

    present: set[int]
    touch: Mapping[int, set[int]]
    components: Mapping[int, int]
    graphs: Mapping[str, list[int]]


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: a row for each vessel, for all together, for the means over vessels, and for either half."""
    if pair.ndim != 3:
        raise InputError(f"topcow: expected label maps of three axes, got {pair.ndim}")
    if pair.given is not None:
        raise InputError("topcow: its vessels have labels of their own; leave out labels=")
    unknown = [label for label in pair.histogram.labels if label and label not in NAMES]
    if unknown:
        raise InputError(
            f"topcow: it has the labels {', '.join(map(str, NAMES))}, got {', '.join(map(str, unknown[:9]))}; renumber "
            "the maps"
        )
    everything = Structure.of(_MERGED, tuple(NAMES))
    maps = Maps(everything, pair.reference, pair.prediction)
    parts, origin = cropped(pair, maps)
    sides = [_topology(pair, labels) for labels in (parts.reference, parts.prediction)]
    structures = [Structure.of(NAMES[label], label) for label in sorted(NAMES)]
    scores: dict[str, dict[str, float]] = {}
    for structure in structures:
        if structure.label in sides[0].present | sides[1].present:
            scores[structure.name] = _of_structure(pair, parts, origin, structure, sides, options)
    means = {
        score: sum((values[score] for values in scores.values()), 0.0) / max(1, len(scores))
        for score in ("Dice", "B0err", "HD", "HD95")
    }
    if scores:
        scores[_MERGED] = _of_structure(pair, parts, origin, everything, sides, options)
    elif options.quirk("both-empty-is-zero"):
        scores[_MERGED] = dict.fromkeys(means, 0.0)
    else:
        means = dict.fromkeys(means, math.nan)
        scores[_MERGED] = dict(means)
    if options["cldice"]:
        scores[_MERGED]["clDice"] = _centreline_dice(pair, parts)
    detections = {
        name: _detection(pair, VESSELS[name], options["iou_threshold"]) for name in OPTIONAL
    }
    for name, found in detections.items():
        scores.setdefault(name, {}).update({kind: float(kind == found) for kind in _DETECTIONS})
    rows = [
        pair.row(one, scores[one.name]) for one in (*structures, everything) if one.name in scores
    ]
    for score, value in means.items():
        rows.append(pair.row(everything._replace(name=f"ClsAvg{score}"), {score: value}))
    return rows + [_half(pair, region, sides, parts.prediction, options) for region in REGIONS]


def _topology(pair: LabelPair, labels: Array) -> _Topology:
    touch = touching(labels)
    connected = pair.backend.operations.connected_components
    numbers, _ = connected(np.ascontiguousarray(labels), 3, np.dtype(np.int32))
    firsts = pair.joint_histogram(labels, numbers)
    found, counts = np.unique(
        firsts.reference_labels[firsts.prediction_labels != 0], return_counts=True
    )
    components = dict(zip(found.tolist(), counts.tolist(), strict=True))
    present = set(components)
    components[0] = connected(np.ascontiguousarray(labels != 0), 3, np.dtype(np.int32))[1]
    graphs = {region: edges(region, touch, present) for region in REGIONS}
    return _Topology(present, touch, components, graphs)


def _of_structure(
    pair: LabelPair,
    parts: Maps,
    origin: tuple[int, ...],
    structure: Structure,
    sides: Sequence[_Topology],
    options: Options,
) -> dict[str, float]:
    counts = pair.histogram.pair_counts(structure.reference)
    label = structure.label if isinstance(structure.label, int) else 0
    components = [side.components.get(label, 0) for side in sides]
    distances = _distances(pair, parts, origin, label, counts, options)
    return {
        "Dice": _dice(counts),
        "B0err": abs(components[1] - components[0]),
        "HD": distances[1],
        "HD95": distances[0],
    }


def _dice(counts: Counts) -> float:
    """Give Dice as ITK makes it, of the intersection over the union."""
    jaccard = _jaccard(counts)
    return 2.0 * jaccard / (1.0 + jaccard)


def _jaccard(counts: Counts) -> float:
    union = counts.tp + counts.fp + counts.fn
    return counts.tp / union if union else 0.0


def _distances(
    pair: LabelPair,
    parts: Maps,
    origin: tuple[int, ...],
    label: int,
    counts: Counts,
    options: Options,
) -> tuple[float, float]:
    """Take the larger of both directions' 95th percentiles, and of their largest distances."""
    if counts.empty:
        return options["missing_distance"], options["missing_distance"]
    masks = [
        labels == label if label else labels != 0 for labels in (parts.reference, parts.prediction)
    ]
    cut = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box_of(*masks))
    masks = [mask[cut] for mask in masks]
    origin = tuple(start + side.start for start, side in zip(origin, cut, strict=True))
    # its images have a margin of one voxel of background, so that there are contours at the border, too
    surfaces = [itk.contour(mask, full=True, border=True) for mask in masks]
    directions = [
        _surface_distances(pair, surfaces[to], surfaces[1 - to], origin, options) for to in (1, 0)
    ]
    at_95, at_100 = (
        max(float(np.percentile(distances, share)) for distances in directions)
        for share in (95, 100)
    )
    return at_95, at_100


def _surface_distances(
    pair: LabelPair, to: Bools, at: Bools, origin: tuple[int, ...], options: Options
) -> NDArray[np.floating]:
    """Measure from one surface to the other; zeros are doubles, and make all others such."""
    if not options.quirk("distances-in-float32"):
        return nearest_distances(pair, to, at)
    margin = tuple(start + 1 for start in origin)
    found = itk.distances(to, at, pair.spacing, origin=margin)
    zeros = len(found) - np.count_nonzero(found)
    return np.concatenate([found[found != 0], np.zeros(zeros)]) if zeros else found


def _centreline_dice(pair: LabelPair, parts: Maps) -> float:
    """Take the harmonic mean of how much of each skeleton lies in the other mask; 0 where it is of nothing.

    The arrays are SimpleITK's, and its script turns them to x, y, z before they are thinned: the order matters.
    """
    masks = [c_ordered(labels.T != 0) for labels in (parts.prediction, parts.reference)]
    shares = []
    for mask, other in zip(masks, reversed(masks), strict=True):
        skeleton = pair.backend.operations.skeletonize(mask, mask.shape[0] > 1)
        size = int(np.count_nonzero(skeleton))
        shares.append(int(np.count_nonzero(skeleton & other)) / size if size else 0.0)
    precision, sensitivity = shares
    if precision + sensitivity == 0:
        return 0.0
    return 2 * precision * sensitivity / (precision + sensitivity)


def _detection(pair: LabelPair, label: int, threshold: float) -> str:
    """Tell what became of a vessel that need not be there."""
    counts = pair.histogram.pair_counts([label])
    if counts.reference:
        return "TP" if _jaccard(counts) >= threshold else "FN"
    return "FP" if counts.prediction else "TN"


def _half(
    pair: LabelPair, region: str, sides: Sequence[_Topology], prediction: Array, options: Options
) -> Row:
    """Compare either half: its graph, and whether its vessels are as they should be."""
    labels = [VESSELS[name] for name in REGIONS[region]]
    reference, predicted = sides
    turned = flipped(region, prediction, predicted.present)
    matches = not turned and all(
        _detection(pair, label, options["iou_threshold"]) in ("TP", "TN")
        and reference.touch[label] == predicted.touch[label]
        and reference.components.get(label, 0) == predicted.components.get(label, 0)
        for label in labels
    )
    values: dict[str, float] = {}
    for kind, side in zip(("gt_graph", "pred_graph"), sides, strict=True):
        for edge, there in zip(EDGES[region], side.graphs[region], strict=True):
            values[f"{kind}_{edge}"] = there
    values["LR_flipped"] = turned
    values["match_verdict"] = matches
    return pair.row(Structure.of(region, tuple(labels)), values)


_EDGE_NAMES = tuple(edge for region in EDGES.values() for edge in region)

TOPCOW = Protocol(
    name="topcow",
    title="TopCoW 2024, task 1: vessels of the circle of Willis in CT and MR angiography",
    source="CoWBenchmark/TopCoW_Eval_Metrics @ 25ca839, topcow24_eval/evaluation.py",
    about=(
        "For each vessel of either map and for all together (MergedBin): Dice, the difference of the numbers of "
        "components (B0err), HD and HD95 between contours by 26 neighbours; their means over the vessels (ClsAvg…); "
        "the centreline Dice of all vessels; whether the four vessels that many people lack are detected; and of "
        "either half of the circle its graph, and whether its vessels have the right neighbours and components and lie "
        "on their side. A score's name in the organiser's file is that of the column, _ and that of the structure. "
        "clDice is of skeletons as scikit-image has them; cldice=False leaves it out. Cropping to a region of "
        "interest is up to the caller. The copies of the script's modules that were read and run are those of commits "
        "25ca839, 30441dd, b57fef7 and da955fe."
    ),
    axes="zyx",
    scores=(
        Score("Dice"),
        Score("B0err", False, about="difference of the numbers of components"),
        Score("HD", False, "mm"),
        Score("HD95", False, "mm", "the larger of both directions' percentiles"),
        Score("clDice", about="centreline Dice of all vessels"),
        *(Score(kind, None, about="1 if the vessel's detection is such") for kind in _DETECTIONS),
        *(
            Score(f"gt_graph_{edge}", None, about="1 if the reference has the edge")
            for edge in _EDGE_NAMES
        ),
        *(
            Score(f"pred_graph_{edge}", None, about="1 if the prediction has it")
            for edge in _EDGE_NAMES
        ),
        Score("LR_flipped", False, about="1 if left lies right of right in the prediction"),
        Score("match_verdict", about="1 if the topology of the half is right"),
    ),
    rules=Rules(
        components="of each vessel, counted",
        connectivity="26 neighbours",
        dilation="none",
        matching="by label; a vessel is detected from an IoU of 0.25",
        penalty="a vessel that one map lacks: Dice 0, HD and HD95 90 mm",
        empties="both maps empty: all scores 0; what neither has does not count, except in the cohort's F1, as 0",
    ),
    options={"iou_threshold": 0.25, "missing_distance": 90.0, "cldice": True},
    limits={"iou_threshold": (0, 1)},
    quirks=(
        Quirk(
            "both-empty-is-zero",
            "Where both maps are empty, every score is 0: the worst Dice and the best distance.",
            "Two empty maps: Dice 0 and HD95 0; without the quirk both are nan.",
        ),
        Quirk(
            "distances-in-float32",
            "Distances are made in float32 from positions in the image, so that equal ones differ by 1e-7 of them, "
            "equal masks may be 1e-7 apart, and their percentiles are taken in float32 where none is 0.",
            "Two neighbours in a row of voxels of 0.7 mm, at the places 1 and 2: HD95 0.6999999284744263; at 2 and 3: "
            "0.7000000476837158; without the quirk 0.7 at either.",
        ),
    ),
    evaluate=evaluate,
    aggregate=aggregate,
    more_rows=dict.fromkeys((_MERGED, "ClsAvgDice"), tuple(NAMES)),
)

PROTOCOLS = (TOPCOW,)
