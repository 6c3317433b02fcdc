"""Masks of windows as bits, 64 voxels to a word along x: what large volumes are kept in. NumPy only."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.shared.offsets import Floats, Offsets, Words
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import Distribution

Range = tuple[int, int]
Places = NDArray[np.signedinteger[Any]]  # z, y, x in rows
_Elements = TypeVar("_Elements", NDArray[np.uint64], NDArray[np.bool_])


class PackedPair(NamedTuple):
    """Both masks of a structure within a window of its box, which has whole rows.

    Attributes
    ----------
    reference, prediction : uint64 ndarray (nz, ny, row_words)
        Bits beyond the end of a row are 0.
    shape : tuple of 3 int
        Voxels along z, y, x.
    ndim : int
        How many axes the map has; they are the last ones.
    reverse : bool
        Whether the map's axes are x, y, z.
    open : tuple of 2 pairs of bool
        Whether the box goes on before and behind the window, along z and along y. Where it does, nothing is known of
        surface elements at the window's border; where it does not, background lies beyond.
    """

    reference: Words
    prediction: Words
    shape: tuple[int, int, int]
    ndim: int
    reverse: bool
    open: tuple[tuple[bool, bool], tuple[bool, bool]] = ((False, False), (False, False))

    @property
    def masks(self) -> tuple[Words, Words]:
        """Both."""
        return self.reference, self.prediction

    @property
    def whole(self) -> bool:
        """Whether the window is all of the box."""
        return not any(map(any, self.open))

    def steps(self, spacing: Spacing) -> Spacing:
        """Turn a spacing along the map's axes into one along z, y, x."""
        return (1.0,) * (3 - self.ndim) + tuple(spacing[::-1] if self.reverse else spacing)

    def elements(self, core: tuple[Range, Range], lattice: bool) -> tuple[Range, Range]:
        """Tell which surface elements belong to a core of voxels: the box's last corners to its last voxels."""
        own = []
        for axis, (first, stop) in enumerate(core):
            last = stop == self.shape[axis] and not self.open[axis][1]
            has_axis = axis >= 3 - self.ndim
            own.append((first, stop + int(lattice and last and has_axis)))
        return own[0], own[1]


class Near(NamedTuple):
    """What was found of one direction, within a window, for some surface elements.

    Attributes
    ----------
    direction : int
        0 from the reference to the prediction, 1 back.
    found : Distribution
        The distances that hold whatever lies outside the window.
    left : int32 ndarray (n, 3)
        The elements, z, y, x within the window, to which something nearer might lie outside.
    areas : float64 ndarray (n,) or None
        Of these, where they are corners.
    """

    direction: int
    found: Distribution
    left: NDArray[np.int32]
    areas: Floats | None


def places_of(words: Words) -> Offsets:
    """List the positions z, y, x of the set bits, in C order."""
    flat = words.reshape(-1)
    used = np.flatnonzero(flat)
    bytes_of = flat[used].astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    which, bit = np.nonzero(np.unpackbits(bytes_of, axis=1, bitorder="little"))
    row, word = np.divmod(used[which], words.shape[2])
    z, y = np.divmod(row, words.shape[1])
    return np.stack([z, y, 64 * word + bit], axis=1)


def paste(words: Words, out: Words, z: int, y: int, x: int) -> None:
    """Set the bits of a packed part in a larger set, in which it begins at z, y, x."""
    nz, ny, n = words.shape
    target = out[z : z + nz, y : y + ny]
    first, shift = divmod(x, 64)
    if not shift:
        target[..., first : first + n] |= words
        return
    target[..., first : first + n] |= words << np.uint64(shift)
    n = min(n, target.shape[2] - first - 1)
    target[..., first + 1 : first + 1 + n] |= words[..., :n] >> np.uint64(64 - shift)


def without_borders(words: _Elements, pair: PackedPair, shape: tuple[int, ...]) -> _Elements:
    """Clear the elements of a set of some shape of which a window does not tell whether they are surface, in place."""
    for axis, ends in enumerate(pair.open):
        for is_open, place in zip(ends, (0, shape[axis] - 1), strict=True):
            if is_open:
                words[(slice(None),) * axis + (place,)] = 0
    return words


def squared_limits(
    places: Places, pair: PackedPair, shape: tuple[int, ...], steps: Spacing
) -> NDArray[np.float64]:
    """Tell for each element below which squared distance nothing outside the window can be: its borders' least."""
    limits = np.full(len(places), np.inf)
    for axis, ends in enumerate(pair.open):
        for is_open, gaps in zip(
            ends, (places[:, axis], shape[axis] - 1 - places[:, axis]), strict=True
        ):
            if is_open:
                np.minimum(limits, (gaps * steps[axis]) ** 2, out=limits)
    return limits


def runs_of(sizes: NDArray[np.int64], most: int) -> list[Range]:
    """Cut a row of sizes into runs that are no more than `most` together, or single ones; what is 0 is left out."""
    ends = np.cumsum(sizes)
    runs: list[Range] = []
    first = 0
    while first < len(ends):
        before = int(ends[first - 1]) if first else 0
        stop = max(first + 1, int(np.searchsorted(ends, before + most, side="right")))
        if ends[stop - 1] > before:
            runs.append((first, stop))
        first = stop
    return runs
