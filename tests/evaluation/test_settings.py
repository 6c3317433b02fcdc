"""Settings: checked once, the same wherever they travel."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.evaluation.case import evaluate_case, open_pair
from fastseg.evaluation.settings import Settings, kept

OPTIONS: dict[str, Any] = {
    "spacing": (2, 1, 0.5),
    "labels": {"liver": 1, "both": (1, 2)},
    "metrics": ["dice", "hd99_5", "f0_5", "nsd"],
    "tolerance": {"liver": 2, "default": 1},
    "boundary": "surfel",
    "percentile_method": "pooled",
    "empty": {"hd99_5": 7.0, "default": "nan"},
    "ignore_label": 9,
    "backend": "scipy",
    "flags": "small_structure",
}


def maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.random.default_rng(seed).integers(0, 3, (2, 6, 7, 8)).astype(np.uint8)
    return first, second


def test_settings_travel_to_another_process_as_they_are() -> None:
    """Families of metrics hold functions that do not pickle: their names go, and make them anew."""
    settings = Settings.checked(**OPTIONS)
    expected = evaluate_case(*open_pair(*maps(), settings), settings, "a")
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert [metric.name for metric in again.metrics] == OPTIONS["metrics"]
    assert evaluate_case(*open_pair(*maps(), again), again, "a") == expected
    assert fastseg.evaluate(*maps(), case="a", **OPTIONS) == expected


def test_the_table_says_what_it_was_made_with() -> None:
    assert fastseg.evaluate(*maps(), **OPTIONS).settings == {
        "fastseg": fastseg.__version__,
        "backend": "scipy",
        "shape": [6, 7, 8],
        "spacing": [2.0, 1.0, 0.5],
        "unit": "mm",
        "labels": {"liver": 1, "both": (1, 2)},
        "tolerance": {"liver": 2, "default": 1},
        "boundary_width": None,
        "beta": 1.0,
        "boundary": "surfel",
        "percentile_method": "pooled",
        "empty": {"default": "nan", "hd99_5": 7.0},
        "ignore_label": 9,
        "single_slice": "plane",
        "grid_tolerance": 0.03,
        "ignore_grid": False,
        "reorient": False,
        "flags": {"small_structure": 0.02},
    }


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"metrics": ["dise"]}, ValueError, "did you mean 'dice'"),
        ({"metrics": [3]}, TypeError, "expected names"),
        ({"boundary": "surfl"}, ValueError, "did you mean 'surfel'"),
        ({"percentile_method": "pool"}, ValueError, "did you mean 'pooled'"),
        ({"empty": "wrost"}, ValueError, "did you mean 'worst'"),
        ({"spacing": (1, -1, 1)}, ValueError, "finite positive"),
        ({"spacing": "wide"}, TypeError, "one for each array axis"),
        ({"spacing": (1, 1, 1, 1)}, ValueError, "3 array axes"),
        ({"labels": []}, ValueError, "at least one label"),
        ({"labels": {"a": {"reference": 1}}}, ValueError, "the keys 'reference' and 'prediction'"),
        ({"labels": [1], "ignore_label": 1}, ValueError, "holds the ignore_label 1"),
        ({"labels": {"a": {"reference": 2, "prediction": 1}}, "ignore_label": 1}, ValueError, "1"),
        ({"labels": {"liver": 1}, "tolerance": {"livr": 1}}, ValueError, "did you mean 'liver'"),
        ({"tolerance": -1}, ValueError, "not negative"),
        ({"tolerance": True}, TypeError, "expected a number"),
        ({"ignore_label": "none"}, TypeError, "whole numbers"),
        ({"backend": "nmba"}, ValueError, "did you mean 'numba'"),
    ],
)
def test_wrong_options_are_refused_without_any_map(
    options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        Settings.checked(**options)
    with pytest.raises(error, match=told):  # also by way of those that are kept
        fastseg.evaluate(*maps(), **options)


def test_what_is_equal_but_not_the_same_is_not_taken_from_what_is_kept() -> None:
    """True equals 1, which is a tolerance; it is none."""
    assert fastseg.evaluate(*maps(), tolerance=1)[1]["nsd"] > 0
    with pytest.raises(TypeError, match="tolerance: expected a number, got True"):
        fastseg.evaluate(*maps(), tolerance=True)
    assert kept(tolerance=1) is kept(tolerance=1)


class Tensor:
    """A scalar that may hold something else the next time, and is hashed by where it lies."""

    shape = ()
    dtype = "lib.float64"

    def __init__(self, value: float) -> None:
        self.value = value

    def item(self) -> float:
        return self.value


@pytest.mark.parametrize(
    "held", [lambda it: it, lambda it: (1, 1, it)], ids=["alone", "in a tuple"]
)
def test_a_changed_tensor_is_seen(held: Any) -> None:
    tensor = Tensor(1.0)
    option = "tolerance" if held(tensor) is tensor else "spacing"
    first = fastseg.evaluate(*maps(), **{option: held(tensor)})
    tensor.value = 2.0
    second = fastseg.evaluate(*maps(), **{option: held(tensor)})
    assert first.settings[option] == held(1.0) or first.settings[option] == list(held(1.0))
    assert second.settings[option] == held(2.0) or second.settings[option] == list(held(2.0))
    assert [dict(row) for row in first] != [dict(row) for row in second]


def test_a_generator_is_read_anew() -> None:
    """Kept by itself it would pass for what it gave before."""
    names = iter(["dice"])
    assert fastseg.evaluate(*maps(), metrics=names).metrics == ("dice",)
    with pytest.raises(ValueError, match="at least one name"):
        fastseg.evaluate(*maps(), metrics=names)


def test_truth_values_within_a_tuple_are_not_taken_from_what_is_kept() -> None:
    assert fastseg.evaluate(*maps(), spacing=(1, 1, 1)).settings["spacing"] == [1, 1, 1]
    with pytest.raises(TypeError, match=r"expected 3 numbers, got \(True, 1, 1\)"):
        fastseg.evaluate(*maps(), spacing=(True, 1, 1))


@pytest.mark.parametrize(
    ("tolerance", "error", "told"),
    [
        ({1: float("nan"), "default": 1}, ValueError, "tolerance of 1: expected a finite number"),
        ({"liver": 1, "default": -1}, ValueError, "tolerance of 'default': expected a finite"),
        ({"liver": 1, "default": "1"}, TypeError, "tolerance of 'default': expected a number"),
        ({True: 1}, TypeError, "keys are names or ids of labels, got True"),
        ({None: 1}, TypeError, "keys are names or ids of labels, got None"),
        ({1.5: 1}, TypeError, "keys are names or ids of labels, got 1.5"),
        ({Tensor(1): 1, Tensor(1.0): 2}, ValueError, "the label 1 is given twice"),
    ],
)
@pytest.mark.parametrize("labels", [None, {"liver": 1}])
def test_tolerances_are_checked_before_any_label_is_known(
    tolerance: Any, error: type[Exception], told: str, labels: Any
) -> None:
    with pytest.raises(error, match=told):
        Settings.checked(tolerance=tolerance, labels=labels)


def test_ids_as_text_hold_for_cases_that_lack_them() -> None:
    """As JSON has the keys of a mapping."""
    found = fastseg.evaluate(*maps(), tolerance={"1": 0, "2": 3, "77": 9})
    expected = fastseg.evaluate(*maps(), tolerance={1: 0, 2: 3, 77: 9})
    assert [dict(row) for row in found] == [dict(row) for row in expected]


def test_a_changed_mapping_is_seen() -> None:
    tolerance: dict[str | int, float] = {1: 0.0, 2: 0.0}
    before = fastseg.evaluate(*maps(), tolerance=tolerance)[1]["nsd"]
    tolerance[1] = 9.0
    assert fastseg.evaluate(*maps(), tolerance=tolerance)[1]["nsd"] == 1 > before


@pytest.mark.parametrize("key", [2, 3])
def test_a_tolerance_that_nothing_would_use_is_refused(key: int) -> None:
    """A label within a region, and the number that a structure has in the prediction, choose no structure."""
    labels = {"region": (1, 2), "liver": {"reference": 1, "prediction": 3}}
    with pytest.raises(ValueError, match=f"tolerance: {key} is no label that is evaluated"):
        fastseg.evaluate(*maps(), labels=labels, tolerance={key: 2, "default": 1})


def test_two_masks_without_their_one_label_are_refused() -> None:
    masks = [one > 1 for one in maps()]
    with pytest.raises(ValueError, match="ignore_label: two bool masks have the one label 1"):
        fastseg.evaluate(*masks, ignore_label=1)
