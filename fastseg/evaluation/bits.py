"""Bits of structures that come slab by slab: gathered where a box fits, else compressed and read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.packed import PackedPair, paste
from fastseg.inputs.arrays import Box
from fastseg.measures.regions import Region

#: where a part of a volume starts and stops along z, y, x
Bounds = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
#: packs both masks of a region within some bounds of the volume
Pack = Callable[[Region, Bounds], tuple[Words, Words]]

# From so many slices on, the rows of all of them are undone together.
_MANY_SLICES = 8


class Frame(NamedTuple):
    """How boxes of a map and bounds of the volume belong together.

    Attributes
    ----------
    ndim : int
    reverse : bool
        Whether the map's axes are x, y, z.
    """

    ndim: int
    reverse: bool

    def bounds(self, box: Box) -> Bounds:
        """See a box along z, y, x."""
        edges = [(part.start, part.stop) for part in (box[::-1] if self.reverse else box)]
        z, y, x = [(0, 1)] * (3 - self.ndim) + edges
        return z, y, x

    def box(self, bounds: Bounds) -> Box:
        """See bounds along the map's axes."""
        parts = [slice(*along) for along in bounds[3 - self.ndim :]]
        return tuple(parts[::-1] if self.reverse else parts)


def shape_of(bounds: Bounds) -> tuple[int, int, int]:
    """Give the sizes along z, y, x."""
    z, y, x = (stop - start for start, stop in bounds)
    return z, y, x


def common(first: Bounds, second: Bounds) -> Bounds | None:
    """Intersect; None if there is nothing in both."""
    edges = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(first, second, strict=True)]
    if any(start >= stop for start, stop in edges):
        return None
    z, y, x = edges
    return z, y, x


def empty_words(bounds: Bounds) -> Words:
    """Make room for bits, all 0."""
    nz, ny, nx = shape_of(bounds)
    return np.zeros((nz, ny, -(-nx // 64)), np.uint64)


class Gathered:
    """The bits of a structure, which come slab by slab.

    Parameters
    ----------
    place : int
        Which of the regions it is.
    region : Region
    bounds : Bounds
        Of its box.
    slabs : sequence of int
        Which of the slabs hold parts of it.
    """

    def __init__(self, place: int, region: Region, bounds: Bounds, slabs: Sequence[int]) -> None:
        self.place, self.region, self.bounds = place, region, bounds
        self.waiting = len(slabs)
        self._words: tuple[Words, Words] | None = None

    def add(self, slab: Bounds, pack: Pack) -> None:
        """Take the part that lies in a slab."""
        part = common(self.bounds, slab)
        assert part is not None
        if self._words is None:
            self._words = empty_words(self.bounds), empty_words(self.bounds)
        z, y, x = (at[0] - own[0] for at, own in zip(part, self.bounds, strict=True))
        for words, out in zip(pack(self.region, part), self._words, strict=True):
            paste(words, out, z, y, x)
        self.waiting -= 1

    def taken(self, frame: Frame) -> PackedPair:
        """Give all of it, and let go of it."""
        assert self._words is not None
        words, self._words = self._words, None
        return PackedPair(*words, shape_of(self.bounds), *frame)


class Compressed(NamedTuple):
    """Packed bits as the words in which a row differs from the row before it: few but at surfaces.

    Attributes
    ----------
    shape : tuple of 3 int
    places : uint32 ndarray (n,)
    changes : uint64 ndarray (n,)
    """

    shape: tuple[int, ...]
    places: NDArray[np.uint32]
    changes: Words

    @classmethod
    def of(cls, words: Words) -> Compressed:
        """Compress."""
        changes = words.copy()
        changes[:, 1:] ^= words[:, :-1]
        flat = changes.reshape(-1)
        places = np.flatnonzero(flat)
        return cls(words.shape, places.astype(np.uint32), flat[places])

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.places.nbytes + self.changes.nbytes

    def slices(self, first: int, stop: int) -> Words:
        """Give the words of some slices."""
        _, ny, nw = self.shape
        start = first * ny * nw
        low, high = np.searchsorted(self.places, [start, stop * ny * nw])
        flat = np.zeros((stop - first) * ny * nw, np.uint64)
        flat[self.places[low:high] - np.uint32(start)] = self.changes[low:high]
        words = flat.reshape(stop - first, ny, nw)
        if stop - first < _MANY_SLICES:
            return np.bitwise_xor.accumulate(words, axis=1)
        for y in range(1, ny):
            words[:, y] ^= words[:, y - 1]
        return words


class Kept:
    """The bits of a structure whose box is too large for them: slab by slab, compressed, or to be read again.

    Parameters
    ----------
    place, region, bounds
        As of :class:`Gathered`.
    slabs : sequence of (int, Bounds)
        The slabs that hold parts of it, by their number.
    """

    def __init__(
        self, place: int, region: Region, bounds: Bounds, slabs: Sequence[tuple[int, Bounds]]
    ) -> None:
        self.place, self.region, self.bounds, self.slabs = place, region, bounds, slabs
        self._known: dict[int, tuple[Compressed, Compressed]] = {}

    def add(self, slab: int, bounds: Bounds, pack: Pack, room: int) -> bool:
        """Keep the part that lies in a slab if it takes no more than some room, and tell whether it does."""
        part = common(self.bounds, bounds)
        assert part is not None
        pair = threads.run(Compressed.of, pack(self.region, part))
        size = sum(one.nbytes for one in pair)
        if size > room:
            return False
        self._known[slab] = pair[0], pair[1]
        return True

    @property
    def nbytes(self) -> int:
        """Bytes that all of it takes."""
        return sum(one.nbytes for pair in self._known.values() for one in pair)

    def forget(self) -> None:
        """Let go of all that is kept."""
        self._known = {}

    def window(self, z: tuple[int, int], y: tuple[int, int], pack: Pack) -> tuple[Words, Words]:
        """Give some slices and rows of the box, all along x; what is not kept is read and packed again."""
        wanted = (
            (self.bounds[0][0] + z[0], self.bounds[0][0] + z[1]),
            (self.bounds[1][0] + y[0], self.bounds[1][0] + y[1]),
            self.bounds[2],
        )
        both = empty_words(wanted), empty_words(wanted)
        for slab, bounds in self.slabs:
            part = common(wanted, bounds)
            if part is None:
                continue
            if slab in self._known:
                own = common(self.bounds, bounds)
                assert own is not None
                first, stop = (edge - own[0][0] for edge in part[0])
                low, high = (edge - own[1][0] for edge in part[1])
                pair = [one.slices(first, stop)[:, low:high] for one in self._known[slab]]
            else:
                pair = list(pack(self.region, part))
            at = [edge[0] - start[0] for edge, start in zip(part, wanted, strict=True)]
            for words, out in zip(pair, both, strict=True):
                paste(words, out, *at)
        return both
