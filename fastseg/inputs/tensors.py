"""Arrays of other libraries: how they are shared, what their short floats become, and what helps where neither works.

No library is imported for it: an array is known by what it has.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from fastseg.errors import InputTypeError

# Types that NumPy has no name for; torch, JAX and ml_dtypes have. Each is exact in the wider one.
_SHORT_FLOATS = re.compile(r"(torch\.)?(bfloat16|float[468]_\w+)")
_SHORT_INTEGERS = re.compile(r"(torch\.)?(u?)int[1-7]")


def widened(value: Any, name: str) -> Any:
    """Give an array of a type that NumPy does not know, bfloat16 or float8 say, in one that holds the same numbers.

    Anything else is returned as it is.

    Raises
    ------
    TypeError
        If the array's own library cannot convert it.
    """
    dtype = str(getattr(value, "dtype", ""))
    floats, integers = _SHORT_FLOATS.fullmatch(dtype), _SHORT_INTEGERS.fullmatch(dtype)
    if floats is None and integers is None:
        return value
    wider = "float32" if floats else f"{integers[2] if integers else ''}int8"
    try:
        if floats and callable(getattr(value, "float", None)):  # torch
            return value.float()
        return value.astype(wider)
    except Exception as error:  # of any library
        raise InputTypeError(
            f"{name}: a {kind_of(value)} of {dtype} could not be converted to {wider} ({error!s:.120}); "
            f"convert it first, to {wider} or to whole numbers"
        ) from error


def kind_of(value: object) -> str:
    """Name the type of an array of another library."""
    return f"{type(value).__module__}.{type(value).__name__}"


def shared(value: Any, name: str) -> Any:
    """Take a tensor in CPU memory as a NumPy array, without a copy.

    Raises
    ------
    TypeError
        If it cannot be shared; the message says what helps.
    """
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        raise cannot_be_shared(value, name, "NumPy", error) from error


def cannot_be_shared(value: Any, name: str, library: str, error: Exception) -> InputTypeError:
    """Make the error for a tensor that cannot be shared with NumPy or CuPy."""
    reason = " ".join(str(error).split())[:160]
    return InputTypeError(
        f"{name}: a {kind_of(value)} could not be shared with {library} ({reason}); {_advice(value, library)}"
    )


def _advice(value: Any, library: str) -> str:
    """Say what makes a tensor one that can be shared, by what it says of itself."""

    def has(attribute: str) -> bool:
        try:
            return getattr(value, attribute, False) is True
        except Exception:  # an attribute that some kinds of a library's tensors do not have
            return False

    if has("is_meta"):
        return "it has a shape but no values: load or compute them on a real device first"
    if has("is_sparse") or has("is_sparse_csr") or "sparse" in str(getattr(value, "layout", "")):
        return "make it dense first, with to_dense()"
    if has("is_quantized"):
        return "take its whole numbers first, with int_repr(), or its values with dequantize()"
    if has("requires_grad"):
        return "detach it first, with detach()"
    if library == "CuPy":
        return "detach it first if it is part of a gradient, or copy it to CPU memory"
    device = str(getattr(value, "device", ""))
    if device.startswith("cpu"):
        return f"convert it to a type that NumPy knows first (its dtype is {getattr(value, 'dtype', 'unknown')})"
    return "move it to the CPU first, and detach it if it is part of a gradient"
