"""Arrays on a GPU: what one is, and the same checks at the door. Imports CuPy only once it has met such an array."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fastseg.errors import InputTypeError
from fastseg.inputs.tensors import cannot_be_shared, kind_of

DeviceArray = Any  # cupy.ndarray

INSTALL = (
    'pip install "fastseg-metrics[cuda12]" (or [cuda13], by the CUDA version that nvidia-smi shows)'
)

#: how an array is copied from a GPU, for whoever refuses one
COPY = "array.get() of CuPy, tensor.cpu() of torch"

_GPU_KINDS = (2, 10, 13)  # DLPack's codes for CUDA, ROCm and CUDA managed memory


def is_on_device(value: object) -> bool:
    """Tell whether this is an array on a GPU: CuPy's, or one that shares CUDA memory, as torch's and JAX's do."""
    cupy = sys.modules.get("cupy")
    if isinstance(value, getattr(cupy, "ndarray", ())):
        return True
    if isinstance(value, np.ndarray):
        return False
    kind = getattr(value, "__dlpack_device__", None)
    if callable(kind):
        try:
            return kind()[0] in _GPU_KINDS
        except (BufferError, RuntimeError, TypeError, ValueError, NotImplementedError):
            return False  # a device that cannot share, as torch's "meta": what is said of it comes with the sharing
    return hasattr(value, "__cuda_array_interface__")


def as_device_array(value: Any, name: str) -> DeviceArray:
    """Take an array on a GPU as a CuPy array, without a copy.

    Raises
    ------
    TypeError
        Without CuPy, and for what cannot be shared, such as a tensor that is part of a gradient.
    """
    kind = kind_of(value)
    try:
        import cupy
    except ImportError as error:
        raise InputTypeError(
            f"{name}: a {kind} on a GPU needs CuPy, which is not available here ({type(error).__name__}: {error}); "
            f"{INSTALL}, or copy the array to CPU memory first ({COPY})"
        ) from error
    if isinstance(value, cupy.ndarray):
        return value
    try:
        return cupy.from_dlpack(value) if hasattr(value, "__dlpack__") else cupy.asarray(value)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        raise cannot_be_shared(value, name, "CuPy", error) from error


def check_in_cpu_memory(value: Any, name: str, what: str) -> None:
    """Raise for an array on a GPU where there are kernels for CPU memory alone.

    Parameters
    ----------
    value : object
    name : str
        What the caller knows it as.
    what : str
        What is evaluated of it, as in "instances".

    Raises
    ------
    InputTypeError
        That says how to copy it; nothing is copied in silence.
    """
    if not isinstance(value, np.ndarray) and is_on_device(value):
        raise InputTypeError(
            f"{name}: {what} are evaluated in CPU memory, and this array is on a GPU; copy it ({COPY})"
        )


def memory_of(array: Any) -> str:
    """Tell where an array lies: "cpu" or "cuda"."""
    return "cuda" if is_on_device(array) else "cpu"


def to_memory(array: Any, memory: str) -> Any:
    """Bring an array into a memory, "cpu" or "cuda": as it is if it lies there, else a copy in its memory order."""
    if memory_of(array) == memory:
        return array
    import cupy

    if memory == "cuda":
        return cupy.asarray(array)
    transposed = array.flags.f_contiguous and not array.flags.c_contiguous
    return cupy.asnumpy(array.T).T if transposed else cupy.asnumpy(array)
