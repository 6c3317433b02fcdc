"""fastseg measures every label map that the methods made.

One table of pairs a target, ``pairs/organs-organs.csv``: case "noise-3/test_00", algorithm, difficulty, severity (which
is the level: the results have a column of that name already), subject. Beside the difficulties of images stand two of
the reference, for clean images: under ``rater_noise`` it was drawn again by another rater, and the algorithm ``truth``
(a method without a fault) is measured as well; under ``tolerance`` the same maps are measured by other tolerances, in
files of their own, ``results/organs-organs-tolerance-3.jsonl``.
"""

from __future__ import annotations

import csv
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastseg
from benchmarks.study.anatomies import anatomy
from benchmarks.study.folder import CLEAN, Condition, Folder, whole
from benchmarks.study.learning import Record
from benchmarks.study.plan import Plan
from benchmarks.study.truths.rater_noise import TOLERANCES_MM

#: All but skeletons: thinning solid organs would take as long as the rest together, and tell nothing of them.
METRICS = ("all", "shape", *(f"betti_{dimension}_error" for dimension in range(3)), "euler_error")
METRICS += ("hole_count_difference", "hole_volume_difference", "filled_dice")
COLUMNS = ("reference", "prediction", "case", "algorithm", "difficulty", "severity", "subject")
#: the algorithm whose predictions are the truth itself
TRUTH = "truth"


def measure(plan: Plan, folder: Folder) -> list[Record]:
    """Measure all predictions, each once: what a run before this one measured is kept."""
    records = []
    for name in plan.anatomies:
        found = anatomy(name)
        for target, labels in found.targets.items():
            stem = f"{name}-{target}"
            table = write_pairs(plan, folder, name, target, folder.pairs(name, target))
            options = {"labels": labels, "tolerance": tolerances(found.tolerances, labels)}
            records.append(evaluated(table, folder.results(name, target), stem, METRICS, options))
            clean = folder.pairs(name, f"{target}-clean")
            write_pairs(plan, folder, name, target, clean, clean=True)
            for level in plan.settings.levels:
                changed = {**options, "tolerance": TOLERANCES_MM[level - 1]}
                output = folder.results(name, f"{target}-tolerance-{level}")
                records.append(evaluated(clean, output, stem, ("nsd", "boundary_iou"), changed))
    return records


def tolerances(known: Mapping[str, float], labels: Mapping[str, Any]) -> dict[str, float]:
    """Give each structure of a target its tolerance."""
    return {name: known[name] for name in labels}


def evaluated(
    pairs: Path, output: Path, stem: str, metrics: tuple[str, ...], options: Mapping[str, Any]
) -> Record:
    """Evaluate a table of pairs, and say how long that took."""
    begin = time.perf_counter()
    with warnings.catch_warnings():
        # a missing prediction is scored as an empty one, and is in the times as a failure
        warnings.simplefilter("ignore")
        output.parent.mkdir(parents=True, exist_ok=True)
        found = fastseg.evaluate_cohort(
            pairs, output=output, resume=True, metrics=metrics, workers=None, **options
        )
    return {
        "stage": "measure",
        "target": stem,
        "results": output.name,
        "rows": len(found.rows),
        "seconds": time.perf_counter() - begin,
    }


def write_pairs(
    plan: Plan, folder: Folder, name: str, target: str, path: Path, clean: bool = False
) -> Path:
    """Write which predictions are measured against which truths."""
    rows: list[tuple[Any, ...]] = []
    for method in plan.methods:
        if target not in plan.targets(name, method):
            continue
        for condition in [CLEAN] if clean else plan.conditions(name):
            rows += pairs_of(plan, folder, name, method, condition, condition)
        for level in () if clean else plan.settings.levels:
            rows += pairs_of(plan, folder, name, method, CLEAN, Condition("rater_noise", level))
    for level in () if clean else plan.settings.levels:
        rows += pairs_of(plan, folder, name, TRUTH, CLEAN, Condition("rater_noise", level))
    with whole(path) as part, part.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return path


def pairs_of(
    plan: Plan, folder: Folder, name: str, method: str, imaged: Condition, measured: Condition
) -> list[tuple[Any, ...]]:
    """Pair the predictions of a method, from images under one condition, with the truths of another."""
    rows = []
    for subject in plan.subjects(name, "test"):
        prediction = (
            folder.truth(name, CLEAN, subject)
            if method == TRUTH
            else folder.prediction(method, name, imaged, subject)
        )
        rows.append(
            (
                folder.truth(name, measured, subject).absolute(),
                prediction.absolute(),
                f"{measured}/{subject}",
                method,
                measured.difficulty,
                measured.level,
                subject,
            )
        )
    return rows
