"""The table as CSV has everything: rows, and what has none of its own."""

from __future__ import annotations

import csv
import io
import math

import pytest

from fastseg.results import Evaluation
from fastseg.results.writers.registry import parse_output
from tests.results.cohorts import (
    EMPTY,
    EVALUATIONS,
    NO_UTF8,
    ODD_CASES,
    SEVERAL,
    all_failed,
    cohort,
    one,
)


def rows_of(evaluation: Evaluation) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(evaluation.to_csv(), newline="")))


def test_it_is_this_file() -> None:
    evaluation = cohort(
        labels={"liver": 1, "all": (1, 2, 3)},
        metrics=["dice", "hd"],
        sites={"a": "Ü", "c": "B"},
        flags="small_structure",
    )
    assert evaluation.to_csv() == (
        "case,site,level,label,name,reference_label,prediction_label,dice,hd,volume_reference,"
        "volume_prediction,tp,fp,fn,tn,empty,empty_policy,flags\n"
        "a,Ü,structure,1,liver,1,1,0.6666666666666666,1.0,27.0,27.0,18,9,9,174,,,small_structure=0.03704\n"
        "a,Ü,structure,1+2+3,all,1+2+3,1+2+3,0.5538461538461539,3.1622776601683795,34.0,31.0,18,13,16,163,,,small_structure=0.02941\n"
        "b,,structure,1,liver,1,1,0.3333333333333333,1.0,27.0,27.0,9,18,18,165,,,small_structure=0.03704\n"
        "b,,structure,1+2+3,all,1+2+3,1+2+3,0.27692307692307694,3.1622776601683795,34.0,31.0,9,22,25,154,,,small_structure=0.02941\n"
    )


def test_what_has_no_row_follows_with_the_reason() -> None:
    evaluation = cohort(
        labels=[1],
        metrics=["dice"],
        failed=["c"],
        missing=["b", "d"],
        sites={"a": "B", "c": "C"},
        flags=False,
    )
    assert evaluation.to_csv().splitlines()[1:] == [
        "a,B,structure,1,1,1,1,0.6666666666666666,27.0,27.0,18,9,9,174,,,,",
        "b,,structure,1,1,1,1,0.3333333333333333,27.0,27.0,9,18,18,165,,,,no prediction",
        "c,C" + "," * 16 + '"InputError: no ""labels"", at all"',
        "d," + "," * 16 + "no prediction: left out",
        ",,,2" + "," * 14 + "label not asked for: 8 voxels in the reference",
        ",,,3" + "," * 14 + "label not asked for: 6 voxels in the reference",
        ",,,2" + "," * 14 + "label not asked for: 8 voxels in the prediction",
    ]


def test_a_table_without_problems_has_no_column_for_them() -> None:
    for name in ("one case", "two cases", "sites", "nothing"):
        assert "problem" not in EVALUATIONS[name].to_csv().splitlines()[0]


def test_all_cases_failed() -> None:
    assert all_failed("unet").to_csv().splitlines() == [
        "algorithm,case,level,label,name,reference_label,prediction_label,dice,iou,hd95,"
        "volume_difference,volume_reference,volume_prediction,tp,fp,fn,tn,empty,empty_policy,flags,problem",
        "unet,a" + "," * 19 + "OSError: no such file",
        "unet,b" + "," * 19 + "OSError: no such file",
    ]
    assert len(EMPTY.to_csv().splitlines()) == 1


@pytest.mark.parametrize("name", [*EVALUATIONS, *SEVERAL])
def test_every_row_and_every_problem_is_there(name: str) -> None:
    evaluation = (EVALUATIONS | SEVERAL)[name]
    rows = rows_of(evaluation)
    measured = [row for row in rows if row["level"]]
    assert len(measured) == len(evaluation.rows)
    for found, row in zip(measured, evaluation.rows, strict=True):
        assert found["name"] == row.name
        for metric in evaluation.metrics:
            value = float(found[metric])
            assert value == row[metric] or (math.isnan(value) and math.isnan(row[metric]))
        assert int(found["tp"]) == row.counts.tp
    problems = [row["problem"] for row in rows if not row["level"]]
    assert all(problems)
    for failure in evaluation.failures:
        assert failure.reason in problems


def test_missing_predictions_are_marked_by_algorithm() -> None:
    evaluation = Evaluation.joined(
        [cohort(algorithm="unet", missing=["a"]), cohort(algorithm="other")]
    )
    marked = {(row["algorithm"], row["case"]) for row in rows_of(evaluation) if row["problem"]}
    assert marked == {("unet", "a")}


def test_odd_names_stand_there_whole() -> None:
    names = [row["case"] for row in rows_of(EVALUATIONS["odd names"])]
    expected = [name if name != NO_UTF8 else "le\\udce9" for name in ODD_CASES]
    assert list(dict.fromkeys(names)) == [*expected, "x\n,y"]


def test_a_file_that_ends_in_tsv_has_tabs(tmp_path: object) -> None:
    evaluation = one("a,b", labels={"tab\t": (1, 2, 3)}, metrics=["dice"])
    (path,) = parse_output(f"{tmp_path}/t.tsv").write(evaluation)
    (row,) = csv.DictReader(io.StringIO(path.read_text(), newline=""), delimiter="\t")
    assert (row["case"], row["name"]) == ("a,b", "tab\t")
    assert path.read_text().startswith("case\tlevel\t")
