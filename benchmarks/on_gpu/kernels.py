"""Every kernel by itself, on the volumes that docs/gpu.md counts bytes and instructions for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks import volumes
from benchmarks.comparison.agreement import DisagreementError
from benchmarks.on_gpu.device import Device, open_device
from benchmarks.on_gpu.parts import Row, Scope
from benchmarks.on_gpu.timing import Kernel, time_kernel
from benchmarks.on_gpu.warm import cores
from fastseg.backends import numba as cpu
from fastseg.backends.shared.offsets import ball
from fastseg.backends.shared.plan import SINGLE, plan_for

Array = NDArray[Any]

SLOTS = 1 << 12
BAND = 3.0  # voxels
UNIT = (1.0, 1.0, 1.0)
ROUNDS = (2.5, 0.7, 1 / 3)  # a spacing at which sums round, so that float64 is needed


def rows(
    scope: Scope, begin: Callable[[str], None], size: str, device: Device | None = None
) -> Iterator[Row]:
    """Each kernel on a volume of the small or the large side."""
    side = getattr(scope, size)
    begin("making volumes")
    fastseg.set_num_threads(cores())
    device = device or open_device()
    if device.bandwidth:
        rate = f"{device.bandwidth / 1e12:.2f} TB/s"
        yield {
            "kind": "bandwidth",
            "name": f"copy, {side}³",
            "said": rate,
            "rate": device.bandwidth,
        }
    subject = Subject(device, (side,) * 3)
    for make in ALL:
        begin(make.__name__)
        yield time_kernel(make(subject), scope, device)


class Subject:
    """A pair of masks on the device, and all that kernels take of it."""

    def __init__(self, device: Device, shape: tuple[int, int, int]) -> None:
        from fastseg.backends.cupy import nearest, transform
        from fastseg_kernels.gpu import confusion, edt, masks, surface
        from fastseg_kernels.gpu import nearest as nearest_kernels

        self.cupy, self.shape, self.n = device.cupy, shape, math.prod(shape)
        self.size = "×".join(map(str, shape)) if len(set(shape)) > 1 else f"{shape[0]}³"
        self.edt, self.masks, self.surface = edt, masks, surface
        self.confusion, self.nearest, self.nearest_kernels = confusion, nearest, nearest_kernels
        self.transform = transform
        self.host = volumes.near(shape)
        self.labels = [self.cupy.asarray(mask.view(np.uint8)) for mask in self.host]
        self.words = [self.pack(labels) for labels in self.labels]
        self.surfaces = [surface.face_surface(words, 3) for words in self.words]

    def pack(self, labels: Any, value: int = 1) -> Any:
        return self.masks.select(labels, (value,), (0, 0, 0), self.shape)

    @cached_property
    def queries(self) -> Any:
        """The surface voxels of the reference, listed."""
        return self.nearest.bit_positions(self.surfaces[0])

    @cached_property
    def starts(self) -> Any:
        counts = self.masks.count_bits(self.surfaces[0])
        return self.cupy.cumsum(counts) - counts

    @cached_property
    def background(self) -> Any:
        return self.pack(self.labels[0], 0)

    @cached_property
    def host_surfaces(self) -> list[Array]:
        return [fastseg.surface(mask) for mask in self.host]

    def bits(self, words: Any, nx: int | None = None) -> Array:
        """Words as a mask, on the CPU."""
        found = np.unpackbits(self.cupy.asnumpy(words).view(np.uint8), axis=-1, bitorder="little")
        nx = nx or self.shape[2]
        if found[..., nx:].any():
            raise DisagreementError("bits beyond the end of a row are set")
        mask: Array = found[..., :nx].astype(bool)
        return mask

    def table(self, axis: int) -> Array:
        found: Array = self.transform.table(self.shape[axis], 1.0, np.dtype(np.float32))
        return found


def same(found: Any, expected: Any) -> None:
    """Raise unless two arrays of the CPU are equal."""
    found, expected = np.asarray(found), np.asarray(expected)
    if not np.array_equal(found, expected):
        if found.shape != expected.shape:
            raise DisagreementError(f"shapes {found.shape} and {expected.shape}")
        wrong = np.count_nonzero(found != expected)
        raise DisagreementError(f"{wrong} of {found.size} values differ from the numba backend's")


# ------------------------------------------------------------------------------------- the kernels


def joint_histogram(s: Subject) -> Kernel:
    return _histogram(s, "joint histogram with boxes, masks", s.host, s.labels)


def joint_histogram_organs(s: Subject) -> Kernel:
    host = volumes.organs_21(s.shape)
    labels = [s.cupy.asarray(volume) for volume in host]
    return _histogram(s, "joint histogram with boxes, 21 organs", host, labels)


def _histogram(s: Subject, name: str, host: Any, labels: Any) -> Kernel:
    def check(found: Any) -> None:
        keys, counts, boxes, problem = map(s.cupy.asnumpy, found)
        expected = cpu.joint_histogram(*(volume.view(np.uint8) for volume in host))
        used = np.flatnonzero(counts)
        used = used[np.argsort(keys[used])]
        order = np.lexsort((expected.prediction_labels, expected.reference_labels))
        same(problem, [0])
        same(keys[used] >> 32, expected.reference_labels[order])
        same(keys[used] & 0xFFFFFFFF, expected.prediction_labels[order])
        same(counts[used], expected.counts[order])
        same(boxes[used], np.hstack([expected.starts, expected.stops])[order])

    call = lambda: s.confusion.joint_histogram(*labels, SLOTS)  # noqa: E731
    return Kernel(name, s.size, call, check, 2 * s.n, 7 * s.n)


def packing(s: Subject) -> Kernel:
    check = lambda found: same(s.bits(found), s.host[0])  # noqa: E731
    return Kernel("packing", s.size, lambda: s.pack(s.labels[0]), check, 9 / 8 * s.n, 8 * s.n)


def unpacking(s: Subject) -> Kernel:
    check = lambda found: same(s.cupy.asnumpy(found), s.host[0])  # noqa: E731
    call = lambda: s.masks.unpack(s.words[0], s.shape[2])  # noqa: E731
    return Kernel("unpacking", s.size, call, check, 9 / 8 * s.n)


def face_surface(s: Subject) -> Kernel:
    check = lambda found: same(s.bits(found), s.host_surfaces[0])  # noqa: E731
    call = lambda: s.surface.face_surface(s.words[0], 3)  # noqa: E731
    return Kernel("surface, faces", s.size, call, check, s.n / 4, 4 * s.n / 32)


def erosion_surface(s: Subject) -> Kernel:
    def check(found: Any) -> None:
        same(s.bits(found), fastseg.surface(s.host[0], connectivity=3, edge="ignore"))

    last = s.surface.ALL_BITS >> -s.shape[2] % 32
    call = lambda: s.surface.erosion_surface(s.words[0], 3, 3, last, True)  # noqa: E731
    return Kernel("surface, 26 neighbours", s.size, call, check, s.n / 4)


def corner_surface(s: Subject) -> Kernel:
    corners = tuple(size + 1 for size in s.shape)
    lattice = (*corners[:2], s.masks.n_words(corners[2]))

    def check(found: Any) -> None:
        padded = np.pad(s.host[0], 1)
        around = np.zeros(corners, np.uint8)
        for corner in np.ndindex(2, 2, 2):
            box = tuple(slice(c, c + n) for c, n in zip(corner, corners, strict=True))
            around += padded[box]
        same(s.bits(found, corners[2]), (around > 0) & (around < 8))

    call = lambda: s.surface.corner_surface(s.words[0], 3, lattice)  # noqa: E731
    return Kernel("surface, corners", s.size, call, check, s.n / 4)


def counting(s: Subject) -> Kernel:
    def check(found: Any) -> None:
        same(int(s.cupy.asnumpy(found).sum()), np.count_nonzero(s.host_surfaces[0]))

    call = lambda: s.masks.count_bits(s.surfaces[0])  # noqa: E731
    return Kernel("counting set bits", s.size, call, check, s.n / 8)


def listing(s: Subject) -> Kernel:
    n = int(s.queries.size)

    def check(found: Any) -> None:
        z, y, x = np.nonzero(s.host_surfaces[0])
        words = (z * s.shape[1] + y) * s.masks.n_words(s.shape[2]) + x // 32
        same(s.cupy.asnumpy(found), 32 * words + x % 32)

    call = lambda: s.masks.bit_positions(s.surfaces[0], s.starts, n)  # noqa: E731
    return Kernel("listing set bits", f"{s.size}, {n} bits", call, check, s.n / 8 + 8 * n)


def count_overlap(s: Subject) -> Kernel:
    def check(found: Any) -> None:
        a, b = s.host
        expected = [np.count_nonzero(mask) for mask in (a, b, a & b)]
        same(s.cupy.asnumpy(found), expected)

    call = lambda: s.masks.count_overlap(*s.words)  # noqa: E731
    return Kernel("counting an overlap", s.size, call, check, s.n / 4)


def band(s: Subject) -> Kernel:
    offsets = ball(UNIT, s.shape, False, BAND, 1000)

    def check(found: Any) -> None:
        distances = fastseg.distance_transform_edt(~s.host_surfaces[0], dtype=np.float32)
        same(s.bits(found), s.host[0] & (distances < BAND))

    call = lambda: s.surface.band(s.words[0], s.surfaces[0], offsets)  # noqa: E731
    return Kernel(f"band of {BAND:g} voxels", s.size, call, check, 3 / 8 * s.n)


def near_queries(s: Subject) -> Kernel:
    """The search alone, without the transform for what it leaves open."""
    n = int(s.queries.size)
    tables = [s.transform.squares(size, 1.0) for size in s.shape]
    kept = s.nearest._rows((1.0, 1.0), (True, True))
    arguments = (s.surfaces[1], s.queries, kept.offsets, kept.squares, False, tables, False)

    def check(found: Any) -> None:
        squared, unsettled, n_open = map(s.cupy.asnumpy, found)
        settled = np.ones(n, bool)
        settled[unsettled[: int(n_open[0])].astype(np.int64)] = False
        expected = fastseg.surface_distances(*s.host).reference_to_prediction
        same(np.sqrt(squared[settled]), expected[settled])

    call = lambda: s.nearest_kernels.nearest(*arguments)  # noqa: E731
    what = f"{s.size}, {n} queries"
    return Kernel("nearest, near queries", what, call, check, s.n / 8 + 24 * n, 16 * 32 * n)


def far_queries(s: Subject) -> Kernel:
    """The passes over all axes but the last, which queries that are far have made."""
    plan = plan_for(s.shape, UNIT, (0, 1, 2), SINGLE)
    *axes, last = plan.axes
    assert last == 0, "planes are taken along the first axis"

    def check(found: Any) -> None:
        middle = s.shape[0] // 2
        expected = fastseg.distance_transform_edt(s.host[0][middle], dtype=np.float32)
        same(np.sqrt(s.cupy.asnumpy(found[middle])), expected)

    def call() -> Any:
        return s.transform.squared_distances(s.background, s.shape, UNIT, plan, tuple(axes))

    moved, operations = 12.125 * s.n, 125 * s.n
    return Kernel("far queries, all passes but the last", s.size, call, check, moved, operations)


def first_axis(s: Subject) -> Kernel:
    def check(found: Any) -> None:
        middle = s.shape[1] // 2
        rows = s.host[0][:, middle]
        # rows so far apart that each has its nearest background in itself
        expected = fastseg.distance_transform_edt(rows, (1e6, 1.0), dtype=np.float64)
        same(np.sqrt(s.cupy.asnumpy(found[:, middle]).astype(np.float64)), expected)

    call = lambda: s.edt.first_axis(s.background, s.shape, 2, s.table(2))  # noqa: E731
    moved, operations = 4.125 * s.n, 40 * s.n
    return Kernel("transform, first axis, float32", s.size, call, check, moved, operations)


def parabola_pass(s: Subject) -> Kernel:
    return _pass(s, 1)


def parabola_pass_across(s: Subject) -> Kernel:
    return _pass(s, 0)


def _pass(s: Subject, axis: int) -> Kernel:
    """A pass by itself, after the one along x."""
    along_x = s.edt.first_axis(s.background, s.shape, 2, s.table(2))
    volume = along_x.copy()

    def check(found: Any) -> None:
        at = s.shape[1 - axis] // 2
        plane = s.host[0].take(at, 1 - axis)
        expected = fastseg.distance_transform_edt(plane, dtype=np.float32)
        part = s.cupy.asnumpy(found[at] if axis == 1 else found[:, at])
        same(np.sqrt(part), expected)

    def restore() -> None:
        volume[...] = along_x

    call = lambda: s.edt.parabolas(volume, axis, s.table(axis), monotone=True)  # noqa: E731
    name = f"transform, parabola pass along axis {axis}, float32"
    return Kernel(name, s.size, call, check, 8 * s.n, 85 * s.n, restore)


def transform_float32(s: Subject) -> Kernel:
    return _transform(s, UNIT, np.float32, 20.125, 212)


def transform_float64(s: Subject) -> Kernel:
    return _transform(s, ROUNDS, np.float64, 40.375, 212)


def transform_indices(s: Subject) -> Kernel:
    return _transform(s, UNIT, np.float32, 20.125 + 36, 272, indices=True)


def _transform(
    s: Subject, spacing: Any, dtype: Any, moved: float, operations: float, indices: bool = False
) -> Kernel:
    """All passes, without the packing."""

    def check(found: Any) -> None:
        expected, where = fastseg.distance_transform_edt(s.host[0], spacing, return_indices=True)
        same(s.cupy.asnumpy(found[0]), expected.astype(dtype))
        if indices:
            same(s.cupy.asnumpy(found[1]), where)

    def call() -> Any:
        order, type_ = (0, 1, 2), np.dtype(dtype)
        return s.transform.transform(s.background, s.shape, spacing, order, type_, indices)

    rounds = ", sums round" if spacing == ROUNDS else ""
    name = f"transform, all passes, {np.dtype(dtype)}{rounds}{', with indices' * indices}"
    return Kernel(name, s.size, call, check, moved * s.n, operations * s.n)


ALL: tuple[Callable[[Subject], Kernel], ...] = (
    *(joint_histogram, joint_histogram_organs, packing, unpacking),
    *(face_surface, erosion_surface, corner_surface, counting, listing, count_overlap, band),
    *(near_queries, far_queries, first_axis, parabola_pass, parabola_pass_across),
    *(transform_float32, transform_float64, transform_indices),
)
