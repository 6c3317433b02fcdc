"""The command line over cohorts that are kept as they come: streams, shards, algorithms, progress, a log."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg.__main__ import main
from fastseg.cli import progress
from fastseg.cohort import one_case
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.stream import read_stream
from fastseg.results import Failure

DICE = ("--backend", "scipy", "--metrics", "dice", "--workers", "1")
Call = Callable[..., tuple[int, str, list[str]]]


def _map(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 3, (6, 5, 4), dtype=np.uint8)


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Run a command beside the folders r, p and q of six cases: its status, output and complaints."""
    monkeypatch.chdir(tmp_path)
    for folder, shift in (("r", 0), ("p", 10), ("q", 20)):
        os.mkdir(folder)
        for i in range(6):
            np.save(f"{folder}/{i}.npy", _map(i + shift))

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        more = DICE if arguments[0] == "evaluate" else ()
        status = main([str(arguments[0]), *more, *map(str, arguments[1:])])
        out, err = capsys.readouterr()
        notes = "fastseg: note: compiling"
        return status, out, [line for line in err.splitlines() if not line.startswith(notes)]

    return call


def _rows(path: str) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Interrupt a run when it comes to a case; only once."""
    genuine = vars(one_case)["evaluate_case"]

    def interrupt(at: str) -> None:
        def evaluate_case(reference: Any, prediction: Any, settings: Any, case: str) -> Any:
            if case == at:
                monkeypatch.setattr(one_case, "evaluate_case", genuine)
                raise KeyboardInterrupt
            return genuine(reference, prediction, settings, case)

        monkeypatch.setattr(one_case, "evaluate_case", evaluate_case)

    return interrupt


def test_a_stream_and_tables_of_it(call: Call) -> None:
    status, out, err = call("evaluate", "r", "p", "--output", "o.jsonl", "--output", "o.csv")
    assert (status, err) == (0, [])
    assert out.endswith("Written to o.csv\n")
    assert [record.key.case for record in read_stream("o.jsonl")] == list("012345")
    assert len(_rows("o.csv")) == 12
    status, _, err = call("evaluate", "r", "p", "--output", "o.jsonl")
    assert status == 2
    assert err[0].startswith("fastseg: error: o.jsonl: outcomes of an earlier run are in it")


def test_a_run_that_is_interrupted_goes_on(call: Call, interrupted: Callable[[str], None]) -> None:
    interrupted("3")
    Path("o.csv").write_text("a whole table of before")
    status, out, err = call("evaluate", "r", "p", "--output", "o.jsonl", "--output", "o.csv")
    assert status == 130
    assert out.startswith("Means over 3 cases\n")
    assert err == [
        "fastseg: stopped: interrupted after 3 of 6 cases; --resume goes on with o.jsonl"
    ]
    assert Path("o.csv").read_text() == "a whole table of before"
    status, out, err = call(
        "evaluate", "r", "p", "--output", "o.jsonl", "--resume", "--output", "o.csv"
    )
    assert (status, err) == (0, ["fastseg: note: 3 of 6 cases are in o.jsonl already"])
    assert out.startswith("Means over 6 cases\n")
    whole = _rows("o.csv")
    call("evaluate", "r", "p", "--output", "other.csv")
    assert whole == _rows("other.csv")


def test_what_was_finished_before_an_interrupt_is_written_where_nothing_else_keeps_it(
    call: Call, interrupted: Callable[[str], None]
) -> None:
    interrupted("2")
    status, out, err = call("evaluate", "r", "p", "--output", "o.csv")
    assert status == 130
    assert out.startswith("Means over 2 cases\n")
    assert err == ["fastseg: stopped: interrupted after 2 of 6 cases"]
    assert {row["case"] for row in _rows("o.csv")} == {"0", "1"}


def test_shards_are_merged(call: Call) -> None:
    for k in (1, 2, 3):
        assert call("evaluate", "r", "p", "--shard", f"{k}/3", "--output", f"{k}.jsonl")[0] == 0
    status, out, err = call(
        "merge", "3.jsonl", "1.jsonl", "2.jsonl", "--output", "all.csv", "--output", "all.jsonl"
    )
    assert (status, err) == (0, [])
    assert out.endswith("6 cases of 3 files, 0 failed, 12 rows\n")
    call("evaluate", "r", "p", "--output", "whole.csv")
    assert _rows("all.csv") == _rows("whole.csv")
    assert [record.key.case for record in read_stream("all.jsonl")] == list("012345")
    again = call("evaluate", "r", "p", "--output", "all.jsonl", "--resume")
    assert again[2] == ["fastseg: note: 6 of 6 cases are in all.jsonl already"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.jsonl", "--output", "o.csv"], "none.jsonl: no such file"),
        (["o.jsonl"], "--output: expected at least one file"),
        (["r/0.npy", "--output", "o.csv"], "r/0.npy: line 1: not JSON"),
        (["o.jsonl", "--output", "o.jsonl"], "the output would overwrite what is read"),
    ],
)
def test_wrong_merges(call: Call, arguments: list[str], words: str) -> None:
    call("evaluate", "r", "p", "--output", "o.jsonl")
    before = Path("o.jsonl").read_bytes()
    status, _, err = call("merge", *arguments)
    assert status == 2
    assert words in err[-1]
    assert Path("o.jsonl").read_bytes() == before


def test_several_algorithms(call: Call) -> None:
    os.remove("q/4.npy")
    status, out, err = call(
        "evaluate", "r", "--prediction", "A=p", "--prediction", "B=q", "--output", "o.csv"
    )
    assert status == 1  # B lacks a prediction
    assert err == [
        "fastseg: warning: B: 1 of 6 references in r have no prediction in q and are scored against an empty one "
        "(--missing worst): 4"
    ]
    titles = [line for line in out.splitlines() if "eans over" in line]
    assert titles == [
        "A: means over 6 cases",
        "B: means over 6 cases, of which 1 has no prediction: 4",
    ]
    rows = _rows("o.csv")
    assert [row["algorithm"] for row in rows] == ["A"] * 12 + ["B"] * 12
    assert next(iter(rows[0])) == "algorithm"


def test_means_by_further_columns(call: Call) -> None:
    lines = [f"{i},r/{i}.npy,p/{i}.npy,{'fm'[i % 2]},Ulm" for i in range(6)]
    Path("pairs.csv").write_text("\n".join(["case,reference,prediction,sex,site", *lines]))
    status, out, err = call("evaluate", "pairs.csv", "--by", "sex", "--output", "o.csv")
    assert (status, err) == (0, [])
    titles = [line for line in out.splitlines() if "eans over" in line]
    assert titles == [
        "Means over 6 cases",
        "sex f: means over 3 cases",
        "sex m: means over 3 cases",
    ]
    assert [(row["sex"], row["site"]) for row in _rows("o.csv")[:3]] == [
        ("f", "Ulm"),
        ("f", "Ulm"),
        ("m", "Ulm"),
    ]
    status, _, err = call("evaluate", "pairs.csv", "--by", "age")
    assert status == 2
    assert err == ["fastseg: error: --by: no case has a column 'age'; they are sex, site"]


def test_quiet_shows_nothing_but_trouble(call: Call) -> None:
    Path("p/3.npy").write_bytes(b"")
    status, out, err = call("evaluate", "r", "p", "--quiet", "--output", "o.csv")
    assert (status, out) == (1, "")
    assert len(err) == 2
    assert err[0].startswith("fastseg: error: case 3: p/3.npy:")
    assert err[1] == "fastseg: error: 1 of 6 cases failed: 3"
    assert len(_rows("o.csv")) >= 10


def test_failures_are_in_the_stream_where_every_case_failed_and_no_table_is_replaced(
    call: Call,
) -> None:
    for i in range(6):
        Path(f"p/{i}.npy").write_bytes(b"")
    Path("o.csv").write_text("a table of before")
    status, out, err = call("evaluate", "r", "p", "--output", "o.csv", "--output", "o.jsonl")
    assert (status, out) == (2, "")
    assert err[-1].startswith("fastseg: error: 6 of 6 cases failed: 0, 1, 2")
    assert [record.failure is not None for record in read_stream("o.jsonl")] == [True] * 6
    assert Path("o.csv").read_text() == "a table of before"


def test_a_log_has_a_line_for_each_case(call: Call) -> None:
    Path("p/3.npy").write_bytes(b"")
    call("evaluate", "r", "p", "--log", "log.txt")
    call("evaluate", "r", "p", "--log", "log.txt")
    lines = Path("log.txt").read_text().splitlines()
    assert len(lines) == 2 * 8
    assert all(
        re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|ERROR) ", line) for line in lines
    )
    assert "ERROR 3: " in lines[4]
    assert lines[5].split(" INFO ")[1].startswith("4: 2 rows, ")
    assert lines[7].endswith("all cases done, 1 of them failed")
    status, _, err = call("evaluate", "r", "p", "--log", "none/log.txt")
    assert status == 2
    assert "none/log.txt" in err[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", "a.jsonl", "--output", "b.jsonl"], "one file of outcomes is enough"),
        (["--output", "a.csv", "--output", "./a.csv"], "two outputs would be written to it"),
        (["--resume"], "--resume goes on with a file of outcomes"),
        (["--hash", "--output", "a.csv"], "--hash is kept in a file of outcomes"),
        (["--shard", "3"], "--shard: expected a part of how many"),
        (["--shard", "7/3"], "shard: expected one of 3 parts"),
        (["--workers", "0"], "--workers: expected a number of at least 1"),
        (["--workers", "many"], "--workers: expected a number of at least 1"),
        (["--prediction", "q"], "--prediction: expected NAME=FOLDER"),
        (["--prediction", "a=none"], "none: no such file or folder"),
        (["--prediction", "a=q"], "the predictions are given twice"),
    ],
)
def test_wrong_usage(call: Call, arguments: list[str], words: str) -> None:
    status, out, err = call("evaluate", "r", "p", *arguments)
    assert (status, out, len(err)) == (2, "", 1)
    assert words in err[0]
    assert not [name for name in os.listdir() if name.startswith(("a.", "b."))]


def _outcomes(seconds: list[float]) -> list[Outcome]:
    found = []
    for i, each in enumerate(seconds):
        case = Case(f"c{i}", "r", "p")
        failure = Failure("c1", "InputError", "no") if i == 1 else None
        found.append(Outcome(case, failure=failure, seconds=each))
    return found


def test_progress_is_a_line_every_so_often_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock)
    with progress.case_progress(6, 1) as advance:
        for outcome in _outcomes([1, 4, 2, 1, 1]):
            clock += 4
            advance(outcome)
    assert capsys.readouterr().err.splitlines() == [
        "fastseg: progress: 4 of 6 cases, 8 s left, 4.0 s each, 1 failed, slowest c1 4.0 s"
    ]
    with progress.case_progress(6, 0, quiet=True) as advance:
        for outcome in _outcomes([1, 4, 2, 1, 1]):
            clock += 40
            advance(outcome)
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_has_the_same_facts() -> None:
    state = progress.CaseProgress(1000)
    state._started -= 2
    for outcome in _outcomes([0.1, 0.2, 0.1]):
        state.add(outcome)
    assert re.fullmatch(r"1\.\d/s, 1 failed, slowest c1 0\.2 s", state.facts())
    state._started -= 1000
    assert "s each" in state.facts()
    assert re.search(r"3 of 1000 cases, 9\d h left|3 of 1000 cases, 9\d\.\d h left", state.line())
