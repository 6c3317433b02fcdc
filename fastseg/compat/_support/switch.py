"""Putting drop-ins into their hosts, and taking them out again: ``patch``, ``unpatch``, ``patched``, ``status``."""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastseg.compat._support.patching import (
    MISSING,
    Host,
    Patch,
    originals,
    place,
    uncovered_arguments,
)
from fastseg.errors import InputError, MissingPackageError, UntestedVersionError
from fastseg.inputs.choices import did_you_mean

#: the modules of this package, each a host
HOSTS = (
    "cc3d",
    "edt",
    "medpy",
    "metrics_reloaded",
    "monai",
    "nnunet",
    "panoptica",
    "scipy_ndimage",
    "simpleitk",
    "skimage",
    "stardist",
    "surface_distance",
    "torchmetrics",
)


class _Placed(NamedTuple):
    """A drop-in in its place, and how to take it out again."""

    row: Patch
    owner: Any
    name: str
    original: Any  # MISSING where a class inherits it, or a module makes it when asked

    @property
    def is_there(self) -> bool:
        return vars(self.owner).get(self.name) is self.row.replacement

    def set(self) -> None:
        key = (self.row.module, self.row.attribute)
        inherited = self.original is MISSING
        originals[key] = getattr(self.owner, self.name) if inherited else self.original
        try:
            setattr(self.owner, self.name, self.row.replacement)
        except BaseException:
            del originals[key]
            raise
        table = self.table
        if table is not None and originals[key] in table:
            table[self.row.replacement] = table[originals[key]]

    @property
    def table(self) -> MutableMapping[Any, Any] | None:
        """Where the host looks its functions up."""
        return self.row.known_in() if self.row.known_in else None

    def undo(self) -> bool:
        """Put the original back, unless someone else has put something there since."""
        table = self.table
        if table is not None:
            table.pop(self.row.replacement, None)
        ours = self.is_there
        if ours and self.original is MISSING:
            delattr(self.owner, self.name)
        elif ours:
            setattr(self.owner, self.name, self.original)
        del originals[self.row.module, self.row.attribute]
        return ours


_lock = threading.RLock()
_placed: dict[str, list[_Placed]] = {}  # by host
_holders: dict[
    str, set[object]
] = {}  # who wants a host patched: patch(), and each `with patched()`
_BY_CALL = object()


def _check_names(hosts: Sequence[str]) -> None:
    for host in hosts:
        if host not in HOSTS:
            raise InputError(f"unknown host {host!r}; {did_you_mean(host, HOSTS)}")


def _load(host: str) -> Host:
    """Import the drop-ins of a host."""
    patches: Host = importlib.import_module(f"fastseg.compat.{host}").PATCHES
    return patches


def _rows(host: str, any_version: bool) -> tuple[Patch, ...]:
    """Import all that a host's rows need, or say why it cannot be patched here."""
    try:
        patches = _load(host)
    except ModuleNotFoundError as error:  # drop-ins that derive from the host's classes
        raise MissingPackageError(f"{host} cannot be patched: {error}", name=error.name) from error
    version = patches.version()
    if version is None:
        raise MissingPackageError(
            f"{host} cannot be patched: {patches.distribution} is not installed", name=host
        )
    if not any_version and not patches.covers(version):
        raise UntestedVersionError(
            f"{host} is not patched: {patches.distribution} {version} is installed, and the drop-ins were tested "
            f"with {patches.tested}; any_version=True (--any-version) patches it all the same",
            name=host,
        )
    if not any_version:
        _check_that_it_is_the_host(host, patches)
    for row in patches.rows:
        place(row.module, row.attribute)
    return patches.rows


def _check_that_it_is_the_host(host: str, patches: Host) -> None:
    """Refuse a library that calls itself a tested version and is another: a branch, or a fork."""
    found = patches.differs() if patches.differs else None
    found = found or next(filter(None, map(uncovered_arguments, patches.rows)), None)
    if found:
        raise UntestedVersionError(
            f"{host} is not patched: {found}; any_version=True (--any-version) patches it all the same",
            name=host,
        )


def _place_all(wanted: dict[str, tuple[Patch, ...]]) -> None:
    """Set the rows of all hosts that are not patched yet, or none of them."""
    new: dict[str, list[_Placed]] = {host: [] for host in wanted if host not in _placed}
    for host, placed in new.items():
        for row in wanted[host]:
            owner, name = place(row.module, row.attribute)
            placed.append(_Placed(row, owner, name, vars(owner).get(name, MISSING)))
    done: list[_Placed] = []
    try:
        for entry in (entry for placed in new.values() for entry in placed):
            entry.set()
            done.append(entry)
    except BaseException:
        for entry in reversed(done):
            entry.undo()
        raise
    _placed.update(new)


def _hold(hosts: Sequence[str], any_version: bool, holder: object) -> None:
    if not hosts:
        raise InputError(f"name the hosts to patch: {', '.join(HOSTS)}")
    _check_names(hosts)
    # Hosts are imported outside the lock: a thread that is importing one may itself be about to patch.
    wanted = {host: _rows(host, any_version) for host in hosts}
    with _lock:
        _place_all(wanted)
        for host in wanted:
            _holders.setdefault(host, set()).add(holder)


def _release(hosts: Sequence[str], holder: object | None) -> None:
    """Drop one holder, or all of them, and undo the hosts that nobody holds any more."""
    left: list[Patch] = []
    with _lock:
        for host in hosts:
            held = _holders.pop(host, set())
            if holder is not None and (others := held - {holder}):
                _holders[host] = others
            else:
                left += [entry.row for entry in reversed(_placed.pop(host, [])) if not entry.undo()]
    for row in left:
        warnings.warn(
            f"fastseg: {row} was replaced by something else while it was patched; it is left as it is",
            RuntimeWarning,
            stacklevel=4,
        )


def patch(*hosts: str, any_version: bool = False) -> None:
    """Put fastseg's drop-ins into the given hosts, until :func:`unpatch`.

    Parameters
    ----------
    *hosts : str
        Modules of ``fastseg.compat``: "medpy", "monai", "scipy_ndimage" …
    any_version : bool
        Also patch a version, or a branch, that the drop-ins were not tested with.

    Raises
    ------
    ValueError
        For no host, or an unknown one.
    ImportError
        If a host is not installed or lacks what is to be replaced; then nothing is patched.
    UntestedVersionError
        An ImportError, for a version outside the tested ones, and for another library that calls itself one of them;
        then nothing is patched.

    Notes
    -----
    Patching a patched host does nothing. Names that a script has taken out of a host before (``from scipy.ndimage
    import distance_transform_edt``) stay what they were: patch first. A process that is spawned starts unpatched,
    but runs the top of the main script again; what it is sent by reference, as a pool's function, is the drop-in.

    Examples
    --------
    >>> import fastseg.compat, scipy.ndimage
    >>> fastseg.compat.patch("scipy_ndimage", any_version=True)
    >>> scipy.ndimage.distance_transform_edt.__module__
    'fastseg.compat.scipy_ndimage'
    >>> fastseg.compat.unpatch()
    >>> scipy.ndimage.distance_transform_edt.__module__
    'scipy.ndimage._morphology'
    """
    _hold(hosts, any_version, _BY_CALL)


def unpatch(*hosts: str) -> None:
    """Put back what :func:`patch` and :func:`patched` have replaced.

    Parameters
    ----------
    *hosts : str
        Default: all. Those that are not patched are left alone.

    Raises
    ------
    ValueError
        For an unknown host.

    Warns
    -----
    RuntimeWarning
        Where something else has replaced a drop-in meanwhile; that is left as it is.

    Examples
    --------
    >>> import fastseg.compat
    >>> fastseg.compat.unpatch()
    """
    _check_names(hosts)
    _release(hosts or HOSTS, None)


@contextmanager
def patched(*hosts: str, any_version: bool = False) -> Iterator[None]:
    """Patch within a ``with`` block.

    Blocks may nest and overlap in several threads: a host is put back when the last block that names it ends, and
    stays patched if :func:`patch` was called for it.

    Parameters
    ----------
    *hosts : str
    any_version : bool
        As :func:`patch` has them.

    Raises
    ------
    ValueError, ImportError, UntestedVersionError
        As :func:`patch`.

    Examples
    --------
    >>> import fastseg.compat, scipy.ndimage
    >>> with fastseg.compat.patched("scipy_ndimage", any_version=True):
    ...     scipy.ndimage.distance_transform_edt([0, 1, 1])
    array([0., 1., 2.])
    """
    holder = object()
    _hold(hosts, any_version, holder)
    try:
        yield
    finally:
        _release(hosts, holder)


def patched_hosts() -> list[str]:
    """List the hosts that are patched now."""
    with _lock:
        return sorted(_placed)


class StatusRow(NamedTuple):
    """One drop-in: where it goes, whether it is there, and the host's versions."""

    host: str
    replaces: str
    patched: bool
    version: str
    tested: str


class Status(list[StatusRow]):
    """The rows of :func:`status`, which print as a table."""

    def __str__(self) -> str:
        titles = ("host", "replaces", "patched", "version", "tested")
        cells = [titles, *((*row[:2], "yes" if row.patched else "", *row[3:]) for row in self)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        )


def status(*hosts: str) -> Status:
    """Tell what can be replaced, and what is replaced now.

    Parameters
    ----------
    *hosts : str
        Default: all. Drop-ins that derive from a host's classes (monai, torchmetrics) import it.

    Returns
    -------
    list of StatusRow
        (host, replaces, patched, version, tested); printed, it is a table. The version is "" for a host that is not
        installed.

    Raises
    ------
    ValueError
        For an unknown host.

    Examples
    --------
    >>> import fastseg.compat
    >>> [row.replaces for row in fastseg.compat.status("edt")][:1]
    ['edt.edt']
    """
    _check_names(hosts)
    rows = Status()
    for host in hosts or HOSTS:
        try:
            patches = _load(host)
        except ImportError as error:
            rows.append(StatusRow(host, f"({error})", False, "", ""))
            continue
        with _lock:
            there = {entry.row for entry in _placed.get(host, []) if entry.is_there}
        version = patches.version() or ""
        rows.extend(
            StatusRow(host, str(row), row in there, version, patches.tested) for row in patches.rows
        )
    return rows
