"""Which structures are evaluated, of which channels, and which voxels count."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, as_array, as_mask
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.source import whole_map
from fastseg.inputs.structures import Structure
from fastseg.io.pairs import read_map
from fastseg.probabilities.maps import Maps


def as_counted(mask: Any, labels: Array) -> NDArray[np.bool_] | None:
    """Take the mask of what counts."""
    if mask is None:
        return None
    if isinstance(mask, (str, os.PathLike)):
        mask = whole_map(read_map(mask, "mask").source, "probabilities")
    check_in_cpu_memory(mask, "mask", "probabilities")
    found = as_mask(as_array(mask, "mask"), "mask")
    if found.shape != labels.shape:
        raise InputError(f"mask: expected the reference's shape {labels.shape}, got {found.shape}")
    return found


# Voxels whose labels are counted at once: bincount makes 64-bit numbers of them.
_COUNTED_AT_ONCE = 1 << 16


def _present(labels: Array) -> list[int]:
    """List the labels of a map that are not 0, ascending; 0 may be among them."""
    if labels.dtype != np.uint8 and labels.dtype != np.bool_:
        return [int(one) for one in np.unique(labels).tolist()]
    flat = labels.view(np.uint8).ravel("K")
    if flat.size and (highest := int(flat.max())) <= 1:
        return [highest]
    there = np.zeros(256, np.int64)
    for start in range(0, flat.size, _COUNTED_AT_ONCE):
        there += np.bincount(flat[start : start + _COUNTED_AT_ONCE], minlength=256)
    return [int(one) for one in there.nonzero()[0].tolist()]


def structures_of(
    wanted: tuple[Structure, ...] | None, labels: Array, maps: Maps, ignore: int | None
) -> tuple[Structure, ...]:
    """List what is evaluated, and see that there is a channel for each."""
    if maps.channels is None:
        if wanted is None:
            found = tuple(one for one in _present(labels) if one and one != ignore) or (1,)
            if len(found) > 1:
                return (Structure.of("foreground", found),)
            return (Structure.of(str(found[0]), found[0]),)
        if len(wanted) != 1:
            raise InputError(
                f"labels: one map of probabilities is of one structure, got {len(wanted)}; a region is "
                "{'name': (1, 2)}, and several structures need an axis of channels"
            )
        return wanted
    if wanted is None:
        if maps.channels == 1:
            raise InputError(
                "probabilities: of one channel nothing tells which label it is of; leave the axis out, or name it: "
                "labels={'name': {'reference': 1, 'prediction': 0}}"
            )
        highest = int(labels.max())
        if ignore is not None and highest == ignore:
            others = labels[labels != ignore]
            highest = int(others.max()) if others.size else 0
        if highest >= maps.channels or int(labels.min()) < 0:
            raise InputError(
                f"probabilities: {maps.channels} channels, and the reference has the label {highest}; labels= says "
                "which channel is of which label, as in {'liver': {'reference': 6, 'prediction': 1}}"
            )
        wanted = tuple(
            Structure.of(str(one), one) for one in range(1, maps.channels) if one != ignore
        )
    for one in wanted:
        for channel in one.prediction:
            if not 0 <= channel < maps.channels:
                raise InputError(
                    f"labels: {one.name!r} is of channel {channel}, and there are {maps.channels}, from 0 on"
                )
    return wanted
