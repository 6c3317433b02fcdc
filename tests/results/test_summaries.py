"""Summaries by label, algorithm and attribute count what is not there."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation, Summary
from fastseg.results.summary import summarise
from tests.results.cohorts import EMPTY, EVALUATIONS, SEVERAL, all_failed, cohort, two_algorithms


@pytest.mark.parametrize("values", [[1.0, 2.0], [4.0, 1.0, 9.0, 2.5], [0.1] * 7, list(range(100))])
def test_the_standard_deviation_is_that_of_a_sample(values: list[float]) -> None:
    assert summarise(values).sd == pytest.approx(np.std(values, ddof=1), rel=1e-14, abs=1e-16)


def test_the_standard_deviation_where_there_is_none() -> None:
    for values in ([], [1.0], [math.nan, 1.0], [1.0, math.inf], [math.inf, math.inf]):
        assert math.isnan(summarise(values).sd)
    assert summarise([3.0, 3.0, math.nan]).sd == 0
    assert summarise([-1.5e308, 1.5e308]).sd == math.inf
    assert summarise([1e308, -1e308]).sd == pytest.approx(math.sqrt(2) * 1e308)
    assert summarise([5e-324, 0.0]).sd < 1e-300


def test_the_share_below_a_floor_is_of_the_defined_values() -> None:
    values = [0.1, 0.5, 0.9, math.nan, math.inf, -math.inf]
    found = summarise(values, floor=0.5)
    assert (found.floor, found.below, found.n) == (0.5, 2 / 5, 5)  # 0.5 itself is not below
    assert math.isnan(summarise([math.nan], floor=0.5).below)
    assert math.isnan(summarise(values).below)


def test_by_label_is_what_it_was() -> None:
    evaluation = cohort()
    for by_label in (evaluation.summary(by_label=True), evaluation.summary(by="label")):
        keys: list[Any] = list(by_label)
        assert keys[:2] == [("liver", "dice"), ("liver", "iou")]
        assert by_label["liver", "dice"].n == 2
        assert by_label.to_dict()[0]["label"] == "liver"
    assert list(evaluation.summary()) == ["dice", "iou", "hd95", "volume_difference"]
    assert evaluation.summary().to_dict()[0]["label"] == "all"


def test_by_algorithm_and_label() -> None:
    evaluation = two_algorithms()
    found = evaluation.summary(by=("algorithm", "label"))
    other = evaluation.algorithm("other").summary(by="label")
    assert found["other", "liver", "dice"] == other["liver", "dice"]
    assert found.columns[:3] == ["algorithm", "label", "metric"]
    assert len(found) == 2 * len(other)
    assert evaluation.summary(by="case")["b", "dice"].n == 2 * 4  # ghost is undefined
    assert evaluation.summary(by_label=True, by="algorithm")["liver", "unet", "dice"].n == 2
    assert evaluation.summary(by=["label", "label"]).by == ("label",)


def test_by_attribute_and_what_is_not_known() -> None:
    evaluation = cohort(cases=("a", "b", "c"), sites={"a": "B", "b": "C"})
    found = evaluation.summary(by=("label", "site"))
    assert [key[1] for key in found if key[0] == "liver" and key[2] == "dice"] == ["B", "C", ""]
    assert all(statistics.n == 1 for key, statistics in found.groups.items() if key[0] == "liver")
    with pytest.raises(ValueError, match="by: unknown 'sit'; did you mean 'site'"):
        evaluation.summary(by="sit")
    with pytest.raises(ValueError, match="by: unknown 'sex'; known: algorithm, case, label, level"):
        cohort().summary(by=("label", "sex"))


def test_failed_cases_count_with_every_group_that_they_would_be_in() -> None:
    evaluation = cohort(
        failed=["c", "d"], sites={"a": "B", "b": "C", "c": "B", "d": "D"}, missing=["b"]
    )
    whole = evaluation.summary()["dice"]
    assert (whole.failed, whole.missing) == (2, 1)
    assert {each.failed for each in evaluation.summary(by="label").groups.values()} == {2}
    by_site = evaluation.summary(by="site")
    assert [(key[0], each.n, each.failed, each.missing) for key, each in by_site.groups.items()][
        ::4
    ] == [("B", 4, 1, 0), ("C", 4, 0, 1), ("D", 0, 1, 0)]
    both = evaluation.summary(by=("site", "label"))
    assert both["D", "ghost", "dice"].failed == 1
    assert both["B", "ghost", "dice"].failed == 1
    assert math.isnan(both["D", "liver", "dice"].mean)
    by_case = evaluation.summary(by=("case", "label"))
    assert by_case["c", "liver", "dice"].failed == 1
    assert by_case["a", "liver", "dice"].failed == 0


def test_an_algorithm_that_failed_everywhere_is_there() -> None:
    evaluation = SEVERAL["one of two failed"]
    found = evaluation.summary(by=("algorithm", "label"))
    assert (found["other", "liver", "dice"].n, found["other", "liver", "dice"].failed) == (0, 2)
    assert found["unet", "liver", "dice"].failed == 0
    alone = all_failed().summary(by="label")
    assert alone["", "dice"].failed == 2
    assert all_failed().summary()["dice"].failed == 2


def test_missing_predictions_that_were_left_out_are_counted() -> None:
    found = EVALUATIONS["left out"].summary(by=("label", "site"))
    assert found["liver", "", "dice"].missing == 1  # where nothing is known of it
    assert found["liver", "C", "dice"].failed == 1


def test_floors() -> None:
    evaluation = cohort()
    found = evaluation.summary(by="label", floors={"dsc": 0.5})
    assert found["liver", "dice"].below == 0.5
    assert found["liver", "dice"].floor == 0.5
    assert math.isnan(found["liver", "hd95"].below)
    assert found.columns[-2:] == ["floor", "below"]
    assert "below" not in evaluation.summary().columns
    wrong: Any
    for wrong, told in (
        ({"dise": 0.5}, "floors: unknown metric 'dise'; did you mean 'dice'"),
        ({"nsd": 0.5}, "floors: unknown metric 'nsd'"),
        ({"dice": math.nan}, "got nan"),
        ({"dice": "0.5"}, r"floors\['dice'\]"),
    ):
        with pytest.raises((ValueError, TypeError), match=told):
            evaluation.summary(floors=wrong)


@pytest.mark.parametrize("name", EVALUATIONS)
def test_nothing_is_lost_in_any_group(name: str) -> None:
    evaluation = EVALUATIONS[name]
    for by in ((), "label", ("label", "case"), ("algorithm", "level")):
        found = evaluation.summary(by=by)
        for metric in evaluation.metrics if evaluation.rows else ():
            parts = [each for key, each in found.groups.items() if key[-1] == metric]
            assert sum(each.n + each.undefined for each in parts) == len(evaluation.rows)
        if evaluation.failures:
            assert max(each.failed for each in found.groups.values()) >= 1
        assert str(found)


def test_as_csv(tmp_path: Path) -> None:
    summary = cohort(failed=["c"]).summary(by="label", floors={"dice": 0.7})
    text = summary.to_csv(tmp_path / "s.csv")
    assert text == (tmp_path / "s.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == summary.columns
    first = text.splitlines()[1]
    assert first == (
        "liver,dice,0.5,0.23570226039551584,0.5,0.41666666666666663,0.5833333333333333,"
        "0.3333333333333333,0.6666666666666666,2,0,0,1,0,0.7,1.0"
    )
    assert rows[-1]["label"] == "other side"
    assert EMPTY.summary(by="label").to_csv() == (
        "label,metric,mean,sd,median,q25,q75,min,max,n,undefined,infinite,failed,missing\n"
    )
    pandas = pytest.importorskip("pandas")
    assert list(pandas.read_csv(io.StringIO(text)).columns) == summary.columns
    assert list(EMPTY.summary().to_pandas().columns) == Summary({}).columns


def test_the_file_has_a_summary_for_each_algorithm() -> None:
    import json

    content = json.loads(SEVERAL["two algorithms"].to_json())
    assert [(entry["algorithm"], entry["metric"]) for entry in content["summary"]][::4] == [
        ("unet", "dice"),
        ("other", "dice"),
    ]
    assert {(entry["algorithm"], entry["label"]) for entry in content["summary_by_label"]} == {
        (algorithm, label)
        for algorithm in ("unet", "other")
        for label in ("liver", "tumour", "both", "ghost", "other side")
    }
    assert content["summary"][0]["failed"] == 1


def test_a_whole_evaluation_of_nothing_has_nothing_to_summarise() -> None:
    assert str(EMPTY.summary(by="label")) == "nothing to summarise"
    assert len(Evaluation((), ()).summary()) == 0
    mask = np.zeros((3, 3, 3), np.uint8)
    assert len(fastseg.evaluate(mask, mask).summary()) == 0
