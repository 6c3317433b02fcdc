"""fastseg.compat.torchmetrics against TorchMetrics, and against brute force where that is known to be wrong."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

torch = pytest.importorskip("torch")
pytest.importorskip("torchmetrics")

import torchmetrics  # noqa: E402
from torchmetrics import classification, segmentation  # noqa: E402
from torchmetrics.functional import classification as classify  # noqa: E402
from torchmetrics.functional import segmentation as functional  # noqa: E402

import fastseg  # noqa: E402
from fastseg import compat  # noqa: E402
from fastseg.compat import torchmetrics as ours  # noqa: E402
from tests.compat import cases  # noqa: E402
from tests.compat.parity import observed, outcome, same, same_error, same_words  # noqa: E402

CLASSES = 4


def compare(name: str, *args: Any, ulp: int = 0, **kwargs: Any) -> Any:
    """Call TorchMetrics' function and ours, and find no difference."""
    expected = observed(getattr(functional, name), *args, **kwargs)
    actual = observed(getattr(ours, name), *args, **kwargs)
    same_error(actual, expected)
    assert actual.warned == expected.warned
    same(actual.value, expected.value, ulp=ulp)
    return expected.value


def label_maps(*shape: int, seed: int = 0, batch: int = 2) -> tuple[Any, Any]:
    """Prediction and target, with one class of four missing here and there."""
    rng = np.random.default_rng(seed)
    maps = [torch.from_numpy(rng.integers(0, CLASSES, (batch, *shape))) for _ in range(2)]
    maps[0][0][maps[0][0] == 2] = 1
    maps[1][-1][maps[1][-1] == 3] = 0
    return maps[0], maps[1]


def hot(labels: Any, dtype: Any = torch.int64) -> Any:
    return torch.nn.functional.one_hot(labels, CLASSES).movedim(-1, 1).to(dtype)


def forms(preds: Any, target: Any) -> list[tuple[Any, Any, str]]:
    """The same images in every format."""
    logits = hot(preds, torch.float32) + torch.rand(hot(preds).shape) * 0.5
    found = [(preds, target, "index"), (hot(preds), target, "mixed"), (preds, hot(target), "mixed")]
    found += [(logits, target, "mixed"), (logits, hot(target), "one-hot")]
    kinds = (torch.bool, torch.uint8, torch.int64, torch.float32, torch.float64)
    return found + [(hot(preds, kind), hot(target, kind), "one-hot") for kind in kinds]


# ---------------------------------------------------------------------------- overlaps


@pytest.mark.parametrize("shape", [(9, 12), (5, 6, 7), (11,)], ids=str)
@pytest.mark.parametrize("background", [True, False])
def test_overlaps_in_every_format(shape: tuple[int, ...], background: bool) -> None:
    """To the bit."""
    for preds, target, form in forms(*label_maps(*shape)):
        kwargs: dict[str, Any] = {
            "num_classes": CLASSES,
            "include_background": background,
            "input_format": form,
        }
        for average in ("micro", "macro", "weighted", "none", None):
            for level in ("samplewise", "global"):
                compare(
                    "dice_score", preds, target, average=average, aggregation_level=level, **kwargs
                )
        for per_class in (True, False):
            compare("mean_iou", preds, target, per_class=per_class, **kwargs)
        if form != "index":
            compare("mean_iou", preds, target, **kwargs | {"num_classes": None})


@pytest.mark.parametrize("pair", cases.extreme_pairs(), ids=lambda pair: pair.name)
def test_overlaps_of_empty_and_full_masks(pair: cases.Pair) -> None:
    preds, target = (
        torch.from_numpy(mask)[None].long() for mask in (pair.prediction, pair.reference)
    )
    for background in (True, False):
        kwargs: dict[str, Any] = {
            "num_classes": 2,
            "include_background": background,
            "input_format": "index",
        }
        compare("dice_score", preds, target, **kwargs)
        compare("mean_iou", preds, target, **kwargs)
        compare("mean_iou", preds, target, per_class=True, **kwargs)


WRONG: list[tuple[str, Callable[[Any, Any], tuple[Any, Any]], dict[str, Any]]] = [
    ("shapes", lambda p, t: (p, t[..., 1:]), {"input_format": "index"}),
    ("out-of-range", lambda p, t: (p + 1, t), {"input_format": "index"}),
    ("negative", lambda p, t: (p - 1, t), {"input_format": "index"}),
    ("narrow-labels", lambda p, t: (p.int(), t.int()), {"input_format": "index"}),
    ("float-labels", lambda p, t: (p.float(), t.float()), {"input_format": "index"}),
    ("no-batch", lambda p, t: (p[0], t[0]), {"input_format": "index"}),
    ("one-axis", lambda p, t: (p[0, 0], t[0, 0]), {"input_format": "index"}),
    ("mixed-alike", lambda p, t: (p, t), {"input_format": "mixed"}),
    ("mixed-shapes", lambda p, t: (hot(p), t[:, 1:]), {"input_format": "mixed"}),
    ("mixed-classes", lambda p, t: (hot(p)[:, :2], t), {"input_format": "mixed"}),
    ("not-binary", lambda p, t: (2 * hot(p), hot(t)), {}),
    ("labels-as-one-hot", lambda p, t: (p, t), {}),
    ("more-channels", lambda p, t: (hot(p), hot(t)), {"num_classes": 2}),
    ("format", lambda p, t: (p, t), {"input_format": "labels"}),
    ("no-classes", lambda p, t: (p, t), {"num_classes": 0}),
    ("background", lambda p, t: (p, t), {"include_background": 1}),
    ("lists", lambda p, t: (p.tolist(), t.tolist()), {"input_format": "index"}),
    ("nothing", lambda p, t: (p[:0], t[:0]), {"input_format": "index"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "kwargs"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
@pytest.mark.parametrize("name", ["dice_score", "mean_iou", "hausdorff_distance"])
def test_wrong_input(name: str, make: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    """What TorchMetrics refuses is refused in its words, and what it takes all the same is its own."""
    compare(name, *make(*label_maps(6, 6)), ulp=1, **{"num_classes": CLASSES} | kwargs)


# ---------------------------------------------------------------------------- distances


def by_brute_force(preds: Any, target: Any, spacing: Any, metric: str, directed: bool) -> float:
    points = [
        np.argwhere(fastseg.surface(mask.numpy())) * np.asarray(spacing) for mask in (preds, target)
    ]
    distances = cdist(*points, {"taxicab": "cityblock"}.get(metric, metric))
    there, back = distances.min(axis=1).max(), distances.min(axis=0).max()
    return float(there if directed else max(there, back))


@pytest.mark.parametrize("metric", ["euclidean", "chessboard", "taxicab"])
@pytest.mark.parametrize("spacing", [None, [1.0, 1.0], [0.7, 2.5], [3, 1]], ids=str)
def test_distances_of_square_images(metric: str, spacing: list[float] | None) -> None:
    """There TorchMetrics is right, in float32."""
    for preds, target, form in forms(*label_maps(10, 10)):
        for kwargs in ({}, {"directed": True}, {"include_background": True}):
            compare(
                "hausdorff_distance", preds, target, CLASSES, ulp=1,
                distance_metric=metric, spacing=spacing, input_format=form, **kwargs,
            )  # fmt: skip


@pytest.mark.parametrize(
    "shape", [(6, 12), (12, 6), (1, 30), (5, 6, 7), (1, 9, 9), (8, 3, 20)], ids=str
)
@pytest.mark.parametrize("metric", ["euclidean", "chebyshev", "taxicab"])
@pytest.mark.parametrize("directed", [False, True])
def test_distances_of_any_shape(shape: tuple[int, ...], metric: str, directed: bool) -> None:
    """Against brute force: TorchMetrics is wrong on these, or refuses them."""
    preds, target = label_maps(*shape, seed=3)
    for spacing in (None, [0.5, 2.0, 0.75][: len(shape)]):
        kwargs: dict[str, Any] = {
            "spacing": spacing,
            "directed": directed,
            "include_background": True,
        }
        kwargs["distance_metric"] = {"chebyshev": "chessboard"}.get(metric, metric)
        found = ours.hausdorff_distance(preds, target, CLASSES, input_format="index", **kwargs)
        assert (found.dtype, found.shape) == (torch.float32, (2, CLASSES))
        for b, label in np.ndindex(2, CLASSES):
            masks = preds[b] == label, target[b] == label
            if masks[0].any() and masks[1].any():
                truth = by_brute_force(*masks, spacing or [1] * len(shape), metric, directed)
                assert found[b, label].item() == pytest.approx(truth, rel=1e-7)
            else:
                assert found[b, label] == np.inf
        assert torch.equal(
            found, ours.hausdorff_distance(hot(preds), hot(target), CLASSES, **kwargs)
        )


def test_the_wide_image_that_torchmetrics_has_wrong() -> None:
    target = torch.zeros(1, 6, 12, dtype=torch.int64)
    target[0, 2:4, 2:4] = 1
    found = ours.hausdorff_distance(target.roll(7, 2), target, 2, input_format="index")
    assert found.item() == 7


def test_a_class_that_is_nowhere_has_no_distance() -> None:
    preds, target = label_maps(6, 6)
    preds[0][preds[0] == 1] = 0
    target[0][target[0] == 1] = 0
    for function in (functional.hausdorff_distance, ours.hausdorff_distance):
        with pytest.raises(RuntimeError):
            function(preds, target, CLASSES, input_format="index")


@pytest.mark.parametrize(
    "kwargs",
    [{"spacing": (1.0, 1.0)}, {"spacing": [1.0]}, {"distance_metric": "l2"}, {"directed": 1}, {"spacing": [1.0] * 3}],
    ids=str,
)  # fmt: skip
def test_arguments_that_are_refused(kwargs: dict[str, Any]) -> None:
    preds, target = label_maps(6, 6)
    found, expected = (
        outcome(function, preds, target, CLASSES, input_format="index", **kwargs)
        for function in (ours.hausdorff_distance, functional.hausdorff_distance)
    )
    assert expected is ValueError
    same(found, expected)


@pytest.mark.parametrize("spacing", [[1.0, 2.0, 3.0], [1.0], ["a", 1.0], [None, 1.0]])
def test_a_wrong_spacing_is_told_as_torchmetrics_does(spacing: Any) -> None:
    preds, target = label_maps(8, 8)
    mine, its = (
        observed(function, preds, target, CLASSES, spacing=spacing, input_format="index")
        for function in (ours.hausdorff_distance, functional.hausdorff_distance)
    )
    assert mine.error
    assert its.error
    if len(spacing) == 2:  # Python's own words
        same(mine.error[0], its.error[0])
    else:
        same_words(mine, its)


@pytest.mark.parametrize("name", ["dice_score", "mean_iou", "hausdorff_distance"])
def test_mixed_are_a_label_map_and_a_one_hot_image(name: str) -> None:
    """Two images of one kind were once taken for one-hot ones, which TorchMetrics refuses."""
    preds, target = label_maps(8, 8)
    for pair in ((preds, target), (hot(preds), hot(target))):
        mine, its = (
            observed(getattr(module, name), *pair, CLASSES, input_format="mixed")
            for module in (ours, functional)
        )
        assert its.error
        same_error(mine, its)


def test_spacing_may_be_a_tensor() -> None:
    preds, target = label_maps(6, 9)
    found, expected = (
        ours.hausdorff_distance(preds, target, CLASSES, spacing=spacing, input_format="index")
        for spacing in (torch.tensor([0.5, 2.0]), [0.5, 2.0])
    )
    assert torch.equal(found, expected)


# ---------------------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("DiceScore", {}),
        ("DiceScore", {"average": "weighted", "aggregation_level": "global"}),
        ("DiceScore", {"average": "none", "include_background": False}),
        ("DiceScore", {"average": "micro"}),
        ("MeanIoU", {}),
        ("MeanIoU", {"per_class": True, "include_background": False}),
        ("HausdorffDistance", {"spacing": [0.7, 2.5]}),
        ("HausdorffDistance", {"include_background": True, "directed": True}),
    ],
)
def test_classes(name: str, kwargs: dict[str, Any]) -> None:
    """update, forward, compute, reset, clone and pickle."""
    scores = []
    for module in (segmentation, ours):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the defaults of averages, in every version
            metric = getattr(module, name)(num_classes=CLASSES, input_format="index", **kwargs)
        metric.update(*label_maps(9, 9, seed=1))
        first = metric(*label_maps(9, 9, seed=2))
        copied = pickle.loads(pickle.dumps(metric.clone()))
        copied.update(*label_maps(9, 9, seed=3))
        scores.append([first, metric.compute(), copied.compute()])
        metric.reset()
        metric.update(*label_maps(9, 9, seed=4))
        scores[-1].append(metric.compute())
    assert isinstance(metric, torchmetrics.Metric)
    assert type(copied) is getattr(ours, name)
    for actual, expected in zip(scores[1], scores[0], strict=True):
        same(actual, expected, ulp=1 if name == "HausdorffDistance" else 0)


def test_mean_iou_finds_the_number_of_classes() -> None:
    preds, target = (hot(labels) for labels in label_maps(9, 9))
    scores = []
    for module in (segmentation, ours):
        metric = module.MeanIoU(per_class=True)
        metric.update(preds, target)
        scores.append(metric.compute())
    same(scores[1], scores[0])


def test_the_mean_distance_of_volumes() -> None:
    metric = ours.HausdorffDistance(2, spacing=[2.0, 1.0, 1.0], input_format="index")
    target = torch.zeros(1, 6, 7, 8, dtype=torch.int64)
    target[0, 1:3, 2:4, 2:4] = 1
    metric.update(target.roll(2, 1), target)
    metric.update(target.roll(3, 3), target)
    assert metric.compute().item() == 3.5


@pytest.mark.parametrize("name", ours.__all__)
def test_signatures(name: str) -> None:
    homes = (functional, segmentation, classify, classification)
    theirs: Any = next(getattr(home, name) for home in homes if hasattr(home, name))
    first, second = (
        [
            (each.name, each.kind, each.default)
            for each in inspect.signature(function).parameters.values()
        ]
        for function in (getattr(ours, name), theirs)
    )
    assert first == second
    if inspect.isclass(theirs):
        classes: list[Any] = [getattr(ours, name), theirs]
        mine, its = (inspect.signature(each.update) for each in classes)
        assert mine == its
    else:
        assert pickle.loads(pickle.dumps(getattr(ours, name))) is getattr(ours, name)


def test_all_other_names_are_torchmetrics() -> None:
    assert ours.GeneralizedDiceScore is segmentation.GeneralizedDiceScore
    assert ours.generalized_dice_score is functional.generalized_dice_score
    with pytest.raises(AttributeError, match="DiceScor"):
        _ = ours.DiceScor


# ---------------------------------------------------------------------------- by which way


def fail(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("TorchMetrics made a one-hot copy")


def test_patched_classes_and_functions_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also metrics that were made, and functions that were imported, before."""
    from torchmetrics.functional.segmentation import dice_score, mean_iou

    maps = label_maps(6, 11)
    kwargs: dict[str, Any] = {"num_classes": CLASSES, "input_format": "index"}
    made = [
        getattr(segmentation, name)(**kwargs)
        for name in ("DiceScore", "MeanIoU", "HausdorffDistance")
    ]
    expected = [
        *(getattr(ours, type(metric).__name__)(**kwargs)(*maps) for metric in made),
        *(
            getattr(ours, name)(*maps, **kwargs)
            for name in ("dice_score", "mean_iou", "hausdorff_distance")
        ),
    ]
    monkeypatch.setattr(torch.nn.functional, "one_hot", fail)
    with compat.patched("torchmetrics"):
        actual = [metric(*maps) for metric in made]
        actual += [
            function(*maps, **kwargs)
            for function in (dice_score, mean_iou, functional.hausdorff_distance)
        ]
    for one, other in zip(actual, expected, strict=True):
        same(one, other)
    with pytest.raises(AssertionError, match="one-hot"):
        dice_score(*maps, **kwargs)


def test_patched_functions_fall_back() -> None:
    preds, target = label_maps(6, 6)
    expected = functional.mean_iou(2 * hot(preds), hot(target), CLASSES)
    with compat.patched("torchmetrics"):
        actual = functional.mean_iou(2 * hot(preds), hot(target), CLASSES)
        with pytest.raises(RuntimeError, match="smaller than num_classes"):
            functional.dice_score(preds + 1, target, CLASSES, input_format="index")
    same(actual, expected)
