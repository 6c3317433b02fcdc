"""What a metric is worth where the reference, the prediction or both are empty: the one place that says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fastseg.errors import EmptyMaskError, InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_number, shown
from fastseg.measures.joint_histogram import Empty
from fastseg.metrics.registry import Metric, find

POLICIES = {
    "worst": "both empty: nan, there is nothing to measure; one empty: the worst score",
    "nan": "nan wherever the formula is not defined",
    "raise": "an EmptyMaskError wherever the formula is not defined",
    "diagonal": "as worst, with the image's diagonal for an infinite distance",
    "perfect": "both empty: the best score; one empty: the worst",
}

#: a policy's name or a number, or one for both masks empty and one for a single one
Rule = str | float
Value = Rule | Mapping[str, Rule]

_SIDES = {"both", "one"}


@dataclass(frozen=True)
class EmptyPolicy:
    """A policy for all metrics, with exceptions by metric name."""

    default: str
    exceptions: Mapping[str, Value]

    @property
    def name(self) -> str:
        """For the tables."""
        return f"{self.default} (custom)" if self.exceptions else self.default

    def to_plain(self) -> str | dict[str, Value]:
        """Give the policy as :func:`as_policy` takes it."""
        return {"default": self.default, **self.exceptions} if self.exceptions else self.default

    def _rule(self, metric: Metric, empty: Empty) -> Rule:
        """Find what decides on a metric."""
        given = self.exceptions.get(metric.name, self.default)
        if isinstance(given, Mapping):
            return given["both" if empty == "both" else "one"]
        return given

    def values(
        self, metric: Metric, values: list[float], empty: Empty, diagonal: float, label: str
    ) -> list[float]:
        """Decide on many values of a metric, as `value` does on each."""
        rule = self._rule(metric, empty)
        if not isinstance(rule, str):
            return [rule] * len(values)
        if metric.always_defined or all(map(math.isfinite, values)):
            return values
        return [self.value(metric, value, empty, diagonal, label) for value in values]

    def value(
        self, metric: Metric, value: float, empty: Empty, diagonal: float, label: str
    ) -> float:
        """Decide what stands in the table for a metric of a missing structure, whose formula gave `value`.

        Parameters
        ----------
        metric : Metric
        value : float
            The formula's value: nan if it is not defined, inf for a distance to nothing.
        empty : {"reference", "prediction", "both"}
        diagonal : float
            Of the image.
        label : str
            For the error message.
        """
        rule = self._rule(metric, empty)
        if not isinstance(rule, str):
            return rule
        # A ratio may still be defined, as Dice is 0 for a missed structure; a distance to nothing is not.
        if metric.always_defined or math.isfinite(value):
            return value
        if rule == "raise":
            what = "reference and prediction are" if empty == "both" else f"the {empty} is"
            raise EmptyMaskError(
                f"label {label}: {what} empty, so {metric.name} is not defined; choose another empty= policy, or "
                "leave the label out"
            )
        if rule == "nan":
            return math.nan
        if empty == "both":
            return metric.best if rule == "perfect" else math.nan
        return diagonal if rule == "diagonal" and metric.is_distance else metric.worst


def as_policy(empty: str | Mapping[str, Value]) -> EmptyPolicy:
    """Read ``empty=``: a policy's name, or a mapping from metric names to what they are worth.

    In a mapping a value is a policy's name, a number for both cases, or ``{"both": …, "one": …}`` with a policy's name
    or a number each; the key "default" names the policy of all other metrics, "worst" if it is missing. All of it is
    plain and checked from here on: an empty mask can come up hours later.

    Raises
    ------
    TypeError, ValueError
        For what is no policy, no number, no metric, and for a metric given twice by two of its names.
    """
    if isinstance(empty, str):
        return EmptyPolicy(_as_name(empty), {})
    if not isinstance(empty, Mapping):
        raise InputTypeError(f"empty: expected a policy's name or a mapping, got {shown(empty)}")
    if empty and set(empty) <= _SIDES:
        raise InputError(
            "empty: 'both' and 'one' belong to a metric, as in {'hd95': {'both': 0, 'one': 'diagonal'}}; for all "
            f"metrics give a policy's name: {', '.join(POLICIES)}"
        )
    exceptions: dict[str, Value] = {}
    for given, value in empty.items():
        if given == "default":
            continue
        name = find(given, "empty").name
        if name in exceptions:
            raise InputError(f"empty: {name!r} is given twice, the second time as {given!r}")
        exceptions[name] = _as_value(value, str(given))
    default = empty.get("default", "worst")
    if not isinstance(default, str):
        raise InputTypeError(f"empty: 'default' must be a policy's name, got {shown(default)}")
    return EmptyPolicy(_as_name(default), exceptions)


def _as_value(value: object, metric: str) -> Value:
    """Read what a metric is worth: a rule, or one for each case."""
    if not isinstance(value, Mapping):
        return _as_rule(value, f"{metric!r}", "a policy, a number or a mapping")
    if set(value) != _SIDES:
        raise InputError(
            f"empty: {metric!r} needs the keys 'both' and 'one', got {shown(dict(value))}"
        )
    return {
        side: _as_rule(value[side], f"{metric!r}, {side!r}", "a policy or a number")
        for side in ("both", "one")
    }


def _as_rule(rule: object, what: str, expected: str) -> Rule:
    """Read a policy's name or a number, which may be nan or infinite."""
    return _as_name(rule) if isinstance(rule, str) else as_number(rule, f"empty: {what}", expected)


def _as_name(policy: str) -> str:
    if policy not in POLICIES:
        raise unknown("empty", policy, POLICIES, "policy")
    return str(policy)
