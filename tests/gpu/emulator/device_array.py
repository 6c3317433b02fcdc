"""The stand-in's arrays: NumPy's behaviour, CuPy's refusals, and reads of what nobody wrote found."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tests.gpu.emulator.memory import Allocation, holding


class ndarray:  # noqa: N801  CuPy's name
    """A device array: a NumPy view of an allocation."""

    __array_priority__ = 100

    def __init__(self, raw: np.ndarray, allocation: Allocation) -> None:
        self.raw = raw
        self.allocation = allocation

    # ------------------------------------------------------------------------- what CuPy refuses

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call(getattr(ufunc, method), *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(function, *args, **kwargs)

    # ------------------------------------------------------------------------- initialisation

    def written(self, byte: int) -> np.ndarray:
        """For each element whether this byte of it has been written; a view."""
        offset = self.raw.__array_interface__["data"][0] - self.allocation.address
        flags = self.allocation.initialised[offset + byte :]
        return as_strided(flags, self.raw.shape, self.raw.strides)

    def _span(self) -> np.ndarray:
        """The same for every byte of a contiguous array."""
        offset = self.raw.__array_interface__["data"][0] - self.allocation.address
        return self.allocation.initialised[offset : offset + self.raw.nbytes]

    def readable(self) -> np.ndarray:
        """The values, all of which must have been written."""
        if self.raw.size and not (self.raw.flags.c_contiguous and self._span().all()):
            for byte in range(self.raw.itemsize):
                if not self.written(byte).all():
                    raise UninitialisedError(
                        f"read of a device array {self.raw.shape} of {self.raw.dtype}, of which "
                        f"{np.count_nonzero(self.written(byte) == 0)} elements were never written"
                    )
        return self.raw

    def mark(self, key: Any = ...) -> None:
        """The elements `key` have been written."""
        if key is ... and self.raw.flags.c_contiguous:
            self._span()[:] = 1
        elif self.raw.size:
            for byte in range(self.raw.itemsize):
                self.written(byte)[key] = 1

    # ------------------------------------------------------------------------- transfers, attributes

    def get(self) -> np.ndarray:
        return self.readable().copy(order="K")

    def item(self) -> Any:
        return self.readable().item()

    def tolist(self) -> Any:
        return self.readable().tolist()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        interface = dict(self.raw.__array_interface__)
        return {**interface, "version": 3, "stream": 1}

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)  # CUDA, the first device

    def __dlpack__(self, *, max_version: tuple[int, int] | None = None, **options: Any) -> Any:
        self.readable()
        return self.raw.__dlpack__(max_version=max_version)

    @property
    def device(self) -> Device:
        return Device(0)

    @property
    def base(self) -> ndarray | None:
        whole = self.raw.nbytes == self.allocation.size
        return None if whole else wrap(self.allocation.bytes)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "flags"):
            return getattr(self.raw, name)
        if name in ("T", "real"):
            return wrap(getattr(self.raw, name))
        if name in ("reshape", "ravel", "view", "transpose", "squeeze", "swapaxes", "flatten"):
            moving = getattr(self.raw, name)
            return lambda *args, **kwargs: self._moved(moving(*args, **kwargs))
        if name in (
            "astype", "copy", "min", "max", "any", "all", "sum", "argmin", "argmax", "cumsum",
            "nonzero", "mean", "prod", "round", "clip", "take", "repeat", "searchsorted",
        ):  # fmt: skip
            method = getattr(np.ndarray, name)
            return lambda *args, **kwargs: call(method, self, *args, **kwargs)
        raise AttributeError(f"the stand-in for cupy.ndarray has no {name!r}")

    def _moved(self, raw: np.ndarray) -> ndarray:
        """The result of a method that copies only if it must."""
        moved: ndarray = wrap(raw)
        if moved.allocation is not self.allocation:
            self.readable()
        return moved

    def fill(self, value: Any) -> None:
        self[...] = value

    def set(self, values: np.ndarray) -> None:
        self.raw[...] = values
        self.mark()

    # ------------------------------------------------------------------------- items, operators

    def __getitem__(self, key: Any) -> ndarray:
        return self._moved(np.asarray(self.raw[unwrap(key)]))

    def __setitem__(self, key: Any, value: Any) -> None:
        key = unwrap(key)
        self.raw[key] = unwrap(value)
        self.mark(key)

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[ndarray]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.readable())

    def __int__(self) -> int:
        return int(self.readable())

    def __float__(self) -> float:
        return float(self.readable())

    def __index__(self) -> int:
        return operator.index(self.readable())

    def __repr__(self) -> str:
        return f"device {self.raw!r}"

    __hash__ = None  # type: ignore[assignment]


def _operator(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)
    return lambda self, *others: call(function, self, *others)


def _reflected(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)
    return lambda self, other: call(lambda a, b: function(b, a), self, other)


def _in_place(name: str) -> Callable[..., Any]:
    function = getattr(operator, f"i{name}")

    def apply(self: ndarray, other: Any) -> ndarray:
        function(self.readable(), unwrap(other))
        return self

    return apply


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor",
              "lshift", "rshift"):  # fmt: skip
    _spelled = f"__{_name}__"
    setattr(ndarray, _spelled, _operator(_spelled))
    setattr(ndarray, f"__r{_name}__", _reflected(_spelled))
    setattr(ndarray, f"__i{_name}__", _in_place(_name))
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "neg", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))


class UninitialisedError(Exception):
    """The host used device memory that nobody had written."""


class Device:
    """The one device that there is."""

    mem_info = (8 << 30, 16 << 30)

    def __init__(self, device: int | None = None) -> None:
        self.id = int(device or 0)

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return self.id

    def use(self) -> None:
        pass

    def synchronize(self) -> None:
        pass


# ----------------------------------------------------------------------------- to and from NumPy


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Uninitialised, and full of what nobody would want."""
    shape = (int(shape),) if np.ndim(shape) == 0 else tuple(int(size) for size in shape)
    dtype = np.dtype(dtype)
    allocation = Allocation(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
    return ndarray(allocation.bytes.view(dtype).reshape(shape, order=order), allocation)


def put(values: Any, order: str = "K") -> ndarray:
    """A copy of a NumPy array on the device."""
    values = np.asarray(values)
    fortran = values.flags.f_contiguous and not values.flags.c_contiguous
    array = empty(
        values.shape, values.dtype, "F" if order == "F" or (order in "KA" and fortran) else "C"
    )
    array.raw[...] = values
    array.mark()
    return array


def wrap(result: Any) -> Any:
    """What a NumPy function returned, as a device array: a view stays one."""
    if isinstance(result, (tuple, list)):
        return type(result)(wrap(part) for part in result)
    if isinstance(result, np.generic):
        return put(result)
    if not isinstance(result, np.ndarray):
        return result
    try:
        return ndarray(result, holding(result.__array_interface__["data"][0]))
    except ValueError:
        return put(result)


def unwrap(value: Any) -> Any:
    """The NumPy view behind a device array; a NumPy array in its place is an error, as in CuPy."""
    if isinstance(value, ndarray):
        return value.readable()
    if isinstance(value, (tuple, list)):
        return type(value)(unwrap(part) for part in value)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>: it is not on the device")
    return value


def call(
    function: Callable[..., Any], *args: Any, out: ndarray | None = None, **kwargs: Any
) -> Any:
    """A NumPy function of device arrays."""
    arguments = [unwrap(arg) for arg in args]
    options = {name: unwrap(value) for name, value in kwargs.items()}
    if out is None:
        return wrap(function(*arguments, **options))
    function(*arguments, out=out.raw, **options)
    out.mark()
    return out
