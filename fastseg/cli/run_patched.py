"""``fastseg run``: run a Python script as it is, with fastseg's drop-ins in the libraries that it imports."""

from __future__ import annotations

import builtins
import getopt
import importlib.util
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any

from fastseg.cli.messages import say
from fastseg.compat import HOSTS, patch
from fastseg.compat._support.switch import patched_hosts
from fastseg.errors import FastsegError, one_line

USAGE = f"""\
usage: fastseg run --patch HOST[,HOST...] [--any-version] script.py [argument ...]
       fastseg run --patch HOST[,HOST...] [--any-version] -m module [argument ...]

Run a Python script or module as python would, with fastseg's drop-ins in the hosts.

  --patch HOST    what to patch; several separated by commas, or the option repeated
  --any-version   also patch a version that the drop-ins were not tested with
  -m              what follows is a module

Processes that the script spawns with multiprocessing or concurrent.futures are patched
as well; those that it starts otherwise (subprocess, joblib's loky) are not.

hosts: {", ".join(HOSTS)}"""


def main(arguments: Sequence[str]) -> int:
    """Run one command line, without the word ``run``.

    Returns 0 when the script has come to its end; 2 for wrong usage, a missing script, and a host that cannot be
    patched; 1 for a missing module, as python does. What the script raises goes through, SystemExit included.
    """
    try:  # getopt stops at the first argument that is no option, as python does
        options, target = getopt.getopt(list(arguments), "hm", ["help", "patch=", "any-version"])
    except getopt.GetoptError as error:
        say(f"{error} (see fastseg run --help)")
        return 2
    flags = dict(options)
    if not arguments or {"-h", "--help"} & flags.keys():
        print(USAGE)
        return 0
    named = ",".join(value for name, value in options if name == "--patch").split(",")
    hosts = [host.strip() for host in named if host.strip()]
    is_module, any_version = "-m" in flags, "--any-version" in flags
    if not hosts or not target:
        missing = "--patch and a host" if not hosts else "a script, or -m and a module"
        say(f"expected {missing} (see fastseg run --help)")
        return 2
    if not is_module and not os.path.isfile(target[0]):
        say(f"{target[0]}: no such script")
        return 2
    _set_path(target[0], is_module)
    try:
        patch(*hosts, any_version=any_version)
    except FastsegError as error:
        say(one_line(error))
        return 2
    _patch_children(any_version)
    return (_run_module if is_module else _run_script)(target)


def _set_path(target: str, is_module: bool) -> None:
    """Put the script's folder, or for a module the current one, where python has put ours."""
    if not sys.flags.safe_path:  # else python has put nothing there
        sys.path[0] = os.getcwd() if is_module else os.path.dirname(os.path.realpath(target))


def _run_script(target: list[str]) -> int:
    path = os.path.abspath(target[0])
    with io.open_code(path) as file:
        source = file.read()
    sys.argv[:] = target
    # without this file's own `from __future__`
    _run(
        lambda: compile(source, path, "exec", dont_inherit=True),
        {"__file__": path, "__cached__": None, "__loader__": SourceFileLoader("__main__", path)},
    )
    return 0


def _run_module(target: list[str]) -> int:
    sys.argv[:] = ["-m", *target[1:]]
    spec = _spec(target[0])
    if spec is None:
        say(f"no module named {target[0]} that can be run")
        return 1
    sys.argv[0] = str(spec.origin)
    loader: Any = spec.loader
    _run(
        lambda: loader.get_code(spec.name),
        {
            "__file__": spec.origin,
            "__cached__": spec.cached,
            "__loader__": loader,
            "__package__": spec.parent,
            "__spec__": spec,
        },
    )
    return 0


def _spec(name: str) -> ModuleSpec | None:
    """Find the spec of a module, or of a package's ``__main__``; None if there is none that has code."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return None
        raise  # something that the package itself imports
    if spec is not None and spec.submodule_search_locations is not None:
        return _spec(f"{name}.__main__")
    if spec is None or not spec.has_location or isinstance(spec.loader, ExtensionFileLoader):
        return None
    return spec


def _run(code: Callable[[], CodeType], about: dict[str, Any]) -> None:
    """Run code as the module ``__main__``, and show its errors without the frames that have led to it."""
    module = ModuleType("__main__")
    vars(module).update(about, __builtins__=builtins)
    sys.modules["__main__"] = module
    try:
        exec(code(), vars(module))
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals is not vars(module):
            trace = trace.tb_next
        _show_from(error, trace)
        raise


def _show_from(raised: BaseException, inner: TracebackType | None) -> None:
    """Let the interpreter, which ends on this error, show only the inner part of its traceback."""
    shown = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if error is raised:
            error, trace = error.with_traceback(inner), inner
        shown(kind, error, trace)

    sys.excepthook = show


# ---------------------------------------------------------------------------- spawned children


class _Stowaway:
    """Travels in what a spawned child is told first, and patches the child when it is unpickled there."""

    def __init__(self, hosts: list[str], any_version: bool, path: list[str]) -> None:
        self._arguments = (hosts, any_version, path)

    def __reduce__(self) -> tuple[Any, ...]:
        return _patch_here, self._arguments


def _patch_here(hosts: list[str], any_version: bool, path: list[str]) -> None:
    sys.path[:] = path  # which multiprocessing sets next; a host may lie beside the script
    patch(*hosts, any_version=any_version)
    _patch_children(any_version)


def _patch_children(any_version: bool) -> None:
    """Have multiprocessing's spawned children patched before they import the main script again."""
    from multiprocessing import spawn

    prepare = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data = prepare(name)
        if hosts := patched_hosts():
            data["fastseg"] = _Stowaway(hosts, any_version, data.get("sys_path", sys.path))
        return data

    spawn.get_preparation_data = get_preparation_data
