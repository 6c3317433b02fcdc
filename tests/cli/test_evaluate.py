"""The command line: what people type, read and get told."""

from __future__ import annotations

import csv
import json
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg import evaluate_cohort, io
from fastseg.__main__ import main
from fastseg.backends import numba as numba_backend
from fastseg.cli import evaluating
from fastseg.cohort import one_case
from fastseg.cohort.pairing import pair_folders
from fastseg.protocols.framework.settings import ProtocolSettings
from tests import processes

SCIPY = ("--backend", "scipy")
LABELS: dict[str, int | Sequence[int]] = {"liver": 1, "tumour": 2, "both": (1, 2)}
Call = Callable[..., tuple[int, str, list[str]]]


def _map(seed: int, shape: tuple[int, ...] = (8, 7, 6)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 3, shape, dtype=np.uint8)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command line in this process: its status, its output and what it complains of.

    The note that kernels are being compiled comes or not, as the cache is cold or warm.
    """

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        notes = "fastseg: note: compiling"
        return status, out, [line for line in err.splitlines() if not line.startswith(notes)]

    return call


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two files a.npy and b.npy in the current folder, and a names file."""
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", _map(1))
    np.save("b.npy", _map(2))
    Path("names.json").write_text('{"liver": 1, "tumour": 2, "both": [1, 2]}')
    return "a.npy", "b.npy"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Folders r and p of three cases; case 2 lacks label 2 in the prediction, case 3 in both."""
    monkeypatch.chdir(tmp_path)
    for folder in ("r", "p"):
        Path(folder).mkdir()
    for i in (1, 2, 3):
        reference, prediction = _map(i), _map(i + 10)
        prediction[(prediction == 2) & (i > 1)] = 0
        reference[(reference == 2) & (i > 2)] = 0
        np.save(f"r/case_{i}.npy", reference)
        np.save(f"p/case_{i}.npy", prediction)
    return "r", "p"


def _rows(path: str | Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_files_give_a_row_for_each_label(call: Call, pair: tuple[str, str]) -> None:
    status, out, err = call("evaluate", *pair, "--labels", "names.json", *SCIPY)
    assert (status, err) == (0, [])
    expected = fastseg.evaluate(*pair, labels=LABELS)
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    for name, label in (("liver", "1"), ("tumour", "2"), ("both", "1+2")):
        row = expected[name]
        assert lines[name][1:4] == [label, f"{row['dice']:.4f}", f"{row['hd']:.3f}"]
    assert "[voxels]" in out  # .npy files have no spacing
    assert "1 case, 3 rows" in out


def test_the_output_file_has_every_metric(call: Call, pair: tuple[str, str]) -> None:
    status, out, _ = call("evaluate", *pair, "--output", "o.csv", "--spacing", "1,2,2.5", *SCIPY)
    assert status == 0
    assert "Written to o.csv" in out
    assert "[mm]" in out
    expected = fastseg.evaluate(*pair, spacing=(1, 2, 2.5), backend="scipy")
    rows = _rows("o.csv")
    assert [(row["case"], row["name"]) for row in rows] == [("b", "1"), ("b", "2")]
    for metric in fastseg.list_metrics():
        assert [float(row[metric.name]) for row in rows] == [row[metric.name] for row in expected]


@pytest.mark.parametrize("boundary", ["surfel", "vertex"])
def test_every_option_reaches_evaluate(call: Call, pair: tuple[str, str], boundary: Any) -> None:
    status, _, _ = call(
        "evaluate", *pair, "--metrics", "dice, hd90,nsd", "--tolerance", "liver=2,default=1",
        "--labels", "names.json", "--boundary", boundary, "--percentile-method", "pooled",
        "--empty", "nan", "--ignore-label", "7", "--spacing", "2", "--threads", "1",
        "--output", "o.json", *SCIPY,
    )  # fmt: skip
    assert status == 0
    content = json.loads(Path("o.json").read_text())
    expected = fastseg.evaluate(
        *pair, metrics=["dice", "hd90", "nsd"], tolerance={"liver": 2, "default": 1}, spacing=2,
        labels=LABELS, boundary=boundary, ignore_label=7,
        percentile_method="pooled", empty="nan", backend="scipy",
    )  # fmt: skip
    assert content == json.loads(expected.to_json())
    assert fastseg.get_num_threads() == 1


def test_the_ignore_label_of_a_dataset_json(call: Call, pair: tuple[str, str]) -> None:
    Path("dataset.json").write_text('{"labels": {"background": 0, "x": 1, "ignore": 2}}')
    status, _, err = call("evaluate", *pair, "--labels", "dataset.json", "--output", "o.json")
    assert status == 0
    assert err == ['fastseg: note: label 2 is left out: it is "ignore" in dataset.json']
    content = json.loads(Path("o.json").read_text())
    assert content["settings"]["ignore_label"] == 2
    assert content["rows"][0]["dice"] == fastseg.evaluate(*pair, ignore_label=2)[1]["dice"]


def test_two_folders_give_a_row_for_each_case_and_label(
    call: Call, folders: tuple[str, str]
) -> None:
    status, out, err = call("evaluate", *folders, "--labels", "1,2", "--output", "o.csv", *SCIPY)
    assert (status, err) == (0, [])
    rows = _rows("o.csv")
    assert [(row["case"], row["label"]) for row in rows] == [
        (f"case_{i}", label) for i in (1, 2, 3) for label in "12"
    ]
    assert [row["empty"] for row in rows] == ["", "", "", "prediction", "", "both"]
    lines = [line.split() for line in out.splitlines()]
    evaluation = evaluate_cohort(*folders, labels=[1, 2], backend="scipy")
    summary = evaluation.summary(by_label=True)
    # label, cases, no value, one empty, dice, hd …
    dice = summary["1", "dice"].mean
    assert ["1", "3", f"{dice:.4f}", f"{summary['1', 'hd'].mean:.3f}"] in [
        line[:4] for line in lines
    ]
    dice = summary["2", "dice"].mean
    assert ["2", "3", "1", "1", f"{dice:.4f}", "inf"] in [line[:6] for line in lines]
    assert ["all", "rows", "6", "1", "1"] in [line[:5] for line in lines]
    assert "3 cases, 6 rows" in out


def test_files_without_partner_are_named_and_counted(call: Call, folders: tuple[str, str]) -> None:
    np.save("r/lonely.npy", _map(0))
    np.save("p/x1.npy", _map(0))
    np.save("p/x2.npy", _map(0))
    status, out, err = call("evaluate", *folders, "--missing", "skip", *SCIPY)
    assert status == 0
    assert err == [
        "fastseg: warning: 1 of 4 references in r have no prediction in p and are left out: lonely",
        "fastseg: warning: 2 of 5 predictions in p have no reference in r and are left out: x1.npy, x2.npy",
    ]
    assert "3 cases" in out


def test_a_failing_case_is_told_and_the_others_are_done(
    call: Call, folders: tuple[str, str]
) -> None:
    np.save("p/case_2.npy", _map(2, (8, 7, 5)))
    status, out, err = call("evaluate", *folders, "--output", "o.csv", *SCIPY)
    assert status == 1
    assert err[0].startswith("fastseg: error: case case_2: ")
    assert "differ in shape" in err[0]
    assert err[1:] == ["fastseg: error: 1 of 3 cases failed: case_2"]
    rows = _rows("o.csv")
    assert {row["case"] for row in rows if row["level"]} == {"case_1", "case_3"}
    assert rows[-1]["case"] == "case_2"
    assert rows[-1]["problem"]
    assert "2 cases" in out


def test_if_all_cases_fail_nothing_is_written(call: Call, folders: tuple[str, str]) -> None:
    for i in (1, 2, 3):
        Path(f"p/case_{i}.npy").write_bytes(b"no array")
    status, out, err = call("evaluate", *folders, "--output", "o.csv", *SCIPY)
    assert (status, out) == (2, "")
    assert len(err) == 4
    assert err[-1] == "fastseg: error: 3 of 3 cases failed: case_1, case_2, case_3"
    assert not Path("o.csv").exists()


def test_a_fault_of_fastseg_keeps_its_traceback(
    call: Call,
    folders: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def faulty(*arguments: object) -> Any:
        return np.zeros(2) + np.zeros(3)  # a ValueError that NumPy raises

    cases = pair_folders(*folders).cases
    monkeypatch.setattr(one_case, "evaluate_case", faulty)
    with pytest.raises(ValueError, match="broadcast"):
        main(["evaluate", *map(str, cases[0][1:3])])
    capsys.readouterr()
    status, _, err = call("evaluate", *folders)
    assert status == 2
    assert sum(line.startswith("Traceback") for line in err) == 3
    assert any("np.zeros(2) + np.zeros(3)" in line for line in err)


BAD = {
    "one file missing": (["a.npy", "no.npy"], "no.npy: no such file or folder"),
    "no prediction": (["a.npy"], "Missing argument 'prediction'"),
    "unknown option": (["a.npy", "b.npy", "--metric", "dice"], "No such option: --metric"),
    "shapes": (["a.npy", "short.npy"], "differ in shape: (8, 7, 6) against (8, 7, 5)"),
    "grids": (["g1.nii", "g2.nii"], "lie on different grids: spacing (1, 1, 1) mm against"),
    "not an image": (["names.json", "b.npy"], "known endings are .nii.gz"),
    "a damaged file": (["a.npy", "damaged.npy"], "damaged.npy: not a readable NumPy array"),
    "fractions": (["a.npy", "half.npy"], "half.npy: labels must be whole numbers, found 0.5"),
    "NaN": (["a.npy", "nan.npy"], "nan.npy: the label map holds NaN"),
    "one-hot": (["one_hot.npy", "one_hot.npy"], "take the argmax over its 3 channels"),
    "file and folder": (["a.npy", "folder"], "expected two files or two folders"),
    "folder and file": (["folder", "a.npy"], "expected two files or two folders"),
    "empty folders": (["folder", "folder"], "folder: it holds no image"),
    "metric": (["a.npy", "b.npy", "--metrics", "dise"], "unknown 'dise'; did you mean 'dice'?"),
    "no metric": (["a.npy", "b.npy", "--metrics", ""], "metrics: unknown ''"),
    "names": (["a.npy", "b.npy", "--labels", "liver"], "expected ids separated by commas"),
    "no names file": (["a.npy", "b.npy", "--labels", "no.json"], "no.json: no such file"),
    "broken names": (["a.npy", "b.npy", "--labels", "broken.json"], "broken.json: not valid JSON"),
    "tolerance": (["a.npy", "b.npy", "--tolerance", "two"], "tolerance: expected a number"),
    "negative": (["a.npy", "b.npy", "--tolerance", "-1"], "tolerance: expected a finite number"),
    "tolerance's label": (
        ["a.npy", "b.npy", "--labels", "names.json", "--tolerance", "livr=1"],
        "did you mean 'liver'?",
    ),
    "spacing's sign": (["a.npy", "b.npy", "--spacing", "1,0,1"], "finite positive numbers"),
    "spacing's length": (["a.npy", "b.npy", "--spacing", "1,1"], "each of the 3 array axes"),
    "spacing's text": (["a.npy", "b.npy", "--spacing", "1;1"], "spacing: expected numbers"),
    "NaN spacing": (["a.npy", "b.npy", "--spacing", "nan"], "finite positive numbers"),
    "boundary": (["a.npy", "b.npy", "--boundary", "surfl"], "did you mean 'surfel'?"),
    "percentile": (["a.npy", "b.npy", "--percentile-method", "pool"], "did you mean 'pooled'?"),
    "empty": (["a.npy", "b.npy", "--empty", "wrost"], "did you mean 'worst'?"),
    "empty masks": (["a.npy", "b.npy", "--labels", "9", "--empty", "raise"], "prediction are empty"),
    "backend": (["a.npy", "b.npy", "--backend", "nmba"], "did you mean 'numba'?"),
    "threads": (["a.npy", "b.npy", "--threads", "0"], "Invalid value for '--threads'"),
    "threads' text": (["a.npy", "b.npy", "--threads", "two"], "Invalid value for '--threads'"),
    "output's suffix": (["a.npy", "b.npy", "--output", "o.txt"], "ends in .csv, .tsv, .json"),
    "output's folder": (["a.npy", "b.npy", "--output", "no/o.csv"], "no: no such folder"),
    "output is a folder": (["a.npy", "b.npy", "--output", "d.csv"], "but this is a folder"),
    "output is input": (
        ["a.npy", "b.npy", "--labels", "names.json", "--output", "names.json"],
        "the output would overwrite",
    ),
}  # fmt: skip


@pytest.fixture
def bad_files(pair: tuple[str, str]) -> None:
    nibabel = pytest.importorskip("nibabel")
    for name, size in (("g1.nii", 1), ("g2.nii", 1.5)):
        nibabel.Nifti1Image(_map(1), np.diag([1, 1, size, 1])).to_filename(name)
    np.save("short.npy", _map(1, (8, 7, 5)))
    np.save("half.npy", _map(1) / 2)
    np.save("nan.npy", np.where(_map(1) == 2, np.nan, 1.0))
    np.save("one_hot.npy", _map(1, (3, 8, 7, 6)))
    Path("damaged.npy").write_bytes(Path("a.npy").read_bytes()[:20])
    Path("broken.json").write_text("{")
    for folder in ("folder", "d.csv"):
        Path(folder).mkdir()


@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_bad_input_gives_one_clear_line(
    call: Call, bad_files: None, arguments: list[str], words: str
) -> None:
    before = sorted(os.listdir())
    status, out, err = call("evaluate", *arguments)
    assert (status, out, len(err)) == (2, "", 1), err
    assert err[0].startswith("fastseg: error: ")
    assert words.lower() in err[0].lower()  # typer has had argument names in either case
    assert sorted(os.listdir()) == before


def test_wrong_commands_and_options(call: Call) -> None:
    status, _, err = call("evalute")
    assert status == 2
    told = "fastseg: error: No such command 'evalute'. "
    assert err in (  # new versions propose what is near
        [f"{told}(see fastseg --help)"],
        [f"{told}Did you mean 'evaluate'? (see fastseg --help)"],
    )
    status, out, _ = call()
    assert status == 0
    assert "evaluate" in out


def test_an_output_folder_that_cannot_be_written_to_is_found_before_work(
    call: Call, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: Any) -> None:
        raise PermissionError(13, "Permission denied", options["dir"])

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr(evaluating, "evaluate_remaining", None)  # never called
    status, _, err = call("evaluate", *pair, "--output", "o.csv")
    assert status == 2
    assert err == ["fastseg: error: .: no file can be written here (Permission denied)"]


@pytest.mark.slow
@pytest.mark.usefixtures("sigint")
def test_interruption_leaves_no_file(folders: tuple[str, str]) -> None:
    script = (
        "import sys, time\n"
        "from fastseg import __main__\n"
        "from fastseg.cohort import one_case\n"
        "def slow(*args, **options):\n"
        "    print('started', flush=True)\n"
        "    for _ in range(600):\n"
        "        time.sleep(0.1)\n"  # a signal just before a sleep takes effect after it
        "one_case.evaluate_case = slow\n"
        "sys.exit(__main__.main(['evaluate', 'r', 'p', '--output', 'o.csv', '--backend', 'scipy']))"
    )
    with processes.start("-c", script, folder=Path.cwd()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        status, _, err = processes.finish(process)
    assert status == 130
    assert err == "fastseg: stopped: interrupted\n"
    assert not [name for name in os.listdir() if "o.csv" in name]


def test_interruption_has_its_own_status(
    call: Call, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(one_case, "evaluate_case", interrupted)
    status, out, err = call("evaluate", *pair, "--output", "o.csv", *SCIPY)
    assert (status, out, err) == (130, "", ["fastseg: stopped: interrupted"])
    assert not Path("o.csv").exists()


def test_a_file_that_cannot_be_opened(
    call: Call, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str | Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(io.pairs, "open_image", refuse)
    status, out, err = call("evaluate", *pair, *SCIPY)
    assert (status, out, err) == (2, "", ["fastseg: error: a.npy: Permission denied"])


def test_warnings_are_one_line(
    call: Call, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # numba's kernels take up to three axes, as these maps have; so its answer is asked to be no.
    monkeypatch.setattr(numba_backend, "unsupported", lambda function, ndim: "not today")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        status, _, err = call("evaluate", *pair, "--metrics", "dice")
    assert status == 0
    assert err
    assert all(
        line.startswith("fastseg: warning: ") and line.endswith("numba backend: not today")
        for line in err
    )


def test_a_tolerance_by_id_without_labels(call: Call, pair: tuple[str, str]) -> None:
    arguments = ["--tolerance", "1=0,2=3", "--metrics", "nsd", "--output", "o.csv"]
    assert call("evaluate", *pair, *arguments, *SCIPY)[0] == 0
    expected = fastseg.evaluate(*pair, tolerance={1: 0, 2: 3}, metrics="nsd", backend="scipy")
    assert [float(row["nsd"]) for row in _rows("o.csv")] == [row["nsd"] for row in expected]


@pytest.mark.slow
def test_a_terminal_that_lacks_letters_costs_no_table(
    folders: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended in a traceback, after all the work."""
    Path("names.json").write_text('{"größe": 1}', encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    arguments = ["evaluate", *folders, "--labels", "names.json", "--output", "größe.csv", *SCIPY]
    with processes.start("-m", "fastseg", *arguments, folder=Path.cwd()) as process:
        status, out, _ = processes.finish(process)
    assert status == 0
    assert "gr\\xf6\\xdfe" in out
    assert "3 cases" in out


def test_a_table_is_joined_from_what_was_written(call: Call, folders: tuple[str, str]) -> None:
    """The cases of two runs, read again."""
    assert call("evaluate", *folders, "--output", "o.json", *SCIPY)[0] == 0
    np.save("a.npy", _map(1))
    np.save("b.npy", _map(2))
    assert call("evaluate", "a.npy", "b.npy", "--output", "one.json", *SCIPY)[0] == 0
    parts = [fastseg.Evaluation.from_json(name) for name in ("o.json", "one.json")]
    joined = fastseg.Evaluation.joined(parts)
    assert joined.cases == ("case_1", "case_2", "case_3", "b")
    assert joined["b", 1]["dice"] == fastseg.evaluate("a.npy", "b.npy", backend="scipy")[1]["dice"]
    assert joined.settings["unit"] == "voxels"
    content = json.loads(Path("o.json").read_text())
    assert {entry["label"] for entry in content["summary_by_label"]} == {"1", "2"}


@pytest.mark.parametrize("protocol", ["topcow", "medsegfm", "cellpose"])
def test_a_format_that_cannot_hold_a_protocols_rows_is_refused_first(
    protocol: str, pair: tuple[str, str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two rows of one label summary.json can keep but one: that was told after all cases were evaluated."""
    monkeypatch.setattr(evaluating, "evaluate_all", None)  # nothing is
    status, out, errors = call(
        "evaluate", *pair, "--protocol", protocol, "--output", "nnunet:summary.json"
    )
    assert (status, out) == (2, "")
    assert "both have the label" in errors[-1]
    assert not Path("summary.json").exists()


def test_rows_that_protocols_are_known_to_have_are_there() -> None:
    labels = np.random.default_rng(3).integers(0, 4, (9, 9, 9)).astype(np.uint8)
    for name in ("topcow", "medsegfm", "cellpose"):
        options: dict[str, Any] = {"cldice": False} if name == "topcow" else {}
        rows = fastseg.evaluate_protocol(name, labels, labels, **options).structures
        known = ProtocolSettings.of(name).known_labels
        assert known
        assert known.items() <= {row.name: row.label for row in rows}.items()


def test_two_tables_of_points_are_a_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    """LUNA16's, each of all scans; a .csv was taken for a table of pairs, so that only such a one could name them."""
    monkeypatch.chdir(tmp_path)
    nodules = "seriesuid,coordX,coordY,coordZ,diameter_mm\na,1,2,3,6\na,30,20,3,8\nb,1,1,1,5\n"
    candidates = (
        "seriesuid,coordX,coordY,coordZ,probability\na,1,2,4,0.9\na,50,20,3,0.8\nb,1,1,2,0.3\n"
    )
    Path("nodules.csv").write_text(nodules, encoding="utf-8")
    Path("candidates.csv").write_text(candidates, encoding="utf-8")
    arguments = "nodules.csv", "candidates.csv", "--protocol", "luna16"
    status, out, errors = call(
        "evaluate", *arguments, "--output", "scores.csv", "--output", "a.jsonl"
    )
    assert (status, errors) == (0, [])
    assert "Means over 2 cases" in out
    assert "CPM" in out
    with open("scores.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["level"] == "structure"]
    assert [(row["case"], row["True positives"]) for row in rows] == [("a", "1.0"), ("b", "1.0")]
    one = fastseg.evaluate_protocol("luna16", "nodules.csv", "candidates.csv")
    assert [row["Sensitivity"] for row in one.structures] == [
        float(row["Sensitivity"]) for row in rows
    ]
    status, _, errors = call("evaluate", *arguments, "--output", "a.jsonl", "--resume")
    assert (status, errors) == (0, ["fastseg: note: 1 of 1 cases are in a.jsonl already"])
    status, _, errors = call("evaluate", *arguments[:2], "--protocol", "kits23")
    assert status == 2
    assert "a table of pairs names the predictions" in errors[-1]
