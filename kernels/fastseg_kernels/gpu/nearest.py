"""Launches `nearest.cu`: exact distances from single voxels to a packed set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastseg_kernels.gpu._module import (
    DeviceArray,
    asarray,
    blocks_for,
    empty,
    launch,
    sizes,
    type_suffix,
    zeros,
)


def nearest(
    targets: DeviceArray,
    bit_positions: DeviceArray,
    rows: np.ndarray,
    bases: np.ndarray,
    complete: bool,
    squares: Sequence[np.ndarray],
    reverse: bool,
) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
    """Search the targets for each query, row by row in order of distance.

    Parameters
    ----------
    targets : uint32 (nz, ny, nw)
        The packed set.
    bit_positions : uint64 (n,)
        The queries: 32 times the word plus the bit.
    rows, bases : int32 (m, 2), float64 (m,)
        Offsets (dz, dy) in order of their squared lengths, and these.
    complete : bool
        Whether these are all that the volume has.
    squares : three float64 arrays
        Of 0, 1, 2 … steps along z, y, x.
    reverse : bool
        Whether the image's axes are x, y, z, the order in which squares are summed.

    Returns
    -------
    squared : float64 (n,)
    open : uint64 (n,)
        Queries that the rows did not settle, in no order.
    n_open : uint64 (1,)
        How many these are.
    """
    squared, unsettled = (
        empty(bit_positions.shape, np.float64),
        empty(bit_positions.shape, np.uint64),
    )
    n_open = zeros(1, np.uint64)
    launch(
        "nearest",
        "nearest",
        blocks_for(32 * bit_positions.size),
        *(targets, *sizes(*targets.shape), bit_positions, np.uint64(bit_positions.size)),
        *(asarray(rows), asarray(bases), *sizes(len(bases)), np.int32(complete)),
        *(asarray(table) for table in squares),
        *(np.int32(reverse), squared, unsettled, n_open),
    )
    return squared, unsettled, n_open


def last_axis(
    volume: DeviceArray,
    bit_positions: DeviceArray,
    queries: DeviceArray,
    axis: int,
    squares: np.ndarray,
    squared: DeviceArray,
) -> None:
    """Write the squared distances of the `queries` that are open, from those along all axes but one.

    Parameters
    ----------
    volume : float32 or float64 (nz, ny, nx)
    axis : int
        The one left to do.
    squares : ndarray of the volume's dtype
        Of 0, 1, 2 … steps along it.
    """
    stride = int(np.prod(volume.shape[axis + 1 :], dtype=np.int64))
    launch(
        "nearest",
        f"last_axis_{type_suffix(volume)}",
        blocks_for(32 * queries.size),
        *(volume, *sizes(*volume.shape[1:]), bit_positions, queries, np.uint64(queries.size)),
        *(np.int32(axis), *sizes(volume.shape[axis]), np.uint64(stride), asarray(squares), squared),
    )
