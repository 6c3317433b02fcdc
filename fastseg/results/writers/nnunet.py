"""nnU-Net's summary.json: keys, order and two kinds of mean as ``nnunetv2.evaluation.evaluate_predictions`` has them.

Dice and IoU are computed from the counts as nnU-Net does, whatever the policy for empty masks: nan where neither map
has the label. Other metrics that were evaluated stand beside them; without any, and with the paths of the files, the
file is nnU-Net's byte by byte. A case that has no row of a label has its counts all the same, as nnU-Net counts every
label in every case. What failed and which predictions are missing is told under keys of their own, where there is any.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.structures import Label
from fastseg.results.evaluation import Evaluation
from fastseg.results.files import written
from fastseg.results.missing import KEY as MISSING
from fastseg.results.rows import Row
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer, only_algorithm

#: our metrics under the names that nnU-Net's users know; others keep theirs
NAMES = {"hd95": "HD95", "hd": "HD", "assd": "ASSD", "nsd": "NSD"}

#: what nnU-Net computes itself
_OWN = ("dice", "iou")


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write summary.json of one algorithm."""
    written(json.dumps(summary_of(evaluation, options), sort_keys=True, indent=4), path)


def summary_of(evaluation: Evaluation, options: WriteOptions = DEFAULTS) -> dict[str, Any]:
    """Make the content of summary.json.

    Raises
    ------
    InputError
        If there are several algorithms, or two structures of one label.
    """
    algorithm = only_algorithm(evaluation, "nnunet")
    by_case: dict[str, dict[str, Row]] = {case: {} for case in evaluation.cases}
    labels: dict[str, Label] = {}
    for row in evaluation.rows:
        if row.level != "structure":
            continue
        key = str(row.label)
        other = by_case[row.case].setdefault(key, row)
        if other is not row:
            raise _same_label(key, other.name, row.name)
        labels[key] = row.label
    order = _in_order(evaluation, labels)
    further = [name for name in evaluation.metrics if name not in _OWN]
    cases: list[dict[str, Any]] = []
    for case, rows in by_case.items():
        reference, prediction = options.files.get((algorithm, case), (case, case))
        scores = {key: _scores(rows.get(key), rows, further) for key in order}
        cases.append(
            {"reference_file": reference, "prediction_file": prediction, "metrics": scores}
        )
    cases.sort(key=lambda one: Path(str(one["prediction_file"] or one["reference_file"])).name)
    names = [*_scores(None, {}, further)]
    means = {
        key: {name: _nanmean([case["metrics"][key][name] for case in cases]) for name in names}
        for key in order
    }
    foreground = {
        name: _mean([held[name] for key, held in means.items() if key != "0"]) for name in names
    }
    found: dict[str, Any] = {"foreground_mean": foreground, "mean": means, "metric_per_case": cases}
    if evaluation.failures:
        found["failures"] = [failure.to_dict() for failure in evaluation.failures]
    for key in (MISSING, "unlisted_labels"):
        if evaluation.settings.get(key):
            found[key] = evaluation.settings[key]
    return found


def check_labels(labels: Mapping[str, Label]) -> None:
    """Refuse two structures of one label: summary.json knows them by their labels."""
    names: dict[str, str] = {}
    for name, label in labels.items():
        if names.setdefault(str(label), name) != name:
            raise _same_label(str(label), names[str(label)], name)


def _same_label(label: str, name: str, other: str) -> InputError:
    return InputError(
        f"nnunet: the structures {name!r:.80} and {other!r:.80} both have the label {label:.80}, by which summary.json "
        "knows them"
    )


def _in_order(evaluation: Evaluation, labels: dict[str, Label]) -> list[str]:
    """Order labels as they were asked for, else by number: the order in which a mean adds them up."""
    asked = evaluation.settings.get("labels")
    if isinstance(asked, dict):
        return list(labels)
    return sorted(labels, key=lambda key: (isinstance(labels[key], tuple), labels[key]))


def _scores(row: Row | None, others: dict[str, Row], further: Sequence[str]) -> dict[str, Any]:
    """Score a label as nnU-Net does; one that a case lacks has no voxels there."""
    if row is not None:
        tp, fp, fn, tn = row.counts
    else:
        tp = fp = fn = 0
        tn = sum(next(iter(others.values())).counts) if others else 0
    scores = scores_of_counts(tp, fp, fn, tn)
    for name in further:
        value = math.nan if row is None else row.values_by_metric.get(name, math.nan)
        scores[NAMES.get(name, name)] = value
    return scores


def scores_of_counts(tp: Any, fp: Any, fn: Any, tn: Any) -> dict[str, Any]:
    """Score counts under nnU-Net's names and in its order; they may be Python's numbers or NumPy's."""
    nothing = tp + fp + fn == 0
    return {
        "Dice": math.nan if nothing else 2 * tp / (2 * tp + fp + fn),
        "IoU": math.nan if nothing else tp / (tp + fp + fn),
        "FP": fp,
        "TP": tp,
        "FN": fn,
        "TN": tn,
        "n_pred": fp + tp,
        "n_ref": fn + tp,
    }


def _nanmean(values: Sequence[float]) -> float:
    """Average as ``np.nanmean`` does, without its warning where nothing is defined."""
    if all(value != value for value in values):
        return math.nan
    with np.errstate(invalid="ignore"):  # infinite ones of both signs
        return float(np.nanmean(values))


def _mean(values: Sequence[float]) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.mean(values)) if values else math.nan


WRITER = Writer("nnunet", (), "nnU-Net's summary.json", write, True, check_labels)
