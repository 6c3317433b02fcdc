"""HECKTOR 2022 and HNTS-MRG 2024: one Dice over all cases together, so that none without a tumour is undefined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Rules, Score
from fastseg.results.rows import Row


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: what the sums over the cohort are made of, and Dice."""
    rows = []
    for structure in pair.labels:
        counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
        # the script multiplies x, y and z in this order, and each side by itself
        voxel = math.prod(pair.spacing)
        volumes = counts.reference * voxel + counts.prediction * voxel
        dice = _dice(counts)
        values = {"TP": dice * volumes / 2, "vol_sum": volumes, "DSC": dice}
        rows.append(pair.row(structure, values, counts=counts))
    return rows


def _dice(counts: Counts) -> float:
    """Give Dice as ITK makes it, of the intersection over the union; 0 where there is neither."""
    union = counts.tp + counts.fp + counts.fn
    overlap = counts.tp / union if union else 0.0
    return 2 * overlap / (1 + overlap)


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Divide the sums over all cases, structure by structure; their mean is what ranks."""
    sums: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        overlaps, volumes = sums.setdefault(row.name, ([], []))
        overlaps.append(row["TP"])
        volumes.append(row["vol_sum"])
    scores = {}
    for name, (overlaps, volumes) in sums.items():
        total = float(np.sum(volumes))
        scores[f"AggregatedDsc/{name}"] = 2 * float(np.sum(overlaps)) / total if total else math.nan
    if scores:
        scores["AggregatedDsc/mean"] = float(np.mean(list(scores.values())))
    return scores


HECKTOR = Protocol(
    name="hecktor",
    title="HECKTOR 2022, head and neck tumours in PET/CT: aggregated Dice",
    source="the challenge's notebook evaluate_predictions.ipynb, as published copies of its functions have it",
    about=(
        "Adds up twice the overlap and both volumes over all cases, and divides in the end: tumour (GTVp) and nodes "
        "(GTVn) by themselves, then their mean. A case weighs as much as its tumour is large, and one without a tumour "
        "has no undefined Dice; a false positive there costs its volume."
    ),
    labels={"GTVp": 1, "GTVn": 2},
    scores=(
        Score("TP", about="the overlap in mm³, from Dice and the volumes", unit="mm³"),
        Score("vol_sum", None, "mm³", "the volumes of reference and prediction together"),
        Score("DSC", about="Dice of the case; 0 where neither map has the structure"),
    ),
    rules=Rules(
        components="none",
        matching="none: voxels",
        penalty="none",
        empties="add nothing to either sum; no case at all with the structure: nan",
    ),
    evaluate=evaluate,
    aggregate=aggregate,
)

PROTOCOLS = (
    HECKTOR,
    replace(
        HECKTOR,
        name="hnts-mrg",
        title="HNTS-MRG 2024, head and neck tumours in MRI: aggregated Dice",
        source="the challenge's notebook for DSCagg, as published copies of its functions have it",
    ),
)
