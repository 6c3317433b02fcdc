"""The CellMap segmentation challenge: instances of organelles matched by a flow, with Hausdorff distances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array, Box, matched
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.cheapest_flow import cheapest_pairs
from fastseg.protocols.rules.instance_maps import InstanceMaps, instance_maps
from fastseg.protocols.rules.threshold_assignment import Scored
from fastseg.results.rows import Row

Longs = NDArray[np.int64]

# A cost is an IoU in millionths, and to go without a partner costs one more than any.
_SCALE = 1_000_000
# How many times as many predictions as references are matched at most: for many, and how many times more for few.
_LEAST_RATIO, _MORE_RATIO, _DECAY = 10.0, 50.0, 5.0
_MOST_PAIRS = 5_000_000
_BASE = 1.01  # of the score of a distance in voxels

_NOTHING = {"TP": 0.0, "FP": 0.0, "FN": 0.0, "hausdorff_norm_sum": 0.0, "n_hausdorff": 0.0}


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a crop: what is pooled over the crops."""
    rows = []
    for maps in instance_maps(pair):
        counts = maps.counts
        if options["semantic"]:
            values: dict[str, float] = {"TP": counts.tp, "FP": counts.fp, "FN": counts.fn}
        else:
            values = _scores_of_instances(pair, maps, options)
        rows.append(pair.row(maps.structure, values, counts=counts))
    return rows


def _scores_of_instances(pair: LabelPair, maps: InstanceMaps, options: Options) -> dict[str, float]:
    reference, prediction, histogram = maps.reference, maps.prediction, maps.histogram
    if options.quirk("predictions-are-split"):
        ndim = pair.ndim
        prediction, _ = pair.backend.operations.connected_components(
            prediction, ndim, np.dtype(np.uint32)
        )
        reference, prediction = matched(reference, prediction)
        histogram = pair.joint_histogram(reference, prediction)
    table = InstanceTable.of(histogram)
    n_true, n_pred = len(table.reference), len(table.prediction)
    if options.quirk("too-many-are-not-scored") and _too_many(table):
        return dict(_NOTHING)
    chosen = _chosen(table, histogram)
    capped = min(size * step / 2 for size, step in zip(pair.shape, pair.spacing, strict=True))
    distances = _Distances(pair, reference, prediction, table, capped)
    found = distances.of_each(chosen, collide=options.quirk("numbers-collide"))
    found = np.concatenate([found, np.full(n_pred - len(chosen), capped)]).astype(np.float32)
    scores = _BASE ** (-found.astype(np.float64) / np.linalg.norm(pair.spacing))
    return {
        "TP": len(chosen),
        "FP": n_pred - len(chosen),
        "FN": n_true - len(chosen),
        "hausdorff_norm_sum": float(np.sum(scores)),
        "n_hausdorff": len(scores),
    }


def _too_many(table: InstanceTable) -> bool:
    """Tell whether the script gives up, by the largest numbers on either side and by the pairs."""
    if not len(table.reference) or not len(table.prediction):
        return False
    n_true, n_pred = int(table.reference.ids[-1]), int(table.prediction.ids[-1])
    most = _LEAST_RATIO + _MORE_RATIO * np.exp(-n_true / _DECAY)
    return bool(n_pred / n_true > most) or len(table.overlaps) > _MOST_PAIRS


def _chosen(table: InstanceTable, histogram: JointHistogram) -> Longs:
    """Match: indices of the table's pairs."""
    if not len(table.overlaps):
        return np.zeros(0, np.int64)
    scored = Scored.of(table, "iou", np.float32)
    costs = ((1.0 - scored.values.astype(np.float64)) * _SCALE).astype(np.int64)
    # the script numbers instances up to the largest id on either side
    shape = int(table.reference.ids[-1]), int(table.prediction.ids[-1])
    if max(shape) > 1 << 24:
        return cheapest_pairs(scored.shape, scored.rows, scored.columns, costs, _SCALE + 1)
    rows = table.reference.ids[scored.rows].astype(np.int64) - 1
    columns = table.prediction.ids[scored.columns].astype(np.int64) - 1
    return cheapest_pairs(shape, rows, columns, costs, _SCALE + 1)


class _Distances:
    """Hausdorff distances between all voxels of two instances, capped.

    Attributes
    ----------
    pair : LabelPair
    maps : pair of ndarray
        Ids of instances.
    table : InstanceTable
    capped : float
        What a distance is at most, and what a missing partner counts.
    """

    def __init__(
        self,
        pair: LabelPair,
        reference: Array,
        prediction: Array,
        table: InstanceTable,
        capped: float,
    ) -> None:
        self.pair, self.maps, self.table, self.capped = pair, (reference, prediction), table, capped

    def of_each(self, chosen: Longs, collide: bool) -> NDArray[np.float64]:
        """Measure each reference instance to its partner.

        With `collide`, predictions without a partner count under their own numbers as if these were the reference's.
        """
        table = self.table
        partners: dict[int, list[int]] = {}
        for pair in chosen.tolist():
            partners.setdefault(int(table.reference_rows[pair]), []).append(
                int(table.prediction_rows[pair])
            )
        if collide and len(chosen):
            row_of = {label: row for row, label in enumerate(table.reference.ids.tolist())}
            taken = set(table.prediction_rows[chosen].tolist())
            for row, label in enumerate(table.prediction.ids.tolist()):
                if row not in taken and label in row_of:
                    partners.setdefault(row_of[label], []).append(row)
        elif collide:  # nothing is renumbered where nothing matches
            row_of = {label: row for row, label in enumerate(table.prediction.ids.tolist())}
            for row, label in enumerate(table.reference.ids.tolist()):
                if label in row_of:
                    partners[row] = [row_of[label]]
        return np.array(
            [self._between(row, partners.get(row, [])) for row in range(len(table.reference))],
            np.float64,
        )

    def _between(self, row: int, others: Sequence[int]) -> float:
        """Measure one reference instance to some predictions together."""
        if not others:
            return self.capped
        first, second = self.table.reference, self.table.prediction
        starts = np.minimum(first.starts[row], second.starts[list(others)].min(axis=0))
        stops = np.maximum(first.stops[row], second.stops[list(others)].max(axis=0))
        box: Box = tuple(slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True))
        here = self.maps[0][box] == first.ids[row]
        there = np.isin(self.maps[1][box], second.ids[list(others)])
        largest = max(self._directed(here, there), self._directed(there, here))
        return min(largest, self.capped)

    def _directed(self, here: NDArray[np.bool_], there: NDArray[np.bool_]) -> float:
        """Find the largest distance of a voxel of one set to the other set."""
        outside = here & ~there
        if not outside.any():
            return 0.0
        transform = self.pair.backend.operations.distance_transform_edt
        distances, _ = transform(~there, self.pair.spacing, False, np.float64)
        return float(distances[outside].max())


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Pool the crops of each class, and average the classes."""
    sums: dict[str, dict[str, float]] = {}
    for row in rows:
        of_class = sums.setdefault(row.name, {})
        for score, value in row.values_by_metric.items():
            of_class[score] = of_class.get(score, 0) + value
    scores: dict[str, float] = {}
    overall: dict[str, list[float]] = {}
    for name, pooled in sums.items():
        tp, fp, fn = pooled["TP"], pooled["FP"], pooled["FN"]
        if "n_hausdorff" in pooled:
            made = _of_instances(tp, fp, fn, pooled["hausdorff_norm_sum"], pooled["n_hausdorff"])
            overall.setdefault("overall_instance_score", []).append(made["combined_score"])
        else:
            total = tp + fp + fn
            made = {"iou": tp / total if total else 1.0}
            overall.setdefault("overall_semantic_score", []).append(made["iou"])
        for score, value in {**made, "TP": tp, "FP": fp, "FN": fn}.items():
            scores[f"{name}/{score}"] = value
    for score, values in overall.items():
        scores[score] = sum(values) / len(values)
    if len(overall) == 2:
        both = scores["overall_instance_score"] * scores["overall_semantic_score"]
        scores["overall_score"] = math.sqrt(both)
    return scores


def _of_instances(tp: float, fp: float, fn: float, summed: float, n: float) -> dict[str, float]:
    total = 2 * tp + fp + fn
    if not total and not n:
        f1 = distance = combined = 1.0
    else:
        f1 = 2 * tp / total if total else 0.0
        distance = summed / n if n else 0.0
        combined = (f1 * distance) ** 0.5
    return {"f1": f1, "normalized_hausdorff_distance": distance, "combined_score": combined}


CELLMAP = Protocol(
    name="cellmap",
    title="CellMap segmentation challenge, organelles in electron microscopy",
    source="janelia-cellmap/cellmap-segmentation-challenge @ 6b9ad68, utils/eval_utils",
    about=(
        "A crop of one class. Instances are matched one to one by a minimum-cost flow over all pairs that overlap, "
        "however little; each reference instance gives the Hausdorff distance to its partner, and what has none on "
        "either side the cap, half of the crop's shortest side. A distance d is worth 1.01^(−d / ‖voxel‖). Crops are "
        "pooled class by class: F1, the mean worth, and the root of their product; the classes are averaged. With "
        "semantic=true, IoU of the foreground. tp, fp and fn stand as TP, FP and FN. Where several matchings cost the "
        "same, OR-tools is asked for the script's if it is installed. The script's mask is for the caller to apply to "
        "both maps. What was run is score_instance of commit 0399649 and the means of a later one, with the distance "
        "module of the commit before, as far as these are published."
    ),
    axes="zyx",
    scores=(
        Score("TP"),
        Score("FP", False),
        Score("FN", False),
        Score("hausdorff_norm_sum", about="what all distances of the crop are worth together"),
        Score("n_hausdorff", None, about="how many distances these are"),
    ),
    rules=Rules(
        components="of the prediction, by label; the reference's labels are instances",
        connectivity="26 neighbours",
        dilation="none",
        matching="one to one, minimum cost of 1 − IoU, any overlap",
        penalty="a distance of half the shortest side for each instance without a partner",
        empties="nothing in any crop: 1; nothing in one: it adds nothing",
    ),
    options={"semantic": False},
    quirks=(
        Quirk(
            "predictions-are-split",
            "Predicted instances are split into their components first, those of the reference are not, so that an "
            "instance in two pieces, predicted perfectly, has a false positive.",
            "An instance of two pieces, predicted as it is: TP 1, FP 1; without the quirk FP 0.",
        ),
        Quirk(
            "numbers-collide",
            "After matching, predictions take the numbers of their references, and those without one keep their own, "
            "which may be a reference's: its distance is then measured to both, or to a stranger instead of the cap.",
            "A plane of 24², reference 1 in row 2 and 2 in row 20, predictions in rows 8 and 20: the first is missed, "
            "yet the prediction in row 8 has number 1, and its distance is 6; without the quirk it is the cap, 12.",
        ),
        Quirk(
            "too-many-are-not-scored",
            "A crop with more than 10 + 50·exp(−n/5) times as many predictions as references, n by the largest number, "
            "adds nothing to any sum, so that noise in it costs nothing.",
            "One reference and 60 predictions of a voxel each: FP 0; without the quirk 59.",
        ),
    ),
    evaluate=evaluate,
    aggregate=aggregate,
)

PROTOCOLS = (CELLMAP,)
