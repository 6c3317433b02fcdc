"""What strangers hand to the functions on instances: numbers or an error in one line, whatever it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastseg
from tests.odd_maps import FORMS, ODD, WRONG, A, B

OURS = (fastseg.InputError, fastseg.InputTypeError)


def _table(**options: Any) -> Callable[[Any, Any], str]:
    def table(reference: Any, prediction: Any) -> str:
        evaluation = fastseg.evaluate_instances(reference, prediction, **options)
        return repr(
            [
                (
                    (row.name, row.reference_label, row.prediction_label, row.counts),
                    (row.instance, *row.values_by_metric.items()),
                )
                for row in evaluation.rows
            ]
        )

    return table


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "components": _table(metrics=["dice", "hd95"]),
    "given": _table(components="given", metrics=["iou"], matching="optimal"),
    "regions": _table(regions="voronoi", metrics=["dice"], labels=[1, 2]),
    "partitions": lambda *maps: repr(fastseg.evaluate_partition(*maps)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_maps_give_numbers_or_a_line(name: str) -> None:
    for what, (reference, prediction) in ODD.items():
        assert FUNCTIONS[name](reference, prediction), what
    for what, (reference, prediction) in WRONG.items():
        with pytest.raises(OURS) as caught:
            FUNCTIONS[name](reference, prediction)
        assert "\n" not in str(caught.value), what


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_depend_on_labels_alone(name: str) -> None:
    measured = FUNCTIONS[name]
    expected = measured(A, B)
    for what, form in FORMS.items():
        assert measured(form(A), form(B)) == expected, what
        assert measured(form(A), B) == expected, what
        assert measured(A, form(B)) == expected, what


def test_regions_depend_on_labels_alone() -> None:
    expected = fastseg.voronoi_regions(A)
    for what, form in FORMS.items():
        assert np.array_equal(fastseg.voronoi_regions(form(A)), expected), what


_WRONG: dict[str, list[Any]] = {
    "strict": ["no", 1, None],
    "many_to_one": ["no", 1, None],
    "together": ["no", 1, None],
    "ignore_grid": ["no"],
    "reorient": ["no"],
    "matching": [None, 3, [], "x"],
    "score": [None, 3, [], "x"],
    "threshold": [-1, 1.1, math.nan, math.inf, "x", None, True, [0.5]],
    "metrics": [3, [], [3], "x", ["dice", "dice"], 2.5],
    "structure_metrics": [3, "x", ["instance_tp"], 2.5],
    "connectivity": [0, 4, -1, 8, 2.5, "x", True, math.nan, 10**30],
    "dilation": [-1, 2.5, "x", True, {}, {"reference": 1}, math.nan, None],
    "minimum_size": [-1, 2.5, "x", True, {"x": 3}, math.nan],
    "components": ["x", 3, None, {"reference": "given"}, []],
    "size_classes": [[5, 1], [-1], [math.nan], 3, "x", [1, 1], [True]],
    "regions": ["x", 3, None],
    "confidence_of": ["x", 3, None, []],
    "confidence": [{}, {1: "x"}, {"1": 0.5}, {1: math.nan}, {"9": {1: 1}}, 3, [1, 2], A[0]],
    "spacing": [0, -1, math.nan, math.inf, (1, 1), "1", "abc", 1e-200],
}
WRONG_OPTIONS = [(name, value) for name, values in _WRONG.items() for value in values]


@pytest.mark.parametrize(("name", "value"), WRONG_OPTIONS)
def test_wrong_options_are_refused(name: str, value: Any) -> None:
    with pytest.raises(OURS) as caught:
        fastseg.evaluate_instances(A, B, **{name: value})
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith((name, "metrics")), str(caught.value)
