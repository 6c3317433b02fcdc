"""Segments that a file names and keeps in layers of their own, as one label map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array


class Segment(NamedTuple):
    """What a file calls a label of one of its layers."""

    name: str
    layer: int
    value: int


class Merged(NamedTuple):
    """Layers as one label map; see :class:`fastseg.io.Image` of the same attributes."""

    array: Array
    segments: dict[str, tuple[int, ...]]
    own_labels: bool


def with_names_of_their_own(segments: Sequence[Segment]) -> tuple[list[Segment], list[str]]:
    """Number the later ones of segments that are called the same; return the names that were given twice."""
    taken = {segment.name for segment in segments}
    seen: set[str] = set()
    unique: list[Segment] = []
    doubled: list[str] = []
    for segment in segments:
        name = segment.name
        if name in seen:
            doubled.append(name)
            count = 2
            while (name := f"{segment.name} ({count})") in taken:
                count += 1
            taken.add(name)
        seen.add(segment.name)
        unique.append(segment._replace(name=name))
    return unique, doubled


#: bytes a voxel that `merged` takes at most beside its layers and the map that it gives
LAYING = 48


def merged(layers: Iterable[Array], segments: Sequence[Segment], source: str) -> Merged:
    """Lay layers over each other.

    Where no two of them hold the same voxel or the same label, the map has their labels. Otherwise the labels are made
    up: 1, 2, 3, … for each set of segments that some voxel belongs to, in the order of the segments; a segment
    consists of all those whose set holds it. A label that no segment has becomes a segment, so that nothing is lost.
    """
    known = list(segments)
    sets: list[frozenset[int]] = [frozenset()]
    code_of = {sets[0]: 0}
    codes = np.empty(0, np.uint32)
    shape: tuple[int, ...] = ()
    overlap = False
    for number, layer in enumerate(layers):
        flat = layer.ravel(order="F")
        if not shape:
            shape, codes = layer.shape, np.zeros(flat.size, np.uint32)
        where = np.flatnonzero(flat)
        if not where.size:
            continue
        values, which = np.unique(flat[where], return_inverse=True)
        members = [_members(known, number, value, source) for value in values]
        before = codes[where]
        overlap |= bool(before.any())
        # the pairs of what a voxel belonged to and what this layer adds, numbered
        pairs, inverse = np.unique(
            before.astype(np.int64) * len(values) + which, return_inverse=True
        )
        after = np.empty(pairs.size, np.uint32)
        for i, pair in enumerate(pairs.tolist()):
            belongs = sets[pair // len(values)] | members[pair % len(values)]
            if belongs not in code_of:
                code_of[belongs] = len(sets)
                sets.append(belongs)
            after[i] = code_of[belongs]
        codes[where] = after[inverse]
    labels = {(segment.layer, segment.value) for segment in known}
    own = not overlap and len({value for _, value in labels}) == len(labels)
    present = np.flatnonzero(np.bincount(codes, minlength=len(sets)))
    values_of: dict[int, int]
    named: dict[str, tuple[int, ...]]
    if own:
        values_of = {code: known[min(sets[code])].value for code in present.tolist() if sets[code]}
        named = {segment.name: (segment.value,) for segment in known}
    else:
        values_of, named = _made_up(known, sets, present.tolist())
    table = np.zeros(len(sets), np.int64)
    for code, value in values_of.items():
        table[code] = value
    table = table.astype(np.result_type(*map(np.min_scalar_type, (table.min(), table.max()))))
    return Merged(table[codes].reshape(shape, order="F"), named, own)


def _members(known: list[Segment], layer: int, value: float, source: str) -> frozenset[int]:
    """Give the segments that a label of a layer belongs to; one that no segment has becomes one."""
    if value != int(value):
        raise InputError(
            f"{source}: expected whole numbers as labels of segments, but found {value:.9g}"
        )
    members = [
        i for i, segment in enumerate(known) if (segment.layer, segment.value) == (layer, value)
    ]
    if not members:
        members = [len(known)]
        known.append(Segment(f"label {int(value)} of layer {layer}", layer, int(value)))
    return frozenset(members)


def _made_up(
    known: list[Segment], sets: list[frozenset[int]], present: list[int]
) -> tuple[dict[int, int], dict[str, tuple[int, ...]]]:
    """Number the sets of segments that voxels belong to; a segment without voxels gets a number that none has."""
    in_order = sorted((code for code in present if sets[code]), key=lambda code: sorted(sets[code]))
    values_of = {code: number for number, code in enumerate(in_order, 1)}
    unused = len(in_order)
    named: dict[str, tuple[int, ...]] = {}
    for i, segment in enumerate(known):
        labels = tuple(number for code, number in values_of.items() if i in sets[code])
        if not labels:
            unused += 1
            labels = (unused,)
        named[segment.name] = labels
    return values_of, named
