"""One report of all results of a run: ``report.html`` in its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks.study import tables
from benchmarks.study.folder import Folder
from fastseg.statistics import ScoreTable
from fastseg.statistics.score_table import Column

METRICS = ("dice", "nsd", "hd95", "betti_0_error")


def write(folder: Folder) -> Path:
    """Write the report of the targets that all methods are measured on, their cases told apart by the anatomy.

    A method that knows no places has no rows of the others, and would rank last in them; nor has it the truth itself,
    which is measured beside other raters alone.

    Raises
    ------
    Missing
        If nothing was measured.
    """
    found = tables.read(folder)
    parts = [
        told_apart(table.rows(of_methods(table)), *key)
        for key, table in found.stored.items()
        if found.whole[key[0]] == key[1]
    ]
    metrics = [name for name in METRICS if name in found.metrics]
    title = f"The study ({found.settings.get('name', 'a run')})"
    return fastseg.report(parts, folder.root / "report.html", metrics=metrics, title=title)


def of_methods(table: ScoreTable) -> NDArray[np.bool_]:
    """Tell the rows of methods from those of the truth itself."""
    names = np.array(table.algorithm.names, object)[table.algorithm.codes]
    return np.asarray(names != tables.TRUTH, bool)


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
