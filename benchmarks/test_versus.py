"""versus.py itself: what differs is loud, what is absent is skipped, ratios are the right way round."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import versus
from benchmarks.comparison import alone, measure, report
from benchmarks.comparison.agreement import Check, DisagreementError
from benchmarks.comparison.baselines import BASELINES
from benchmarks.comparison.peers import PEERS
from benchmarks.comparison.row import Job, Row
from benchmarks.comparison.rows import FULL, all_rows
from benchmarks.comparison.targets import Must, find, table
from benchmarks.comparison.worker import LibrarySession
from benchmarks.programs import PROGRAMS
from benchmarks.worker import reply

ONCE = measure.Patience(pairs=1, seconds=0)
INSIDE = {"of": "inside", "dtype": "float32"}
OUTSIDE = {"of": "outside", "dtype": "float32"}


def disagreement(check: Check, ours: object, theirs: object) -> str:
    try:
        check.run({"hd": ours}, {"hd": theirs})
    except DisagreementError as error:
        return str(error)
    return ""


def run(*rows: Row) -> list[measure.Result]:
    workers = measure.Workers(sys.executable, sys.executable)
    try:
        return [measure.run(row, 1, workers, ONCE) for row in rows]
    finally:
        workers.close()


def edt_row(theirs: Job, case: str = "near-16") -> Row:
    return Row(
        "edt",
        "edt",
        "EDT",
        "itself",
        Job("fastseg", "edt", case, INSIDE),
        theirs,
        check=Check(("distances",)),
    )


def test_what_differs_is_a_disagreement():
    assert not disagreement(Check(("hd",)), 2.0, 2.0)
    assert not disagreement(Check(("hd",)), np.inf, np.inf)
    assert "first: fastseg" in disagreement(Check(("hd",)), 2.0, np.nextafter(2.0, 3))
    infinite = np.array([np.inf, np.nextafter(2.0, 3)]), np.array([np.inf, 2.0])
    assert not disagreement(Check(("hd",), units=1), *infinite)
    assert disagreement(Check(("hd",)), *infinite)
    assert not disagreement(Check(("hd",), relative=1e-6), 1.0, 1.0 + 1e-7)
    assert disagreement(Check(("hd",), relative=1e-6), 1.0, 1.0 + 1e-5)
    assert disagreement(Check(("hd",), relative=1e-6), 1.0, np.nan)
    assert disagreement(Check(("hd",), relative=1e-6), 1.0, np.inf)
    assert "1 of 3" in disagreement(Check(("hd",)), np.array([1, 2, 3]), np.array([1, 2, 4]))
    assert "shapes" in disagreement(Check(("hd",)), np.zeros(3), np.zeros(4))
    assert "peer gives none" in disagreement(Check(("hd", "dice")), 1.0, 1.0)


def test_an_absent_peer_is_told_from_an_error(monkeypatch):
    monkeypatch.setitem(PEERS, "edt", replace(PEERS["edt"], module="no_such_module"))
    assert reply(lambda: LibrarySession("edt"))[0] == "absent"
    assert reply(lambda: 1 / 0) == ("error", "ZeroDivisionError: division by zero")


def test_rows_that_differ_fail_and_those_without_data_are_skipped():
    same, different, broken, no_data = run(
        edt_row(Job("fastseg", "edt", "near-16", INSIDE)),
        edt_row(Job("fastseg", "edt", "near-16", OUTSIDE)),
        edt_row(Job("fastseg", "edt", "near-16", {**INSIDE, "dtype": "int8"})),
        edt_row(Job("fastseg", "edt", "no such case", INSIDE)),
    )
    assert (same.status, same.said) == ("measured", "distances: equal to the bit")
    assert different.status == broken.status == "failed"
    assert "values differ" in different.said
    assert "float64 or float32" in broken.said
    assert (no_data.status, "FAILED" in report.line(different)) == ("skipped", True)


def test_ratios_say_what_the_requirement_means():
    common = {"name": "", "group": "", "what": "a, 256³", "beside": "", "threads": 1}
    faster = Must("at least", 10, sizes=("256³",))
    result = measure.Result(**common, status="measured", must=faster, ratios=(9.0, 11.0, 12.0))
    assert (result.ratio, result.verdict) == (11.0, "yes")
    assert replace(result, ratios=(9.0,)).verdict == "**no**"
    assert replace(result, what="a, 128³").verdict == "other size"
    assert replace(result, must=Must("at most", 2), ratios=(3.0,)).verdict == "**no**"


def test_every_row_has_its_own_name_and_a_program():
    rows = all_rows(FULL)
    assert len({row.name for row in rows}) == len(rows)
    for job in (job for row in rows for job in (row.ours, row.theirs)):
        programs = (
            {**PROGRAMS, **BASELINES} if job.library == "fastseg" else PEERS[job.library].programs
        )
        assert job.program in programs


def test_a_run_writes_the_table(tmp_path: Path):
    arguments = ["--side", "16", "--quick", "--only", "threads/distance", "--output", str(tmp_path)]
    assert versus.main(arguments) == 0
    page = (tmp_path / "versus-quick-part.md").read_text(encoding="utf-8")
    assert "distance_transform_edt, 16³, 2 threads | itself at 1 thread | 2 |" in page


def test_every_target_is_of_a_row_and_the_last_one_holds():
    named = {(row.name, threads) for row in all_rows(FULL) for threads in (1, 2)}
    named |= {(row.name, row.threads) for row in alone.all_solitary(FULL)}
    found = {find(*each) for each in named}
    assert not {must for _, must in table()} - found
    assert find("edt/float32/edt/noise-16", 1) == Must("at least", 1)
    assert str(find("edt/float32/edt/noise-512", 2)) == "≥ 8×"
    assert find("evaluate/surface-distance/near-fortran-256", 1) is None
