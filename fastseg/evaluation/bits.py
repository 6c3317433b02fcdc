"""Bits of structures that come slab by slab: gathered where a box fits, else compressed and read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
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
    """Packed bits as the words that differ from the word before them in their row: few but at surfaces.

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
        flat = words.reshape(-1).copy()
        flat[1:] ^= words.reshape(-1)[:-1]
        flat.reshape(words.shape)[..., 0] = words[..., 0]
        places = np.flatnonzero(flat != 0)  # of bools, which NumPy finds faster
        return cls(words.shape, places.astype(np.uint32), flat[places])

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.places.nbytes + self.changes.nbytes

    def write(self, slices: tuple[int, int], rows: tuple[int, int], out: Words) -> None:
        """Write the words of some slices and rows where there are zeros."""
        _, ny, nw = self.shape
        start = slices[0] * ny * nw
        low, high = np.searchsorted(self.places, [start, slices[1] * ny * nw])
        row, word = np.divmod(self.places[low:high] - np.uint32(start), np.uint32(nw))
        changes = self.changes[low:high]
        z, y = np.divmod(row, np.uint32(ny))
        if rows != (0, ny):
            inside = (y >= rows[0]) & (y < rows[1])
            z, y, word, changes = z[inside], y[inside] - rows[0], word[inside], changes[inside]
        out[z, y, word] = changes
        for w in range(1, nw):
            out[..., w] ^= out[..., w - 1]


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
        self._edges = np.array([bounds for _, bounds in slabs])
        self._known: dict[int, tuple[Compressed, Compressed]] = {}
        self.numbers = frozenset(slab for slab, _ in slabs)
        self.nbytes = 0  # of what is kept

    def add(self, slab: int, bounds: Bounds, pack: Pack, room: int) -> bool:
        """Keep the part that lies in a slab if it takes no more than some room, and tell whether it does."""
        part = common(self.bounds, bounds)
        assert part is not None
        pair = threads.run(Compressed.of, pack(self.region, part))
        size = sum(one.nbytes for one in pair)
        if size > room:
            return False
        self._known[slab] = pair[0], pair[1]
        self.nbytes += size
        return True

    def forget(self) -> None:
        """Let go of all that is kept."""
        self._known, self.nbytes = {}, 0

    def window(self, z: tuple[int, int], y: tuple[int, int], pack: Pack) -> tuple[Words, Words]:
        """Give some slices and rows of the box, all along x; what is not kept is read and packed again."""
        wanted = (
            (self.bounds[0][0] + z[0], self.bounds[0][0] + z[1]),
            (self.bounds[1][0] + y[0], self.bounds[1][0] + y[1]),
            self.bounds[2],
        )
        both = empty_words(wanted), empty_words(wanted)
        meets = (self._edges[:, :, 0] < np.array(wanted)[:, 1]) & (
            self._edges[:, :, 1] > np.array(wanted)[:, 0]
        )
        tasks: list[Callable[[], None]] = []
        for which in np.flatnonzero(meets.all(axis=1)).tolist():
            slab, bounds = self.slabs[which]
            own, part = common(self.bounds, bounds), common(wanted, bounds)
            assert own is not None
            assert part is not None
            at = [edge[0] - start[0] for edge, start in zip(part, wanted, strict=True)]
            if slab not in self._known:
                for words, out in zip(pack(self.region, part), both, strict=True):
                    paste(words, out, *at)
                continue
            ranges = [
                (start - mine[0], stop - mine[0])
                for (start, stop), mine in zip(part, own, strict=True)
            ]
            nz, ny, nx = shape_of(part)
            first, shift = divmod(at[2], 64)
            ends_within = (at[2] + nx) % 64 and part[2][1] != wanted[2][1]
            for one, out in zip(self._known[slab], both, strict=True):
                if shift or ends_within:  # a word has voxels of two slabs
                    words = np.zeros((nz, ny, one.shape[2]), np.uint64)
                    one.write(ranges[0], ranges[1], words)
                    paste(words, out, *at)
                    continue
                target = out[at[0] : at[0] + nz, at[1] : at[1] + ny]
                target = target[..., first : first + one.shape[2]]
                tasks.append(partial(one.write, ranges[0], ranges[1], target))
        threads.run(lambda task: task(), tasks)
        return both
