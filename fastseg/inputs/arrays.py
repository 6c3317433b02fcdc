"""What an argument is: arrays, label maps, masks, spacings; checked once, at the door."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.device import COPY, as_device_array, is_on_device
from fastseg.inputs.scalars import as_number, as_whole_number, is_scalar, shown
from fastseg.inputs.shapes import hint_for_shapes, too_many_axes
from fastseg.inputs.tensors import shared, widened
from fastseg.inputs.whole_numbers import as_whole_numbers

Array = NDArray[Any]  # or CuPy's, which has the same methods
Spacing = tuple[float, ...]
Box = tuple[slice, ...]  # along each axis, with a start and a stop


def as_array(value: object, name: str) -> Array:
    """Take NumPy arrays, array-likes and CPU tensors (DLPack) as a NumPy array without a copy where possible.

    What lies on a GPU stays there, as a CuPy array.

    Raises
    ------
    TypeError
        For text, objects, complex numbers, and for what cannot be shared.
    ValueError
        For arrays without any voxel.
    """
    if not isinstance(value, np.ndarray):
        value = widened(value, name)
    if isinstance(value, np.ndarray):
        array: Array = value
    elif is_on_device(value):
        array = as_device_array(value, name)
    elif hasattr(value, "__dlpack__"):
        array = shared(value, name)
    elif isinstance(value, (str, bytes)) or value is None:
        raise InputTypeError(f"{name}: expected an array, got {type(value).__name__} {value!r:.80}")
    else:
        try:
            array = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise InputTypeError(
                f"{name}: {type(value).__name__} is not an array ({error})"
            ) from error
    if array.dtype.kind not in "biuf":
        array = widened(array, name)
    if isinstance(array, np.ma.MaskedArray):
        raise InputTypeError(
            f"{name}: a masked array leaves open what its masked voxels are; fill it first, with a label of their "
            "own that you pass as ignore_label"
        )
    if array.dtype.kind == "O" and any(isinstance(v, int) and abs(v) >> 63 for v in array.flat):
        raise InputError(f"{name}: labels beyond 64 bits cannot be evaluated; renumber them")
    if array.dtype.kind not in "biuf":
        raise InputTypeError(
            f"{name}: expected an array of bool, integers or floats, got dtype {array.dtype} "
            f"from a {type(value).__name__}"
        )
    if array.ndim == 0:
        raise InputError(f"{name}: expected an array with at least one axis, got a single number")
    if array.size == 0:
        raise InputError(
            f"{name}: the array is empty (shape {array.shape}); there is nothing to measure"
        )
    return array


def is_contiguous(array: Array) -> bool:
    """Tell whether the array is contiguous in C or Fortran order."""
    return bool(array.flags.c_contiguous or array.flags.f_contiguous)


def as_label_map(value: object, name: str, start: tuple[int, ...] | None = None) -> Array:
    """Take a label map: bool or integers as they are, floats if they are whole numbers within rounding.

    Parameters
    ----------
    value : array_like
    name : str
        What messages call it.
    start : tuple of int, optional
        Where in a larger map it begins, if it is a part of one.

    Returns
    -------
    ndarray of bool or integers, 1-D to 3-D, native byte order

    Raises
    ------
    TypeError, ValueError
        See :func:`as_array`; also for NaN, fractions, labels beyond 64 bits, and more than three axes.
    """
    array = as_array(value, name)
    flags: Any = array.flags  # CuPy's arrays know no alignment
    if not (array.dtype.isnative and getattr(flags, "aligned", True)):
        array = array.astype(array.dtype.newbyteorder("="))
    if array.ndim > 3:
        raise too_many_axes(array.shape, name)
    return as_whole_numbers(array, name, start) if array.dtype.kind == "f" else array


def as_mask(value: object, name: str) -> NDArray[np.bool_]:
    """Take a mask: bool as it is, numbers by whether they differ from 0; NaN is an error."""
    array = as_array(value, name)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind == "f" and (array != array).any():
        raise InputError(f"{name}: the mask holds NaN; decide which side those voxels are on first")
    mask: NDArray[np.bool_] = array != 0
    return mask


class Shaped(Protocol):
    """What has a shape: an array, or the source of a label map."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""


def check_same_shape(reference: Shaped, prediction: Shaped) -> None:
    """Raise unless both have one shape and lie in one memory; nothing is ever broadcast or moved in silence."""
    if not (isinstance(reference, np.ndarray) and isinstance(prediction, np.ndarray)):
        _check_same_memory(reference, prediction)
    if reference.shape == prediction.shape:
        return
    raise InputError(
        f"reference and prediction must have one shape, got {reference.shape} and {prediction.shape}"
        f"{hint_for_shapes(reference.shape, prediction.shape)}"
    )


def _check_same_memory(reference: Any, prediction: Any) -> None:
    places = [
        f"on GPU {side.device.id}" if is_on_device(side) else "in CPU memory"
        for side in (reference, prediction)
    ]
    if places[0] != places[1]:
        raise InputTypeError(
            f"reference and prediction must lie in one memory, the reference is {places[0]} and the prediction "
            f"{places[1]}; copy one of them to where the other is ({COPY})"
        )


def as_label(value: object, name: str) -> int:
    """Take a label id as a Python integer; a TypeError names the argument."""
    if isinstance(value, (bool, np.bool_)):
        raise InputTypeError(
            f"{name}: labels are whole numbers, got {value!r}; the label of a bool mask is 1"
        )
    return as_whole_number(value, name, "labels are whole numbers")


def as_labels(labels: object, name: str) -> list[int]:
    """Take a list of different label ids.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable) or is_scalar(labels):
        raise InputTypeError(f"{name}: expected label ids, as in [1, 2], got {shown(labels)}")
    ids = [as_label(label, name) for label in labels]
    if len(set(ids)) != len(ids):
        raise InputError(f"{name}: each label once, got {ids!r:.200}")
    return ids


def as_spacing(
    spacing: float | Sequence[float] | None, ndim: int, name: str = "spacing"
) -> Spacing:
    """Take the size of a voxel along each array axis; None is 1, one number holds for all axes."""
    if spacing is None:
        return (1.0,) * ndim
    expected = f"{ndim} numbers"
    values: Spacing
    if is_scalar(spacing):
        values = (as_number(spacing, name, expected),) * ndim
    else:
        values = _numbers(spacing, ndim, name, expected)
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise InputError(f"{name}: expected finite positive numbers, got {shown(spacing)}")
    if not 1e-100 < min(values) <= max(values) < 1e100:
        raise InputError(
            f"{name}: {shown(spacing)} is out of any scale; its squares would not be numbers"
        )
    return values


def _numbers(given: Any, many: int, name: str, expected: str) -> Spacing:
    """Take so many numbers, of a sequence or of an array or tensor with one axis."""
    if isinstance(given, (Mapping, Set)) or not hasattr(given, "__len__"):
        raise InputTypeError(f"{name}: expected {expected}, got {shown(given)}")
    if getattr(given, "ndim", 1) != 1 or len(given) != many:
        raise InputError(
            f"{name}: expected one number for each of the {many} array axes, got {shown(given)}"
        )
    try:
        return tuple(as_number(value, name, expected) for value in given)
    except InputTypeError as error:
        raise InputTypeError(f"{name}: expected {expected}, got {shown(given)}") from error


def matched(reference: Array, prediction: Array) -> tuple[Array, Array]:
    """Bring two label maps of one shape to one dtype and one memory order, C or Fortran, copying what must be."""
    if reference.dtype != prediction.dtype:
        dtype = np.result_type(reference.dtype, prediction.dtype)
        if dtype.kind == "f":  # uint64 with a signed type: NumPy knows no integer for both
            dtype = (
                np.dtype(np.uint64)
                if min(reference.min(), prediction.min()) >= 0
                else np.dtype(np.int64)
            )
            for array, name in ((reference, "reference"), (prediction, "prediction")):
                if dtype.kind == "i" and int(array.max()) > np.iinfo(np.int64).max:
                    raise InputError(
                        f"{name}: labels above 2^63 beside negative ones go beyond 64 bits; renumber them"
                    )
        reference, prediction = reference.astype(dtype), prediction.astype(dtype)
    if reference.flags.c_contiguous and prediction.flags.c_contiguous:
        return reference, prediction
    if reference.flags.f_contiguous and prediction.flags.f_contiguous:
        return reference, prediction
    if reference.flags.f_contiguous or prediction.flags.f_contiguous:
        return in_order(reference, "F"), in_order(prediction, "F")
    return in_order(reference, "C"), in_order(prediction, "C")


def in_order(array: Array, order: Literal["C", "F"]) -> Array:
    """Bring the array into C or Fortran order, copied only if it is in another one, on the device that it is on."""
    done = array.flags.c_contiguous if order == "C" else array.flags.f_contiguous
    return array if done else array.copy(order=order)
