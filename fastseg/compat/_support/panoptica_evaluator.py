"""panoptica's evaluator from the sparse table of instances: no array of instances, of matched instances or of masks.

What is settled here is which instances there are, which are matched, and what their metrics are; the settings, the
edge cases, the results and what they print are the host's own objects.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from fastseg.compat._support import panoptica_groups as groups
from fastseg.compat._support.panoptica_groups import Group, bits_for
from fastseg.compat._support.patching import NotCovered
from fastseg.inputs.arrays import Array
from fastseg.protocols.rules.panoptic import Matches, matched_by

Run = Callable[[Any, "Plan", Any, Group, Mapping[str, Any], float], Any]

# what a pair is matched by, by the host's name
_SCORES = {"IOU": "iou", "DSC": "dice"}
_RULES = {
    "NaiveThresholdMatching": "greedy",
    "MaxBipartiteMatching": "optimal",
    "MaximizeMergeMatching": "merge",
}


def host(module: str) -> Any:
    """Import a module of panoptica."""
    return importlib.import_module(f"panoptica.{module}")


def remind() -> None:
    """Let the host ask to be cited, once, as it does when it evaluates."""
    host("utils.citation_reminder").citation_reminder(lambda: None)()


class Plan:
    """What an evaluator was set up for, read once a call, and refused where it is left to the host."""

    def __init__(self, evaluator: Any, options: Mapping[str, Any]) -> None:
        self.settings = type(evaluator)._yaml_repr(evaluator)
        chosen = {**self.settings, **{k: v for k, v in options.items() if v is not None}}
        for name in ("log_intermediate_steps", "log_times", "verbose"):
            if chosen[name]:
                raise NotCovered(f"{name}=True")
        self.save_times = bool(chosen["save_group_times"])
        self.by_regions = bool(self.settings["per_region_evaluation"])
        self.metrics = list(self.settings["instance_metrics"])
        self.global_metrics = self.settings["global_metrics"]
        self.handler = self.settings["edge_case_handler"]
        self.decision = self.settings["decision_metric"]
        self.cropped = bool(self.settings["speed_toggles"].crop_at_start)
        self.input = self.settings["expected_input"].name
        if type(self.handler) is not host("utils.edge_case_handling").EdgeCaseHandler:
            raise NotCovered("an edge case handler of your own")
        if self.decision is not None and self.decision not in self.metrics:
            raise NotCovered("a decision metric that is not an instance metric")
        if len({metric.name for metric in self.metrics}) != len(self.metrics):
            raise NotCovered("a metric twice")
        self.neighbours = self._neighbours() if self.input == "SEMANTIC" else None
        self.rule, self.matcher = "", self.settings["instance_matcher"]
        if self.input != "MATCHED_INSTANCE":
            self._read_matcher()

    def _neighbours(self) -> Callable[[int], bool]:
        """Tell, by the number of axes, whether components are cc3d's: of each label, over corners."""
        approximator = self.settings["instance_approximator"]
        known = host("instance_approximator").ConnectedComponentsInstanceApproximator
        if type(approximator) is not known:
            raise NotCovered(f"instance_approximator={approximator!r}")
        backend = approximator.cca_backend
        if backend is None:
            return lambda ndim: ndim >= 3
        return lambda ndim: bool(backend.name == "cc3d")

    def _read_matcher(self) -> None:
        matcher, module = self.matcher, host("instance_matcher")
        name = type(matcher).__name__
        if name not in _RULES or type(matcher) is not getattr(module, name):
            raise NotCovered(f"instance_matcher={matcher!r}")
        metric = matcher._matching_metric
        if metric.name not in _SCORES:
            raise NotCovered(f"matching by {metric.name}")
        self.rule, self.score = _RULES[name], _SCORES[metric.name]
        self.strict = bool(matcher._strict_threshold)
        self.many_to_one = bool(getattr(matcher, "_allow_many_to_one", False))

    def match(self, group: Group, threshold: float | None) -> Matches:
        """Match the instances of a group."""
        if group.matched:
            return Matches.by_id(group.table)
        if threshold is None:
            threshold = self.matcher._matching_threshold
        if not (isinstance(threshold, (int, float)) and 0 <= threshold <= 1):
            raise NotCovered(f"a matching threshold of {threshold!r}")
        return matched_by(
            group.table,
            self.rule,
            score=self.score,
            threshold=threshold,
            strict=self.strict,
            many_to_one=self.many_to_one,
        )


def evaluated(
    evaluator: Any,
    prediction: Any,
    reference: Any,
    options: Mapping[str, Any],
    run: Run,
) -> dict[str, Any]:
    """Run something for each group of labels.

    Parameters
    ----------
    evaluator : panoptica.Panoptica_Evaluator
    prediction, reference : object
        What the host takes.
    options : mapping
        The host's, of a call.
    run : callable
        Gets the evaluator, its plan, the host's label group, the group, what goes with the result, and the time that
        reading took.
    """
    start = perf_counter()
    switches = ("save_group_times", "log_intermediate_steps", "log_times", "verbose")
    plan = Plan(evaluator, {name: options.get(name) for name in switches})
    maps, metadata = _arrays(prediction, reference)
    if options.get("voxelspacing") is not None:
        metadata["voxelspacing"] = options["voxelspacing"]
    pair = groups.MapPair.of(*maps)
    class_groups = plan.settings["segmentation_class_groups"]
    if type(class_groups) is not host("utils.segmentation_class")._NoSegmentationClassGroups:
        for labels in reversed(pair.labels):
            class_groups.has_defined_labels_for(labels, raise_error=True)
    preprocess = perf_counter() - start
    skipped = evaluator._resolve_skip_groups(options.get("skip_groups"))
    results = {}
    for name, label_group in class_groups.items():
        if name not in skipped:
            start = perf_counter()
            group = groups.group_of(pair, label_group, plan)
            results[name] = run(evaluator, plan, label_group, group, metadata, preprocess)
            if plan.save_times:
                results[name].computation_time = perf_counter() - start
    return results


def _arrays(prediction: Any, reference: Any) -> tuple[tuple[Array, Array], dict[str, Any]]:
    """Give reference and prediction as arrays of whole numbers, read and checked by the host unless they are that."""
    both = prediction, reference
    if all(type(one) is np.ndarray and one.dtype.kind in "iu" for one in both):
        metadata: dict[str, Any] = {}
        if prediction.shape != reference.shape:
            raise NotCovered("maps of different shapes")
    else:
        check = host("panoptica_evaluator").sanity_check_and_convert_to_array
        ((prediction, reference), metadata), _ = check(prediction, reference)
    if prediction.ndim not in (2, 3) or not prediction.size:
        raise NotCovered(f"maps of shape {prediction.shape}")
    return (reference, prediction), dict(metadata)


def result_of_group(
    evaluator: Any,
    plan: Plan,
    label_group: Any,
    group: Group,
    metadata: Mapping[str, Any],
    preprocess: float,
    *,
    result_all: bool = True,
    matching_threshold: float | None = None,
    decision_threshold: float | None = None,
) -> Any:
    """Match, measure, and make the host's result."""
    timer = host("utils.phase_timer").PhaseTimer()
    if preprocess:
        timer.record("preprocess", preprocess)
    metadata = {"voxelspacing": (1.0,) * group.ndim, **metadata}
    spacing = group.spacing(metadata["voxelspacing"])
    with timer.time("approximation" if group.semantic else "edge_case_handling"):
        counts = group.counts
    if not all(counts):
        result = _of_no_instances(plan, group, metadata["voxelspacing"])
    else:
        with timer.time("matching"):
            matches = plan.match(group, matching_threshold)
        with timer.time("instance_evaluation"):
            again = matching_threshold is not None
            found = _instances(plan, group, matches, metadata, spacing, decision_threshold, again)
        remaining = matches.remaining_predictions
        n_prediction = remaining if remaining < counts[1] else counts[1]
        result = _result(
            plan,
            group,
            n_ref_instances=counts[0],
            n_pred_instances=n_prediction,
            label_group=label_group,
            processing_pair_orig_shape=group.shape,
            **found,
            **metadata,
        )
    if result_all:
        with timer.time("global_metrics"):
            result.calculate_all(print_errors=False, phase_timer=timer)
    result.phase_times = dict(timer.times)
    return result


def one_result(result_all: bool) -> Run:
    """Make what ``evaluate`` runs for each group."""

    def run(
        evaluator: Any,
        plan: Plan,
        label_group: Any,
        group: Group,
        metadata: Mapping[str, Any],
        preprocess: float,
    ) -> Any:
        arguments = evaluator, plan, label_group, group, metadata, preprocess
        if plan.by_regions:
            return result_by_regions(*arguments)
        threshold = (
            0.0 if label_group.single_instance and plan.input != "MATCHED_INSTANCE" else None
        )
        return result_of_group(
            *arguments,
            result_all=result_all,
            decision_threshold=plan.settings["decision_threshold"]
            if threshold is None
            else threshold,
        )

    return run


def curve(thresholds: Sequence[float], fixed: bool, result_all: bool) -> Run:
    """Make what ``evaluate_autc`` runs for each group."""

    def run(
        evaluator: Any,
        plan: Plan,
        label_group: Any,
        group: Group,
        metadata: Mapping[str, Any],
        preprocess: float,
    ) -> Any:
        largest = max(
            (
                int(side.ids[-1])
                for side in (group.table.reference, group.table.prediction)
                if len(side)
            ),
            default=0,
        )
        bits = bits_for(largest)
        group.check_largest(bits)
        group.check_sums(group.pair.histogram, bits)
        own = plan.settings["decision_threshold"]
        results = {
            threshold: result_of_group(
                evaluator,
                plan,
                label_group,
                group,
                metadata,
                preprocess,
                result_all=result_all,
                matching_threshold=threshold,
                decision_threshold=0.0
                if label_group.single_instance
                else own
                if fixed
                else threshold,
            )
            for threshold in thresholds
        }
        return host("panoptica_result").PanopticaAUTCResult(threshold_results=results)

    return run


def _of_no_instances(plan: Plan, group: Group, spacing: Sequence[float]) -> Any:
    """Make the result of a group that one side has nothing of."""
    sizes: list[int] = [] if group.counts[1] else group.table.reference.sizes.tolist()
    voxel = float(np.prod(spacing))
    return _result(
        plan,
        group,
        n_ref_instances=group.counts[0],
        n_pred_instances=group.counts[1],
        tp=0,
        list_metrics={metric: [] for metric in plan.metrics},
        instance_voxel_count_unmatched_ref=sizes,
        instance_volume_unmatched_ref=[float(size) * voxel for size in sizes],
    )


def _instances(
    plan: Plan,
    group: Group,
    matches: Matches,
    metadata: Mapping[str, Any],
    spacing: tuple[float, ...],
    decision_threshold: float | None,
    again: bool,
) -> dict[str, Any]:
    """Measure the matches, and keep those that the decision metric accepts."""
    given = metadata["voxelspacing"]
    table = group.scores(matches, plan.metrics, spacing, given, again=again)
    accepted = list(range(len(matches)))
    if plan.decision is not None:
        accepted = [
            place
            for place, score in enumerate(table[plan.decision.name])
            if decision_threshold is not None
            and plan.decision.score_beats_threshold(score, decision_threshold)
        ]
    kept = set(accepted)
    sizes = matches.voxels[1].tolist()
    found = [sizes[place] for place in accepted]
    unmatched = [size for place, size in enumerate(sizes) if place not in kept]
    unmatched += group.table.reference.sizes[matches.missed].tolist()
    voxel = float(np.prod(given))
    return {
        "tp": len(found),
        "list_metrics": {
            metric: [table[metric.name][place] for place in accepted] for metric in plan.metrics
        },
        "instance_voxel_count_matched_ref": found,
        "instance_volume_matched_ref": [float(size) * voxel for size in found],
        "instance_voxel_count_unmatched_ref": unmatched,
        "instance_volume_unmatched_ref": [float(size) * voxel for size in unmatched],
    }


def _result(plan: Plan, group: Group, **values: Any) -> Any:
    """Make the host's result, to which global metrics are added rather than the arrays that it would make them of."""
    nothing = np.zeros(1, np.uint8)
    result = host("panoptica_result").PanopticaResult(
        reference_arr=nothing,
        prediction_arr=nothing,
        edge_case_handler=plan.handler,
        global_metrics=[],
        **values,
    )
    result._global_metrics = plan.global_metrics
    result.global_bin_volume_ref, result.global_bin_volume_pred = group.volumes
    for metric in host("metrics").Metric:
        if metric in plan.global_metrics:
            name = f"global_bin_{metric.name.lower()}"
            if group.overlap:
                value = group.global_value(metric)
            else:
                _, value = plan.handler.handle_zero_tp(
                    metric=metric,
                    tp=0,
                    n_pred_instances=result.n_pred_instances,
                    n_ref_instances=result.n_ref_instances,
                )
            setattr(result, name, value)
            result._evaluation_metrics[name]._was_calculated = True
    return result


def result_by_regions(
    evaluator: Any,
    plan: Plan,
    label_group: Any,
    group: Group,
    metadata: Mapping[str, Any],
    preprocess: float,
) -> Any:
    """Make the host's result of an evaluation by Voronoi regions: of these, global metrics are averaged."""
    timer = host("utils.phase_timer").PhaseTimer()
    if preprocess:
        timer.record("preprocess", preprocess)
    if group.matched:
        raise NotCovered("regions of matched instances")
    if any(one not in plan.handler.listmetric_zeroTP_handling for one in plan.metrics):
        raise NotCovered("regions with metrics that have no edge case handling")
    metadata = {"voxelspacing": (1.0,) * group.ndim, **metadata}
    group.spacing(metadata["voxelspacing"])
    n_regions = 0
    if not all(group.counts):
        result = _of_no_instances(plan, group, metadata["voxelspacing"])
        result.tp = result.n_pred_instances = result.n_ref_instances = math.nan
    else:
        with timer.time("voronoi_regions"):
            regions = group.regions()
        n_regions = group.counts[0]
        with timer.time("region_loop"):
            averages = {
                metric: np.mean(
                    [_of_region(plan, regions, metric, i) for i in range(1, n_regions + 1)]
                )
                for metric in plan.global_metrics
            }
        result = _result(
            plan,
            group,
            n_ref_instances=math.nan,
            n_pred_instances=math.nan,
            tp=math.nan,
            list_metrics={},
            label_group=label_group,
            processing_pair_orig_shape=group.shape,
            **metadata,
        )
    for metric in plan.global_metrics:
        name = f"region_avg_{metric.name.lower()}"
        setattr(result, name, averages[metric] if n_regions else 0.0)
    result.phase_times = dict(timer.times)
    return result


def _of_region(plan: Plan, regions: groups.Regions, metric: Any, label: int) -> Any:
    """Give a global metric of one region."""
    counts = regions.counts(label)
    if counts.tp:
        return regions.value(metric, label)
    return plan.handler.handle_zero_tp(
        metric=metric,
        tp=0,
        n_pred_instances=int(counts.prediction > 0),
        n_ref_instances=int(counts.reference > 0),
    )[1]
