"""One flat dictionary of finite numbers, under names that trackers take."""

from __future__ import annotations

import json
import math
import posixpath
import re
from pathlib import Path

import pytest

from fastseg.results.safe_names import safe_names
from fastseg.results.writers import flat_json
from fastseg.results.writers.writer import WriteOptions
from tests.results.cohorts import EVALUATIONS, SEVERAL, cohort, one

ALL = EVALUATIONS | SEVERAL


@pytest.mark.parametrize("name", ALL)
def test_every_name_and_value_is_taken_by_mlflow(name: str) -> None:
    for key, value in ALL[name].to_flat().items():
        assert re.fullmatch(r"[/\w.\- :]+", key), key
        assert posixpath.normpath(key) == key
        assert len(key) <= 250
        assert math.isfinite(value), key


def test_what_is_in_it() -> None:
    evaluation = cohort(failed=["c"], missing=["b"])
    found = evaluation.to_flat()
    by_label, whole = evaluation.summary(by="label"), evaluation.summary()
    assert found["liver/dice/mean"] == by_label["liver", "dice"].mean == 0.5
    assert found["liver/dice/sd"] == by_label["liver", "dice"].sd
    assert found["dice/mean"] == whole["dice"].mean
    assert (found["cases"], found["failed_cases"], found["missing_predictions"]) == (2, 1, 1)
    assert "ghost/dice/mean" not in found
    assert found["ghost/dice/undefined"] == 2
    assert list(found)[:4] == ["cases", "failed_cases", "missing_predictions", "dice/mean"]
    assert found["other side/dice/n"] == 2


def test_infinite_values_are_counted() -> None:
    found = one("a", 3, labels={"tumour": 2}).to_flat()
    assert "tumour/hd95/mean" not in found
    assert found["tumour/hd95/infinite"] == 1


def test_algorithms_come_first() -> None:
    evaluation = SEVERAL["one of two failed"]
    found = evaluation.to_flat()
    assert found["unet/liver/dice/mean"] == 0.5
    assert (found["unet/cases"], found["other/cases"], found["other/failed_cases"]) == (2, 0, 2)
    assert found["other/dice/n"] == 0


def test_groups_and_floors(tmp_path: Path) -> None:
    evaluation = cohort(sites={"a": "B/C", "b": "D"})
    found = evaluation.to_flat(by=("label", "site"), floors={"dice": 0.5})
    assert found["liver/B_C/dice/below"] == 0
    assert found["liver/D/dice/below"] == 1
    flat_json.write(
        evaluation, tmp_path / "f.json", WriteOptions(by=("label", "site"), floors={"dice": 0.5})
    )
    assert json.loads((tmp_path / "f.json").read_text("utf-8")) == found


def test_names_are_told_apart() -> None:
    found = one("a", labels={"1+2": (1, 2), "1_2": 1, "": 2}, metrics=["dice"]).to_flat()
    assert {key.split("/")[0] for key in found if key.count("/") == 2} == {"1_2_2", "1_2", "_"}
    assert safe_names(["a/b", "a+b", "a_b", "a_b_2"]) == {
        "a/b": "a_b_3",
        "a+b": "a_b_4",
        "a_b": "a_b",
        "a_b_2": "a_b_2",
    }
