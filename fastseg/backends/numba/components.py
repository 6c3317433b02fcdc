"""Connected components for the numba backend, as runs of packed rows: sizes and boxes without a voxel painted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg import threads
from fastseg.backends.numba.masks import ALL_BITS, Mask
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.volume import Volume
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array
from fastseg.threads import lazy
from fastseg_kernels.cpu import masks as mask_kernels
from fastseg_kernels.cpu.components import labels as label_kernels
from fastseg_kernels.cpu.components import masks as kernels
from fastseg_kernels.cpu.components import pairs as pair_kernels
from fastseg_kernels.cpu.components import runs as run_kernels

Slabs = Sequence[tuple[int, int]]
Numbers = NDArray[np.uint32]
Table = NDArray[np.int64]

# Voxels that are worth the work of all threads: each of five steps hands it to them anew.
_LEAST_COST = 1 << 22
# Components of which each thread may have a table of its own.
_FEW = 1 << 14
_MOST_RUNS = (1 << 32) - 2
# Bytes of a line of the cache, and of a page where the system was asked for huge ones, as NumPy asks Linux.
_LINE, _HUGE_PAGE = 64, 1 << 21


@dataclass(frozen=True)
class Components:
    """Connected components as runs of bundles; see `fastseg_kernels.cpu.components.masks`.

    They are numbered from 1 in the order in which their first voxels come in the map's C order.

    Attributes
    ----------
    words : uint64 ndarray (nz, ny, row_words)
        The rows: the bits of the voxels that are in a component.
    bundle : tuple of 2 int
        How many slices and rows make a bundle.
    bundles, starts : uint64 ndarray (n_bundles, row_words)
        The OR of the rows of each bundle, and where its runs start.
    before : uint32 ndarray (n_bundles, row_words)
        How many runs start before each word.
    numbers : uint32 ndarray (n_runs + 1,)
        The component of each run; runs are numbered from 1.
    count : int
        How many components there are.
    volume : Volume
        What they were found in.
    shape : tuple of 3 int
        Voxels along z, y, x.
    columns : int
        How much is measured of them: `run_kernels.COLUMNS` with the sums of positions, which take as long again.
    measured : tuple of table and order, or None
        What was measured of the components under their first numbers, and the rows in which they now come.
    label : int or None
        The bits of the one label that a map has besides 0, where it was looked for and there is one.
    """

    words: Words
    bundle: tuple[int, int]
    bundles: Words
    starts: Words
    before: Numbers
    numbers: Numbers
    count: int
    volume: Volume
    shape: tuple[int, int, int]
    columns: int = run_kernels.WITHOUT_SUMS
    measured: tuple[Table, NDArray[np.intp]] | None = None
    label: int | None = None

    @classmethod
    def of_mask(
        cls, mask: Mask, connectivity: int, columns: int = run_kernels.WITHOUT_SUMS
    ) -> Components:
        """Find the components of a mask, in the coordinates of its box."""
        return cls.of_words(mask.words, mask.volume, mask.shape, connectivity, columns)

    @classmethod
    def of_labels(
        cls, volume: Volume, connectivity: int, columns: int = run_kernels.WITHOUT_SUMS
    ) -> Components:
        """Find the components of a label map, where each label but 0 is for itself."""
        nz, ny, nx = volume.labels.shape
        if volume.dtype.kind == "b":
            return cls.of_mask(Mask.of(volume, (1,), None), connectivity, columns)
        if (found := _words_of_one_label(volume.labels)) is not None:
            words, label = found
            components = cls.of_words(words, volume, (nz, ny, nx), connectivity, columns)
            return replace(components, label=label)
        words = np.empty((nz, ny, -(-nx // 64)), np.uint64)
        rows = words.reshape(-1, words.shape[2])
        starts, changes = np.empty_like(rows), np.empty_like(rows)
        before = np.empty(rows.shape, np.uint32)
        labels, size = volume.labels.reshape(-1).view(np.uint8), volume.labels.itemsize
        background = np.zeros(size * label_kernels.VOXELS, np.uint8)
        runs = rows, starts, changes, before
        find, join = label_kernels.find_label_runs, label_kernels.join_label_runs
        numbers, count = _joined(
            lambda *part: find(labels, size, nx, background, *part, *runs),
            lambda *parts: join(labels, size, ny, nx, connectivity, *parts[:4], *runs, parts[4]),
            before,
            ny if nz > 1 else 0,
            volume.labels.size,
        )
        runs_of = words, (1, 1), rows, starts, before, numbers, count
        return cls(*runs_of, volume, (nz, ny, nx), columns)._ordered()

    @classmethod
    def of_words(
        cls,
        words: Words,
        volume: Volume,
        shape: tuple[int, int, int],
        connectivity: int,
        columns: int = run_kernels.WITHOUT_SUMS,
    ) -> Components:
        """Find the components of packed rows."""
        nz, ny, nx = shape
        # in a plane corners are what edges are in space
        steps = 3 if connectivity == volume.ndim else connectivity
        bundle = (2 if steps == 3 else 1, 2 if steps > 1 else 1)
        if volume.ndim == 1 or ny * nz == 1:
            steps, bundle = 1, (1, 1)
        per_slice = -(-ny // bundle[1])
        bundles = np.empty((-(-nz // bundle[0]) * per_slice, words.shape[2]), np.uint64)
        starts, before = np.empty_like(bundles), np.empty(bundles.shape, np.uint32)
        numbers, count = _joined(
            lambda *part: kernels.find_runs(words, *bundle, *part, bundles, starts, before),
            lambda *parts: kernels.join_runs(
                words, steps, *parts[:4], bundles, starts, before, parts[4]
            ),
            before,
            per_slice if nz > bundle[0] else 0,
            nz * ny * nx,
        )
        runs_of = words, bundle, bundles, starts, before, numbers, count
        return cls(*runs_of, volume, shape, columns)._ordered()

    def _ordered(self) -> Components:
        """Number by the first voxels, where first runs come in another order."""
        if self.count < 2 or (self.bundle == (1, 1) and not self.volume.reverse):
            return self
        table = self.table
        order = np.argsort(table[1:, run_kernels.FIRST]) + 1
        if (order[1:] > order[:-1]).all():
            return self
        rank = np.zeros(self.count + 1, np.uint32)
        rank[order] = np.arange(1, self.count + 1, dtype=np.uint32)
        return replace(self, numbers=rank.take(self.numbers), measured=(table, order))

    @property
    def _slabs(self) -> Slabs:
        return threads.slabs(len(self.bundles), math.prod(self.shape), _LEAST_COST)

    @lazy
    def table(self) -> Table:
        """What is measured of each component, the columns of `run_kernels`; the row of number 0 means nothing."""
        if self.measured is not None:
            table, order = self.measured
            return np.concatenate([table[:1], table.take(order, axis=0)])
        slabs = self._slabs if self.count <= _FEW else [(0, len(self.bundles))]
        bundles = self.bundles, self.starts, self.before, self.numbers

        def measure(slab: tuple[int, int]) -> Table:
            table = np.empty((self.count + 1, self.columns), np.int64)
            table[...] = run_kernels.NOTHING[: self.columns]
            run_kernels.measure_runs(
                self.words,
                self.shape[2],
                *self.bundle,
                int(self.volume.reverse),
                *slab,
                *bundles,
                table,
            )
            return table

        parts = threads.run(measure, slabs)
        table = parts[0]
        for part in parts[1:]:
            added = [column for column in run_kernels.ADDED if column < self.columns]
            table[:, added] += part[:, added]
            least, greatest = list(run_kernels.LEAST), list(run_kernels.GREATEST)
            table[:, least] = np.minimum(table[:, least], part[:, least])
            table[:, greatest] = np.maximum(table[:, greatest], part[:, greatest])
        return table

    @property
    def sizes(self) -> Table:
        """How many voxels each component has, in the order of their numbers."""
        return self.table[1:, run_kernels.SIZE]

    @property
    def boxes(self) -> tuple[Table, Table]:
        """Where the box of each component starts and stops, (count, ndim) each, along the map's axes."""
        return (
            self._along_axes(self.table[1:, run_kernels.Z_START : run_kernels.X_STOP : 2]),
            self._along_axes(self.table[1:, run_kernels.Z_STOP : run_kernels.Z_SUM : 2]),
        )

    @property
    def firsts(self) -> Table:
        """Where the first voxel of each component lies in the C order of the map's axes."""
        return self.table[1:, run_kernels.FIRST]

    @property
    def sums(self) -> Table:
        """The positions of each component's voxels, added up: (count, ndim), along the map's axes."""
        return self._along_axes(self.table[1:, run_kernels.Z_SUM :])

    def _along_axes(self, columns: Table) -> Table:
        """Bring columns of z, y, x into the order of the map's axes."""
        own = columns[:, 3 - self.volume.ndim :]
        return own[:, ::-1] if self.volume.reverse else own

    def take(
        self, values: Words, value_starts: Table, boxes: Table, layout: Table, out: Words
    ) -> None:
        """Set the bits of some components in boxes of the volume; see `fastseg_kernels.cpu.components.pairs`."""
        runs = self.starts, self.before, self.numbers
        pair_kernels.take_runs(
            self.words, *self.bundle, *runs, values, value_starts, boxes, layout, out
        )

    def numbers_at(self, positions: tuple[Table, ...]) -> Table:
        """Number the runs of some voxels, given along the map's axes; 0 for those that are in none."""
        own = positions[::-1] if self.volume.reverse else positions
        nothing = np.zeros(len(own[-1]), np.int64)
        z, y, x = (nothing,) * (3 - len(own)) + own
        depth, height = self.bundle  # a bundle has one or two
        _, ny, row_words = self.words.shape
        column, bit = x >> 6, (x & 63).view(np.uint64)
        bundle = (z >> (depth - 1)) * -(-ny // height) + (y >> (height - 1))
        bundle *= row_words
        bundle += column
        upto = self.starts.reshape(-1)[bundle] & (ALL_BITS >> (np.uint64(63) - bit))
        runs = self.before.reshape(-1)[bundle] + np.bitwise_count(upto)
        word = self.words.reshape(-1)[(z * ny + y) * row_words + column]
        runs[(word >> bit) & np.uint64(1) == 0] = 0  # which is no run
        found: Table = self.numbers[runs].astype(np.int64)
        return found

    def painted(self, dtype: DTypeLike) -> Array:
        """Make an array of the map's axes that holds the number of its component at each voxel, 0 elsewhere.

        Parameters
        ----------
        dtype : int32 or uint32
        """
        labels = _aligned_zeros(self.shape)
        bundles = self.starts, self.before, self.numbers, labels
        threads.run(
            lambda slab: run_kernels.paint_runs(self.words, *self.bundle, *slab, *bundles),
            self._slabs,
        )
        restored: Array = self.volume.restored(labels.view(dtype))
        return restored


def connected_components(
    labels: Array, connectivity: int, dtype: np.dtype[Any]
) -> tuple[Array, int]:
    """Find the components of a mask, or of each label of a label map, and paint their numbers."""
    found = Components.of_labels(Volume.of(labels), connectivity)
    return found.painted(dtype), found.count


def _aligned_zeros(shape: tuple[int, int, int]) -> Numbers:
    """Make an array that begins where a line of the cache does, of which pages without a component are never touched.

    Large arrays of NumPy's begin 16 bytes behind one, so that each vector would be in two. And they begin within a huge
    page, all of whose small ones would be taken one by one: so large ones begin with a huge page, and what lies before
    is never touched (benchmarks: components/painted).
    """
    size = math.prod(shape)
    edge = _LINE if 4 * size < 8 * _HUGE_PAGE else _HUGE_PAGE
    room = np.zeros(size + edge // 4, np.uint32)
    first = -room.ctypes.data % edge // 4
    return room[first : first + size].reshape(shape)


def _joined(
    find: Callable[..., int],
    join: Callable[..., None],
    before: Numbers,
    per_slice: int,
    voxels: int,
) -> tuple[Numbers, int]:
    """Find the runs of bundles, join them slab by slab and then the slabs, and number them.

    Parameters
    ----------
    find : callable
        Finds the runs of the bundles from one on up to another.
    join : callable
        Joins them with those from a third on up to a fourth, given the parents of the runs.
    before : uint32 ndarray
    per_slice : int
        How many bundles a slice has, 0 where all lie in one.
    voxels : int
    """

    def join_slab(slab: tuple[int, int]) -> Numbers:
        """Give the parents of the runs of a slab, which are numbered within it until all slabs are done."""
        n_runs = find(*slab)
        _check_runs(n_runs)
        parents = np.arange(n_runs + 1, dtype=np.uint32)
        join(*slab, *slab, parents)
        return parents

    slabs = threads.slabs(len(before), voxels, _LEAST_COST)
    parts = threads.run(join_slab, slabs)
    n_runs = sum(len(part) - 1 for part in parts)
    _check_runs(n_runs)
    parents = parts[0]
    if len(parts) > 1:
        parents = np.zeros(n_runs + 1, np.uint32)
        earlier = 0
        for slab, part in zip(slabs, parts, strict=True):
            runs = len(part) - 1
            np.add(part[1:], np.uint32(earlier), out=parents[earlier + 1 : earlier + runs + 1])
            before[slice(*slab)] += np.uint32(earlier)
            earlier += runs
    for edge, _ in slabs[1:]:
        # the bundles that touch one before the edge
        join(edge, min(edge + per_slice + 1, len(before)), 0, edge, parents)
    return parents, int(run_kernels.number_runs(parents))


def _check_runs(n_runs: int) -> None:
    if n_runs > _MOST_RUNS:
        raise InputError(
            f"connected components: {n_runs} runs of voxels are more than 32 bits can number; cut the array"
        )


def _words_of_one_label(labels: Array) -> tuple[Words, int | None] | None:
    """Pack a label map that has one label besides 0, and give its bits, None if it has none; None if it has more."""
    nz, ny, nx = labels.shape
    words = np.empty((nz, ny, -(-nx // 64)), np.uint64)
    pack_one = mask_kernels.pack_one[labels.dtype]

    def pack(slab: tuple[int, int]) -> set[int] | None:
        own, out, known = labels[slice(*slab)], words[slice(*slab)], np.zeros(1, np.uint64)
        if nx % 64 == 0:  # rows that follow each other are one
            own, out = own.reshape(1, 1, -1), out.reshape(1, 1, -1)
        if not pack_one(own, known, out):
            return None
        return set(known.tolist()) - {0}

    parts = threads.run(pack, threads.slabs(nz, labels.size, _LEAST_COST))
    labels_of_parts: set[int] = set()
    for part in parts:
        if part is None:
            return None
        labels_of_parts |= part
    if len(labels_of_parts) > 1:
        return None
    return words, next(iter(labels_of_parts), None)
