"""Evaluation and Summary: looking values up, tables, files."""

from __future__ import annotations

import csv
import dataclasses
import errno
import io
import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation
from fastseg.results.rows import columns
from fastseg.results.summary import summarise

EMPTY = np.zeros((5, 6, 7), np.uint8)
BLOCK = EMPTY.copy()
BLOCK[1:4, 2:5, 3:6] = 1
LABELS: dict[str, Any] = {"liver": 1, "tumour": 2, "both of them": (1, 2)}


@pytest.fixture
def evaluation() -> Evaluation:
    return fastseg.evaluate(BLOCK, np.roll(BLOCK, 1, 0), labels=LABELS, case="case_1")


def test_rows_are_found_by_id_name_and_region(evaluation: Evaluation) -> None:
    assert evaluation[1] is evaluation["liver"]
    assert evaluation[(1, 2)] is evaluation["both of them"]
    assert evaluation["liver"]["dice"] == pytest.approx(2 / 3)
    assert [row.name for row in evaluation] == list(LABELS)
    assert len(evaluation) == 3


def test_unknown_keys_suggest_the_nearest(evaluation: Evaluation) -> None:
    with pytest.raises(KeyError, match="did you mean 'liver'"):
        evaluation["livre"]
    with pytest.raises(KeyError, match="3"):
        evaluation[3]
    with pytest.raises(KeyError, match="did you mean 'hd95'"):
        evaluation["liver"]["hd59"]


def test_the_table_has_the_columns_that_were_promised(evaluation: Evaluation) -> None:
    row = evaluation.to_dict()[0]
    after = [
        "volume_reference",
        "volume_prediction",
        "tp",
        "fp",
        "fn",
        "tn",
        "empty",
        "empty_policy",
        "flags",
    ]
    before = ["case", "level", "label", "name", "reference_label", "prediction_label"]
    assert list(row) == [*before, *evaluation.metrics, *after] == columns(evaluation.metrics)
    assert (row["case"], row["label"], row["name"]) == ("case_1", 1, "liver")
    assert (row["tp"], row["fp"], row["fn"], row["tn"]) == (18, 9, 9, 174)
    assert row["volume_reference"] == 27
    assert evaluation.to_dict()[2]["label"] == "1+2"


def test_csv_can_be_read_back(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    assert evaluation.to_csv(path) == path.read_text()
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["name"] for row in rows] == list(LABELS)
    assert float(rows[0]["dice"]) == evaluation["liver"]["dice"]
    assert rows[1]["dice"] == "nan"
    assert rows[1]["empty"] == "both"
    assert rows[1]["empty_policy"] == "worst"


def test_json_is_strict_and_marks_what_is_not_a_number(tmp_path: Path) -> None:
    evaluation = fastseg.evaluate(BLOCK, EMPTY, labels=LABELS, spacing=(3, 1, 1))
    evaluation.to_json(tmp_path / "table.json")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    content = json.loads((tmp_path / "table.json").read_text(), parse_constant=refuse)
    one, both = content["rows"][:2]
    assert (one["hd95"], one["not_finite"]["hd95"]) == (None, "inf")
    assert (both["hd95"], both["not_finite"]["hd95"]) == (None, "nan")
    assert "dice" not in one["not_finite"]
    assert content["settings"]["spacing"] == [3, 1, 1]
    dice, hd = (
        next(row for row in content["summary"] if row["metric"] == name) for name in ("dice", "hd")
    )
    assert (dice["n"], dice["undefined"]) == (2, 1)
    assert "not_finite" not in dice
    assert (hd["mean"], hd["infinite"], hd["not_finite"]["mean"]) == (None, 2, "inf")
    for entry in (*content["rows"], *content["summary"]):
        for name in (*evaluation.metrics, "mean", "median", "min", "max"):
            assert isinstance(entry.get(name), (int, float, type(None)))


def test_files_are_written_whole_or_not_at_all(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail(*args: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as context:
        context.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            evaluation.to_csv(path)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]
    with pytest.raises(FileNotFoundError) as failed:
        evaluation.to_csv(tmp_path / "missing" / "table.csv")
    assert failed.value.filename == str(tmp_path / "missing" / "table.csv")
    evaluation.to_csv(path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("step", ["fdopen", "chmod", "replace"])
def test_a_failed_write_names_the_file_that_was_asked_for(
    evaluation: Evaluation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    step: str,
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number), "something else", None, "and another")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="table") as failed:
        evaluation.to_json(tmp_path / "table.json")
    error = failed.value
    assert (error.errno, error.filename, error.filename2) == (
        number,
        str(tmp_path / "table.json"),
        None,
    )
    assert isinstance(error, PermissionError) == (number == errno.EACCES)
    assert str(error) == f"[Errno {number}] {os.strerror(number)}: '{error.filename}'"
    assert not list(tmp_path.iterdir())


def test_a_name_that_utf8_lacks_costs_no_table(evaluation: Evaluation, tmp_path: Path) -> None:
    """A file's name may hold any bytes; Python keeps them as lone surrogates, which no file takes."""
    odd = os.fsdecode(b"le\xe9") + "-größe"
    rows = tuple(dataclasses.replace(row, case=odd, name=odd + row.name) for row in evaluation)
    strange = Evaluation(rows, evaluation.metrics, {"of": [odd], odd: 1})
    text = strange.to_csv(tmp_path / "t.csv")
    assert text == (tmp_path / "t.csv").read_text("utf-8")
    assert text.splitlines()[1].startswith("le\\udce9-größe,")
    text = strange.to_json(tmp_path / "t.json")
    assert text == (tmp_path / "t.json").read_text("utf-8")
    assert json.loads(text)["rows"][0]["case"] == "le\\udce9-größe"
    assert Evaluation.from_json(text).cases == ("le\\udce9-größe",)
    for shown in (str(strange), strange._repr_html_()):
        assert "le\\udce9-größe" in shown.encode("utf-8").decode("utf-8")


def test_pandas(evaluation: Evaluation) -> None:
    pandas = pytest.importorskip("pandas")
    frame = evaluation.to_pandas()
    assert list(frame.columns) == list(evaluation.to_dict()[0])
    assert frame.loc[0, "dice"] == evaluation["liver"]["dice"]
    assert isinstance(evaluation.summary().to_pandas(), pandas.DataFrame)


def test_text_and_notebook_tables_show_units_and_what_is_left_out(evaluation: Evaluation) -> None:
    text = str(evaluation)
    assert "hd95 [voxels]" in text
    assert "more metrics" in text
    assert "case" not in text.splitlines()[0]
    assert text.splitlines()[2].endswith("both")
    assert evaluation._repr_html_().partition("<details>")[0].count("<tr>") == 4
    few = fastseg.evaluate(BLOCK, BLOCK, metrics=["hd97", "youden"], labels={"<b>": 1})
    assert "hd97" in str(few)
    assert "more metrics" not in str(few)
    assert "empty" not in str(few)
    assert "&lt;b&gt;" in few._repr_html_()
    assert "background" in str(fastseg.evaluate(EMPTY, EMPTY))
    assert "background" in fastseg.evaluate(EMPTY, EMPTY)._repr_html_()
    assert fastseg.evaluate(EMPTY, EMPTY).to_csv() == evaluation.to_csv().splitlines()[0] + "\n"
    wide = fastseg.evaluate(BLOCK, BLOCK, labels={"all": range(1, 200)})
    assert max(map(len, str(wide).splitlines())) < 150
    assert len(wide.to_dict()[0]["label"]) > 600


def test_several_cases_are_joined(evaluation: Evaluation) -> None:
    other = fastseg.evaluate(BLOCK, BLOCK, labels=LABELS, case="case_2", spacing=2)
    joined = Evaluation.joined([evaluation, other])
    assert joined.cases == ("case_1", "case_2")
    assert joined["case_2"]["liver"]["dice"] == 1
    assert "spacing" not in joined.settings
    assert joined.settings["boundary"] == "voxel"
    assert "case_2" in str(joined)
    assert "hd [mm or voxels]" in str(joined)
    with pytest.raises(KeyError, match="case_3"):
        joined["case_3"]
    with pytest.raises(ValueError, match="different metrics"):
        Evaluation.joined([evaluation, fastseg.evaluate(BLOCK, BLOCK, metrics="dice")])
    with pytest.raises(ValueError, match="at least one"):
        Evaluation.joined([])
    by_label = joined.summary(by_label=True)
    assert by_label["liver", "dice"].mean == pytest.approx((2 / 3 + 1) / 2)
    assert by_label["tumour", "dice"].undefined == 2
    found: list[Any] = list(by_label)
    assert ("liver", "dice") in found


def test_summary_counts_what_is_undefined(evaluation: Evaluation) -> None:
    summary = evaluation.summary()
    assert summary["dice"].n == 2
    assert summary["dice"].undefined == 1
    assert next(iter(summary)) == "dice"
    assert len(summary) == len(evaluation.metrics)
    assert "undefined" in str(summary).splitlines()[0]
    with pytest.raises(KeyError, match="no summary of 'dise'; did you mean 'dice'"):
        summary["dise"]
    assert str(Evaluation((), ()).summary()) == "nothing to summarise"


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [4.0, 1.0, 9.0, 2.5], list(range(10))])
def test_summaries_are_numpys(values: list[float]) -> None:
    summary = summarise([*values, math.nan])
    assert summary.mean == pytest.approx(np.mean(values))
    assert summary.median == pytest.approx(np.median(values))
    assert (summary.q25, summary.q75) == pytest.approx(np.quantile(values, [0.25, 0.75]))
    assert (summary.min, summary.max) == (min(values), max(values))
    assert (summary.n, summary.undefined) == (len(values), 1)


def test_summary_with_inf_and_with_nothing() -> None:
    summary = summarise([1.0, 2.0, math.inf])
    assert (summary.mean, summary.median, summary.q75, summary.max) == (
        math.inf,
        2,
        math.inf,
        math.inf,
    )
    assert (summary.n, summary.undefined, summary.infinite) == (3, 0, 1)
    assert summarise([math.inf, math.inf]).median == math.inf
    assert summarise([math.inf]).infinite == 1
    nothing = summarise([math.nan])
    assert math.isnan(nothing.mean)
    assert (nothing.n, nothing.undefined, nothing.infinite) == (0, 1, 0)


def test_summary_with_minus_inf() -> None:
    """A policy may give any number, and interpolating from -inf made nan of what is defined."""
    summary = summarise([-math.inf, 1.0, 2.0])
    assert (summary.mean, summary.q25, summary.median, summary.q75) == (
        -math.inf,
        -math.inf,
        1,
        1.5,
    )
    both = summarise([math.inf, 3.0, -math.inf])
    assert (both.median, both.min, both.max, both.infinite) == (3, -math.inf, math.inf, 2)
    assert math.isnan(both.mean)


def test_the_mean_of_one_or_many_has_numpys_bits() -> None:
    for n in (1, 2, 9, 200):
        values = list(np.random.default_rng(n).random(n))
        assert summarise(values).mean == np.mean(sorted(values))
    assert summarise([1.5e308, 1.7e308]).mean == pytest.approx(1.6e308)


def test_the_summary_by_label_is_in_the_file_of_several_cases(evaluation: Evaluation) -> None:
    assert json.loads(evaluation.to_json())["summary_by_label"] == []  # the rows themselves
    other = fastseg.evaluate(BLOCK, EMPTY, labels=LABELS, case="case_2")
    joined = Evaluation.joined([evaluation, other])
    found = {
        (entry["label"], entry["metric"]): entry
        for entry in json.loads(joined.to_json())["summary_by_label"]
    }
    assert len(found) == len(LABELS) * len(joined.metrics)
    assert found["liver", "dice"]["mean"] == joined.summary(by_label=True)["liver", "dice"].mean
    assert found["liver", "hd"]["not_finite"] == {"mean": "inf", "max": "inf", "median": "inf"} | {
        "sd": "nan",
        "q75": "inf",
        "q25": "inf",
    }
    assert found["tumour", "dice"]["undefined"] == 2


def test_the_file_says_what_was_measured_and_in_what(evaluation: Evaluation) -> None:
    content = json.loads(evaluation.to_json())
    assert content["metrics"] == list(evaluation.metrics)
    assert content["units"]["hd"] == content["units"]["volume_reference"] == "voxels"
    plane = fastseg.evaluate(BLOCK[1], BLOCK[1], spacing=0.5, metrics=["dice", "volume_difference"])
    assert json.loads(plane.to_json())["units"] == dict.fromkeys(
        ("volume_difference", "volume_reference", "volume_prediction"), "mm²"
    )
