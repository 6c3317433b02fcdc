"""Cohorts that are not whole: missing predictions, files that cannot be read, labels that nobody has."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg import Evaluation, evaluate, evaluate_cohort
from fastseg.cohort.joining import absent_labels, joined_cases, unlisted_labels
from fastseg.cohort.pairing import Pairing
from fastseg.errors import CaseError, InputWarning
from fastseg.evaluation.settings import Settings

Map = NDArray[Any]
SCIPY: dict[str, Any] = {"backend": "scipy", "metrics": ["dice", "hd"]}


def _map(seed: int) -> Map:
    return np.random.default_rng(seed).integers(0, 3, (6, 5, 4), dtype=np.uint8)


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Save maps by case, None for what is missing, into the folders r and p of the current folder."""
    monkeypatch.chdir(tmp_path)

    def save(**pairs: tuple[Map | None, Map | None]) -> tuple[str, str]:
        for case, pair in pairs.items():
            for folder, array in zip("rp", pair, strict=True):
                Path(folder).mkdir(exist_ok=True)
                if array is not None:
                    np.save(f"{folder}/{case}.npy", array)
        return "r", "p"

    return save


OPTIONS: list[dict[str, Any]] = [
    {},
    {"labels": {"one": 1, "both": (1, 2), "none": 9}},
    {"labels": {"one": {"reference": 1, "prediction": 7}}},
    {"empty": "diagonal", "spacing": (1, 2, 3)},
    {"empty": {"hd": 99}, "ignore_label": 2},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float32, np.int64])
@pytest.mark.filterwarnings("ignore::fastseg.errors.InputWarning")
def test_a_missing_prediction_is_scored_as_an_empty_one(
    cohort: Callable[..., tuple[str, str]], options: dict[str, Any], dtype: type
) -> None:
    reference: Map = np.asfortranarray(_map(1).astype(dtype))
    folders = cohort(a=(_map(1), _map(2)), b=(reference, None), c=(_map(3), _map(4)))
    if dtype is bool and options.get("ignore_label"):
        options = options | {"labels": [1]}
    evaluation = evaluate_cohort(*folders, **SCIPY | options)
    assert evaluation.cases == ("a", "b", "c")
    expected = evaluate(reference, np.zeros_like(reference), case="b", **SCIPY | options)
    assert evaluation.case("b").to_dict() == expected.to_dict()
    assert evaluation.case("b").rows
    assert evaluation.settings["missing_predictions"] == {"policy": "worst", "cases": ["b"]}


def test_the_grid_of_a_missing_prediction_is_the_reference_s(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    for name in ("r/a", "r/b", "p/a"):
        path = tmp_path / f"{name}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        nibabel.Nifti1Image(_map(1), np.diag([2, 3, 4, 1])).to_filename(path)
    with pytest.warns(
        InputWarning, match=r"1 of 2 references .* scored against an empty one .*: b$"
    ):
        evaluation = evaluate_cohort(
            tmp_path / "r", tmp_path / "p", backend="scipy", metrics="hd", empty="diagonal"
        )
    diagonal = np.linalg.norm(np.multiply(_map(1).shape, (2, 3, 4)))
    assert evaluation["b", 1]["hd"] == pytest.approx(diagonal)


def test_a_missing_prediction_is_left_out_or_refused(
    cohort: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = cohort(a=(_map(1), _map(2)), b=(_map(1), None))
    with pytest.warns(InputWarning, match="have no prediction in p and are left out: b"):
        evaluation = evaluate_cohort(*folders, missing="skip", **SCIPY)
    assert evaluation.cases == ("a",)
    assert evaluation.settings["missing_predictions"] == {"policy": "skip", "cases": ["b"]}
    monkeypatch.setattr("fastseg.cohort.evaluate_cohort.evaluate_all", None)  # never called
    with pytest.raises(ValueError, match="1 of 2 references in r have no prediction in p: b"):
        evaluate_cohort(*folders, missing="error", on_error="skip", **SCIPY)


def test_a_whole_cohort_says_nothing(cohort: Callable[..., tuple[str, str]]) -> None:
    evaluation = evaluate_cohort(*cohort(a=(_map(1), _map(2))), labels=[1, 2], **SCIPY)
    assert not {"missing_predictions"} & set(evaluation.settings)
    assert evaluation.failures == ()


@pytest.mark.filterwarnings("ignore:.*scored against an empty one")
def test_links_to_nothing_fail_on_either_side(cohort: Callable[..., tuple[str, str]]) -> None:
    folders = cohort(a=(_map(1), _map(2)), b=(None, None), c=(_map(1), None), d=(None, None))
    for path in ("r/b.npy", "p/b.npy", "p/c.npy", "r/d.npy"):
        Path(path).symlink_to("../objects/x")
    with pytest.raises(
        CaseError, match=r"3 of 4 cases .* b: r/b\.npy: a link to .*; c: p/c\.npy: a link"
    ):
        evaluate_cohort(*folders, **SCIPY)
    with pytest.warns(InputWarning, match="3 of 4 cases could not be evaluated"):
        evaluation = evaluate_cohort(*folders, on_error="skip", **SCIPY)
    assert evaluation.cases == ("a",)
    assert [failure.case for failure in evaluation.failures] == ["b", "c", "d"]
    assert evaluation.failures[2].message.startswith("r/d.npy: a link to ../objects/x")


@pytest.mark.filterwarnings("ignore:.*scored against an empty one")
def test_a_missing_prediction_fails_where_empty_ones_are_not_allowed(
    cohort: Callable[..., tuple[str, str]],
) -> None:
    folders = cohort(a=(_map(1), _map(1)), b=(_map(1), None))
    with pytest.raises(
        CaseError, match="1 of 2 cases could not be evaluated: b: label 1: the prediction is empty"
    ):
        evaluate_cohort(*folders, empty="raise", **SCIPY)


def test_of_many_failures_the_first_are_told(cohort: Callable[..., tuple[str, str]]) -> None:
    pairs: dict[str, Any] = {f"c{i:03}": (_map(1), np.zeros((2, 2))) for i in range(300)}
    folders = cohort(**pairs, good=(_map(1), _map(2)))
    with pytest.warns(InputWarning) as caught:
        evaluation = evaluate_cohort(*folders, on_error="skip", **SCIPY)
    (message,) = [str(warning.message) for warning in caught]
    assert message.startswith("300 of 301 cases could not be evaluated: c000: ")
    assert "c004" in message
    assert "c005" not in message
    assert message.endswith("… (300 in all)")
    assert len(evaluation.failures) == 300


def test_a_table_in_place_of_folders(cohort: Callable[..., tuple[str, str]]) -> None:
    cohort(a=(_map(1), _map(2)), b=(_map(3), _map(4)))
    Path("r/pairs.csv").write_text("case,reference,prediction\nx,b.npy,../p/a.npy\ny,a.npy,\n")
    with pytest.warns(
        InputWarning, match=r"1 of 2 references in r/pairs\.csv have no prediction there .*: y"
    ):
        evaluation = evaluate_cohort("r/pairs.csv", **SCIPY)
    assert evaluation.cases == ("x", "y")
    assert evaluation["x", 1]["dice"] == evaluate(_map(3), _map(2), **SCIPY)[1]["dice"]
    assert evaluation["y", 1]["dice"] == 0


def test_names_that_are_not_utf_8_reach_every_file(cohort: Callable[..., tuple[str, str]]) -> None:
    cohort(a=(_map(1), _map(2)))
    for folder in "rp":
        os.rename(f"{folder}/a.npy", os.fsencode(folder) + b"/ren\xe9.npy")
    evaluation = evaluate_cohort("r", "p", **SCIPY)
    evaluation.to_csv("o.csv")
    evaluation.to_json("o.json")
    with open("o.csv", newline="", encoding="utf-8") as file:
        cases = {row["case"] for row in csv.DictReader(file)}
    content = json.loads(Path("o.json").read_text(encoding="utf-8"))
    assert cases == {"ren\\udce9"} == {row["case"] for row in content["rows"]}
    # a case that was named elsewhere, by evaluate() say
    evaluate(_map(1), _map(2), case="ren\udce9", **SCIPY).to_csv("o.csv")
    assert "ren\\udce9,structure" in Path("o.csv").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------- labels


def test_labels_that_nobody_has_are_warned_of(cohort: Callable[..., tuple[str, str]]) -> None:
    one = (_map(1) == 1).astype(np.uint8)
    folders = cohort(a=(one, one), b=(one, _map(2)))
    labels: dict[str, Any] = {"one": 1, "two": 2, "spleen": 8, "lungs": (8, 9), "9": 9}
    with pytest.warns(
        InputWarning,
        match=r"^3 of 5 labels asked for are in no map: spleen \(8\), lungs \(8\+9\), 9$",
    ):
        evaluation = evaluate_cohort(*folders, labels=labels, **SCIPY)
    # each of them has its rows all the same
    assert [row.name for row in evaluation.case("a")] == list(labels)
    assert evaluation["a", "spleen"].empty == "both"


def _absent(reference: Map, prediction: Map, labels: Any) -> str:
    options = SCIPY | {"labels": labels}
    return absent_labels(evaluate(reference, prediction, **options), Settings.checked(**options))


def test_labels_of_two_numberings_are_looked_for_on_either_side() -> None:
    one = np.ones((3, 3, 3), np.uint8)
    ids = {"liver": {"reference": 1, "prediction": 5}}
    assert _absent(one, 5 * one, ids) == ""
    assert (
        _absent(one, one, ids)
        == "1 of 1 labels asked for are in no map: liver (5 of the prediction)"
    )
    assert _absent(one, 0 * one, [1]) == ""  # the map lacks it, but the label is right
    many = _absent(one, one, range(1, 300))
    assert many.startswith("298 of 299 labels")
    assert len(many) < 120


def test_labels_that_were_not_asked_for_are_added_up_over_the_cases() -> None:
    parts = []
    for case, unlisted in (
        ("a", {"reference": {3: 10, 2: 5}}),
        ("b", {"reference": {3: 1}, "prediction": {7: 2}}),
        ("c", {}),
    ):
        one = evaluate(_map(1), _map(2), labels=[1], case=case, **SCIPY)
        parts.append(replace(one, settings={**one.settings, "unlisted_labels": unlisted}))
    pairing = Pairing([], [], [], [])
    joined = joined_cases(parts, pairing, [])
    assert joined.settings["unlisted_labels"] == {"reference": {2: 5, 3: 11}, "prediction": {7: 2}}
    assert unlisted_labels(joined) == (
        "labels that were not asked for: 3 (11 voxels), 2 (5 voxels) in the reference; "
        "7 (2 voxels) in the prediction"
    )
    assert unlisted_labels(Evaluation((), ())) == ""
