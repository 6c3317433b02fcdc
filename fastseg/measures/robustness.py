"""How a metric falls with the level of noise or of an artefact: a curve, its area and slope, ROOD-MRI's scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.figures import draw
from fastseg.inputs.scalars import as_flag, as_number, is_scalar, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Robustness:
    """A metric at each level of noise.

    Attributes
    ----------
    levels, means : tuple of float
        Levels, ascending, from 0, the clean images, on; and the mean of the metric at each.
    sds : tuple of float
        Standard deviation at each level, nan of one value.
    counts : tuple of int
        How many values that is of.
    alpha : float
        The weight of level s is alpha to the power s.
    larger_is_better : bool
        Of the metric.
    """

    levels: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    counts: tuple[int, ...]
    alpha: float
    larger_is_better: bool

    @property
    def clean(self) -> float:
        """The mean at level 0."""
        return self.means[0]

    @property
    def _weights(self) -> list[float]:
        return [self.alpha**level for level in self.levels[1:]]

    def _overall(self, values: tuple[float, ...]) -> float:
        terms = zip(self._weights, values[1:], strict=True)
        return (math.fsum(w * x for w, x in terms) + values[0]) / (math.fsum(self._weights) + 1)

    def _change(self, values: tuple[float, ...]) -> float:
        terms = zip(self._weights, values[1:], strict=True)
        return math.fsum(w * (x - values[0]) for w, x in terms) / math.fsum(self._weights)

    @property
    def weighted_mean(self) -> float:
        """ROOD-MRI's mean: (Σ αˢ·mₛ + m₀) / (Σ αˢ + 1)."""
        return self._overall(self.means)

    @property
    def degradation(self) -> float:
        """ROOD-MRI's degradation: Σ αˢ·(m₀ - mₛ) / Σ αˢ, of the other sign where smaller is better."""
        change = self._change(self.means)
        return 0.0 - change if self.larger_is_better else change

    @property
    def weighted_sd(self) -> float:
        """ROOD-MRI's standard deviation over cases, as the weighted mean; nan where a level has one value."""
        return self._overall(self.sds)

    @property
    def sd_increase(self) -> float:
        """ROOD-MRI's degradation of it: Σ αˢ·(sdₛ - sd₀) / Σ αˢ, positive where values spread more."""
        return self._change(self.sds)

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
            "weighted_sd": self.weighted_sd,
            "sd_increase": self.sd_increase,
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
        """Give the curve as a list of rows: ``level``, ``mean``, ``sd``, ``count``, ``loss`` (what worsened)."""
        sign = 1 if self.larger_is_better else -1
        columns = zip(self.levels, self.means, self.sds, self.counts, strict=True)
        return [
            {"level": level, "mean": m, "sd": sd, "count": count, "loss": sign * (self.clean - m)}
            for level, m, sd, count in columns
        ]


def robustness(
    scores: Mapping[float, float | Iterable[float]],
    *,
    alpha: float = 2 / 3,
    larger_is_better: bool = True,
) -> Robustness:
    """Sum up how a metric changes with the level of noise or of an artefact.

    Parameters
    ----------
    scores : mapping of numbers to numbers, or to iterables of numbers
        From levels to the values of a metric, of one case or of many. Level 0 is that of the clean images; levels 1, 2
        and so on are ROOD-MRI's severities.
    alpha : float
        Above 0, at most 1. The weight of level s is alpha to the power s, in ROOD-MRI's scores.
    larger_is_better : bool
        False for distances and errors, so that a degradation is positive where they grow.

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
    The weighted mean is (Σ αˢ·mₛ + m₀) / (Σ αˢ + 1) and the degradation Σ αˢ·(m₀ - mₛ) / Σ αˢ over s > 0, of the other
    sign where smaller is better; the standard deviations over cases are weighted alike (ROOD-MRI, Boone et al. 2023,
    doi:10.1016/j.neuroimage.2023.120289). Of several artefacts, ROOD-MRI takes the mean of each score.
    The area is that under the curve divided by its largest level, and the slope that of the line of least squares.

    Examples
    --------
    >>> import fastseg
    >>> found = fastseg.robustness({0: [0.9, 0.8], 1: [0.8, 0.7], 2: 0.6, 3: 0.4})
    >>> round(found.weighted_mean, 4), round(found.degradation, 4), round(found.area, 4), round(found.slope, 4)
    (0.7208, 0.2211, 0.6583, -0.15)
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
    columns = [curve[level] for level in levels]
    return Robustness(
        tuple(levels),
        tuple(map(_mean, columns)),
        tuple(map(_sd, columns)),
        tuple(map(len, columns)),
        weight,
        as_flag(larger_is_better, "larger_is_better"),
    )


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan


def _sd(values: list[float]) -> float:
    mean = _mean(values)
    if len(values) < 2 or math.isnan(mean):
        return math.nan
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
