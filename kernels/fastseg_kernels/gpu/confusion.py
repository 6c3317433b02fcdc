"""Launches `confusion.cu`: the joint histogram of two label volumes."""

from __future__ import annotations

import numpy as np

from fastseg_kernels.gpu._module import (
    DeviceArray,
    blocks_for,
    empty,
    full,
    launch,
    sizes,
    type_suffix,
    zeros,
)

# Blocks go round: each has a table to write out at its end, and 1024 keep the largest cards busy.
_MOST_BLOCKS = 1024
_STRIP = 64  # rows that a thread of the kernel walks

TABLE_FULL, LABEL_TOO_WIDE = 1, 2  # bits of `problem`
_FREE = np.uint64(0xFFFFFFFFFFFFFFFF)


def joint_histogram(
    reference: DeviceArray, prediction: DeviceArray, slots: int
) -> tuple[DeviceArray, DeviceArray, DeviceArray, DeviceArray]:
    """Count the pairs of labels of two volumes (nz, ny, nx) of one unsigned dtype, C-contiguous.

    Returns
    -------
    keys : uint64 (slots + 1,)
        ``reference << 32 | prediction`` where the count is not 0; the last row is that of the key of all ones.
    counts : uint64 (slots + 1,)
    boxes : uint32 (slots + 1, 6)
        First z, y, x and one behind the last.
    problem : uint32 (1,)
        Not 0 if the result is of no use: `TABLE_FULL`, `LABEL_TOO_WIDE`.
    """
    nz, ny, nx = reference.shape
    keys, counts = full(slots + 1, _FREE, np.uint64), zeros(slots + 1, np.uint64)
    boxes, problem = zeros((slots + 1, 6), np.uint32), zeros(1, np.uint32)
    boxes[:, :3] = np.uint32(0xFFFFFFFF)
    columns = nz * -(-ny // _STRIP) * nx
    launch(
        "confusion",
        f"joint_histogram_{type_suffix(reference)}",
        min(blocks_for(columns), _MOST_BLOCKS),
        *(reference, prediction, *sizes(nx, ny, nz, slots)),
        *(keys, counts, boxes, problem),
    )
    return keys, counts, boxes, problem


def number_labels(volumes: tuple[DeviceArray, ...], slots: int) -> tuple[DeviceArray, DeviceArray]:
    """Enter all labels of uint64 volumes in a hash table of `slots` (a power of two) and one more.

    Returns
    -------
    table : uint64 (slots + 1,)
        A label's number is where it stands; all ones where none does. The label of all ones has the last number.
    problem : uint32 (1,)
    """
    table, problem = full(slots + 1, _FREE, np.uint64), zeros(1, np.uint32)
    for labels in volumes:
        blocks = min(blocks_for(labels.size), _MOST_BLOCKS)
        n = np.uint64(labels.size)
        launch("confusion", "number_labels", blocks, labels, n, *sizes(slots), table, problem)
    return table, problem


def label_numbers(labels: DeviceArray, table: DeviceArray) -> DeviceArray:
    """Replace each label by its number, in a new uint32 volume."""
    numbers = empty(labels.shape, np.uint32)
    launch(
        "confusion",
        "label_numbers",
        blocks_for(labels.size),
        *(labels, np.uint64(labels.size), *sizes(table.size - 1), table, numbers),
    )
    return numbers
