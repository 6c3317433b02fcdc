"""Shape and topology for the reference backend: cells of the lattice counted, components labelled, positions listed."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.measures.overlap import Overlap
from fastseg.measures.shape import Shape
from fastseg.measures.topology import Topology, TopologyPair

Mask = NDArray[np.bool_]


def topologies(reference: Mask, prediction: Mask, corners_connect: bool) -> TopologyPair:
    """Find the topology of both masks, and the overlap of both once their holes are filled."""
    holes = [_holes(mask, corners_connect) for mask in (reference, prediction)]
    first, second = (
        _topology(mask, *of_mask, corners_connect)
        for mask, of_mask in zip((reference, prediction), holes, strict=True)
    )
    filled = [
        mask | inside for mask, (_, inside) in zip((reference, prediction), holes, strict=True)
    ]
    both = filled[0] & filled[1]
    return TopologyPair(first, second, Overlap(*(int(one.sum()) for one in (*filled, both))))


def _topology(mask: Mask, count: int, inside: Mask, corners_connect: bool) -> Topology:
    structure = ndimage.generate_binary_structure(mask.ndim, mask.ndim if corners_connect else 1)
    _, components = ndimage.label(mask, structure)
    return Topology(
        mask.ndim, int(components), _euler(mask, corners_connect), count, int(inside.sum())
    )


def _holes(mask: Mask, corners_connect: bool) -> tuple[int, Mask]:
    """Count the components of the background that are not the one around the mask, and mark their voxels."""
    structure = ndimage.generate_binary_structure(mask.ndim, 1 if corners_connect else mask.ndim)
    labels, count = ndimage.label(np.pad(~mask, 1, constant_values=True), structure)
    outside = {int(labels.flat[0]), int(labels.flat[-1])}  # two along one axis, else one
    inside = (labels > 0) & ~np.isin(labels, list(outside))
    return int(count) - len(outside), inside[(slice(1, -1),) * mask.ndim]


def _euler(mask: Mask, corners_connect: bool) -> int:
    """Count the cells of all dimensions with their signs: those of closed voxels, or those between centres."""
    padded = np.pad(mask, 1)
    total = 0
    for joined in product(
        (False, True), repeat=mask.ndim
    ):  # along which axes two voxels are looked at
        cells = padded
        for axis in np.flatnonzero(joined):
            one, other = np.delete(cells, -1, axis), np.delete(cells, 0, axis)
            cells = one | other if corners_connect else one & other
        dimension = mask.ndim - sum(joined) if corners_connect else sum(joined)
        total += (-1) ** dimension * int(cells.sum())
    return total


def shape(mask: Mask, codes: NDArray[np.intp]) -> Shape:
    """List the positions of a mask's voxels; the codes are those of its surface elements."""
    at = np.argwhere(mask)
    counts = np.bincount(codes.ravel(), minlength=2**2**mask.ndim)
    counts[0] = 0
    return Shape(
        len(at),
        tuple(at.sum(axis=0).tolist()),
        tuple(map(tuple, (at.T @ at).tolist())),
        counts.astype(np.int64),
    )
