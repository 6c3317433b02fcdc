"""versus.py itself: what differs is loud, what is absent is skipped, ratios are the right way round."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import versus
from benchmarks.comparison import alone, itself, measure, merged, report, sole, vectors
from benchmarks.comparison.agreement import Check, DisagreementError
from benchmarks.comparison.baselines import BASELINES
from benchmarks.comparison.peers import PEERS
from benchmarks.comparison.row import Job, Row
from benchmarks.comparison.rows import FULL, all_rows
from benchmarks.comparison.targets import Must, find, table
from benchmarks.comparison.worker import LibrarySession
from benchmarks.programs import FOUR, ORIENTATIONS, PROGRAMS
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


def test_code_for_avx2_has_no_wider_vectors(monkeypatch):
    """Whatever this machine has, the environment leaves it no more than AVX2."""
    assert vectors.variables("") == {}
    for there in ("AVX-512", vectors.AVX2):
        monkeypatch.setattr(vectors, "widest", lambda there=there: there)
        said = vectors.variables(vectors.AVX2)
        assert bool(said) == (there == "AVX-512")
    monkeypatch.setattr(vectors, "widest", lambda: "AVX-512")
    features = vectors.variables(vectors.AVX2)["NUMBA_CPU_FEATURES"].split(",")
    assert not [name for name in features if name.startswith(("+avx512", "+avx10"))]
    widened = {f"avx2/{row.name}" for row in all_rows(FULL)} & {row.name for row in all_rows(FULL)}
    assert len(widened) == len([row for row in all_rows(FULL) if row.vectors]) > 5


def test_the_orientations_of_a_volume_are_its_24_rotations():
    volume = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    found = {volume.transpose(axes)[steps].tobytes() for axes, steps in ORIENTATIONS}
    assert len(found) == 24
    assert ORIENTATIONS[0][0] == (0, 1, 2)
    mirrored = volume[::-1].tobytes()
    assert mirrored not in found


def test_rows_without_another_side_are_measured():
    rows = itself.sole(replace(FULL, side=16, large=16))
    timed = next(each for each in rows if isinstance(each, sole.Timed) and each.less)
    turned = sole.Turned("orientations/near-16", "near", "near-anisotropic-16", {"metrics": FOUR})
    workers = measure.Workers(sys.executable, sys.executable)
    try:
        results = [each.run(workers, ONCE) for each in (timed, turned)]
        broken = replace(timed, job=Job("fastseg", "evaluate", "no such case")).run(workers, ONCE)
    finally:
        workers.close()
    assert [result.status for result in results] == ["measured", "measured"]
    assert results[0].unit == " µs"
    assert results[0].ours > results[0].theirs
    assert results[1].ratio >= 1
    assert broken.status == "failed"


def test_new_rows_take_the_place_of_old_ones(monkeypatch):
    monkeypatch.setattr(report, "machine", lambda: "a machine, 2 cores, x86, today")
    common = {"beside": "b", "threads": 1, "status": "measured", "ours": 1.0, "theirs": 2.0}
    old = [
        measure.Result("1", "edt float32", "one", **common, ratios=(2.0,)),
        measure.Result("2", "edt float32", "two", **common, ratios=(2.0,)),
    ]
    limits = {"least": 0.05, "pairs": 9, "seconds": 30.0}
    page = (
        report.markdown(old, {"edt": {"edt": "3"}}, "versus.py", limits)
        + "\n## What bounds\n\n* x\n"
    )
    new = [
        replace(old[0], ratios=(3.0,)),
        replace(old[0], what="three", group="AVX2"),
        replace(old[0], what="four", ratios=(4.0,)),
    ]
    found = merged.merged(page, new, {"edt": {"edt": "4"}, "exacta": {"exacta": "0.1"}})
    assert "* edt: edt 4\n* exacta: exacta 0.1\n" in found
    rows = [line.split(" | ")[0] for line in found.splitlines() if line.startswith("| ")]
    assert rows == ["| what", "| one", "| two", "| four", "| what", "| three"]
    assert "| one | b | 1 | 1 s | 2 s | 3× |" in found
    assert found.index("## AVX2") < found.index("NUMBA_CPU_NAME") < found.index("## What bounds")
    assert merged.merged(found, new, {}) == found
    monkeypatch.setattr(report, "machine", lambda: "another machine, 2 cores, x86, today")
    with pytest.raises(merged.OtherMachineError, match="another machine"):
        merged.merged(found, new, {})


def test_every_target_is_of_a_row_and_the_last_one_holds():
    named = {(row.name, threads) for row in all_rows(FULL) for threads in (1, 2)}
    named |= {(row.name, row.threads) for row in alone.all_solitary(FULL)}
    named |= {(row.name, row.threads) for row in itself.sole(FULL)}
    found = {find(*each) for each in named}
    assert not {must for _, must in table()} - found
    assert find("edt/float32/edt/noise-16", 1) == Must("at least", 1)
    assert str(find("edt/float32/edt/noise-512", 2)) == "≥ 8×"
    assert find("evaluate/surface-distance/near-fortran-256", 1) is None
