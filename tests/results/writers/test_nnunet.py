"""summary.json as nnU-Net writes it: byte by byte, where it says the same."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.compat import nnunet as compat
from fastseg.results import Evaluation
from fastseg.results.writers import nnunet
from fastseg.results.writers.writer import WriteOptions
from tests.results.cohorts import BLOCK, EVALUATIONS, cohort, one

REGIONS: list[Any] = [1, 2, (1, 2), 17, 0, (3,)]


class Reader:
    def __init__(self, maps: dict[str, Any]) -> None:
        self.maps = maps

    def read_seg(self, file: str) -> tuple[Any, dict[str, Any]]:
        return self.maps[file], {}


def nnunets(maps: dict[str, Any], names: list[str], regions: list[Any], path: Path) -> None:
    """Write what nnU-Net would: its own evaluation of a case, means and file, which the drop-in has to the bit."""
    cases = [
        compat.compute_metrics(f"ref/{name}", f"pred/{name}", Reader(maps), regions)
        for name in sorted(names)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a label that no case has
        means = compat._means(cases, regions)
    foreground = {
        metric: np.mean([means[label][metric] for label in means if label != 0])
        for metric in next(iter(means.values()))
    }
    summary = {"metric_per_case": cases, "mean": means, "foreground_mean": foreground}
    compat.save_summary_json(compat._plain(summary), str(path))


@pytest.mark.parametrize("regions", [[1, 2, 17], [1, 2], [1, 2, (1, 2), (2, 1), (3,)], [2, 1]])
def test_it_is_nnunets_file(regions: list[Any], tmp_path: Path) -> None:
    random = np.random.default_rng(len(regions))
    names = [f"case_{i}.nii.gz" for i in (1, 10, 2)]
    maps = {
        f"{side}/{name}": random.integers(0, 3, (4, 5, 6)).astype(np.uint8)
        for name in names
        for side in ("ref", "pred")
    }
    maps["ref/case_2.nii.gz"][:] = 0
    nnunets(maps, names, regions, tmp_path / "theirs.json")
    cases = [
        fastseg.evaluate(
            maps[f"ref/{name}"],
            maps[f"pred/{name}"],
            labels={str(region): region for region in regions},
            metrics=["dice", "iou"],
            case=name.removesuffix(".nii.gz"),
        )
        for name in names
    ]
    joined = Evaluation.joined(cases)
    about = {key: value for key, value in joined.settings.items() if key != "unlisted_labels"}
    files = {("", name.removesuffix(".nii.gz")): (f"ref/{name}", f"pred/{name}") for name in names}
    nnunet.write(replace(joined, settings=about), tmp_path / "ours.json", WriteOptions(files))
    assert (tmp_path / "ours.json").read_bytes() == (tmp_path / "theirs.json").read_bytes()
    read = compat.load_summary_json(str(tmp_path / "ours.json"))
    assert list(read["mean"]) == sorted(regions, key=str)


def content(evaluation: Evaluation) -> Any:
    return json.loads(json.dumps(nnunet.summary_of(evaluation), sort_keys=True))


def test_further_metrics_stand_beside_nnunets() -> None:
    found = content(one("a", metrics=["dice", "hd95", "nsd", "recall"], labels={"liver": 1}))
    assert (
        set(found["mean"]["1"])
        == set(found["foreground_mean"])
        == {
            *("Dice", "IoU", "TP", "FP", "FN", "TN", "n_pred", "n_ref"),
            *("HD95", "NSD", "recall"),
        }
    )
    assert found["metric_per_case"][0]["reference_file"] == "a"


def test_a_policy_changes_no_number_of_nnunets() -> None:
    found = content(one("a", labels={"ghost": 9}, empty="perfect"))
    assert math.isnan(found["mean"]["9"]["Dice"])
    assert math.isnan(found["foreground_mean"]["IoU"])
    assert found["mean"]["9"]["TN"] == BLOCK.size


def test_a_label_that_a_case_has_no_row_of_is_counted_as_nnunet_does() -> None:
    """Without a list of labels, a case has rows of what its maps hold."""
    other = fastseg.evaluate(np.minimum(BLOCK, 1), np.minimum(BLOCK, 1), metrics="dice", case="b")
    both = Evaluation.joined([fastseg.evaluate(BLOCK, BLOCK, metrics="dice", case="a"), other])
    found = content(both)
    lacks = found["metric_per_case"][1]["metrics"]["2"]
    assert (lacks["TN"], lacks["TP"], lacks["n_ref"]) == (BLOCK.size, 0, 0)
    assert math.isnan(lacks["Dice"])
    assert found["mean"]["2"]["Dice"] == 1
    assert found["mean"]["2"]["TP"] == 4 / 2


def test_the_background_is_no_foreground() -> None:
    found = content(one("a", labels={"rest": 0, "liver": 1}, metrics="dice"))
    assert set(found["mean"]) == {"0", "1"}
    assert found["foreground_mean"] == found["mean"]["1"]
    only = content(one("a", labels={"rest": 0}, metrics="dice"))
    assert math.isnan(only["foreground_mean"]["Dice"])


def test_two_structures_of_one_label_are_refused() -> None:
    with pytest.raises(fastseg.InputError, match="'a' and 'b' both have the label 1, by which"):
        nnunet.summary_of(one("x", labels={"a": 1, "b": 1}))
    with pytest.raises(fastseg.InputError, match=r"'a' and 'b' both have the label \(1, 2\)"):
        nnunet.check_labels({"a": (1, 2), "c": 1, "b": (1, 2)})
    nnunet.check_labels({"a": (1, 2), "c": 1, "b": (1,)})


def test_what_failed_or_is_missing_is_told() -> None:
    evaluation = cohort(failed=["c"], missing=["b"], labels=[1])
    found = content(evaluation)
    assert next(iter(found)) == "failures"
    assert found["failures"][0]["message"] == 'no "labels", at all'
    assert found["missing_predictions"] == {"policy": "worst", "cases": ["b"]}
    assert found["unlisted_labels"]["reference"] == {"2": 8, "3": 6}
    files = {("", "b"): ("r/b.nii", None)}
    theirs = nnunet.summary_of(evaluation, WriteOptions(files))["metric_per_case"]
    assert [case["prediction_file"] for case in theirs] == ["a", None]
    assert set(content(cohort())) == {"foreground_mean", "mean", "metric_per_case"}


def test_cases_stand_in_the_order_of_nnunets_files() -> None:
    """By name, not by number: a mean of the same numbers in another order may end in another bit."""
    found = content(cohort(["case_2", "case_10", "case_1"]))
    assert [case["reference_file"] for case in found["metric_per_case"]] == [
        "case_1",
        "case_10",
        "case_2",
    ]


def test_nothing_is_a_summary_too() -> None:
    found = content(EVALUATIONS["nothing"])
    assert (found["mean"], found["metric_per_case"]) == ({}, [])
    assert math.isnan(found["foreground_mean"]["Dice"])
    assert len(content(EVALUATIONS["all failed"])["failures"]) == 2
