"""Where the machine code of kernels is kept, and how it gets there and back.

numba's own cache uses a folder only if it can write there, so that what was compiled for a read-only image is never
used; it raises whatever a damaged file makes pickle raise; and a full disk fails the call. Here:

* The places are, in this order, the folder that the environment variable ``FASTSEG_CACHE_DIR`` names, the one that
  ``NUMBA_CACHE_DIR`` names, ``__pycache__`` beside the kernels, and numba's folder in the user's cache; an empty
  variable is unset. Machine code is read from each in turn, up to the first that can be written. New code goes there.
* Where none can be written, kernels are compiled in memory, and a warning says so once.
* Every file begins with a digest of what follows and of the key. A file that is empty, cut short or of another kernel,
  signature or machine is as good as missing: it is never unpickled, and is replaced where it can be written.
* Trouble with writing costs the cache, never the call; a warning says so once.

Names and keys are numba's: an index and a data file a kernel, and the key has the signature, the bytecode and the kind
of CPU. The versions of numba and of the kernel's own file are in the files' names.
"""

import contextlib
import functools
import hashlib
import inspect
import itertools
import json
import os
import pickle
import sys
import tempfile
import uuid
import warnings

import numba
from numba.core import config
from numba.core.caching import FunctionCache, _CacheLocator
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

VARIABLE = "FASTSEG_CACHE_DIR"

#: the kinds of trouble that have been warned of; once a process is enough
_said: set = set()


def named_folder():
    """Find the folder that ``FASTSEG_CACHE_DIR`` names; None where it is unset or empty."""
    name = os.environ.get(VARIABLE)
    return os.path.abspath(os.path.expanduser(name)) if name else None


def places(function):
    """List the folders in which the machine code of a function may be, the first to look in first."""
    source = inspect.getfile(function)
    found = []
    if named := named_folder():
        # by the module, not by where it is installed: what was made for an image may be copied to another
        found.append(os.path.join(named, function.__module__.partition(".")[2].rpartition(".")[0]))
    if config.CACHE_DIR:
        found.append(
            os.path.join(config.CACHE_DIR, _CacheLocator.get_suitable_cache_subpath(source))
        )
    found.append(os.path.join(os.path.dirname(os.path.abspath(source)), "__pycache__"))
    if users := _users_folder():
        found.append(os.path.join(users, _CacheLocator.get_suitable_cache_subpath(source)))
    return found


def _users_folder():
    """Find numba's folder in the user's cache; None for a user who has no home."""
    folder = AppDirs(appname="numba", appauthor=False).user_cache_dir
    if not os.path.isabs(folder):  # an empty XDG_CACHE_HOME, or no home at all
        folder = os.path.expanduser(os.path.join("~", ".cache", "numba"))
    return folder if os.path.isabs(folder) else None


@functools.cache
def refusal(folder):
    """Say why nothing can be written to a folder, which is made if it is not there; None if something can."""
    return _try_to_write(folder)


def _try_to_write(folder):
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _warn_once(kind, text):
    if kind not in _said:
        _said.add(kind)
        warnings.warn(f"fastseg: {text}", UserWarning, stacklevel=2)


def reasons(folders):
    """Write why nothing can be written to some folders."""
    return "; ".join(f"{folder}: {refusal(folder)}" for folder in folders)


class KernelCache(FunctionCache):
    """The cache of one kernel, in the place of numba's own.

    Parameters
    ----------
    function : function
        Its qualified name is the name of its files.
    """

    def __init__(self, function):
        # numba's own looks for a folder that it can write, or raises; only its key is taken over
        self._name = repr(function)
        self._py_func = function
        self._folder = None
        self.enable()

    @property
    def function(self):
        """The Python function of the kernel."""
        return self._py_func

    @property
    def cache_path(self):
        """The folder that the machine code is in, or would be kept in; None if nowhere."""
        return self._folder or self.writable_folder()

    def writable_folder(self):
        """Find the folder in which new machine code is kept; None where none can be written."""
        return next((place for place in places(self._py_func) if refusal(place) is None), None)

    def find(self, sig, codegen):
        """Find the machine code for a signature: its folder and its bytes; two None where it has to be compiled."""
        if not self._enabled:
            return None, None
        key = self._key(sig, codegen)
        for folder in places(self._py_func):
            if (payload := self._files(folder).load(key)) is not None:
                return folder, payload
            if refusal(folder) is None:
                break
        return None, None

    def load_overload(self, sig, target_context):
        """Give the compiled kernel; None where it has to be compiled."""
        target_context.refresh()
        folder, payload = self.find(sig, target_context.codegen())
        if payload is not None:
            with contextlib.suppress(Exception):  # whatever it is, compiling mends it
                kernel = CompileResult._rebuild(target_context, *pickle.loads(payload))
                self._folder = folder
                return kernel
        if self._enabled:
            self._warn_of_places()
        return None

    def _warn_of_places(self):
        folders = places(self._py_func)
        kept_in = self.writable_folder()
        if kept_in is None:
            _warn_once(
                "nowhere",
                "machine code can be kept nowhere, so that every process compiles anew "
                f"({reasons(folders)}); set {VARIABLE} to a folder that can be written",
            )
        elif named_folder() and kept_in != folders[0]:
            _warn_once(
                "elsewhere",
                f"{VARIABLE} names a folder that cannot be written ({reasons(folders[:1])}); "
                f"machine code is kept in {kept_in}",
            )

    def save_overload(self, sig, data):
        """Keep a compiled kernel, if that is possible."""
        folder = self.writable_folder() if self._enabled else None
        if folder is None or data.library.has_dynamic_globals:  # addresses of this process
            return
        try:
            os.makedirs(folder, exist_ok=True)
            self._files(folder).save(self._key(sig, data.codegen), dumps(data._reduce()))
        except OSError as error:
            _warn_once(
                "lost",
                f"machine code could not be kept in {folder} ({error.strerror or error}), so that the next process "
                f"compiles anew; {VARIABLE} may name another folder",
            )
        else:
            self._folder = folder

    def flush(self):
        """Forget what is kept of this kernel."""
        if (folder := self.writable_folder()) is not None:
            self._files(folder).clear()

    def _key(self, sig, codegen):
        return hashlib.sha256(repr(self._index_key(sig, codegen)).encode()).hexdigest()

    def _files(self, folder):
        return _Files(folder, _file_name(self._py_func))


@functools.cache
def _stamp(path):
    """Compute what changes with the kernel's own file and with numba: by content, as copies have other times."""
    with open(path, "rb") as file:
        return hashlib.sha256(numba.__version__.encode() + file.read()).hexdigest()[:8]


@functools.cache
def _file_name(function):
    path = inspect.getfile(function)
    module = os.path.splitext(os.path.basename(path))[0]
    python = f"py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
    return f"{module}.{function.__qualname__}-{_stamp(path)}.{python}"


class _Files:
    """The files of one kernel in one folder: an index of keys, and machine code for each of them.

    Readers find nothing where the files are missing, unreadable or damaged. Writers that come together leave whole
    files, and at worst an entry that leads to the machine code of another key, which is then not taken.
    """

    def __init__(self, folder, name):
        self._path = os.path.join(folder, name)

    def load(self, key):
        data = self._entries().get(key)
        return None if data is None else _read(self._data_path(data), key)

    def save(self, key, payload):
        entries = self._entries()
        if key not in entries:
            taken = set(entries.values())
            entries[key] = next(n for n in itertools.count(1) if n not in taken)
            self._write_index(entries)
        _write(self._data_path(entries[key]), key, payload)

    def clear(self):
        self._write_index({})

    def _entries(self):
        content = _read(f"{self._path}.nbi", "index")
        return {} if content is None else json.loads(content)

    def _write_index(self, entries):
        _write(f"{self._path}.nbi", "index", json.dumps(entries).encode())

    def _data_path(self, number):
        return f"{self._path}.{number}.nbc"


def _digest(key, content):
    return hashlib.sha256(key.encode() + content).digest()


def _read(path, key):
    """Read what `_write` wrote for the same key; None if that is not what the file holds."""
    try:
        with open(path, "rb") as file:
            sealed = file.read()
    except OSError:
        return None
    size = hashlib.sha256().digest_size
    content = sealed[size:]
    return content if sealed[:size] == _digest(key, content) else None


def _write(path, key, content):
    """Write a file whole or not at all, whoever else writes it."""
    temporary = f"{path}.tmp.{uuid.uuid4().hex[:16]}"
    try:
        with open(temporary, "wb") as file:
            file.write(_digest(key, content) + content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
