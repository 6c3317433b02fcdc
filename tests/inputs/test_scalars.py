"""Single numbers, whatever holds them: what is one, what it becomes, and what is told of what is none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastseg
from fastseg.errors import FastsegError
from fastseg.inputs.arrays import as_label, as_labels
from fastseg.inputs.scalars import as_number, as_whole_number, is_scalar, shown


class Scalar:
    """What a tensor of one element offers: a shape, a type of its own library, and its element."""

    def __init__(self, element: Any, shape: tuple[int, ...] = (), dtype: str = "lib.float32"):
        self.element, self.shape, self.dtype = element, shape, dtype

    def item(self) -> Any:
        if isinstance(self.element, Exception):
            raise self.element
        return self.element


class Float:
    """A number of another library: it has no more than a way to become a float."""

    def __init__(self, value: float):
        self.value = value

    def __float__(self) -> float:
        return self.value


TWO: dict[str, Any] = {
    "int": 2,
    "float": 2.0,
    **{f"np.{name}": np.dtype(name).type(2) for name in ("u1", "i8", "u8", "f2", "f4", "f8", "g")},
    "0-d": np.array(2, np.float32),
    "0-d big endian": np.array(2, ">i4"),
    "one element": np.array([[2.0]]),
    "0-d of objects": np.array(Decimal(2), object),
    "Decimal": Decimal("2.0"),
    "Fraction": Fraction(4, 2),
    "tensor": Scalar(2.0),
    "tensor of one": Scalar(2, (1, 1)),
    "tensor of long doubles": Scalar(np.longdouble(2)),
    "another": Float(2.0),
}

NO_NUMBERS: dict[str, Any] = {
    "bool": True,
    "np.bool": np.True_,
    "0-d bool": np.array(True),
    "tensor bool": Scalar(True),
    "tensor of another bool": Scalar(1, (), "lib.bool"),
    "text": "2",
    "np.str": np.str_("2"),
    "bytes": b"2",
    "None": None,
    "complex": 2 + 0j,
    "np.complex": np.complex64(2),
    "list": [2],
    "tuple": (2,),
    "two": np.array([2, 2]),
    "none": np.array([]),
    "tensor of two": Scalar(2, (2,)),
    "duration": np.timedelta64(2, "s"),
    "date": np.datetime64("2020"),
    "record": np.zeros((), [("a", int)])[()],
    "masked": np.ma.masked,
    "0-d masked": np.ma.array(2.0, mask=True),
    "0-d of None": np.array(None, object),
    "nothing to give": Scalar(RuntimeError("no values on this device")),
    "mapping": {2: 2},
    "object": object(),
}


@pytest.mark.parametrize("value", TWO.values(), ids=TWO)
def test_a_number_is_a_number_for_every_reader(value: Any) -> None:
    for number, kind in (
        (as_number(value, "tolerance"), float),
        (as_whole_number(value, "n"), int),
        (as_label(value, "ignore_label"), int),
        (as_labels([value], "labels")[0], int),
    ):
        assert number == 2
        assert type(number) is kind


@pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS)
@pytest.mark.parametrize("read", [as_number, as_whole_number, as_label])
def test_what_is_no_number_is_none_for_any_reader(
    value: Any, read: Callable[[object, str], Any]
) -> None:
    with pytest.raises(TypeError, match=r"^option: ") as caught:
        read(value, "option")
    assert isinstance(caught.value, FastsegError)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("95", "expected a number, got the text '95'"),
        (True, "got True, a truth value"),
        (np.array([1, 2]), r"got an array of shape \(2,\)"),
        (Scalar(RuntimeError("no values")), r"a Scalar gives none \(no values\)"),
        (np.ma.masked, "masked"),
    ],
)
def test_the_reason_is_told(value: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        as_number(value, "percentile")


@pytest.mark.parametrize("value", [10**400, Fraction(10**400), Scalar(10**400)])
def test_a_number_beyond_floats(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^tolerance: expected a number, got .*too large$"):
        as_number(value, "tolerance")


@given(st.floats(width=32) | st.floats(width=16))
def test_the_value_is_that_of_the_shorter_type(value: float) -> None:
    for kind in (np.float32, np.float64, np.longdouble):
        assert as_number(kind(value), "n") == value or math.isnan(value)


@given(st.integers(-(2**63), 2**64 - 1))
def test_whole_numbers_keep_every_digit(value: int) -> None:
    held = [value, Decimal(value), Fraction(value), Scalar(value), np.array(value)]
    assert [as_whole_number(number, "n") for number in held] == [value] * len(held)


@pytest.mark.parametrize("value", [np.float32(0.99999994), 1 + 9e-7, np.nextafter(1.0, 2)])
def test_a_label_that_a_rounding_has_touched(value: Any) -> None:
    """Such come from np.unique of a float map, in which they are this label too."""
    assert as_label(value, "labels") == 1


@pytest.mark.parametrize(
    "value", [0.5, 1 + 2e-6, -1e-5, 1e6 + 0.4, math.nan, math.inf, Fraction(1, 3), np.float16(1.5)]
)
def test_fractions_are_no_whole_numbers(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^n: expected a whole number, got "):
        as_whole_number(value, "n")


def test_the_label_of_a_bool_mask_is_told() -> None:
    with pytest.raises(TypeError, match="the label of a bool mask is 1"):
        fastseg.evaluate([True, False], [True, True], labels=np.unique([False, True])[1:])


def test_what_stands_for_one_value() -> None:
    one = [1, 1.0, "ab", b"ab", None, np.float32(1), np.array(1), Scalar(1), Decimal(1), Float(1)]
    several = [[1], (1,), {1}, {1: 1}, np.array([1]), Scalar(1, (1,)), range(1), iter([1])]
    assert [is_scalar(value) for value in one] == [True] * len(one)
    assert [is_scalar(value) for value in several] == [False] * len(several)


def test_what_is_shown_is_short_and_in_one_line() -> None:
    assert shown(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"
    assert len(shown("x" * 1000)) == 80


# ---------------------------------------------------------------------------- every argument

MAP = np.zeros((6, 7, 8), np.uint8)
MAP[1:4, 2:5, 2:6] = 1
MAP[4, 4, 4] = 2


@pytest.mark.parametrize("two", TWO.values(), ids=TWO)
def test_every_option_takes_it_and_settings_are_plain(two: Any) -> None:
    maps = MAP, np.roll(MAP, 1, 0)
    calls: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"tolerance": two}, {"tolerance": 2}),
        ({"tolerance": {1: two, "default": two}}, {"tolerance": {1: 2, "default": 2}}),
        ({"ignore_label": two}, {"ignore_label": 2}),
        ({"labels": [1, two]}, {"labels": [1, 2]}),
        ({"labels": {"a": [1, two]}}, {"labels": {"a": [1, 2]}}),
        ({"empty": {"hd95": two}}, {"empty": {"hd95": 2}}),
        (
            {"empty": {"hd95": {"both": two, "one": "nan"}}},
            {"empty": {"hd95": {"both": 2, "one": "nan"}}},
        ),
        ({"spacing": [1, two, two]}, {"spacing": [1, 2, 2]}),
    ]
    if not isinstance(two, np.ndarray):  # which cannot be a key
        calls += [
            ({"tolerance": {two: 3, "default": 1}}, {"tolerance": {2: 3, "default": 1}}),
            ({"labels": {two: "a"}}, {"labels": {2: "a"}}),
        ]
    if np.ndim(two) == 0:  # else it is a region of one label
        calls += [
            ({"labels": {"a": two}}, {"labels": {"a": 2}}),
            (
                {"labels": {"a": {"reference": 1, "prediction": two}}},
                {"labels": {"a": {"reference": 1, "prediction": 2}}},
            ),
        ]
    for given_options, plain in calls:
        found, expected = (
            fastseg.evaluate(*maps, **options, metrics=["dice", "nsd", "boundary_iou"])
            for options in (given_options, plain)
        )
        assert found == expected, plain
        assert json.loads(json.dumps(found.settings)) == json.loads(json.dumps(expected.settings))
    distances = fastseg.surface_distances(*maps, spacing=[1, two, two])
    assert distances.nsd(two) == distances.nsd(2)
    assert distances.hausdorff(two) == distances.hausdorff(2)
    shape = np.shape(two) if isinstance(two, np.ndarray) else getattr(two, "shape", ())
    if shape == ():
        assert fastseg.evaluate(*maps, spacing=two) == fastseg.evaluate(*maps, spacing=2)
    assert (fastseg.surface(MAP, connectivity=two) == fastseg.surface(MAP, connectivity=2)).all()
    rows = fastseg.confusion_matrix(*maps, labels=[1, two])
    assert (rows == fastseg.confusion_matrix(*maps, labels=[1, 2])).all()


@pytest.mark.parametrize("value", [v for k, v in NO_NUMBERS.items() if k not in ("list", "tuple")])
def test_every_option_refuses_it(value: Any) -> None:
    options: list[dict[str, Any]] = [
        {"tolerance": {1: value, "default": 1}},
        {"ignore_label": value},
        {"labels": [value]},
        {"spacing": [1, 1, value]},
        {"empty": {"hd95": {"both": value, "one": 0}}},
    ]
    for option in options:
        if value is None and "ignore_label" in option:
            continue
        with pytest.raises((TypeError, ValueError)) as caught:
            fastseg.evaluate(MAP, MAP, **option)
        assert isinstance(caught.value, FastsegError), option


def test_regions_come_in_any_container() -> None:
    expected = fastseg.evaluate(MAP, MAP, labels={"both": (1, 2)})
    for region in ([1, 2], range(1, 3), {1: 0, 2: 0}.keys(), iter([1, 2]), np.array([1.0, 2.0])):
        assert fastseg.evaluate(MAP, MAP, labels={"both": region}) == expected
