"""fastseg.compat.monai against MONAI: the same calls, the same numbers, exceptions and warnings."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
metrics = pytest.importorskip("monai.metrics")

from fastseg import compat, get_num_threads, set_num_threads, use_backend  # noqa: E402
from fastseg.compat import monai as ours  # noqa: E402
from fastseg.compat._support import channels as _channels  # noqa: E402
from fastseg.compat._support import tensors as _tensors  # noqa: E402
from fastseg.compat._support import torch_quantile  # noqa: E402
from fastseg.measures.distributions import Distribution  # noqa: E402
from tests.compat import cases, parity  # noqa: E402
from tests.compat.parity import observed, same, same_error  # noqa: E402

DISTANCES = [
    "compute_hausdorff_distance",
    "compute_average_surface_distance",
    "compute_surface_dice",
]
COUNTS = ["compute_dice", "compute_iou", "compute_generalized_dice", "get_confusion_matrix"]
CLASSES: dict[str, list[dict[str, Any]]] = {
    "HausdorffDistanceMetric": [{}, {"percentile": 95, "include_background": True, "directed": True}],
    "SurfaceDistanceMetric": [{}, {"symmetric": True, "include_background": True}],
    "SurfaceDiceMetric": [
        {"class_thresholds": [0.5, 1.5]},
        {"class_thresholds": [1.0, 1.0, 2.0], "include_background": True},
    ],
    "DiceMetric": [{}, {"include_background": False, "ignore_empty": False, "num_classes": 3}],
    "MeanIoU": [{}, {"include_background": False, "ignore_empty": False}],
    "GeneralizedDiceScore": [{}, {"include_background": False, "weight_type": "simple"}],
    "ConfusionMatrixMetric": [
        {"metric_name": ["sensitivity", "precision", "mcc"]},
        {"metric_name": "f1 score", "compute_sample": True, "include_background": False},
    ],
}  # fmt: skip
REDUCTIONS = ["none", "mean", "sum", "mean_batch", "sum_batch", "mean_channel", "sum_channel"]


def user_warnings(outcome: parity.Outcome) -> list[str]:
    """MONAI warns of its own deprecations beside."""
    return [text for category, text in outcome.warned if category is UserWarning]


def compare(name: str, *args: Any, ulp: int = 0, **kwargs: Any) -> parity.Outcome:
    """Call MONAI's function and ours, and find no difference."""
    expected = observed(getattr(metrics, name), *copy.deepcopy(args), **kwargs)
    actual = observed(getattr(ours, name), *args, **kwargs)
    same_error(actual, expected)
    assert user_warnings(actual) == user_warnings(expected)
    same(actual.value, expected.value, ulp=ulp)
    return expected


def one_hot(*masks: cases.Mask, dtype: Any = torch.float32) -> Any:
    return torch.from_numpy(np.stack(masks))[None].to(dtype)


def random_images(
    *shape: int, seed: int = 0, share: float = 0.3, dtype: Any = torch.float32
) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.random(shape) < share).to(dtype) for _ in range(2)]


PAIRS = cases.filled_pairs() + cases.extreme_pairs()
SPACED = [
    pytest.param(pair, spacing, id=f"{pair.name}-{spacing}")
    for pair, spacing in cases.with_spacings(PAIRS)
]


# ---------------------------------------------------------------------------- distances


@pytest.mark.parametrize(("pair", "spacing"), SPACED)
def test_distances(pair: cases.Pair, spacing: tuple[float, ...] | None) -> None:
    """To the bit: one channel, without background and with, each way of asking."""
    images = one_hot(pair.prediction), one_hot(pair.reference)
    for kwargs in (
        {},
        {"percentile": 95},
        {"percentile": 50, "directed": True},
        {"directed": True},
    ):
        compare("compute_hausdorff_distance", *images, spacing=spacing, **kwargs)
    for symmetric in (False, True):
        compare("compute_average_surface_distance", *images, symmetric=symmetric, spacing=spacing)
    compare("compute_surface_dice", *images, [1.0], spacing=spacing, include_background=True)


@pytest.mark.parametrize(("pair", "spacing"), SPACED)
def test_surface_dice_of_subvoxels(pair: cases.Pair, spacing: tuple[float, ...] | None) -> None:
    images = one_hot(pair.prediction), one_hot(pair.reference)
    compare("compute_surface_dice", *images, [0.9], True, spacing=spacing, use_subvoxels=True)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "int64", "float16", "bfloat16", "float64"]
)
def test_distances_of_any_dtype(dtype: str, either_way: None) -> None:
    images = random_images(2, 3, 6, 7, 8, dtype=getattr(torch, dtype))
    for name in DISTANCES[:2]:
        compare(name, *images)
    compare("compute_surface_dice", *images, [0.5, 1.0])
    mixed = images[0], random_images(2, 3, 6, 7, 8)[1]
    compare("compute_hausdorff_distance", *mixed, include_background=True)


@pytest.fixture(params=[False, True], ids=["whole", "counted"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are small ones, which are measured whole, or larger ones, in which the box of the masks is found first."""
    if request.param:
        monkeypatch.setattr(_channels, "_SMALL_IMAGE", 0)


@pytest.mark.parametrize("shape", [(9, 70), (5, 6, 7)], ids=str)
def test_items_of_a_batch_do_not_see_each_other(shape: tuple[int, ...], either_way: None) -> None:
    """They lie one behind another in one volume: full, at either end, and empty ones beside each other."""
    rng = np.random.default_rng(3)
    y, p = (torch.from_numpy(rng.random((12, 2, *shape)) < 0.2).float() for _ in range(2))
    y[0], p[1], y[2] = 1, 1, 1  # full
    y[3, 0, :-1], y[3, 1, 1:] = 0, 0  # in the last, and in the first slice alone
    p[4, :, 1:], y[5, :, :-1] = 0, 0
    y[6, 0], p[6, 1], y[7], p[7] = 0, 0, 0, 0  # empty
    y[8, 0, 1] = 0.5  # neither
    for background in (False, True):
        for kwargs in ({}, {"percentile": 95}, {"percentile": 95, "directed": True}):
            compare("compute_hausdorff_distance", p, y, include_background=background, **kwargs)
        compare("compute_average_surface_distance", p, y, background, symmetric=True)
        limits = [1.5] * (1 + background)
        for subvoxels in (False, True):
            compare("compute_surface_dice", p, y, limits, background, use_subvoxels=subvoxels)
    for name in COUNTS:
        compare(name, p, y.round())
    spacing = rng.uniform(0.5, 2, (12, len(shape))).tolist()
    for name in DISTANCES[:2]:
        compare(name, p, y, spacing=spacing)
    compare("compute_hausdorff_distance", p, y, percentile=95, spacing=spacing)


@pytest.mark.parametrize("shape", [(60, 70), (16, 17, 18)], ids=str)
def test_a_few_voxels_that_no_sample_need_see(shape: tuple[int, ...]) -> None:
    """One is inside, wherever it lies; in some images there are others, near and far, or none."""
    rng = np.random.default_rng(4)
    y, p = torch.zeros(2, 40, 2, *shape)
    for image in (y, p):
        flat = image.reshape(80, -1)
        flat[torch.arange(70), torch.from_numpy(rng.integers(0, flat.shape[1], 70))] = 1
        flat[20:50] += torch.from_numpy(rng.random((30, flat.shape[1])) < 0.01)
    y, p = y.clamp(max=1), p.clamp(max=1)
    p[::3] = p[::3].roll(1, -1)
    for name in DISTANCES[:2]:
        compare(name, p, y, True)
    compare("compute_average_surface_distance", p, y, True, symmetric=True)
    compare("compute_surface_dice", p, y, [1.0, 2.5], True)


@pytest.mark.parametrize("threads", [1, 2])
def test_averages_of_images_that_threads_share(threads: int) -> None:
    """More than a chunk of them, some of which the loop gives up: all sums run over the voxels in their order."""
    rng = np.random.default_rng(5)
    y = torch.zeros(12, 1, 40, 50, 60)
    for item in range(10):
        start = rng.integers(0, 20, 3)
        y[item, 0][tuple(slice(at, at + 20) for at in start)] = 1
    p = y.roll((2, -3), (2, 4))
    p[:5, :, ::3, ::2, 5] = 1
    y[10, 0, :3], p[10, 0, -30:] = 1, 1  # too far apart for the loop
    y[11], p[11] = (torch.from_numpy(rng.random((2, 1, 40, 50, 60)) < 0.5)).float()
    before = get_num_threads()
    set_num_threads(threads)
    try:
        for symmetric in (False, True):
            compare("compute_average_surface_distance", p, y, True, symmetric=symmetric)
    finally:
        set_num_threads(before)


def test_only_ones_are_inside(either_way: None) -> None:
    """Neither 2 nor 0.9 nor nan; in float32, what rounds to 1 is."""
    y = torch.tensor([0, 1, 2, 0.9, float("nan"), 1, 1, 1], dtype=torch.float64).reshape(1, 1, 2, 4)
    compare("compute_hausdorff_distance", y.roll(1, 3), y)
    y[0, 0, 0, 0] = 1 - 1e-12
    compare("compute_hausdorff_distance", y.roll(1, 3), y)
    compare("compute_surface_dice", y.roll(1, 3), y, [0.0])


FORMS_OF_SPACING = [
    *(2, 0.5, [1.0, 2.0, 3.0], (2, 1, 1), np.array([0.5, 1.0, 2.0])),
    *([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], np.ones((2, 3))),
    # to be refused, or left to MONAI
    *([1.0, 2.0], [2, 1.0, 1.0], [[1.0, 2.0, 3.0]], [[1.0, 1.0], [1.0, 1.0]], [[1.0], [1.0]]),
    *("1", -1.0, [-1.0, 1.0, 2.0], np.ones(3, np.float32)),
]


@pytest.mark.parametrize("spacing", FORMS_OF_SPACING, ids=str)
def test_forms_of_spacing(spacing: Any) -> None:
    images = random_images(2, 2, 5, 6, 7)
    for name in DISTANCES[:2]:
        compare(name, *images, spacing=spacing)
    compare("compute_surface_dice", *images, [1.0], spacing=spacing)
    compare("compute_surface_dice", *images, [1.0], spacing=spacing, use_subvoxels=True)


@pytest.mark.parametrize("metric", ["chessboard", "taxicab", "manhattan"])
def test_other_distances_are_monais(metric: str) -> None:
    images = random_images(1, 2, 6, 7)
    compare("compute_hausdorff_distance", *images, distance_metric=metric)
    compare("compute_average_surface_distance", *images, distance_metric=metric)
    compare("compute_surface_dice", *images, [1.0], distance_metric=metric)


def test_numpy_arrays_and_other_layouts() -> None:
    p, y = random_images(2, 2, 5, 6, 7)
    compare("compute_hausdorff_distance", p.numpy(), y.numpy())
    compare("compute_surface_dice", p.numpy(), y.numpy(), [1.0])
    views = p.transpose(2, 4), y.transpose(2, 4)
    compare("compute_average_surface_distance", *views)
    compare("compute_iou", *views)
    compare("compute_hausdorff_distance", p.requires_grad_(), y)


def test_names_of_empty_channels(either_way: None) -> None:
    """Each has a warning of its own, the ground truth first; MONAI's averages count from another channel."""
    y = torch.zeros(2, 3, 5, 5)
    y[0, 1, 2:4] = 1
    for name in DISTANCES[:2]:
        for background in (False, True):
            for ignored in (None, 1, 2, 7, -1):
                found = compare(
                    name, y.roll(1, 1), y, include_background=background, ignore_index=ignored
                )
                assert user_warnings(found)


@pytest.mark.parametrize("ignored", [0, 1, 2, 5, -1])
def test_ignore_index(ignored: int) -> None:
    images = random_images(2, 3, 6, 7)
    for name in DISTANCES[:2] + COUNTS:
        compare(name, *images, ignore_index=ignored)
    compare("compute_surface_dice", *images, [1.0, 1.0], ignore_index=ignored)
    compare(
        "compute_surface_dice", *random_images(1, 1, 5, 5, share=0.9), [1.0], ignore_index=ignored
    )


def test_wrong_input_to_distances() -> None:
    p, y = random_images(1, 2, 6, 7)
    for name in DISTANCES[:2]:
        for args in (
            (p, y[..., 1:]),
            (p[:, :1], y),
            (p[0], y[0]),
            (p, None),
            ([1], y),
        ):
            compare(name, *args)
    for percentile in (-1, 101, 0, True):
        compare("compute_hausdorff_distance", p, y, percentile=percentile)
    for thresholds in ([], [1.0, 1.0], [-1.0], [float("nan")], [float("inf")], None):
        compare("compute_surface_dice", p, y, thresholds)
    for args in ((p, y[..., 1:]), (p[0], y[0]), (p.numpy(), y), (p, None)):
        compare("compute_surface_dice", *args, [1.0])


def test_one_or_four_axes() -> None:
    compare("compute_hausdorff_distance", *random_images(1, 2, 12))
    compare("compute_hausdorff_distance", *random_images(1, 1, 3, 4, 3, 4))
    compare("compute_iou", *random_images(1, 2, 12))
    compare("compute_iou", *random_images(1, 1, 3, 4, 3, 4))


def test_a_percentile_of_any_number_of_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.quantile takes 2^24 before its version 2.14; up to there the value is its own."""
    rng = np.random.default_rng(1)
    sets = [np.sqrt(rng.integers(0, 300, n)).astype(np.float32) for n in (1, 2, 31, 1001, 20_000)]
    counted = [Distribution.of(each.astype(np.float64)) for each in sets]
    for percentile in (0.1, 12.34, 50, 95, 99.99, 100):
        expected = [torch.quantile(torch.from_numpy(each), percentile / 100) for each in sets]
        found = torch_quantile.percentiles(counted, percentile)
        assert found.tolist() == [each.item() for each in expected]
    monkeypatch.setattr(torch_quantile, "_QUANTILE_LIMIT", 1000)
    found = torch_quantile.percentiles(counted, 95)
    expected = [np.quantile(each.astype(np.float64), 0.95) for each in sets]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# ---------------------------------------------------------------------------- counts


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
@pytest.mark.parametrize("name", COUNTS)
def test_counts(pair: cases.Pair, name: str) -> None:
    """To the bit: with background and without."""
    p, y = (one_hot(~mask, mask) for mask in (pair.prediction, pair.reference))
    for background in (True, False):
        compare(name, p, y, background)
        compare(name, p[:, 1:], y[:, 1:], background)
    if name in ("compute_dice", "compute_iou"):
        compare(name, p, y, ignore_empty=False)
    if name == "compute_generalized_dice":
        for weight in ("square", "simple", "uniform"):
            compare(name, p, y, weight_type=weight, sum_over_classes=True)
            compare(name, p, y, weight_type=weight)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float16", "float64"])
@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_any_dtype(dtype: str, name: str) -> None:
    images = random_images(2, 3, 6, 7, 8, dtype=getattr(torch, dtype))
    compare(name, *images)
    compare(name, images[0], images[1].float())
    compare(name, images[0].float(), images[1])


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
@pytest.mark.parametrize("background", [True, False])
def test_dice_of_label_maps(dtype: str, background: bool) -> None:
    """In any combination with one-hot images."""
    for reference, prediction in cases.label_maps():
        y, p = (
            torch.from_numpy(labels)[None, None].to(getattr(torch, dtype))
            for labels in (reference, prediction)
        )
        hot = [torch.cat([image == label for label in range(5)], dim=1).float() for image in (y, p)]
        for ignore_empty in (True, False):
            kwargs = {
                "num_classes": 5,
                "include_background": background,
                "ignore_empty": ignore_empty,
            }
            compare("compute_dice", p, y, **kwargs)
            compare("compute_dice", p, hot[0], **kwargs)
            compare("compute_dice", hot[1], y, **kwargs)
            compare("compute_dice", hot[1], hot[0], **kwargs)
        for classes in (1, 3, 7):
            compare("compute_dice", p, y, background, num_classes=classes)
            compare("compute_dice", hot[1], hot[0], background, num_classes=classes)


@pytest.mark.parametrize("name", COUNTS)
def test_soft_masks_are_monais(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    p, y = (torch.rand(1, 2, 20, 21, generator=generator) for _ in range(2))
    compare(name, p, y)
    compare(name, (p > 0.5).float(), y)
    y = (y > 0.5).float()
    compare(name, p, y)
    y[0, 1, 3, 4] = 0.25  # a single one, which no sample need see
    compare(name, (p > 0.5).float(), y)
    compare(name, y, (p > 0.5).float())
    compare(name, 3 * (p > 0.5).int(), (p > 0.3).int())


@pytest.mark.parametrize("name", COUNTS)
def test_wrong_input_to_counts(name: str) -> None:
    p, y = random_images(2, 2, 6, 7)
    for args in (
        (p, y[..., 1:]),
        (p[:1], y),
        (p[:, :1], y),
        (p[:, 0, 0], y[:, 0, 0]),
        (p, None),
        ([1], y),
    ):
        compare(name, *args)
    compare(name, p[..., :0], y[..., :0])
    if name == "compute_generalized_dice":
        compare(name, p, y, weight_type="cube")


def test_gradients_are_kept() -> None:
    p, y = random_images(1, 2, 6, 7)
    score = ours.compute_iou(p.requires_grad_(), y)
    score.sum().backward()
    assert p.grad.abs().sum() > 0


def test_the_dice_helper() -> None:
    p, y = random_images(2, 3, 6, 7)
    for kwargs in (
        {},
        {"apply_argmax": False},
        {"threshold": True},
        {"apply_argmax": False, "reduction": "mean"},
    ):
        first, second = (helper(**kwargs)(p, y) for helper in (ours.DiceHelper, metrics.DiceHelper))
        same(first, second)
    pairs = random_images(1, 2, 6, 7)
    compare("compute_dice", *pairs, per_component=True)


def test_counts_beyond_what_float32_adds_up() -> None:
    """MONAI's own sums are rounded there: within a unit in the last place."""
    y = torch.ones(1, 1, 4100, 4100)
    p = y.clone()
    p[..., 0, :3] = 0
    for name in ("compute_iou", "compute_dice", "compute_generalized_dice"):
        kwargs = {"num_classes": 1} if name == "compute_dice" else {}
        compare(name, p, y, ulp=1, **kwargs)


# ---------------------------------------------------------------------------- classes


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name: str) -> None:
    """Batches and lists, accumulated over calls, every reduction."""
    takes_spacing = "Surface" in name or "Hausdorff" in name
    for kwargs in CLASSES[name]:
        for reduction in REDUCTIONS if kwargs is CLASSES[name][0] else ["mean_batch"]:
            scores = []
            for module in (metrics, ours):
                metric = getattr(module, name)(reduction=reduction, **kwargs)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    for seed in range(2):
                        p, y = random_images(2, 3, 6, 7, 5, seed=seed)
                        y[0, 1] = 0
                        extra = {"spacing": [1.0, 0.5, 2.0]} if takes_spacing else {}
                        scores.append(metric(p, y, **extra))
                        scores.append(metric(list(p), list(y), **extra))
                    scores.append(metric.aggregate())
            half = len(scores) // 2
            assert isinstance(metric, getattr(metrics, name))
            same(scores[half:], scores[:half])


@pytest.mark.parametrize("name", CLASSES)
def test_classes_refuse_what_monais_do(name: str) -> None:
    first, second = (getattr(module, name)(**CLASSES[name][0]) for module in (ours, metrics))
    p, y = random_images(2, 3, 6, 7)
    for args in (
        (p[0, 0], y[0, 0]),
        (p, y[..., 1:]),
        (p, None),
        (p.numpy(), y.numpy()),
        (p[0], y[0]),
    ):
        with_ours, with_monais = observed(first, *args), observed(second, *args)
        same_error(with_ours, with_monais)
        assert user_warnings(with_ours) == user_warnings(with_monais)
        same(with_ours.value, with_monais.value)


@pytest.mark.parametrize("ignored", [0, 2, -1])
def test_classes_ignore_an_index(ignored: int) -> None:
    p, y = random_images(2, 3, 6, 7)
    for name, arguments in CLASSES.items():
        scores = [
            observed(getattr(module, name)(ignore_index=ignored, **arguments[0]), p, y)
            for module in (ours, metrics)
        ]
        assert user_warnings(scores[0]) == user_warnings(scores[1])
        same(scores[0].value, scores[1].value)


@pytest.mark.parametrize("use_subvoxels", [False, True])
def test_a_threshold_is_compared_as_it_is(use_subvoxels: bool) -> None:
    """0.8 as a float32 header has it lies beyond 0.8 in float64, and on it in MONAI's float32: as MONAI, either way."""
    y = torch.zeros(1, 1, 9, 9, 9)
    y[..., 2:6, 2:7, 2:7] = 1
    spacing = float(np.float32(0.8))
    for size in (spacing, 0.8, 0.6, 1.1):
        for threshold in (spacing, 0.8, np.nextafter(0.8, 0), 0.8 * (1 - 5e-7), 0.6, 1.1):
            options: Any = {"include_background": True, "use_subvoxels": use_subvoxels}
            options["spacing"] = (size, 1.0, 1.0)
            found, expected = (
                observed(
                    module.compute_surface_dice, y.roll(1, 2), y, [float(threshold)], **options
                ).value
                for module in (ours, metrics)
            )
            same(found, expected)


def test_tensors_with_metadata() -> None:
    from monai.data import MetaTensor

    p, y = (MetaTensor(image) for image in random_images(1, 2, 6, 7))
    for name in DISTANCES[:2] + COUNTS:
        compare(name, p, y)
        compare(name, p, y.as_tensor())
        compare(name, p.as_tensor(), y)


@pytest.mark.parametrize("name", ours.__all__)
def test_signatures(name: str) -> None:
    """The same parameters, in this order, with these defaults."""
    ours_, monais = (
        [
            (each.name, each.kind, each.default)
            for each in inspect.signature(getattr(module, name)).parameters.values()
        ]
        for module in (ours, metrics)
    )
    assert ours_ == monais


def test_all_other_names_are_monais() -> None:
    assert ours.ROCAUCMetric is metrics.ROCAUCMetric
    assert ours.compute_confusion_matrix_metric is metrics.compute_confusion_matrix_metric
    with pytest.raises(AttributeError, match="DiceMetrik"):
        _ = ours.DiceMetrik


def test_classes_are_pickled_by_reference() -> None:
    metric = pickle.loads(pickle.dumps(ours.HausdorffDistanceMetric(percentile=95)))
    assert type(metric) is ours.HausdorffDistanceMetric
    assert metric.percentile == 95


# ---------------------------------------------------------------------------- by which way


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engine's calls; and MONAI's search fails."""
    calls: list[str] = []

    def recorded(name: str) -> Callable[..., Any]:
        function = getattr(_tensors, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return function(*args, **kwargs)

        return call

    for module in (_tensors, _channels):
        monkeypatch.setattr(module, "as_bits", recorded("as_bits"))

    def fail(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("MONAI's own function was called")

    monkeypatch.setattr("monai.metrics.utils.get_mask_edges", fail)
    monkeypatch.setattr("monai.metrics.meandice.DiceHelper.compute_channel", fail)
    return calls


@pytest.mark.parametrize("name", CLASSES)
def test_patched_classes_reach_the_engine(name: str, untouched: list[str]) -> None:
    """Those of MONAI itself, also made before the patch."""
    metric = getattr(metrics, name)(**CLASSES[name][0])
    p, y = random_images(2, 3, 6, 7, 5)
    with compat.patched("monai"):
        patched = metric(p, y)
    assert untouched
    same(patched, getattr(ours, name)(**CLASSES[name][0])(p, y))


@pytest.mark.parametrize("name", [*DISTANCES, *COUNTS])
def test_patched_functions_reach_the_engine(name: str, untouched: list[str]) -> None:
    p, y = random_images(1, 2, 6, 7, 5)
    extra = ([1.0],) if name == "compute_surface_dice" else ()
    with compat.patched("monai"):
        patched = getattr(metrics, name)(p, y, *extra)
    assert untouched
    same(patched, getattr(ours, name)(p, y, *extra))


def test_patched_functions_fall_back() -> None:
    p, y = random_images(1, 2, 6, 7)

    def scores() -> list[Any]:
        return [
            observed(metrics.compute_hausdorff_distance, p, y, distance_metric="taxicab").value,
            observed(metrics.compute_dice, p / 2, y).value,
            observed(metrics.HausdorffDistanceMetric(distance_metric="chessboard"), p, y).value,
        ]

    expected = scores()
    with compat.patched("monai"):
        actual = scores()
    same(actual, expected)


def test_probabilities_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample tells them from labels: counting millions of different values takes seconds."""
    monkeypatch.setattr(
        "fastseg.compat._support.tensors.dispatch.choose", lambda *args: pytest.fail("counted")
    )
    p, y = (torch.rand(1, 1, 90, 91) for _ in range(2))
    same(ours.compute_iou(p, y), metrics.compute_iou(p, y))


def test_with_the_other_backend() -> None:
    with use_backend("scipy"):
        images = random_images(1, 2, 6, 7, 5)
        for name in DISTANCES[:2] + COUNTS:
            compare(name, *images)
        compare("compute_surface_dice", *images, [0.9], use_subvoxels=True)
