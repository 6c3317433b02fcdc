"""The registry: what a metric is, and how its name finds it.

A metric is one small function with a row of facts. A count metric takes :class:`Counts`; a distance metric takes
:class:`~fastseg.distributions.Reductions`, which a :class:`~fastseg.distances.SurfaceDistances` is, and
:class:`Options`; a band metric takes :class:`~fastseg.distances.BandCounts`. What a metric needs decides what is
computed at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from fastseg.choices import unknown
from fastseg.distributions import PercentileMethod
from fastseg.errors import InputError, InputTypeError

Need = Literal["counts", "distances", "band"]


@dataclass(frozen=True)
class Counts:
    """Voxels of one structure in a pair of label maps, and the volume of a voxel."""

    tp: int
    fp: int
    fn: int
    tn: int
    voxel_volume: float = 1.0

    @property
    def reference(self) -> int:
        """Voxels of the reference."""
        return self.tp + self.fn

    @property
    def prediction(self) -> int:
        """Voxels of the prediction."""
        return self.tp + self.fp


@dataclass(frozen=True)
class Options:
    """What a distance metric depends on besides the distances."""

    tolerance: float = 1.0
    percentile_method: PercentileMethod = "max_of_directions"


@dataclass(frozen=True)
class Metric:
    """A metric's function and the facts about it.

    Attributes
    ----------
    name : str
        As in the tables.
    function : callable
        From what it needs to a float; nan where the formula is not defined.
    needs : {"counts", "distances", "band"}
        The primitive that it is a function of.
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
    """

    name: str
    function: Callable[..., float]
    needs: Need
    unit: str
    larger_is_better: bool | None
    best: float
    worst: float
    formula: str
    source: str
    always_defined: bool = False

    @property
    def is_distance(self) -> bool:
        """Whether it is a length, whose worst value is without bound."""
        return self.needs == "distances" and math.isinf(self.worst)


_metrics: dict[str, Metric] = {}
#: name pattern, example, and the maker of a metric from what the pattern found
_families: list[tuple[re.Pattern[str], str, Callable[[str, float], Metric]]] = []


def metric(
    needs: Need,
    *,
    unit: str = "",
    larger_is_better: bool | None = True,
    best: float = 1.0,
    worst: float = 0.0,
    formula: str,
    source: str,
    always_defined: bool = False,
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Enter a function into the registry under its own name."""

    def enter(function: Callable[..., float]) -> Callable[..., float]:
        name = function.__name__
        _metrics[name] = Metric(
            name,
            function,
            needs,
            unit,
            larger_is_better,
            best,
            worst,
            formula,
            source,
            always_defined,
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
    return tuple(_metrics.values())


def resolve(names: str | Iterable[str] | None) -> tuple[Metric, ...]:
    """Find metrics by their names; None or "all" is every metric with a fixed name.

    Raises
    ------
    TypeError
        If a name is not text.
    ValueError
        For an unknown name, with the nearest known one, for none at all, and for one given twice.
    """
    if names is None or names == "all":
        return list_metrics()
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise InputError("metrics: give at least one name, or None for all")
    found = tuple(_find(name) for name in wanted)
    if len({entry.name for entry in found}) != len(found):
        raise InputError(f"metrics: each name once, got {', '.join(wanted)}")
    return found


def _find(name: object) -> Metric:
    if not isinstance(name, str):
        raise InputTypeError(f"metrics: expected names, got {name!r} of type {type(name).__name__}")
    if name in _metrics:
        return _metrics[name]
    for pattern, _, make in _families:
        match = pattern.fullmatch(name)
        if match:
            return make(name, float(match[1].replace("_", ".")))
    examples = [example for _, example, _ in _families]
    raise unknown("metrics", name, [*_metrics, *examples])
