"""Compiles the kernels, once a device, and launches them: the only module here that imports CuPy.

`--fmad=false`: a product and a sum are rounded one by one, as on the CPU; float64 results are the same to the bit.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cupy
import numpy as np

OPTIONS = ("-std=c++17", "--fmad=false")
THREADS = 256  # in every block

DeviceArray = Any  # cupy.ndarray, of which mypy knows nothing

asarray, asnumpy, cumsum = cupy.asarray, cupy.asnumpy, cupy.cumsum
empty, full, zeros = cupy.empty, cupy.full, cupy.zeros


@functools.cache
def _kernel(file: str, name: str, device: int) -> Any:
    return _module(file, device).get_function(name)


@functools.cache
def _module(file: str, device: int) -> Any:
    path = Path(__file__).with_name(f"{file}.cu")
    return cupy.RawModule(code=path.read_text(encoding="utf-8"), options=OPTIONS)


def launch(file: str, name: str, blocks: int, *arguments: Any, shared_mem: int = 0) -> None:
    """Run a kernel on the current device and stream; nothing waits for it.

    Parameters
    ----------
    file, name : str
        The kernel's file, without its suffix, and its name.
    blocks : int
        Of `THREADS` threads each; none is no launch.
    *arguments
        Device arrays, and NumPy scalars of the very types that the kernel takes: CuPy checks neither.
    shared_mem : int
        Bytes of dynamic shared memory.
    """
    if blocks:
        kernel = _kernel(file, name, cupy.cuda.Device().id)
        kernel((blocks,), (THREADS,), arguments, shared_mem=shared_mem)


def blocks_for(threads: int) -> int:
    """Count the blocks that have so many threads."""
    return -(-threads // THREADS)


def type_suffix(array: DeviceArray) -> str:
    """Make the part of a kernel's name that tells what it reads, such as u8 or f64."""
    return f"{array.dtype.kind}{8 * array.dtype.itemsize}"


def sizes(*values: int) -> tuple[np.uint32, ...]:
    """Convert numbers of voxels along an axis to the type that kernels take."""
    return tuple(np.uint32(value) for value in values)
