"""How often a vote of atlases is wrong, by how many of them agreed: what a fusion knows of its own errors."""

from __future__ import annotations

import json

import numpy as np

from benchmarks.study.folder import Condition, Folder, whole
from benchmarks.study.learning import Record
from benchmarks.study.plan import Plan

#: whose agreement it is, and where that was kept
FUSION, SHARED = "multi_atlas_majority", "registrations"


def count(plan: Plan, folder: Folder) -> None:
    """Write ``contention.jsonl``: of each image, voxels and wrong ones, by the number of atlases that agreed."""
    if FUSION not in plan.methods:
        return
    records = [
        record
        for name in plan.anatomies
        for condition in plan.conditions(name)
        for subject in plan.subjects(name, "test")
        for record in counted(folder, name, condition, subject)
    ]
    with whole(folder.contention) as part:
        part.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def counted(folder: Folder, name: str, condition: Condition, subject: str) -> list[Record]:
    """Count one image; voxels that are background by all are left out, since nobody asks about them."""
    paths = (
        folder.prepared(name, SHARED, condition, subject),
        folder.prediction(FUSION, name, condition, subject),
    )
    if not all(path.exists() for path in paths):
        return []
    with np.load(paths[0]) as file:
        agreement, named = file["agreement"], file["deformed"].any(0)
    truth = folder.labels(folder.truth(name, condition, subject))
    wrong = folder.labels(paths[1]) != truth
    among = named | (truth > 0)
    return [
        {
            "anatomy": name,
            "condition": str(condition),
            "subject": subject,
            "agree": agree,
            "voxels": int(np.count_nonzero(among & (agreement == agree))),
            "wrong": int(np.count_nonzero(wrong & among & (agreement == agree))),
        }
        for agree in np.unique(agreement[among]).tolist()
    ]
