"""Parquet has types, and gives back the same evaluation to the bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import fastseg
from fastseg.results import Evaluation, read
from fastseg.results.writers.registry import parse_output
from tests.results.cohorts import EVALUATIONS, NO_UTF8, SEVERAL, cohort, one
from tests.results.test_json import contents, random_evaluation

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def written(evaluation: Evaluation, folder: Path) -> Path:
    (path,) = parse_output(f"{folder}/t.parquet").write(evaluation)
    return path


@pytest.mark.parametrize("name", [name for name in (*EVALUATIONS, *SEVERAL) if name != "odd names"])
def test_it_is_read_back(name: str, tmp_path: Path) -> None:
    evaluation = (EVALUATIONS | SEVERAL)[name]
    again = read(written(evaluation, tmp_path))
    assert contents(again) == contents(evaluation)
    assert again.to_json() == evaluation.to_json()


@pytest.mark.parametrize("seed", range(30))
def test_any_evaluation_is_read_back_to_the_bit(seed: int, tmp_path: Path) -> None:
    evaluation = random_evaluation(seed)
    if "" in {name for row in evaluation.rows for name in row.attributes}:
        return  # a column has a name, see with_case
    assert contents(read(written(evaluation, tmp_path))) == contents(evaluation)


def test_names_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    again = read(written(EVALUATIONS["odd names"], tmp_path))
    cases = EVALUATIONS["odd names"].cases
    assert again.cases == tuple("le\\udce9" if case == NO_UTF8 else case for case in cases)


def test_columns_have_types(tmp_path: Path) -> None:
    evaluation = Evaluation.joined(
        [cohort(algorithm="unet", sites={"a": "B"}), one("c", 3, "other")]
    )
    table = parquet.read_table(written(evaluation, tmp_path))
    assert table.column_names == [*evaluation.columns, "voxel_volume"]
    types = {field.name: str(field.type) for field in table.schema}
    assert {name: types[name] for name in ("tp", "dice", "hd95", "volume_reference")} == {
        "tp": "int64",
        "dice": "double",
        "hd95": "double",
        "volume_reference": "double",
    }
    texts = {"algorithm", "case", "site", "level", "label", "name", "empty", "empty_policy"}
    assert {types[name] for name in texts} == {"string"}
    for name in (*evaluation.metrics, "tp", "label"):
        assert table[name].null_count == 0
    values = table["dice"].to_pylist()
    assert any(map(math.isnan, values))
    assert any(map(math.isinf, table["hd95"].to_pylist()))


def test_pandas_reads_rows_and_problems(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    evaluation = cohort(failed=["c"], missing=["b", "d"], policy="skip", algorithm="unet")
    frame = pandas.read_parquet(written(evaluation, tmp_path))
    problems = frame[frame.level.isna()]
    assert list(problems.case) == ["c", "d"]
    assert list(problems.problem) == [
        'InputError: no "labels", at all',
        "no prediction: left out",
    ]
    assert problems.dice.isna().all()
    assert list(frame[frame.level.notna()].tp) == [row.counts.tp for row in evaluation.rows]


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(FileNotFoundError):
        read(path)
    for content in (b"", b"PAR1", b"case,dice\na,1\n" * 100):
        path.write_bytes(content)
        with pytest.raises(fastseg.InputError, match=r"t\.parquet: no Parquet file, or a damaged"):
            read(path)
    parquet.write_table(arrow.table({"case": ["a"]}), path)
    with pytest.raises(fastseg.InputError, match="expected what fastseg wrote"):
        read(path)
    whole = parquet.read_table(written(cohort(), tmp_path))
    damages: list[Any] = [
        whole.drop_columns(["tp"]),
        whole.drop_columns(["level"]),
        whole.set_column(2, "label", arrow.array(["x"] * whole.num_rows)),
        whole.set_column(2, "label", arrow.nulls(whole.num_rows, arrow.string())),
    ]
    for damaged in damages:
        parquet.write_table(damaged, path)
        with pytest.raises(fastseg.InputError, match="columns are not those that fastseg writes"):
            read(path)
    whole = written(cohort(), tmp_path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(fastseg.InputError, match="no Parquet file, or a damaged one"):
        read(path)
