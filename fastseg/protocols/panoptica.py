"""panoptica as it is set up unless told otherwise: semantic maps, components, matches at an IoU of a half."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.panoptic_case import EDGE_CASES, PanopticCase
from fastseg.results.instance import Instance
from fastseg.results.rows import Row

_MATCHERS = {"naive": "greedy", "bipartite": "optimal", "merge": "merge"}
_SCORES = {"IOU": "iou", "DSC": "dice"}
_OVERLAPS = ("IOU", "DSC")

VOXELS = Quirk(
    "global-distances-in-voxels",
    "Distances of a structure as a whole are measured in voxels whatever their size, and its NSD counts what lies "
    "within half a voxel; those of instances have the spacing, and NSD its least.",
    "A mask moved by one voxel of 3 mm: global_bin_hd 1; without the quirk 3.",
)
FACES = Quirk(
    "faces-in-2d",
    "Pixels of a 2-D map that touch at a corner are two components (4 neighbours), voxels of a 3-D map one (26).",
    "Two pixels at a corner of each other: n_ref_instances 2; without the quirk 1.",
)
JOINED = Quirk(
    "labels-joined-in-2d",
    "Without groups, labels that touch are one component in 2-D, and one each in 3-D.",
    "Labels 1 and 2 side by side in a 2-D map: n_ref_instances 1; without the quirk 2.",
)
ORDER = Quirk(
    "spacing-in-wrong-order",
    "Files are read with axes z, y, x and spacings x, y, z, so that distances in voxels of unequal sides are wrong.",
    "A NIfTI of 1 x 1 x 3 mm whose mask moved by one slice: sq_assd as if slices were 1 mm apart; without the quirk 3.",
)


def key(prefix: str, metric: str) -> str:
    """Name a score as panoptica does, to which IoU is the metric that needs no name."""
    return prefix if metric == "IOU" else f"{prefix}_{metric.lower()}"


def spacing_of(pair: LabelPair, options: Options) -> tuple[float, ...]:
    """Give the spacing that panoptica measures with: files hold it in 32 bits, and their axes are turned round."""
    if not pair.is_image:
        return pair.spacing
    steps = tuple(float(np.float32(step)) for step in pair.spacing)
    return steps[::-1] if options.quirk(ORDER.name) else steps


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score each structure: its row, and one for each instance of the reference."""
    metrics = _metrics(options["metrics"], "metrics")
    of_all = _metrics(options["global_metrics"], "global_metrics")
    if options["matcher"] not in _MATCHERS:
        raise unknown("matcher", options["matcher"], _MATCHERS)
    if options["matching_metric"] not in _SCORES:
        raise unknown("matching_metric", options["matching_metric"], _SCORES)
    flat = pair.ndim < 3
    rows = []
    spacing = spacing_of(pair, options)
    # groups that are asked for are a mask each; without any, all labels are one group
    for structure in pair.given or (None,):
        case = PanopticCase.of(
            pair,
            structure,
            metrics,
            spacing,
            connectivity=1 if flat and options.quirk(FACES.name) else pair.ndim,
            by_label=structure is None and not (flat and options.quirk(JOINED.name)),
            rule=_MATCHERS[options["matcher"]],
            score=_SCORES[options["matching_metric"]],
            threshold=options["matching_threshold"],
            many_to_one=options["allow_many_to_one"],
        )
        steps = None if options.quirk(VOXELS.name) else spacing
        whole = {f"global_bin_{name.lower()}": case.of_all(name, steps) for name in of_all}
        values = {**_values(case, metrics), **whole}
        rows += [pair.row(case.structure, values, counts=case.counts), *instance_rows(case)]
    return rows


def _metrics(given: Sequence[str], name: str) -> list[str]:
    if isinstance(given, str):
        raise InputError(f"{name}: expected several names, such as ('DSC', 'ASSD'), got {given!r}")
    for one in given:
        if one not in EDGE_CASES:
            raise unknown(name, one, EDGE_CASES)
    return list(given)


def _values(case: PanopticCase, metrics: Sequence[str]) -> dict[str, float]:
    """Give what panoptica's result holds of a group."""
    values: dict[str, float] = {
        "n_ref_instances": case.n_reference,
        "n_pred_instances": case.n_prediction,
        "tp": case.tp,
        "fp": case.fp,
        "fn": case.fn,
        "prec": case.precision,
        "rec": case.recall,
        "rq": case.rq,
    }
    for metric in metrics:
        values[key("sq", metric)] = case.mean(metric)
        values[f"{key('sq', metric)}_std"] = case.deviation(metric)
        if metric in _OVERLAPS:
            values[key("pq", metric)] = case.mean(metric) * case.rq
    sizes = case.matches.voxels[1].tolist()
    voxel = float(np.prod(case.spacing))
    values["instance_voxel_count_ref"] = float(np.mean(sizes)) if sizes else math.nan
    volumes = [size * voxel for size in sizes]
    values["instance_volume_ref"] = float(np.mean(volumes)) if sizes else math.nan
    values["global_bin_volume_pred"] = case.counts.prediction
    values["global_bin_volume_ref"] = case.counts.reference
    return values


def instance_rows(case: PanopticCase) -> list[Row]:
    """Make a row for each instance of the reference, those that were matched first, as panoptica lists them."""
    voxel = float(np.prod(case.spacing))
    own, others = case.table.reference, case.table.prediction.ids.tolist()
    ids, sizes = own.ids.tolist(), own.sizes.tolist()
    boxes = np.stack([own.starts, own.stops], axis=2).tolist()
    both, _, predicted = (column.tolist() for column in case.matches.voxels)
    maps, structure = case.maps, case.structure
    total, voxel_volume = maps.reference.size, maps.voxel_volume
    names = [key("sq", name) for name in case.values]
    of_each = list(zip(*(map(float, found) for found in case.values.values()), strict=True))
    matched = case.matches.references.tolist()
    rows = []
    for place, row in enumerate([*matched, *case.matches.missed.tolist()]):
        size = sizes[row]
        values: dict[str, float] = {}
        tp, fp, partners = 0, 0, ()
        if place < len(matched):
            values = dict(zip(names, of_each[place], strict=True)) if names else {}
            tp, fp = both[place], predicted[place] - both[place]
            partners = tuple(others[column] for column in case.matches.predictions[place])
        values["voxel_count"], values["volume"] = float(size), size * voxel
        values["is_matched"] = float(bool(partners))
        counts = Counts(tp, fp, size - tp, total - size - fp)
        rows.append(
            Row(  # LabelPair.row, which of thousands of instances takes a tenth of all time
                maps.case,
                structure.label,
                structure.name,
                ids[row],
                partners[0] if len(partners) == 1 else partners or None,
                values,
                counts,
                voxel_volume,
                counts.empty,
                "",
                "instance",
                instance=Instance(reference_box=tuple(map(tuple, boxes[row]))),
            )
        )
    return rows


_UNITS = {"ASSD": "mm", "HD": "mm", "HD95": "mm"}


def _scores() -> tuple[Score, ...]:
    """List panoptica's names, in its order."""
    scores = [Score(f"n_{side}_instances", None) for side in ("ref", "pred")]
    scores += [Score("tp"), Score("fp", False), Score("fn", False), Score("prec"), Score("rec")]
    scores.append(Score("rq", about="recognition quality, or F1"))
    for metric in ("IOU", "DSC", "ASSD", "RVD", "RVAE", "HD", "HD95", "NSD"):
        larger = None if metric == "RVD" else metric in ("IOU", "DSC", "NSD")
        unit = _UNITS.get(metric, "")
        scores.append(Score(key("sq", metric), larger, unit, f"mean {metric} of the matched"))
        scores.append(Score(f"{key('sq', metric)}_std", None, unit))
        if metric in _OVERLAPS:
            scores.append(Score(key("pq", metric), about=f"{key('sq', metric)} times rq"))
    scores += [
        Score("instance_voxel_count_ref", None, about="mean voxels of the matched"),
        Score("instance_volume_ref", None, "mm³"),
        Score("global_bin_volume_pred", None, about="voxels of the prediction"),
        Score("global_bin_volume_ref", None, about="voxels of the reference"),
    ]
    for metric in EDGE_CASES:
        larger = None if metric == "RVD" else metric in ("IOU", "DSC", "NSD")
        unit = "voxels" if metric in _UNITS else ""
        about = f"{metric} of all instances together"
        scores.append(Score(f"global_bin_{metric.lower()}", larger, unit, about))
    scores += [
        Score("voxel_count", None, about="voxels of the instance"),
        Score("volume", None, "mm³"),
        Score("is_matched"),
    ]
    return tuple(scores)


PANOPTICA = Protocol(
    name="panoptica",
    title="panoptica 2.1.7, semantic input",
    source="BrainLesion/panoptica 2.1.7",
    about=(
        "Components of both maps are instances; a pair whose IoU reaches a half is a match, the best first. Of the "
        "matches Dice, IoU, average symmetric surface distance and relative volume difference are averaged (sq), "
        "F1 of the instances is the recognition quality (rq), and their product the panoptic quality (pq). Labels "
        "that are asked for together are one mask; without any, all labels are one group."
    ),
    axes="zyx",
    scores=_scores(),
    rules=Rules(
        components="of both maps",
        connectivity="26 neighbours; 4 in 2-D",
        dilation="none",
        matching="one to one, the best IoU first, from 0.5 on",
        penalty="none: means are over the matches",
        empties="no instance: nan; none matched: overlaps 0, distances inf, rq 0",
    ),
    options={
        "matcher": "naive",
        "matching_metric": "IOU",
        "matching_threshold": 0.5,
        "allow_many_to_one": False,
        "metrics": ("DSC", "IOU", "ASSD", "RVD"),
        "global_metrics": ("DSC",),
    },
    quirks=(VOXELS, FACES, JOINED, ORDER),
    evaluate=evaluate,
)

PROTOCOLS = (PANOPTICA,)
