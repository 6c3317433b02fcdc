"""What a metric is worth where the reference, the prediction or both are empty: the one place that says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fastseg.errors import EmptyMaskError, InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.measures.joint_histogram import Empty
from fastseg.metrics.registry import Metric, resolve

POLICIES = {
    "worst": "both empty: nan, there is nothing to measure; one empty: the worst score",
    "nan": "nan wherever the formula is not defined",
    "raise": "an EmptyMaskError wherever the formula is not defined",
    "diagonal": "as worst, with the image's diagonal for an infinite distance",
    "perfect": "both empty: the best score; one empty: the worst",
}

Value = str | float | Mapping[str, float]


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
        rule = self.exceptions.get(metric.name, self.default)
        if isinstance(rule, Mapping):
            return float(rule["both" if empty == "both" else "one"])
        if not isinstance(rule, str):
            return float(rule)
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

    In a mapping a value is a policy's name, a number for both cases, or ``{"both": number, "one": number}``; the key
    "default" names the policy of all other metrics, "worst" if it is missing.
    """
    if isinstance(empty, str):
        return EmptyPolicy(_check(empty), {})
    if not isinstance(empty, Mapping):
        raise InputTypeError(f"empty: expected a policy's name or a mapping, got {empty!r}")
    exceptions: dict[str, Value] = {}
    for name, rule in empty.items():
        if name == "default":
            continue
        resolve(name)
        if isinstance(rule, str):
            _check(rule)
        elif isinstance(rule, Mapping):
            if set(rule) != {"both", "one"}:
                raise InputError(
                    f"empty: {name!r} needs the keys 'both' and 'one', got {dict(rule)!r}"
                )
        elif isinstance(rule, bool) or not isinstance(rule, (int, float)):
            raise InputTypeError(
                f"empty: {name!r} must be a policy, a number or a mapping, got {rule!r}"
            )
        exceptions[name] = rule
    default = empty.get("default", "worst")
    if not isinstance(default, str):
        raise InputTypeError(f"empty: 'default' must be a policy's name, got {default!r}")
    return EmptyPolicy(_check(default), exceptions)


def _check(policy: str) -> str:
    if policy not in POLICIES:
        raise unknown("empty", policy, POLICIES, "policy")
    return policy
