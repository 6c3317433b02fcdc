"""One report of all results of a run: ``report.html`` in its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fastseg
from benchmarks.study import tables
from benchmarks.study.folder import Folder
from fastseg.statistics import ScoreTable
from fastseg.statistics.score_table import Column

METRICS = ("dice", "nsd", "hd95", "betti_0_error")


def write(folder: Folder) -> Path:
    """Write the report of all targets, their cases told apart by the anatomy.

    Raises
    ------
    Missing
        If nothing was measured.
    """
    found = tables.read(folder)
    parts = [told_apart(table, *key) for key, table in found.stored.items()]
    metrics = [name for name in METRICS if name in found.metrics]
    title = f"The study ({found.settings.get('name', 'a run')})"
    return fastseg.report(parts, folder.root / "report.html", metrics=metrics, title=title)


def told_apart(table: ScoreTable, anatomy: str, target: str) -> ScoreTable:
    """Call cases and structures by their anatomy too: others have cases of the same names."""
    case = Column(table.case.codes, tuple(f"{anatomy}/{name}" for name in table.case.names))
    task = Column(
        table.task.codes, tuple(f"{anatomy}, {target}: {name}" for name in table.task.names)
    )
    absent = tuple((method, f"{anatomy}/{name}", why) for method, name, why in table.absent)
    origins = tuple(
        one._replace(
            files={
                (method, f"{anatomy}/{name}"): pair for (method, name), pair in one.files.items()
            }
        )
        for one in table.origins
    )
    return replace(table, case=case, task=task, absent=absent, origins=origins)
