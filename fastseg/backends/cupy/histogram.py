"""The joint histogram for the cupy backend: a hash table on the device, with as much room as it turns out to need."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
from numpy.typing import NDArray

from fastseg.backends.shared.volume import Volume
from fastseg.measures.joint_histogram import JointHistogram
from fastseg_kernels.gpu import confusion
from fastseg_kernels.gpu._module import DeviceArray

_FEWEST_SLOTS = 1 << 12  # room for pairs of labels to start with


def joint_histogram(reference: DeviceArray, prediction: DeviceArray) -> JointHistogram:
    """Count the pairs of labels in one pass over both volumes."""
    first = Volume.of(reference)
    volumes = first.labels, Volume.of(prediction).labels
    pairs, counts, boxes = _pairs(volumes)
    order = np.lexsort(pairs[::-1])  # a hash table has none that could be relied on
    axes = list(range(3 - first.ndim, 3))[:: -1 if first.reverse else 1]
    found = [labels[order].astype(volumes[0].dtype).view(first.dtype) for labels in pairs]
    edges = boxes[order].astype(np.int64)
    starts, stops = edges[:, :3][:, axes], edges[:, 3:][:, axes]
    return JointHistogram(found[0], found[1], counts[order].astype(np.int64), starts, stops)


def _pairs(
    volumes: tuple[DeviceArray, DeviceArray],
) -> tuple[tuple[NDArray[Any], NDArray[Any]], NDArray[Any], NDArray[Any]]:
    """Find the labels, count and box of every pair, making room until all fit."""
    slots = _FEWEST_SLOTS
    while True:
        keys, counts, boxes, problem = confusion.joint_histogram(*volumes, slots)
        told = int(cupy.asnumpy(problem)[0])
        if told & confusion.LABEL_TOO_WIDE:
            return _numbered_pairs(volumes)
        if not told:
            break
        slots *= 8
    counts = cupy.asnumpy(counts)
    used = np.flatnonzero(counts)
    keys = cupy.asnumpy(keys)[used]
    return (keys >> 32, keys & 0xFFFFFFFF), counts[used], cupy.asnumpy(boxes)[used]


def _numbered_pairs(
    volumes: tuple[DeviceArray, DeviceArray],
) -> tuple[tuple[NDArray[Any], NDArray[Any]], NDArray[Any], NDArray[Any]]:
    """Find them for labels of more than 32 bits, which are numbered first."""
    slots = _FEWEST_SLOTS
    while True:
        table, problem = confusion.number_labels(volumes, slots)
        if not int(cupy.asnumpy(problem)[0]):
            break
        slots *= 8
    numbers = [confusion.label_numbers(labels, table) for labels in volumes]
    pairs, counts, boxes = _pairs((numbers[0], numbers[1]))
    labels = cupy.asnumpy(table)
    labels[-1] = 0xFFFFFFFFFFFFFFFF
    return (labels[pairs[0]], labels[pairs[1]]), counts, boxes
