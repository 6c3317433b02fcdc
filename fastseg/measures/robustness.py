"""How a metric falls with the level of noise or of an artefact: a curve, its area and slope, ROOD-MRI's scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.figures import draw
from fastseg.inputs.scalars import as_number, is_scalar, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Robustness:
    """A metric at each level of noise.

    Attributes
    ----------
    levels, means : tuple of float
        Levels, ascending, from 0, the clean images, on; and the mean of the metric at each.
    counts : tuple of int
        How many values that is the mean of.
    alpha : float
        The weight of level s is alpha to the power s.
    """

    levels: tuple[float, ...]
    means: tuple[float, ...]
    counts: tuple[int, ...]
    alpha: float

    @property
    def clean(self) -> float:
        """The mean at level 0."""
        return self.means[0]

    @property
    def _weighted(self) -> list[tuple[float, float]]:
        pairs = zip(self.levels[1:], self.means[1:], strict=True)
        return [(self.alpha**level, mean) for level, mean in pairs]

    @property
    def weighted_mean(self) -> float:
        """ROOD-MRI's mean: (Σ αˢ·mₛ + m₀) / (Σ αˢ + 1)."""
        return (math.fsum(w * m for w, m in self._weighted) + self.clean) / (
            math.fsum(w for w, _ in self._weighted) + 1
        )

    @property
    def degradation(self) -> float:
        """ROOD-MRI's degradation: Σ αˢ·(m₀ - mₛ) / Σ αˢ, positive where values fall."""
        return math.fsum(w * (self.clean - m) for w, m in self._weighted) / math.fsum(
            w for w, _ in self._weighted
        )

    @property
    def area(self) -> float:
        """Area under the curve, by trapezia, divided by the largest level: the mean of the curve."""
        steps = zip(self.levels, self.levels[1:], self.means, self.means[1:], strict=False)
        return math.fsum((b - a) * (m + n) / 2 for a, b, m, n in steps) / self.levels[-1]

    @property
    def slope(self) -> float:
        """Slope of the line of least squares through the means: what one level more changes."""
        n = len(self.levels)
        middle, mean = math.fsum(self.levels) / n, math.fsum(self.means) / n
        pairs = zip(self.levels, self.means, strict=True)
        up = math.fsum((level - middle) * (m - mean) for level, m in pairs)
        return up / math.fsum((level - middle) ** 2 for level in self.levels)

    @property
    def scores(self) -> dict[str, float]:
        """All numbers by name."""
        return {
            "clean": self.clean,
            "weighted_mean": self.weighted_mean,
            "degradation": self.degradation,
            "area": self.area,
            "slope": self.slope,
        }

    def plot(self, kind: str = "degradation", **options: Any) -> Axes:
        """Draw a figure with matplotlib, which the extra ``plots`` installs.

        Parameters
        ----------
        kind : {"degradation"}
            A function of :mod:`fastseg.plots`, which says what is drawn.
        **options
            Its own, as ``label="dice"`` and ``ax=…``.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError, TypeError
            For another kind, and for options that it does not have.
        ImportError
            Without matplotlib.
        """
        return draw(self, "Robustness", kind, options)

    def to_dict(self) -> list[dict[str, Any]]:
        """Give the curve as a list of rows: ``level``, ``mean``, ``count``, ``loss`` (clean minus mean)."""
        return [
            {"level": level, "mean": mean, "count": count, "loss": self.clean - mean}
            for level, mean, count in zip(self.levels, self.means, self.counts, strict=True)
        ]


def robustness(
    scores: Mapping[float, float | Iterable[float]], *, alpha: float = 2 / 3
) -> Robustness:
    """Sum up how a metric changes with the level of noise or of an artefact.

    Parameters
    ----------
    scores : mapping of numbers to numbers, or to iterables of numbers
        From levels to the values of a metric, of one case or of many. Level 0 is that of the clean images; levels 1, 2
        and so on are ROOD-MRI's severities.
    alpha : float
        Above 0, at most 1. The weight of level s is alpha to the power s, in ROOD-MRI's scores.

    Returns
    -------
    Robustness
        ``.scores`` has all numbers, ``.to_dict()`` the curve. A level with a value that is
        not finite is undefined, nan, and so are the numbers that need it.

    Raises
    ------
    TypeError, ValueError
        For what are no numbers, no level 0 or none beside it, a level without values, and another `alpha`.

    Notes
    -----
    The weighted mean is (Σ αˢ·mₛ + m₀) / (Σ αˢ + 1) and the degradation Σ αˢ·(m₀ - mₛ) / Σ αˢ, over s > 0 (ROOD-MRI).
    The area is that under the curve divided by its largest level, and the slope that of the line of least squares.

    Examples
    --------
    >>> import fastseg
    >>> found = fastseg.robustness({0: [0.9, 0.8], 1: [0.8, 0.7], 2: 0.6, 3: 0.4})
    >>> {name: round(value, 4) for name, value in found.scores.items()}
    {'clean': 0.85, 'weighted_mean': 0.7208, 'degradation': 0.2211, 'area': 0.6583, 'slope': -0.15}
    """
    if not isinstance(scores, Mapping):
        raise InputTypeError(
            f"scores: expected a mapping of levels to values, as in {{0: 0.9, 1: 0.8}}, got {shown(scores)}"
        )
    weight = as_number(alpha, "alpha")
    if not 0 < weight <= 1:
        raise InputError(f"alpha: expected a number above 0 and at most 1, got {shown(alpha)}")
    curve: dict[float, list[float]] = {}
    for key, given in scores.items():
        level, name = as_number(key, "scores: level"), f"scores[{key!r}]"
        if not (math.isfinite(level) and level >= 0) or level in curve:
            raise InputError(f"scores: levels are finite, at least 0 and given once, got {key!r}")
        values: Iterable[Any] = [given] if is_scalar(given) else given  # type: ignore[assignment]
        curve[level] = [as_number(value, name) for value in values]
        if not curve[level]:
            raise InputError(f"{name}: expected at least one value, got none")
    levels = sorted(curve)
    if len(levels) < 2 or levels[0] != 0:
        raise InputError(
            f"scores: expected level 0, the clean images, and at least one more, got {shown(levels)}"
        )
    means = tuple(_mean(curve[level]) for level in levels)
    return Robustness(tuple(levels), means, tuple(len(curve[one]) for one in levels), weight)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan
