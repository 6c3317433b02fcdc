"""What an argument is: arrays, label maps, masks, spacings; checked once, at the door."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.device import as_device_array, is_on_device

Array = NDArray[Any]  # or CuPy's, which has the same methods
Spacing = tuple[float, ...]
Box = tuple[slice, ...]  # along each axis, with a start and a stop

# Narrowest first: what a float label map is converted to.
_INTEGERS = tuple(np.dtype(f"{kind}{size}") for size in (1, 2, 4, 8) for kind in ("u", "i"))

# Floats are checked and converted this many at a time, so that the pieces stay in the second-level cache:
# whole-array temporaries of a map of 10⁸ voxels take six times as long.
_PIECE = 1 << 16


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
    if isinstance(value, np.ndarray):
        array: Array = value
    elif is_on_device(value):
        array = as_device_array(value, name)
    elif hasattr(value, "__dlpack__"):
        try:
            array = np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise InputTypeError(
                f"{name}: a {type(value).__module__}.{type(value).__name__} could not be shared with NumPy "
                f"({error}); move it to the CPU and detach it first"
            ) from error
    elif isinstance(value, (str, bytes)) or value is None:
        raise InputTypeError(f"{name}: expected an array, got {type(value).__name__} {value!r:.80}")
    else:
        try:
            array = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise InputTypeError(
                f"{name}: {type(value).__name__} is not an array ({error})"
            ) from error
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


def _native(array: Array) -> Array:
    """Bring the array to the machine's byte order and alignment."""
    flags: Any = array.flags  # CuPy's arrays know no other
    if array.dtype.isnative and getattr(flags, "aligned", True):
        return array
    return array.astype(array.dtype.newbyteorder("="))


def _pieces(array: Array) -> tuple[Array, list[slice]]:
    """Give a one-dimensional view (or copy) in memory order, and the pieces to go through it in."""
    flat = array.reshape(-1, order="A") if is_contiguous(array) else array.ravel(order="K")
    return flat, [slice(i, i + _PIECE) for i in range(0, flat.size, _PIECE)]


def is_contiguous(array: Array) -> bool:
    """Tell whether the array is contiguous in C or Fortran order."""
    return bool(array.flags.c_contiguous or array.flags.f_contiguous)


def _integers_for(low: float, high: float, name: str) -> np.dtype[Any]:
    """Find the narrowest integer type for labels from `low` to `high`."""
    if np.isnan(low) or np.isnan(high):
        raise InputError(
            f"{name}: the label map holds NaN; labels are whole numbers, so mark voxels to leave out with a label "
            "and pass it as ignore_label"
        )
    if low < -(2.0**63) or high >= 2.0**64 or (low < 0 and high >= 2.0**63):
        raise InputError(
            f"{name}: labels from {low:g} to {high:g} go beyond 64 bits; renumber them"
        )
    return next(
        dtype
        for dtype in _INTEGERS
        if np.iinfo(dtype).min <= low and high <= int(np.iinfo(dtype).max)
    )


def _fraction(wrong: float, name: str) -> InputError:
    return InputError(
        f"{name}: labels must be whole numbers, found {wrong:g}; probabilities or resampled maps need a "
        "threshold or an argmax first"
    )


def _whole_numbers_on_device(array: Array, name: str) -> Array:
    """Turn a float array on a GPU into whole numbers, all of it at once."""
    whole = array.astype(_integers_for(float(array.min()), float(array.max()), name))
    differs = whole != array
    if differs.any():
        raise _fraction(float(array[differs][0]), name)
    return whole


def _whole_numbers(array: Array, name: str) -> Array:
    """Turn a float array into the narrowest integer type that holds its labels, in the same memory order."""
    if not is_contiguous(array):
        array = (
            np.asfortranarray(array)
            if array.strides[0] < array.strides[-1]
            else np.ascontiguousarray(array)
        )
    flat, pieces = _pieces(array)
    # np.min, not min: it passes NaN on
    low = float(np.min([flat[piece].min() for piece in pieces]))
    high = float(np.max([flat[piece].max() for piece in pieces]))
    dtype = _integers_for(low, high, name)
    whole = np.empty(flat.shape, dtype)
    for piece in pieces:
        whole[piece] = flat[piece]
        if not np.array_equal(whole[piece], flat[piece]):
            raise _fraction(flat[piece][whole[piece] != flat[piece]][0], name)
    return whole.reshape(array.shape, order="F" if not array.flags.c_contiguous else "C")


def as_label_map(value: object, name: str) -> Array:
    """Take a label map: bool or integers as they are, floats if they are whole numbers.

    Returns
    -------
    ndarray of bool or integers, 1-D to 3-D, native byte order

    Raises
    ------
    TypeError, ValueError
        See :func:`as_array`; also for NaN, fractions, labels beyond 64 bits, and more than three axes.
    """
    array = _native(as_array(value, name))
    if array.ndim > 3:
        raise InputError(
            f"{name}: expected a label map of 1 to 3 axes, got shape {array.shape}; a one-hot array needs an argmax "
            "over its channels, a batch one call for each of its cases"
        )
    if array.dtype.kind != "f":
        return array
    return (_whole_numbers_on_device if is_on_device(array) else _whole_numbers)(array, name)


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
    hint = ""
    if sorted(reference.shape) == sorted(prediction.shape):
        hint = "; the axes seem to be in another order (x, y, z against z, y, x?): transpose one of them"
    elif len(reference.shape) != len(prediction.shape):
        hint = "; a one-hot array needs an argmax over its channels first"
    raise InputError(
        f"reference and prediction must have one shape, got {reference.shape} and {prediction.shape}{hint}"
    )


def _check_same_memory(reference: Any, prediction: Any) -> None:
    places = [
        f"on GPU {side.device.id}" if is_on_device(side) else "in CPU memory"
        for side in (reference, prediction)
    ]
    if places[0] != places[1]:
        raise InputTypeError(
            f"reference and prediction must lie in one memory, the reference is {places[0]} and the prediction "
            f"{places[1]}; copy one of them to where the other is"
        )


def as_label(value: object, name: str) -> int:
    """Take a label id as a Python integer; a TypeError names the argument."""
    if isinstance(value, (int, np.integer)) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise InputTypeError(f"{name}: labels are whole numbers, got {value!r}")


def as_labels(labels: object, name: str) -> list[int]:
    """Take a list of different label ids.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise InputTypeError(f"{name}: expected label ids, got {labels!r}")
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
    try:
        numbers = np.asarray(spacing)
        if numbers.dtype.kind not in "iuf":
            raise InputTypeError(f"dtype {numbers.dtype}")
        values = numbers.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"{name}: expected {ndim} numbers, got {spacing!r}") from error
    if values.ndim == 0:
        values = np.full(ndim, values)
    if values.shape != (ndim,):
        raise InputError(
            f"{name}: expected one number for each of the {ndim} array axes, got {spacing!r}"
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(f"{name}: expected finite positive numbers, got {spacing!r}")
    if not 1e-100 < values.min() <= values.max() < 1e100:
        raise InputError(
            f"{name}: {spacing!r} is out of any scale; its squares would not be numbers"
        )
    return tuple(float(value) for value in values)


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
