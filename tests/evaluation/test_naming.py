"""Files that name their own segments, and labels that nobody asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.settings import Settings
from fastseg.inputs.source import ArraySource

FIRST, SECOND = np.random.default_rng(0).integers(0, 4, (2, 6, 7, 8)).astype(np.uint8)


def evaluated(
    reference: dict[str, tuple[int, ...]],
    prediction: dict[str, tuple[int, ...]],
    own_labels: tuple[bool, bool] = (True, True),
    **options: Any,
) -> fastseg.Evaluation:
    sources = [
        ArraySource(array, segments=segments, own_labels=own, name=name)
        for array, segments, own, name in (
            (FIRST, reference, own_labels[0], "r.seg.nrrd"),
            (SECOND, prediction, own_labels[1], "p.seg.nrrd"),
        )
    ]
    return evaluate_case(sources[0], sources[1], Settings.checked(metrics="dice", **options))


def dice(first: list[int], second: list[int]) -> float:
    a, b = np.isin(FIRST, first), np.isin(SECOND, second)
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_segments_of_one_name_belong_together_whatever_their_labels() -> None:
    found = evaluated({"liver": (1,), "spleen": (2,)}, {"spleen": (1,), "liver": (3,)})
    assert [(row.name, row.label) for row in found] == [("liver", 1), ("spleen", 2)]
    assert found["liver"]["dice"] == dice([1], [3])
    assert found["spleen"]["dice"] == dice([2], [1])
    assert found["spleen"].prediction_label == 1


def test_a_segment_that_one_file_lacks_is_missing() -> None:
    found = evaluated({"liver": (1,)}, {"liver": (1,), "cyst": (2,)})
    assert found["cyst"].empty == "reference"
    assert found["cyst"]["dice"] == 0
    assert found["cyst"].counts.fp == (SECOND == 2).sum()


def test_names_of_one_file_name_the_labels_of_both() -> None:
    for found in (evaluated({"liver": (1,)}, {}), evaluated({}, {"liver": (1,)})):
        assert [row.name for row in found] == ["liver", "2", "3"]
        assert found["liver"]["dice"] == dice([1], [1])


def test_files_without_a_name_in_common_are_compared_by_label_and_say_so() -> None:
    with pytest.warns(fastseg.InputWarning, match="call no segment the same: their labels"):
        found = evaluated({"liver": (1,)}, {"Segment_1": (1,)})
    assert found["liver"]["dice"] == dice([1], [1])


def test_a_name_that_was_asked_for_is_the_segment_of_that_name() -> None:
    found = evaluated({}, {"liver": (1, 3)}, (True, False), labels={"liver": 2, "other": 1})
    assert found["liver"]["dice"] == dice([2], [1, 3])
    assert found["other"]["dice"] == dice([1], [1])


def test_segments_that_overlap_are_told_apart_by_their_names_alone() -> None:
    """The labels of such a map were made up, and mean nothing beside another's."""
    overlapping: dict[str, tuple[int, ...]] = {"liver": (1, 2), "cyst": (2, 3)}
    with pytest.raises(ValueError, match=r"p\.seg\.nrrd: its segments overlap.*labels={\"liver\""):
        evaluated({}, overlapping, (True, False))
    found = evaluated({"cyst": (1,), "liver": (2,)}, overlapping, (True, False))
    assert [(row.name, row.label) for row in found] == [("cyst", 1), ("liver", 2)]
    assert found["liver"]["dice"] == dice([2], [1, 2])
    both = evaluated(overlapping, overlapping, (False, False))
    assert [(row.name, row.label) for row in both] == [("liver", 1), ("cyst", 2)]
    assert both["cyst"]["dice"] == dice([2, 3], [2, 3])


def test_labels_that_were_not_asked_for_are_counted() -> None:
    found = fastseg.evaluate(FIRST, SECOND, labels={"both": (1, 2)}, ignore_label=0, metrics="dice")
    kept = FIRST != 0
    assert found.settings["unlisted_labels"] == {
        "reference": {3: int((FIRST == 3).sum())},
        "prediction": {3: int(((SECOND == 3) & kept).sum())},
    }
    assert "unlisted_labels" not in fastseg.evaluate(FIRST, SECOND, labels=[1, 2, 3]).settings
    assert "unlisted_labels" not in fastseg.evaluate(FIRST, SECOND, metrics="dice").settings
