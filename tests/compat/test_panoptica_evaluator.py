"""panoptica's evaluator beside panoptica: its results to the bit, its errors, and what is left to it."""

from __future__ import annotations

import collections
import functools
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg import compat
from fastseg.compat import panoptica as ours
from fastseg.compat._support import panoptica_evaluator as support
from fastseg.compat._support.panoptica_values import other_value
from tests.compat.parity import observed
from tests.oracle.trees import trees
from tests.protocols.panoptic_twin import maps

pytest.importorskip("panoptica")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import panoptica
    from panoptica.instance_matcher import (
        MaxBipartiteMatching,
        MaximizeMergeMatching,
        NaiveThresholdMatching,
    )
    from panoptica.utils import EdgeCaseResult, PanopticaSpeedToggles
    from panoptica.utils.constants import CCABackend
    from panoptica.utils.edge_case_handling import EdgeCaseHandler, MetricZeroTPEdgeCaseHandling
    from panoptica.utils.label_group import LabelGroup, LabelMergeGroup
    from panoptica.utils.segmentation_class import SegmentationClassGroups

pytestmark = [
    pytest.mark.filterwarnings("ignore:The threshold is set to 0.5"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:panoptica"),
]

Metric = panoptica.Metric
INPUTS = {
    "semantic": panoptica.InputType.SEMANTIC,
    "unmatched": panoptica.InputType.UNMATCHED_INSTANCE,
    "matched": panoptica.InputType.MATCHED_INSTANCE,
}
LISTS = [
    f"instance_{what}_{which}_ref_list"
    for what in ("voxel_count", "volume")
    for which in ("matched", "unmatched")
]


@pytest.fixture(autouse=True)
def no_reminder() -> None:
    """Nothing is printed that was not asked for."""
    panoptica.disable_citation_reminder()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """Why calls were left to the host."""
    from fastseg.compat._support import patching

    reasons: collections.Counter[str] = collections.Counter()
    find = patching.host_function

    def spy(module: str, attribute: str, reason: str = "this", ours: Any = None) -> Any:
        reasons[reason] += 1
        return find(module, attribute, reason, ours)

    monkeypatch.setattr(patching, "host_function", spy)
    return reasons


def handler(rng: np.random.Generator) -> EdgeCaseHandler:
    """Edge cases of all metrics, by chance."""
    results = list(EdgeCaseResult)[:4]

    def draw() -> Any:
        return results[rng.integers(4)]

    cases = {
        metric: MetricZeroTPEdgeCaseHandling(
            no_instances_result=draw(),
            empty_prediction_result=draw(),
            empty_reference_result=draw(),
            normal=draw(),
        )
        for metric in Metric
    }
    return EdgeCaseHandler(cases, empty_list_std=draw())


def groups(rng: np.random.Generator, labels: int) -> SegmentationClassGroups | None:
    """None, regions as BraTS has them, or one of them a single instance."""
    if labels < 3 or rng.random() < 0.5:
        return None
    if rng.random() < 0.5:
        return SegmentationClassGroups(
            {"a": LabelGroup([1, 2]), "b": LabelMergeGroup(list(range(3, labels + 1)))}
        )
    rest = list(range(2, labels + 1))
    return SegmentationClassGroups({"one": (1, True), "rest": LabelGroup(rest)})


def options_of(rng: np.random.Generator, kind: str, labels: int) -> dict[str, Any]:
    """The arguments of an evaluator, by chance."""
    metrics = list(rng.permutation([*"012345678"])[: rng.integers(1, 9)])
    named = [m for m in Metric if m.name != "clDSC"]
    metrics = [named[int(i)] for i in metrics]
    matcher = (NaiveThresholdMatching, MaxBipartiteMatching, MaximizeMergeMatching)[rng.integers(3)]
    of_matcher = {
        "matching_metric": (Metric.IOU, Metric.DSC)[rng.integers(2)],
        "matching_threshold": float(rng.choice([0, 1e-6, 0.1, 0.3, 0.5])),
        "strict_threshold": bool(rng.random() < 0.2),
    }
    if matcher is NaiveThresholdMatching:
        of_matcher["allow_many_to_one"] = bool(rng.random() < 0.3)
    whole: list[list[Any]] = [
        [Metric.DSC],
        [],
        [Metric.ASSD, Metric.HD95, Metric.RVD],
        [Metric.NSD, Metric.CEDI, Metric.IOU],
    ]
    found: dict[str, Any] = {
        "expected_input": INPUTS[kind],
        "instance_approximator": panoptica.ConnectedComponentsInstanceApproximator(
            (None, None, CCABackend.cc3d, CCABackend.scipy)[rng.integers(4)]
        ),
        "instance_matcher": matcher(**of_matcher),
        "instance_metrics": metrics,
        "global_metrics": whole[rng.integers(4)],
        "segmentation_class_groups": groups(rng, labels),
        "edge_case_handler": handler(rng) if rng.random() < 0.8 else None,
    }
    if rng.random() < 0.3:
        found["decision_metric"] = metrics[rng.integers(len(metrics))]
        found["decision_threshold"] = float(rng.choice([0.3, 0.5, 0.8]))
    if rng.random() < 0.1:
        found["speed_toggles"] = PanopticaSpeedToggles(crop_at_start=False)
    return found


def held(result: Any) -> dict[str, Any]:
    """All that a result holds but times."""
    return {
        **result.to_dict(output_individual_instance_metrics=True),
        **{name: getattr(result, name) for name in LISTS},
        "volumes": (result.global_bin_volume_pred, result.global_bin_volume_ref),
        "counts": (result.n_pred_instances, result.n_ref_instances),
        "metadata": dict(result.metadata),
        "lists": {
            metric.name: [one.ALL, one.AVG, one.SUM, one.MIN, one.MAX, one.STD]
            for metric, one in result._list_metrics.items()
        },
        "regions": {
            metric.name: vars(result)[f"region_avg_{metric.name.lower()}"] for metric in Metric
        },
        "text": str(result),
    }


def compare(expected: Any, found: Any, where: str = "", ulp: int = 0) -> None:
    """Names in their order, and values to the bit."""
    if isinstance(expected, dict):
        assert list(expected) == list(found), where
        for name, value in expected.items():
            compare(value, found[name], f"{where}/{name}", ulp)
    elif isinstance(expected, (list, tuple)):
        assert len(expected) == len(found), where
        for value, other in zip(expected, found, strict=True):
            compare(value, other, where, ulp)
    elif isinstance(expected, float) and ulp and np.isfinite(expected):
        assert abs(expected - found) <= ulp * np.spacing(abs(float(expected))), where
    elif not where.endswith("/text") or not ulp:
        np.testing.assert_array_equal(found, expected, err_msg=where)


def both(options: dict[str, Any], call: Callable[[Any], Any], where: str, ulp: int = 0) -> bool:
    """Compare what the host's evaluator and ours give; an error must be of its type."""
    expected = observed(lambda: call(panoptica.Panoptica_Evaluator(**options)))
    found = observed(lambda: call(ours.Panoptica_Evaluator(**options)))
    if expected.error or found.error:
        kinds = [one.error[0] if one.error else None for one in (expected, found)]
        assert kinds[0] is kinds[1], f"{where}: {expected.error}, {found.error}"
        return False
    compare(expected.value, found.value, where, ulp)
    return True


def evaluate_some(kind: str, seeds: range, **more: Any) -> int:
    """Compare cases by chance; how many of them were no error."""
    compared = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        ndim, labels = 2 + seed % 2, (1, 4)[seed // 2 % 2] if kind == "semantic" else 6
        reference, prediction = maps(seed, ndim, labels)
        if rng.random() < 0.2:
            reference, prediction = reference.astype(np.int64), np.asfortranarray(prediction)
        options = {**options_of(rng, kind, labels), **more}
        if "per_region_evaluation" in more:
            options.pop("decision_metric", None)
            options.pop("decision_threshold", None)
        # where two nearest voxels tie, SciPy may take the one whose distance is rounded up
        spacing, ulp = [(None, 0), ((2.0, 0.5, 1.0)[:ndim], 0), ((0.7, 1.3, 3.1)[:ndim], 8)][
            rng.choice([0, 0, 0, 1, 2])
        ]

        def call(
            evaluator: Any, maps: Any = (prediction, reference), spacing: Any = spacing
        ) -> Any:
            results = evaluator.evaluate(*maps, voxelspacing=spacing)
            return {name: held(result) for name, result in results.items()}

        compared += both(options, call, f"{kind} {seed}", ulp)
    return compared


@pytest.mark.parametrize("kind", INPUTS)
def test_results_are_the_hosts_to_the_bit(kind: str, asked: collections.Counter[str]) -> None:
    assert evaluate_some(kind, range(40)) > 25
    assert not asked


@pytest.mark.slow
@pytest.mark.parametrize("kind", INPUTS)
def test_six_hundred_results(kind: str) -> None:
    assert evaluate_some(kind, range(40, 640)) > 400


def test_results_by_regions() -> None:
    assert evaluate_some("semantic", range(40), per_region_evaluation=True) > 15


@pytest.mark.slow
def test_five_hundred_results_by_regions() -> None:
    assert evaluate_some("semantic", range(40, 540), per_region_evaluation=True) > 150


@pytest.mark.parametrize("mode", ["step", "fixed"])
def test_curves_over_thresholds(mode: str, asked: collections.Counter[str]) -> None:
    compared = 0
    for seed in range(16):
        rng = np.random.default_rng(seed)
        reference, prediction = maps(seed, 2 + seed % 2, 2)
        options = options_of(rng, ("semantic", "unmatched")[seed % 2], 2)
        if mode == "fixed":
            options |= {
                "decision_metric": options["instance_metrics"][0],
                "decision_threshold": 0.4,
            }

        def call(evaluator: Any, maps: Any = (prediction, reference)) -> Any:
            found = evaluator.evaluate_autc(
                *maps, threshold_step_size=0.2, decision_threshold_mode=mode
            )
            return {name: result.to_dict() for name, result in found.items()}

        compared += both(options, call, f"{mode} {seed}")
    assert compared > 8
    assert not asked


def lesions() -> tuple[Any, Any]:
    reference = np.zeros((20, 20, 20), np.uint8)
    reference[2:6, 2:6, 2:6] = reference[10:15, 10:15, 10:15] = 1
    return reference, np.roll(reference, 1, 0)


SEMANTIC: dict[str, Any] = {
    "expected_input": panoptica.InputType.SEMANTIC,
    "instance_approximator": panoptica.ConnectedComponentsInstanceApproximator(),
    "instance_matcher": NaiveThresholdMatching(),
}


def results(evaluator: Any, **options: Any) -> dict[str, Any]:
    reference, prediction = lesions()
    found = evaluator.evaluate(prediction, reference, **options)
    return {name: result.to_dict(True) for name, result in found.items()}


@pytest.mark.parametrize("metric", [Metric.IOU, Metric.DSC, Metric.RVAE])
def test_scores_that_matchers_go_through(metric: Any) -> None:
    name = "_calc_matching_metric_of_overlapping_labels"
    module = support.host("_functionals")
    for seed in range(30):
        reference, prediction = maps(seed, 2 + seed % 2, 9)
        labels = tuple(np.unique(reference[reference > 0]))
        if labels:
            arguments = prediction, reference, labels, metric
            found, expected = (observed(getattr(one, name), *arguments) for one in (ours, module))
            assert found.value == expected.value
    reference[0, 0] = prediction[0, 0] = 255
    arguments = prediction, reference, (np.uint8(255),), metric
    found, expected = (observed(getattr(one, name), *arguments) for one in (ours, module))
    assert found.value == expected.value


@pytest.mark.parametrize(
    "matcher",
    [
        NaiveThresholdMatching(Metric.DSC, 0.1, allow_many_to_one=True),
        MaxBipartiteMatching(),
        MaximizeMergeMatching(),
    ],
)
def test_matchers_of_a_patched_host(matcher: Any) -> None:
    for seed in range(12):
        reference, prediction = maps(seed, 3, 9)
        if not (reference.any() and prediction.any()):
            continue
        pair = panoptica.UnmatchedInstancePair(prediction, reference)
        expected = matcher.match_instances(pair).prediction_arr
        with compat.patched("panoptica"):
            found = matcher.match_instances(pair).prediction_arr
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def held_of(*maps: Any) -> Callable[[Any], Any]:
    """What an evaluator's only result holds."""
    return lambda evaluator: held(evaluator.evaluate(*maps)["ungrouped"])


def test_skeletons_are_the_hosts() -> None:
    options = {**SEMANTIC, "instance_metrics": [Metric.clDSC], "global_metrics": [Metric.clDSC]}
    assert both(options, results, "clDSC")


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_centreline_dice_of_two_masks() -> None:
    """Volumes are thinned here, planes by the host: as it has them, in its types."""
    for i, (reference, prediction) in enumerate(trees(60, 4, axes=(3, 2, 3))):
        kind = (bool, np.uint8)[i % 2]
        masks = reference.astype(kind, order="F" if i % 3 == 1 else "C"), prediction.astype(kind)
        expected, found = Metric.clDSC(*masks), other_value(Metric.clDSC, *masks)
        np.testing.assert_array_equal(found, expected)
        assert type(found) is type(expected)


def test_a_patched_host_gives_the_same(asked: collections.Counter[str]) -> None:
    evaluator = panoptica.Panoptica_Evaluator(**SEMANTIC)
    expected = results(evaluator)
    with compat.patched("panoptica"):
        compare(expected, results(evaluator))
        assert not asked
        compare(expected, results(evaluator, log_intermediate_steps=True))
        assert set(asked) == {"log_intermediate_steps=True"}
    assert panoptica.Panoptica_Evaluator.evaluate is not ours.evaluate


@pytest.mark.parametrize("name", ["evaluate", "evaluate_autc"])
def test_signatures(name: str) -> None:
    # the host wraps its methods without saying what they take
    wrapped = inspect.getclosurevars(getattr(panoptica.Panoptica_Evaluator, name)).nonlocals["func"]
    expected = inspect.signature(wrapped).parameters.values()
    found = inspect.signature(getattr(ours, name)).parameters.values()
    assert [(p.name, p.default) for p in found] == [(p.name, p.default) for p in expected]


def test_what_is_left_to_the_host(asked: collections.Counter[str]) -> None:
    class Mine(NaiveThresholdMatching):  # type: ignore[misc]
        pass

    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"instance_matcher": Mine()}, {}, "instance_matcher="),
        ({"instance_matcher": NaiveThresholdMatching(Metric.ASSD, 2)}, {}, "matching by ASSD"),
        ({"instance_matcher": NaiveThresholdMatching(matching_threshold=-1)}, {}, "a matching threshold"),
        ({"instance_approximator": None}, {}, "instance_approximator="),
        ({"edge_case_handler": type("Own", (EdgeCaseHandler,), {})()}, {}, "an edge case handler"),
        ({}, {"verbose": True}, "verbose=True"),
        ({}, {"log_times": True}, "log_times=True"),
        ({}, {"voxelspacing": (1.0, 0.0, 1.0)}, "a voxel spacing of"),
    ]  # fmt: skip
    for settings, call, reason in cases:
        asked.clear()
        both({**SEMANTIC, **settings}, functools.partial(results, **call), reason)
        assert [one.startswith(reason) for one in asked] == [True], (reason, asked)


@pytest.mark.parametrize("largest", [254, 255])
def test_a_label_after_which_the_hosts_numbers_begin_anew(
    largest: int, asked: collections.Counter[str]
) -> None:
    """The host has an error, or scores that mean nothing, with a reference label of 255; here as there."""
    reference = np.zeros((9, 9, 9), np.uint8)
    reference[:3, :3, :3], reference[5:, 5:, 5:] = 1, largest
    options = {**SEMANTIC, "expected_input": panoptica.InputType.UNMATCHED_INSTANCE}
    both(options, held_of(reference, reference), "largest")
    assert bool(asked) == (largest == 255)


def test_labels_whose_sum_is_none(asked: collections.Counter[str]) -> None:
    """The host crops by sums of labels, and 100 and 156 are 0 in 8 bits: it sees less, here as there."""
    reference = np.zeros((20, 20, 20), np.uint8)
    reference[1:3, 1:3, 1:3], reference[9:12, 9:12, 9:12] = 100, 7
    prediction = np.where(reference == 100, 156, reference).astype(np.uint8)
    both(SEMANTIC, held_of(prediction, reference), "sums")
    assert list(asked) == ["labels whose sum the host takes for background"]


def test_wrong_input_is_the_hosts_error() -> None:
    reference, prediction = lesions()
    wrong: list[tuple[Any, Any]] = [
        (prediction, reference[:5]),
        (prediction.astype(np.int16) - 3, reference),
        (prediction, reference.tolist()),
        (prediction[:0], reference[:0]),
        (None, reference),
    ]
    for maps_ in wrong:
        assert not both(SEMANTIC, held_of(*maps_), "wrong")
    grouped = {**SEMANTIC, "segmentation_class_groups": SegmentationClassGroups({"a": LabelGroup(5)})}  # fmt: skip
    assert not both(grouped, results, "labels of no group")


def test_floats_are_converted_by_the_host() -> None:
    reference, prediction = (side.astype(np.float32) for side in lesions())
    assert both(SEMANTIC, held_of(prediction, reference), "floats")


def test_files_and_images_are_read_by_the_host(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    images = []
    for name, side in zip("ab", lesions(), strict=True):
        image = sitk.GetImageFromArray(side)
        image.SetSpacing((1.0, 2.0, 3.0))
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
        images.append(image)
    for inputs in (images, [tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"]):
        assert both(SEMANTIC, held_of(*inputs), "images")


def test_times_and_groups() -> None:
    reference, prediction = lesions()
    class_groups = SegmentationClassGroups({"a": LabelGroup(1), "b": LabelGroup(2)})
    evaluator = ours.Panoptica_Evaluator(**SEMANTIC, segmentation_class_groups=class_groups)
    found = evaluator.evaluate(prediction, reference, skip_groups=["b"], save_group_times=True)
    assert list(found) == ["a"]
    assert found["a"].computation_time > 0
    assert {"preprocess", "matching", "instance_evaluation", "metric_rq"} <= set(
        found["a"].phase_times
    )
    assert evaluator.evaluate(prediction, reference)["a"].computation_time is None


def test_the_class_is_the_hosts_but_for_what_it_replaces(tmp_path: Path) -> None:
    evaluator = ours.Panoptica_Evaluator(**SEMANTIC)
    assert isinstance(evaluator, panoptica.Panoptica_Evaluator)
    evaluator.save_to_config(tmp_path / "evaluator.yaml")
    loaded = panoptica.Panoptica_Evaluator.load_from_config(tmp_path / "evaluator.yaml")
    assert type(loaded) in (panoptica.Panoptica_Evaluator, ours.Panoptica_Evaluator)
    compare(results(evaluator), results(loaded))
    assert evaluator.resulting_metric_keys == loaded.resulting_metric_keys
    assert ours.InputType is panoptica.InputType


def test_the_reminder_is_the_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    module = support.host("utils.citation_reminder")
    module._citation_reminder_enabled = True
    results(ours.Panoptica_Evaluator(**SEMANTIC))
    results(ours.Panoptica_Evaluator(**SEMANTIC))
    assert capsys.readouterr().out.count("citing") == 1
