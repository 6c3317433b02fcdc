"""The registry: what a metric is, and how its name finds it.

A metric is one small function of what was measured and of :class:`Options`, with a row of facts. Which measurement it
is a function of decides what is measured at all; :data:`MEASUREMENTS` lists them.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import shown
from fastseg.measures.distributions import PercentileMethod
from fastseg.metrics.synonyms import AMBIGUOUS, SYNONYMS, one_name, plain_name


class Measurement(NamedTuple):
    """A quantity that metrics are functions of.

    Attributes
    ----------
    name : str
        What a metric names, and what a backend is asked for.
    from_histogram : bool
        Whether the joint histogram gives it, of any structure. What a backend measures, it measures of structures that
        both maps have.
    gives : str
        What a metric gets.
    title, about : str
        Heading and introduction of its metrics on the page of definitions.
    """

    name: str
    from_histogram: bool
    gives: str
    title: str
    about: str


MEASUREMENTS = {
    measurement.name: measurement
    for measurement in (
        Measurement(
            name="counts",
            from_histogram=True,
            gives="fastseg.measures.joint_histogram.Counts",
            title="Of counts of voxels",
            about="""
TP, FP, FN and TN are the true and false positives and negatives, N is their sum. All are 64-bit integers.
""",
        ),
        Measurement(
            name="surface_distributions",
            from_histogram=False,
            gives="fastseg.measures.distributions.SurfaceReductions",
            title="Of distances between surfaces",
            about="""
R and P are the surfaces of reference and prediction, d(R→P) the distances from each element of R to P. A distance is
√Σ(Δᵢ·sᵢ)² over the axes in order, in float64, from the centre of one surface element to the nearest one of the other
surface; s is the spacing. `assd` is pooled over both surfaces, `masd` is the mean of the two means; other tools give
either name to both. Voxel sizes and tolerances come rounded, from float32 headers and as decimals: a distance that
exceeds τ, the tolerance, by no more than a millionth of it is within τ.
""",
        ),
        Measurement(
            name="band_overlap",
            from_histogram=False,
            gives="fastseg.measures.overlap.Overlap",
            title="Of boundary bands",
            about="""
Rτ and Pτ are the voxels of each mask that lie nearer than τ, the tolerance, to its own voxel surface; what lies τ away
but for a rounding is not nearer.
""",
        ),
    )
}

#: the measurements that no backend is asked for
FROM_HISTOGRAM = frozenset(name for name, entry in MEASUREMENTS.items() if entry.from_histogram)


class Options(NamedTuple):
    """What a metric depends on besides what was measured."""

    tolerance: float = 1.0
    percentile_method: PercentileMethod = "max_of_directions"
    voxel_volume: float = 1.0


DEFAULTS = Options()

Function = Callable[[Any, Options], float]


@dataclass(frozen=True)
class Metric:
    """A metric's function and the facts about it.

    Attributes
    ----------
    name : str
        As in the tables.
    function : callable
        From what was measured and :class:`Options` to a float; nan where the formula is not defined.
    measurement : str
        What it is a function of, see :data:`MEASUREMENTS`.
    unit : str
        "" for a ratio, "mm", "mm³": the units of the spacing.
    larger_is_better : bool or None
        None where neither is (a signed difference).
    best, worst : float
        Its values for a perfect and for a missed structure, which the empties policies use.
    formula, source : str
        The formula, and where it is defined.
    always_defined : bool
        True if the formula needs no structure, so that no policy applies.
    uses : frozenset of str
        The options that it depends on.
    within_tolerance : bool
        True if a distance beyond the tolerance, a millionth more than that, may as well be infinite.
    """

    name: str
    function: Function
    measurement: str
    unit: str
    larger_is_better: bool | None
    best: float
    worst: float
    formula: str
    source: str
    always_defined: bool = False
    uses: frozenset[str] = frozenset()
    within_tolerance: bool = False

    @property
    def is_distance(self) -> bool:
        """Whether it is a length, whose worst value is without bound."""
        return self.unit == "mm" and math.isinf(self.worst)


_metrics: dict[str, Metric] = {}
#: name pattern, example, and the maker of a metric from what the pattern found
_families: list[tuple[re.Pattern[str], str, Callable[[str, float], Metric]]] = []


def metric(
    measurement: str,
    *,
    unit: str = "",
    larger_is_better: bool | None = True,
    best: float = 1.0,
    worst: float = 0.0,
    formula: str,
    source: str,
    always_defined: bool = False,
    uses: Iterable[str] = (),
    within_tolerance: bool = False,
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Enter a function into the registry under its own name."""

    def enter(function: Callable[..., float]) -> Callable[..., float]:
        name = function.__name__
        _metrics[name] = Metric(
            name=name,
            function=function,
            measurement=MEASUREMENTS[measurement].name,
            unit=unit,
            larger_is_better=larger_is_better,
            best=best,
            worst=worst,
            formula=formula,
            source=source,
            always_defined=always_defined,
            uses=frozenset(uses),
            within_tolerance=within_tolerance,
        )
        return function

    return enter


def family(
    pattern: str, example: str, base: str, formula: str
) -> Callable[[Callable[..., Callable[..., float]]], Callable[..., Callable[..., float]]]:
    """Enter a maker of functions for all names of a pattern, with the facts of the metric `base`.

    The pattern's group 1 is a number, which the maker gets; ``_`` may stand for its decimal point.
    """

    def enter(maker: Callable[..., Callable[..., float]]) -> Callable[..., Callable[..., float]]:
        def make(name: str, number: float) -> Metric:
            return replace(_metrics[base], name=name, function=maker(number), formula=formula)

        _families.append((re.compile(pattern), example, make))
        return maker

    return enter


def list_metrics() -> tuple[Metric, ...]:
    """All metrics with a fixed name, in the order of the tables.

    Returns
    -------
    tuple of Metric
        Beside them any ``hdNN`` (a percentile of the Hausdorff distance: ``hd95``, ``hd99_5``) and ``fN`` (F-beta:
        ``f2``, ``f0_5``) can be asked for.

    Examples
    --------
    >>> import fastseg
    >>> [metric.name for metric in fastseg.list_metrics() if metric.unit == "mm"][:4]
    ['hd', 'hd95', 'assd', 'masd']
    """
    order = list(MEASUREMENTS)
    return tuple(sorted(_metrics.values(), key=lambda metric: order.index(metric.measurement)))


def canonical(name: str) -> str:
    """Give the one name of a metric that goes by several, as the tables have it.

    Parameters
    ----------
    name : str
        A metric's name or a synonym of it, in upper or lower case: "sensitivity", "DSC", "hausdorff_95".

    Returns
    -------
    str
        A name that is none of a metric's is returned as it is: whoever looks it up says what is known.

    Examples
    --------
    >>> canonical("sensitivity"), canonical("Dice"), canonical("liver")
    ('recall', 'dice', 'liver')
    """
    if _known(name):
        return name
    other = one_name(name)
    return other if _known(other) else name


def resolve(names: str | Iterable[str] | None) -> tuple[Metric, ...]:
    """Find metrics by their names; None or "all" is every metric with a fixed name.

    Synonyms are understood and answered with the one name of the table.

    Raises
    ------
    TypeError
        If a name is not text.
    ValueError
        For an unknown name, with the nearest known one, for one that stands for several metrics, for none at all,
        and for a metric given twice.
    """
    if names is None or names == "all":
        return list_metrics()
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise InputError("metrics: give at least one name, or None for all")
    found: dict[str, tuple[str, Metric]] = {}
    for name in wanted:
        metric = find(name)
        if metric.name in found:
            first, _ = found[metric.name]
            raise InputError(
                f"metrics: each name once, got {first!r} and {name!r}"
                + ("" if first == name else f", which are both {metric.name}")
            )
        found[metric.name] = name, metric
    return tuple(metric for _, metric in found.values())


def find(name: str, argument: str = "metrics") -> Metric:
    """Find one metric by its name or a synonym of it.

    Raises
    ------
    TypeError, ValueError
        As :func:`resolve`; the message begins with the argument.
    """
    if not isinstance(name, str):
        raise InputTypeError(
            f"{argument}: expected names, got {shown(name)} of type {type(name).__name__}"
        )
    metric = _find(canonical(name))
    if metric is not None:
        return metric
    plain = plain_name(name)
    if plain in AMBIGUOUS:
        raise InputError(
            f"{argument}: {shown(name)} is not the name of one metric; {AMBIGUOUS[plain]}"
        )
    examples = [example for _, example, _ in _families]
    raise unknown(argument, name, [*_metrics, *examples], also=SYNONYMS)


def _known(name: str) -> bool:
    return _find(name) is not None


@functools.lru_cache(maxsize=1024)
def _find(name: str) -> Metric | None:
    if name in _metrics:
        return _metrics[name]
    for pattern, _, make in _families:
        match = pattern.fullmatch(name)
        if match:
            return make(name, float(match[1].replace("_", ".")))
    return None
