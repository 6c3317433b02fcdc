"""metrics.json has the numbers of pandas, and everything that is not a number as null."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg.results.writers import grand_challenge
from tests.results.cohorts import EVALUATIONS, cohort, one

#: evalutils' list
AGGREGATES = ("mean", "std", "min", "max", "25%", "50%", "75%", "count", "uniq", "freq")


def evalutils(cases: Any) -> dict[str, Any]:
    """Do as the containers of challenges do: evalutils' aggregate_series for each column."""
    found = {}
    for name in cases.columns:
        summary = cases[name].describe()
        found[name] = {key: summary[key] for key in AGGREGATES if key in summary}
    return found


def loaded(path: Path) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


@pytest.mark.parametrize("name", EVALUATIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_aggregates_are_those_of_pandas(name: str, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    evaluation = EVALUATIONS[name]
    grand_challenge.write(evaluation, tmp_path / "metrics.json")
    found = loaded(tmp_path / "metrics.json")
    table = grand_challenge.cases_of(evaluation)
    assert list(found["case"]) == list(found["aggregates"]) == list(table)
    for column, theirs in evalutils(pandas.DataFrame(table)).items():
        ours = found["aggregates"][column]
        if not len(table["case"]):
            continue
        for key, value in theirs.items():
            if isinstance(value, float) and not math.isfinite(value):
                assert ours[key] is None or not evaluation.rows, (column, key)
            else:
                assert ours[key] == value, (column, key)
            if key.endswith("%"):
                assert ours[key.replace("%", "pc")] == ours[key]


@pytest.mark.parametrize("seed", range(20))
def test_numbers_have_the_bits_of_pandas(seed: int) -> None:
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(seed)
    values = random.normal(size=random.integers(1, 300)) * 10.0 ** random.integers(-9, 9)
    values[random.random(len(values)) < 0.2] = math.nan
    ours = grand_challenge.aggregate(list(values))
    theirs = pandas.Series(values).describe()
    for key in ("mean", "std", "min", "max", "25%", "50%", "75%", "count"):
        assert ours[key] == theirs[key] or (math.isnan(ours[key]) and math.isnan(theirs[key])), key


def test_it_is_this_file(tmp_path: Path) -> None:
    evaluation = cohort(
        failed=["c"], missing=["b"], labels={"the liver": 1, "all": (1, 2, 3)}, metrics=["dice"]
    )
    grand_challenge.write(evaluation, tmp_path / "metrics.json")
    found = loaded(tmp_path / "metrics.json")
    dice = {"0": 0.6666666666666666, "1": 0.3333333333333333, "2": None}
    assert found["case"] == {
        "case": {"0": "a", "1": "b", "2": "c"},
        "dice": {"0": 0.6102564102564103, "1": 0.30512820512820515, "2": None},
        "the_liver_dice": dice,
        "all_dice": {"0": 0.5538461538461539, "1": 0.27692307692307694, "2": None},
        "problem": {"0": None, "1": "no prediction", "2": 'InputError: no "labels", at all'},
    }
    assert found["aggregates"]["the_liver_dice"] == {
        "mean": 0.5,
        "std": 0.23570226039551584,
        "min": 0.3333333333333333,
        "max": 0.6666666666666666,
        "25%": 0.41666666666666663,
        "50%": 0.5,
        "75%": 0.5833333333333333,
        "count": 2.0,
        "25pc": 0.41666666666666663,
        "50pc": 0.5,
        "75pc": 0.5833333333333333,
    }
    assert found["aggregates"]["case"] == {"count": 3, "freq": 1}
    assert found["aggregates"]["problem"] == {"count": 2, "freq": 1}


def test_infinite_values_are_null_and_no_structure_is_lost_to_another_of_its_name(
    tmp_path: Path,
) -> None:
    evaluation = one("a", shift=3, labels={"1+2": (1, 2), "1_2": 2}, metrics=["dice", "hd"])
    grand_challenge.write(evaluation, tmp_path / "metrics.json")
    found = loaded(tmp_path / "metrics.json")
    assert found["case"]["1_2_hd"] == {"0": None}
    assert found["aggregates"]["1_2_hd"]["mean"] is None
    assert set(found["case"]) >= {"1_2_dice", "1_2_2_dice", "1_2_2_hd"}
    metrics = ["volume_difference", "relative_volume_difference"]
    table = grand_challenge.cases_of(one("a", labels={"a": 1, "a_relative": 2}, metrics=metrics))
    assert len(table) == 1 + 2 + 4
    assert table["a_relative_volume_difference"] == [0.0]


def test_unlisted_labels_and_no_cases(tmp_path: Path) -> None:
    grand_challenge.write(EVALUATIONS["unlisted"], tmp_path / "m.json")
    assert loaded(tmp_path / "m.json")["unlisted_labels"]["reference"] == {"2": 4, "3": 3}
    grand_challenge.write(EVALUATIONS["nothing"], tmp_path / "m.json")
    assert loaded(tmp_path / "m.json")["aggregates"]["dice"]["count"] == 0
    grand_challenge.write(EVALUATIONS["all failed"], tmp_path / "m.json")
    found = loaded(tmp_path / "m.json")
    assert found["case"]["problem"]["1"] == "OSError: no such file"
    assert found["aggregates"]["dice"]["mean"] is None
