"""Which backend runs: an ordered list, best first, that can be overruled.

The first backend that is installed and supports the call is taken. A backend that was asked for by name, with
:func:`use_backend`, a ``backend=`` argument or the environment variable ``FASTSEG_BACKEND``, must exist and be
installed, or it is an error. Falling back for want of support is said once as a warning; an exception from inside a
backend is never caught.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from dataclasses import dataclass
from types import ModuleType, TracebackType

from fastseg.arrays import as_array, did_you_mean


class BackendNotAvailableError(RuntimeError):
    """The backend asked for cannot run here."""


class BackendFallbackWarning(UserWarning):
    """A call was run by a slower backend than the best, or than the one asked for."""


@dataclass(frozen=True)
class Backend:
    """One entry of the list: its name, the module with its functions, and how to get what it needs."""

    name: str
    module: str
    install: str


BACKENDS = (
    Backend("numba", "fastseg.backends.numba", "pip install numba"),
    Backend("scipy", "fastseg.backends.scipy", "pip install scipy"),
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
        raise ValueError(f"{source}: unknown backend {name!r}; {did_you_mean(name, _by_name)}")
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
    name : {"numba", "scipy"} or None
        None goes back to the best one available.

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


def choose(function: str, ndim: int, backend: str | None = None) -> ModuleType:
    """The module of the backend that runs a function for arrays of `ndim` axes."""
    name, source = _wanted(backend)
    first = [name] if name else []
    if name:
        _require(name, source)
    for candidate in first + [entry.name for entry in BACKENDS if entry.name != name]:
        module = _load(candidate)
        if isinstance(module, str):
            _say_once(
                f"fastseg: the {candidate} backend is not available ({module}); running a slower one"
            )
            continue
        reason = module.unsupported(function, ndim)
        if reason is None:
            return module
        _say_once(f"fastseg: {function} falls back from the {candidate} backend: {reason}")
    raise BackendNotAvailableError(f"no backend can run {function} for arrays of {ndim} axes")


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
    ndim = 3 if array is None else as_array(array, "array").ndim
    name, source = _wanted()
    lines, taken = [], False
    order = sorted(BACKENDS, key=lambda backend: backend.name != name) if name else list(BACKENDS)
    for backend in order:
        module = _load(backend.name)
        asked = f" (asked for by {source})" if backend.name == name else ""
        if isinstance(module, str):
            lines.append(f"{backend.name}: not available{asked}: {module}; {backend.install}")
        elif reason := module.unsupported("surface_distances", ndim):
            lines.append(f"{backend.name}: not taken{asked}: {reason}")
        else:
            lines.append(f"{backend.name}: {'fallback' if taken else 'runs'}{asked}")
            taken = True
    return "\n".join(lines)
