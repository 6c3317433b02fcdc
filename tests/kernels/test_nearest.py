"""Nearest targets: shells, the two-level search, the switch to a transform; each against all pairs."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import pytest
from numba.core import config
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import nearest as _nearest
from fastseg.backends.shared import offsets as offset_tables
from fastseg.backends.shared.geometry import Geometry
from fastseg.measures.distributions import Distribution
from fastseg.measures.regions import Region
from fastseg_kernels.cpu import nearest
from tests.kernels import packed
from tests.oracle import hard_cases, naive
from tests.oracle.compare import assert_distances

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

SPACINGS = [
    (1.0, 1.0, 1.0),
    (0.7, 0.7, 0.7),
    (3.0, 1.0, 0.7),
    (0.488, 0.488, 1.25),
    (1e-3, 1.0, 1e3),
    (1e3, 1.0, 1e-3),
]


def least_squares(queries: Any, targets: Any, spacing: Any, reverse: bool = False) -> Floats:
    """Squared distance of each query to the nearest target, summed in the order of the image's axes."""
    steps = np.abs(np.asarray(queries)[:, None] - np.asarray(targets)[None])
    z, y, x = ((steps[..., axis] * spacing[axis]) ** 2 for axis in range(3))
    sums = (x + y) + z if reverse else (z + y) + x
    return np.asarray(sums.min(axis=1, initial=np.inf))


def coarse_rows_of(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    nz, ny, nw = words.shape
    coarse = np.full((-(-nz // 8), -(-ny // 8), nw), 77, np.uint64)
    nearest.coarse_rows(words, 0, len(coarse), coarse)
    return coarse


# ---------------------------------------------------------------------------- shells


def nearest_offsets(
    spacing: tuple[float, ...], ndim: int, reverse: bool
) -> tuple[NDArray[np.int64], Floats]:
    nearby = _nearest.nearest_offsets(spacing, ndim, reverse)
    return nearby.offsets, nearby.squares


def shells(
    queries: Mask,
    targets: Mask,
    offsets: NDArray[np.int64],
    squares: Floats,
    slices: tuple[int, int] | None = None,
    core: int = 10**6,
) -> Floats:
    first, stop = slices or (0, len(queries))
    out = np.full(int(queries[first:stop].sum()) + 1, -1.0)
    margin_z, margin_y = (int(reach) for reach in np.abs(offsets[:, :2]).max(axis=0))
    free_bits = -queries.shape[2] % 64  # no more zeros behind a row than the offsets ask for
    more_words = int(free_bits < np.abs(offsets[:, 2]).max())
    margins = ((margin_z, margin_z), (margin_y + 1, margin_y + 1), (0, more_words))
    words = np.pad(packed.pack(queries), margins)
    padded = np.pad(packed.pack(targets), margins)
    nearby = _nearest.NearestOffsets(offsets, squares)
    slab = (first + margin_z, stop + margin_z)
    counts, missed = np.full((len(squares), 1), 5), np.full((len(out), 3), -1)
    steps = nearby.word_offsets(padded)
    sets = words, padded, coarse_rows_of(padded), np.array(nearby.reach), margin_y + 1
    arguments = *sets, steps, nearby.shifts, squares, core, *slab
    no_codes = np.empty(0, np.uint8)
    n = nearest.shells(*arguments, no_codes, counts, missed, out)
    assert out[-1] == -1
    assert missed[n].tolist() == [-1, -1, -1]
    assert (counts == 5).all()
    if len(out) < 10_000:  # the same without single distances; as plain Python not for many
        again = missed * 0 - 1
        assert nearest.shells(*arguments, no_codes, counts, again, np.empty(0)) == n
        check_counts(counts - 5, nearby, out[:-1])
        assert_array_equal(again, missed)
        check_codes(arguments, nearby, missed[:n], out[:-1])
    places = np.argwhere(queries[first:stop])[np.isinf(out[:-1])]
    assert_array_equal(missed[:n] - (margin_z + first, margin_y + 1, 0), places)
    return out[:-1]


def check_counts(counts: NDArray[np.int64], nearby: _nearest.NearestOffsets, found: Floats) -> None:
    """As many at each distance as single distances say."""
    distribution = nearby.distribution(counts)
    expected = np.unique(np.sqrt(found[np.isfinite(found)]), return_counts=True)
    assert_array_equal(distribution.distances, expected[0])
    assert_array_equal(distribution.counts, expected[1])
    assert distribution.areas is None


def check_codes(
    arguments: Any, nearby: _nearest.NearestOffsets, missed: NDArray[np.int64], found: Floats
) -> None:
    """Each code is counted apart, and a missed query brings its own."""
    areas = np.array([0.25, 0.5, 0.75, 3.0])
    codes = np.random.default_rng(len(found)).integers(0, 4, len(found), np.uint8)
    if not len(codes):
        return
    counts, again = np.zeros((len(nearby.squares), 4), np.int64), np.full((len(found) + 1, 4), -1)
    assert nearest.shells(*arguments, codes, counts, again, np.empty(0)) == len(missed)
    assert_array_equal(again[: len(missed), :3], missed)
    assert_array_equal(again[: len(missed), 3], codes[np.isinf(found)])
    near = np.isfinite(found)
    expected = Distribution.of(np.sqrt(found[near]), areas[codes[near]])
    distribution = nearby.distribution(counts, areas)
    assert distribution.areas is not None
    assert_array_equal(distribution.areas, expected.areas)
    assert_array_equal(distribution.distances, expected.distances)
    assert_array_equal(distribution.counts, expected.counts)


def row_offsets(reach: int) -> tuple[NDArray[np.int64], Floats]:
    offsets = [(0, 0, 0)] + [(0, 0, side * n) for n in range(1, reach + 1) for side in (1, -1)]
    return np.array(offsets, np.int64), np.array([float(x) ** 2 for _, _, x in offsets])


@pytest.mark.parametrize("x", [0, 1, 62, 63, 64, 65, 126, 127, 128, 191, 192, 199])
def test_shells_across_word_borders(x: int) -> None:
    """Queries all along a row and one target, up to the longest shift there is, either way."""
    queries, target = np.ones((1, 1, 200), bool), np.zeros((1, 1, 200), bool)
    target[..., x] = True
    steps = np.abs(np.arange(200.0) - x)
    found = shells(queries, target, *row_offsets(63))
    assert_array_equal(found, np.where(steps <= 63, steps**2, np.inf))


@pytest.mark.parametrize("density", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("reverse", [False, True])
def test_shells_on_noise(density: float, spacing: tuple[float, ...], reverse: bool) -> None:
    """Found to the bit as far as the offsets go; left over beyond."""
    rng = np.random.default_rng(30)
    queries = rng.random((5, 6, 130)) < 0.3
    targets = rng.random(queries.shape) < density
    offsets, squares = nearest_offsets(spacing, 3, reverse)
    expected = least_squares(np.argwhere(queries), np.argwhere(targets), spacing, reverse)
    near = expected <= squares[-1]
    assert near.any()
    found = shells(queries, targets, offsets, squares)
    assert_array_equal(found, np.where(near, expected, np.inf))


def test_shells_of_a_slab() -> None:
    """The targets of other slices are seen, and results start at the slab's own first query."""
    rng = np.random.default_rng(31)
    queries, targets = rng.random((2, 6, 4, 70)) < 0.2
    offsets, squares = nearest_offsets((1.0, 1.0, 1.0), 3, False)
    whole = shells(queries, targets, offsets, squares)
    part = shells(queries, targets, offsets, squares, (2, 5))
    before, inside = queries[:2].sum(), queries[2:5].sum()
    assert_array_equal(part, whole[before : before + inside])


@pytest.mark.parametrize("core", [0, 1, 33])
@pytest.mark.parametrize("density", [0.0, 0.0002, 0.02, 0.5])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_no_offset_is_left_out_that_leads_to_a_target(
    spacing: tuple[float, ...], core: int, density: float
) -> None:
    """Wherever the coarse rows are asked: what no offset is tried for has no target at any."""
    rng = np.random.default_rng(38)
    queries = rng.random((12, 14, 200)) < 0.3
    targets = rng.random(queries.shape) < density
    offsets, squares = nearest_offsets(spacing, 3, False)
    whole = shells(queries, targets, offsets, squares)
    assert_array_equal(shells(queries, targets, offsets, squares, core=core), whole)


@pytest.mark.parametrize("reach", [0, 1, 4, 31, 62, 63])
def test_coarse_rows_are_asked_as_far_as_offsets_lead(reach: int) -> None:
    """One target, queries all along its row: those within reach find it, however far into the next words that is."""
    offsets, squares = row_offsets(reach)
    for x in (0, 1, 63, 64, 127, 128, 190, 192, 194):
        queries, target = np.ones((1, 1, 200), bool), np.zeros((1, 1, 200), bool)
        target[..., x] = True
        steps = np.abs(np.arange(200.0) - x)
        found = shells(queries, target, offsets, squares, core=0)
        assert_array_equal(found, np.where(steps <= reach, steps**2, np.inf))


@pytest.mark.parametrize(
    ("spacing", "ndim"),
    [((1.0,) * (3 - ndim) + s, ndim) for ndim in (1, 2, 3) for s in hard_cases.SPACINGS[ndim]]
    + [((1e-99, 1.0, 1.0), 3), ((1.0, 1e99, 1e-99), 3), ((9.0, 8.9, 1.0), 3)],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_list_of_shells_is_complete_up_to_its_end(
    spacing: tuple[float, ...], ndim: int, reverse: bool
) -> None:
    """A target not in the list must not be nearer than one that is: that would be a wrong answer."""
    offsets, squares = nearest_offsets(spacing, ndim, reverse)
    assert (offsets[0] == 0).all()
    assert (np.diff(squares) >= 0).all()
    assert np.abs(offsets).max() < 64
    listed = set(map(tuple, offsets.tolist()))
    assert len(listed) == len(offsets) > 1
    assert not offsets[:, : 3 - ndim].any()
    last = float(squares[-1])
    reach = [
        min(int(last**0.5 / spacing[axis]) + 2, 100) if axis >= 3 - ndim else 0 for axis in range(3)
    ]
    box = offset_tables.box_offsets(reach)
    sums = offset_tables.squared_norms(box, spacing, reverse)
    inside = {tuple(offset) for offset in box[sums <= last].tolist()}
    assert inside == listed
    assert_array_equal(squares, offset_tables.squared_norms(offsets, spacing, reverse))


# ---------------------------------------------------------------------------- the search


def far(
    queries: Any,
    targets: Mask,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    reverse: bool = False,
    budget: int = 10**15,
) -> Floats:
    """Search from a budget's end to the next one's until all queries are answered."""
    queries = np.array(queries, np.int64, order="C").reshape(-1, 3)
    words = packed.pack(targets)
    coarse = coarse_rows_of(words)
    tables = [
        offset_tables.squares(size, step) for size, step in zip(targets.shape, spacing, strict=True)
    ]
    out = np.full(len(queries) + 1, -1.0)
    done = 0
    while done < len(queries):
        before = done
        done = nearest.far(
            queries, words, coarse, *tables, int(reverse), done, len(queries), budget, out
        )
        assert done > before
    assert out[-1] == -1.0
    return out[:-1]


def targets_at(shape: tuple[int, ...], places: Any) -> Mask:
    mask = np.zeros(shape, bool)
    mask[tuple(np.array(places).T)] = True
    return mask


def test_coarse_rows() -> None:
    mask = np.random.default_rng(32).random((17, 9, 70)) < 0.01
    coarse = np.full((3, 2, 2), 77, np.uint64)
    for slab in ((1, 3), (0, 1)):
        nearest.coarse_rows(packed.pack(mask), *slab, coarse)
    for z, y in itertools.product(range(3), range(2)):
        block = mask[8 * z : 8 * z + 8, 8 * y : 8 * y + 8].any(axis=(0, 1))
        assert_array_equal(packed.unpack(coarse[z : z + 1, y : y + 1], 70).ravel(), block)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 3, 60])
def test_far_on_sparse_targets(spacing: tuple[float, ...], reverse: bool, n: int) -> None:
    rng = np.random.default_rng(33)
    shape = (20, 27, 150)
    for _ in range(3):
        places = np.stack([rng.integers(0, size, n) for size in shape], axis=1)
        queries = np.stack([rng.integers(0, size, 50) for size in shape], axis=1)
        found = far(queries, targets_at(shape, places), spacing, reverse)
        assert_array_equal(found, least_squares(queries, places, spacing, reverse))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("size", [1, 9, 30])
def test_far_around_a_cluster(spacing: tuple[float, ...], size: int) -> None:
    """Queries beside, before, behind and within the few blocks of rows that hold all targets."""
    rng = np.random.default_rng(41)
    shape = (90, 100, 70)
    corner = np.array([33, 40, 20])
    places = corner + rng.integers(0, size, (1 + size, 3))
    sides = ((0, 7, 31, 34, 47, 66, 89), (0, 15, 39, 42, 70, 99), (0, 25, 69))
    queries = np.array(list(itertools.product(*sides)))
    for order in (np.arange(len(queries)), rng.permutation(len(queries))):
        found = far(queries[order], targets_at(shape, places), spacing)
        assert_array_equal(found, least_squares(queries[order], places, spacing))


@pytest.mark.parametrize("budget", [0, 1, 5, 40])
def test_far_stops_at_its_budget_and_resumes(budget: int) -> None:
    rng = np.random.default_rng(34)
    targets = rng.random((20, 20, 70)) < 0.0005
    queries = np.argwhere(rng.random(targets.shape) < 0.003)
    whole = far(queries, targets)
    assert_array_equal(whole, least_squares(queries, np.argwhere(targets), (1.0, 1.0, 1.0)))
    assert_array_equal(far(queries, targets, budget=budget), whole)


def test_budget_bounds_the_work() -> None:
    """One target in a corner, and queries that must look at many blocks each."""
    words = packed.pack(targets_at((64, 64, 64), [(0, 0, 0)]))
    coarse = coarse_rows_of(words)
    tables = [offset_tables.squares(64, 1.0)] * 3
    queries = np.array([(63, 63, 63)] * 100, np.int64)
    out = np.empty(100)
    stopped = [
        nearest.far(queries, words, coarse, *tables, 0, 0, 100, budget, out)
        for budget in (0, 500, 2000, 10**9)
    ]
    assert 1 == stopped[0] < stopped[1] < stopped[2] < stopped[3] == 100


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 0.7), (1.1, 1.1, 1.1), (0.1, 0.2, 0.3)])
@pytest.mark.parametrize("reverse", [False, True])
def test_targets_that_tie_but_for_rounding(spacing: tuple[float, ...], reverse: bool) -> None:
    """All the ways to go a, b and c steps are equally far; the least rounded sum must be found, be
    it in this block of rows or another."""
    rng = np.random.default_rng(35)
    differ, rounds = 0, 30 if config.DISABLE_JIT else 150
    for _ in range(rounds):
        steps = rng.integers(1, 12, 3)
        # (0.1, 0.2, 0.3): 6 steps along x are as far as 3 along y or 2 along z
        ways = set(itertools.permutations(np.round(steps * 0.7 / np.array(spacing)).astype(int)))
        signs = itertools.product((-1, 1), repeat=3)
        around = np.array(
            [[a * b for a, b in zip(*pair, strict=True)] for pair in itertools.product(ways, signs)]
        )
        query = np.array([rng.integers(40, 50), rng.integers(40, 50), rng.integers(90, 100)])
        places = query + around[rng.permutation(len(around))[: rng.integers(1, 12)]]
        places = places[((places >= 0) & (places < (90, 90, 190))).all(axis=1)]
        if not len(places):
            continue
        expected = least_squares([query], places, spacing, reverse)
        differ += (
            len({least_squares([query], [place], spacing, reverse)[0] for place in places}) > 1
        )
        assert_array_equal(
            far([query], targets_at((90, 90, 190), places), spacing, reverse), expected
        )
    assert differ > rounds // 15  # there were near ties to get wrong


@pytest.mark.parametrize("axis", [0, 1])
def test_ties_in_neighbouring_blocks(axis: int) -> None:
    """A query at every row of a block, with targets a few rows to either side."""
    for at in range(8, 16):
        for below, above in itertools.product(range(1, 9), repeat=2):
            places = np.full((2, 3), 4)
            places[0, axis], places[1, axis] = at - below, at + above
            shape = tuple(32 if i == axis else 9 for i in range(3))
            query = [4, 4, 4]
            query[axis] = at
            found = far([query], targets_at(shape, places))
            assert found.tolist() == [min(below, above) ** 2]


@pytest.mark.parametrize("x", [0, 1, 63, 64, 65, 128, 299])
def test_far_along_a_row(x: int) -> None:
    """Over several words to the left and to the right, to the ends of the row."""
    target = targets_at((1, 1, 300), [(0, 0, x)])
    queries = [(0, 0, i) for i in range(300)]
    assert_array_equal(far(queries, target), (np.arange(300.0) - x) ** 2)
    shuffled = np.random.default_rng(36).permutation(queries)
    assert_array_equal(far(shuffled, target), (shuffled[:, 2] - x) ** 2.0)
    both = target | targets_at((1, 1, 300), [(0, 0, 150)])
    ends = np.minimum(abs(np.arange(300.0) - x), abs(np.arange(300.0) - 150)) ** 2
    assert_array_equal(far(queries, both), ends)


@pytest.mark.parametrize("scale", [1e-99, 1e-60, 1e60, 1e99])
def test_far_at_any_scale(scale: float) -> None:
    """The bound from the query before must not vanish beside numbers of any size."""
    rng = np.random.default_rng(37)
    places = np.stack([rng.integers(0, 40, 4) for _ in range(3)], axis=1)
    queries = np.stack([rng.integers(0, 40, 40) for _ in range(3)], axis=1)
    spacing = (scale, 0.7 * scale, 1.3 * scale)
    found = far(queries, targets_at((40, 40, 40), places), spacing)
    assert_array_equal(found, least_squares(queries, places, spacing))


# ---------------------------------------------------------------------------- the driver


def directed(queries: Mask, targets: Mask, spacing: tuple[float, ...], reverse: bool) -> Floats:
    ndim = queries.ndim
    steps = (1.0,) * (3 - ndim) + (spacing[::-1] if reverse else spacing)
    masks = [mask.T if reverse else mask for mask in (queries, targets)]
    shape = packed.volume(masks[0]).shape
    geometry = Geometry((shape[0], shape[1], shape[2]), ndim, steps, reverse)
    padding = _nearest.Padding.of(geometry)
    sets = [padding.around(geometry) for _ in masks]
    for mask, one in zip(masks, sets, strict=True):
        words, counts = one.words, one.counts
        nz, ny, nw = packed.pack(mask).shape
        counts[padding.z : padding.z + nz] = packed.volume(mask).sum(axis=(1, 2))
        words[padding.z : padding.z + nz] = 0
        part = words[padding.z : padding.z + nz, padding.y : padding.y + ny, :nw]
        part[:] = packed.pack(mask)
        nearest.coarse_rows(words, 0, len(one.coarse), one.coarse)
        assert_array_equal(padding.inside(words, geometry), packed.pack(mask))
    there, back = _nearest.distances(sets[0], sets[1], geometry)
    if config.DISABLE_JIT and queries.size > 2000:  # twice as plain Python would take a minute more
        return there
    both = _nearest.distributions(sets[0], sets[1], geometry)
    for single, counted in zip((there, back), both, strict=True):
        expected = np.unique(single, return_counts=True)
        assert_array_equal(counted.distances, expected[0])
        assert_array_equal(counted.counts, expected[1])
    check_areas(sets, geometry, (there, back))
    return there


def check_areas(sets: Any, geometry: Geometry, singles: tuple[Floats, Floats]) -> None:
    """Elements with codes are counted by distance and area, near ones and far ones."""
    areas, rng = np.array([0.25, 0.5, 3.0]), np.random.default_rng(7)
    codes = [rng.integers(0, 3, len(single), np.uint8) for single in singles]
    both = _nearest.distributions(sets[0], sets[1], geometry, codes, areas)
    for single, of_single, counted in zip(singles, codes, both, strict=True):
        expected = Distribution.of(single, areas[of_single])
        assert counted.areas is not None
        assert_array_equal(counted.areas, expected.areas)
        assert_array_equal(counted.distances, expected.distances)
        assert_array_equal(counted.counts, expected.counts)


LOOKS_PER_VOXEL = [0, 2, 10**9]


@pytest.mark.parametrize("looks_per_voxel", LOOKS_PER_VOXEL)
@pytest.mark.parametrize("only_far", [False, True])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs_by_every_way(
    ndim: int, only_far: bool, looks_per_voxel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By shells and by search, stopped at once, in between or never: always the same, to the bit."""
    monkeypatch.setattr(_nearest, "_LOOKS_PER_VOXEL", looks_per_voxel)
    if only_far:
        itself = _nearest.NearestOffsets(np.zeros((1, 3), np.int64), np.zeros(1))
        monkeypatch.setattr(_nearest, "nearest_offsets", lambda *args: itself)
    for number, (name, queries, targets) in enumerate(hard_cases.hard_pairs(ndim)):
        if config.DISABLE_JIT and (number + only_far) % 3 != LOOKS_PER_VOXEL.index(looks_per_voxel):
            continue  # as plain Python each pair by one budget
        spacing = hard_cases.SPACINGS[ndim][number % len(hard_cases.SPACINGS[ndim])]
        expected = naive.nearest(np.argwhere(queries), np.argwhere(targets), spacing)
        found = directed(queries, targets, spacing, reverse=False)
        assert_array_equal(found, expected, err_msg=f"{name} {spacing}")
        if ndim > 1 and number % 3 == 0:
            found = directed(queries, targets, spacing, reverse=True)
            expected = naive.nearest(np.argwhere(queries.T)[:, ::-1], np.argwhere(targets), spacing)
            assert_array_equal(found, expected, err_msg=f"{name} {spacing} reversed")


@pytest.mark.parametrize("width", [*range(57, 66), 124, 125, 128])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.3)])
def test_rows_do_not_see_each_other(width: int, spacing: tuple[float, ...]) -> None:
    """Queries and targets at the ends of rows alone, and as few zeros between the rows as may be."""
    rng = np.random.default_rng(width)
    masks = []
    for _ in range(2):
        mask = rng.random((4, 5, width)) < 0.3
        mask[..., 3:-3] = False
        masks.append(mask)
    geometry = Geometry((4, 5, width), 3, spacing, reverse=False)
    padding = _nearest.Padding.of(geometry)
    assert padding.around(geometry).words.shape[2] * 64 - width - padding.x in range(64)
    places = [np.argwhere(mask) for mask in masks]
    found = directed(masks[0], masks[1], spacing, reverse=False)
    assert_array_equal(found, naive.nearest(places[0], places[1], spacing))


@pytest.mark.slow
@pytest.mark.parametrize("looks_per_voxel", LOOKS_PER_VOXEL)
def test_the_switch_to_a_transform(
    looks_per_voxel: int, medium: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries everywhere and one target: far too many for a search, whatever its budget."""
    transforms = []
    transform = _nearest.transform_of

    def spy(*args: Any, **options: Any) -> Floats:
        transforms.append(args)
        return transform(*args, **options)

    monkeypatch.setattr(_nearest, "transform_of", spy)
    monkeypatch.setattr(_nearest, "_LOOKS_PER_VOXEL", looks_per_voxel)
    side = medium // 2
    queries = np.ones((side, side, side), bool)
    targets = targets_at(queries.shape, [(1, 2, 3)])
    found = directed(queries, targets, (0.7, 1.0, 1.3), reverse=False)
    assert_array_equal(
        found, naive.nearest(np.argwhere(queries), np.argwhere(targets), (0.7, 1.0, 1.3))
    )
    # for single distances, for counts, and for counts by area
    assert len(transforms) == 3 * (looks_per_voxel < 10**9)


def test_without_targets_or_queries() -> None:
    none, some = np.zeros((3, 3, 70), bool), np.ones((3, 3, 70), bool)
    assert_array_equal(directed(some, none, (1.0,) * 3, False), np.full(630, np.inf))
    assert directed(none, some, (1.0,) * 3, False).shape == (0,)
    assert directed(none, none, (1.0,) * 3, False).shape == (0,)


@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_backends_on_a_medium_volume(
    spacing: tuple[float, ...], order: Literal["C", "F"], boundary: Any, medium: int
) -> None:
    masks = [
        np.asarray(mask, order=order)
        for mask in hard_cases.blob_pair((medium, medium + 7, medium - 9), 1)
    ]
    found = []
    for module in (numba_backend, scipy_backend):
        distances = module.surface_distances(*masks, Region(), spacing, boundary)
        found.append((distances.reference_to_prediction, distances.prediction_to_reference))
    for ours, theirs in zip(*found, strict=True):
        if order == "F":  # in memory order: the same numbers in another
            ours, theirs = np.sort(ours), np.sort(theirs)
        assert_distances(ours, theirs, set(spacing) == {1.0})
