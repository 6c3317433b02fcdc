"""Evaluations that are joined keep all their cases, each under a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation

MASK = np.zeros((6, 6, 6), np.uint8)
MASK[1:4, 1:4, 1:4] = 1


def one(shift: int = 0, case: str = "", **options: Any) -> Evaluation:
    return fastseg.evaluate(MASK, np.roll(MASK, shift, 0), metrics="dice", case=case, **options)


def test_cases_without_a_name_are_refused() -> None:
    """All were one case, and a look-up found the first of them."""
    other = fastseg.evaluate(2 * MASK, 2 * MASK, metrics="dice")
    for parts in ([one(0), one(2)], [one(0), one(0)], [one(0), other]):
        with pytest.raises(ValueError, match=r"1 and 2 have no name for their case: name the"):
            Evaluation.joined(parts)
    with pytest.raises(ValueError, match=r"evaluations 2 and 4 have no name"):
        Evaluation.joined([one(case="a"), one(), one(case="b"), one()])
    with pytest.raises(ValueError, match=r"evaluations 1 and 2 have no name"):
        Evaluation.joined([one(), Evaluation.joined([one()])])


def test_one_case_without_a_name_is_told_from_the_others() -> None:
    joined = Evaluation.joined([one(case="a"), one(2)])
    assert joined.cases == ("a", "")
    assert joined["", 1]["dice"] < joined["a", 1]["dice"] == 1


def test_a_wrong_name_is_told_before_the_next_case_is_evaluated() -> None:
    """A generator may have hours of work to do, all of it for nothing."""
    asked = []

    def evaluations() -> Iterator[Evaluation]:
        for i in range(9):
            asked.append(i)
            yield one(i % 3)

    with pytest.raises(ValueError, match="no name for their case"):
        Evaluation.joined(evaluations())
    assert asked == [0, 1]


def test_a_mapping_names_the_cases() -> None:
    joined = Evaluation.joined({"x": one(), "y": one(1, case="liver"), "z": one(2, case="liver")})
    assert joined.cases == ("x", "y", "z")
    assert joined["y", 1]["dice"] == one(1)[1]["dice"]
    with pytest.raises(ValueError, match="'both' has 2 cases already, 'x', 'y'"):
        Evaluation.joined({"both": Evaluation.joined({"x": one(), "y": one()})})


def test_one_case_twice_is_refused() -> None:
    for parts in ([one(case="a"), one(1, case="a")], [one(case="a")] * 2):
        with pytest.raises(ValueError, match=r"1 and 2 both have the structure '1' of a case 'a'"):
            Evaluation.joined(parts)


def test_different_structures_of_one_case_are_one_case() -> None:
    parts = [one(case="a", labels={name: 1}) for name in ("liver", "spleen")]
    joined = Evaluation.joined(parts)
    assert joined.cases == ("a",)
    assert joined["a", "spleen"] is parts[1].rows[0]


def test_what_is_no_evaluation_is_refused() -> None:
    wrong: Any
    for wrong in (one(), [one(), None], [one().rows[0]]):
        with pytest.raises(TypeError, match="expected evaluations in a list, got"):
            Evaluation.joined(wrong)


def test_settings_are_those_in_common() -> None:
    joined = Evaluation.joined([one(case="a", spacing=2), one(case="b", ignore_label=7)])
    assert not {"spacing", "ignore_label"} & set(joined.settings)
    assert joined.settings["unit"] == "mm or voxels"
    assert (joined.settings["axes"], joined.settings["shape"]) == ([3], [6, 6, 6])
    same = Evaluation.joined([one(case="a"), one(case="b")])
    assert same.settings == one().settings
