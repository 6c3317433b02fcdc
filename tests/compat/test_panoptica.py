"""The drop-in for panoptica's surface and overlap metrics against panoptica, alone and inside its evaluator."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from fastseg import compat
from fastseg.compat import panoptica as ours
from tests.compat.cases import Pair, extreme_pairs, filled_pairs, has_empty, mask, with_spacings
from tests.compat.parity import count_calls, observed, outcome, same, same_words, warned

if importlib.util.find_spec("panoptica") is None:
    host: Any = None
else:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        host = importlib.import_module("panoptica.metrics")

needs_host = pytest.mark.skipif(host is None, reason="panoptica is not installed")

OVERLAPS = ["_compute_dice_coefficient", "_compute_iou"]
MAXIMA = ["_compute_hausdorff_distance", "_compute_hausdorff_distance95"]
SURFACES = [*MAXIMA, "_average_symmetric_surface_distance", "_compute_normalized_surface_dice"]
INSTANCES = [
    "_compute_instance_volumetric_dice",
    "_compute_instance_iou",
    "_compute_instance_hausdorff_distance",
    "_compute_instance_hausdorff_distance95",
    "_compute_instance_average_symmetric_surface_distance",
    "_compute_instance_normalized_surface_dice",
]

PAIRS = filled_pairs() + extreme_pairs()
FILLED = [pair for pair in PAIRS if not has_empty(pair)]
MORE_AXES = [
    Pair("1-d", mask((40,), 0.3, 1), mask((40,), 0.3, 2)),
    Pair("4-d", mask((2, 4, 6, 5), 0.4, 3), mask((2, 4, 6, 5), 0.4, 4)),
]
CASES = [
    *with_spacings(FILLED),
    *((pair, spacing) for pair in MORE_AXES for spacing in (None, 0.7)),
]
IDS = [f"{pair.name}-{spacing}" for pair, spacing in CASES]


@pytest.mark.parametrize("pair", FILLED, ids=lambda pair: pair.name)
def test_formulas(pair: Pair) -> None:
    """What the functions are, written down with SciPy; of masks, and of instances in label maps."""
    reference, prediction = pair.reference, pair.prediction
    spacing = (2.0, 0.7, 1.3)[: reference.ndim]
    borders = [mask ^ ndimage.binary_erosion(mask) for mask in (reference, prediction)]
    to = [ndimage.distance_transform_edt(~border, sampling=spacing) for border in borders]
    there, back = to[1][borders[0]], to[0][borders[1]]
    both, either = (reference & prediction).sum(), (reference | prediction).sum()
    near = [(distances <= min(spacing)).mean() for distances in (there, back)]
    expected = [
        2 * both / (reference.sum() + prediction.sum()),
        both / either,
        max(there.max(), back.max()),
        np.percentile(np.concatenate([there, back]), 95),
        (there.mean() + back.mean()) / 2,
        np.mean(near),
    ]
    instances = reference * np.int16(4), prediction * np.uint8(7)
    for name, value in zip(INSTANCES, expected, strict=True):
        function = getattr(ours, name)
        found = (
            function(*instances, 4, 7, spacing),
            function(reference, prediction, voxelspacing=spacing),
        )
        np.testing.assert_allclose(found, [value] * 2, rtol=1e-13, err_msg=name)


@needs_host
@pytest.mark.parametrize("name", OVERLAPS)
@pytest.mark.parametrize("pair", PAIRS + MORE_AXES, ids=lambda pair: pair.name)
def test_overlaps(pair: Pair, name: str) -> None:
    for factor in (True, np.uint8(1), np.int64(3), 0.5):
        arguments = pair.reference * factor, pair.prediction * factor
        same(getattr(ours, name)(*arguments), getattr(host, name)(*arguments))


@needs_host
@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize(("pair", "spacing"), CASES, ids=IDS)
def test_surfaces(pair: Pair, spacing: Any, name: str) -> None:
    arguments: tuple[Any, ...] = pair.reference, pair.prediction, spacing
    if spacing == 0.7 and name.endswith("dice"):
        arguments = (*arguments, 1, 0.7)  # the host takes no single spacing without a threshold
    ulp = 1 if spacing is not None else 0
    if name == "_average_symmetric_surface_distance":
        ulp = 2 if spacing is not None else 0 if pair.reference.flags.c_contiguous else 4
    same(
        outcome(getattr(ours, name), *arguments), outcome(getattr(host, name), *arguments), ulp=ulp
    )


@needs_host
@pytest.mark.parametrize("connectivity", [2, 3])
@pytest.mark.parametrize("pair", FILLED, ids=lambda pair: pair.name)
def test_connectivity(pair: Pair, connectivity: int) -> None:
    for name in SURFACES:
        arguments = pair.reference, pair.prediction, None, connectivity
        expected = outcome(getattr(host, name), *arguments)
        ulp = 0 if pair.reference.flags.c_contiguous or name in MAXIMA else 4
        same(outcome(getattr(ours, name), *arguments), expected, ulp=ulp)


@needs_host
@pytest.mark.parametrize("threshold", [0, 0.5, 1, 2.5])
def test_nsd_at_a_threshold(threshold: float) -> None:
    for pair in FILLED:
        arguments = pair.reference, pair.prediction, None, 1, threshold
        name = "_compute_normalized_surface_dice"
        same(outcome(getattr(ours, name), *arguments), outcome(getattr(host, name), *arguments))
        told = warned(getattr(ours, name), *arguments)
        assert told == warned(getattr(host, name), *arguments)
        assert told == ([UserWarning] if threshold == 0.5 else [])


@needs_host
def test_the_warning_of_the_threshold_is_in_the_hosts_words() -> None:
    name, masks = "_compute_normalized_surface_dice", (CUBE, CUBE)
    for options in ({}, {"threshold": 0.5}, {"voxelspacing": (0.5, 1, 1)}):
        found, expected = (
            observed(getattr(module, name), *masks, **options) for module in (ours, host)
        )
        same_words(found, expected)


@needs_host
def test_a_threshold_is_compared_as_it_is() -> None:
    """0.8 as a float32 header has it lies beyond 0.8, here as in panoptica."""
    spacing = float(np.float32(0.8)), 1.0, 1.0
    first = np.zeros((9, 9, 9), bool)
    first[2:6, 2:7, 2:7] = True
    for threshold, low in ((0.8, True), (np.nextafter(spacing[0], 0), True), (spacing[0], False)):
        name = "_compute_normalized_surface_dice"
        found, expected = (
            getattr(module, name)(first, np.roll(first, 1, 0), spacing, 1, threshold)
            for module in (ours, host)
        )
        assert found == expected
        assert (found < 0.9) == low


@needs_host
@pytest.mark.parametrize("name", INSTANCES)
def test_instances(name: str) -> None:
    rng = np.random.default_rng(1)
    reference, prediction = (rng.integers(0, 4, (9, 8, 7)) for _ in range(2))
    for labels in ((1, 1), (2, 3)):
        for spacing in (None, (1.0, 2.0, 0.5)):
            arguments = reference, prediction, *labels, spacing
            found, expected = (outcome(getattr(m, name), *arguments) for m in (ours, host))
            same(found, expected, ulp=0 if spacing is None else 2)
    masks = reference > 2, prediction > 2
    same(outcome(getattr(ours, name), *masks), outcome(getattr(host, name), *masks))


CUBE = np.zeros((4, 5, 6), bool)
CUBE[1:3, 1:4, 2:5] = True
NOTHING = np.zeros_like(CUBE)


@pytest.mark.parametrize("name", SURFACES)
def test_distances_to_an_empty_mask_are_infinite(name: str) -> None:
    """The host gives what SciPy makes of an image without background, or an error."""
    score = name.endswith("dice")
    for masks in ((CUBE, NOTHING), (NOTHING, CUBE)):
        assert outcome(getattr(ours, name), *masks) == (0.0 if score else math.inf)
    assert math.isnan(outcome(getattr(ours, name), NOTHING, NOTHING))


@needs_host
@pytest.mark.parametrize("name", OVERLAPS + SURFACES)
@pytest.mark.parametrize(
    ("masks", "options"),
    [
        ((CUBE, CUBE[:3]), {}),
        ((CUBE[:3], CUBE), {}),
        ((CUBE.tolist(), CUBE), {}),
        ((CUBE, CUBE), {"voxelspacing": (1, 2)}),
        ((CUBE, CUBE), {"voxelspacing": "x"}),
    ],
)  # fmt: skip
def test_wrong_input_is_the_same_kind_of_error(name: str, masks: Any, options: Any) -> None:
    found, expected = (outcome(getattr(m, name), *masks, **options) for m in (ours, host))
    if isinstance(expected, type):
        same(found, expected)
    else:
        assert found == expected


@needs_host
@pytest.mark.parametrize("name", SURFACES)
def test_odd_spacings_are_left_to_the_host(name: str) -> None:
    for spacing in ((0.0, 1.0, 1.0), (-1.0, 1.0, 2.0)):
        found, expected = (outcome(getattr(m, name), CUBE, ~CUBE, spacing) for m in (ours, host))
        same(found, expected, ulp=2)


def test_shapes_that_numpy_would_broadcast_are_an_error() -> None:
    for name in OVERLAPS:
        with pytest.raises(ValueError, match="one shape"):
            getattr(ours, name)(CUBE, CUBE[:1])


@needs_host
@pytest.mark.parametrize("name", OVERLAPS + SURFACES + INSTANCES)
def test_signatures(name: str) -> None:
    expected = inspect.signature(getattr(host, name)).parameters.values()
    found = inspect.signature(getattr(ours, name)).parameters.values()
    assert [(p.name, p.default, p.kind) for p in found] == [
        (p.name, p.default, p.kind) for p in expected
    ]


def evaluated() -> dict[str, Any]:
    """What panoptica's own evaluator, to which steps are left, makes of two maps with every metric that is ours."""
    import panoptica

    reference = np.zeros((24, 30, 26), np.uint8)
    for label, corner in enumerate([(2, 3, 2), (12, 15, 10), (3, 20, 17)], start=1):
        reference[tuple(slice(c, c + 7) for c in corner)] = label
    prediction = np.roll(reference, (1, 0, 2), (0, 1, 2))
    prediction[20:22, 2:4, 2:4] = 9
    metrics = panoptica.Metric
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.MATCHED_INSTANCE,
        instance_metrics=[metrics.DSC, metrics.IOU, metrics.ASSD, metrics.HD, metrics.HD95, metrics.NSD],
        global_metrics=[metrics.DSC],
        log_times=False,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        groups = evaluator.evaluate(
            prediction,
            reference,
            voxelspacing=(2.0, 1.0, 0.7),
            verbose=False,
            log_intermediate_steps=True,
        )
    result = next(iter(groups.values()))
    return {name: value for name, value in result.to_dict().items() if isinstance(value, float)}


@needs_host
def test_inside_the_evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = evaluated()
    assert {"sq_assd", "sq_hd95", "global_bin_dsc"} <= expected.keys()
    searches = count_calls(monkeypatch, ours, "border_distances")
    with compat.patched("panoptica"):
        found = evaluated()
    assert len(searches) == 3, "one search for each matched instance"
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-14, err_msg=name)


@needs_host
def test_metrics_of_the_enum_reach_the_drop_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    import panoptica

    original = host._compute_hausdorff_distance
    expected = panoptica.Metric.HD(CUBE, ~CUBE)
    with compat.patched("panoptica"):
        assert host._compute_hausdorff_distance is ours._compute_hausdorff_distance
        same(panoptica.Metric.HD(CUBE, ~CUBE), expected)
        assert panoptica.Metric.HD(CUBE, NOTHING) == math.inf
    assert host._compute_hausdorff_distance is original


WITHOUT = """
import sys
sys.modules["panoptica"] = None  # importing it fails
import numpy as np
from fastseg.compat.panoptica import _compute_dice_coefficient, _compute_hausdorff_distance
masks = np.array([1, 1, 0]), np.array([1, 0, 0])
print(_compute_dice_coefficient(*masks), _compute_hausdorff_distance(*masks))
"""


@pytest.mark.slow
def test_panoptica_is_not_needed(run_python: Callable[..., str]) -> None:
    assert [float(value) for value in run_python(WITHOUT).split()] == [2 / 3, 1.0]
