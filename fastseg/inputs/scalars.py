"""The one door for single numbers: Python's, NumPy's, and what arrays and tensors of one element hold.

Whoever takes a number of a caller reads it here, so that what is a number for one argument is one for every other, and
all that goes on from here is a plain ``float`` or ``int``. Nothing is imported for it: an element is asked for by
``item()``, a number by ``__index__`` and ``__float__``. Truth values and text are no numbers.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from fastseg.errors import InputError, InputTypeError

#: The width of a rounding, relative: what differs by no more is one number. The voxel sizes of float32 headers are 6e-8
#: off, those of headers in text with six digits about 5e-7, and values that were resampled some units in the last place
#: of float32.
ROUNDING = 1e-6

#: How far a label may lie from a whole number at most, however large it is.
FARTHEST = 0.1

# Kinds of NumPy's types whose elements are no single numbers, whatever their `item()` gives: times, text, records.
_NO_NUMBERS = "bcmMSUV"


def shown(value: object, most: int = 80) -> str:
    """Show a value in a message, in one line and cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def is_scalar(value: object) -> bool:
    """Tell whether this stands for one value rather than several: no container, nor an array with axes."""
    if isinstance(value, (str, bytes, int, float, complex, np.generic)) or value is None:
        return True
    shape = getattr(value, "shape", None)
    return shape == () if isinstance(shape, tuple) else not hasattr(value, "__iter__")


def as_number(value: object, name: str, expected: str = "a number") -> float:
    """Take one number, nan and infinities included.

    Parameters
    ----------
    value : object
        A number of Python, NumPy or any other library, or an array or tensor that holds one.
    name : str
        What the caller knows it as.
    expected : str
        What the message says was expected.

    Raises
    ------
    TypeError
        For truth values, text, None, complex numbers, times, and for more than one number.
    ValueError
        For whole numbers too large for a float.

    Examples
    --------
    >>> as_number(np.array(1.5, np.float32), "tolerance")
    1.5
    """
    if type(value) is float:  # most often
        return value
    plain = _plain(value, f"{name}: expected {expected}")
    try:
        return float(plain)
    except OverflowError:
        raise InputError(
            f"{name}: expected {expected}, got {shown(value)}, which is too large"
        ) from None


def as_whole_number(value: object, name: str, expected: str = "expected a whole number") -> int:
    """Take one whole number; a float that is one within rounding counts as it, as in a label map of floats.

    Raises
    ------
    TypeError
        As :func:`as_number`, and for fractions.

    Examples
    --------
    >>> as_whole_number(np.float32(3), "ignore_label")
    3
    """
    if type(value) is int:
        return value
    plain = _plain(value, f"{name}: {expected}")
    if isinstance(plain, int):
        return plain
    if math.isfinite(plain):
        nearest = round(plain)
        if abs(plain - nearest) <= most_rounding(nearest):
            return nearest
    raise InputTypeError(f"{name}: {expected}, got {shown(value)}")


def as_flag(value: object, name: str) -> bool:
    """Take a truth value, and nothing that merely counts as one: the text "no" would be true.

    Raises
    ------
    TypeError
        For anything but True and False, NumPy's included.

    Examples
    --------
    >>> as_flag(np.True_, "strict")
    True
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise InputTypeError(f"{name}: expected True or False, got {shown(value)}")


def most_rounding(whole: Any) -> Any:
    """Tell how far a float may lie from a whole number, or floats from whole numbers, to count as them."""
    return np.minimum(ROUNDING * np.maximum(1, abs(whole)), FARTHEST)


def as_tolerance(value: object, name: str = "tolerance") -> float:
    """Take a tolerance: a finite number that is not negative."""
    number = as_number(value, name)
    if not (math.isfinite(number) and number >= 0):
        raise InputError(
            f"{name}: expected a finite number that is not negative, got {shown(value)}"
        )
    return number


def as_percentile(value: object, name: str = "percentile") -> float:
    """Take a percentile: a number from 0 to 100."""
    number = as_number(value, name, "a number from 0 to 100")
    if not 0 <= number <= 100:
        raise InputError(f"{name}: expected a number from 0 to 100, got {shown(value)}")
    return number


def _plain(value: Any, expected: str) -> int | float:
    """Take the number out of whatever holds it; `expected` begins the message where there is none."""
    number = _element(value, expected)
    if isinstance(number, (bool, np.bool_)):
        raise InputTypeError(f"{expected}, got {shown(value)}, a truth value")
    if isinstance(number, (str, bytes, bytearray)):
        raise InputTypeError(f"{expected}, got the text {shown(number)}")
    if not isinstance(number, complex):
        try:
            if hasattr(number, "__index__"):
                return operator.index(number)
            if hasattr(number, "__float__"):
                return _as_float(number)
        except OverflowError as error:
            raise InputError(f"{expected}, got {shown(value)}, which is too large") from error
        except Exception as error:  # of any library
            raise InputTypeError(f"{expected}, got {shown(value)} ({error!s:.120})") from error
    raise InputTypeError(f"{expected}, got {shown(value)}")


def _element(value: Any, expected: str) -> Any:
    """Take the only element of an array, a tensor or a NumPy scalar; anything else is its own."""
    item = getattr(value, "item", None)
    shape = getattr(value, "shape", None)
    if not (callable(item) and isinstance(shape, tuple)):
        return value
    if any(length != 1 for length in shape):
        raise InputTypeError(f"{expected}, got an array of shape {tuple(shape)}")
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise InputTypeError(f"{expected}, got one that is masked")
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", "")
    # the short floats of other packages are of NumPy's kind for records
    is_short = kind == "V" and str(dtype).lstrip("bu").startswith(("float", "int"))
    if (kind and kind in _NO_NUMBERS and not is_short) or str(dtype).endswith("bool"):
        raise InputTypeError(f"{expected}, got {shown(value)} of dtype {dtype}")
    try:
        return item()
    except Exception as error:  # of any library: no values on "meta", an array that was deleted
        raise InputTypeError(
            f"{expected}, but a {type(value).__name__} gives none ({error!s:.120})"
        ) from error


def _as_float(number: Any) -> int | float:
    """Give a decimal, a fraction or a long double as a float, or as the whole number that a float cannot hold."""
    nearest = float(number)
    if nearest.is_integer() and hasattr(number, "__int__"):
        whole = int(number)
        if whole == number:
            return whole
    return nearest
