"""The distance transform for the numba backend: which passes, in which order, in which precision."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.thin import compare_lines, is_thin, thin_transform
from fastseg.backends.shared.exactness import sums_are_exact
from fastseg.backends.shared.offsets import squares
from fastseg.backends.shared.plan import DOUBLE, SINGLE, Plan, plan_for
from fastseg.errors import InputError
from fastseg.inputs.arrays import Spacing
from fastseg_kernels._intrinsics import TILE_BYTES
from fastseg_kernels._shapes import split
from fastseg_kernels.cpu import masks
from fastseg_kernels.cpu.edt import features as feature_kernels
from fastseg_kernels.cpu.edt import parabolas
from fastseg_kernels.cpu.edt import rows as row_kernels

Features = NDArray[np.int32]

# Rows and the next axis of a few slices are done together while they are in the second-level cache.
_CACHED_BYTES = 1 << 19
# Rows of bytes that are packed before they are looked at.
_PACKED_ROWS = 1 << 10
_BACKGROUND = np.zeros(1, np.uint64)
_ALL_TILES = np.empty(0, np.uint8)
_NO_FEATURES = np.empty((0, 0), np.int32)
_NOT_PACKED = np.empty(0, np.int32), 1.0, 0, 0, 0
# Bits of a row's number that packed values may lack: without four of them 2048² still takes two thirds of the time.
_MOST_COARSE = 4


class Targets(NamedTuple):
    """What is to be found, 64 voxels to a word along the last of three axes, with no bits beyond the end of a row."""

    words: NDArray[np.uint64]
    shape: tuple[int, int, int]

    def foreground(self) -> NDArray[np.uint8]:
        """Unpack to bytes: 1 where a voxel is not a target, which is what passes over bytes call foreground."""
        mask = np.empty(self.shape, np.uint8)
        masks.unpack(self.words, mask)
        mask ^= 1
        return mask


def transform(
    foreground: NDArray[Any] | Targets,
    spacing: Spacing,
    axes: tuple[int, ...],
    *,
    dtype: Any = np.float64,
    indices: bool = False,
    squared: bool = False,
    at: tuple[NDArray[np.int64], ...] | None = None,
) -> tuple[NDArray[Any], Features | None]:
    """Measure from every element of a C-contiguous array of bytes, of any number of axes, to its nearest 0.

    Parameters
    ----------
    foreground : bool or uint8 ndarray, or Targets
        Targets need not be unpacked where rows come first; without indices only.
    spacing : tuple of float
        Along each axis of the array.
    axes : tuple of int
        The array's axes in the order in which the image's own axes come: squares are summed in this order.
    dtype : float64 or float32
    indices : bool
        Also give the index of that 0, coordinate first, along the array's axes; -1 if there is none.
    squared : bool
        Leave the squares.
    at : tuple of int64 ndarray
        Coordinates at which distances are wanted, along each axis; elsewhere the last pass may be left out.
    """
    shape = foreground.shape
    dtype = np.dtype(dtype)
    long = [axis for axis in range(len(shape)) if shape[axis] > 1] or [len(shape) - 1]
    sizes = tuple(shape[axis] for axis in long)
    steps = tuple(spacing[axis] for axis in long)
    order = tuple(long.index(axis) for axis in axes if axis in long)
    # float32 answers need no bits of SciPy's
    plan = plan_for(
        sizes, steps, order, dtype, indices=indices, may_round=dtype == SINGLE, thin=is_thin(sizes)
    )
    if compare_lines(sizes, plan.axes[0]):
        mask = foreground.foreground() if isinstance(foreground, Targets) else foreground
        room = np.empty((len(shape), *shape), np.int32) if indices else None
        found = thin_transform(mask.view(np.uint8), spacing, axes, dtype, squared, room)
        return found, room
    if isinstance(foreground, Targets):
        rows_first = long[plan.axes[0]] == len(shape) - 1
        source: NDArray[Any] = (
            foreground.words if rows_first else foreground.foreground().reshape(sizes)
        )
    else:
        source = foreground.view(np.uint8).reshape(sizes)
    volume = np.empty(sizes, plan.dtype)
    where = np.zeros((len(shape), *shape), np.int32) if indices else None
    if where is not None:
        rows = np.array([long[axis] for axis in plan.axes])
        _with_features(source, steps, plan, volume, squared, rows, where.reshape(len(shape), -1))
        if np.isinf(
            volume.reshape(-1)[0]
        ):  # inf anywhere is inf everywhere: there is no background
            where[...] = -1
    else:
        wanted = (
            _ALL_TILES if at is None else _tiles_of(tuple(at[axis] for axis in long), plan, volume)
        )
        _without_features(source, steps, plan, volume, squared, wanted)
    if len(plan.axes) == 1 and not squared:  # no parabola pass, which else takes the roots
        np.sqrt(volume, out=volume)
    return volume.reshape(shape).astype(dtype, copy=False), where


def _without_features(
    source: NDArray[Any],
    spacing: Spacing,
    plan: Plan,
    volume: NDArray[Any],
    squared: bool,
    wanted: NDArray[np.uint8],
) -> None:
    """Make all passes, the last one with the square roots and only over the tiles that are wanted."""
    first, later = plan.axes[0], list(plan.axes[1:])
    last_axis = volume.ndim - 1
    if first == last_axis and later and later[0] == last_axis - 1 and volume.ndim > 2:
        _rows_and_columns(source, spacing, plan, volume)
        later.pop(0)
    else:
        _first_axis(source, first, spacing[first], volume)
    for axis in later:
        last = axis == later[-1]
        _parabolas(
            volume, axis, spacing[axis], plan, last and not squared, wanted if last else _ALL_TILES
        )


def _with_features(
    foreground: NDArray[np.uint8],
    spacing: Spacing,
    plan: Plan,
    volume: NDArray[Any],
    squared: bool,
    rows: NDArray[np.int64],
    features: Features,
) -> None:
    """Make all passes with the index of the nearest 0, whose coordinate along each axis goes to its row of `features`.

    Until the last pass all of a voxel's indices are packed into one number, in the row of the last axis.
    """
    shape = volume.shape
    packed = features[rows[-1]]
    first = plan.axes[0]
    axes = _feature_axes(shape, plan.axes, rows)
    _first_features(foreground, first, packed.reshape(shape))
    if len(plan.axes) == 1:
        _first_axis(foreground, first, spacing[first], volume)
        return
    steps = np.array([spacing[axis] for axis in plan.axes])
    for done, axis in enumerate(plan.axes[1:], start=1):
        last = done == len(plan.axes) - 1
        out = features if last else _NO_FEATURES
        root = last and not squared
        _add_features(volume, axis, plan, root, axes[: done + 1], steps[: done + 1], packed, out)


def _add_features(
    volume: NDArray[Any],
    axis: int,
    plan: Plan,
    root: bool,
    axes: NDArray[np.int64],
    steps: NDArray[np.float64],
    packed: Features,
    features: Features,
) -> None:
    """Add an axis, the last of `axes`, to the packed indices in place; give `features` and distances at the end."""
    _, n, inner = split(volume.shape, axis)
    table = squares(n, steps[-1]).astype(volume.dtype)
    flat, kernel = volume.reshape(-1), feature_kernels.feature_pass[volume.dtype]
    options = steps[-1], table, int(plan.monotone), int(root)
    threads.run(
        lambda slab: kernel(*options, *slab, inner, axes, steps, packed, flat, features),
        threads.slabs(_tiles(volume.size // n, volume.dtype), volume.size),
    )


def _feature_axes(
    shape: tuple[int, ...], axes: tuple[int, ...], rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Describe each axis as `feature_pass` takes it."""
    lengths = [(shape[axis] - 1).bit_length() for axis in axes]
    if sum(lengths) > 31:
        sizes = " × ".join(map(str, shape))
        raise InputError(
            f"return_indices: the indices of a voxel must fit in 31 bits, those of {sizes} take {sum(lengths)}; "
            "crop the array"
        )
    shifts = [sum(lengths[:i]) for i in range(len(lengths))]
    return np.array(
        [
            (math.prod(shape[axis + 1 :]), shape[axis], shift, (1 << size) - 1, row)
            for axis, shift, size, row in zip(axes, shifts, lengths, rows, strict=True)
        ],
        np.int64,
    )


def _first_features(foreground: NDArray[np.uint8], axis: int, out: Features) -> None:
    """Find the index of the nearest 0 along the first axis."""
    view = split(foreground.shape, axis)
    lines, found = foreground.reshape(view), out.reshape(view)
    if axis == foreground.ndim - 1:
        threads.run(
            lambda slab: feature_kernels.row_features(lines[..., 0], *slab, found[..., 0]),
            threads.slabs(view[0], out.size),
        )
        return
    if view[1] >= 1 << 30:
        raise InputError(f"return_indices: axes of up to 2**30 - 1 voxels, got one of {view[1]}")
    threads.run(
        lambda slab: feature_kernels.column_features(lines, *slab, found),
        threads.slabs(view[0] * -(-view[2] // feature_kernels.LINES), out.size),
    )


def _tiles(lines: int, dtype: np.dtype[Any]) -> int:
    """Count the tiles that so many lines make."""
    return -(-lines // (TILE_BYTES // dtype.itemsize))


def _tiles_of(
    at: tuple[NDArray[np.int64], ...], plan: Plan, volume: NDArray[Any]
) -> NDArray[np.uint8]:
    """Mark the tiles of the last pass that hold one of the coordinates."""
    axis = plan.axes[-1]
    outer, _, inner = split(volume.shape, axis)
    others = [i for i in range(volume.ndim) if i != axis]
    lines = np.zeros(len(at[0]), np.int64)
    for i in others:
        lines = lines * volume.shape[i] + at[i]
    wanted = np.zeros(_tiles(outer * inner, volume.dtype), np.uint8)
    wanted[lines // (TILE_BYTES // volume.itemsize)] = 1
    return wanted


def exact_dtype(shape: tuple[int, ...], spacing: Spacing) -> np.dtype[Any]:
    """Choose float32 if all squared distances are exact in it, else float64."""
    return SINGLE if sums_are_exact(shape, spacing, SINGLE) else DOUBLE


def _first_axis(source: NDArray[Any], axis: int, step: float, volume: NDArray[Any]) -> None:
    view = split(volume.shape, axis)
    if axis == volume.ndim - 1:
        threads.run(_row_pass(source, step, volume), threads.slabs(view[0], volume.size))
        return
    lines, target = source.reshape(view), volume.reshape(view)
    kernel = row_kernels.column_pass[volume.dtype]
    pieces = threads.slabs(view[0] * _tiles(view[2], volume.dtype), volume.size)
    threads.run(lambda slab: kernel(lines, step, *slab, target), pieces)


def _row_pass(
    source: NDArray[Any], step: float, volume: NDArray[Any]
) -> Callable[[tuple[int, int]], None]:
    """Make a function that fills some of the volume's rows, from bytes of foreground or from packed targets."""
    kernel = row_kernels.row_pass[volume.dtype]
    nearest = row_kernels.DISTANCES_IN_BYTES[volume.dtype]
    rows, out = source.reshape(-1, source.shape[-1]), volume.reshape(-1, volume.shape[-1])
    n_words = -(-out.shape[1] // 64)

    def fill(slab: tuple[int, int]) -> None:
        if source.dtype == np.uint64:
            kernel(rows, step, *slab, nearest, out)
            return
        for first in range(*slab, _PACKED_ROWS):
            stop = min(first + _PACKED_ROWS, slab[1])
            words = np.empty((1, stop - first, n_words), np.uint64)
            corner = np.array([0, first, 0])
            masks.select[rows.dtype](rows[None], _BACKGROUND, 0, 1, corner, out.shape[1], words)
            kernel(words[0], step, 0, stop - first, nearest, out[first:stop])

    return fill


def _rows_and_columns(
    source: NDArray[Any], spacing: Spacing, plan: Plan, volume: NDArray[Any]
) -> None:
    """Pass over the last axis and the one before it, a few slices at a time."""
    slices = volume.reshape(-1, *volume.shape[-2:])
    rows = slices.shape[1]
    at_once = max(1, _CACHED_BYTES // slices[0].nbytes)
    fill_rows = _row_pass(source, spacing[-1], volume)

    def fill(slab: tuple[int, int]) -> None:
        for start in range(*slab, at_once):
            stop = min(start + at_once, slab[1])
            fill_rows((start * rows, stop * rows))
            _parabolas(slices[start:stop], 1, spacing[-2], plan, False)

    threads.run(fill, threads.slabs(len(slices), volume.size))


def _parabolas(
    volume: NDArray[Any],
    axis: int,
    step: float,
    plan: Plan,
    root: bool,
    wanted: NDArray[np.uint8] = _ALL_TILES,
) -> None:
    """Add an axis to the squared distances in place."""
    _, n, inner = split(volume.shape, axis)
    flat, kernel = volume.reshape(-1), parabolas.parabola_pass[volume.dtype]
    options = (_kept_options if n <= _LONGEST_KEPT else _options)(plan, n, step)
    threads.run(
        lambda slab: kernel(*options, int(root), *slab, wanted, inner, flat),
        threads.slabs(_tiles(volume.size // n, volume.dtype), volume.size),
    )


def add_axis(
    volume: NDArray[np.float64],
    axis: int,
    step: float,
    plan: Plan,
    at: tuple[NDArray[np.int64], ...] | None,
) -> None:
    """Add an axis to sums that may start at any numbers of at least 0, in place; as the last one, `at` coordinates."""
    wanted = _ALL_TILES if at is None else _tiles_of(at, plan, volume)
    _parabolas(volume, axis, step, plan, False, wanted)


def _options(plan: Plan, n: int, step: float) -> tuple[Any, ...]:
    """Make what `parabola_pass` takes that depends on an axis of n voxels alone."""
    table = squares(n, step).astype(plan.dtype)
    return step, table, int(plan.monotone), *_packing(plan, n, step)


# It takes as long as a pass over a small volume.
_kept_options = functools.lru_cache(maxsize=64)(_options)
_LONGEST_KEPT = 1 << 12


def _packing(plan: Plan, n: int, step: float) -> tuple[NDArray[np.int32], float, int, int, int]:
    """Say how `parabola_pass` packs values along an axis of n voxels, if they are whole numbers that leave room."""
    if plan.unit is None:
        return _NOT_PACKED
    scale, largest = plan.unit
    bits = (n - 1).bit_length()
    none = largest + 1
    steps = squares(n, step) * scale
    shift = min(bits, 31 - (none + int(steps[-1])).bit_length())
    if shift < bits - _MOST_COARSE:
        return _NOT_PACKED
    return steps.astype(np.int32) << shift, float(scale), none, shift, bits - shift
