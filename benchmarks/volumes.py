"""Makers of volumes: a shape in, a reference and a prediction out. NumPy only, the same on every run.

Everything is filled slice by slice, so that a volume costs little more than its own memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

Mask = NDArray[np.bool_]
Labels = NDArray[np.integer]
Shape = tuple[int, ...]

SEED = 2026
STRUCTURES = 10_000  # in 512³


def near(shape: Shape, place: str = "first") -> tuple[Mask, Mask]:
    """A blob, the same blob off by one voxel or two whatever its size, and a false positive in a far corner.

    The false positive lies in the first slices, or in the middle ones, beside the blob, or in the last.
    """
    side = min(shape)
    prediction = blob(shape, radius=0.35 - 0.8 / side, centre=0.5 + 0.5 / side, phase=6 / side)
    start, length = side // 16, max(1, side // 100)
    places = {"first": start, "middle": shape[0] // 2, "last": shape[0] - 1 - start - length}
    corner = [slice(start, start + length)] * len(shape)
    corner[0] = slice(places[place], places[place] + length)
    prediction[tuple(corner)] = True
    return blob(shape), prediction


def near_middle(shape: Shape) -> tuple[Mask, Mask]:
    """The same with the false positive in the middle slices."""
    return near(shape, "middle")


def near_last(shape: Shape) -> tuple[Mask, Mask]:
    """The same with the false positive in the last slices."""
    return near(shape, "last")


def shift(shape: Shape) -> tuple[Mask, Mask]:
    """A blob and the same blob moved by a tenth of the side along every axis."""
    reference = blob(shape, radius=0.3, centre=0.45)
    axes = tuple(range(len(shape)))
    return reference, np.roll(reference, [size // 10 for size in shape], axes)


def tiny(shape: Shape) -> tuple[Mask, Mask]:
    """A huge blob and a tiny one in its middle."""
    return blob(shape, radius=0.42), blob(shape, radius=0.01, least=2)


def far(shape: Shape) -> tuple[Mask, Mask]:
    """Two blobs in opposite corners."""
    return blob(shape, radius=0.12, centre=0.2), blob(shape, radius=0.12, centre=0.8)


def noise(shape: Shape) -> tuple[Mask, Mask]:
    """Every voxel by the toss of a coin."""
    rng = np.random.default_rng(SEED)
    return _coin(rng, shape), _coin(rng, shape)


def checkerboard(shape: Shape) -> tuple[Mask, Mask]:
    """Every other voxel, and the others."""
    odd = np.zeros(shape, bool)
    for corner in itertools.product((0, 1), repeat=len(shape)):
        if sum(corner) % 2:
            odd[tuple(slice(start, None, 2) for start in corner)] = True
    return odd, ~odd


def empty_full(shape: Shape) -> tuple[Mask, Mask]:
    """Nothing, and everything."""
    return np.zeros(shape, bool), np.ones(shape, bool)


def sparse(shape: Shape) -> tuple[Mask, Mask]:
    """One voxel in ten thousand, at least one."""
    rng = np.random.default_rng(SEED)
    return _points(rng, shape), _points(rng, shape)


def organs(shape: Shape) -> tuple[Labels, Labels]:
    """100 ellipsoids side by side as uint8, every other one a voxel off and some a little smaller."""
    return _ellipsoids(shape, (4, 5, 5), np.uint8)


def organs_21(shape: Shape) -> tuple[Labels, Labels]:
    """21 ellipsoids in the same manner, as many as a radiotherapy plan has organs."""
    return _ellipsoids(shape, (3, 1, 7), np.uint8)


def cells_2500(shape: Shape) -> tuple[Labels, Labels]:
    """2500 small ellipsoids in the same manner, as uint16."""
    return _ellipsoids(shape, (10, 10, 25), np.uint16)


def cells_of_a_plane(side: int) -> tuple[Labels, Labels]:
    """2025 cells side by side in a plane, as int32, in the same manner."""
    first, second = _ellipsoids((side, side), (45, 45), np.uint16)
    return first.astype(np.int32), second.astype(np.int32)


def structures_10000(shape: Shape) -> tuple[Labels, Labels]:
    """Separate balls of 27 to 500 voxels as uint16, off by up to a voxel: 10 000 in 512³, fewer in less."""
    reference, prediction = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
    rng = np.random.default_rng(SEED)
    cells = tuple(max(1, size * 22 // 512) for size in shape)
    size = np.array(shape) / cells
    grid = itertools.product(*map(range, cells))
    for label, cell in enumerate(itertools.islice(grid, STRUCTURES), start=1):
        radius = rng.uniform(1.8, 4.9)
        centre = (np.array(cell) + 0.5) * size + rng.uniform(-2, 2, len(shape))
        moved = centre + rng.uniform(-1, 1, len(shape))
        radii = np.full(len(shape), radius)
        _paint(reference, label, centre, radii)
        _paint(prediction, label, moved, radii * rng.uniform(0.8, 1.1))
    return reference, prediction


def dense_100(shape: Shape) -> tuple[Labels, Labels]:
    """100 labels that fill the volume but for its rim."""
    return _tiled(shape, (4, 5, 5), 0.0), _tiled(shape, (4, 5, 5), 0.3)


def dense_2500(shape: Shape) -> tuple[Labels, Labels]:
    """2500 labels that fill the volume but for its rim."""
    return _tiled(shape, (10, 10, 25), 0.0), _tiled(shape, (10, 10, 25), 0.3)


def dense_2500_sparse_ids(shape: Shape) -> tuple[Labels, Labels]:
    """The same under 64-bit ids with gaps, as connectomics has them."""
    steps = np.random.default_rng(SEED).integers(1, 1 << 50, 2501)
    ids = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    reference, prediction = dense_2500(shape)
    return ids[reference], ids[prediction]


def lesions(shape: Shape) -> tuple[Mask, Mask]:
    """3000 ellipsoids of one to five voxels of radius anywhere, some of which meet."""
    rng = np.random.default_rng(SEED)
    mask = np.zeros(shape, np.uint8)
    for _ in range(3000):
        _paint(mask, 1, rng.uniform(0, 1, len(shape)) * shape, rng.uniform(1, 5, len(shape)))
    return _moved(mask)


def vessels(shape: Shape) -> tuple[Mask, Mask]:
    """60 tubes that wind through the volume, and meet here and there."""
    rng = np.random.default_rng(SEED)
    mask, ndim = np.zeros(shape, np.uint8), len(shape)
    for _ in range(60):
        place, direction = rng.uniform(0, 1, ndim) * shape, rng.standard_normal(ndim)
        radii = np.full(ndim, rng.uniform(1.2, 4))
        for _ in range(max(shape)):
            direction += 0.15 * rng.standard_normal(ndim)
            direction /= np.linalg.norm(direction)
            place = place + 1.2 * direction
            if (place < 0).any() or (place >= shape).any():
                break
            _paint(mask, 1, place, radii)
    return _moved(mask)


def sponge(shape: Shape) -> tuple[Mask, Mask]:
    """Noise that is smooth over some voxels, cut in the middle: half of the volume, full of holes."""
    field = np.random.default_rng(SEED).standard_normal(shape, np.float32)
    for axis in range(len(shape)):
        for reach in (1, 2, 3, 4):
            field += np.roll(field, reach, axis)
    return _moved((field > 0).view(np.uint8))


def _moved(mask: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """A mask, and the same one voxel on."""
    return mask.view(bool), np.roll(mask.view(bool), 1, 0)


# ------------------------------------------------------------------------------------------ parts


def _ellipsoids(shape: Shape, cells: Shape, dtype: DTypeLike) -> tuple[Labels, Labels]:
    """An ellipsoid in each cell of a grid, labelled from 1, and the prediction of it."""
    reference, prediction = np.zeros(shape, dtype), np.zeros(shape, dtype)
    rng = np.random.default_rng(SEED)
    size = np.array(shape) / cells
    for label, cell in enumerate(itertools.product(*map(range, cells)), start=1):
        centre = (np.array(cell) + 0.5) * size + rng.uniform(-0.04, 0.04, len(shape)) * size
        radii = rng.uniform(0.3, 0.45, len(shape)) * size
        _paint(reference, label, centre, radii)
        _paint(prediction, label, centre + label % 2, radii * (1 - 0.02 * (label % 3)))
    return reference, prediction


def blob(
    shape: Shape, radius: float = 0.35, centre: float = 0.5, phase: float = 0.0, least: int = 0
) -> Mask:
    """A ball with dents: radius and centre as shares of the sides, the radius of `least` voxels or more."""
    axes = []
    for size in shape:
        reach = max(radius * size, least)
        axes.append(((np.arange(size) + 0.5 - centre * size) / reach).astype(np.float32))
    squares = [axis**2 for axis in axes]
    waves = [np.sin(np.float32(4) * axis + np.float32(phase)) for axis in axes]
    rest_of_squares = _outer_sum(squares[1:])
    rest_of_waves = _outer_product(waves[1:]) * np.float32(0.25)
    mask = np.empty(shape, bool)
    for i, (square, wave) in enumerate(zip(squares[0], waves[0], strict=True)):
        np.less(rest_of_squares + wave * rest_of_waves, 1 - square, out=mask[i])
    return mask


def _outer_sum(axes: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = sum(np.ix_(*axes), np.zeros((), np.float32))
    return total


def _outer_product(axes: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    product = np.ones((), np.float32)
    for axis in np.ix_(*axes):
        product = product * axis
    return product


def _coin(rng: np.random.Generator, shape: Shape) -> Mask:
    n = int(np.prod(shape))
    bits = np.frombuffer(rng.bytes((n + 7) // 8), np.uint8)
    return np.unpackbits(bits, count=n).reshape(shape).view(bool)


def _points(rng: np.random.Generator, shape: Shape) -> Mask:
    n = int(np.prod(shape))
    mask = np.zeros(shape, bool)
    mask.ravel()[rng.choice(n, max(1, n // 10_000), replace=False)] = True
    return mask


def _paint(
    labels: Labels, label: int, centre: NDArray[np.float64], radii: NDArray[np.float64]
) -> None:
    low = np.maximum(np.floor(centre - radii), 0).astype(int)
    high = np.minimum(np.ceil(centre + radii) + 1, labels.shape).astype(int)
    axes = [
        ((np.arange(a, b) - c) / r) ** 2
        for a, b, c, r in zip(low, high, centre, radii, strict=True)
    ]
    inside = sum(np.ix_(*axes), 0.0) < 1
    labels[tuple(map(slice, low, high))][inside] = label


def _tiled(shape: Shape, cells: Shape, phase: float) -> Labels:
    """A grid of cells with wavy walls, labelled from 1, and a rim of background one voxel wide."""
    labels = np.zeros(shape, np.uint16)
    for z, tile in _slices(shape, cells, phase):
        labels[z, 1:-1, 1:-1] = tile[1:-1, 1:-1]
    return labels


def _slices(
    shape: Shape, cells: Shape, phase: float
) -> Iterator[tuple[int, NDArray[np.signedinteger]]]:
    """Each slice but the first and the last: which cell every voxel lies in."""
    z, y, x = (
        (np.arange(size, dtype=np.float32) * np.float32(count / size))
        for size, count in zip(shape, cells, strict=True)
    )
    y, x = y[:, None], x[None, :]
    waves_y, waves_x = np.sin(2 * y + np.float32(phase)), np.sin(2 * x + np.float32(phase))
    bend = np.float32(0.15) * waves_y * waves_x
    for i in range(1, shape[0] - 1):
        wave_z = np.float32(0.15) * np.sin(2 * z[i] + np.float32(phase))
        cell_z = np.clip((z[i] + bend).astype(np.int16), 0, cells[0] - 1)
        cell_y = np.clip((y + wave_z * waves_x).astype(np.int16), 0, cells[1] - 1)
        cell_x = np.clip((x + wave_z * waves_y).astype(np.int16), 0, cells[2] - 1)
        yield i, (cell_z * np.int16(cells[1]) + cell_y) * np.int16(cells[2]) + cell_x + np.int16(1)
