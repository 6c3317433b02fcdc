"""challengeR's long table has a line for each task, case and algorithm."""

from __future__ import annotations

import csv
import io

import pytest

from fastseg.results.writers import challenger
from tests.results.cohorts import EMPTY, EVALUATIONS, SEVERAL, all_failed, cohort, one


def test_it_is_this_file() -> None:
    evaluation = cohort(labels={"liver": 1, "ghost": 9}, metrics=["dice", "hd"], failed=["c"])
    assert challenger.table_of(evaluation) == (
        "task,case,algorithm,value,structure,metric,smallBetter\n"
        "liver/dice,a,prediction,0.6666666666666666,liver,dice,FALSE\n"
        "liver/dice,b,prediction,0.3333333333333333,liver,dice,FALSE\n"
        "liver/dice,c,prediction,NA,liver,dice,FALSE\n"
        "liver/hd,a,prediction,1.0,liver,hd,TRUE\n"
        "liver/hd,b,prediction,1.0,liver,hd,TRUE\n"
        "liver/hd,c,prediction,NA,liver,hd,TRUE\n"
        "ghost/dice,a,prediction,NA,ghost,dice,FALSE\n"
        "ghost/dice,b,prediction,NA,ghost,dice,FALSE\n"
        "ghost/dice,c,prediction,NA,ghost,dice,FALSE\n"
        "ghost/hd,a,prediction,NA,ghost,hd,TRUE\n"
        "ghost/hd,b,prediction,NA,ghost,hd,TRUE\n"
        "ghost/hd,c,prediction,NA,ghost,hd,TRUE\n"
    )


@pytest.mark.parametrize("name", [*EVALUATIONS, *SEVERAL])
def test_every_algorithm_has_every_case_of_every_task_once(name: str) -> None:
    """challengeR stops where one is not there, or twice."""
    evaluation = (EVALUATIONS | SEVERAL)[name]
    rows = list(csv.DictReader(io.StringIO(challenger.table_of(evaluation), newline="")))
    keys = [(row["task"], row["case"], row["algorithm"]) for row in rows]
    whole = [{key[i] for key in keys} for i in range(3)]
    assert len(set(keys)) == len(keys) == len(whole[0]) * len(whole[1]) * len(whole[2])
    for failure in evaluation.failures if evaluation.rows else ():
        assert any(
            (row["algorithm"], row["value"]) == (failure.algorithm or "prediction", "NA")
            for row in rows
        )


def test_numbers_are_written_as_r_reads_them() -> None:
    table = challenger.table_of(one("a", 3, labels={"tumour": 2}, metrics=["hd", "dice"]))
    assert "tumour/hd,a,prediction,Inf,tumour,hd,TRUE" in table
    table = challenger.table_of(one("a", metrics=["volume_difference"], labels=[1]))
    assert table.endswith(",1,volume_difference,NA\n")


def test_without_a_structure_there_is_no_task() -> None:
    header = "task,case,algorithm,value,structure,metric,smallBetter\n"
    assert challenger.table_of(EMPTY) == challenger.table_of(all_failed()) == header
