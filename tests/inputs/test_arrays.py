"""What arguments become, and what people are told of those that cannot become anything."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fastseg
from fastseg.inputs import arrays, choices, whole_numbers
from tests.oracle import hard_cases as volumes

Array = NDArray[Any]

HUGE = 2**63


class Tensor:
    """What torch and JAX offer: memory that NumPy can share, or a reason why not."""

    def __init__(self, values: Array, error: Exception | None = None) -> None:
        self.values, self.error = values, error

    def __dlpack__(self, **options: Any) -> Any:
        if self.error:
            raise self.error
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.values.__dlpack_device__()


# ---------------------------------------------------------------------------- arrays


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (None, TypeError, "expected an array, got NoneType None"),
        ("scan.nii.gz", TypeError, "expected an array, got str 'scan.nii.gz'"),
        (b"abc", TypeError, "expected an array, got bytes b'abc'"),
        ([[1], [1, 2]], TypeError, "list is not an array"),
        ({1: 2}, TypeError, "got dtype object from a dict"),
        ({1, 2}, TypeError, "got dtype object from a set"),
        (["a", "b"], TypeError, "got dtype <U1 from a list"),
        (np.zeros(3, complex), TypeError, "got dtype complex128 from a ndarray"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "got dtype datetime64"),
        (np.zeros(3, [("a", int)]), TypeError, "got dtype .*'a'"),
        (np.array([None, 1]), TypeError, "got dtype object from a ndarray"),
        ([2**70], ValueError, "beyond 64 bits"),
        ([-(2**70)], ValueError, "beyond 64 bits"),
        (np.array([1, 2], object), TypeError, "got dtype object from a ndarray"),
        (3, ValueError, "at least one axis, got a single number"),
        (np.float64(3), ValueError, "at least one axis, got a single number"),
        ([], ValueError, r"empty \(shape \(0,\)\)"),
        (np.zeros((3, 0, 2)), ValueError, r"empty \(shape \(3, 0, 2\)\)"),
    ],
)
def test_what_is_no_array(value: object, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=f"^volume: .*{told}"):
        arrays.as_array(value, "volume")


def test_a_masked_array_is_not_taken_as_if_it_had_no_mask() -> None:
    masked = np.ma.masked_equal(np.array([1, 2, 2]), 2)
    with pytest.raises((TypeError, ValueError), match=r"^volume: .*mask"):
        arrays.as_array(masked, "volume")


def test_lists_and_tensors_are_arrays() -> None:
    assert_array_equal(arrays.as_array([[1, 2], [3, 4]], "volume"), [[1, 2], [3, 4]])
    values = np.arange(6.0).reshape(2, 3)
    shared = arrays.as_array(Tensor(values), "volume")
    assert np.shares_memory(shared, values)
    assert arrays.as_array(values, "volume") is values


@pytest.mark.parametrize("error", [BufferError, RuntimeError, TypeError, ValueError])
def test_a_tensor_that_cannot_be_shared(error: type[Exception]) -> None:
    tensor = Tensor(np.ones(3), error("it is on a GPU"))
    with pytest.raises(
        TypeError, match=r"^volume: a .*Tensor .*it is on a GPU.*move it to the CPU"
    ):
        arrays.as_array(tensor, "volume")


# ---------------------------------------------------------------------------- label maps


@pytest.mark.parametrize("dtype", [bool, *"bBhHiIlLqQefdg"])
def test_label_maps_keep_their_numbers(dtype: Any) -> None:
    values = np.array([[0, 1], [1, 100]]).astype(dtype)
    for name, array in volumes.layouts(values):
        labels = arrays.as_label_map(array, "labels")
        assert_array_equal(labels, values, err_msg=name)
        assert labels.dtype.kind in "bui"
        assert labels.dtype.isnative
        assert labels.flags.aligned
        if values.dtype.kind != "f":
            assert labels.dtype == values.dtype
            if array.dtype.isnative and array.flags.aligned:
                assert labels is array  # no copy


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (0, 1, np.uint8),
        (0, 255, np.uint8),
        (0, 256, np.uint16),
        (-1, 127, np.int8),
        (-1, 255, np.int16),
        (0, 2**32, np.uint64),
        (-(2**63), 5, np.int64),
        (-1, 2**62, np.int64),
        (0, 2**64 - 2048, np.uint64),
    ],
)
def test_floats_become_the_narrowest_integers(low: int, high: int, dtype: type) -> None:
    values = np.array([float(low), 0.0, -0.0, float(high)])
    labels = arrays.as_label_map(values, "labels")
    assert labels.dtype == dtype
    assert labels.tolist() == [low, 0, 0, high]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_float_label_maps_of_every_layout(dtype: type) -> None:
    values: volumes.Array = np.random.default_rng(0).integers(-3, 4, (5, 6, 7)).astype(dtype)
    for name, array in volumes.layouts(values):
        labels = arrays.as_label_map(array, "labels")
        assert_array_equal(labels, values, err_msg=name)
        assert labels.dtype == np.int8
        if array.flags.f_contiguous:
            assert labels.flags.f_contiguous, name  # what follows reads it in memory order


@pytest.mark.parametrize(
    "place", [0, whole_numbers.PIECE - 1, whole_numbers.PIECE, 2 * whole_numbers.PIECE + 5]
)
@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (np.nan, "NaN.*ignore_label"),
        (np.inf, "to inf go beyond 64 bits"),
        (-np.inf, "from -inf"),
        (0.5, "must be whole numbers, found 0.5"),
        (1e-300, "every value rounds to 0, but not all are 0"),
        (1 - 2e-6, "must be whole numbers, found 0.999998 at index"),
        (2.0**64, "beyond 64 bits"),
        (-(2.0**63) - 2048, "beyond 64 bits"),
    ],
)
def test_floats_that_are_no_labels(bad: float, told: str, place: int) -> None:
    """Wherever they are: the map is gone through in pieces."""
    values = np.zeros(2 * whole_numbers.PIECE + 6)
    values[place] = bad
    for array in (values.reshape(2, -1), values.reshape(-1, 2).T):
        with pytest.raises(ValueError, match=f"^prediction: .*{told}"):
            arrays.as_label_map(array, "prediction")


def test_negative_floats_beside_too_large_ones() -> None:
    with pytest.raises(ValueError, match=r"^labels: .*from -1 to 9\.22337e\+18 go beyond 64 bits"):
        arrays.as_label_map(np.array([-1.0, 2.0**63]), "labels")


def test_one_hot_arrays_are_no_label_maps() -> None:
    told = (
        r"shape \(4, 2, 3, 5\); if it is one-hot, take the argmax over its 4 channels, argmax\(0\)"
    )
    with pytest.raises(ValueError, match=told):
        arrays.as_label_map(np.zeros((4, 2, 3, 5), np.uint8), "reference")


# ---------------------------------------------------------------------------- masks


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, ">i4"])
def test_a_mask_is_what_is_not_zero(dtype: Any) -> None:
    values = np.array([[0, 1], [100, 0]]).astype(dtype)
    mask = arrays.as_mask(values, "mask")
    assert mask.dtype == bool
    assert_array_equal(mask, [[False, True], [True, False]])
    assert (mask is values) == (dtype is bool)
    assert not np.shares_memory(mask, values) or dtype is bool


def test_small_and_negative_numbers_are_inside() -> None:
    assert_array_equal(
        arrays.as_mask([-1.0, 1e-300, -0.0, np.inf, 0.5], "mask"), [True, True, False, True, True]
    )


def test_nan_is_neither_inside_nor_outside() -> None:
    with pytest.raises(ValueError, match="^mask: the mask holds NaN"):
        arrays.as_mask(np.array([[0, np.nan]], np.float32), "mask")


# ---------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("first", "second", "hint"),
    [
        ((2, 3), (2, 4), ""),
        ((2, 3), (3, 2), "transpose"),
        ((4, 5, 6), (6, 5, 4), "transpose"),
        ((4, 5, 6), (3, 4, 5, 6), "one-hot"),
        ((1, 5), (5, 5), ""),  # never broadcast
        ((5,), (1, 5), r"drop axis 0 of the prediction.*squeeze\(0\)"),
        (
            (1, 4, 5, 6),
            (4, 5, 6),
            r"drop axis 0 of the reference, which has one entry.*squeeze\(0\)",
        ),
        ((4, 5, 6), (4, 5, 6, 1), r"drop axis 3 of the prediction.*\[\.\.\., 0\]"),
        ((4, 5), (1, 1, 4, 5), r"drop axes 0, 1 of the prediction.*squeeze\(\(0, 1\)\)"),
        ((1, 4), (1, 1, 4), r"drop axis 0 of the prediction"),
        ((4, 5, 6), (4, 5, 6, 3), r"argmax over its 3 channels, argmax\(3\)"),
        ((4, 5), (3, 7, 8), "the prediction has 3 axes and the other 2"),
    ],
)
def test_shapes_that_differ(first: Any, second: Any, hint: str) -> None:
    told = f"got {re.escape(str(first))} and {re.escape(str(second))}.*{hint}"
    with pytest.raises(ValueError, match=told) as caught:
        arrays.check_same_shape(np.zeros(first), np.zeros(second))
    assert hint or ";" not in str(caught.value)


# ---------------------------------------------------------------------------- spacing


@pytest.mark.parametrize(
    ("given_spacing", "expected"),
    [
        (None, (1.0, 1.0)),
        (3, (3.0, 3.0)),
        (0.7, (0.7, 0.7)),
        (np.float32(0.5), (0.5, 0.5)),
        ((1, 2), (1.0, 2.0)),
        ([0.1, 5], (0.1, 5.0)),
        (np.array([1.5, 2]), (1.5, 2.0)),
        ((1e-99, 1e99), (1e-99, 1e99)),
        (np.array(2), (2.0, 2.0)),
        (np.array([2], np.float32)[0], (2.0, 2.0)),
        ([np.array(0.5), np.float16(2)], (0.5, 2.0)),
        (range(1, 3), (1.0, 2.0)),
        ((Decimal("0.7"), Fraction(1, 4)), (0.7, 0.25)),
    ],
)
def test_forms_of_spacing(given_spacing: Any, expected: tuple[float, ...]) -> None:
    spacing = arrays.as_spacing(given_spacing, 2)
    assert spacing == expected
    assert [type(step) for step in spacing] == [float, float]


@pytest.mark.parametrize(
    ("spacing", "error", "told"),
    [
        ((1, 2, 3), ValueError, r"each of the 2 array axes, got \(1, 2, 3\)"),
        ((1,), ValueError, r"each of the 2 array axes, got \(1,\)"),
        ([], ValueError, r"each of the 2 array axes, got \[\]"),
        ([[1, 2]], ValueError, r"each of the 2 array axes, got \[\[1, 2\]\]"),
        ((0, 1), ValueError, r"finite positive numbers, got \(0, 1\)"),
        ((1, -2), ValueError, r"finite positive numbers, got \(1, -2\)"),
        ((np.nan, 1), ValueError, r"finite positive numbers, got \(nan, 1\)"),
        ((1, np.inf), ValueError, r"finite positive numbers, got \(1, inf\)"),
        (0, ValueError, "finite positive numbers, got 0"),
        ([None, 1], TypeError, r"\[None, 1\]"),
        ((1e-101, 1), ValueError, r"\(1e-101, 1\) is out of any scale"),
        ((1e101, 1), ValueError, r"\(1e\+101, 1\) is out of any scale"),
        ("isotropic", TypeError, "expected 2 numbers, got the text 'isotropic'"),
        ((True, 1), TypeError, r"expected 2 numbers, got \(True, 1\)"),
        (True, TypeError, "expected 2 numbers, got True"),
        ({1.0, 2.0}, TypeError, "expected 2 numbers, got {"),
        (iter([1, 2]), TypeError, "expected 2 numbers, got <"),
        (np.array([[1, 2]]), ValueError, "each of the 2 array axes"),
        (np.array(["1", "2"]), TypeError, "expected 2 numbers"),
        (["a", "b"], TypeError, r"expected 2 numbers, got \['a', 'b'\]"),
        (["1", "2"], TypeError, r"expected 2 numbers, got \['1', '2'\]"),
        ((1, (2, 3)), TypeError, r"expected 2 numbers, got \(1, \(2, 3\)\)"),
        ({"x": 1, "y": 2}, TypeError, "expected 2 numbers, got {'x': 1, 'y': 2}"),
        (1j, TypeError, "expected 2 numbers, got 1j"),
        (np.array([1 + 2j, 1]), TypeError, "expected 2 numbers, got"),
        (10**400, (TypeError, ValueError), "spacing: "),
    ],
)
def test_what_is_no_spacing(spacing: Any, error: Any, told: str) -> None:
    with pytest.raises(error, match=told) as caught:
        arrays.as_spacing(spacing, 2)
    assert str(caught.value).startswith("spacing: ")


# ---------------------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        (np.uint8, np.uint8, np.uint8),
        (bool, np.uint8, np.uint8),
        (bool, np.int8, np.int8),
        (np.uint8, np.int8, np.int16),
        (np.uint32, np.int32, np.int64),
        (np.uint64, np.uint8, np.uint64),
        (np.uint64, np.int64, np.uint64),
        (np.int8, np.uint64, np.uint64),
    ],
)
def test_matched_dtypes_hold_both(first: type, second: type, common: type) -> None:
    pair: tuple[volumes.Array, volumes.Array] = (
        np.array([[0, 1], [1, 1]]).astype(first),
        np.array([[1, 0], [1, 1]]).astype(second),
    )
    matched = arrays.matched(*pair)
    for array, original in zip(matched, pair, strict=True):
        assert array.dtype == common
        assert_array_equal(array, original)


def test_signed_beside_64_unsigned_bits() -> None:
    """NumPy's common type would be float64, in which 2**53 and 2**53 + 1 are one."""
    near = np.array([2**53, 2**53 + 1], np.uint64)
    matched = arrays.matched(near, np.array([-1, 2**53 + 1]))
    assert [array.dtype for array in matched] == [np.int64, np.int64]
    assert matched[0].tolist() == near.tolist()
    above = np.array([HUGE + 5, 1], np.uint64)
    matched = arrays.matched(np.array([1, 2]), above)
    assert [array.dtype for array in matched] == [np.uint64, np.uint64]
    assert matched[1].tolist() == above.tolist()


@pytest.mark.parametrize(("large", "name"), [(0, "reference"), (1, "prediction")])
def test_labels_above_2_to_63_beside_negative_ones(large: int, name: str) -> None:
    pair: list[Array] = [np.array([-1, 0]), np.array([-1, 0])]
    pair[large] = np.array([HUGE, 0], np.uint64)
    with pytest.raises(ValueError, match=rf"^{name}: labels above 2\^63 beside negative"):
        arrays.matched(*pair)


@pytest.mark.parametrize("shape", [(7,), (3, 4), (3, 4, 5), (1, 4, 1)])
def test_matched_layouts_are_contiguous_in_one_order(shape: tuple[int, ...]) -> None:
    first = np.arange(np.prod(shape)).reshape(shape)
    for (name, a), (other, b) in [
        (one, two) for one in volumes.layouts(first) for two in volumes.layouts(first + 1)
    ]:
        if not (a.dtype.isnative and b.dtype.isnative and a.flags.aligned and b.flags.aligned):
            continue  # as_label_map has been there before
        matched = arrays.matched(a, b)
        assert_array_equal(matched, [first, first + 1], err_msg=f"{name}, {other}")
        assert all(array.flags.c_contiguous for array in matched) or all(
            array.flags.f_contiguous for array in matched
        )


@given(st.lists(st.integers(-(2**63), 2**64 - 1), min_size=2, max_size=2))
def test_matched_never_changes_a_label(labels: list[int]) -> None:
    pair = [np.array([label]) for label in labels]
    try:
        matched = arrays.matched(*pair)
    except ValueError:
        assert min(labels) < 0
        assert max(labels) >= HUGE
    else:
        assert [int(array[0]) for array in matched] == labels
        assert matched[0].dtype == matched[1].dtype


# ---------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("wrong", "known", "told"),
    [
        ("dicee", ["dice", "iou"], "did you mean 'dice'?"),
        ("hd9", ["hd95", "hd99", "nsd"], "did you mean 'hd99' or 'hd95'?"),
        ("xyz", ["dice", "iou"], "known: dice, iou"),
        (7, [1, 2], "known: 1, 2"),
        ("xyz", [], "known: none"),
        ("xyz", range(100, 141), f"known: {', '.join(map(str, range(100, 140)))}, …"),
    ],
)
def test_did_you_mean(wrong: object, known: Any, told: str) -> None:
    assert choices.did_you_mean(wrong, known) == told


@pytest.mark.parametrize(
    "function", [fastseg.confusion_matrix, fastseg.surface_distances, fastseg.evaluate]
)
def test_the_argument_is_named(function: Any) -> None:
    """The second of two arguments is the prediction, in every function that takes two."""
    good = np.ones((3, 3), np.uint8)
    with pytest.raises(TypeError, match="^reference: "):
        function(None, good)
    with pytest.raises(TypeError, match="^prediction: "):
        function(good, good.astype(complex))
    with pytest.raises(ValueError, match=r"got \(3, 3\) and \(2, 3\)"):
        function(good, good[:2])
