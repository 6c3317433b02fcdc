"""against.py itself: what differs is told, what is slower is named only if its pairs agree, rows are each once."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import against
from benchmarks.against_rows import START, all_rows
from benchmarks.cases import CASES
from benchmarks.programs import PROGRAMS


def test_what_differs_is_told_in_what_both_have(tmp_path):
    assert against.difference({"hd": 1.0, "gone": 2.0}, {"hd": 1.0, "new": 3.0}) == ""
    assert against.difference({"hd": np.nan}, {"hd": np.nan}) == ""
    assert against.difference({"hd": 1.0}, {"nsd": 1.0}) == "nothing that both answer"
    assert against.difference({"hd": 1.0}, {"hd": np.nextafter(1.0, 2)}).startswith("hd: 1 of 1")
    files = [tmp_path / "a.npy", tmp_path / "b.npy"]
    np.save(files[0], np.zeros(3))
    np.save(files[1], np.array([0.0, 1.0, np.nan]))
    assert against.difference({"d": files[0]}, {"d": files[1]}) == "d: 2 of 3 values"
    assert "shapes" in against.difference({"d": files[0]}, {"d": 1.0})


def test_slower_is_what_most_pairs_say():
    def slower(*new: float) -> bool:
        return against.Result("", 1, [1.0] * len(new), list(new)).is_slower(1.03)

    assert slower(1.1, 1.1, 1.2, 1.05)
    assert not slower(1.02, 1.02, 1.03, 1.03)
    assert not slower(0.7, 0.9, 1.1, 1.2, 1.3)  # that is noise
    assert not against.Result("", 1, differs="hd").is_slower(1.03)


def test_who_begins_changes_from_pair_to_pair():
    order: list[str] = []
    result = against.Result("", 1)

    def clock(side: str) -> float:
        order.append(side)
        return len(order)

    against.in_turns({side: partial(clock, side) for side in ("old", "new")}, 3, result)
    assert order == ["old", "new", "new", "old", "old", "new"]
    assert (result.old, result.new) == ([1, 4, 5], [2, 3, 6])


@pytest.mark.parametrize("quick", [False, True])
def test_every_row_is_there_once_and_can_be_run(quick):
    rows = all_rows(quick)
    assert len({row.what for row in rows}) == len(rows)
    assert all(row.case in CASES and row.program in PROGRAMS for row in rows if row.case)
    assert {row.program for row in rows if not row.case} == set(START)
    order = [row.case for row in rows]
    runs = [case for case, before in zip(order, [None, *order[:-1]], strict=True) if case != before]
    assert len(runs) == len(set(runs))  # each case is loaded once
    sides = [int(case.rpartition("-")[2]) for case in runs if case and "-2d-" not in case]
    assert max(sides) == (128 if quick else 256)


def test_a_checkout_is_compared_with_this_one(tmp_path, capsys, monkeypatch):
    """With a copy, so that it has to be imported from there."""
    for folder in ("fastseg", "kernels"):
        shutil.copytree(
            against.ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.nb?")
        )
    page = tmp_path / "page.md"
    # counts of scipy's backend: nothing is compiled for them
    monkeypatch.setenv("FASTSEG_BACKEND", "scipy")
    options = ["--side", "16", "--pairs", "1", "--threads", "1", "--most", "1000"]
    only = ["--only", "confusion_matrix organs21-16", "import fastseg", "--output", str(page)]
    assert against.main([str(tmp_path), *options, *only]) == 0
    assert "\n2 rows" in capsys.readouterr().out
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line.split(" | ")[0] for line in lines[-2:]] == [
        "| import fastseg",
        "| confusion_matrix organs21-16",
    ]


def test_a_folder_without_fastseg_is_refused(tmp_path: Path):
    with pytest.raises(SystemExit, match="no checkout of fastseg"):
        against.main([str(tmp_path)])
