"""``fastseg raters``: files and folders, tables and files of numbers, and what stops it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fastseg
from fastseg.__main__ import main
from fastseg.raters.case import evaluate_maps
from tests.raters import naive_raters as naive

Call = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Run ``fastseg raters`` beside the maps of three raters: its status, output and complaints."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for case in ("x1", "x2", "x3"):
        drawn = naive.noisy(rng, (6, 7, 8), 4, 3)
        for folder, one in zip(("a", "b", "c", "p"), drawn, strict=True):
            Path(folder).mkdir(exist_ok=True)
            np.save(f"{folder}/{case}.npy", one)

    def call(*arguments: object, metrics: str = "dice") -> tuple[int, str, list[str]]:
        status = main(["raters", *map(str, arguments), "--metrics", metrics])
        out, err = capsys.readouterr()
        return status, out, [line for line in err.splitlines() if "note: compiling" not in line]

    return call


def test_folders(call: Call) -> None:
    status, out, err = call(
        "a", "b", "carla=c", "--prediction", "p", "--consensus", "out", "--method", "simple",
        "-o", "o.csv", "-o", "o.json", "--levels", "ordinal,interval",
    )  # fmt: skip
    assert (status, err) == (0, [])
    assert out.startswith("Means over 3 cases\n")
    for text in ("krippendorff_alpha_interval", "95 %", "STAPLE", "3 maps in out", "carla"):
        assert text in out
    cohort = fastseg.evaluate_rater_cohort(
        {"a": "a", "b": "b", "carla": "c"}, "p", metrics="dice", consensus="simple",
        levels=["ordinal", "interval"],
    )  # fmt: skip
    assert Path("o.csv").read_text() == cohort.to_csv()
    with open("o.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == sum(map(len, cohort.evaluations.values()))
    assert json.loads(Path("o.json").read_text())["means"]
    drawn = [np.load(f"{one}/x2.npy") for one in "abc"]
    np.testing.assert_array_equal(np.load("out/x2.npy"), fastseg.consensus(drawn, "simple"))


def test_files_of_one_case(call: Call) -> None:
    status, out, err = call(
        "a/x1.npy", "b/x1.npy", "--prediction", "c/x1.npy", "--sample", "c/x1.npy", "--sample", "p/x1.npy",
        "-o", "o.json", "--consensus", "out",
    )  # fmt: skip
    assert (status, err) == (0, [])
    assert "samples" in out
    assert "1 case of 2 raters" in out
    assert Path("out/x1.npy").exists()
    maps = {name: np.load(f"{name}/x1.npy") for name in "ab"}
    drawn = [np.load(f"{one}/x1.npy") for one in "cp"]
    found = fastseg.evaluate_raters(maps, drawn[0], samples=drawn, metrics="dice")
    assert Path("o.json").read_text() == found.to_json()


def test_a_broken_file_is_a_status(call: Call) -> None:
    Path("b/x2.npy").write_bytes(b"no")
    status, out, err = call("a", "b", "c", "-o", "o.json")
    assert status == 1
    assert out.startswith("Means over 2 cases; 1 more failed\n")
    assert "case x2" in err[0]
    assert "1 of 3 cases failed: x2" in err[-1]
    assert json.loads(Path("o.json").read_text())["failures"][0]["case"] == "x2"
    for case in ("x1", "x3"):
        Path(f"b/{case}.npy").write_bytes(b"no")
    assert call("a", "b")[0] == 2
    assert call("a/x1.npy", "b/x1.npy")[0] == 2


def test_missing_predictions_are_a_status(call: Call) -> None:
    Path("p/x2.npy").unlink()
    status, out, err = call("a", "b", "--prediction", "p")
    assert status == 1
    assert "1 of 3 cases have no prediction in p" in err[0]
    assert "dice" in out
    assert call("a", "b", "--prediction", "p", "--quiet")[1] == ""


def test_interrupted(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []

    def then_stop(*arguments: object, **more: object) -> object:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(evaluate_maps(*arguments, **more))  # type: ignore[arg-type]
        return done[-1]

    monkeypatch.setattr("fastseg.cohort.rater_cohort.evaluate_maps", then_stop)
    status, out, err = call("a", "b", "-o", "o.csv")
    assert status == 130
    assert out.startswith("Means over 2 cases\n")
    assert "interrupted after 2 of 3 cases" in err[-1]
    assert Path("o.csv").read_text().count("\nx3") == 0


def test_infinite_and_undefined_numbers_are_explained(call: Call) -> None:
    np.save("b/x1.npy", np.zeros((6, 7, 8), np.uint8))
    for one in "abc":
        np.save(f"{one}/x3.npy", np.zeros((6, 7, 8), np.uint8))
    status, out, _ = call("a", "b", "c", "--labels", "1,2", metrics="hd,dice")
    assert status == 0
    assert "inf (1)" in out
    assert "n cases are infinite" in out
    assert "–: undefined" not in out  # no mean is
    for case in ("x1", "x2"):
        for one in "abc":
            np.save(f"{one}/{case}.npy", np.zeros((6, 7, 8), np.uint8))
    assert "–: undefined" in call("a", "b", "c", "--labels", "1,2")[1]
    assert "nothing to measure" in call("a", "b", "c")[1]


def test_a_table_that_cannot_be_written_is_shown(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastseg.raters.cohort_results import RaterCohort

    def full(self: RaterCohort, path: Path | None = None) -> str:
        if path is not None:
            raise OSError(28, "No space left on device")
        return "the whole table"

    monkeypatch.setattr(RaterCohort, "to_csv", full)
    status, out, err = call("a", "b", "-o", "o.csv")
    assert status == 2
    assert "the whole table" in out
    assert "No space left" in err[-1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a"], "at least two raters"),
        (["a", "b/x1.npy"], "files or folders"),
        (["a", "a"], "given twice"),
        (["a", "nobody"], "nobody: no such file or folder"),
        (["x=a", "x=b"], "two raters are called 'x'"),
        (["raters=a", "b"], "none of 'raters'"),
        (["a", "b", "--consensus", "b/x"], "among what is read"),
        (["a", "b", "--method", "stapel"], "did you mean 'staple'"),
        (["a", "b", "--levels", "ratio"], "levels"),
        (["a", "b", "-o", "x.txt"], ".csv or .json"),
        (["a", "b", "-o", "x.csv", "-o", "x.csv"], "two outputs"),
        (["a", "b", "-o", "none/x.csv"], "no such folder"),
        (["a", "b", "--sample", "c/x1.npy"], "--sample is for one case"),
        (["a/x1.npy", "b/x1.npy", "--ending", ".npy"], "are for folders"),
    ],
)
def test_what_is_refused(call: Call, arguments: list[str], told: str) -> None:
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert told in err[-1]
