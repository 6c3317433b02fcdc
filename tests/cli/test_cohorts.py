"""The command line over many cases: how they are paired, which are missing, and that no result is lost."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.__main__ import main
from fastseg.cli import evaluating, options
from fastseg.cohort import one_case
from fastseg.evaluation import case

DICE = ("--backend", "scipy", "--metrics", "dice")
Call = Callable[..., tuple[int, str, list[str]]]


def _map(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 3, (6, 5, 4), dtype=np.uint8)


def _save(*paths: str) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        np.save(path, _map(len(path)))


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Run ``fastseg evaluate`` in an empty folder: its status, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        status = main(["evaluate", *map(str, arguments), *DICE])
        out, err = capsys.readouterr()
        notes = "fastseg: note: compiling"
        return status, out, [line for line in err.splitlines() if not line.startswith(notes)]

    return call


def test_a_missing_prediction_is_a_row_and_a_status(call: Call) -> None:
    _save("r/a.npy", "r/b.npy", "r/c.npy", "p/a.npy", "p/c.npy")
    status, out, err = call("r", "p", "--output", "o.csv")
    assert status == 1
    assert out.startswith("Means over 3 cases, of which 1 has no prediction: b\n")
    (warning,) = err
    assert warning.endswith("1 of 3 references in r have no prediction in p and are scored "
                            "against an empty one (--missing worst): b")  # fmt: skip
    with open("o.csv", newline="") as file:
        rows = [(row["case"], row["dice"], row["empty"]) for row in csv.DictReader(file)]
    assert [row for row in rows if row[0] == "b"] == [("b", "0.0", "prediction")] * 2
    status, out, err = call("r", "p", "--missing", "skip")
    assert (status, len(err)) == (0, 1)
    assert out.startswith("Means over 2 cases\n")


def test_missing_predictions_are_refused_before_any_work(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save("r/a.npy", "r/b.npy", "p/a.npy")
    monkeypatch.setattr(evaluating, "evaluate_remaining", None)  # never called
    status, out, err = call("r", "p", "--missing", "error", "--output", "o.csv")
    assert (status, out, len(err)) == (2, "", 1)
    assert "1 of 2 references in r have no prediction in p: b" in err[0]
    status, _, err = call("r", "p", "--missing", "wrost")
    assert (status, err) == (2, ["fastseg: error: missing: unknown 'wrost'; did you mean 'worst'?"])


def test_suffixes_endings_and_nested_folders(call: Call) -> None:
    _save("r/s1/liver-seg.npy", "r/s2/liver-seg.npy", "r/s2/ct.npy")
    _save("p/s1/liver_p.npy", "p/s2/liver_p.npy")
    np.savez("p/s2/liver_p.npz", probabilities=np.zeros((2, 6, 5, 4)))
    given = ("r", "p", "--reference-suffix", "-seg", "--prediction-suffix", "_p")
    status, out, err = call(*given, "--ending", ".npy", "--output", "o.csv")
    assert (status, err) == (0, [])
    assert "Means over 2 cases\n" in out
    with open("o.csv", newline="") as file:
        assert {row["case"] for row in csv.DictReader(file)} == {"s1/liver", "s2/liver"}
    status, _, err = call(*given)
    assert status == 0
    assert (
        "left out beside images of other kinds (--ending chooses a kind): p/s2/liver_p.npz"
        in err[0]
    )
    status, _, err = call("r", "p")
    assert (status, len(err)) == (2, 1)
    assert "--reference-suffix -seg --prediction-suffix _p" in err[0]


def test_a_table_of_pairs(call: Call) -> None:
    _save("data/a.npy", "data/b.npy")
    Path("data/pairs.csv").write_text("reference,prediction\na.npy,b.npy\nb.npy,a.npy\n")
    status, out, err = call("data/pairs.csv", "--output", "o.json")
    assert (status, err) == (0, [])
    assert out.startswith("Means over 2 cases\n")
    assert [row["case"] for row in json.loads(Path("o.json").read_text())["rows"]] == [
        "a",
        "a",
        "b",
        "b",
    ]
    before = Path("data/pairs.csv").read_text()
    status, _, err = call("data/pairs.csv", "--output", "data/pairs.csv")
    assert (status, len(err)) == (2, 1)
    assert "would overwrite what is read" in err[0]
    assert Path("data/pairs.csv").read_text() == before
    for arguments, words in (
        (("data/pairs.csv", "data"), "a table of pairs names the predictions"),
        (("data",), "Missing argument 'prediction'"),
        (("data/a.npy", "data/b.npy", "--ending", ".npy"), "are for two folders"),
        (("no.csv",), "no.csv: no such file"),
    ):
        status, out, err = call(*arguments)
        assert (status, out, len(err)) == (2, "", 1)
        assert words in err[0]


def test_failing_cases_are_told_beside_the_means_and_not_without_end(call: Call) -> None:
    _save("r/good.npy", "p/good.npy", "r/lonely.npy")
    for i in range(40):
        for folder in "rp":
            Path(f"{folder}/case_{i}.npy").symlink_to(".git/annex/objects/none")
    status, out, err = call("r", "p")
    assert status == 1
    assert out.startswith(
        "Means over 2 cases, of which 1 has no prediction: lonely; 40 more failed: case_0, case_1, case_2, …"
    )
    told = [line for line in err if "case case_" in line]
    assert len(told) == evaluating.FAILURES_TOLD
    assert (
        "case case_0: r/case_0.npy: a link to .git/annex/objects/none, which is not there"
        in told[0]
    )
    assert err[-1].startswith("fastseg: error: 40 of 42 cases failed: case_0, ")
    assert err[-1].endswith("… (40 in all)")


def test_long_lists_of_files_without_partner_are_cut(call: Call) -> None:
    _save("r/a.npy", "p/a.npy", *(f"p/other_{i:04}.npy" for i in range(500)))
    _, _, err = call("r", "p", "--missing", "skip")
    assert len(err) == 1
    assert len(err[0]) < 200
    assert "500 of 501 predictions" in err[0]


@pytest.mark.slow
def test_names_of_any_bytes_reach_a_terminal_of_ascii(tmp_path: Path) -> None:
    for folder in ("r", "p"):
        (tmp_path / folder).mkdir()
        for name in (b"ren\xe9.npy", "née.npy".encode()):
            with open(os.path.join(os.fsencode(tmp_path / folder), name), "wb") as file:
                np.save(file, _map(1))
    os.unlink(os.fsencode(tmp_path) + b"/p/ren\xe9.npy")
    for environment in (
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ):
        done = subprocess.run(
            [sys.executable, "-m", "fastseg", "evaluate", "r", "p", "--output", "o.csv", *DICE],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert b"of which 1 has no prediction: ren\\udce9" in done.stdout
        text = (tmp_path / "o.csv").read_text(encoding="utf-8")
        assert "\nren\\udce9,structure" in text
        assert "\nnée,structure" in text


@pytest.mark.parametrize("output", ["o.csv", "o.json"])
def test_a_table_that_cannot_be_written_is_shown(
    call: Call, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    _save("a.npy", "bb.npy")
    Path(output).write_text("old")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fastseg.results.files.os.replace", full)
    status, out, err = call("a.npy", "bb.npy", "--output", output)
    assert status == 2
    assert err == [
        f"fastseg: error: {output}: it could not be written (No space left on device), so the whole table is on "
        "standard output"
    ]
    assert "1 case, 2 rows" in out
    evaluation = fastseg.evaluate("a.npy", "bb.npy", metrics="dice", backend="scipy")
    expected = evaluation.to_csv() if output == "o.csv" else evaluation.to_json()
    assert out.endswith(expected)
    assert Path(output).read_text() == "old"
    assert sorted(os.listdir()) == sorted(["a.npy", "bb.npy", output])


def test_the_file_is_written_even_if_nobody_reads_the_table(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save("a.npy", "bb.npy")

    def gone(*arguments: Any, **options: Any) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("fastseg.cli.terminal.show_evaluation", gone)
    with contextlib.suppress(SystemExit):
        call("a.npy", "bb.npy", "--output", "o.csv")
    assert Path("o.csv").exists()


EMPTY: dict[str, Any] = {
    "worst": "worst",
    "hd95=diagonal, dice=0,default=nan": {"hd95": "diagonal", "dice": 0.0, "default": "nan"},
    "hd=nan,dice=1e-3": {"hd": "nan", "dice": 0.001},
    "empty.json": {"hd95": {"both": 0, "one": 50}, "dice": "nan"},
    "empty.yaml": {"hd95": "diagonal", "nsd": 0.5},
}


@pytest.mark.parametrize(("text", "expected"), EMPTY.items())
def test_policies_by_metric(call: Call, text: str, expected: Any) -> None:
    Path("empty.json").write_text('{"hd95": {"both": 0, "one": 50}, "dice": "nan"}')
    Path("empty.yaml").write_text("hd95: diagonal\nnsd: 0.5\n")
    if text.endswith("yaml"):
        pytest.importorskip("yaml")
    assert options.parse_empty(text) == expected
    np.save("a.npy", _map(1))
    np.save("b.npy", np.zeros_like(_map(1)))
    given = ("--empty", text, "--metrics", "dice,hd95,nsd,hd", "--backend", "scipy")
    assert main(["evaluate", "a.npy", "b.npy", *given, "--output", "o.json"]) == 0
    evaluation = fastseg.evaluate(
        "a.npy", "b.npy", metrics=["dice", "hd95", "nsd", "hd"], empty=expected, backend="scipy"
    )
    assert json.loads(Path("o.json").read_text()) == json.loads(evaluation.to_json())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hd95=wrost", "did you mean 'worst'"),
        ("hd59x=worst", "unknown 'hd59x'"),
        ("hd95=", "expected a policy, or pairs as in hd95=diagonal"),
        ("hd95=worst,dice", "expected a policy, or pairs"),
        ("hd95=worst,hd95=0", "'hd95' is given twice"),
        ("no.json", "no.json: no such file"),
    ],
)
def test_wrong_policies_by_metric(call: Call, text: str, words: str) -> None:
    _save("a.npy")
    status, out, err = call("a.npy", "a.npy", "--empty", text)
    assert (status, out, len(err)) == (2, "", 1)
    assert words in err[0]


def test_labels_that_nobody_has_and_labels_that_nobody_asked_for(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save("r/a.npy", "p/a.npy", "r/bb.npy", "p/bb.npy")

    def evaluate_case(*arguments: Any) -> fastseg.Evaluation:
        found = case.evaluate_case(*arguments)
        unlisted = {"reference": {2: 40}, "prediction": {2: 30}}
        return fastseg.Evaluation(
            found.rows, found.metrics, {**found.settings, "unlisted_labels": unlisted}
        )

    monkeypatch.setattr(one_case, "evaluate_case", evaluate_case)
    status, out, err = call("r", "p", "--labels", "1,9")
    assert status == 0
    assert err == [
        "fastseg: note: labels that were not asked for: 2 (80 voxels) in the reference; "
        "2 (60 voxels) in the prediction",
        "fastseg: warning: 1 of 2 labels asked for are in no map: 9",
    ]
    assert ["9", "2", "2", "–"] in [line.split() for line in out.splitlines()]
