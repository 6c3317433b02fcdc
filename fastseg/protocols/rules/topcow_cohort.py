"""What TopCoW makes of many cases: figures of every column, and detection, graphs and topology pooled over cases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastseg.protocols.rules.circle_of_willis import EDGES, OPTIONAL, VESSELS
from fastseg.protocols.rules.described import described
from fastseg.results.rows import Row

_FIGURES = ("Dice", "B0err", "HD", "HD95", "clDice")
_MISMATCH = "FAIL"


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Give the scores of a cohort by names such as ``"Dice_R-PCA/mean"`` and ``"topo_var_bal_acc/anterior"``."""
    cases = _cases(rows)
    columns: dict[str, list[float]] = {}
    for number, case in enumerate(cases):
        for row in case.values():
            for score in _FIGURES:
                if score in row.values_by_metric:
                    name = score if score == "clDice" else f"{score}_{row.name}"
                    column = columns.setdefault(name, [math.nan] * len(cases))
                    column[number] = row.values_by_metric[score]
    scores = {
        f"{name}/{figure}": value
        for name, values in columns.items()
        for figure, value in described(values).items()
    }
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    scores.update(_detection(by_name))
    for region in EDGES:
        for name, accuracy in zip(
            ("graph_var_bal_acc", "topo_var_bal_acc"), _of_half(region, by_name), strict=True
        ):
            scores[f"{name}/{region}"] = accuracy
    return scores


def _cases(rows: Sequence[Row]) -> list[dict[str, Row]]:
    """Gather the rows of each case by the names of their structures; cases without a name begin where one recurs."""
    cases: list[dict[str, Row]] = []
    before = None
    for row in rows:
        if not cases or row.case != before or row.name in cases[-1]:
            cases.append({})
        before = row.case
        cases[-1][row.name] = row
    return cases


def _detection(by_name: dict[str, list[Row]]) -> dict[str, float]:
    """Give precision, recall and F1 of the vessels that need not be there, over all cases; 0 where undefined."""
    scores: dict[str, float] = {}
    lists: dict[str, list[float]] = {"precision": [], "recall": [], "f1_score": []}
    for name in OPTIONAL:
        tp, fp, fn = (
            int(sum(row.values_by_metric.get(kind, 0) for row in by_name.get(name, ())))
            for kind in ("TP", "FP", "FN")
        )
        found = {
            "precision": tp / (tp + fp) if tp + fp else 0.0,
            "recall": tp / (tp + fn) if tp + fn else 0.0,
            "f1_score": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
        }
        for score, value in found.items():
            scores[f"dect_avg/{VESSELS[name]}/{score}"] = value
            lists[score].append(value)
    for score, values in lists.items():
        scores[f"dect_avg/{score}/mean"] = float(np.mean(values))
        scores[f"dect_avg/{score}/std"] = float(np.std(values))
    return scores


def _of_half(region: str, by_name: dict[str, list[Row]]) -> tuple[float, float]:
    """Give the accuracy over the variants that the reference has: of the graph, and of the whole topology."""
    true, graphs, topologies = [], [], []
    for row in by_name.get(region, ()):
        reference, prediction = (
            "_".join(str(int(row[f"{kind}_graph_{edge}"])) for edge in EDGES[region])
            for kind in ("gt", "pred")
        )
        true.append(reference)
        graphs.append(prediction)
        topologies.append(reference if row["match_verdict"] else _MISMATCH)
    return _balanced_accuracy(true, graphs), _balanced_accuracy(true, topologies)


def _balanced_accuracy(true: Sequence[str], predicted: Sequence[str]) -> float:
    """Average the recall of each class that occurs; wrong classes cost nothing more."""
    recalls = []
    for variant in sorted(set(true)):
        right = [a == b for a, b in zip(true, predicted, strict=True) if a == variant]
        recalls.append(sum(right) / len(right))
    return float(np.mean(recalls)) if recalls else math.nan
