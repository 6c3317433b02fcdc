"""What a number is measured in, wherever it is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation
from fastseg.results.units import length_text, unit_text, units_of

METRICS = ("dice", "hd", "volume_difference")


def evaluated(ndim: int, case: str = "", **options: Any) -> Evaluation:
    mask = np.zeros((6,) * ndim, np.uint8)
    mask[(slice(1, 4),) * ndim] = 1
    return fastseg.evaluate(mask, np.roll(mask, 1), metrics=METRICS, case=case, **options)


def headers(evaluation: Evaluation) -> list[str]:
    """Give the units of hd and volume_difference, which text and notebook show alike."""
    first = str(evaluation).splitlines()[0]
    found = [first.partition(f"{name} [")[2].partition("]")[0] for name in METRICS[1:]]
    assert all(f"<th>{name} [{unit}]</th>" in evaluation._repr_html_()
               for name, unit in zip(METRICS[1:], found, strict=True))  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("ndim", "options", "units"),
    [
        (3, {}, ["voxels", "voxels"]),
        (2, {}, ["voxels", "voxels"]),
        (1, {}, ["voxels", "voxels"]),
        (3, {"spacing": 1}, ["mm", "mm³"]),
        (3, {"spacing": (1, 1, 2.5)}, ["mm", "mm³"]),
        (2, {"spacing": 0.5}, ["mm", "mm²"]),
        (2, {"spacing": (0.5, 0.4)}, ["mm", "mm²"]),
        (1, {"spacing": 0.5}, ["mm", "mm"]),
    ],
)
def test_units_are_those_of_the_spacing(
    ndim: int, options: dict[str, Any], units: list[str]
) -> None:
    assert headers(evaluated(ndim, **options)) == units


def test_units_of_cases_that_differ_are_all_named() -> None:
    space, plane, none = (
        evaluated(3, "space", spacing=1),
        evaluated(2, "plane", spacing=2),
        evaluated(3, "none"),
    )
    assert headers(Evaluation.joined([space, plane])) == ["mm", "mm² or mm³"]
    assert headers(Evaluation.joined([space, none])) == ["mm or voxels", "mm³ or voxels"]
    all_of_them = Evaluation.joined([none, Evaluation.joined([plane, space])])
    assert headers(all_of_them) == ["mm or voxels", "mm² or mm³ or voxels"]
    # in the plane they stay, though no spacing is common to both
    other = evaluated(2, "other", spacing=(1, 3))
    assert headers(Evaluation.joined([plane, other])) == ["mm", "mm²"]
    assert headers(Evaluation.joined([plane])) == ["mm", "mm²"]


def test_a_table_that_does_not_say_it_claims_no_unit() -> None:
    rows = evaluated(3, spacing=2).rows
    assert headers(Evaluation(rows, METRICS)) == ["mm or voxels", "mm³ or voxels"]


def test_ratios_and_unknown_metrics_have_none() -> None:
    settings = {"unit": "mm", "shape": [4, 4]}
    assert units_of(["dice", "hd90", "of_tomorrow"], settings) == {
        "dice": "",
        "hd90": "mm",
        "of_tomorrow": "",
    }
    assert unit_text("%", settings) == "%"
    assert unit_text("mm³", settings) == "mm²"


def test_a_length_is_written_with_its_unit() -> None:
    assert length_text(2.5, {"unit": "mm"}) == "2.5 mm"
    assert length_text(1, {"unit": "voxels"}) == "1 voxel"
    assert length_text(2.0, {"unit": "voxels"}) == "2 voxels"
    assert length_text(1.0, {}) == "1 mm or voxels"
