"""All that an evaluation by instances depends on besides the two label maps: checked once, frozen, picklable."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar, get_args

from fastseg import io
from fastseg.errors import InputError, InputTypeError
from fastseg.evaluation.settings import Settings
from fastseg.evaluation.special_settings import SpecialSettings
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_flag, as_number, as_whole_number, is_scalar, shown
from fastseg.inputs.structures import SIDES
from fastseg.instances.components import COMPONENTS, Components, SideRules
from fastseg.instances.confidence import OfVoxels, as_of_voxels, image_of_case
from fastseg.instances.matching import RULES
from fastseg.instances.scores import score_named
from fastseg.metrics import FROM_HISTOGRAM, MEASUREMENTS, Metric, list_metrics, resolve
from fastseg.metrics.overlap import with_betas
from fastseg.threads import lazy

_Value = TypeVar("_Value")

Regions = Literal["matched", "voronoi"]

#: how many neighbours a voxel has, by the number of axes and of those along which they may differ
_NEIGHBOURS = {2: {4: 1, 8: 2}, 3: {6: 1, 18: 2, 26: 3}}

#: columns of the table that are means over instances, before the name of a metric
MATCHED, LESIONWISE = "matched_", "lesionwise_"


@dataclass(frozen=True)
class InstanceSettings(SpecialSettings):
    """What :func:`fastseg.evaluate_instances` was asked for, checked.

    Attributes
    ----------
    components : pair of {"connected", "given"}
        Of the reference and of the prediction, as the next.
    dilation, minimum_size : pair of int
    connectivity, dilation_connectivity : int or None
        As given: a number of axes or of neighbours.
    matching, score : str
    threshold : float
    strict, many_to_one, together : bool
    detection_names : tuple of str
        Metrics of how instances were matched; `metric_names` are those of single instances.
    structure_names : tuple of str
        Metrics of structures as a whole.
    confidence : str or None
        An image of probabilities, or a folder with one of each case.
    confidence_of : {"max", "mean"}
    partition_names : tuple of str
        Metrics of the instances of both sides as partitions.
    regions : {"matched", "voronoi"}
        What an instance of the reference is compared with.
    """

    components: tuple[Components, Components]
    connectivity: int | None
    dilation: tuple[int, int]
    dilation_connectivity: int | None
    minimum_size: tuple[int, int]
    matching: str
    score: str
    threshold: float
    strict: bool
    many_to_one: bool
    together: bool
    detection_names: tuple[str, ...]
    structure_names: tuple[str, ...]
    confidence: str | None
    confidence_of: OfVoxels
    partition_names: tuple[str, ...]
    regions: Regions

    @classmethod
    def checked(
        cls,
        *,
        metrics: str | Iterable[str] | None = None,
        components: Components | Mapping[str, Components] = "connected",
        connectivity: int | None = None,
        dilation: int | Mapping[str, int] = 0,
        dilation_connectivity: int | None = None,
        minimum_size: int | Mapping[str, int] = 0,
        matching: str = "greedy",
        score: str = "iou",
        threshold: float = 0.5,
        strict: bool = False,
        many_to_one: bool = False,
        together: bool = False,
        structure_metrics: str | Iterable[str] | None = None,
        size_classes: Sequence[float] = (),
        confidence: str | os.PathLike[str] | None = None,
        confidence_of: OfVoxels = "max",
        regions: str = "matched",
        **options: Any,
    ) -> InstanceSettings:
        """Check the options of :func:`fastseg.evaluate_instances`, before anything is read."""
        of_instances, detection, partition = _split(metrics)
        base = Settings.checked(
            metrics=[metric.name for metric in of_instances or list_metrics()], **options
        )
        if structure_metrics is None:
            whole = [metric for metric in of_instances if metric.measurement in FROM_HISTOGRAM]
        elif isinstance(structure_metrics, (list, tuple)) and not structure_metrics:
            whole = []
        else:
            whole = list(resolve(structure_metrics, of="structures"))
        if not isinstance(matching, str) or matching not in RULES:
            raise unknown("matching", matching, RULES)
        order = with_betas([metric.name for metric in of_instances], base.beta)
        whole_names = with_betas([metric.name for metric in whole], base.beta)
        detection_names = (*(metric.name for metric in detection), *_by_size(size_classes))
        if _as_regions(regions) == "voronoi":
            detection_names = ()

        def place_of(name: str) -> int:  # as columns come
            return order.index(name) if name in order else len(order)

        return cls(
            **{field.name: getattr(base, field.name) for field in fields(Settings)}
            | {"metric_names": order},
            components=_sided("components", components, _as_components),
            connectivity=_as_connectivity(connectivity, "connectivity"),
            dilation=_sided("dilation", dilation, _as_count),
            dilation_connectivity=_as_connectivity(dilation_connectivity, "dilation_connectivity"),
            minimum_size=_sided("minimum_size", minimum_size, _as_count),
            matching=matching,
            score=score_named(score).name,
            threshold=_as_threshold(threshold),
            strict=as_flag(strict, "strict"),
            many_to_one=as_flag(many_to_one, "many_to_one"),
            together=as_flag(together, "together"),
            detection_names=detection_names,
            structure_names=tuple(sorted(whole_names, key=place_of)),
            confidence=_as_place(confidence),
            confidence_of=as_of_voxels(confidence_of),
            partition_names=tuple(metric.name for metric in partition),
            regions=_as_regions(regions),
        )

    @lazy
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of single instances."""
        return resolve(self.metric_names) if self.metric_names else ()

    @lazy
    def structure_metrics(self) -> tuple[Metric, ...]:
        """The metrics of structures as a whole."""
        return resolve(self.structure_names) if self.structure_names else ()

    @lazy
    def detection(self) -> tuple[Metric, ...]:
        """The metrics of how instances were matched."""
        return resolve(self.detection_names) if self.detection_names else ()

    @lazy
    def names_of_means(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the means of metrics are called: over matched instances, and over all."""
        return (
            tuple(MATCHED + name for name in self.metric_names),
            tuple(LESIONWISE + name for name in self.metric_names),
        )

    @lazy
    def of_partitions(self) -> tuple[Metric, ...]:
        """The metrics of the instances of both sides as partitions."""
        return resolve(self.partition_names) if self.partition_names else ()

    @lazy
    def columns(self) -> tuple[str, ...]:
        """All columns of metrics, of rows of either level."""
        own = dict.fromkeys((*self.metric_names, *self.structure_names))
        matched, of_all = self.names_of_means
        return (*own, *self.detection_names, *self.partition_names, *matched, *of_all)

    @lazy
    def scores(self) -> Mapping[str, Mapping[str, Any]]:
        """Facts about the columns that are no metrics of the registry."""
        return {
            prefix + metric.name: {
                "unit": metric.unit,
                "larger_is_better": metric.larger_is_better,
                "about": f"mean of {metric.name} over {what}",
            }
            for prefix, what in (
                (MATCHED, "the matched instances"),
                (LESIONWISE, "all instances, missed and false ones by the policy for empty masks"),
            )
            for metric in self.metrics
        }

    def further_files(self, case: str) -> tuple[str, ...]:
        """Give the image of confidences; none where it cannot be told which it is, which fails later."""
        try:
            return () if self.confidence is None else (str(image_of_case(self.confidence, case)),)
        except InputError:
            return ()

    def measured_of(self, metrics: Iterable[Metric]) -> frozenset[str]:
        """Tell what a backend has to measure for some metrics."""
        return frozenset(metric.measurement for metric in metrics) - FROM_HISTOGRAM

    def rules(self, ndim: int, axes: int) -> tuple[SideRules, SideRules]:
        """Give the rules of either side for maps that have `ndim` axes, and `axes` of more than one entry.

        Raises
        ------
        InputError
            For a connectivity that there is not.
        """
        own = _steps(self.connectivity, ndim, axes, "connectivity")
        of_dilation = own
        if self.dilation_connectivity is not None:
            of_dilation = _steps(self.dilation_connectivity, ndim, axes, "dilation_connectivity")
        first, second = (
            SideRules(components, own, dilation, of_dilation, least)
            for components, dilation, least in zip(
                self.components, self.dilation, self.minimum_size, strict=True
            )
        )
        return first, second

    @lazy
    def own(self) -> Mapping[str, Any]:
        """The options that :class:`Settings` does not have, in plain values."""
        return {
            "components": dict(zip(SIDES, self.components, strict=True)),
            "connectivity": self.connectivity,
            "dilation": dict(zip(SIDES, self.dilation, strict=True)),
            "dilation_connectivity": self.dilation_connectivity,
            "minimum_size": dict(zip(SIDES, self.minimum_size, strict=True)),
            "matching": self.matching,
            "score": self.score,
            "threshold": self.threshold,
            "strict": self.strict,
            "many_to_one": self.many_to_one,
            "together": self.together,
            "regions": self.regions,
        }

    @lazy
    def plain(self) -> Mapping[str, Any]:
        """What a table needs to say of the settings, in plain values."""
        return {**super().plain, **self.own}

    @lazy
    def identity(self) -> Mapping[str, Any]:
        """All that the numbers of a case depend on beside its files."""
        return {
            **super().identity,
            **self.own,
            "detection": list(self.detection_names),
            "structure_metrics": list(self.structure_names),
            "confidence": self.confidence,
            "confidence_of": self.confidence_of,
            "partition": list(self.partition_names),
        }


#: :meth:`InstanceSettings.checked`, kept as :data:`fastseg.evaluation.settings.kept` is
kept = functools.lru_cache(maxsize=128, typed=True)(InstanceSettings.checked)


def _split(metrics: str | Iterable[str] | None) -> tuple[tuple[Metric, ...], ...]:
    """Part metrics of single instances, of how they were matched (all if none is named), and of partitions."""
    everything = list_metrics("instances")
    if metrics is None or metrics == "all":
        return list_metrics(), everything, ()
    found: dict[str, list[Metric]] = {"structures": [], "instances": [], "partitions": []}
    for metric in resolve(metrics):
        found[MEASUREMENTS[metric.measurement].of].append(metric)
    return (
        tuple(found["structures"]),
        tuple(found["instances"]) or everything,
        tuple(found["partitions"]),
    )


def _as_regions(value: Any) -> Regions:
    for known in get_args(Regions):
        if value == known:
            regions: Regions = known
            return regions
    raise unknown("regions", value, get_args(Regions))


def _by_size(classes: Sequence[float]) -> list[str]:
    """Name the recall of each class of volumes that some edges part."""
    if is_scalar(classes) or isinstance(classes, Mapping):
        raise InputTypeError(
            f"size_classes: expected volumes, as in [50, 500], got {shown(classes)}"
        )
    edges = [as_number(edge, "size_classes", "volumes") for edge in classes]
    if not edges:
        return []
    if not all(0 < a < b for a, b in itertools.pairwise((*edges, float("inf")))):
        raise InputError(f"size_classes: expected ascending positive volumes, got {shown(classes)}")
    texts = [f"{edge:f}".rstrip("0").rstrip(".").replace(".", "_") for edge in edges]
    if [float(text.replace("_", ".")) for text in texts] != edges:
        raise InputError(f"size_classes: expected up to six decimal places, got {shown(classes)}")
    between = [f"instance_recall_{a}_to_{b}" for a, b in itertools.pairwise(texts)]
    return [f"instance_recall_below_{texts[0]}", *between, f"instance_recall_from_{texts[-1]}"]


def _sided(argument: str, value: Any, check: Callable[[Any, str], _Value]) -> tuple[_Value, _Value]:
    """Read a value for both sides, or one for each."""
    if not isinstance(value, Mapping):
        one = check(value, argument)
        return one, one
    if set(value) != set(SIDES):
        raise InputError(
            f"{argument}: expected one value, or the keys 'reference' and 'prediction', got {shown(dict(value))}"
        )
    first, second = (check(value[side], f"{argument}[{side!r}]") for side in SIDES)
    return first, second


def _as_place(confidence: Any) -> str | None:
    """Take the path of probabilities, which has to be there."""
    if confidence is None:
        return None
    if not isinstance(confidence, (str, os.PathLike)):
        raise InputTypeError(
            f"confidence: of many cases, expected a folder with an image of each, got {shown(confidence)}"
        )
    if not os.path.exists(io.file_of(confidence)):
        raise FileNotFoundError(f"confidence: {os.fspath(confidence)}: no such file or folder")
    return os.path.abspath(confidence)


def _as_components(value: Any, argument: str) -> Components:
    for known in COMPONENTS:
        if value == known:
            return known
    raise unknown(argument, value, COMPONENTS)


def _as_count(value: Any, argument: str) -> int:
    count = as_whole_number(value, argument)
    if count < 0:
        raise InputError(f"{argument}: expected 0 or more, got {count}")
    return count


def _as_threshold(value: Any) -> float:
    number = as_number(value, "threshold", "a number from 0 to 1")
    if not 0 <= number <= 1:
        raise InputError(f"threshold: expected a number from 0 to 1, got {shown(value)}")
    return number


def _as_connectivity(value: Any, argument: str) -> int | None:
    """Check a connectivity as far as this is possible without knowing the number of axes."""
    if value is None:
        return None
    number = as_whole_number(value, argument)
    known = {1, 2, 3} | {count for counts in _NEIGHBOURS.values() for count in counts}
    if number not in known:
        raise InputError(f"{argument}: expected 1 to 3, or 6, 18 or 26 neighbours, got {number}")
    return number


def _steps(connectivity: int | None, ndim: int, axes: int, argument: str) -> int:
    """Find along how many axes neighbours may differ; those of one entry have none."""
    if connectivity is None:
        return axes
    counts = _NEIGHBOURS.get(ndim, {})
    steps = counts.get(connectivity, connectivity)
    if not 1 <= steps <= ndim:
        alike = f", or {', '.join(map(str, counts))} neighbours," if counts else ""
        raise InputError(
            f"{argument}: expected 1 to {ndim}{alike} for {ndim} axes, got {connectivity}"
        )
    return min(steps, axes)
