"""What strangers hand over: every protocol gives numbers or an error in one line, whatever it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.protocols.framework.protocol import Protocol
from fastseg.protocols.framework.settings import ProtocolSettings

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


def _labels() -> np.ndarray:
    labels = np.zeros((7, 8, 9), np.uint8)
    labels[1:4, 1:5, 1:5] = 1
    labels[4:6, 5:7, 5:8] = 2
    labels[0, 0, 8] = 3
    return labels


A = _labels()
B = np.roll(A, 1, axis=0)
NOTHING, ALL_OF_IT = np.zeros_like(A), np.ones_like(A)
ONE = NOTHING.copy()
ONE[0, 0, 0] = 1
FAR = np.roll(ONE, 4, axis=(0, 1, 2))


class OnADevice:
    """As arrays of any library on a GPU show themselves."""

    __cuda_array_interface__ = {  # noqa: RUF012
        "shape": A.shape,
        "typestr": "|u1",
        "data": (0, False),
        "version": 3,
        "strides": None,
    }


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


def _line(labels: np.ndarray) -> np.ndarray:
    return labels[2, 2]


def _raised(labels: np.ndarray, by: int) -> np.ndarray:
    return np.where(labels > 0, labels + np.uint64(by), np.uint64(0))


ODD: dict[str, tuple[Any, Any]] = {
    "1-D": (_line(A), _line(B)),
    "2-D": (A[2], B[2]),
    "a slice": (A[2:3], B[2:3]),
    "a column": (A[:, :, 2:3], B[:, :, 2:3]),
    "a voxel": (ALL_OF_IT[:1, :1, :1], ALL_OF_IT[:1, :1, :1]),
    "bool": (A > 0, B > 0),
    "whole floats": (A.astype(np.float64), B.astype(np.float32)),
    "negative": (np.where(A == 2, -4, A).astype(np.int16), B),
    "negative predicted": (A, np.where(B == 2, -4, B).astype(np.int16)),
    "beyond 32 bits": (_raised(A, 2**33), _raised(B, 2**33)),
    "beyond 63 bits": (_raised(A, 2**63), _raised(B, 2**63)),
    "labels of nobody": (np.where(A == 2, 77, A), np.where(B == 3, 200, B)),
    "both empty": (NOTHING, NOTHING),
    "reference empty": (NOTHING, B),
    "prediction empty": (A, NOTHING),
    "both full": (ALL_OF_IT, ALL_OF_IT),
    "reference full": (ALL_OF_IT, B),
    "prediction full": (A, ALL_OF_IT),
    "the same voxel": (ONE, ONE),
    "another voxel": (ONE, FAR),
    "lists": (A.tolist(), B.tolist()),
}


@each
@pytest.mark.parametrize("quirks", [True, False])
def test_odd_maps_give_numbers_or_a_line(protocol: Protocol, quirks: bool) -> None:
    for reference, prediction in ODD.values():
        _evaluated(protocol, reference, prediction, quirks=quirks)
    for spacing in (0.3, (1.0, 2.5, 0.4)):
        _evaluated(protocol, A, B, spacing=spacing, quirks=quirks)


WRONG: dict[str, tuple[Any, Any]] = {
    "shapes": (A, B[:-1]),
    "axes": (A, B[0]),
    "four axes": (A[None], B[None]),
    "no axis": (np.uint8(1), np.uint8(1)),
    "no voxel": (A[:0], B[:0]),
    "fractions": (A * 0.5, B),
    "nan": (np.where(A > 2, np.nan, A), B),
    "infinity": (A, np.where(B > 2, np.inf, B)),
    "text": (np.full(A.shape, "a"), B),
    "objects": (A.astype(object), B.astype(object)),
    "complex": (A.astype(complex), B),
    "nothing": (None, B),
    "no common type": (np.where(A == 2, -4, A).astype(np.int8), ODD["beyond 63 bits"][1]),
    "on a GPU": (OnADevice(), B),
    "predicted on a GPU": (A, OnADevice()),
}


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


def _strided(labels: np.ndarray) -> np.ndarray:
    wide = np.zeros([2 * size for size in labels.shape], labels.dtype)
    view: np.ndarray = wide[(slice(None, None, -2),) * labels.ndim]
    view[...] = labels
    return view


def _read_only(labels: np.ndarray) -> np.ndarray:
    copied = labels.copy()
    copied.flags.writeable = False
    return copied


FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Fortran": np.asfortranarray,
    "strided": _strided,
    "read-only": _read_only,
    "big-endian": lambda labels: labels.astype(">u2"),
    "int8": lambda labels: labels.astype(np.int8),
    "int64": lambda labels: labels.astype(np.int64),
    "uint64": lambda labels: labels.astype(np.uint64),
    "float32": lambda labels: labels.astype(np.float32),
}


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
    ("luna16", NODULES, OnADevice(), "got OnADevice"),
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
