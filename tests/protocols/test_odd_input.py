"""What strangers hand over: every protocol gives numbers or an error in one line, whatever it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.protocols.framework.protocol import Protocol
from fastseg.protocols.framework.settings import ProtocolSettings
from tests.odd_maps import FORMS, ODD, WRONG, A, B, OnADevice

ALL = fastseg.list_protocols()
OF_MAPS = [one for one in ALL if one.opens is None]
# the same function with other numbers: what they are given is the same
_ALIKE = {
    *(f"brats2023-{name}" for name in ("gli", "men", "ped", "ssa")),
    *(f"brats2025-{name}" for name in ("gli", "men", "men-rt", "met", "ped", "ssa")),
    *(f"brats2026-{name}" for name in ("gli", "goat", "menpre", "menrt", "ped")),
    "flare23",
    "hnts-mrg",
}
DIFFERENT = [one for one in OF_MAPS if one.name not in _ALIKE]

each = pytest.mark.parametrize("protocol", DIFFERENT, ids=[one.name for one in DIFFERENT])


def _evaluated(protocol: Protocol, reference: Any, prediction: Any, **options: Any) -> Any:
    """Evaluate, or give the error: one of ours, in one line."""
    try:
        evaluation = fastseg.evaluate_protocol(protocol.name, reference, prediction, **options)
        scores = fastseg.protocol_scores(evaluation)
    except (fastseg.InputError, fastseg.InputTypeError) as error:
        found = error
    else:
        return _shown(evaluation, scores)
    assert "\n" not in str(found)
    return found


def _shown(evaluation: fastseg.Evaluation, scores: dict[str, float]) -> str:
    """Write all that an evaluation says, so that two can be compared, nan included."""
    assert all(isinstance(value, (int, float)) for value in scores.values())
    rows = [
        (row.name, row.level, row.reference_label, row.prediction_label, row.counts)
        for row in evaluation.rows
    ]
    values = [dict(row.values_by_metric) for row in evaluation.rows]
    assert all(type(value) is float for of_row in values for value in of_row.values())
    return repr((rows, values))


@each
@pytest.mark.parametrize("quirks", [True, False])
def test_odd_maps_give_numbers_or_a_line(protocol: Protocol, quirks: bool) -> None:
    for reference, prediction in ODD.values():
        _evaluated(protocol, reference, prediction, quirks=quirks)
    for spacing in (0.3, (1.0, 2.5, 0.4)):
        _evaluated(protocol, A, B, spacing=spacing, quirks=quirks)


@each
def test_wrong_maps_are_refused(protocol: Protocol) -> None:
    for what, (reference, prediction) in WRONG.items():
        found = _evaluated(protocol, reference, prediction)
        assert isinstance(found, (fastseg.InputError, fastseg.InputTypeError)), what


@each
def test_wrong_arguments_are_refused(protocol: Protocol) -> None:
    wrong: list[dict[str, Any]] = [
        *({"spacing": one} for one in (0, -1, math.nan, math.inf, (1, 1), "1", (0, 1, 1), 1e-200)),
        *({"labels": one} for one in ([1, 1], [], "x", 3, [1.5])),
        *({"quirks": one} for one in (3, "x", None, {"nope": False})),
        *({name: "no"} for name in ("ignore_grid", "reorient", "backend", "grid_tolerance")),
        {"nope": 3},
    ]
    for options in wrong:
        found = _evaluated(protocol, A, B, **options)
        assert isinstance(found, (fastseg.InputError, fastseg.InputTypeError)), options


@each
def test_scores_depend_on_labels_alone(protocol: Protocol) -> None:
    for first, second in ((A, B), (A[2], B[2])):
        expected = str(_evaluated(protocol, first, second))
        for name, form in FORMS.items():
            assert str(_evaluated(protocol, form(first), form(second))) == expected, name
            assert str(_evaluated(protocol, form(first), second)) == expected, name
            assert str(_evaluated(protocol, first, form(second))) == expected, name
        assert str(_evaluated(protocol, first, second, backend="scipy")) == expected


OPTIONS = [
    pytest.param(protocol, name, id=f"{protocol.name}-{name}")
    for protocol in ALL
    if protocol.name not in _ALIKE
    for name in protocol.options
]


@pytest.mark.parametrize(("protocol", "name"), OPTIONS)
def test_options_are_of_the_organisers_kind(protocol: Protocol, name: str) -> None:
    own = protocol.options[name]
    wrong: list[Any] = [{}, object(), b"x", 1j]
    if isinstance(own, tuple):
        wrong += [[[]], ["x", 3], {"x": 1}, None, True]
        own = own[0]
    elif isinstance(own, str):
        wrong += [[], 3, None]
    elif own is not None:
        wrong += [[], "x", None]
    if isinstance(own, bool):
        wrong += [1, "no"]
    elif isinstance(own, (int, float)):
        wrong += [math.nan, math.inf, -1.5, True, *([0.5] if isinstance(own, int) else [])]
        most = protocol.limits.get(name, (0, math.inf))[1]
        wrong += [most + 1] if math.isfinite(most) else []
    if protocol.opens is not None:
        for value in wrong:
            with pytest.raises((fastseg.InputError, fastseg.InputTypeError)):
                ProtocolSettings.of(protocol.name, **{name: value})
        return
    for value in wrong:
        found = _evaluated(protocol, A, B, **{name: value})
        assert isinstance(found, (fastseg.InputError, fastseg.InputTypeError)), value


@pytest.mark.parametrize("protocol", ALL, ids=[one.name for one in ALL])
def test_limits_are_of_numbers_that_keep_them(protocol: Protocol) -> None:
    for name, (least, most) in protocol.limits.items():
        if name in protocol.options:
            own = protocol.options[name]
            assert all(least <= one <= most for one in (own if isinstance(own, tuple) else [own]))


BOXES = {"boxes": [[0, 0, 4, 4, 0, 4]], "classes": [0]}
FOUND = {"pred_boxes": [[0, 0, 4, 4, 0, 4]], "pred_labels": [0], "pred_scores": [0.5]}
SEGMENTS = [{"id": 1, "category_id": 7, "iscrowd": 0, "area": 4}]
PANOPTIC = {"map": np.ones((2, 2), int), "segments_info": SEGMENTS}
SEGMENTED = {**PANOPTIC, "categories": [{"id": 7, "isthing": 1, "name": "a"}]}
NODULES, CANDIDATES = np.array([[1.0, 2, 3, 10]]), np.array([[1.0, 2, 3, 0.5]])
OTHER_WRONG: list[tuple[str, Any, Any, str]] = [
    ("nndetection", None, FOUND, "expected a mapping with boxes"),
    ("nndetection", {**BOXES, "classes": ["a"]}, FOUND, "whole numbers of classes"),
    ("nndetection", {**BOXES, "classes": [math.nan]}, FOUND, "whole numbers of classes"),
    ("nndetection", BOXES, {**FOUND, "pred_scores": ["a"]}, "numbers as scores"),
    ("nndetection", {**BOXES, "boxes": [[0, 0, 4, 4, 9, 4]]}, FOUND, "ends before it starts"),
    ("nndetection", A, B, "expected a mapping with boxes"),
    ("luna16", None, CANDIDATES, "got None"),
    ("luna16", 3, CANDIDATES, "got 3"),
    ("luna16", NODULES, OnADevice(), "copy it"),
    ("luna16", NODULES * np.nan, CANDIDATES, "4 cells are not finite"),
    ("luna16", A, B, "one row a point"),
    ("panopticapi", None, PANOPTIC, "expected the path"),
    ("panopticapi", SEGMENTED, {**PANOPTIC, "segments_info": [3]}, "has no 'id'"),
    (
        "panopticapi",
        {**SEGMENTED, "segments_info": [{**SEGMENTS[0], "area": 0}]},
        PANOPTIC,
        "the area of segment 1 is 0",
    ),
    ("picai", None, A, "expected an array"),
    ("picai", A, -1.0 * A, "the lowest confidence is -3.0"),
    ("picai", A, np.where(A > 0, np.nan, A), "the lowest confidence is nan"),
    ("picai", A, OnADevice(), "on a GPU; copy it"),
    ("picai", A, A[:, 1:], "must have one shape"),
]


@pytest.mark.parametrize(("name", "reference", "prediction", "message"), OTHER_WRONG)
def test_wrong_input_of_other_kinds_is_refused(
    name: str, reference: Any, prediction: Any, message: str
) -> None:
    with pytest.raises((fastseg.InputError, fastseg.InputTypeError), match=message) as caught:
        fastseg.evaluate_protocol(name, reference, prediction)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [None, 3, "x", [], {}])
def test_scores_of_a_cohort_are_those_of_an_evaluation(given: Any) -> None:
    with pytest.raises(fastseg.InputTypeError, match="protocol_scores: expected an evaluation"):
        fastseg.protocol_scores(given)
