"""The cupy backend against the numba backend: the same numbers, to the bit.

Everything goes through the public functions and the backend's own, so that arguments, launches and kernels are those
of a GPU. The `device` tests run on every engine of the emulator and on a real device; the hard cases, which are many,
on the fast one and on a real device.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fastseg
from fastseg import dispatch
from fastseg.backends import numba as cpu
from fastseg.backends.shared.plan import SINGLE, plan_for
from fastseg.backends.shared.volume import Volume
from fastseg.measures.regions import Region, Request
from tests.gpu.conftest import REAL, need, real_cupy
from tests.gpu.emulator.cupy_stand_in import Engine, emulated
from tests.oracle import hard_cases as volumes

pytestmark = pytest.mark.slow

Array = NDArray[Any]
SHAPE = (7, 13, 37)  # odd, and rows of more than a word
ORDERS: tuple[Literal["C", "F"], ...] = ("C", "F")


def forget() -> None:
    """The modules that have met a `cupy`, and what dispatch knows of them."""
    dispatch._missing.cache_clear()
    for entry in dispatch.BACKENDS:
        vars(entry).pop("operations", None)  # the module, kept since it was first asked for
    for name in [name for name in sys.modules if name.startswith("fastseg.backends.cupy")]:
        del sys.modules[name]


@pytest.fixture
def gpu(device: types.ModuleType) -> Iterator[types.ModuleType]:
    """The module `cupy` on every engine, and on a device."""
    forget()
    yield device
    forget()


@pytest.fixture(params=[pytest.param(Engine(), id="source"), REAL])
def quick(request: pytest.FixtureRequest) -> Iterator[types.ModuleType]:
    """The module `cupy` on the fast engine, and on a device."""
    forget()
    if request.param is None:
        yield real_cupy()
    else:
        need(request.param)
        with emulated(request.param) as cupy:
            yield cupy
    forget()


def device_module(name: str) -> Any:
    """A module of the backend, to set a limit in it."""
    return importlib.import_module(f"fastseg.backends.cupy.{name}")


def assert_same(cupy: Any, actual: Any, expected: Any, what: object = "") -> None:
    """Equal to the bit, type included; arrays that the device holds and arrays that it has delivered."""
    assert (actual is None) == (expected is None), what
    if expected is None:
        return
    actual = cupy.asnumpy(actual)
    assert actual.dtype == expected.dtype, what
    if np.array_equal(actual, expected):
        return  # without the copies that a message takes, of volumes as large as in test_large.py
    assert_array_equal(actual, expected, err_msg=str(what), strict=True)


def assert_distances(
    cupy: Any, pair: tuple[Array, Array], what: object = "", **options: Any
) -> None:
    """`surface_distances` of a pair, here and there."""
    found = fastseg.surface_distances(*map(cupy.asarray, pair), **options)
    expected = fastseg.surface_distances(*pair, **options)
    for name in vars(expected):
        if name not in ("distributions", "counted"):
            assert_same(cupy, getattr(found, name), getattr(expected, name), (what, options, name))
    assert found.counted == expected.counted
    assert found.hausdorff(95) == expected.hausdorff(95) or not len(found.reference_to_prediction)


def assert_transform(cupy: Any, mask: Array, spacing: Any, what: object = "") -> None:
    """`distance_transform_edt`, distances and indices, here and there."""
    given = cupy.asarray(mask)
    found = fastseg.distance_transform_edt(given, spacing, return_indices=True)
    expected = fastseg.distance_transform_edt(mask, spacing, return_indices=True)
    for a, b in zip(found, expected, strict=True):
        assert isinstance(a, cupy.ndarray)
        assert_same(cupy, a, b, (what, spacing))
    single = fastseg.distance_transform_edt(given, spacing, dtype=np.float32)
    assert_same(cupy, single, expected[0].astype(np.float32), (what, spacing, "float32"))


def labels(
    dtype: Any = np.uint8, shape: tuple[int, ...] = SHAPE, seed: int = 0
) -> tuple[Array, Array]:
    """Two label maps of blocks that mostly agree."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 4, [-(-size // 4) for size in shape])
    first = np.kron(small, np.ones((4,) * len(shape), int))[tuple(slice(0, n) for n in shape)]
    second = np.where(rng.random(shape) < 0.02, 5, np.roll(first, 1, axis=-1))
    return first.astype(dtype), second.astype(dtype)


def histogram(found: Any) -> dict[tuple[int, int], tuple[int, list[int], list[int]]]:
    """A joint histogram without an order of its pairs."""
    rows = zip(
        *(found.reference_labels, found.prediction_labels, found.counts, found.starts, found.stops),
        strict=True,
    )
    return {(int(r), int(p)): (int(n), low.tolist(), high.tolist()) for r, p, n, low, high in rows}


def assert_histogram(cupy: Any, reference: Array, prediction: Array, what: object = "") -> None:
    backend = dispatch.choose("joint_histogram", 3, memory="cuda").operations
    found = backend.joint_histogram(cupy.asarray(reference), cupy.asarray(prediction))
    expected = cpu.joint_histogram(reference, prediction)
    assert found.reference_labels.dtype == expected.reference_labels.dtype
    assert found.counts.dtype == found.starts.dtype == found.stops.dtype == np.int64
    assert histogram(found) == histogram(expected), what


def assert_bands(cupy: Any, pair: list[Array], spacing: Any, width: float) -> None:
    """The overlap of both bands of a pair of masks, here and there."""
    backend = dispatch.choose("band_overlap", 3, memory="cuda").operations
    request, regions = Request(frozenset({"band_overlap"}), spacing), [Region(tolerance=width)]
    given = [cupy.asarray(mask) for mask in pair]
    found = backend.measure(given[0], given[1], regions, request)
    assert found == cpu.measure(pair[0], pair[1], regions, request)


def assert_lists(cupy: Any, pair: list[Array], spacing: Any) -> None:
    """Lists of distances that are measured beside other things, here and there."""
    backend = dispatch.choose("surface_distances", 3, memory="cuda").operations
    request = Request(frozenset({"surface_distances"}), spacing)
    given = [cupy.asarray(mask) for mask in pair]
    [found] = backend.measure(given[0], given[1], [Region()], request)
    [expected] = cpu.measure(pair[0], pair[1], [Region()], request)
    for name in ("reference_to_prediction", "prediction_to_reference"):
        first, second = (getattr(each["surface_distances"], name) for each in (found, expected))
        np.testing.assert_array_equal(first, second)


# ---------------------------------------------------------------------------- on every engine


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_joint_histogram(gpu: types.ModuleType, dtype: Any) -> None:
    assert_histogram(gpu, *labels(dtype))


def test_surface_and_band(gpu: types.ModuleType) -> None:
    pair = [np.asfortranarray(volume != 0) for volume in labels()]
    edges: tuple[Literal["background", "ignore"], ...] = ("background", "ignore")
    for connectivity, edge in enumerate(edges, 1):
        found = fastseg.surface(gpu.asarray(pair[0]), connectivity=connectivity, edge=edge)
        assert_same(gpu, found, fastseg.surface(pair[0], connectivity=connectivity, edge=edge))
    assert_bands(gpu, pair, (2.5, 1.0, 0.7), 2.6)


@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
def test_surface_distances(gpu: types.ModuleType, boundary: Any) -> None:
    reference, prediction = (volume == 1 for volume in labels())
    prediction[0, :3] = False
    assert_distances(gpu, (reference, prediction), spacing=(2.5, 1, 0.7), boundary=boundary)
    assert_lists(gpu, [reference, prediction], (2.5, 1.0, 0.7))


def test_a_structure_that_is_far(gpu: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search gives up, and the last pass of a transform answers."""
    monkeypatch.setattr(device_module("nearest"), "_MOST_ROWS", 16)
    pair = np.zeros((2, 5, 29, 40), bool)
    pair[0, 1:3, 2:5, 3:7] = pair[1, 1:3, 2:5, 4:8] = True
    pair[1, 3:, 25:, 36:] = True
    for spacing in ((1, 1, 1), (0.7, 0.9, 1.1)):
        assert_distances(gpu, (pair[0], pair[1]), spacing=spacing)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (2.5, 0.7, 0.9)], ids=["exact", "rounded"])
def test_transform(gpu: types.ModuleType, spacing: Any) -> None:
    mask = np.random.default_rng(3).random((5, 9, 35)) < 0.97
    assert_transform(gpu, mask, spacing)


def test_transform_of_lines_too_long_for_a_block(
    gpu: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    device_module("transform")
    monkeypatch.setattr(sys.modules["fastseg_kernels.gpu.edt"], "_SHARED_BYTES", 60)
    mask = np.random.default_rng(3).random((3, 11, 17)) < 0.95
    assert_transform(gpu, mask, (2.5, 0.7, 0.9))
    assert_transform(gpu, mask, (1, 1, 1))


# ---------------------------------------------------------------------------- hard cases


@pytest.mark.parametrize(
    ("boundary", "order"), [("voxel", "F"), ("surfel", "C"), ("surfel", "F"), ("vertex", "F")]
)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_distances_of_hard_pairs(
    quick: types.ModuleType, ndim: int, boundary: Any, order: Any
) -> None:
    for name, *pair in volumes.hard_pairs(ndim):
        first, second = (np.asarray(mask, order=order) for mask in pair)
        spacing = volumes.SPACINGS[ndim][3]
        assert_distances(quick, (first, second), name, spacing=spacing, boundary=boundary)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_transform_of_hard_masks(quick: types.ModuleType, ndim: int, order: Any) -> None:
    for name, mask, _ in volumes.hard_pairs(ndim):
        for spacing in (volumes.SPACINGS[ndim][0], volumes.SPACINGS[ndim][3]):
            assert_transform(quick, np.asarray(mask, order=order), spacing, name)


@pytest.mark.parametrize("spacing", [(1e-9, 1.0, 1e9), (1e9, 1.0, 1e-9), (1.0, 1e-9, 1e9)])
def test_transform_where_rounding_upsets_the_order(quick: types.ModuleType, spacing: Any) -> None:
    """Minimisers are not monotone then, and every candidate is taken."""
    mask = np.random.default_rng(5).random((6, 9, 11)) < 0.97
    assert not plan_for(mask.shape, spacing, (0, 1, 2), SINGLE).monotone
    assert_transform(quick, mask, spacing)
    assert_distances(quick, (mask, mask[::-1].copy()), spacing=spacing)


@pytest.mark.parametrize("connectivity", [1, 2, 3])
@pytest.mark.parametrize("edge", ["background", "ignore"])
def test_surface_of_hard_masks(quick: types.ModuleType, connectivity: int, edge: Any) -> None:
    for ndim in range(connectivity, 4):
        for name, mask, _ in volumes.hard_pairs(ndim):
            for order in ORDERS:
                given = np.asarray(mask, order=order)
                options = {"connectivity": connectivity, "edge": edge}
                found = fastseg.surface(quick.asarray(given), **options)
                assert isinstance(found, quick.ndarray)
                assert_same(quick, found, fastseg.surface(given, **options), name)


def test_histogram_of_hard_labels(quick: types.ModuleType) -> None:
    for name, reference, prediction in volumes.label_pairs():
        found = fastseg.confusion_matrix(quick.asarray(reference), quick.asarray(prediction))
        assert_same(quick, found, fastseg.confusion_matrix(reference, prediction), name)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint16, np.int32, np.uint32, np.uint64])
def test_histogram_of_every_type(quick: types.ModuleType, dtype: Any, order: Any) -> None:
    for shape in ((53,), (9, 70), (3, 70, 33)):
        pair = [np.asarray(volume, order=order) for volume in labels(dtype, shape)]
        if np.dtype(dtype).kind == "i":
            pair = [-volume for volume in pair]  # -1 is all ones in both: what marks a free slot
        assert_histogram(quick, pair[0], pair[1], (dtype, shape))


def test_more_pairs_than_there_is_room_for(
    quick: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a block's table, in the first one of the device, and for numbers of wide labels."""
    monkeypatch.setattr(device_module("histogram"), "_FEWEST_SLOTS", 8)
    rng = np.random.default_rng(7)
    for dtype in (np.uint16, np.uint64):
        pair = rng.integers(0, 60, (2, 5, 40, 41)).astype(dtype)
        assert len(histogram(cpu.joint_histogram(*pair))) > 2048
        assert_histogram(quick, *pair)
    wide = rng.integers(-(2**63), 2**63 - 1, 40)
    wide[:2] = -1, 2**63 - 1
    assert_histogram(quick, *wide[rng.integers(0, 40, (2, 3, 9, 33))])


def test_select_in_boxes(quick: types.ModuleType) -> None:
    take = device_module("masks").Mask.of
    volume = np.asfortranarray(labels(np.int16)[0])
    box = (slice(2, 6), slice(3, 12), slice(1, 36))
    for values in ((1,), (1, 3), (2, 99), (70_000,), ()):
        seen = Volume.of(quick.asarray(volume))
        found = take(seen, values, box, None)
        without = take(seen, values, box, take(seen, (2,), box))
        mask = np.isin(volume[box], values)
        for packed, expected in ((found, mask), (without, mask & (volume[box] != 2))):
            bits = quick.asnumpy(packed.words).view(np.uint8)
            voxels = np.unpackbits(bits, axis=-1, bitorder="little")[..., : packed.shape[2]]
            assert_array_equal(voxels.T.astype(bool), expected)


def test_a_band_too_wide_for_a_ball(
    quick: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module("bands"), "_LARGEST_BALL", 1)
    for order in ORDERS:
        pair = [np.asarray(volume != 0, order=order) for volume in labels()]
        for width in (0.7, 1.4, 3.0):
            assert_bands(quick, pair, (1.4, 1.0, 0.7), width)


def test_far_structures_in_thin_volumes(
    quick: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one axis alone is longer than a voxel, and where the rows are all there are."""
    monkeypatch.setattr(device_module("nearest"), "_MOST_ROWS", 8)
    for shape in ((60, 1, 1), (1, 60, 1), (1, 1, 60), (60, 2, 1), (2, 1, 60), (1, 50, 40)):
        pair = np.zeros((2, *shape), bool)
        pair[0].flat[[0, 2]] = pair[1].flat[-1] = True
        for masks in (pair, [np.asfortranarray(mask) for mask in pair]):
            for spacing in ((1, 1, 1), (0.3, 0.7, 1.1)):
                assert_distances(quick, (masks[0], masks[1]), shape, spacing=spacing)


# ---------------------------------------------------------------------------- through the front door


@pytest.mark.parametrize("order", ["C", "F"])
def test_evaluate(quick: types.ModuleType, order: Any) -> None:
    reference, prediction = (np.asarray(volume, order=order) for volume in labels())
    options: dict[str, Any] = {"spacing": (2.5, 0.7, 0.9), "tolerance": 1.5, "ignore_label": 3}
    for more in (
        {},
        {"boundary": "surfel"},
        {"boundary": "vertex"},
        {"labels": {"both": (1, 2), "none": 9}},
    ):
        found = fastseg.evaluate(
            quick.asarray(reference), quick.asarray(prediction), **options, **more
        )
        expected = fastseg.evaluate(reference, prediction, **options, **more)
        assert found.settings["backend"] == "cupy"
        rows = [repr(evaluation.to_dict()) for evaluation in (found, expected)]
        assert rows[0] == rows[1]


def test_arrays_of_the_cpu_go_and_come_back_if_asked(quick: types.ModuleType) -> None:
    reference, prediction = labels()
    mask = np.asfortranarray(reference != 0)
    calls: list[Callable[[], Any]] = [
        lambda: fastseg.confusion_matrix(reference, prediction),
        lambda: fastseg.surface(mask),
        lambda: fastseg.distance_transform_edt(mask, (2, 1, 1), return_indices=True),
        lambda: fastseg.evaluate(reference, prediction).to_dict(),
    ]
    for call in calls:
        expected = call()
        with fastseg.use_backend("cupy"):
            assert fastseg.current_backend() == "cupy"
            found = call()
        if isinstance(expected, list):
            assert repr(found) == repr(expected)
            continue
        pairs = (
            zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
        )
        for a, b in pairs:
            assert type(a) is np.ndarray
            assert_array_equal(a, b, strict=True)


def test_layouts_and_floats(quick: types.ModuleType) -> None:
    reference, prediction = labels()
    expected = fastseg.confusion_matrix(reference, prediction)
    given = (
        quick.asarray(reference.astype(np.float32)),
        quick.asarray(np.asfortranarray(prediction)),
    )
    assert_same(quick, fastseg.confusion_matrix(*given), expected)
    strided = quick.asarray(np.repeat(reference, 2, axis=1))[:, ::2]
    assert_same(quick, fastseg.confusion_matrix(strided, given[1]), expected)
    noisy = quick.asarray(reference.astype(np.float32) * np.float32(0.99999994))
    assert_same(quick, fastseg.confusion_matrix(noisy, given[1]), expected)
    for wrong, told in (
        (0.5, r"whole numbers, found 0.5 at index \(1,\);"),
        (np.nan, "holds NaN"),
        (1e-9, "every value rounds to 0"),
    ):
        with pytest.raises(ValueError, match=told):
            fastseg.confusion_matrix(quick.asarray(np.array([0.0, wrong])), given[1])


def test_the_transform_writes_into_arrays_of_the_device(quick: types.ModuleType) -> None:
    mask = labels()[0] != 0
    out = quick.zeros(mask.shape, np.float64)
    assert fastseg.distance_transform_edt(quick.asarray(mask), distances=out) is None
    assert_same(quick, out, fastseg.distance_transform_edt(mask))
    with pytest.raises(TypeError, match="in the memory of the input"):
        fastseg.distance_transform_edt(quick.asarray(mask), distances=np.zeros(mask.shape))


def test_what_a_device_does_not_take(quick: types.ModuleType) -> None:
    mask = np.ones((2, 3), bool)
    given = quick.asarray(mask)
    with pytest.raises(
        TypeError, match="the reference is on GPU 0 and the prediction in CPU memory"
    ):
        fastseg.surface_distances(given, mask)
    with pytest.raises(
        TypeError, match="the reference is in CPU memory and the prediction on GPU 0"
    ):
        fastseg.evaluate(mask, given)
    with pytest.raises(TypeError, match="backend: the numba backend takes arrays in CPU memory"):
        fastseg.evaluate(given, given, backend="numba")
    four = quick.asarray(np.ones((2, 2, 2, 2), bool))
    with pytest.raises(fastseg.BackendNotAvailableError, match="up to 3 axes, not 4; copy them"):
        fastseg.surface(four)
    assert fastseg.explain(given).splitlines()[0] == "cupy: runs"
