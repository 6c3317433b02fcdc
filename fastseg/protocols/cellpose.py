"""cellpose's metrics: average precision at thresholds of IoU, and the aggregated Jaccard index."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.instance_table import InstanceTable
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.instance_maps import InstanceMaps, at_threshold, instance_maps
from fastseg.protocols.rules.threshold_assignment import Scored
from fastseg.protocols.rules.whole_map import by_structure
from fastseg.protocols.stardist import thresholds_of
from fastseg.results.rows import Row

# A matrix of so many entries is still filled for ids with gaps, as there.
_MOST_ENTRIES = 1 << 27

_BEST = 0.5  # the threshold of mask_ious


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score an image: a row for its masks as a whole, one for each threshold, and one for each true mask if wanted."""
    thresholds = thresholds_of(options["threshold"], "threshold")
    rows = []
    for maps in instance_maps(pair):
        table = maps.table
        as_there = _with_gaps(table)
        matched, ious = _best_pairs(as_there)
        index = _jaccard(maps, table, as_there, matched, options)
        counts = maps.counts
        rows.append(pair.row(maps.structure, {"aggregated_jaccard_index": index}, counts=counts))
        n_true, n_pred = _numbers(maps, table, options)
        for threshold in thresholds:
            tp = len(as_there.accepted(threshold)[0]) if n_pred > 0 else 0
            structure = at_threshold(maps.structure, threshold, only=False)
            values = {"threshold": threshold, **_precision(tp, n_true, n_pred)}
            rows.append(pair.row(structure, values, counts=counts))
        if options["masks"]:
            rows += _rows_of_masks(pair, maps, table, matched, ious)
    return rows


def _numbers(maps: InstanceMaps, table: InstanceTable, options: Options) -> tuple[int, int]:
    """Count the masks of either side: as there, one fewer than different labels."""
    if not options.quirk("background-is-assumed"):
        return len(table.reference), len(table.prediction)
    first, second = maps.histogram.sides
    return len(first.labels) - 1, len(second.labels) - 1


def _precision(tp: int, n_true: int, n_pred: int) -> dict[str, float]:
    """TP / (TP + FP + FN), in float32; nan where there is nothing."""
    counts = np.array([tp, n_pred - tp, n_true - tp], np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = counts[0] / (counts[0] + counts[1] + counts[2])
    return {"ap": precision, "tp": counts[0], "fp": counts[1], "fn": counts[2]}


def _with_gaps(table: InstanceTable) -> Scored:
    """Score the pairs by IoU, in a matrix that has a row or a column also for each id that does not occur."""
    scored = Scored.of(table, "iou")
    ids = table.reference.ids, table.prediction.ids
    shape = tuple(int(of_side[-1]) if len(of_side) else 0 for of_side in ids)
    if min(shape) == 0 or math.prod(shape) > _MOST_ENTRIES:
        return scored
    rows, columns = ids[0][scored.rows] - 1, ids[1][scored.columns] - 1
    return Scored((shape[0], shape[1]), rows.astype(int), columns.astype(int), scored.values)


def _best_pairs(scored: Scored) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the partner of each true mask among all pairs of the assignment, -1 where it has none, and the IoU."""
    partner = np.full(scored.shape[0], -1, np.int64)
    ious = np.zeros(scored.shape[0])
    rows, columns, values = scored.assigned(_BEST)
    partner[rows], ious[rows] = columns, values
    return partner, ious


def _jaccard(
    maps: InstanceMaps,
    table: InstanceTable,
    scored: Scored,
    partner: NDArray[np.int64],
    options: Options,
) -> float:
    """Give the aggregated Jaccard index."""
    if not options.quirk("foreground-as-union"):
        return _published_jaccard(table)
    chosen = partner[scored.rows] == scored.columns
    counts = maps.counts
    union = counts.tp + counts.fp + counts.fn
    return int(table.overlaps[chosen].sum()) / union if union else math.nan


def _published_jaccard(table: InstanceTable) -> float:
    """Give it as Kumar et al. 2017 (doi:10.1109/TMI.2017.2677499) define it.

    Each true mask with the prediction of the largest IoU, the first of several, though it be that of another, too: the
    sum of what they share, over the sum of their unions and of all predictions that none has.
    """
    scored = Scored.of(table, "iou")
    shared, union = 0, int(table.reference.sizes.sum())
    unused = np.ones(len(table.prediction), bool)
    first = np.searchsorted(scored.rows, np.arange(len(table.reference) + 1))
    for start, stop in zip(first[:-1].tolist(), first[1:].tolist(), strict=True):
        if stop == start:
            continue
        best = start + int(np.argmax(scored.values[start:stop]))
        overlap = int(table.overlaps[best])
        shared += overlap
        union += int(table.prediction_sizes[best]) - overlap
        unused[scored.columns[best]] = False
    union += int(table.prediction.sizes[unused].sum())
    return shared / union if union else math.nan


def _rows_of_masks(
    pair: LabelPair,
    maps: InstanceMaps,
    table: InstanceTable,
    partner: NDArray[np.int64],
    ious: NDArray[np.float64],
) -> list[Row]:
    """Give mask_ious: each true mask with its partner."""
    gaps = len(partner) > len(table.reference)
    gaps |= bool(len(partner)) and len(partner) == int(table.reference.ids[-1])
    rows = []
    for row, label in enumerate(table.reference.ids.tolist()):
        place = label - 1 if gaps else row
        column = int(partner[place])
        found = None
        if column >= 0:
            found = column + 1 if gaps else int(table.prediction.ids[column])
        rows.append(
            pair.row(
                maps.structure,
                {"iou": ious[place]},
                counts=maps.histogram.pair_counts([label], [] if found is None else [found]),
                level="instance",
                reference_label=label,
                prediction_label=found,
            )
        )
    return rows


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average over the images, whose scores the functions give one by one; undefined ones are left out."""
    structures = [row for row in rows if row.level == "structure"]
    scores = {}
    for name, values in by_structure(structures).items():
        for score, held in values.items():
            if score == "threshold":
                continue
            defined = [value for value in held if not math.isnan(value)]
            scores[f"{name}/{score}"] = sum(defined) / len(defined) if defined else math.nan
    return scores


CELLPOSE = Protocol(
    name="cellpose",
    title="cellpose, average precision of cells",
    source="MouseLand/cellpose @ 849ca11, cellpose/metrics.py",
    about=(
        "Labels are masks of cells. At each threshold as many true masks as possible are matched with a predicted one "
        "each, and ap is TP / (TP + FP + FN) in float32. The aggregated Jaccard index adds up what the pairs of the "
        "best assignment share, whatever their IoU, and divides by all foreground. With masks=true there is a row for "
        "each true mask with its partner, as mask_ious gives them. The functions make no mean over images, so that one "
        "is given. boundary_scores is not covered. The script that was run is that of 4.2.1.1."
    ),
    axes="zyx",
    more_rows={"instances": 1, "instances@0.5": 1},
    scores=(
        Score("aggregated_jaccard_index"),
        Score("threshold", None),
        Score("ap"),
        Score("tp"),
        Score("fp", False),
        Score("fn", False),
        Score("iou", about="of a true mask and its partner"),
    ),
    rules=Rules(
        components="labels are instances",
        matching="one to one, most pairs with IoU ≥ 0.5, 0.75, 0.9, then the largest sum of IoU",
        penalty="none: a wrong mask counts one, whatever its size",
        empties="neither image has a mask: nan; one has none: 0",
    ),
    options={"threshold": (0.5, 0.75, 0.9), "masks": False},
    limits={"threshold": (0, 1)},
    quirks=(
        Quirk(
            "background-is-assumed",
            "The number of masks is taken as that of different labels less one, so that an image without any "
            "background has one fewer.",
            "Two cells that fill the image, both found: TP 2, FP -1, FN -1, ap inf; without the quirk 2, 0, 0 and 1.",
        ),
        Quirk(
            "foreground-as-union",
            "The aggregated Jaccard index divides by all voxels that are foreground in either image, each once, where "
            "the published one adds up the union of each pair and what has no partner: a voxel in two pairs counts "
            "twice there.",
            "Cells of 4 and 4 voxels, predicted as one of 2 and one of 6 that takes 2 of the first: 6/8 = 0.75; "
            "without the quirk (2 + 4) / (4 + 6) = 0.6.",
        ),
    ),
    evaluate=evaluate,
    aggregate=aggregate,
)

PROTOCOLS = (CELLPOSE,)
