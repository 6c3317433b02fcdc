"""One numba kernel, one signature: compiled on first use, cached on disk, never specialised again.

Two traps of numba's shape this file; what becomes of its cache is the matter of `_cache`. The cache does not see edits
in other files, so a kernel file stands alone, and the files that kernels do share, those of this folder, enter every
kernel's name, and so its place in the cache, by a digest. And a dispatcher that may still compile would specialise
silently for a strided or a wrong array, so it is closed after its one signature: such an argument is then a TypeError.
A variant for another dtype is a function of its own name.
"""

import contextlib
import functools
import gc
import hashlib
import os
import threading
import types as python_types
from pathlib import Path

import numba
import numpy as np
from numba import types
from numba.core import config
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.typed_passes import NopythonRewrites
from numba.core.untyped_passes import InlineClosureLikes

from fastseg_kernels._cache import KernelCache

_compiling = threading.Lock()

if hasattr(os, "register_at_fork"):
    # A child has none of its parent's threads: one that was compiling would hold our lock, and numba's, for ever. So
    # a fork waits until no kernel is being compiled.
    os.register_at_fork(
        before=_compiling.acquire,
        after_in_parent=_compiling.release,
        after_in_child=_compiling.release,
    )

#: every kernel whose file has been imported, for ``fastseg warm``
KERNELS: list = []

u8, u16, u32, u64 = types.uint8, types.uint16, types.uint32, types.uint64
i32, i64, f32, f64 = types.int32, types.int64, types.float32, types.float64

#: the unsigned types that label maps are viewed as, by the suffix of a kernel's variant
LABEL_TYPES = {"u8": u8, "u16": u16, "u32": u32, "u64": u64}

#: the types that distances are computed in
FLOAT_TYPES = {"f32": f32, "f64": f64}


def shared_digest(folder=Path(__file__).parent):
    """Compute eight hexadecimal digits that change whenever a file changes that several kernels share."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("_*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


_DIGEST = shared_digest()


def read(dtype, ndim):
    """Make the type of a C-contiguous array that a kernel only reads; read-only and writable arrays both match."""
    return types.Array(dtype, ndim, "C", readonly=True)


def write(dtype, ndim):
    """Make the type of a C-contiguous array that a kernel writes."""
    return types.Array(dtype, ndim, "C")


#: comprehensions and functions within functions; expressions of whole arrays
_UNNEEDED = {InlineClosureLikes, NopythonRewrites}


class _Library(JITCodeLibrary):
    """The code of a kernel, optimised once: numba does it for each function before it does it for the whole."""

    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout  # as numba does before that


class _PartLibrary(_Library):
    """The code of a function that is only ever linked into kernels: not optimised by itself, nor made machine code.

    numba does both for every function, and again for each kernel that has it: a quarter of all compiling (benchmarks:
    bench_start).
    """

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0  # numba's "not there", as it says of whatever has no wrapper for Python

    @property
    def codegen(self):
        """What is asked to write the address of numba's environment into machine code, of which there is none."""
        return self

    def set_env(self, name, environment):
        pass


class _Pipeline(Compiler):
    """numba's pipeline, without passes that look for what no kernel has."""

    def define_pipelines(self):
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [step for step in pipeline.passes if step[0] not in _UNNEEDED]
            pipeline.finalize()
        return pipelines


class _KernelCompiler(_Pipeline):
    def __init__(self, typing_context, target_context, library, *options):
        if library is None:
            library = _Library(target_context.codegen(), "kernel")
            library.enable_object_caching()
        super().__init__(typing_context, target_context, library, *options)


class _PartCompiler(_Pipeline):
    def __init__(self, typing_context, target_context, library, *options):
        library = library or _PartLibrary(target_context.codegen(), "part")
        super().__init__(typing_context, target_context, library, *options)


#: numba's own pipeline, for kernels that its two rounds make faster: it takes a tenth longer to compile
TWICE_OPTIMISED = Compiler

_ALLOCATING = {"empty", "zeros", "ones", "full", "copy", "astype", "empty_like", "zeros_like"}


def _compiled(function, pipeline, **options):
    """Make a function one of numba's, without what no kernel needs.

    That is a wrapper for C, and the counting of references where nothing is allocated, as kernels own no array: it
    takes a twentieth of the time to compile, and no kernel runs slower without it.
    """
    allocates = not _ALLOCATING.isdisjoint(function.__code__.co_names)
    options = {"nogil": True, "no_cfunc_wrapper": True, "_nrt": allocates, **options}
    return numba.njit(pipeline_class=pipeline, **options)(function)


def _part(**options):
    def wrap(function):
        if config.DISABLE_JIT:
            return function
        return _compiled(function, _PartCompiler, no_cpython_wrapper=True, **options)

    return wrap


@contextlib.contextmanager
def _uncollected():
    """Let no garbage be collected: of millions of objects that all live, numba makes enough to start it many times."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Kernel:
    """A compiled-on-demand function of one signature.

    Calling it compiles, or loads from the cache, the first time; ``compile()`` does only that.
    """

    def __init__(self, function, signature, pipeline=_KernelCompiler):
        functools.update_wrapper(self, function)
        self._signature = signature
        function.__qualname__ = f"{function.__qualname__}_{_DIGEST}"  # of its files in the cache
        self._dispatcher = _compiled(function, pipeline)
        self._dispatcher._cache = self._cache = KernelCache(function)  # in place of numba's own
        self._ready = False
        KERNELS.append(self)

    def compile(self):
        """Compile the kernel or load it from the cache, once, under a lock.

        Without the lock, threads that race to the first call see a dispatcher already closed.
        """
        with _compiling:
            if not self._ready:
                with _uncollected():
                    self._dispatcher.compile(self._signature)
                self._dispatcher.disable_compile()
                self._ready = True

    @property
    def is_ready(self):
        """Whether a call would run at once."""
        return self._ready

    @property
    def dispatcher(self):
        """The numba dispatcher, for looking at types and assembly."""
        return self._dispatcher

    @property
    def cache(self):
        """Where the machine code is kept."""
        return self._cache

    def kept_in(self):
        """Find the folder that has the kernel's machine code for this machine; None if it has to be compiled."""
        return self._cache.find(self._signature, self._dispatcher.targetctx.codegen())[0]

    def __call__(self, *args):
        if not self._ready:
            self.compile()
        return self._dispatcher(*args)


def _as_python(function):
    """Make a function what a kernel is under ``NUMBA_DISABLE_JIT=1``: itself, and nothing to compile.

    NumPy warns where a 64-bit scalar wraps around, which compiled code does by definition and kernels rely on.
    """
    kernel = np.errstate(over="ignore")(function)
    kernel.compile = lambda: None
    KERNELS.append(kernel)
    return kernel


def _make(function, signature, *pipeline):
    return _as_python(function) if config.DISABLE_JIT else Kernel(function, signature, *pipeline)


def kernel(*signature):
    """Make a function a kernel of one signature."""
    return lambda function: _make(function, signature)


def _family(named_types, signature, *pipeline):
    """Return a decorator that makes one kernel for each type, each with a name, and so a cache, of its own."""

    def wrap(function):
        family = {}
        for suffix, numba_type in named_types.items():
            name = f"{function.__name__}_{suffix}"
            variant = python_types.FunctionType(
                function.__code__, function.__globals__, name, function.__defaults__
            )
            variant.__qualname__ = name
            variant.__doc__ = function.__doc__
            variant.__module__ = function.__module__
            family[np.dtype(str(numba_type))] = _make(variant, signature(numba_type), *pipeline)
        return family

    return wrap


def label_kernels(signature, *pipeline):
    """Make a function a family of kernels, one for each unsigned type that a label map may be viewed as.

    Parameters
    ----------
    signature : callable
        From a label type to the signature's tuple of types.
    *pipeline : type
        `TWICE_OPTIMISED`, or none.

    Returns
    -------
    callable
        A decorator. It gives a dict from NumPy dtype to kernel.
    """
    return _family(LABEL_TYPES, signature, *pipeline)


def float_kernels(signature):
    """Make a function a family of two kernels, for float32 and float64; see `label_kernels`."""
    return _family(FLOAT_TYPES, signature)


#: a function that kernels of the same file call: compiled into its caller, if LLVM finds it small enough
inlined = _part()

#: the same, always: arrays go to a function as seven numbers each, which a call for each row would feel
always_inlined = _part(forceinline=True)
