"""The shape and the topology of small structures for the numba backend: all of them in one compiled loop."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.batches import COST_OF_A_WORD, Candidates, Packed
from fastseg.backends.numba.shapes import OFFERED
from fastseg.backends.shared.geometry import ordered_codes
from fastseg.inputs.arrays import Spacing
from fastseg.measures.many_shapes import CodeSums, ManyShapes, OneShapePair
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Measured, Request
from fastseg.measures.shape import Shape, ShapePair, area_numbers, crofton_numbers
from fastseg.measures.topology import Topology, TopologyPair
from fastseg_kernels.cpu import structure_shapes as kernels

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

# From so many structures on, metrics are found for all of them at once.
_MANY = 8

_KINDS = ("topology", "face_topology")


class _Found(NamedTuple):
    """What was found of some structures.

    Attributes
    ----------
    codes : int32 ndarray (n, 2, n_codes)
        How often each corner code occurs, none where there are many structures.
    sums : float64 ndarray (n, 2, k)
        As `CodeSums` takes them.
    moments, topology, filled : int64 ndarray
        As the kernel gives them.
    """

    codes: NDArray[np.int32]
    sums: Floats
    moments: Integers
    topology: Integers
    filled: Integers


def measure(candidates: Candidates, request: Request) -> list[Measured | None]:
    """Measure what is wanted of shapes and topology of those structures that are small; None for the others."""
    measured: list[Measured | None] = [None] * len(candidates.regions)
    wanted = request.measurements & OFFERED
    volume = candidates.volume
    reach = np.array([int(axis >= 3 - volume.ndim) for axis in range(3)])
    packed = candidates.small(np.arange(len(candidates.regions)), reach)
    if not len(packed.places):
        return measured
    n_words = int(packed.n_words.sum())
    sums = _code_sums(tuple(request.spacing), "shape" in wanted)
    kinds = sum(1 << kind for kind, name in enumerate(_KINDS) if name in wanted)
    few = len(packed.places) < _MANY
    parts = threads.run(
        lambda chunk: _measured(packed, sums, kinds, few, *chunk),
        packed.chunks(n_words),
        COST_OF_A_WORD * n_words,
    )
    found = parts[0]
    if len(parts) > 1:
        found = _Found(*map(np.concatenate, zip(*parts, strict=True)))
    columns: list[tuple[str, Sequence[Any]]] = []
    for kind, name in enumerate(_KINDS):
        if name in wanted:
            columns.append((name, _topologies(found, sums, kind, volume.ndim)))
    if "shape" in wanted:
        columns.append(("shape", _shapes(found, sums, volume.reverse, tuple(request.spacing))))
    names = [name for name, _ in columns]
    rows = zip(*(column for _, column in columns), strict=True)
    for place, values in zip(packed.places.tolist(), rows, strict=True):
        own = dict(zip(names, values, strict=True))
        measured[place] = own if None not in values else _without_none(own)
    return measured


def _without_none(values: dict[str, Any]) -> Measured:
    """Leave out what was given up."""
    return {name: value for name, value in values.items() if value is not None}


@functools.lru_cache(maxsize=64)
def _code_sums(spacing: Spacing, areas: bool) -> CodeSums:
    tables = (area_numbers(spacing), crofton_numbers(spacing)) if areas else ()
    return CodeSums(len(spacing), tables)


@functools.cache
def _table(ndim: int, reverse: bool) -> NDArray[np.uint8]:
    """What a code that is read along z, y, x is along the axes of the map."""
    order = ordered_codes(np.arange(float(2**2**ndim)), ndim, reverse)
    return np.resize(order.astype(np.uint8), 256)


def _measured(
    packed: Packed, sums: CodeSums, kinds: int, few: bool, first: int, stop: int
) -> _Found:
    """Pack some structures, and measure them."""
    volume, n = packed.volume, stop - first
    masks = packed.words(first, stop)
    room = np.empty((7, int(packed.n_words[first:stop].max()) + 1), np.uint64)
    room[:2] = 0
    codes = np.zeros((n, 2, 2**2**volume.ndim), np.int32)
    moments = np.zeros((n, 2, kernels.MOMENTS), np.int64)
    topology = np.zeros((n, 2, 2, kernels.NUMBERS), np.int64)
    filled = np.empty((n, 2, 3), np.int64)
    kernels.measure_shapes(
        masks,
        packed.boxes[first:stop],
        volume.ndim,
        kinds,
        _table(volume.ndim, volume.reverse),
        room,
        codes,
        moments,
        topology,
        filled,
    )
    found = sums.of(codes.astype(np.float64))
    return _Found(codes if few else codes[:, :, :0], found, moments, topology, filled)


def _topologies(found: _Found, sums: CodeSums, kind: int, ndim: int) -> list[TopologyPair | None]:
    """Give the topology of each structure; None for one that was given up."""
    euler = sums.euler_numbers(found.sums)[..., kind].tolist()
    of_both, filled = found.topology[:, kind].tolist(), found.filled[:, kind].tolist()
    return [
        TopologyPair(
            Topology(ndim, first[0], of_first, first[1], first[2]),
            Topology(ndim, second[0], of_second, second[1], second[2]),
            Overlap(*overlap),
        )
        if min(first) >= 0 and min(second) >= 0
        else None
        for (first, second), (of_first, of_second), overlap in zip(
            of_both, euler, filled, strict=True
        )
    ]


def _shapes(
    found: _Found, sums: CodeSums, reverse: bool, spacing: Spacing
) -> Sequence[ShapePair | OneShapePair]:
    moments = found.moments[:, :, _columns(len(spacing), reverse)]
    if len(moments) >= _MANY:
        many = ManyShapes(sums, found.sums, moments, spacing)
        return [OneShapePair(many, place) for place in range(len(moments))]
    pairs = []
    for of_both, codes in zip(moments.tolist(), found.codes.astype(np.int64), strict=True):
        first, second = (_shape(*side, len(spacing)) for side in zip(of_both, codes, strict=True))
        pairs.append(ShapePair(first, second, spacing))
    return pairs


@functools.cache
def _columns(ndim: int, reverse: bool) -> list[int]:
    """Find what the kernel has found along z, y, x in the order of the map's axes."""
    axes = list(range(3 - ndim, 3))
    if reverse:
        axes.reverse()
    pairs = list(itertools.combinations_with_replacement(range(3), 2))
    products = itertools.combinations_with_replacement(axes, 2)
    return [0, *(1 + axis for axis in axes), *(4 + pairs.index(_sorted(*one)) for one in products)]


def _sorted(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first < second else (second, first)


def _shape(moments: list[int], codes: Integers, ndim: int) -> Shape:
    products: list[list[int]] = [[0] * ndim for _ in range(ndim)]
    pairs = itertools.combinations_with_replacement(range(ndim), 2)
    for (i, j), value in zip(pairs, moments[1 + ndim :], strict=True):
        products[i][j] = products[j][i] = value
    return Shape(moments[0], tuple(moments[1 : 1 + ndim]), tuple(map(tuple, products)), codes)
