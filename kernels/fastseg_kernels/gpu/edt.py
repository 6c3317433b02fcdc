"""Launches `edt.cu`: the passes of the exact distance transform."""

from __future__ import annotations

import math

import numpy as np

from fastseg_kernels._shapes import split
from fastseg_kernels.gpu._module import (
    DeviceArray,
    asarray,
    blocks_for,
    empty,
    launch,
    sizes,
    type_suffix,
)

# What a block has without asking for more, on every card.
_SHARED_BYTES = 48 << 10
# What a tile should not exceed, so that several blocks run at once; but neighbours of it fill a sector of memory.
_TILE_BYTES = 24 << 10
_SECTOR_BYTES = 32
_MINIMISER_BYTES = 2
_MOST_LANES = 32


def turn(words: DeviceArray, shape: tuple[int, ...], axis: int) -> DeviceArray:
    """Pack the bits of a volume, packed along its last axis, along another one.

    Returns
    -------
    uint32 (outer, ceil(n / 32), inner)
    """
    outer, n, inner = split(shape, axis)
    turned = empty((outer, -(-n // 32), inner), np.uint32)
    nx = shape[-1]
    arguments = (words, np.uint64(outer), *sizes(n), np.uint64(inner // nx), *sizes(nx), turned)
    launch("edt", "turn", blocks_for(turned.size), *arguments)
    return turned


def first_axis(
    words: DeviceArray,
    shape: tuple[int, ...],
    axis: int,
    squares: np.ndarray,
    nearest_index: DeviceArray | None = None,
) -> DeviceArray:
    """Compute the squared distance along an axis to the nearest set bit.

    Parameters
    ----------
    words : uint32
        Packed along the axis, see `turn`.
    squares : float32 or float64 (n + 1,)
        Of 0, 1, 2 … steps; the last, infinity, is written where there is no bit.
    nearest_index : int32 array of `shape`, optional
        Written: the index of the bit, the first of two, -1 without one.
    """
    outer, n, inner = split(shape, axis)
    table = asarray(squares)
    out = empty(shape, squares.dtype)
    write_index, index = _index_output(nearest_index)
    along = inner == 1
    threads = outer * (32 * -(-n // 256) if along else -(-n // 8) * inner)
    launch(
        "edt",
        f"first_axis_{type_suffix(out)}",
        blocks_for(threads),
        *(words, np.uint64(outer), *sizes(n), np.uint64(inner), table, out, index, write_index),
    )
    return out


def parabolas(
    volume: DeviceArray,
    axis: int,
    squares: np.ndarray,
    *,
    monotone: bool,
    root: bool = False,
    dtype: np.dtype | None = None,
    nearest_index: DeviceArray | None = None,
) -> DeviceArray:
    """Add an axis to the squared distances, in place where type and size allow it.

    Parameters
    ----------
    volume : float32 or float64
        Overwritten.
    squares : ndarray of the volume's dtype (n + 1,)
        Of 0, 1, 2 … steps along the axis, and infinity.
    monotone : bool
        Whether rounding leaves the order of the minimisers alone.
    root : bool
        Take the square root.
    dtype : dtype, optional
        Of the result: that of the volume, or float64.
    nearest_index : int32 array, optional
        Written: the index along the axis of the first minimiser, -1 where all is infinite.
    """
    outer, n, inner = split(volume.shape, axis)
    lines, line_bytes = outer * inner, n * (volume.itemsize + _MINIMISER_BYTES)
    fits = line_bytes <= _SHARED_BYTES
    same = dtype is None or volume.dtype == dtype
    out = volume if same and fits else empty(volume.shape, volume.dtype if same else dtype)
    name = f"parabolas_{type_suffix(volume)}_{type_suffix(out)}"
    write_index, index = _index_output(nearest_index)
    flags = (np.int32(monotone), np.int32(root), index, write_index)
    table = asarray(squares)
    if fits:
        lanes = _lanes(line_bytes, volume.itemsize)
        rest = (np.uint64(lines), *sizes(n), np.uint64(inner), table, *sizes(lanes), *flags)
        shared = lanes * line_bytes
        launch("edt", name, -(-lines // lanes), volume, out, *rest, shared_mem=shared)
    else:
        scratch = empty(volume.shape, np.uint32)
        arguments = (volume, out, np.uint64(inner), *sizes(n), table, *flags, scratch)
        launch("edt", f"long_{name}", lines, *arguments)
    return out


def _lanes(line_bytes: int, itemsize: int) -> int:
    """Choose how many lines a block holds: a power of two."""
    fitting = max(
        _TILE_BYTES // line_bytes, min(_SHARED_BYTES // line_bytes, _SECTOR_BYTES // itemsize)
    )
    return min(1 << fitting.bit_length() - 1, _MOST_LANES)


def _index_output(nearest_index: DeviceArray | None) -> tuple[np.int32, DeviceArray]:
    """Tell whether indices are written, and to which array: a kernel takes no null pointer."""
    return (
        (np.int32(0), empty(1, np.int32)) if nearest_index is None else (np.int32(1), nearest_index)
    )


def follow(nearest_index: DeviceArray, axes: tuple[int, ...]) -> DeviceArray:
    """Combine the index that the pass over each of `axes` has found: nearest background, int32 (ndim, *shape)."""
    shape = nearest_index.shape[1:]
    size = math.prod(shape)
    indices = empty((len(shape), *shape), np.int32)
    strides = [math.prod(shape[axis + 1 :]) for axis in axes]
    launch(
        "edt",
        "follow",
        blocks_for(size),
        *(
            nearest_index,
            np.uint64(size),
            np.int32(len(axes)),
            asarray(np.array(strides, np.uint64)),
        ),
        asarray(np.array([shape[axis] for axis in axes], np.uint32)),
        *(asarray(np.array(axes, np.int32)), np.int32(len(shape)), indices),
    )
    return indices
