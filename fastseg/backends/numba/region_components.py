"""The components of many regions, for the numba backend: small ones are found together, in one volume that holds all.

To find those of an organ of some thousand voxels takes a dozen calls of kernels, which take longer than the voxels do.
So the boxes of small regions are packed one above the other, empty bundles between them, and most are found to be one
component each, of which nothing is needed but what was measured; regions of several are found again by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
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
# What a voxel costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_VOXEL = 2


@dataclass(frozen=True)
class OneComponent:
    """A region that is one component, of which what was measured is known, and the runs are not.

    Attributes
    ----------
    region : LabelRegion
    connectivity : int
    sizes, sums : int64 ndarray
        As of `Components`, and so are the other properties.
    boxes : pair of int64 ndarray
    """

    region: LabelRegion
    connectivity: int
    sizes: Longs
    sums: Longs
    boxes: tuple[Longs, Longs]
    count: int = 1

    @lazy
    def runs(self) -> Components:
        """Find the runs, too."""
        return _alone(self.region, self.connectivity)

    @property
    def firsts(self) -> Longs:
        """Where the first voxel lies."""
        return self.runs.firsts

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
        for place, one in zip(small, together, strict=True):
            found[place] = one
    others = [place for place, one in enumerate(found) if one is None]
    cost = sum(_COST_OF_A_VOXEL * regions[place].voxels for place in others)
    alone = threads.run(lambda place: _alone(regions[place], connectivity), others, cost)
    for place, components in zip(others, alone, strict=True):
        found[place] = components
    return [one for one in found if one is not None]


def _alone(region: LabelRegion, connectivity: int) -> Components:
    """Find the components of a region by itself, and what `Components.table` has of them."""
    mask = Mask.of(Volume.of(region.labels), region.wanted, region.box)
    components = Components.of_mask(mask, connectivity, run_kernels.COLUMNS)
    assert components.table is not None  # measured here, side by side with others
    return components


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
    # all are as high and as wide, for no other voxel of the volume has their labels
    _, ny, nx = volumes[0].labels.shape
    height, width = int(shapes[:, 1].max()), min(_WIDTH, nx)
    starts = corners.copy()
    starts[:, 1:] = np.minimum(starts[:, 1:], (ny - height, nx - width))
    # bundles of two slices: each region begins with one of its own, after an empty one
    firsts = np.cumsum((shapes[:, 0] + 3) // 2 * 2)
    firsts = np.concatenate([np.zeros(1, np.int64), firsts])
    words = np.zeros((int(firsts[-1]), height, 1), np.uint64)
    first_of_each = firsts.tolist()
    for place, (volume, region, start) in enumerate(zip(volumes, regions, starts, strict=True)):
        values = np.array(volume.bits_of(region.wanted), np.uint64)
        first, n = first_of_each[place], parts[place][1][0]
        select = mask_kernels.select[volume.labels.dtype]
        select(volume.labels, values, 0, n, start, width, words[first : first + n])
    shape = len(words), height, width
    table = Components.of_words(words, volumes[0], shape, connectivity, run_kernels.COLUMNS).table[
        1:
    ]
    owners = np.searchsorted(firsts, table[:, run_kernels.Z_START], side="right") - 1
    counts = np.bincount(owners, minlength=len(regions))
    own = np.empty(len(regions), np.intp)
    own[owners] = np.arange(len(owners))
    # from the place in these words to that in the region's box
    shifts = starts - corners
    shifts[:, 0] -= firsts[:-1]
    of_each = table[own * (counts == 1)] if len(table) else np.zeros((len(regions), 11), np.int64)
    sizes = of_each[:, run_kernels.SIZE]
    box_starts = of_each[:, run_kernels.Z_START : run_kernels.X_STOP : 2] + shifts
    box_stops = of_each[:, run_kernels.Z_STOP : run_kernels.Z_SUM : 2] + shifts
    sums = of_each[:, run_kernels.Z_SUM :] + sizes[:, None] * shifts
    axes = slice(3 - volumes[0].ndim, 3)
    columns = [column[:, axes] for column in (box_starts, box_stops, sums)]
    if volumes[0].reverse:
        columns = [column[:, ::-1] for column in columns]
    box_starts, box_stops, sums = columns
    found: list[OneComponent | None] = []
    for place, count in enumerate(counts.tolist()):
        one = slice(place, place + 1)
        boxes = box_starts[one], box_stops[one]
        found.append(
            OneComponent(regions[place], connectivity, sizes[one], sums[one], boxes)
            if count == 1
            else None
        )
    return found
