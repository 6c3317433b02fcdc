"""Names that stand for several metrics, and what is given unless they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.cli.options import facts, parse_names
from fastseg.errors import InputError
from fastseg.metrics import MEASUREMENTS, list_metrics, resolve

MASK = np.zeros((5, 6, 7), np.uint8)
MASK[1:4, 1:5, 1:6] = 1
EXTRA = {
    *("over_segmentation_rate", "under_segmentation_rate"),
    *(metric.name for of in ("shape", "topology") for metric in list_metrics(of)),
}


def names(chosen: Any, **options: Any) -> list[str]:
    return [metric.name for metric in resolve(chosen, **options)]


def test_the_default_set_has_none_of_them() -> None:
    assert names("all") == names(None) == [metric.name for metric in list_metrics()]
    assert not EXTRA & set(names("all"))
    assert list(fastseg.evaluate(MASK, MASK)[1]) == names(None)
    assert all(metric.by_default for metric in list_metrics())


@pytest.mark.parametrize("group", ["overlap", "surface", "shape", "topology"])
def test_a_group_is_all_metrics_of_its_measurements(group: Any) -> None:
    expected = [
        metric.name
        for metric in list_metrics("all")
        if MEASUREMENTS[metric.measurement].group == group
    ]
    assert names(group) == expected == [metric.name for metric in list_metrics(group)]
    row = fastseg.evaluate(MASK, MASK, metrics=group)[1]
    assert list(row) == expected
    assert all(row[metric.name] == metric.best for metric in list_metrics(group))


def test_groups_stand_among_names() -> None:
    assert names(["topology", "dice"])[-1] == "dice"
    assert names(["all", "shape"]) == [*names("all"), *names("shape")]
    assert names(parse_names("hd95,surface")) == [
        "hd95",
        *(name for name in names("surface") if name != "hd95"),
    ]
    assert names(["surface", "hd95"]) == names("surface")
    assert names(["overlap", "overlap"]) == names("overlap")
    with pytest.raises(InputError, match="each name once, got 'dice' and 'dsc'"):
        resolve(["dice", "dsc"])


def test_groups_are_of_structures() -> None:
    with pytest.raises(InputError, match="'shape' are metrics of structures"):
        resolve(["shape"], of="partitions")
    with pytest.raises(InputError, match="did you mean 'shape'"):
        resolve("shap")
    with pytest.raises(InputError, match="empty: unknown 'topology'"):
        fastseg.evaluate(MASK, MASK, empty={"topology": 1})


def test_the_help_names_them() -> None:
    text = facts()
    assert "topology" in text
    assert all(name in text for name in EXTRA - {"over_segmentation_rate"} if "rate" not in name)


def test_instances_have_them_too() -> None:
    maps = np.zeros((2, 9, 9), np.uint8)
    maps[0, 1:4, 1:4] = 1
    maps[0, 2, 2] = 0
    maps[1, 1:4, 1:4] = 1
    maps[:, 6:8, 6:8] = 1
    found = fastseg.evaluate_instances(*maps, metrics=["topology", "center_distance"])
    holes = [row["hole_count_difference"] for row in found.instances("1")]
    assert holes == [-1, 0]


def test_what_the_union_is_made_of() -> None:
    prediction = np.roll(MASK, (1, 2), (0, 2))
    row = fastseg.evaluate(MASK, prediction, metrics="overlap")[1]
    over, under = row["over_segmentation_rate"], row["under_segmentation_rate"]
    assert over == under == (60 - 2 * 4 * 3) / (120 - 2 * 4 * 3)
    assert row["iou"] + over + under == pytest.approx(1)
    larger = fastseg.evaluate(MASK, MASK | prediction, metrics="overlap")[1]
    assert larger["under_segmentation_rate"] == 0
    assert larger["over_segmentation_rate"] == 1 - larger["iou"]
    assert fastseg.evaluate(MASK, 0 * MASK, metrics="overlap")[1]["under_segmentation_rate"] == 1
