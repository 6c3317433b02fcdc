"""Which backend runs: an ordered list, best first, that can be overruled.

The first backend that is installed and supports the call is taken. A backend that was asked for by name, with
:func:`use_backend`, a ``backend=`` argument or the environment variable ``FASTSEG_BACKEND``, must exist and be
installed, or it is an error. Falling back for want of support is said once as a warning; an exception from inside a
backend is never caught.

Arrays on a GPU are taken by the backends that are for them and by no other: nothing is copied from the device in
silence. Arrays in CPU memory are copied to a device only if such a backend is asked for by name, and once a call.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from dataclasses import dataclass
from types import ModuleType, TracebackType

from fastseg.arrays import Array, as_array
from fastseg.choices import unknown
from fastseg.device import INSTALL, is_on_device, to_device, to_host
from fastseg.errors import (
    BackendFallbackWarning,
    BackendNotAvailableError,
    InputTypeError,
)


@dataclass(frozen=True)
class Backend:
    """One entry of the list: its name, its module, how to get what that needs, and for which memory it is."""

    name: str
    module: str
    install: str
    on_device: bool = False


BACKENDS = (
    Backend("numba", "fastseg.backends.numba", "pip install numba"),
    Backend("scipy", "fastseg.backends.scipy", "pip install scipy"),
    Backend("cupy", "fastseg.backends.cupy", INSTALL, on_device=True),
)

_by_name = {backend.name: backend for backend in BACKENDS}
_forced: str | None = None
_said: set[str] = set()


@functools.cache
def _load(name: str) -> ModuleType | str:
    """The backend's module, or why it cannot be imported."""
    try:
        return importlib.import_module(_by_name[name].module)
    except ImportError as error:
        return f"{type(error).__name__}: {error}"


def _check_name(name: object, source: str) -> str:
    if not isinstance(name, str) or name not in _by_name:
        raise unknown(source, name, _by_name, "backend")
    return name


def _require(name: str, source: str) -> ModuleType:
    module = _load(name)
    if isinstance(module, str):
        raise BackendNotAvailableError(
            f"{source}: the {name} backend is not available here ({module}); {_by_name[name].install}"
        )
    return module


class use_backend:  # noqa: N801 - it reads as a verb, and is both a call and a context
    """Take one backend for all calls from here on, or within a ``with`` block.

    Holds for the whole process, all threads included; for one call alone, ``evaluate`` has ``backend=``.

    Parameters
    ----------
    name : {"numba", "scipy", "cupy"} or None
        None goes back to the best one available. "cupy" runs on an NVIDIA GPU; arrays that are there already need
        not ask for it.

    Raises
    ------
    ValueError
        If there is no such backend.
    BackendNotAvailableError
        If what it needs is not installed.

    Examples
    --------
    >>> import fastseg
    >>> with fastseg.use_backend("scipy"):
    ...     print(fastseg.current_backend())
    scipy
    """

    def __init__(self, name: str | None) -> None:
        global _forced
        if name is not None:
            _require(_check_name(name, "use_backend"), "use_backend")
        self._before = _forced
        _forced = name

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        global _forced
        _forced = self._before


def _wanted(backend: str | None = None) -> tuple[str | None, str]:
    """The backend asked for, and by what."""
    if backend is not None:
        return _check_name(backend, "backend"), "backend"
    if _forced is not None:
        return _forced, "use_backend"
    name = os.environ.get("FASTSEG_BACKEND")
    return (_check_name(name, "FASTSEG_BACKEND"), "FASTSEG_BACKEND") if name else (None, "")


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        warnings.warn(text, BackendFallbackWarning, stacklevel=4)


def choose(
    function: str, ndim: int, backend: str | None = None, *, on_device: bool = False
) -> ModuleType:
    """The module of the backend that runs a function for arrays of `ndim` axes, in CPU memory or on a device."""
    name, source = _wanted(backend)
    if name:
        _require(name, source)
        if on_device and not _by_name[name].on_device:
            raise InputTypeError(
                f"{source}: the {name} backend takes arrays in CPU memory, and these are on a GPU; copy them "
                "(cupy.asnumpy(array), tensor.cpu()), or leave the choice of the backend to fastseg"
            )
    first = [name] if name else []
    for candidate in first + [
        entry.name for entry in BACKENDS if entry.name != name and entry.on_device == on_device
    ]:
        module = _load(candidate)
        if isinstance(module, str):
            if on_device:
                _require(candidate, "an array on a GPU")
            _say_once(
                f"fastseg: the {candidate} backend is not available ({module}); running a slower one"
            )
            continue
        reason = module.unsupported(function, ndim)
        if reason is None:
            return module
        if on_device:
            raise BackendNotAvailableError(
                f"{function} of arrays on a GPU: {reason}; copy them to CPU memory, where any number is taken"
            )
        _say_once(f"fastseg: {function} falls back from the {candidate} backend: {reason}")
    raise BackendNotAvailableError(f"no backend can run {function} for arrays of {ndim} axes")


def placed(module: ModuleType, *arrays: Array) -> tuple[Array, ...]:
    """Arrays in the memory that a backend works on: copies, for a GPU backend that was asked for by name."""
    entry = _by_name.get(name_of(module))
    if entry is None or not entry.on_device:
        return arrays
    return tuple(array if is_on_device(array) else to_device(array) for array in arrays)


def returned(result: Array, like: Array) -> Array:
    """A backend's array in the memory that the input came in."""
    return to_host(result) if is_on_device(result) and not is_on_device(like) else result


def name_of(module: ModuleType) -> str:
    """The name of a backend's module."""
    return module.__name__.rpartition(".")[2]


def current_backend() -> str:
    """Name of the backend that takes 3-D arrays now.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.current_backend() in ("numba", "scipy")
    True
    """
    return name_of(choose("surface_distances", 3))


def available() -> dict[str, str | None]:
    """Every backend, best first, and None or the reason why it is not available here."""
    loaded = {backend.name: _load(backend.name) for backend in BACKENDS}
    return {name: module if isinstance(module, str) else None for name, module in loaded.items()}


def explain(array: object = None) -> str:
    """Say which backend runs for an array, and why.

    Parameters
    ----------
    array : array_like, optional
        Default: any 3-D array.

    Returns
    -------
    str
        A line for each backend, best first.

    Raises
    ------
    TypeError, ValueError
        For what is no array, and for an unknown name in ``FASTSEG_BACKEND``.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> print(fastseg.explain(np.zeros((2, 2, 2, 2), bool)))
    numba: not taken: numba kernels take up to 3 axes, not 4
    scipy: runs
    """
    given = None if array is None else as_array(array, "array")
    ndim, on_device = (3, False) if given is None else (given.ndim, is_on_device(given))
    name, source = _wanted()
    lines, taken = [], False
    listed = [entry for entry in BACKENDS if entry.name == name or on_device or not entry.on_device]
    order = sorted(listed, key=lambda entry: (entry.name != name, entry.on_device != on_device))
    for backend in order:
        module = _load(backend.name)
        asked = f" (asked for by {source})" if backend.name == name else ""
        if isinstance(module, str):
            lines.append(f"{backend.name}: not available{asked}: {module}; {backend.install}")
        elif on_device and not backend.on_device:
            lines.append(f"{backend.name}: not taken{asked}: the array is on a GPU")
        elif reason := module.unsupported("surface_distances", ndim):
            lines.append(f"{backend.name}: not taken{asked}: {reason}")
        else:
            lines.append(f"{backend.name}: {'fallback' if taken else 'runs'}{asked}")
            taken = True
    return "\n".join(lines)
