"""The components of many regions, for the numba backend: small ones are found together, in one volume that holds all.

To find those of an organ of some thousand voxels takes a dozen calls of kernels, which take longer than the voxels do.
So the boxes of small regions are packed one above the other, empty bundles between them, and most are found to be one
component each, of which nothing is needed but what was measured; regions of several are found again by themselves.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg import threads
from fastseg.backends.numba.components import Components
from fastseg.backends.numba.masks import Mask
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Array
from fastseg.measures.components import RegionComponents
from fastseg.measures.regions import LabelRegion
from fastseg.threads import lazy
from fastseg_kernels.cpu import masks as mask_kernels
from fastseg_kernels.cpu.components import runs as run_kernels

Longs = NDArray[np.int64]

# Voxels along x of a region that is found with others: a word.
_WIDTH = 64
# Rows of it, and of its slices.
_MOST_ROWS, _HIGHEST = 1 << 12, 1 << 7
# So few take no longer by themselves.
_FEWEST = 4
# Rows of all of them, of which the words lie in the second cache.
_MOST_ROWS_TOGETHER = 1 << 16
# Voxels of each of two regions that are found in one go.
_MOST_VOXELS_OF_TWO = 1 << 21
# What a voxel costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_VOXEL = 2


@dataclass(frozen=True)
class OneComponent:
    """A region that is one component, of which what was measured is known, and the runs are made when asked for.

    Attributes
    ----------
    runs_of : callable
        Gives the component as runs.
    sizes, sums : int64 ndarray
        As of `Components`, and so are the other properties.
    boxes : pair of int64 ndarray
    """

    runs_of: Callable[[], Components]
    sizes: Longs
    sums: Longs
    boxes: tuple[Longs, Longs]
    count: int = 1

    @lazy
    def runs(self) -> Components:
        """The component as runs."""
        return self.runs_of()

    @property
    def firsts(self) -> Longs:
        """Where the first voxel lies."""
        return self.runs.firsts

    def numbers_at(self, positions: tuple[Longs, ...]) -> Longs:
        """Tell whether voxels lie in it."""
        return self.runs.numbers_at(positions)

    def painted(self, dtype: DTypeLike) -> Array:
        """Paint the component."""
        return self.runs.painted(dtype)


def region_components(regions: Sequence[LabelRegion], connectivity: int) -> list[RegionComponents]:
    """Find the components of regions of maps of one type, shape and memory order."""
    found: list[RegionComponents | None] = [None] * len(regions)
    volumes = _volumes(regions)
    small = _small_ones(regions, volumes)
    if len(small) >= _FEWEST:
        of_small = [volumes[place] for place in small]
        together = _together([regions[place] for place in small], of_small, connectivity)
        for place, alone in zip(small, together, strict=True):
            found[place] = alone
    others = [place for place, one in enumerate(found) if one is None]
    cost = sum(_COST_OF_A_VOXEL * regions[place].voxels for place in others)
    groups = _beside_each_other(regions, others)

    def find(places: list[int]) -> Sequence[RegionComponents]:
        if len(places) == 1:
            return [_alone(regions[places[0]], connectivity)]
        both = [regions[place] for place in places]
        return _two(both, [volumes[place] for place in places], connectivity)

    for places, components in zip(groups, threads.run(find, groups, cost), strict=True):
        for place, one in zip(places, components, strict=True):
            found[place] = one
    return [one for one in found if one is not None]


def _alone(region: LabelRegion, connectivity: int) -> Components:
    """Find the components of a region by itself."""
    mask = Mask.of(Volume.of(region.labels), region.wanted, region.box)
    return _measured(Components.of_mask(mask, connectivity, run_kernels.COLUMNS))


def _measured(components: Components) -> Components:
    """Measure components here, side by side with others."""
    assert components.table is not None
    return components


def _beside_each_other(regions: Sequence[LabelRegion], places: Sequence[int]) -> list[list[int]]:
    """Group those that lie in one box, one after the other, and are not so large that each is shared by threads."""
    groups: list[list[int]] = []
    for place in places:
        last = groups[-1] if groups else []
        if (
            len(last) == 1
            and regions[last[0]].box == regions[place].box
            and regions[place].voxels < _MOST_VOXELS_OF_TWO
        ):
            last.append(place)
        else:
            groups.append([place])
    return groups


def _two(
    regions: Sequence[LabelRegion], volumes: Sequence[Volume], connectivity: int
) -> Sequence[RegionComponents]:
    """Find the components of two regions with one box in one go, where each is one component."""
    volume = volumes[0]
    corner, (nz, ny, nx) = volume.part(regions[0].box)
    second = (nz + 3) // 2 * 2  # after an empty bundle
    words = np.empty((second + nz, ny, -(-nx // 64)), np.uint64)
    parts = words[:nz], words[second:]
    words[nz:second] = 0
    select = mask_kernels.select[volume.labels.dtype]
    for region, of_region, out in zip(regions, volumes, parts, strict=True):
        values = np.array(of_region.bits_of(region.wanted), np.uint64)
        select(of_region.labels, values, 0, nz, np.array(corner), nx, out)
    found = Components.of_words(
        words, volume, (len(words), ny, nx), connectivity, run_kernels.COLUMNS
    )
    table = found.table[1:]
    first_slices = table[:, run_kernels.Z_START]
    if found.count != 2 or np.count_nonzero(first_slices >= second) != 1:
        rest = volumes[0], (nz, ny, nx), connectivity, run_kernels.COLUMNS
        return [_measured(Components.of_words(part, *rest)) for part in parts]
    of_each = table[np.argsort(first_slices)]

    def runs_of(place: int) -> Components:
        """Cut the runs of one of them out of those of both."""
        depth, height = found.bundle
        slices, per_slice = -(-nz // depth), -(-ny // height)
        first = place * second // depth
        own = slice(first * per_slice, (first + slices) * per_slice)
        return Components(
            parts[place],
            found.bundle,
            found.bundles[own],
            found.starts[own],
            found.before[own],
            np.minimum(found.numbers, 1),
            1,
            volumes[place],
            (nz, ny, nx),
            run_kernels.COLUMNS,
        )

    makers = functools.partial(runs_of, 0), functools.partial(runs_of, 1)
    return _ones(of_each, np.array([0, second]), volume, makers)


def _ones(
    table: Longs, slices: Longs, volume: Volume, runs_of: Iterable[Callable[[], Components]]
) -> list[OneComponent]:
    """Make components of regions that are one each, from rows of a table of what holds them from some slices on."""
    sizes, sums = table[:, run_kernels.SIZE], table[:, run_kernels.Z_SUM :]
    starts = table[:, run_kernels.Z_START : run_kernels.X_STOP : 2]
    stops = table[:, run_kernels.Z_STOP : run_kernels.Z_SUM : 2]
    sums[:, 0] -= sizes * slices
    starts[:, 0] -= slices
    stops[:, 0] -= slices
    axes = slice(3 - volume.ndim, 3)
    columns = [column[:, axes] for column in (sums, starts, stops)]
    if volume.reverse:
        columns = [column[:, ::-1] for column in columns]
    sums, starts, stops = columns
    found = []
    for place, own in enumerate(runs_of):
        one = slice(place, place + 1)
        found.append(OneComponent(own, sizes[one], sums[one], (starts[one], stops[one])))
    return found


def _volumes(regions: Sequence[LabelRegion]) -> list[Volume]:
    """See the map of each region as a volume; there are two maps, most often."""
    known: dict[int, Volume] = {}
    for region in regions:
        if id(region.labels) not in known:
            known[id(region.labels)] = Volume.of(region.labels)
    return [known[id(region.labels)] for region in regions]


def _small_ones(regions: Sequence[LabelRegion], volumes: Sequence[Volume]) -> list[int]:
    """Tell which regions are found together."""
    small = []
    rows = 0
    for place, (region, volume) in enumerate(zip(regions, volumes, strict=True)):
        _, (nz, ny, nx) = volume.part(region.box)
        if nx <= _WIDTH and ny <= _HIGHEST and nz * ny <= _MOST_ROWS:
            rows += (nz + 4) * _HIGHEST
            if rows > _MOST_ROWS_TOGETHER:
                break
            small.append(place)
    return small


def _together(
    regions: Sequence[LabelRegion], volumes: Sequence[Volume], connectivity: int
) -> list[OneComponent | None]:
    """Find which of some small regions are one component each, and measure these."""
    parts = [volume.part(region.box) for volume, region in zip(volumes, regions, strict=True)]
    corners, shapes = (np.array(column, np.int64) for column in zip(*parts, strict=True))
    height, width = int(shapes[:, 1].max()), int(shapes[:, 2].max())
    # bundles of two slices: each region begins with one of its own, after an empty one
    firsts = np.cumsum((shapes[:, 0] + 3) // 2 * 2)
    firsts = np.concatenate([np.zeros(1, np.int64), firsts])
    words = np.zeros((int(firsts[-1]), height, 1), np.uint64)
    first_of_each = firsts.tolist()
    select = mask_kernels.select[volumes[0].labels.dtype]
    for volume, region, corner, (_, (nz, ny, nx)), first in zip(
        volumes, regions, corners, parts, first_of_each, strict=False
    ):
        values = np.array(volume.bits_of(region.wanted), np.uint64)
        own = np.empty((nz, ny, 1), np.uint64)
        select(volume.labels, values, 0, nz, corner, nx, own)
        words[first : first + nz, :ny] = own
    shape = len(words), height, width
    table = Components.of_words(words, volumes[0], shape, connectivity, run_kernels.COLUMNS).table[
        1:
    ]
    owners = np.searchsorted(firsts, table[:, run_kernels.Z_START], side="right") - 1
    is_one = np.bincount(owners, minlength=len(regions)) == 1
    rows = np.empty(len(regions), np.intp)
    rows[owners] = np.arange(len(owners))
    makers = [functools.partial(_alone, region, connectivity) for region in regions]
    ones = iter(
        _ones(
            table[rows[is_one]],
            firsts[:-1][is_one],
            volumes[0],
            itertools.compress(makers, is_one.tolist()),
        )
    )
    return [next(ones) if one else None for one in is_one.tolist()]
