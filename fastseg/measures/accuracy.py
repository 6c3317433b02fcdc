"""Trueness, precision and accuracy of a measurement against true values, in the terms of ISO 5725."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastseg.threads import lazy

Interval = tuple[float, float]

_NONE = (math.nan, math.nan)

#: what ISO 5725 calls the quantity that a number is of
_TERMS = {"bias": "trueness", "repeatability_sd": "precision", "rmse": "accuracy"}


@dataclass(frozen=True)
class Subject:
    """What was measured of one subject, once or again and again.

    Attributes
    ----------
    name : str
    values, truths : tuple of float
        Each measurement, and the true value of what it measured.
    """

    name: str
    values: tuple[float, ...]
    truths: tuple[float, ...]

    @lazy
    def errors(self) -> tuple[float, ...]:
        """Measured less true."""
        return tuple(a - b for a, b in zip(self.values, self.truths, strict=True))

    @property
    def bias(self) -> float:
        """Mean error."""
        return _mean(self.errors)

    @property
    def relative_bias(self) -> float:
        """Mean error over the mean true value."""
        return _ratio(self.bias, _mean(self.truths))

    @property
    def squares(self) -> float:
        """Sum of the squared deviations of the errors from their mean."""
        return math.fsum((error - self.bias) ** 2 for error in self.errors)

    @property
    def sd(self) -> float:
        """Standard deviation of the errors, nan of one measurement."""
        repeats = len(self.values)
        return math.sqrt(self.squares / (repeats - 1)) if repeats > 1 else math.nan

    @property
    def mean_square(self) -> float:
        """Mean squared error."""
        return _mean([error * error for error in self.errors])

    def to_dict(self) -> dict[str, Any]:
        """Give a row of a table."""
        return {
            "subject": self.name,
            "repeats": len(self.values),
            "true": _mean(self.truths),
            "mean": _mean(self.values),
            "bias": self.bias,
            "relative_bias": self.relative_bias,
            "repeatability_sd": self.sd,
            "cv": _ratio(self.sd, _mean(self.values)),
            "rmse": math.sqrt(self.mean_square),
        }


@dataclass(frozen=True)
class Accuracy:
    """How true, how precise and how accurate a measurement is; every subject counts alike.

    Attributes
    ----------
    subjects : tuple of Subject
        What was measured.
    confidence : float
        Of the intervals, 0.95 say.
    """

    subjects: tuple[Subject, ...]
    confidence: float

    @property
    def bias(self) -> float:
        """Trueness: the mean over subjects of their mean errors, positive where too much is measured."""
        return _mean([subject.bias for subject in self.subjects])

    @property
    def bias_interval(self) -> Interval:
        """Interval of the bias, by Student's t over subjects; of one subject over its measurements."""
        units = self._biases
        if len(units) < 2:
            return _NONE
        from scipy.stats import t

        half = t.ppf(0.5 + self.confidence / 2, len(units) - 1) * math.sqrt(
            _variance(units) / len(units)
        )
        return self.bias - float(half), self.bias + float(half)

    @property
    def relative_bias(self) -> float:
        """Mean over subjects of the bias over the true value; nan where a true value is 0."""
        return _mean([subject.relative_bias for subject in self.subjects])

    @property
    def repeatability_sd(self) -> float:
        """Precision: the standard deviation of repeated measurements, pooled over subjects; nan without repeats."""
        squares = math.fsum(subject.squares for subject in self.subjects)
        return math.sqrt(squares / self._freedom) if self._freedom else math.nan

    @property
    def repeatability_sd_interval(self) -> Interval:
        """Interval of it, by chi-squared with as many degrees of freedom as there are measurements less subjects."""
        return self._scaled(self.repeatability_sd, self._freedom)

    @property
    def repeatability_limit(self) -> float:
        """1.96·√2 of it: two measurements of one subject differ by less in 95 % of all cases."""
        return 1.96 * math.sqrt(2) * self.repeatability_sd

    @property
    def cv(self) -> float:
        """Coefficient of variation: the repeatability standard deviation over the mean of what was measured."""
        return _ratio(self.repeatability_sd, self._mean_measured)

    @property
    def cv_interval(self) -> Interval:
        """Interval of it, the mean taken as known."""
        low, high = self.repeatability_sd_interval
        return _ratio(low, self._mean_measured), _ratio(high, self._mean_measured)

    @property
    def rmse(self) -> float:
        """Accuracy: the root of the mean over subjects of their mean squared errors, of both kinds of error."""
        return math.sqrt(_mean([subject.mean_square for subject in self.subjects]))

    @property
    def rmse_interval(self) -> Interval:
        """Interval of it, by chi-squared with the degrees of freedom that normal errors give it (Satterthwaite)."""
        units = self._biases
        if len(units) < 2:
            return _NONE
        many, square = len(units), self.rmse**2
        spread = _variance(units)
        bias_square = max(_mean(units) ** 2 - spread / many, 0.0)
        variance = 2 * spread * (spread + 2 * bias_square) / many
        if len(self.subjects) > 1 and self._freedom:
            repeats = [len(subject.values) for subject in self.subjects]
            share = math.fsum((n - 1) / (n * n) for n in repeats)
            variance += 2 * self.repeatability_sd**4 * share / (many * many)
        if not variance:
            return self.rmse, self.rmse
        return self._scaled(self.rmse, 2 * square * square / variance)

    @property
    def scores(self) -> dict[str, float]:
        """All numbers by name, without their intervals."""
        names = ("bias", "relative_bias", "repeatability_sd", "repeatability_limit", "cv", "rmse")
        return {name: getattr(self, name) for name in names}

    @property
    def intervals(self) -> dict[str, Interval]:
        """The intervals by the names of their numbers."""
        names = ("bias", "repeatability_sd", "cv", "rmse")
        return {name: getattr(self, f"{name}_interval") for name in names}

    def to_dict(self) -> list[dict[str, Any]]:
        """Give a row for each subject: its true value, mean, bias, standard deviation, cv and rmse."""
        return [subject.to_dict() for subject in self.subjects]

    def __str__(self) -> str:
        lines = []
        for name, value in self.scores.items():
            low, high = self.intervals.get(name, _NONE)
            interval = "" if math.isnan(low) else f"  ({low:.6g} to {high:.6g})"
            lines.append(f"{_TERMS.get(name, ''):<10}{name:<20}{value:>12.6g}{interval}")
        return "\n".join(lines)

    @property
    def _freedom(self) -> int:
        return sum(len(subject.values) - 1 for subject in self.subjects)

    @property
    def _mean_measured(self) -> float:
        return _mean([_mean(subject.values) for subject in self.subjects])

    @property
    def _biases(self) -> Sequence[float]:
        """The bias of each subject, or each error of the only one."""
        several = len(self.subjects) > 1
        return [one.bias for one in self.subjects] if several else self.subjects[0].errors

    def _scaled(self, value: float, freedom: float) -> Interval:
        """Give the interval of a root of a mean square that has so many degrees of freedom."""
        if math.isnan(value) or not freedom:
            return _NONE
        from scipy.stats import chi2

        ends = chi2.ppf([0.5 + self.confidence / 2, 0.5 - self.confidence / 2], freedom)
        low, high = (value * np.sqrt(freedom / ends)).tolist()
        return low, high


def grouped(
    names: Sequence[str], values: Sequence[float], truths: Sequence[float], confidence: float
) -> Accuracy:
    """Gather measurements by their subjects, in the order in which these come."""
    held: dict[str, tuple[list[float], list[float]]] = {}
    for name, value, true in zip(names, values, truths, strict=True):
        own = held.setdefault(name, ([], []))
        own[0].append(value)
        own[1].append(true)
    subjects = [Subject(name, tuple(one), tuple(other)) for name, (one, other) in held.items()]
    return Accuracy(tuple(subjects), confidence)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
