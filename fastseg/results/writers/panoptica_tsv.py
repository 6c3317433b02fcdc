"""The table that panoptica's aggregator writes, which ``Panoptica_Statistic.from_file`` reads.

A line is a case (subject), a column a structure (group) and metric, ``liver-global_bin_dsc``. Metrics that panoptica
defines as we do have its names, in its order. Those of surfaces are among them only with ``boundary="voxel"`` and
voxels of 1 × 1 × 1, as panoptica 2.1.7 measures whole groups in voxels, and `hd95` only with
``percentile_method="pooled"``. Where instances were matched, their numbers come first, and means over the matched ones
are ``sq_dsc`` and so on, those of surfaces under the same conditions. Others follow under our names. As in panoptica,
groups are in lower case, and what is not finite is an empty cell; so is every cell of a case that failed.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastseg.errors import InputError
from fastseg.results.evaluation import Evaluation
from fastseg.results.files import encodable, written
from fastseg.results.missing import missing_predictions
from fastseg.results.rows import Row
from fastseg.results.safe_names import safe_names
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer, only_algorithm

_OF_INSTANCES = {
    "instances_reference": "num_ref_instances",
    "instances_prediction": "num_pred_instances",
    "instance_tp": "tp",
    "instance_fp": "fp",
    "instance_fn": "fn",
    "instance_precision": "prec",
    "instance_recall": "rec",
    "recognition_quality": "rq",
}


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write the table of one algorithm."""
    written(table_of(evaluation), path)


def table_of(evaluation: Evaluation) -> str:
    """Make the table.

    Raises
    ------
    InputError
        If there are several algorithms, or a case without a name.
    """
    only_algorithm(evaluation, "panoptica-tsv")
    by_case: dict[str, dict[str, Row]] = {case: {} for case in evaluation.cases}
    for row in evaluation.rows:
        if row.level == "structure":
            by_case[row.case][row.name] = row
    for failure in evaluation.failures:
        by_case.setdefault(failure.case, {})
    for one in missing_predictions(evaluation.settings):
        by_case.setdefault(one.case, {})
    if not all(case.strip() for case in by_case):
        raise InputError("panoptica-tsv: every case needs a name, as in evaluate(…, case='a')")
    names = dict.fromkeys(name for rows in by_case.values() for name in rows)
    # the first hyphen of a column's name ends its group
    lower = {name: name.lower() for name in names}
    safe = safe_names(lower.values(), r"\w.+ ")
    if len(set(lower.values())) < len(lower):
        safe |= safe_names(names, r"\w.+ ")
        lower = {name: name for name in names}
    values = _columns(evaluation)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["subject_name", *(f"{safe[lower[n]]}-{key}" for n in names for key in values)])
    for case, rows in by_case.items():
        cells: list[Any] = [case]
        for name in names:
            found = rows.get(name)
            cells += [_cell(math.nan if found is None else of(found)) for of in values.values()]
        writer.writerow(cells)
    return encodable(text.getvalue())


def _columns(evaluation: Evaluation) -> Mapping[str, Callable[[Row], float]]:
    """Give panoptica's columns, and what each is of a row."""
    settings, metrics = evaluation.settings, evaluation.metrics
    in_voxels = set(settings.get("spacing", ())) == {1.0}
    surfaces = in_voxels and settings.get("boundary") == "voxel"
    pooled = surfaces and settings.get("percentile_method") == "pooled"
    of_masks = {
        metric: name
        for metric, name, holds in (
            ("dice", "dsc", True),
            ("iou", "iou", True),
            ("masd", "assd", surfaces),
            ("relative_volume_difference", "rvd", True),
            ("hd", "hd", surfaces),
            ("hd95", "hd95", pooled),
        )
        if holds
    }
    of_instances = _OF_INSTANCES if "matching" in settings else {}
    if settings.get("score") == "iou":
        of_instances = of_instances | {"segmentation_quality": "sq", "panoptic_quality": "pq"}
    of_instances = of_instances | {f"matched_{own}": f"sq_{name}" for own, name in of_masks.items()}
    of_masks = {own: f"global_bin_{name}" for own, name in of_masks.items()}

    def value(metric: str) -> Callable[[Row], float]:
        return lambda row: row.values_by_metric.get(metric, math.nan)

    found = {name: value(metric) for metric, name in of_instances.items() if metric in metrics}
    found["global_bin_volume_pred"] = lambda row: row.counts.prediction
    found["global_bin_volume_ref"] = lambda row: row.counts.reference
    found |= {name: value(metric) for metric, name in of_masks.items() if metric in metrics}
    same = of_instances | of_masks
    return found | {metric: value(metric) for metric in metrics if metric not in same}


def _cell(value: float) -> float | str:
    return float(value) if math.isfinite(value) else ""


WRITER = Writer(
    "panoptica-tsv", (), "the table of panoptica's aggregator", write, one_algorithm=True
)
