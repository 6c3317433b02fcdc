"""The registry: what a metric is, and how its name finds it.

A metric is one small function of what was measured and of :class:`Options`, with a row of facts. Which measurement it
is a function of decides what is measured at all; :data:`fastseg.metrics.measurements.MEASUREMENTS` lists them.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import shown
from fastseg.measures.distributions import PercentileMethod
from fastseg.metrics.measurements import MEASUREMENTS, Group, Of
from fastseg.metrics.synonyms import AMBIGUOUS, SYNONYMS, one_name, plain_name


class Options(NamedTuple):
    """What a metric depends on besides what was measured."""

    tolerance: float = 1.0
    percentile_method: PercentileMethod = "max_of_directions"
    voxel_volume: float = 1.0
    beta: float = 1.0


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
    by_default : bool
        Whether :func:`fastseg.evaluate` gives it unless told which metrics to give.
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
    by_default: bool = True

    @property
    def is_distance(self) -> bool:
        """Whether it is a length, whose worst value is without bound."""
        return self.unit == "mm" and math.isinf(self.worst)


_metrics: dict[str, Metric] = {}
#: name pattern, example, and the maker of a metric from what the pattern found
_families: list[tuple[re.Pattern[str], str, Callable[..., Metric]]] = []


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
    by_default: bool = True,
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
            by_default=by_default and MEASUREMENTS[measurement].by_default,
        )
        return function

    return enter


def family(
    pattern: str, example: str, base: str, formula: str
) -> Callable[[Callable[..., Callable[..., float]]], Callable[..., Callable[..., float]]]:
    """Enter a maker of functions for all names of a pattern, with the facts of the metric `base`.

    The pattern's groups are numbers, which the maker gets; ``_`` may stand for a decimal point.
    """

    def enter(maker: Callable[..., Callable[..., float]]) -> Callable[..., Callable[..., float]]:
        def make(name: str, *numbers: float) -> Metric:
            return replace(_metrics[base], name=name, function=maker(*numbers), formula=formula)

        _families.append((re.compile(pattern), example, make))
        return maker

    return enter


def list_metrics(of: Of | Group | Literal["all"] = "structures") -> tuple[Metric, ...]:
    """Metrics with a fixed name, in the order of the tables.

    Parameters
    ----------
    of : {"structures", "instances", "partitions", "overlap", "surface", "shape", "topology", "all"}
        Of structures are those that :func:`fastseg.evaluate` gives unless told which, of instances those of how
        instances were matched, of partitions those of :func:`evaluate_partition`. The others are the groups that can be
        asked for by their names, and "all" is every metric that there is.

    Returns
    -------
    tuple of Metric
        Beside them any ``hdNN`` (a percentile of the Hausdorff distance: ``hd95``, ``hd99_5``) and ``fN`` (F-beta:
        ``f2``, ``f0_5``) can be asked for, and of instances recall by size (``instance_recall_below_50``).

    Raises
    ------
    ValueError
        For another value of `of`.

    Examples
    --------
    >>> import fastseg
    >>> [metric.name for metric in fastseg.list_metrics() if metric.unit == "mm"][:4]
    ['hd', 'hd95', 'assd', 'masd']
    >>> "instance_recall" in [metric.name for metric in fastseg.list_metrics("instances")]
    True
    """
    known = (*get_args(Of), *get_args(Group), "all")
    if of not in known:
        raise unknown("of", of, known)
    order = [name for name, entry in MEASUREMENTS.items() if of in (entry.of, entry.group, "all")]
    chosen = [
        metric
        for metric in _metrics.values()
        if metric.measurement in order and (metric.by_default or of != "structures")
    ]
    return tuple(sorted(chosen, key=lambda metric: order.index(metric.measurement)))


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


_ELSEWHERE: dict[Of, str] = {
    "structures": "structures, as fastseg.evaluate has them",
    "instances": "matched instances, which fastseg.evaluate_instances gives",
    "partitions": "partitions, which fastseg.evaluate_partition gives",
}


def resolve(names: str | Iterable[str] | None, of: Of | None = None) -> tuple[Metric, ...]:
    """Find metrics by their names; None or "all" is the default set, of structures if not told.

    Synonyms are understood and answered with the one name of the table. Among other names "all", "overlap", "surface",
    "shape" and "topology" stand for all that they have and that was not named before.

    Parameters
    ----------
    names : str, iterable of str or None
    of : {"structures", "instances", "partitions"}, optional
        What all of them have to be of.

    Raises
    ------
    TypeError
        If a name is not text.
    ValueError
        For an unknown name, with the nearest known one, for one that stands for several metrics, for none at all,
        for a metric given twice, and for one of something else.
    """
    if names is None or names == "all":
        return list_metrics(of or "structures")
    if not isinstance(names, Iterable):
        raise InputTypeError(f"metrics: expected a name or several, got {shown(names)}")
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise InputError("metrics: give at least one name, or None for all")
    found: dict[str, tuple[str, Metric]] = {}
    for name in wanted:
        if isinstance(name, str) and name in _GROUPS:
            for metric in _of_group(name, of):
                found.setdefault(metric.name, (name, metric))
            continue
        metric = find(name)
        own = MEASUREMENTS[metric.measurement].of
        if of and own != of:
            raise InputError(f"metrics: {shown(name)} is a metric of {_ELSEWHERE[own]}")
        first, _ = found.get(metric.name, ("", metric))
        if first and first not in _GROUPS:
            raise InputError(
                f"metrics: each name once, got {first!r} and {name!r}"
                + ("" if first == name else f", which are both {metric.name}")
            )
        found.setdefault(metric.name, (name, metric))
    return tuple(metric for _, metric in found.values())


#: names among others that stand for several metrics
_GROUPS = frozenset((*get_args(Group), "all"))


def _of_group(name: str, of: Of | None) -> tuple[Metric, ...]:
    """List the metrics that the name of a group stands for, where they have to be of something."""
    if name == "all":
        return list_metrics(of or "structures")
    if of not in (None, "structures"):
        raise InputError(f"metrics: {shown(name)} are metrics of {_ELSEWHERE['structures']}")
    return tuple(metric for metric in list_metrics("all") if _group_of(metric) == name)


def _group_of(metric: Metric) -> Group | None:
    return MEASUREMENTS[metric.measurement].group


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
    of_structures = [metric.name for metric in list_metrics()]
    of_structures += sorted(_GROUPS - {"all"}) if argument == "metrics" else []
    examples = [example for _, example, _ in _families]
    known = [
        *of_structures,
        *examples,
        *(other for other in _metrics if other not in of_structures),
    ]
    raise unknown(argument, name, known, also=SYNONYMS)


def _known(name: str) -> bool:
    return _find(name) is not None


@functools.lru_cache(maxsize=1024)
def _find(name: str) -> Metric | None:
    if name in _metrics:
        return _metrics[name]
    for pattern, _, make in _families:
        match = pattern.fullmatch(name)
        if match:
            return make(name, *(float(number.replace("_", ".")) for number in match.groups()))
    return None
