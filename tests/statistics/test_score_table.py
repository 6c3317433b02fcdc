"""Score tables: the same columns from evaluations, DataFrames and files; what failed is not forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputError, InputTypeError
from fastseg.results import Evaluation, with_case
from fastseg.results.failures import Failure
from fastseg.statistics import score_table

pandas = pytest.importorskip("pandas")

REFERENCE = np.zeros((12, 12, 12), np.uint8)
REFERENCE[2:6, 2:6, 2:6] = 1
REFERENCE[7:11, 7:11, 7:11] = 2


def evaluation() -> Evaluation:
    """Two algorithms, three cases at two sites, two structures; one case of one algorithm failed."""
    found = []
    for shift, algorithm in enumerate(("unet", "other")):
        for number, case in enumerate("abc"):
            if (algorithm, case) == ("other", "c"):
                continue
            prediction = np.roll(REFERENCE, shift + number, 0)
            one = fastseg.evaluate(
                REFERENCE, prediction, case=case, labels={"liver": 1, "spleen": 2}
            )
            found.append(with_case(one, algorithm, {"site": "AB"[number % 2]}))
    failure = Failure("c", "InputError", "no", "other", attributes={"site": "A"})
    return replace(Evaluation.joined(found), failures=(failure,))


def test_an_evaluation_becomes_columns() -> None:
    table = score_table(evaluation())
    assert (table.algorithms, table.tasks) == (("unet", "other"), ("liver", "spleen"))
    assert table.absent == (("other", "c", "InputError: no"),)
    matrix = table.matrix("DSC", "liver")
    assert (matrix.metric, matrix.cases, matrix.larger_is_better) == ("dice", ("a", "b", "c"), True)
    np.testing.assert_array_equal(matrix.values, [[1, 0.75], [0.75, 0.5], [0.5, np.nan]])
    assert not table.matrix("hd95", "spleen").larger_is_better
    part = table.of(algorithm="unet", task=["liver"], site="A")
    assert (part.algorithms, part.tasks, len(part), part.absent) == (("unet",), ("liver",), 2, ())


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_files_give_the_same_columns(suffix: str, tmp_path: Path) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    whole = evaluation()
    path = tmp_path / f"results.{suffix}"
    if suffix == "csv":
        whole.to_csv(path)
    elif suffix == "json":
        whole.to_json(path)
    else:
        from fastseg.results.writers.parquet import write
        from fastseg.results.writers.writer import DEFAULTS

        write(whole, path, DEFAULTS)
    expected, found = score_table(whole), score_table(path)
    assert (found.algorithms, found.tasks) == (expected.algorithms, expected.tasks)
    assert found.absent == expected.absent
    assert list(found.attributes) == ["site"]
    assert list(found.metrics) == list(expected.metrics)
    for name, values in expected.metrics.items():
        np.testing.assert_array_equal(found.metrics[name], values)
    again = score_table(whole.to_pandas())
    np.testing.assert_array_equal(again.metrics["dice"], expected.metrics["dice"])


def test_tables_of_others_are_read() -> None:
    frame = pandas.DataFrame(
        {"task": "T1", "case": ["a", "a"], "algorithm": ["x", "y"], "value": [0.5, 0.75]}
    )
    table = score_table(frame, metrics="overlap", larger_is_better=True)
    assert table.matrix("overlap").values.tolist() == [[0.5, 0.75]]
    with pytest.raises(InputError, match="larger is better"):
        score_table(frame, metrics="overlap").matrix("overlap")
    other = frame.rename(columns={"case": "patient_number"})
    with pytest.raises(InputError, match="no column of cases"):
        score_table(other)
    assert score_table(other, case="patient_number").case.names == ("a",)


def test_several_become_one_and_name_the_algorithms() -> None:
    whole = evaluation()
    parts = {name: score_table(whole).of(algorithm=name) for name in ("unet", "other")}
    joined = score_table({"A": parts["unet"], "B": parts["other"]})
    assert joined.algorithms == ("A", "B")
    assert joined.absent == (("B", "c", "InputError: no"),)
    assert joined.matrix("dice", "liver").values[0].tolist() == [1, 0.75]
    with pytest.raises(InputError, match="several algorithms already"):
        score_table({"A": whole})


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    table = score_table(evaluation())
    with pytest.raises(InputError, match="did you mean 'liver'"):
        table.matrix("dice", "livre")
    with pytest.raises(InputError, match="several tasks"):
        table.matrix("dice")
    with pytest.raises(InputError, match="did you mean 'hd95'"):
        table.metric("hd59")
    with pytest.raises(InputTypeError, match="got int"):
        score_table(3)
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(InputError, match="not a table"):
        score_table(empty)
    with pytest.raises(InputError, match="there twice"):
        score_table([evaluation(), evaluation()]).matrix("dice", "liver")
