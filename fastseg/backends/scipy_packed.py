"""Packed masks for the reference backend: unpacked, and measured by transforms of windows and a search in a tree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.backends.scipy import Components, distances_to, measured_masks, surface, surfels
from fastseg.backends.shared.offsets import Floats, Words
from fastseg.backends.shared.packed import (
    Near,
    PackedPair,
    Places,
    Range,
    squared_limits,
    without_borders,
)
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Array, Box, Spacing
from fastseg.measures.distributions import Distribution
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Measured, Request
from fastseg.measures.surface_areas import CODE_MEASURES
from fastseg.measures.surface_distances import Boundary

#: bytes that transforms of both surfaces of a window take for each of its voxels
BYTES_PER_VOXEL = 64.0

Mask = NDArray[np.bool_]
Cube = NDArray[np.intp]  # along z, y, x


def pack(labels: Array, wanted: tuple[int, ...], box: Box, reverse: bool) -> Words:
    """Compare, and pack along the axes of the volume."""
    volume = Volume.of(labels, reverse)
    (z, y, x), (nz, ny, nx) = volume.part(box)
    part = volume.labels[z : z + nz, y : y + ny, x : x + nx]
    mask = np.zeros(part.shape, bool)
    for bits in volume.bits_of(wanted):
        mask |= part == part.dtype.type(bits)
    return _packed(mask)


def _packed(mask: Mask) -> Words:
    room = np.zeros((*mask.shape[:2], 64 * -(-mask.shape[2] // 64)), bool)
    room[..., : mask.shape[2]] = mask
    return np.packbits(room, axis=-1, bitorder="little").view("<u8").astype(np.uint64)


def _volume_of(words: Words, shape: tuple[int, int, int]) -> Mask:
    bits = np.unpackbits(words.astype("<u8").view(np.uint8), axis=-1, bitorder="little")
    return bits[..., : shape[2]].astype(bool)


def _image_of(volume: Array, pair: PackedPair) -> Array:
    """Give an array along z, y, x the axes of the map."""
    image = volume.reshape(volume.shape[3 - pair.ndim :])
    return image.T if pair.reverse else image


def _cube_of(image: Array) -> Array:
    """Take it back, with the sizes that it has now."""
    return image.reshape((1,) * (3 - image.ndim) + image.shape)


def components(words: Words, width: int, connectivity: int, reverse: bool) -> Components:
    """Unpack, and label as a region's mask is."""
    cube = _volume_of(words, (*words.shape[:2], width))
    structure = ndimage.generate_binary_structure(3, connectivity)
    return Components(*ndimage.label(cube.T if reverse else cube, structure))


def dilated(words: Words, width: int, iterations: int) -> Words:
    """Unpack, dilate, and pack again."""
    if not iterations:  # SciPy would go on until nothing changes
        return words
    cube = _volume_of(words, (*words.shape[:2], width))
    structure = ndimage.generate_binary_structure(3, 2)
    return _packed(ndimage.binary_dilation(cube, structure, iterations=iterations))


def _masks(pair: PackedPair) -> tuple[Mask, Mask]:
    reference, prediction = (_image_of(_volume_of(words, pair.shape), pair) for words in pair.masks)
    return reference, prediction


def measure(pair: PackedPair, tolerance: float, request: Request) -> Measured:
    """Measure a structure all of which is there."""
    return measured_masks(_masks(pair), tolerance, request)


def _surfaces(pair: PackedPair, boundary: Boundary) -> tuple[tuple[Mask, Mask], tuple[Cube, Cube]]:
    """Find both surfaces along z, y, x, and the codes of their elements by the order of the map's axes."""
    found, codes = [], []
    for mask in _masks(pair):
        image = (
            surfels(mask)
            if boundary in CODE_MEASURES
            else surface(mask, 1, "background").astype(int)
        )
        cube = _cube_of(image.T if pair.reverse else image)
        codes.append(np.ascontiguousarray(cube, np.intp))
        found.append(codes[-1] != 0)
    return (found[0], found[1]), (codes[0], codes[1])


def distributions(
    pair: PackedPair,
    codes: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    areas: Floats,
    spacing: Spacing,
) -> tuple[Distribution, Distribution]:
    """Look transforms of both sets up."""
    sets = tuple(_volume_of(words, pair.shape) for words in pair.masks)
    found = []
    for side in (0, 1):
        distances = distances_to(_image_of(sets[1 - side], pair), spacing)
        by_place = _cube_of(distances.T if pair.reverse else distances)[sets[side]]
        found.append(Distribution.of(by_place, areas[codes[side]]))
    return found[0], found[1]


def near(
    pair: PackedPair,
    core: tuple[Range, Range],
    spacing: Spacing,
    boundary: Boundary,
    most: int,
) -> tuple[tuple[Words, Words], Iterator[Near]]:
    """Look transforms of the window's surfaces up at those of its core."""
    surfaces, codes = _surfaces(pair, boundary)
    rows = pair.elements(core, lattice=boundary in CODE_MEASURES)
    own = tuple(slice(*part) for part in rows)
    packed = _packed(surfaces[0][own]), _packed(surfaces[1][own])
    areas = CODE_MEASURES[boundary](spacing) if boundary in CODE_MEASURES else None

    def answers() -> Iterator[Near]:
        for side in (0, 1):
            queries = np.zeros_like(surfaces[side])
            queries[own] = surfaces[side][own]
            targets = without_borders(surfaces[1 - side].copy(), pair, queries.shape)
            distances = distances_to(_image_of(targets, pair), spacing)
            by_place = _cube_of(distances.T if pair.reverse else distances)[queries]
            places = np.argwhere(queries)
            limits = squared_limits(places, pair, queries.shape, pair.steps(spacing))
            final = by_place**2 <= limits * (1 - 1e-12)  # roots were rounded
            if pair.whole:
                final[:] = True
            left = places[~final].astype(np.int32)
            if areas is None:
                yield Near(side, Distribution.of(by_place[final]), left, None)
            else:
                of_side = codes[side][queries]
                found = Distribution.of(by_place[final], areas[of_side[final]])
                yield Near(side, found, left, areas[of_side[~final]])

    return packed, answers()


def nearest(
    pair: PackedPair, queries: tuple[Places, Places], spacing: Spacing, boundary: Boundary
) -> tuple[Floats, Floats]:
    """Take, of all elements that are nearest but for a rounding, the one with the least computed distance."""
    from scipy.spatial import cKDTree

    surfaces, _ = _surfaces(pair, boundary)
    steps, found = np.array(pair.steps(spacing)), []
    for coordinates, targets in zip(queries, surfaces[::-1], strict=True):
        squared = np.full(len(coordinates), np.inf)
        at = np.argwhere(without_borders(targets, pair, targets.shape))
        if len(at) and len(coordinates):
            tree = cKDTree(at * steps)
            roughly = tree.query(coordinates * steps)[0] * (1 + 1e-9)
            for i, among in enumerate(tree.query_ball_point(coordinates * steps, roughly)):
                z, y, x = ((np.abs(at[among] - coordinates[i]) * steps) ** 2).T
                squared[i] = ((x + y) + z if pair.reverse else (z + y) + x).min()
        found.append(squared)
    return found[0], found[1]


def band_overlap(
    pair: PackedPair, core: tuple[Range, Range], spacing: Spacing, width: float
) -> Overlap | None:
    """Count what a transform of each surface tells."""
    own = tuple(slice(*part) for part in core)
    bands = []
    for mask in _masks(pair):
        edge = surface(mask, 1, "background")
        cube = _cube_of(edge.T if pair.reverse else edge)
        image = _image_of(without_borders(cube.copy(), pair, cube.shape), pair)
        band = mask & (distances_to(image, spacing) < width)
        bands.append(_cube_of(band.T if pair.reverse else band)[own])
    return Overlap(*map(int, (bands[0].sum(), bands[1].sum(), (bands[0] & bands[1]).sum())))
