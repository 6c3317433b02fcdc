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
import os
import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from fastseg.backends.protocol import Backend, Operations, PackedOperations
from fastseg.errors import BackendFallbackWarning, BackendNotAvailableError, InputTypeError
from fastseg.inputs.arrays import as_array
from fastseg.inputs.choices import unknown
from fastseg.inputs.device import COPY, INSTALL, memory_of

#: best first
BACKENDS: tuple[Backend, ...] = (
    Backend(
        "numba",
        "fastseg.backends.numba",
        "pip install numba",
        packed_module="fastseg.backends.numba.packed",
    ),
    Backend(
        "scipy",
        "fastseg.backends.scipy",
        "pip install scipy",
        packed_module="fastseg.backends.scipy_packed",
    ),
    Backend("cupy", "fastseg.backends.cupy", INSTALL, memory="cuda"),
)

if TYPE_CHECKING:  # has mypy see that each has the operations of a backend
    from fastseg.backends import cupy, numba, scipy, scipy_packed
    from fastseg.backends.numba import packed as numba_packed

    _MODULES: tuple[Operations, ...] = (numba, scipy, cupy)
    _PACKED_MODULES: tuple[PackedOperations, ...] = (numba_packed, scipy_packed)

_forced: str | None = None
_said: set[str] = set()


@functools.cache
def _missing(backend: Backend) -> str | None:
    """Say why a backend's module cannot be imported here; None if it can."""
    try:
        _ = backend.operations
    except ImportError as error:
        return f"{type(error).__name__}: {error}"
    return None


def _named(name: object, source: str) -> Backend:
    for backend in BACKENDS:
        if backend.name == name:
            return backend
    raise unknown(source, name, [backend.name for backend in BACKENDS], "backend")


def _check_available(backend: Backend, source: str) -> None:
    if reason := _missing(backend):
        raise BackendNotAvailableError(
            f"{source}: the {backend.name} backend is not available here ({reason}); {backend.install}"
        )


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
            _check_available(_named(name, "use_backend"), "use_backend")
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


def check_backend(name: str | None) -> None:
    """Raise unless a backend of this name can run here; None, which leaves the choice open, always can."""
    if name is not None:
        _check_available(_named(name, "backend"), "backend")


def forced_backend() -> str | None:
    """Tell which backend :func:`use_backend` has chosen for all calls; None if it has not."""
    return _forced


def _wanted(name: str | None = None) -> tuple[Backend | None, str]:
    """Find the backend that was asked for, and by what."""
    if name is not None:
        return _named(name, "backend"), "backend"
    if _forced is not None:
        return _named(_forced, "use_backend"), "use_backend"
    name = os.environ.get("FASTSEG_BACKEND")
    return (_named(name, "FASTSEG_BACKEND"), "FASTSEG_BACKEND") if name else (None, "")


def _say_once(text: str, stacklevel: int) -> None:
    if text not in _said:
        _said.add(text)
        warnings.warn(text, BackendFallbackWarning, stacklevel=stacklevel)


def choose(
    operations: str | Iterable[str],
    ndim: int,
    backend: str | None = None,
    *,
    memory: str = "cpu",
    quiet: bool = False,
    stacklevel: int = 4,
) -> Backend:
    """Choose the backend that runs all of some operations.

    Parameters
    ----------
    operations : str or iterable of str
        Names as a backend's ``unsupported`` knows them.
    ndim : int
        Axes of the arrays.
    backend : str, optional
        The one asked for in this call.
    memory : {"cpu", "cuda"}
        Where the arrays lie.
    quiet : bool
        Whether to fall back without a warning.
    stacklevel : int
        Of that warning, so that it names the caller's line.

    Raises
    ------
    BackendNotAvailableError
        If the backend asked for cannot be imported, or none can run this.
    InputTypeError
        If arrays on a device are to be measured by a backend for CPU memory.
    """
    names = (operations,) if isinstance(operations, str) else tuple(operations)
    asked, source = _wanted(backend)
    if asked is not None:
        _check_available(asked, source)
        if memory not in ("cpu", asked.memory):
            raise InputTypeError(
                f"{source}: the {asked.name} backend takes arrays in CPU memory, and these are on a GPU; copy them "
                f"({COPY}), or leave the choice of the backend to fastseg"
            )
    for candidate in _in_order(asked, memory):
        if missing := _missing(candidate):
            if memory != "cpu":
                raise BackendNotAvailableError(
                    f"an array on a GPU: the {candidate.name} backend is not available here ({missing}); "
                    f"{candidate.install}, or copy the array to CPU memory ({COPY})"
                )
            text = (
                f"the {candidate.name} backend is not available ({missing}); running a slower one"
            )
        else:
            unsupported = candidate.operations.unsupported
            for name in names:
                if reason := unsupported(name, ndim):
                    break
            else:
                return candidate
            if memory != "cpu":
                raise BackendNotAvailableError(
                    f"{name} of arrays on a GPU: {reason}; copy them to CPU memory first ({COPY})"
                )
            text = f"{name} falls back from the {candidate.name} backend: {reason}"
        if not quiet:
            _say_once(f"fastseg: {text}", stacklevel)
    raise BackendNotAvailableError(
        f"no backend can run {' and '.join(names)} for arrays of {ndim} axes"
    )


def _in_order(asked: Backend | None, memory: str) -> list[Backend]:
    """List the backends that may run: the one asked for, then those for the arrays' memory, best first."""
    order = [] if asked is None else [asked]
    for entry in BACKENDS:
        if entry is not asked and entry.memory == memory:
            order.append(entry)  # noqa: PERF401
    return order


def current_backend() -> str:
    """Name the backend that takes 3-D arrays now.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.current_backend() in ("numba", "scipy")
    True
    """
    return choose("surface_distances", 3).name


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
    ndim, memory = (3, "cpu") if given is None else (given.ndim, memory_of(given))
    asked, source = _wanted()
    listed = [e for e in BACKENDS if e is asked or memory != "cpu" or e.memory == "cpu"]
    lines, taken = [], False
    for entry in sorted(listed, key=lambda entry: (entry is not asked, entry.memory != memory)):
        why = f" (asked for by {source})" if entry is asked else ""
        if missing := _missing(entry):
            lines.append(f"{entry.name}: not available{why}: {missing}; {entry.install}")
        elif memory not in ("cpu", entry.memory):
            lines.append(f"{entry.name}: not taken{why}: the array is on a GPU")
        elif reason := entry.operations.unsupported("surface_distances", ndim):
            lines.append(f"{entry.name}: not taken{why}: {reason}")
        else:
            lines.append(f"{entry.name}: {'fallback' if taken else 'runs'}{why}")
            taken = True
    return "\n".join(lines)
