"""Exact measurements of a structure whose box does not fit into memory, block by block.

A block is looked at within a window: the block and a margin. A distance that is found there holds if it is not longer
than the way to the window's border, since what lies beyond is farther. Elements of which that cannot be said are asked
again, within a window that is wide enough: how wide tells a coarse map of where there is surface at all, made of all
blocks. Their distances are exact then, and counts of distances can be added up in any order, so that nothing of the
result depends on where blocks were cut.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.protocol import Backend, PackedOperations
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.packed import Near, PackedPair, Range, places_of, runs_of
from fastseg.errors import InputError
from fastseg.evaluation.bits import Bounds, Frame, shape_of
from fastseg.evaluation.budget import Budget
from fastseg.evaluation.coarse_map import Cells
from fastseg.evaluation.sums import Band, Sum
from fastseg.measures.distributions import Distribution, SurfaceDistributions
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Measured, Request
from fastseg.measures.surface_areas import CODE_MEASURES
from fastseg.measures.surface_distances import COUNTED, OF_SURFACES

#: gives both masks within some slices and rows of the box
Window = Callable[[Range, Range], tuple[Words, Words]]
Floats = NDArray[np.float64]

# Of a block's margin, in units of the geometric mean of the voxel's sides: what is nearer is found at once.
_MARGIN = 12
_LEAST_BLOCK = 8
_LEAST_ROWS = 256  # of a window that is asked again
# Bytes of an element that is asked again: three coordinates, twice, and a distance.
_ELEMENT = 64
_LEAST_QUERIES = 1 << 10
_SLACK = 1 + 1e-9
# Measurements of masks as a whole, and the bytes that they take for each voxel: bits of both, and the runs of one; of
# skeletons a byte of each mask and skeleton, and bits.
_OF_SKELETONS = frozenset(("skeleton_overlap", "tree_overlap"))
_AT_ONCE = frozenset(("topology", "face_topology", "shape")) | _OF_SKELETONS
_BYTES_OF_SHAPES, _BYTES_OF_SKELETONS = 1.0, 5.0
# of meshes the bits of cells, and the triangles of a surface of a twentieth of the voxels
_BYTES_OF_MESHES = 6.0


class Block(NamedTuple):
    """Slices and rows of the box that are answered together, and of the window in which they are looked at."""

    core: tuple[Range, Range]
    window: tuple[Range, Range]

    @property
    def inside(self) -> tuple[Range, Range]:
        """The core within the window."""
        (z, _), (y, _) = self.window
        (a, b), (c, d) = self.core
        return (a - z, b - z), (c - y, d - y)


class _Left(NamedTuple):
    """Elements of one direction that are to be asked again: where in the box they lie, and their areas."""

    direction: int
    places: NDArray[np.int32]
    areas: Floats | None

    @classmethod
    def of(cls, direction: int, parts: Sequence[_Left]) -> _Left:
        """Join some of one direction."""
        areas = [part.areas for part in parts if part.areas is not None]
        places = np.concatenate([part.places for part in parts])
        return cls(direction, places, np.concatenate(areas) if areas else None)

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        return self.places.nbytes + (0 if self.areas is None else self.areas.nbytes)


class Blockwise:
    """A structure that is measured block by block.

    Parameters
    ----------
    backend : Backend
    request : Request
    frame : Frame
    bounds : Bounds
        Of the structure's box.
    window : callable
    budget : Budget
    """

    def __init__(
        self,
        backend: Backend,
        request: Request,
        frame: Frame,
        bounds: Bounds,
        window: Window,
        budget: Budget,
    ) -> None:
        assert backend.packed is not None
        self._packed: PackedOperations = backend.packed
        self._transform = backend.operations.distance_transform_edt
        self._request, self._frame, self._read, self._budget = request, frame, window, budget
        self._shape = shape_of(bounds)
        self._steps = self._pair((0, 0), (0, 0), None).steps(request.spacing)
        self._lattice = request.boundary in CODE_MEASURES
        axes = range(3 - frame.ndim, 3)
        self._elements = tuple(
            size + int(self._lattice and axis in axes) for axis, size in enumerate(self._shape)
        )
        # voxels of a window that may be looked at together
        self._most_voxels = max(1, int(budget.working / self._packed.BYTES_PER_VOXEL))
        self._most_queries = max(_LEAST_QUERIES, budget.left // _ELEMENT)

    def measured(self, tolerance: float) -> Measured:
        """Measure all that is requested."""
        found: dict[str, Any] = {}
        wanted = self._request.measurements
        band: Band | None = None
        if "band_overlap" in wanted:
            band = Band(tolerance, self._reach_of_band(tolerance))
        at_once = wanted & _AT_ONCE
        if self._request.boundary == "mesh":
            at_once |= wanted & OF_SURFACES
        elif "surface_distributions" in wanted:
            found["surface_distributions"] = self._distributions(band)
        if band is not None:
            found["band_overlap"] = self._band_overlap(band)
        found.update(self._at_once(at_once, tolerance))
        return found

    def _at_once(self, wanted: frozenset[str], tolerance: float) -> Measured:
        """Measure what is made of both masks as a whole, as bits."""
        if not wanted:
            return {}
        nz, ny, nx = self._shape
        each = _BYTES_OF_SKELETONS if wanted & _OF_SKELETONS else _BYTES_OF_SHAPES
        each = _BYTES_OF_MESHES if wanted & OF_SURFACES else each
        needed = int(nz * ny * nx * each)
        if needed > self._budget.working:
            what = f"metrics of {' and '.join(sorted(wanted))}"
            if OF_SURFACES & wanted:
                what = "distances between meshes (boundary='mesh')"
            raise InputError(
                f"{what} of a structure whose box has {nz * ny * nx} voxels take "
                f"{needed >> 20} MiB of memory, and there are {self._budget.working >> 20} MiB; ask for other metrics, "
                "or allow more (max_memory=)"
            )
        request = self._request._replace(measurements=wanted)
        return self._packed.measure(self._window((0, nz), (0, ny)), tolerance, request)

    def _pair(self, z: Range, y: Range, words: tuple[Words, Words] | None) -> PackedPair:
        """Make a window of some slices and rows, of which nothing lies beyond those of the box."""
        if words is None:
            words = np.empty((0, 0, 0), np.uint64), np.empty((0, 0, 0), np.uint64)
        shape = z[1] - z[0], y[1] - y[0], self._shape[2]
        ends = [
            (start > 0, stop < size)
            for (start, stop), size in zip((z, y), self._shape, strict=False)
        ]
        return PackedPair(*words, shape, *self._frame, open=(ends[0], ends[1]))

    def _window(self, z: Range, y: Range) -> PackedPair:
        return self._pair(z, y, self._read(z, y))

    # ------------------------------------------------------------------------ blocks

    def _blocks(self, reach: tuple[int, int]) -> list[Block]:
        """Cut the box into blocks whose windows, with a margin of `reach` slices and rows, may be in memory."""
        nz, ny, nx = self._shape
        rows = max(1, self._most_voxels // (-(-nx // 64) * 64))
        if nz == 1:
            size_z, size_y = 1, rows - 2 * reach[1]
        elif rows // ny >= min(nz, 4 * reach[0]):
            size_z, size_y = rows // ny - (2 * reach[0] if rows // ny < nz else 0), ny
        else:
            side = math.isqrt(rows)
            size_z, size_y = side - 2 * reach[0], side - 2 * reach[1]
        cores = itertools.product(_cut(nz, size_z), _cut(ny, size_y))
        return [
            Block(core, (_widened(core[0], reach[0], nz), _widened(core[1], reach[1], ny)))
            for core in cores
        ]

    def _margin(self) -> tuple[int, int]:
        axes = self._steps[3 - self._frame.ndim :]
        length = _MARGIN * math.prod(axes) ** (1 / len(axes))
        if self._request.furthest < 4 * length:
            length = max(length, self._request.furthest)
        z, y = (max(2, math.ceil(min(length / step, 64)) + 1) for step in self._steps[:2])
        most = max(2, math.isqrt(max(1, self._most_voxels // self._shape[2])) // 3)
        return min(z, most), min(y, most)

    # ------------------------------------------------------------------------ distances

    def _distributions(self, band: Band | None) -> SurfaceDistributions:
        """Search block by block, and count the bands in passing where a block's margin is wide enough."""
        sums = Sum(), Sum()
        cells = Cells(self._elements)
        left: list[list[_Left] | None] = []
        margin, room = self._margin(), self._budget.left
        blocks = self._blocks(margin)
        for block in blocks:
            of_block: list[_Left] | None = []
            for near in self._near(block, cells, band if band and band.fits(margin) else None):
                sums[near.direction].add(near.found)
                if len(near.left) and self._nobody_asks(block):
                    sums[near.direction].add(
                        Distribution(np.array([np.inf]), np.array([len(near.left)]))
                    )
                    continue
                if of_block is None or not len(near.left):
                    continue
                of_block.append(self._left(near, block))
                room -= of_block[-1].nbytes
                if room < 0:  # the block is asked once more, when the others are answered
                    room += sum(one.nbytes for one in of_block)
                    of_block = None
            left.append(of_block)
        if any(of_block is None or of_block for of_block in left):
            bounds = cells.bounds(self._transform, self._steps, self._frame.ndim)
            for block, of_block in zip(blocks, left, strict=True):
                parts = self._again(block) if of_block is None else iter(of_block)
                for part in self._joined(parts):
                    self._answer(part, cells, bounds[1 - part.direction], sums[part.direction])
        return SurfaceDistributions(
            sums[0].all, sums[1].all, counted=self._request.boundary in COUNTED
        )

    def _nobody_asks(self, block: Block) -> bool:
        """Tell whether all that a window leaves open is farther than anybody wants to know."""
        if self._lattice:  # areas are summed in order
            return False
        for core, window, size, step in zip(
            block.core, block.window, self._shape, self._steps, strict=False
        ):
            gaps = [core[0] - window[0]] * (window[0] > 0) + [window[1] - core[1]] * (
                window[1] < size
            )
            if any(gap * step <= self._request.furthest for gap in gaps):
                return False
        return True

    def _near(
        self, block: Block, cells: Cells | None = None, band: Band | None = None
    ) -> Iterator[Near]:
        """Search within the window of a block, enter its surfaces into the coarse map, and count its band."""
        pair = self._window(*block.window)
        request = self._request
        if band is not None and band.possible:
            band.add(self._packed.band_overlap(pair, block.inside, request.spacing, band.width))
        surfaces, found = self._packed.near(
            pair, block.inside, request.spacing, request.boundary, self._most_queries
        )
        del pair
        if cells is not None:
            for side, words in enumerate(surfaces):
                cells.enter(side, words, block.core[0][0], block.core[1][0])
        return found

    def _left(self, near: Near, block: Block) -> _Left:
        (z, _), (y, _) = block.window
        return _Left(near.direction, near.left + np.array((z, y, 0), np.int32), near.areas)

    def _again(self, block: Block) -> Iterator[_Left]:
        """Find once more which elements of a block are to be asked again."""
        for near in self._near(block):
            if len(near.left):
                yield self._left(near, block)

    def _joined(self, parts: Iterable[_Left]) -> Iterator[_Left]:
        """Join parts of one direction, as many as may be asked for together."""
        for direction, of_direction in itertools.groupby(parts, lambda part: part.direction):
            waiting: list[_Left] = []
            for part in of_direction:
                if waiting and sum(len(one.places) for one in waiting) > self._most_queries:
                    yield _Left.of(direction, waiting)
                    waiting = []
                waiting.append(part)
            yield _Left.of(direction, waiting)

    def _answer(self, left: _Left, cells: Cells, bounds: Floats, out: Sum) -> None:
        """Measure from elements, each of which has something within its cell's bound."""
        for start in range(0, len(left.places), self._most_queries):
            part = slice(start, start + self._most_queries)
            places = left.places[part]
            widest = bounds[cells.of(places)]
            squared = np.full(len(places), np.inf)
            for window in self._windows(places, float(widest.max())):
                asked = np.flatnonzero(
                    self._least(places, window) <= np.minimum(squared, widest**2) * _SLACK
                )
                if len(asked):
                    found = self._nearest(left.direction, places[asked], window)
                    squared[asked] = np.minimum(squared[asked], found)
            distances = np.sqrt(squared)
            areas = None if left.areas is None else left.areas[part]
            out.add(Distribution.of(distances, areas))

    def _windows(self, places: NDArray[np.int32], widest: float) -> list[tuple[Range, Range]]:
        """List windows that hold, between them, all that is no farther than `widest`; the nearest ones first."""
        ranges = []
        for axis in (0, 1):
            size = self._elements[axis]
            reach = math.ceil(min(widest / self._steps[axis], size)) + 1
            low, high = int(places[:, axis].min()), int(places[:, axis].max())
            ranges.append((max(low - reach, 0), min(high + reach + 1, size)))
        (z0, z1), (y0, y1) = ranges
        rows = max(_LEAST_ROWS, self._most_voxels // (-(-self._shape[2] // 64) * 64))
        size_y = min(y1 - y0, max(2, math.isqrt(rows) if z1 - z0 > 1 else rows - 2))
        size_z = max(1, rows // (size_y + 2) - 2)
        parts = [
            ((z0 + a, z0 + b), (y0 + c, y0 + d))
            for a, b in _cut(z1 - z0, size_z, 1)
            for c, d in _cut(y1 - y0, size_y, 1)
        ]
        return sorted(parts, key=lambda part: float(self._least(places, part).min()))

    def _least(self, places: NDArray[np.int32], window: tuple[Range, Range]) -> Floats:
        """Tell below which squared distance no element of a window is, from each of some places."""
        squared = np.zeros(len(places))
        for axis, (start, stop) in enumerate(window):
            at = places[:, axis]
            gaps = np.maximum(np.maximum(start - at, at - (stop - 1)), 0)
            squared += (gaps * self._steps[axis]) ** 2
        return squared

    def _nearest(
        self, direction: int, places: NDArray[np.int32], window: tuple[Range, Range]
    ) -> Floats:
        """Measure to all elements of a window, which are known from one voxel more on each side."""
        z, y = (
            (max(start - 1, 0), min(stop + 1, size))
            for (start, stop), size in zip(window, self._shape, strict=False)
        )
        inside = places - np.array((z[0], y[0], 0), np.int32)
        nothing = np.empty((0, 3), np.int32)
        queries = (inside, nothing) if direction == 0 else (nothing, inside)
        request = self._request
        found = self._packed.nearest(self._window(z, y), queries, request.spacing, request.boundary)
        return found[direction]

    # ------------------------------------------------------------------------ bands

    def _reach_of_band(self, width: float) -> tuple[int, int]:
        """Tell how wide a margin must be for a band to be counted within it."""
        z, y = (
            math.ceil(min(width / step, size)) + 2
            for step, size in zip(self._steps[:2], self._shape, strict=False)
        )
        return z, y

    def _band_overlap(self, band: Band) -> Overlap:
        """Count the bands, unless that was done in passing."""
        if band.overlap is not None and band.possible:
            return band.overlap
        band.overlap = Overlap(0, 0, 0)
        for block in self._blocks(band.reach):
            z, y = block.window
            size = (z[1] - z[0]) * (y[1] - y[0]) * self._shape[2]
            found: Overlap | None = None
            if band.possible and size <= 2 * self._most_voxels:
                found = self._packed.band_overlap(
                    self._window(z, y), block.inside, self._request.spacing, band.width
                )
            band.add(self._wide_bands(block, band.width) if found is None else found)
        return band.overlap

    def _wide_bands(self, block: Block, width: float) -> Overlap:
        """Count the voxels of both bands of a block by the distance of each voxel of the masks to its own surface."""
        (z0, z1), (y0, y1) = block.core
        near: list[NDArray[np.bool_]] = []
        for side, words in enumerate(self._read(*block.core)):
            band = np.zeros((z1 - z0, y1 - y0, self._shape[2]), bool)
            sizes = np.bitwise_count(words).sum(axis=(1, 2), dtype=np.int64)
            for first, stop in runs_of(sizes, self._most_queries):
                at = places_of(words[first:stop]) + np.array((first, 0, 0))
                places = (at + np.array((z0, y0, 0))).astype(np.int32)
                band[tuple(at[self._within(side, places, width)].T)] = True
            near.append(band)
        return Overlap(int(near[0].sum()), int(near[1].sum()), int((near[0] & near[1]).sum()))

    def _within(self, side: int, places: NDArray[np.int32], width: float) -> NDArray[np.bool_]:
        """Tell which voxels of a mask lie nearer to its own surface than a width."""
        squared = np.full(len(places), np.inf)
        for z, y in self._windows(places, width):
            asked = np.flatnonzero(np.sqrt(squared) >= width)
            asked = asked[self._least(places[asked], (z, y)) <= width**2 * _SLACK]
            if not len(asked):
                continue
            wider = [
                (max(start - 1, 0), min(stop + 1, size))
                for (start, stop), size in zip((z, y), self._shape, strict=False)
            ]
            words = self._read(wider[0], wider[1])[side]
            pair = self._pair(wider[0], wider[1], (words, words))
            inside = places[asked] - np.array((wider[0][0], wider[1][0], 0), np.int32)
            nothing = np.empty((0, 3), np.int32)
            found, _ = self._packed.nearest(pair, (inside, nothing), self._request.spacing, "voxel")
            squared[asked] = np.minimum(squared[asked], found)
        return np.asarray(np.sqrt(squared) < width)


def _cut(size: int, piece: int, least: int = _LEAST_BLOCK) -> list[Range]:
    """Cut so many slices or rows into pieces."""
    edges = [*range(0, size, max(piece, least)), size]
    return list(itertools.pairwise(edges))


def _widened(part: Range, reach: int, size: int) -> Range:
    return max(part[0] - reach, 0), min(part[1] + reach, size)
