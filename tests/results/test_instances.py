"""Rows of instances beside those of structures: each has what it has, and no table or summary mixes them up."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

import fastseg
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.records import Record
from fastseg.evaluation.settings import Settings
from fastseg.measures.joint_histogram import Counts
from fastseg.results import Evaluation, Row, read
from fastseg.results.instance import Instance
from fastseg.results.writers.registry import WRITERS

COUNTS = Counts(3, 1, 2, 10)
FOUND = Instance(0.5, 0.9, ((1, 4), (0, 2)), ((1, 3), (0, 2)), (2.25, 0.1), (1.5, 1 / 3))
MISSED = Instance(reference_box=((5, 6), (7, 8)), reference_centroid=(5.0, 7.0))


def _row(values: dict[str, float], **more: object) -> Row:
    return Row("a", 1, "lesion", 1, 1, values, COUNTS, 1.5, "", "", **more)  # type: ignore[arg-type]


def _evaluation() -> Evaluation:
    rows = (
        _row({"dice": 0.6, "found": 1.0}),
        _row({"dice": 0.75, "hd": math.inf}, level="instance", instance=FOUND),
        Row(
            *("a", 1, "lesion", 2, None, {"dice": 0.0, "hd": math.nan}, COUNTS, 1.5, "", ""),
            level="instance",
            instance=MISSED,
        ),
    )
    return Evaluation(rows, ("dice", "hd", "found"), {"unit": "mm", "spacing": [1.0, 1.5]})


def _same(one: Evaluation, other: Evaluation) -> bool:
    return repr(one.rows) == repr(other.rows) and one.metrics == other.metrics


def test_rows_of_instances_are_told_from_those_of_structures() -> None:
    evaluation = _evaluation()
    assert [row.values_by_metric["dice"] for row in evaluation.structures] == [0.6]
    assert [row["dice"] for row in evaluation.instances("lesion")] == [0.75, 0.0]
    assert evaluation.instances() == evaluation.instances(1) == evaluation.rows[1:]
    assert evaluation["lesion"] is evaluation.rows[0]
    with pytest.raises(KeyError, match="was not evaluated; did you mean 'lesion'"):
        evaluation.instances("lesions")
    with pytest.raises(KeyError, match="was not evaluated"):
        evaluation["lesion"]["hd"]


def test_json_gives_the_same_rows_back(tmp_path: Path) -> None:
    evaluation = _evaluation()
    text = evaluation.to_json(tmp_path / "t.json")
    assert json.loads(text)["format"] == 3
    assert _same(Evaluation.from_json(text), evaluation)
    assert _same(read(tmp_path / "t.json"), evaluation)
    damaged = text.replace("1:4 0:2", "1:4 0-2")
    with pytest.raises(fastseg.InputError, match="boxes and centroids"):
        Evaluation.from_json(damaged)


def test_without_instances_the_format_stays_what_it_was() -> None:
    evaluation = Evaluation((_row({"dice": 0.6}),), ("dice",), {})
    assert json.loads(evaluation.to_json())["format"] == 1


def test_a_stream_gives_the_same_rows_back() -> None:
    evaluation = _evaluation()
    outcome = Outcome(Case("a", Path("r"), Path("p")), evaluation)
    line = Record.of(outcome, Settings.checked(), None, None).line()
    back = Record.read(line, "here").evaluation
    assert back is not None
    assert _same(back, evaluation)


def test_parquet_gives_the_same_rows_back(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    evaluation = _evaluation()
    WRITERS["parquet"].write(evaluation, tmp_path / "t.parquet")
    assert _same(read(tmp_path / "t.parquet"), evaluation)


def test_csv_leaves_empty_what_a_row_has_not() -> None:
    evaluation = _evaluation()
    table = list(csv.DictReader(evaluation.to_csv().splitlines()))
    assert list(table[0]) == evaluation.columns
    assert [row["hd"] for row in table] == ["", "inf", "nan"]
    assert [row["found"] for row in table] == ["1.0", "", ""]
    assert [row["reference_box"] for row in table] == ["", "1:4 0:2", "5:6 7:8"]
    assert table[1]["prediction_centroid"] == f"1.5 {1 / 3!r}"
    assert [row["match_score"] for row in table] == ["", "0.5", "nan"]


def test_summaries_are_of_structures_unless_levels_are_told_apart() -> None:
    evaluation = _evaluation()
    summary = evaluation.summary()
    assert (summary["dice"].mean, summary["dice"].n) == (0.6, 1)
    assert (summary["hd"].n, summary["hd"].undefined) == (0, 0)
    by_level = evaluation.summary(by="level")
    assert by_level["instance", "dice"].mean == 0.375
    assert (by_level["instance", "hd"].n, by_level["instance", "hd"].undefined) == (1, 1)
    assert by_level["instance", "found"].n == 0


def test_what_people_see_is_the_structures_and_how_many_instances_there_are() -> None:
    text = str(_evaluation())
    assert "0.6" in text
    assert "0.75" not in text
    assert "(2 rows of instances: .instances())" in text


def test_a_score_that_is_called_as_a_count_of_voxels_has_its_column(tmp_path: Path) -> None:
    rows = (_row({"tp": 2.0, "dice": 0.5}), _row({"dice": 0.75}, level="instance", instance=FOUND))
    evaluation = Evaluation(rows, ("tp", "dice"), {})
    table = list(csv.DictReader(evaluation.to_csv().splitlines()))
    assert [row["tp"] for row in table] == ["2.0", ""]
    assert [row["voxels_tp"] for row in table] == ["3", "3"]
    assert [row["fp"] for row in table] == ["1", "1"]
    assert _same(Evaluation.from_json(evaluation.to_json()), evaluation)
    outcome = Outcome(Case("a", Path("r"), Path("p")), evaluation)
    line = Record.of(outcome, Settings.checked(), None, None).line()
    back = Record.read(line, "here").evaluation
    assert back is not None
    assert _same(back, evaluation)
    if pytest.importorskip("pyarrow"):
        WRITERS["parquet"].write(evaluation, tmp_path / "t.parquet")
        assert _same(read(tmp_path / "t.parquet"), evaluation)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "parquet"])
def test_every_writer_takes_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    WRITERS[name].write(_evaluation(), path)
    assert path.stat().st_size > 0
    if name in ("panoptica-tsv", "challenger", "nnunet", "grand-challenge"):
        assert "0.75" not in path.read_text()
