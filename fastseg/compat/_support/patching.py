"""What the modules of drop-ins are written with: the table of a host, and falling back to it.

A host is a library whose functions fastseg replaces. Each has one module, ``fastseg.compat.<host>``, with the host's
names, and in it ``PATCHES``, a :class:`Host`: which attribute of which of the host's modules each drop-in replaces.

A drop-in that covers all that the host's function takes needs nothing else from here. One that does not is decorated
with :func:`falls_back_to` and raises :class:`NotCovered` for the rest. What is put into the host is the very function
that ``fastseg.compat.<host>`` holds under its name, so it pickles by reference and does the same in a spawned child.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import re
import types
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from fastseg.errors import MissingPackageError

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

MISSING = object()

#: what stood where a drop-in stands now, by module and attribute
originals: dict[tuple[str, str], Any] = {}

#: modules of hosts that stand-ins of ours hide under their names, and how to load them
hidden: dict[str, Callable[[], ModuleType]] = {}


class NotCovered(Exception):  # noqa: N818 - no error: it sends a call on to the host
    """Raised by a drop-in, before it has changed anything, for arguments that it leaves to the host.

    Its text completes "fastseg does not cover …".
    """


@dataclass(frozen=True)
class Patch:
    """One place in a host and what is put there.

    Attributes
    ----------
    module : str
        Full name of the host's module; imported when the host is patched, not before.
    attribute : str
        Name in that module; ``"Class.method"`` for what a class holds.
    replacement : object
        A module-level function or class of ``fastseg.compat.<host>``. What a host binds under several names
        (``from .utils import f``) takes a row for each.
    known_in : callable, optional
        Gives the table in which the host looks its functions up by themselves, None if it has none; the drop-in is
        entered there as what it replaces.
    """

    module: str
    attribute: str
    replacement: Any
    known_in: Callable[[], MutableMapping[Any, Any] | None] | None = None

    def __str__(self) -> str:
        return f"{self.module}.{self.attribute}"


@dataclass(frozen=True)
class Host:
    """A library, the versions that its drop-ins were tested with, and what they replace.

    Attributes
    ----------
    distribution : str
        What is installed with pip.
    since, until : str
        Tested: since <= version < until.
    rows : tuple of Patch
    differs : callable, optional
        Says by what the installed host is another than the drop-ins were tested with, though it calls itself the same
        version; None if by nothing.
    """

    distribution: str
    since: str
    until: str
    rows: tuple[Patch, ...]
    differs: Callable[[], str | None] | None = None

    @property
    def tested(self) -> str:
        """The tested versions in words."""
        return f">={self.since}, <{self.until}"

    def version(self) -> str | None:
        """Look up the installed version, None if there is none."""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return None

    def covers(self, version: str) -> bool:
        """Tell whether a version is one of the tested ones."""
        return release(self.since) <= release(version) < release(self.until)


def release(version: str) -> tuple[int, ...]:
    """Read the numbers that a version begins with, without zeros at the end.

    Examples
    --------
    >>> release("2.13.0+cpu"), release("1.0rc1")
    ((2, 13), (1,))
    """
    match = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(number) for number in match.group().split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def falls_back_to(
    module: str, attribute: str
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Decorate a drop-in: where it raises :class:`NotCovered`, the host's own function is called instead.

    That is the one which a patch has replaced, else what the host's module holds; the host is imported only then.

    Parameters
    ----------
    module, attribute : str
        Where the host has the function, as in :class:`Patch`.

    Raises
    ------
    ImportError
        By the decorated function, where the host is needed but not installed.
    """

    def decorate(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        @functools.wraps(function)
        def drop_in(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            try:
                return function(*args, **kwargs)
            except NotCovered as reason:
                original = host_function(module, attribute, str(reason), drop_in)
            result: _Result = original(*args, **kwargs)
            return result

        return drop_in

    return decorate


def host_function(module: str, attribute: str, reason: str = "this", ours: Any = None) -> Any:
    """Find the host's own function or class, whether or not a drop-in stands in its place.

    Parameters
    ----------
    module, attribute : str
    reason : str
        What fastseg does not cover, for the error.
    ours : object
        The drop-in that asks, which cannot be its own fallback.

    Raises
    ------
    ImportError
        If the host is not installed, or has no such attribute.
    """
    original = originals.get((module, attribute), MISSING)
    if original is MISSING or (original is ours and module in hidden):
        try:
            owner, name = place(module, attribute, host_module)
        except ImportError as error:
            raise MissingPackageError(
                f"fastseg does not cover {reason}, and {module}.{attribute}, which does, cannot be imported "
                f"({error}); install {module.partition('.')[0]}",
                name=module,
            ) from error
        original = getattr(owner, name)
    if original is ours:
        raise MissingPackageError(
            f"fastseg does not cover {reason}, and {module}.{attribute}, which does, was replaced by hand; "
            "fastseg.compat.patch() remembers what it replaces",
            name=module,
        )
    return original


def host_module(name: str) -> ModuleType:
    """Import a module of a host, its own also where a stand-in of ours has taken its name."""
    return hidden[name]() if name in hidden else importlib.import_module(name)


def place(
    module: str, attribute: str, load: Callable[[str], ModuleType] = importlib.import_module
) -> tuple[Any, str]:
    """Find the module or class that holds an attribute, and the name under which it does.

    Raises
    ------
    ImportError
        If there is none.
    """
    owner: Any = load(module)
    *classes, name = attribute.split(".")
    for part in classes:
        owner = getattr(owner, part, None)
    if not hasattr(owner, name):
        raise MissingPackageError(f"{module} has no {attribute}", name=module)
    return owner, name


def uncovered_arguments(row: Patch) -> str | None:
    """Say which arguments of the host's function its drop-in lacks, None if none: such a host is another one."""
    owner, name = place(row.module, row.attribute)
    functions = getattr(owner, name), row.replacement
    if not all(map(inspect.isfunction, functions)):
        return None
    theirs, ours = (
        # the first of a method is its object, whatever it is called
        list(inspect.signature(function).parameters.values())["." in row.attribute :]
        for function in functions
    )
    catch_all = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    known = {each.name for each in ours}
    more = [each.name for each in theirs if each.kind not in catch_all and each.name not in known]
    return f"{row} takes {', '.join(more)}, which its drop-in does not" if more else None


def rest_of(module: str) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a module of drop-ins, which gives the host's other names as they are."""

    def get(name: str) -> Any:
        if name.startswith("__"):  # what Python looks for in any module
            raise AttributeError(name)
        try:
            host = host_module(module)
        except ImportError as error:
            raise AttributeError(
                f"fastseg has no drop-in for {module}.{name}, and {module} cannot be imported ({error})"
            ) from error
        return getattr(host, name)

    return get


def by_way_of(function: Callable[..., Any], home: str, **ours: Callable[..., Any]) -> Any:
    """Make a host's function as it is, but for names that it is to find ours under; `home` is the module it is of."""
    theirs: Any = function
    made = types.FunctionType(
        theirs.__code__, {**theirs.__globals__, **ours}, theirs.__name__, theirs.__defaults__
    )
    made.__annotations__ = theirs.__annotations__
    made.__doc__ = theirs.__doc__
    made.__module__ = home  # so it is pickled as this module's
    return made
