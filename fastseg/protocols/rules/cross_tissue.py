"""Lesions of one tissue that become one because they touch the same lesion of another tissue, as in BraTS 2024."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from fastseg.protocols.rules.lesions import Lesions, Numbers
from fastseg.protocols.rules.packed_masks import places_of_bits

# faces and edges
_NEIGHBOURS = [
    step for step in itertools.product((-1, 0, 1), repeat=3) if 0 < sum(map(abs, step)) < 3
]

Pairs = list[tuple[int, int]]


def touching(one: Lesions, other: Lesions) -> Pairs:
    """List which lesions of two tissues, which share no voxel, are neighbours by faces or edges; ascending."""
    window = one.window
    border = window.packed.dilated(one.words, window.width, 1) & other.words
    places = places_of_bits(border, window.width)
    at = np.stack(np.unravel_index(places, window.shape))
    sizes = np.array(window.shape)[:, None]
    numbers = other.labels.reshape(-1)[places].astype(np.int64)
    keys = []
    for step in _NEIGHBOURS:
        there = at + np.array(step)[:, None]
        inside = ((there >= 0) & (there < sizes)).all(axis=0)
        near = one.labels[tuple(there[:, inside])].astype(np.int64)
        found = near > 0
        keys.append(near[found] * (other.count + 1) + numbers[inside][found])
    pairs = np.unique(np.concatenate(keys))
    first, second = np.divmod(pairs, other.count + 1)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def merged_by_first_contact(own: Lesions, partners: Sequence[Lesions]) -> Lesions:
    """Go through other tissues in turn, as the scripts do, and number what results without gaps.

    Where more than one pair touches, a lesion gets a new number with the first lesion of the other tissue that it
    touches: with all others of which that is the first, too. Two lesions that touch a common one as their second are
    not merged. And those that touch any come after those that touch none.
    """
    number_of = np.arange(own.count + 1)
    for partner in partners:
        pairs = sorted({(int(number_of[a]), b) for a, b in touching(own, partner)})
        present = sorted(set(number_of[own.ids].tolist()))
        # the scripts take the least number of a map for its background, even where there is none
        if present and len(own.places) == own.window.pair.histogram.total:
            pairs = [pair for pair in pairs if pair[0] != present[0]]
        if partner.ids and len(partner.places) == own.window.pair.histogram.total:
            pairs = [pair for pair in pairs if pair[1] != partner.ids[0]]
        if len(pairs) > 1:
            number_of = _renamed(number_of, pairs, max(present))
    return own.renumbered(number_of).in_sequence()


def _renamed(number_of: Numbers, pairs: Pairs, greatest: int) -> Numbers:
    of_partner: dict[int, int] = {}
    new: dict[int, int] = {}
    for own, partner in pairs:
        of_partner.setdefault(partner, greatest + 1 + len(of_partner))
        new.setdefault(own, of_partner[partner])
    return np.array([new.get(number, number) for number in number_of.tolist()])


def merged_by_contact(own: Lesions, partners: Sequence[Lesions]) -> Lesions:
    """Merge all that touch a common lesion of another tissue, or that are linked by several of these."""
    parent: dict[tuple[int, int], tuple[int, int]] = {}

    def root(node: tuple[int, int]) -> tuple[int, int]:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for place, partner in enumerate(partners, 1):
        for a, b in touching(own, partner):
            ends = sorted((root((0, a)), root((place, b))))
            parent[ends[1]] = ends[0]
    number_of = np.arange(own.count + 1)
    for lesion in own.ids:
        number_of[lesion] = root((0, lesion))[1]  # of tissue 0, which comes first
    return own.renumbered(number_of).in_sequence()
