"""The flags of an evaluation, of its rows and over its cases."""

from __future__ import annotations

import numpy as np

import fastseg
from fastseg.results import Evaluation


def cohort(many: int) -> Evaluation:
    reference = np.zeros((20, 20), np.uint8)
    reference[5:15, 5:15] = 1
    reference[2:4, 2:4] = 2
    prediction = np.where(reference == 2, 0, reference).astype(np.uint8)
    return Evaluation.joined(
        {f"c{case}": fastseg.evaluate(reference, prediction) for case in range(many)}
    )


def test_each_flag_has_its_row_threshold_and_meaning() -> None:
    flags = cohort(1).flags
    assert flags.counts["empty_prediction"] == 1
    assert "few_cases" not in flags.counts
    small = next(row for row in flags if row.flag == "small_structure")
    assert (small.case, small.name, small.measured, small.threshold) == ("c0", "2", 0.25, 0.02)
    assert "overlap" in str(flags) or "dice" in str(flags)
    assert "look at" in str(flags)
    assert "<table" in flags._repr_html_()
    assert len(flags.to_dict()) == len(flags)


def test_what_only_many_cases_show() -> None:
    flags = cohort(12).flags
    few = [row for row in flags if row.flag == "few_cases"]
    assert [(row.case, row.name, row.measured) for row in few] == [
        ("", "1", round(1 / 12, 5)),
        ("", "2", round(1 / 12, 5)),
    ]
    ceiling = [row.name for row in flags if row.flag == "near_ceiling"]
    assert ceiling == ["1", "2"] or ceiling == ["1"]
    assert "few_cases" not in cohort(60).flags.counts


def test_without_flags_there_is_nothing_to_tell() -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[1:3, 1:3] = 1
    flags = fastseg.evaluate(mask, mask, flags=False).flags
    assert len(flags) == 0
    assert str(flags) == "no flags in 1 rows"
