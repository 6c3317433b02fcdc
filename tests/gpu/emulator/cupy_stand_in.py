"""A module that stands in for `cupy` on a machine without a GPU, and runs kernels on the emulator.

It has what the launchers and the backend use, with CuPy's behaviour, and checks what CuPy does not:
the number and the exact types of a kernel's arguments, contiguity, memory that nobody wrote.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.gpu.emulator.device_array import Device, call, empty, ndarray, put, wrap
from tests.gpu.emulator.launch import Engine, Kernel
from tests.gpu.emulator.memory import holding

# Functions that do in CuPy what they do in NumPy, as far as fastseg goes.
SAME_AS_NUMPY = (
    "arange", "zeros", "ones", "full", "zeros_like", "ones_like", "full_like",
    "cumsum", "nonzero", "flatnonzero", "where", "concatenate", "stack", "minimum", "maximum",
    "sqrt", "searchsorted", "unique", "bincount", "argsort", "sort", "any", "all", "count_nonzero",
    "array_equal", "abs", "isnan", "isfinite", "diff", "moveaxis", "transpose", "broadcast_to",
    "sum", "min", "max", "expand_dims", "take", "packbits", "unpackbits", "logical_and",
    "logical_or", "logical_not", "square", "floor", "ceil", "rint", "percentile",
    "bool_", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32",
    "float64", "dtype", "inf", "nan", "newaxis", "iinfo", "finfo", "pad", "ravel",
)  # fmt: skip


class RawModule:
    """CUDA source, compiled for whatever engine the stand-in runs on when a kernel is launched."""

    def __init__(self, *, code: str, options: tuple[str, ...] = (), **unknown: Any) -> None:
        if unknown:
            raise TypeError(f"the stand-in's RawModule does not know {sorted(unknown)}")
        self.code, self.options = module.edit(code), tuple(options)

    def get_function(self, name: str) -> Kernel:
        return Kernel(self.code, self.options, name, module)


def asarray(values: Any, dtype: Any = None, order: str = "K", *, blocking: bool = False) -> ndarray:
    """What is on the device stays there."""
    if isinstance(values, ndarray):
        return values if dtype in (None, values.dtype) else values.astype(dtype)
    if hasattr(values, "__cuda_array_interface__"):
        return from_interface(values.__cuda_array_interface__)
    return put(np.asarray(values, dtype), order or "K")


def array(values: Any, dtype: Any = None, copy: bool = True, order: str = "K") -> ndarray:
    if isinstance(values, ndarray):
        converted: ndarray = values.astype(values.dtype if dtype is None else dtype, copy=copy)
        return converted
    return asarray(values, dtype, order)


def ascontiguousarray(values: Any, dtype: Any = None) -> ndarray:
    given = asarray(values, dtype)
    return given if given.flags.c_contiguous else given.copy(order="C")


def asnumpy(values: Any) -> np.ndarray:
    return values.get() if isinstance(values, ndarray) else np.asarray(values)


def empty_like(values: ndarray, dtype: Any = None) -> ndarray:
    return empty(values.shape, values.dtype if dtype is None else dtype)


def from_interface(interface: dict[str, Any]) -> ndarray:
    """Another library's device array, without a copy."""
    holder = types.SimpleNamespace(__array_interface__={**interface, "version": 3})
    raw = np.asarray(holder)
    return ndarray(raw, holding(interface["data"][0]))


def from_dlpack(values: Any) -> ndarray:
    if values.__dlpack_device__()[0] != 2:
        raise TypeError(
            "CPU arrays cannot be directly imported to CuPy. Use `cupy.array(numpy.from_dlpack(input))`."
        )
    capsule = types.SimpleNamespace(__dlpack__=values.__dlpack__, __dlpack_device__=lambda: (1, 0))
    shared: ndarray = wrap(np.from_dlpack(capsule))
    return shared


class Stream:
    """Everything has happened when a launch returns."""

    def synchronize(self) -> None:
        pass

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _make() -> Any:
    made: Any = types.ModuleType("cupy", __doc__)
    for value in (RawModule, ndarray, asarray, array, ascontiguousarray, asnumpy, empty, empty_like,
                  from_dlpack):  # fmt: skip
        setattr(made, value.__name__, value)
    for name in SAME_AS_NUMPY:
        known = getattr(np, name)
        numpy_function = callable(known) and not isinstance(known, type)
        setattr(made, name, _on_the_device(known) if numpy_function else known)
    null = Stream()
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError, runtimeGetVersion=lambda: 12090
    )
    made.cuda = types.SimpleNamespace(
        Device=Device, runtime=runtime, is_available=lambda: True, Stream=types.SimpleNamespace(null=null),
        get_current_stream=lambda: null,
    )  # fmt: skip
    made.get_array_module = lambda *arrays: (
        made if any(isinstance(a, ndarray) for a in arrays) else np
    )
    made.__version__ = "0 (stand-in)"
    made.__path__ = []
    made.engine = Engine()
    made.launches = []
    made.edit = lambda code: code  # what test_mutations.py replaces
    return made


def _on_the_device(function: Any) -> Any:
    def apply(*args: Any, **kwargs: Any) -> Any:
        return call(function, *args, **kwargs)

    apply.__name__ = function.__name__
    return apply


module = _make()

# Modules that import cupy: what one engine made must not be met by what another or none makes.
_IMPORTERS = ("fastseg_kernels.gpu", "fastseg.backends.cupy")


def _forget_importers() -> dict[str, types.ModuleType]:
    forgotten = {}
    for name in [n for n in sys.modules if n.startswith(_IMPORTERS)]:
        forgotten[name] = sys.modules.pop(name)
        parent, _, child = name.rpartition(".")
        if child in vars(sys.modules.get(parent, types)):
            delattr(sys.modules[parent], child)
    return forgotten


@contextlib.contextmanager
def emulated(engine: Engine | None = None) -> Iterator[types.ModuleType]:
    """`import cupy` gives the stand-in, and its kernels run on `engine`, within the block."""
    before = sys.modules.get("cupy")
    engine_before, module.engine = module.engine, engine or Engine()
    module.launches.clear()
    nested = before is module
    if not nested:
        _forget_importers()
    sys.modules["cupy"] = module
    try:
        yield module
    finally:
        module.engine = engine_before
        if not nested:
            _forget_importers()
            del sys.modules["cupy"]
            if before is not None:
                sys.modules["cupy"] = before


__all__ = ["Engine", "emulated", "module"]
