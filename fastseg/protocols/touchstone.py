"""Touchstone: Dice and surface Dice at 1.5 mm of nine abdominal organs, as MONAI has them in float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from fastseg.inputs.arrays import Array
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region, Request
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.organs import both_have, region_of
from fastseg.results.rows import Row

#: sorted, as the script has them; the numbers are those of AbdomenAtlas
ORGANS = {
    name: i
    for i, name in enumerate(
        (
            "aorta",
            "gall_bladder",
            "kidney_left",
            "kidney_right",
            "liver",
            "pancreas",
            "postcava",
            "spleen",
            "stomach",
        ),
        1,
    )
}


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case, organ by organ."""
    rows = []
    for structure in pair.labels:
        part = pair
        if structure.name == "aorta" and options["crop_aorta"]:
            part = _cropped(pair, structure, options)
        counts = part.histogram.pair_counts(structure.reference, structure.prediction)
        values = {"dice": _dice(counts, options), "nsd": _surface_dice(part, structure, options)}
        rows.append(pair.row(structure, values, counts=counts))
    return rows


def _dice(counts: Counts, options: Options) -> float:
    """Divide in float32, with one voxel more below the line."""
    total = counts.reference + counts.prediction + options.quirk("one-voxel-more")
    if not total:
        return math.nan
    return float(np.float32(2 * counts.tp) / np.float32(total))


def _surface_dice(pair: LabelPair, structure: Structure, options: Options) -> float:
    """Count the surface voxels within the tolerance; distances and the quotient are float32."""
    sides = structure.reference, structure.prediction
    counts = pair.histogram.pair_counts(*sides)
    if counts.empty:
        return math.nan if counts.empty == "both" else 0.0
    assert both_have(pair, structure)
    region: Region = region_of(pair, structure)
    request = Request(frozenset(("surface_distributions",)), pair.spacing)
    [measured] = pair.measure(pair.reference, pair.prediction, [region], request)
    within = total = 0
    for side in measured["surface_distributions"].distributions:
        near = side.distances.astype(np.float32) <= np.float32(options["tolerance"])
        within += int(side.counts[near].sum())
        total += int(side.counts.sum())
    return float(np.float32(within) / np.float32(total))


def _cropped(pair: LabelPair, aorta: Structure, options: Options) -> LabelPair:
    """Cut both maps to the longest run of slices in which the reference's aorta is one piece, less the last of them.

    A slice is judged after an erosion by 3×3, and pieces hang together by faces.
    """
    mask = np.isin(pair.reference, aorta.reference)
    pieces = [_pieces(mask[..., z]) for z in range(mask.shape[-1])]
    start, stop = _longest_run_of_ones(pieces)
    if stop <= start:
        return pair
    if options.quirk("last-slice-left-out"):
        stop -= 1
    reference, prediction = pair.reference[..., start:stop], pair.prediction[..., start:stop]
    if not reference.size:  # everything is set to 0 there
        reference = prediction = np.zeros_like(pair.reference)
    return replace(pair, reference=reference, prediction=prediction)


def _pieces(plane: Array) -> int:
    eroded: Any = ndimage.binary_erosion(plane, np.ones((3, 3)))
    return int(ndimage.label(eroded)[1])


def _longest_run_of_ones(numbers: Sequence[int]) -> tuple[int, int]:
    """Find the first of the longest runs, half open; (0, 0) if there is none."""
    best, start = (0, 0), 0
    for place, number in enumerate([*numbers, 0]):
        if number != 1:
            if place - start > best[1] - best[0]:
                best = start, place
            start = place + 1
    return best


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average each organ over the cases that have a value, then the organs; three decimal places."""
    found: dict[str, float] = {}
    for score in ("dice", "nsd"):
        values: dict[str, list[float]] = {}
        for row in rows:
            values.setdefault(row.name, []).append(row[score])
        means = {
            name: float(np.mean(defined)) if (defined := [v for v in held if v == v]) else math.nan
            for name, held in values.items()
        }
        average = float(np.mean(list(means.values()))) if means else math.nan
        for name, mean in {**means, "Average": average}.items():
            found[f"{score}/{name}"] = float(np.round(mean, 3))
    return found


PROTOCOLS = (
    Protocol(
        name="touchstone",
        title="Touchstone, abdominal organs across hospitals: Dice and surface Dice",
        source="MrGiovanni/Touchstone @ c4ff9b0, EvalCPU.py",
        about=(
            "Scores nine organs by Dice in float32 and by MONAI's surface Dice at 1.5 mm, and averages them organ by "
            "organ. The organs that its lists skip in single cases and its weights of organs come with its data: they "
            "are not here."
        ),
        labels=ORGANS,
        axes="xyz",
        scores=(Score("dice"), Score("nsd")),
        rules=Rules(
            components="none",
            matching="none: organs",
            penalty="0 where one map lacks the organ",
            empties="both: dice 0, nsd no value",
        ),
        options={"tolerance": 1.5, "crop_aorta": False},
        quirks=(
            Quirk(
                "one-voxel-more",
                "One is added below the line of Dice: small organs are never perfect, and one that neither map has "
                "scores 0.",
                "An organ of 4 voxels found exactly: 0.8889; without the quirk 1.0.",
            ),
            Quirk(
                "last-slice-left-out",
                "With crop_aorta, the last slice of the part that counts is cut off.",
                "An aorta in slices 2 to 7, which the prediction lacks in slice 7 alone: dice nearly 1; without the "
                "quirk the missing slice counts.",
            ),
        ),
        evaluate=evaluate,
        aggregate=aggregate,
    ),
)
